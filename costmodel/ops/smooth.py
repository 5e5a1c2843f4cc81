"""Activations made of exp, log and tanh, besides sigmoid and its kin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from costmodel.numbers.arithmetic import Shape, product
from costmodel.ops.activation import Activation
from costmodel.ops.base import Cost, Emit, Weights, require
from costmodel.ops.fields import Real
from costmodel.ops.saved import OF_INPUT, Saved

if TYPE_CHECKING:
    from costmodel.ops.base import Array


def _softplus(x: Array) -> Array:
    """Return log(1 + exp(x)), which does not overflow."""
    import numpy as np

    out: Array = np.logaddexp(x, np.zeros((), x.dtype))
    return out


class Softplus(Activation):
    """log(1 + exp(beta * x)) / beta. other_ops: 3 per element (exp, addition, logarithm), and 2 more where `beta` is
    not 1 (multiplication, division).

    Raises:
        ShapeError: if `beta` is not positive.
    """

    effort = "logs"
    operations = 3
    saves = OF_INPUT

    beta: Real = 1.0

    def shape(self, x: Shape) -> Shape:
        require(self.beta > 0, lambda: f"beta must be more than 0, but is {self.beta}", "beta")
        return x

    def cost(self, x: Shape) -> Cost:
        return Cost(other_ops=(3 if self.beta == 1 else 5) * product(x))

    def run(self, weights: Weights, x: Array) -> Array:
        return _softplus(x * self.beta) / self.beta

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        if self.beta == 1:
            return emit("Softplus", x)
        beta = emit.constant(float(self.beta))
        return emit("Div", emit("Softplus", emit("Mul", x, beta)), beta)


class Softsign(Activation):
    """x / (1 + |x|). other_ops: 3 per element (magnitude, addition, division)."""

    quarters = 12
    operations = 3

    def saved(self, x: Shape) -> tuple[Saved, ...]:
        return (Saved(0), Saved("divisor", keeper="pytorch", numbers=product(x)))

    def run(self, weights: Weights, x: Array) -> Array:
        out: Array = x / (1 + abs(x))
        return out

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        return emit("Softsign", x)


class Mish(Activation):
    """x * tanh(softplus(x)). other_ops: 5 per element (exp, addition, logarithm, tanh, multiplication).

    Source: Misra 2019 (arXiv:1908.08681), equation 1.
    """

    effort = "logs"
    operations = 5

    def run(self, weights: Weights, x: Array) -> Array:
        import numpy as np

        out: Array = x * np.tanh(_softplus(x))
        return out

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        return emit("Mul", x, emit("Tanh", emit("Softplus", x)))


class Logsigmoid(Activation):
    """Logarithm of the sigmoid: -log(1 + exp(-x)). other_ops: 3 per element (exp, addition, logarithm; a change of sign
    is free).
    """

    effort = "logs"
    operations = 3

    def saved(self, x: Shape) -> tuple[Saved, ...]:
        return (Saved(0), Saved("exponential", keeper="pytorch", numbers=product(x)))

    def run(self, weights: Weights, x: Array) -> Array:
        return -_softplus(-x)

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        return emit("Neg", emit("Softplus", emit("Neg", x)))


class Tanhshrink(Activation):
    """x - tanh(x). other_ops: 2 per element (tanh, subtraction)."""

    quarters = 4
    effort = "smooth"
    operations = 2

    def saved(self, x: Shape) -> tuple[Saved, ...]:
        return (Saved("tanh", instead=0, numbers=product(x)),)

    def run(self, weights: Weights, x: Array) -> Array:
        import numpy as np

        out: Array = x - np.tanh(x)
        return out

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        return emit("Sub", x, emit("Tanh", x))
