"""Activations along an axis: softmax and its kin, and the gated linear unit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from costmodel.numbers.arithmetic import Shape, product
from costmodel.ops.activation import Activation
from costmodel.ops.base import Cost, Emit, Operator, Weights, axis_of, require_divides
from costmodel.ops.fields import Axis
from costmodel.ops.saved import INPUT, RESULT

if TYPE_CHECKING:
    from costmodel.ops.base import Array


class Softmax(Activation):
    """Softmax over the last axis, or over the one that `axis` names (0: the channels of each pixel of a map).

    other_ops: 5 per element (comparison for the maximum, subtraction, exp, addition, division).
    """

    operations = 5
    fuses = ""
    saves = RESULT

    axis: Axis = -1

    def shape(self, x: Shape) -> Shape:
        axis_of(x, self.axis)
        return x

    def run(self, weights: Weights, x: Array) -> Array:
        from costmodel.ops import arrays

        return arrays.softmax(x, 1 + axis_of(x.shape[1:], self.axis))

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        return emit("Softmax", x, axis=1 + axis_of(emit.shape(x), self.axis))

    def window(self, x: Shape) -> tuple[()] | None:
        return () if axis_of(x, self.axis) == 0 else None


class LogSoftmax(Softmax):
    """Logarithm of softmax over the last axis, or over the one that `axis` names: x - log(sum of exp(x)).

    other_ops: 5 per element (comparison for the maximum, 2 subtractions, exp, addition); the logarithm once a row is
    left out.
    """

    def run(self, weights: Weights, x: Array) -> Array:
        import numpy as np

        axis = 1 + axis_of(x.shape[1:], self.axis)
        below = x - x.max(axis=axis, keepdims=True)
        out: Array = below - np.log(np.exp(below).sum(axis=axis, keepdims=True))
        return out

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        return emit("LogSoftmax", x, axis=1 + axis_of(emit.shape(x), self.axis))


class Softmin(Softmax):
    """Softmax of -x over the last axis, or over the one that `axis` names. other_ops: 5 per element, as softmax; a
    change of sign is free.
    """

    def run(self, weights: Weights, x: Array) -> Array:
        return super().run(weights, -x)

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        return emit("Softmax", emit("Neg", x), axis=1 + axis_of(emit.shape(x), self.axis))


class Glu(Operator):
    """Gated linear unit: the first half of the last axis, or of the one that `axis` names, times the sigmoid of the
    second half. The axis comes out half as long.

    other_ops: 4 per output element (sigmoid's 3, multiplication).
    Source: Dauphin et al. 2017 (arXiv:1612.08083), equation 1.

    Raises:
        ShapeError: if the axis is not even.
    """

    family = "activation"
    effort = "smooth"
    saves = INPUT

    axis: Axis = -1

    def shape(self, x: Shape) -> Shape:
        axis = axis_of(x, self.axis)
        require_divides(2, x[axis], lambda: f"glu halves axis {self.axis}, but that has {x[axis]} elements", "axis")
        return (*x[:axis], x[axis] // 2, *x[axis + 1 :])

    def cost(self, x: Shape) -> Cost:
        return Cost(other_ops=4 * product(self.shape(x)))

    def run(self, weights: Weights, x: Array) -> Array:
        import numpy as np

        from costmodel.ops import arrays

        value, gate = np.split(x, 2, axis=1 + axis_of(x.shape[1:], self.axis))
        out: Array = value * arrays.sigmoid(gate)
        return out

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        shape = emit.shape(x)
        axis = axis_of(shape, self.axis)
        half, along = shape[axis] // 2, emit.constant([1 + axis])
        value = emit("Slice", x, emit.constant([0]), emit.constant([half]), along)
        gate = emit("Slice", x, emit.constant([half]), emit.constant([2 * half]), along)
        return emit("Mul", value, emit("Sigmoid", gate))

    def window(self, x: Shape) -> tuple[()] | None:
        return () if axis_of(x, self.axis) == 0 else None
