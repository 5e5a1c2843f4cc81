"""The linear layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from costmodel.numbers.arithmetic import Shape, product
from costmodel.ops.base import Cost, Emit, Operator, Weights
from costmodel.ops.fields import Size
from costmodel.ops.saved import FACTOR

if TYPE_CHECKING:
    from costmodel.ops.base import Array


class Linear(Operator):
    """Fully connected layer on the last axis; whatever stands before it repeats.

    mult_adds = in_features per output element; the bias is 1 other operation per output element.
    """

    family = "linear"
    fuses = "head"
    saves = FACTOR

    out_features: Size
    bias: bool = True

    def shape(self, x: Shape) -> Shape:
        return (*x[:-1], self.out_features)

    def weights(self, x: Shape) -> dict[str, Shape]:
        matrix: dict[str, Shape] = {"weight": (self.out_features, x[-1])}
        return matrix | {"bias": (self.out_features,)} if self.bias else matrix

    def cost(self, x: Shape) -> Cost:
        out = product(self.shape(x))
        bias = out if self.bias else 0
        return Cost(mult_adds=out * x[-1], other_ops=bias, bias_ops=bias)

    def run(self, weights: Weights, x: Array) -> Array:
        from costmodel.ops import arrays

        out = arrays.contract(x, weights["weight"].T)
        return out + weights["bias"] if self.bias else out

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        if len(emit.shape(x)) == 1:
            return emit("Gemm", x, *weights.values(), transB=1)
        out = emit("MatMul", x, emit("Transpose", weights["weight"], perm=[1, 0]))
        return emit("Add", out, weights["bias"]) if self.bias else out

    def window(self, x: Shape) -> None:
        return None
