"""From one kind of number to another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from costmodel.numbers.arithmetic import Number, Shape, product
from costmodel.ops.base import Cost, Emit, Operator, Weights
from costmodel.ops.fields import Kind
from costmodel.ops.saved import NOTHING

if TYPE_CHECKING:
    from costmodel.ops.base import Array

REAL = "float"
"""The kind that has no dtype of its own, but the one that is asked for."""
ONNX_TYPES = {REAL: 1, "int32": 6, "int64": 7, "bool": 9}
"""How ONNX numbers the kinds."""


def dtype_of(kind: Kind) -> str | None:
    """Return the dtype of a kind, None for real numbers."""
    return None if kind == REAL else kind


def converted(x: Array, kind: Kind) -> Array:
    """Return an array as another kind."""
    return x.astype(dtype_of(kind) or "float32")


def number(value: Number, like: Array) -> Number:
    """Return a number as one of an array's kind, so that whole numbers stay whole."""
    return int(value) if like.dtype.kind == "i" else value


def is_whole(value: Number | None) -> bool:
    """Say whether a field leaves whole numbers whole; many values at once, or a symbol, may not."""
    return value is None or isinstance(value, int) or (isinstance(value, float) and value.is_integer())


def constant(emit: Emit, value: Number, like: str) -> str:
    """Write a number as a constant of the dtype that the input `like` has."""
    dtype = emit.dtype(like)
    if dtype is None:
        return emit.constant(float(value))
    whole = emit.constant(int(value))
    return whole if dtype == "int64" else emit("Cast", whole, to=ONNX_TYPES[dtype])


class Cast(Operator):
    """Each element as another kind of number, `to` float (the dtype that is asked for), int64, int32 or bool. What
    stands behind the point is dropped; whatever is not 0 is true. other_ops: 1 per element (a conversion).

    Source: torch.Tensor.to; ONNX Cast.
    """

    family = "merge"
    fuses = "tail"
    saves = NOTHING

    to: Kind

    def shape(self, x: Shape) -> Shape:
        return x

    def dtype(self, *inputs: str | None) -> str | None:
        return dtype_of(self.to)

    def cost(self, x: Shape) -> Cost:
        return Cost(other_ops=product(x))

    def hands_back(self, x: Shape) -> tuple[int, ...]:
        return (0,)

    def run(self, weights: Weights, x: Array) -> Array:
        return converted(x, self.to)

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        return emit("Cast", x, to=ONNX_TYPES[self.to])
