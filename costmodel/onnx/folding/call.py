"""A node with the arrays that it reads, and the table of what nodes make of arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, TypeAlias

import numpy as np

from costmodel.onnx.model import Node
from costmodel.onnx.stored import DTYPES, NUMPY

Array: TypeAlias = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Call:
    """A node, the version of ONNX's vocabulary that it is written in, and what it reads: None where it is left out."""

    node: Node
    opset: int
    arrays: Sequence[Array | None]

    def __getitem__(self, position: int) -> Array:
        array = self.arrays[position]
        if array is None:
            raise LookupError
        return array

    def given(self, position: int) -> Array | None:
        """Return an input that may be left out."""
        return self.arrays[position] if position < len(self.arrays) else None

    def get(self, name: str, default: Any = None) -> Any:
        """Return an attribute, or its default."""
        return self.node.get(name, default)

    def numbers(self, position: int, name: str) -> list[int] | None:
        """Return whole numbers that are an input in some versions, an attribute in others; None where they are left
        out.
        """
        array = self.given(position)
        listed = self.get(name) if array is None else whole(array)
        return None if listed is None else list(listed)

    def present(self) -> list[Array]:
        """Return the inputs that are there."""
        return [array for array in self.arrays if array is not None]


Rule: TypeAlias = Callable[[Call], Any]
"""What a node makes of its inputs: an array, or a tuple of several."""
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
    return sum(array.size for array in call.present())


def spread(call: Call) -> int:
    """Bound what has the shape that all inputs spread to."""
    return prod(np.broadcast_shapes(*(array.shape for array in call.present())))


def whole(array: Array) -> list[int]:
    """Return an array's numbers in a row."""
    return [int(value) for value in array.reshape(-1)]


def numpy_type(kind: int) -> np.dtype[Any]:
    """Return NumPy's type for one of ONNX's.

    Raises:
        LookupError: if NumPy has none, or its numbers are texts.
    """
    name = DTYPES[kind - 1]
    if kind < 1 or name in NUMPY or name == "string":
        raise LookupError
    return np.dtype(name)
