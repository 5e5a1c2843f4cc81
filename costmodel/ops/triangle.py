"""A matrix with its upper or lower triangle put to zero, such as a causal mask; no arithmetic."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from costmodel.numbers.arithmetic import Shape
from costmodel.ops.base import Emit, Weights, require_rank
from costmodel.ops.fields import Whole
from costmodel.ops.reshape import Free

if TYPE_CHECKING:
    from costmodel.ops.base import Array


class Triangle(Free, abstract=True):
    """What both triangles of (..., rows, columns) share."""

    upper: ClassVar[bool]

    diagonal: Whole = 0

    def shape(self, x: Shape) -> Shape:
        require_rank(self, x, 2, "(..., rows, columns)")
        return x

    def window(self, x: Shape) -> None:
        return None

    def run(self, weights: Weights, x: Array) -> Array:
        import numpy as np

        return np.triu(x, self.diagonal) if self.upper else np.tril(x, self.diagonal)

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        return emit("Trilu", x, emit.constant(self.diagonal), upper=int(self.upper))


class Tril(Triangle):
    """The lower triangle of (..., rows, columns), up to the diagonal that is `diagonal` places above the main one (or
    below, where negative); zeros above it. No arithmetic.
    """

    upper = False


class Triu(Triangle):
    """The upper triangle of (..., rows, columns), from the diagonal that is `diagonal` places above the main one (or
    below, where negative); zeros below it. No arithmetic.
    """

    upper = True
