"""Activations in pieces: rectifiers with a curved tail, and those that cut off or shrink."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from costmodel.numbers.arithmetic import Shape, product
from costmodel.ops.activation import Activation
from costmodel.ops.base import Emit, Weights, require
from costmodel.ops.fields import Real
from costmodel.ops.saved import OF_INPUT, Saved

if TYPE_CHECKING:
    from costmodel.ops.base import Array

SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805
"""Klambauer et al. 2017, section 2: the pair for which mean 0 and variance 1 are kept."""


def _below(x: Array, alpha: float, pitch: float = 1.0) -> Array:
    """Return x where it is positive, else alpha * (exp(x / pitch) - 1)."""
    import numpy as np

    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0) / pitch))


class Elu(Activation):
    """Exponential linear unit: x where x > 0, else alpha * (exp(x) - 1). other_ops: 4 per element (comparison, exp,
    subtraction, multiplication).

    Source: Clevert et al. 2016 (arXiv:1511.07289), equation 15.
    """

    effort = "scalar"
    operations = 4
    saves = OF_INPUT
    told_by_result = True

    alpha: Real = 1.0

    def run(self, weights: Weights, x: Array) -> Array:
        return _below(x, self.alpha)

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        return emit("Elu", x, alpha=float(self.alpha))


class Selu(Activation):
    """Scaled exponential linear unit: scale * elu(x), with the alpha 1.6733 and the scale 1.0507 that keep mean and
    variance. other_ops: 5 per element (elu's 4, multiplication).

    Source: Klambauer et al. 2017 (arXiv:1706.02515), equation 2.
    """

    effort = "scalar"
    operations = 5
    saves = OF_INPUT
    told_by_result = True

    def run(self, weights: Weights, x: Array) -> Array:
        return SELU_SCALE * _below(x, SELU_ALPHA)

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        return emit("Selu", x)


class Celu(Activation):
    """Continuously differentiable exponential linear unit: x where x > 0, else alpha * (exp(x / alpha) - 1). other_ops:
    5 per element (comparison, division, exp, subtraction, multiplication).

    Source: Barron 2017 (arXiv:1704.07483), equation 2.

    Raises:
        ShapeError: if `alpha` is 0.
    """

    effort = "scalar"
    operations = 5
    saves = OF_INPUT
    told_by_result = True

    alpha: Real = 1.0

    def shape(self, x: Shape) -> Shape:
        require(self.alpha != 0, lambda: "alpha must not be 0", "alpha")
        return x

    def run(self, weights: Weights, x: Array) -> Array:
        return _below(x, self.alpha, self.alpha)

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        return emit("Celu", x, alpha=float(self.alpha))


class Rrelu(Activation):
    """Randomised leaky rectifier, as it runs at inference: x where x > 0, else x times the mean of `lower` and `upper`.
    other_ops: 2 per element (comparison, multiplication).

    Source: Xu et al. 2015 (arXiv:1505.00853), section 2.4.
    """

    operations = 2

    lower: Real = 1 / 8
    upper: Real = 1 / 3

    def saved(self, x: Shape) -> tuple[Saved, ...]:
        return (Saved(0, instead="slopes"), Saved("slopes", numbers=product(x)))

    def run(self, weights: Weights, x: Array) -> Array:
        import numpy as np

        return np.where(x > 0, x, x * ((self.lower + self.upper) / 2))

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        return emit("LeakyRelu", x, alpha=(self.lower + self.upper) / 2)


class Hardtanh(Activation):
    """min(max(x, min_val), max_val). other_ops: 2 per element (comparisons).

    Raises:
        ShapeError: if `min_val` is more than `max_val`.
    """

    operations = 2
    saves = OF_INPUT

    min_val: Real = -1.0
    max_val: Real = 1.0

    def shape(self, x: Shape) -> Shape:
        require(
            self.min_val <= self.max_val,
            lambda: f"min_val = {self.min_val} is more than max_val = {self.max_val}",
            "min_val",
        )
        return x

    def run(self, weights: Weights, x: Array) -> Array:
        return x.clip(self.min_val, self.max_val)

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        return emit("Clip", x, emit.constant(float(self.min_val)), emit.constant(float(self.max_val)))


class Threshold(Activation):
    """x where x > threshold, else `value`. other_ops: 1 per element (a comparison)."""

    operations = 1

    threshold: Real
    value: Real

    def run(self, weights: Weights, x: Array) -> Array:
        import numpy as np

        return np.where(x > self.threshold, x, np.asarray(self.value, x.dtype))

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        above = emit("Greater", x, emit.constant(float(self.threshold)))
        return emit("Where", above, x, emit.constant(float(self.value)))


class Shrinking(Activation, abstract=True):
    """What both shrinking activations share.

    Raises:
        ShapeError: if `lambd` is negative.
    """

    lambd: Real = 0.5

    def shape(self, x: Shape) -> Shape:
        require(self.lambd >= 0, lambda: f"lambd must be at least 0, but is {self.lambd}", "lambd")
        return x


class Softshrink(Shrinking):
    """x - lambd above lambd, x + lambd below -lambd, else 0. other_ops: 3 per element (2 comparisons, addition)."""

    operations = 3

    def run(self, weights: Weights, x: Array) -> Array:
        out: Array = x - x.clip(-self.lambd, self.lambd)
        return out

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        return emit("Shrink", x, lambd=float(self.lambd), bias=float(self.lambd))


class Hardshrink(Shrinking):
    """x above lambd or below -lambd, else 0. other_ops: 2 per element (comparisons)."""

    operations = 2

    def run(self, weights: Weights, x: Array) -> Array:
        import numpy as np

        return np.where(abs(x) > self.lambd, x, np.zeros((), x.dtype))

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        return emit("Shrink", x, lambd=float(self.lambd), bias=0.0)
