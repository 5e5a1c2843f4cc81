"""How many layers a spec comes to, counted block by block instead of built: what multiplies up is seen at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from costmodel.documents.text import KeyPath
from costmodel.numbers.arithmetic import is_array, is_symbol
from costmodel.ops import OPERATORS
from costmodel.spec.bind import BadValueError, argument, repeats
from costmodel.spec.document import Spec
from costmodel.spec.parts import LayerSpec

MAX_STEPS = 5_000
"""Lines that are looked at: blocks that are called with ever other arguments are left to be built."""


class Excess(NamedTuple):
    """The innermost line whose copies alone are more than may be, and the lines that lead to it, innermost first."""

    line: KeyPath
    callers: tuple[KeyPath, ...]


def excess(spec: Spec, most: int, deepest: int) -> Excess | None:
    """Return where a spec comes to more than `most` layers, or None where it does not or that cannot be told.

    What depends on the size of a map is counted as nothing, and so are blocks more than `deepest` deep.
    """
    counter = _Counter(spec, most, deepest)
    counter.layers(spec.layers, _known(spec.parameters), ("layers",), ())
    return counter.found


class _Counter:
    def __init__(self, spec: Spec, most: int, deepest: int) -> None:
        self.spec, self.most, self.deepest = spec, most, deepest
        self.found: Excess | None = None
        self._blocks: dict[Any, int] = {}
        self._steps = 0

    def layers(self, layers: Mapping[str, LayerSpec], env: Mapping[str, Any], base: KeyPath, above: Any) -> int:
        """Return how many layers one map of lines comes to, at least; note the line at which there are too many."""
        total = 0
        for name, layer in layers.items():
            self._steps += 1
            if self._steps > MAX_STEPS or self.found is not None:
                break
            line = (*base, name)
            total += self._copies(layer, env) * self._copy(layer, env, (line, *above))
            if total > self.most and self.found is None:
                self.found = Excess(line, above)
        return total

    def _copies(self, layer: LayerSpec, env: Mapping[str, Any]) -> int:
        """Return how many copies of a line are alike."""
        try:
            copies = 1 if layer.repeat is None else repeats(layer.repeat, env, self.most)
        except BadValueError:
            return 0
        return max(copies - 1, 0) if layer.first else copies

    def _copy(self, layer: LayerSpec, env: Mapping[str, Any], above: tuple[KeyPath, ...]) -> int:
        held = env.get(layer.op)
        name = held if isinstance(held, str) else layer.op
        if name in OPERATORS:
            return 1
        if name not in self.spec.blocks or len(above) > self.deepest:
            return 0
        given = self._arguments(name, layer, env)
        question = (name, tuple(given.items()))
        if question not in self._blocks:
            self._blocks[question] = self.layers(
                self.spec.blocks[name].layers, given, ("blocks", name, "layers"), above
            )
        return self._blocks[question]

    def _arguments(self, name: str, layer: LayerSpec, env: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments of a call whose values are known."""
        given: dict[str, Any] = {}
        for key, default in self.spec.blocks[name].takes.items():
            written, names = (layer.fields[key], env) if key in layer.fields else (default, given)
            try:
                given |= _known({key: argument(key, written, names, self.spec)})
            except BadValueError:
                continue
        return given


def _known(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that are one number or one name."""
    return {name: value for name, value in values.items() if not (is_array(value) or is_symbol(value))}
