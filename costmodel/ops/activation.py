"""Activations: one function of every element.

`other_ops` counts additions, multiplications, divisions, comparisons and calls of exp, tanh or erf, one each; each
page says how many.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from costmodel.numbers.arithmetic import Number, Shape, product, same
from costmodel.ops.base import Cost, Emit, Operator, Weights, axis_of
from costmodel.ops.fields import Axis, Gelus, Real
from costmodel.ops.norm import per_channel
from costmodel.ops.saved import INPUT, OF_INPUT, OF_OUTPUT, OUTPUT, Saved

if TYPE_CHECKING:
    from costmodel.ops.base import Array


class Activation(Operator, abstract=True):
    """What all activations share: the shape stays, and an element costs `operations`."""

    family = "activation"
    in_place = True
    fuses = "tail"
    saves = INPUT
    operations: ClassVar[int]
    """Other operations per element."""

    def shape(self, x: Shape) -> Shape:
        return x

    def cost(self, x: Shape) -> Cost:
        return Cost(other_ops=self.operations * product(x))


class Relu(Activation):
    """max(x, 0). other_ops: 1 per element (a comparison)."""

    blocks = "any"
    joins = ("product", "blocks")
    operations = 1
    saves = OF_OUTPUT

    def run(self, weights: Weights, x: Array) -> Array:
        import numpy as np

        out: Array = np.maximum(x, 0)
        return out

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        return emit("Relu", x)


class Relu6(Activation):
    """min(max(x, 0), 6). other_ops: 2 per element (comparisons)."""

    joins = ("product",)
    operations = 2
    saves = OF_INPUT

    def run(self, weights: Weights, x: Array) -> Array:
        return x.clip(0, 6)

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        return emit("Clip", x, emit.constant(0.0), emit.constant(6.0))


class LeakyRelu(Activation):
    """Rectifier with a leak: x where x > 0, else slope * x. other_ops: 2 per element (comparison, multiplication)."""

    joins = ("product",)
    operations = 2
    saves = OF_INPUT
    told_by_result = True

    slope: Real = 0.01

    def run(self, weights: Weights, x: Array) -> Array:
        import numpy as np

        return np.where(x > 0, x, x * self.slope)

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        return emit("LeakyRelu", x, alpha=self.slope)


class Prelu(Activation):
    """Parametric rectifier: x where x > 0, else slope * x, with a learned slope for each channel, or one for all where
    `shared`. The channels are the first axis unless `axis` says otherwise.

    params: 1 per channel, or 1. other_ops: 2 per element (comparison, multiplication).
    Source: He et al. 2015 (arXiv:1502.01852), equation 1.
    """

    effort = "slow"
    operations = 2

    shared: bool = False
    axis: Axis = 0

    def weights(self, x: Shape) -> dict[str, Shape]:
        return {"slope": (1 if self.shared else x[axis_of(x, self.axis)],)}

    def scratch(self, x: Shape) -> Number:
        return product(x)  # the gradient of the slopes, before it is summed

    def saved(self, x: Shape) -> tuple[Saved, ...]:
        axis = axis_of(x, self.axis)
        if self.shared or axis == 0 or same(x[axis], 1):
            return INPUT
        # PyTorch's own has its channels first: others are chosen between, by true and false.
        chosen = Saved("mask", keeper="pytorch", numbers=product(x), dtype="bool")
        return (Saved(0, by=("weights",)), Saved(0, by=(0,), keeper="minimum", instead=OUTPUT), chosen)

    def run(self, weights: Weights, x: Array) -> Array:
        import numpy as np

        from costmodel.ops import arrays

        slope = arrays.along(weights["slope"], x, 1 + axis_of(x.shape[1:], self.axis))
        return np.where(x > 0, x, x * slope)

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        return emit("PRelu", x, per_channel(emit, weights["slope"], x, axis_of(emit.shape(x), self.axis)))


class Sigmoid(Activation):
    """1 / (1 + exp(-x)). other_ops: 3 per element (exp, addition, division; a change of sign is free)."""

    effort = "smooth"
    blocks = "any"
    joins = ("product", "blocks")
    operations = 3
    saves = OF_OUTPUT

    def run(self, weights: Weights, x: Array) -> Array:
        from costmodel.ops import arrays

        return arrays.sigmoid(x)

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        return emit("Sigmoid", x)


class Tanh(Activation):
    """Hyperbolic tangent. other_ops: 1 per element (a call of tanh)."""

    effort = "smooth"
    blocks = "any"
    joins = ("product", "blocks")
    operations = 1
    saves = OF_OUTPUT

    def run(self, weights: Weights, x: Array) -> Array:
        import numpy as np

        out: Array = np.tanh(x)
        return out

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        return emit("Tanh", x)


class Hardsigmoid(Activation):
    """min(max(x + 3, 0), 6) / 6. other_ops: 4 per element (addition, 2 comparisons, division).

    Source: Howard et al. 2019 (MobileNetV3, arXiv:1905.02244), section 5.2.
    """

    effort = "smooth"
    blocks = "any"
    joins = ("product", "blocks")
    operations = 4
    saves = OF_INPUT

    def run(self, weights: Weights, x: Array) -> Array:
        out: Array = (x + 3).clip(0, 6) / 6
        return out

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        return emit("HardSigmoid", x, alpha=1 / 6, beta=0.5)


class Hardswish(Activation):
    """Hard swish: x * hardsigmoid(x). other_ops: 5 per element (hardsigmoid's 4, multiplication).

    Source: Howard et al. 2019 (MobileNetV3, arXiv:1905.02244), section 5.2.
    """

    effort = "smooth"
    blocks = "any"
    joins = ("blocks",)
    operations = 5

    def run(self, weights: Weights, x: Array) -> Array:
        out: Array = x * (x + 3).clip(0, 6) / 6
        return out

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        return emit("HardSwish", x)


class Silu(Activation):
    """Swish: x * sigmoid(x). other_ops: 4 per element (sigmoid's 3, multiplication)."""

    effort = "smooth"
    blocks = "any"
    operations = 4

    def run(self, weights: Weights, x: Array) -> Array:
        from costmodel.ops import arrays

        return x * arrays.sigmoid(x)

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        return emit("Mul", x, emit("Sigmoid", x))


class Gelu(Activation):
    """Gaussian error linear unit: x * (1 + erf(x / sqrt 2)) / 2, or with `approximate: tanh`
    x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x ** 3))) / 2.

    other_ops: 5 per element (3 multiplications, erf, addition), or 9 (6 multiplications, 2 additions, tanh).
    Source: Hendrycks and Gimpel 2016 (arXiv:1606.08415), section 2.
    """

    effort = "slow"
    blocks = "any"
    operations = 5

    approximate: Gelus = "none"

    def cost(self, x: Shape) -> Cost:
        return Cost(other_ops=(9 if self.approximate == "tanh" else 5) * product(x))

    def run(self, weights: Weights, x: Array) -> Array:
        import numpy as np

        from costmodel.ops import arrays

        if self.approximate == "tanh":
            out: Array = x * (1 + np.tanh((2 / math.pi) ** 0.5 * (x + 0.044715 * x * x * x))) * 0.5
            return out
        exact: Array = x * (1 + arrays.erf(x * 0.5**0.5)) * 0.5
        return exact

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        return emit("Gelu", x, approximate=self.approximate)
