"""From real numbers to 8-bit whole ones, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from costmodel.numbers.arithmetic import Shape, product
from costmodel.ops.base import Cost, Emit, Operator, Weights, axis_of
from costmodel.ops.fields import Axis
from costmodel.ops.saved import NOTHING

if TYPE_CHECKING:
    from costmodel.ops.base import Array

LEAST, MOST = -128, 127
ONNX_INT8 = 3
"""How ONNX numbers int8."""


class Quantizing(Operator, abstract=True):
    """What both directions share: one scale and zero point, or one for each index of `axis`."""

    family = "merge"
    fuses = "tail"
    saves = NOTHING

    axis: Axis | None = None

    def shape(self, x: Shape) -> Shape:
        self.number(x)
        return x

    def number(self, x: Shape) -> int:
        """Return how many scales there are."""
        number: int = 1 if self.axis is None else x[axis_of(x, self.axis)]
        return number

    def buffers(self, x: Shape) -> dict[str, Shape]:
        return {"scale": (self.number(x),), "zero_point": (self.number(x),)}

    def spread(self, weights: Weights, x: Array) -> tuple[Array, Array]:
        """Return scale and zero point so that they spread over `x`."""
        from costmodel.ops import arrays

        axis = x.ndim - 1 if self.axis is None else 1 + axis_of(x.shape[1:], self.axis)
        return arrays.along(weights["scale"], x, axis), arrays.along(weights["zero_point"].round(), x, axis)

    def written(self, emit: Emit, op_type: str, weights: Mapping[str, str], x: str) -> str:
        """Write one node, its zero point as int8; a single scale as a number without axes."""
        scale, zero = weights["scale"], emit("Cast", emit("Round", weights["zero_point"]), to=ONNX_INT8)
        if self.axis is not None:
            return emit(op_type, x, scale, zero, axis=1 + axis_of(emit.shape(x), self.axis))
        first = emit.constant([0])
        return emit(op_type, x, emit("Squeeze", scale, first), emit("Squeeze", zero, first))


class Quantize(Quantizing):
    """Real numbers as int8: x / scale rounded (halves to even), plus the zero point, kept within -128 and 127. One
    scale and zero point for the tensor, or one for each index of `axis`.

    buffers: 2 numbers per tensor, or per index of `axis`, counted at the dtype of all other weights. other_ops: 5 per
    element (divide, round, add, two comparisons).
    Source: Jacob et al. 2018 (arXiv:1712.05877), equation 1; ONNX QuantizeLinear.
    """

    def dtype(self, *inputs: str | None) -> str | None:
        return "int8"

    def cost(self, x: Shape) -> Cost:
        return Cost(other_ops=5 * product(x))

    def run(self, weights: Weights, x: Array) -> Array:
        import numpy as np

        scale, zero = self.spread(weights, x)
        return (np.rint(x / scale) + zero).clip(LEAST, MOST).astype(np.int8)

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        return self.written(emit, "QuantizeLinear", weights, x)


class Dequantize(Quantizing):
    """int8 numbers as real ones: (x - zero point) * scale, with one of both for the tensor or for each index of `axis`.

    buffers: 2 numbers per tensor, or per index of `axis`. other_ops: 2 per element.
    Source: Jacob et al. 2018 (arXiv:1712.05877), equation 1; ONNX DequantizeLinear.
    """

    indices = (0,)

    def most_index(self, x: Shape) -> int:
        return MOST + 1

    def cost(self, x: Shape) -> Cost:
        return Cost(other_ops=2 * product(x))

    def run(self, weights: Weights, x: Array) -> Array:
        import numpy as np

        scale, zero = self.spread(weights, x)
        return (x.astype(np.float32) - zero) * scale

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        return self.written(emit, "DequantizeLinear", weights, x)
