"""A network being read: steps, each an operator on tensors as they lie, in the order in which they run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from costmodel.errors import ShapeError
from costmodel.numbers.arithmetic import product, show_shape
from costmodel.ops import OPERATORS
from costmodel.reading.free import free
from costmodel.reading.seen import Seen
from costmodel.reading.value import Array, UnreadError, Value

if TYPE_CHECKING:
    from costmodel.ops.base import Operator


MOST_STEPS = 200_000
"""Layers that a network may become."""


@dataclass(slots=True)
class Step:
    """One operator at one place: what it reads and gives, and which stored arrays are its weights, by their names.

    `partial` is why its cost is not known, where it is not; `name` is its path without the number that made it free.
    `number` is how many steps were there before it; `seen` is where its tensor lay, if it was seen to run.
    """

    path: str
    op: Operator
    inputs: list[Value]
    out: Value
    arrays: dict[str, Value] = field(default_factory=dict)
    partial: str = ""
    name: str = ""
    number: int = 0
    seen: Seen | None = None


def multiplies(step: Step) -> bool:
    """Say whether a step has mult-adds."""
    return bool(step.op.cost(*(value.shape for value in step.inputs)).mult_adds)


class Draft:
    """The steps read so far. Rules add to it; `finish` makes a graph of layers of it."""

    def __init__(self, most: int = MOST_STEPS) -> None:
        self.inputs: dict[str, Value] = {}
        self.steps: list[Step] = []
        self.outputs: list[Value] = []
        self.aside = 0
        """How many of them, the last, are computed and not returned."""
        self.most = most
        """Steps that it may have."""
        self.folded_mult_adds = 0
        """What was computed from stored numbers alone takes, were it not done once and for all beforehand."""
        self.notes: list[str] = []
        self._shapes: dict[Any, tuple[int, ...]] = {}
        self._moved: dict[Any, tuple[list[Value], Value]] = {}
        """What operators made of constants that they only moved, and of which."""
        self._taken: set[str] = set()
        self._copies: dict[str, int] = {}

    def input(self, name: str, shape: tuple[int, ...], dtype: str) -> Value:
        """Enter a tensor that the network reads."""
        path = self.free(name)
        self.inputs[path] = value = Value(shape, dtype, path)
        return value

    def free(self, path: str) -> str:
        """Return a path that nothing has yet, and keep it taken."""
        found = free(path, self._taken.__contains__, self._copies)
        self._taken.add(found)
        return found

    def add(
        self,
        path: str,
        op: Operator,
        *inputs: Value,
        arrays: Mapping[str, Value] | None = None,
        dtype: str = "",
        partial: str = "",
    ) -> Value:
        """Add an operator that reads `inputs` and return what it gives; nothing is added for what depends on no input.

        Args:
            path: what the layer is called, with a number behind it where that is taken.
            op: the operator, its fields such that axes before those that it works on change nothing.
            inputs: computed or constant; a constant becomes a layer of its own.
            arrays: the stored arrays that are its weights and buffers, by the operator's names for them.
            dtype: of what it gives; that of the first input by default.
            partial: why its cost is not known.

        Raises:
            UnreadError: if the inputs or arrays do not fit the operator, or there are too many steps.
        """
        shapes = tuple(value.shape for value in inputs)
        held = {name: value.size for name, value in arrays.items()} if arrays else {}
        shape = self._shape(op, shapes, held)
        kind = dtype or (inputs[0].dtype if inputs else "float32")
        if inputs and all(value.constant for value in inputs):
            return self._beforehand(op, [*inputs, *(arrays or {}).values()], shapes, Value(shape, kind))
        if len(self.steps) >= self.most:
            raise UnreadError(f"with it the network has more than {self.most:,} layers")
        out = Value(shape, kind, self.free(path))
        self.steps.append(Step(out.source, op, list(inputs), out, dict(arrays or {}), partial, path, len(self.steps)))
        return out

    def _beforehand(self, op: Operator, given: list[Value], shapes: tuple[tuple[int, ...], ...], out: Value) -> Value:
        """Count what is computed of stored numbers alone, and return it: where they are only moved, what was made of
        the same ones before, as in each trip of a loop.
        """
        cost = op.cost(*shapes)
        self.folded_mult_adds += int(cost.mult_adds)
        reckoned = bool(cost.mult_adds or cost.other_ops) or any(value.reckoned for value in given)
        out = replace(out, arrays=made_of(given), reckoned=reckoned)
        if reckoned:
            return out
        _, found = self._moved.setdefault((op, out.dtype, *map(id, given)), (given, out))
        return found

    def _shape(self, op: Operator, shapes: tuple[tuple[int, ...], ...], held: Mapping[str, int]) -> tuple[int, ...]:
        """Return what an operator gives, asked once for each distinct question; `held` are the sizes of its arrays.

        Raises:
            UnreadError: if inputs or arrays do not fit it.
        """
        question = op, shapes, *held.items()
        found = self._shapes.get(question)
        if found is None:
            try:
                found = tuple(op.shape(*shapes))
                _require_arrays(op, shapes, held)
            except ShapeError as error:
                raise UnreadError(error.message, error.hint) from None
            self._shapes[question] = found
        return found

    def opaque(self, path: str, what: str, shapes: Iterable[tuple[int, ...]], *inputs: Value, why: str) -> list[Value]:
        """Add what no operator stands for, of the shapes that are known of it: its cost is not known, and that is said
        of the first, which the others read, so that it is there whichever of them is read.

        Raises:
            UnreadError: if there are too many steps.
        """
        found: list[Value] = []
        for shape in shapes:
            op = OPERATORS["opaque"](type=what, size=shape)
            found.append(self.add(path, op, *inputs, *found[:1], partial="" if found else why))
        return found


def made_of(values: Iterable[Value]) -> tuple[Array, ...]:
    """Return the stored arrays that values are made of, each once."""
    return tuple(dict.fromkeys(array for value in values for array in value.arrays))


def _require_arrays(op: Operator, shapes: tuple[tuple[int, ...], ...], held: Mapping[str, int]) -> None:
    """Raise an UnreadError unless the arrays are those that the operator has: as many, and of as many numbers."""
    wanted = op.weights(*shapes) | op.buffers(*shapes)
    if {name: product(shape) for name, shape in wanted.items()} != held:
        ours = ", ".join(f"{name} {show_shape(shape)}" for name, shape in wanted.items()) or "none"
        theirs = ", ".join(f"{name} of {size:,}" for name, size in held.items()) or "none"
        raise UnreadError(f"as {op.name} it would have arrays {ours}, but there are {theirs}")
