"""A node with the arrays that it reads, and the table of what nodes make of arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any, TypeAlias

from costmodel.onnx.model import Node
from costmodel.onnx.stored import DTYPES
from costmodel.reading.axes import spread
from costmodel.reading.held import COMPLEX, LETTERS, Held

if TYPE_CHECKING:
    import numpy as np

Array: TypeAlias = "np.ndarray[Any, Any]"


@dataclass(frozen=True)
class Call:
    """A node, the version of ONNX's vocabulary that it is written in, and what it reads: None where it is left out."""

    node: Node
    opset: int
    inputs: Sequence[Held | None]

    def __getitem__(self, position: int) -> Array:
        return self.held(position).array()

    def held(self, position: int) -> Held:
        """Return an input as it is held.

        Raises:
            LookupError: if it is left out.
        """
        held = self.inputs[position]
        if held is None:
            raise LookupError
        return held

    def given(self, position: int) -> Array | None:
        """Return an input that may be left out."""
        held = self.inputs[position] if position < len(self.inputs) else None
        return None if held is None else held.array()

    def get(self, name: str, default: Any = None) -> Any:
        """Return an attribute, or its default."""
        return self.node.get(name, default)

    def numbers(self, position: int, name: str) -> list[int] | None:
        """Return whole numbers that are an input in some versions, an attribute in others; None where they are left
        out.
        """
        held = self.inputs[position] if position < len(self.inputs) else None
        listed = self.get(name) if held is None else map(int, held.row())
        return None if listed is None else list(listed)

    def present(self) -> list[Held]:
        """Return the inputs that are there."""
        return [held for held in self.inputs if held is not None]

    def arrays(self) -> list[Array]:
        """Return the inputs that are there as arrays."""
        return [held.array() for held in self.present()]


Rule: TypeAlias = Callable[[Call], Any]
"""What a node makes of its inputs: numbers or an array, or a tuple of several."""
Bound: TypeAlias = Callable[[Call], int]
"""How many numbers that is at most, known before it is made."""

RULES: dict[str, tuple[Rule, Bound]] = {}


def folds(*names: str, most: Bound) -> Callable[[Rule], Rule]:
    """Enter a rule for nodes of some names."""

    def enter(rule: Rule) -> Rule:
        for name in names:
            RULES[name] = rule, most
        return rule

    return enter


def as_read(call: Call) -> int:
    """Bound what is no more than all that is read."""
    return sum(held.size for held in call.present())


def spread_all(call: Call) -> int:
    """Bound what has the shape that all inputs spread to."""
    return prod(spread(*(held.shape for held in call.present())))


def whole(array: Array) -> list[int]:
    """Return an array's numbers in a row."""
    return [int(value) for value in array.reshape(-1)]


def numpy_type(kind: int) -> str:
    """Return the name of NumPy's type for one of ONNX's.

    Raises:
        LookupError: if NumPy has none, or its numbers are texts.
    """
    name = DTYPES[kind - 1]
    if kind < 1 or name not in (*LETTERS, *COMPLEX):
        raise LookupError
    return name
