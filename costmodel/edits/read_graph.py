"""Edits of a network that was read and has no text: its operators are changed, and its shapes inferred anew."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from costmodel.edits.edit import Edit
from costmodel.edits.lines import data_of
from costmodel.errors import CostModelError, ShapeError, known_or_suggest
from costmodel.graph import LayerGraph
from costmodel.ops.base import Operator, find_operator
from costmodel.pricing.memory.step.segments import meant

Ops = dict[str, Operator | None]
"""The operator of each layer, None where it is left out."""


def edited_graph(graph: LayerGraph, edits: Iterable[str | Edit]) -> LayerGraph:
    """Return a network after edits, made in the order given: ``"set features.0.out_channels=32"``, ``"swap
    relu=hardswish"``, ``"drop features.3"``. Fields are those of the operators that its layers have.

    Raises:
        CostModelError: if an edit matches nothing, cannot be made of a network without text, or gives one that does
            not fit.
    """
    ops: Ops = {layer.path: layer.op for layer in graph.layers}
    for one in map(Edit.of, edits):
        if one.kind not in _KINDS:
            raise CostModelError(f"{one}: in a network that was read, layers can be {_SAID}; a spec has more, its text")
        try:
            _KINDS[one.kind](graph, ops, one.what)
        except CostModelError as error:
            raise CostModelError(f"{one}: {error}") from None
    left_out = {path for path, op in ops.items() if op is None}
    try:
        return graph.remade(lambda layer: ops[layer.path] or layer.op, without=left_out)
    except (ShapeError, TypeError, ValueError) as error:
        raise CostModelError(f"after these edits {graph.title} does not fit: {error}") from None


def _matched(graph: LayerGraph, ops: Ops, pattern: str) -> Iterator[tuple[str, Operator]]:
    """Yield the layers that a pattern means and that are still there, and all such within the blocks that it does."""
    for path in meant(graph, [pattern]):
        if (op := ops[path]) is not None:
            yield path, op


def _set(graph: LayerGraph, ops: Ops, what: str) -> None:
    place, equals, written = what.partition("=")
    pattern, _, field = place.strip().rpartition(".")
    if not equals or not pattern:
        raise CostModelError("write PATH.FIELD=VALUE, as in features.0.out_channels=32")
    value = data_of(written.strip())
    for path, op in _matched(graph, ops, pattern):
        fields = vars(op)
        if field not in fields:
            raise CostModelError(f"{op.name} at {path} has no field {field!r}; {known_or_suggest(field, fields)}")
        ops[path] = _made(type(op), {**fields, field: tuple(value) if isinstance(value, list) else value})


def _swap(graph: LayerGraph, ops: Ops, what: str) -> None:
    old, equals, new = (part.strip() for part in what.partition("="))
    if not equals:
        raise CostModelError("write OLD=NEW, as in relu=hardswish")
    kind, named = find_operator(new), [path for path, op in ops.items() if op is not None and op.name == old]
    if not named:
        there = dict.fromkeys(op.name for op in ops.values() if op is not None)
        raise CostModelError(f"no layer is a {old!r}; {known_or_suggest(old, there)}")
    for path in named:
        kept = {name: value for name, value in vars(ops[path]).items() if name in kind._defaults}
        ops[path] = _made(kind, kept)


def _drop(graph: LayerGraph, ops: Ops, what: str) -> None:
    for path, _ in _matched(graph, ops, what.strip()):
        ops[path] = None


def _made(kind: type[Operator], fields: Mapping[str, Any]) -> Operator:
    try:
        return kind(**fields)
    except TypeError as error:
        raise CostModelError(str(error)) from None


_SAID = "set, swapped and dropped"
_KINDS: dict[str, Callable[[LayerGraph, Ops, str], None]] = {"set": _set, "swap": _swap, "drop": _drop}
