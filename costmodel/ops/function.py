"""Functions that networks apply to every element, besides activations proper: powers, logarithms, roundings, bounds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from costmodel.numbers.arithmetic import Number, Shape, product
from costmodel.ops import cast
from costmodel.ops.activation import Activation
from costmodel.ops.base import Cost, Emit, Weights, require
from costmodel.ops.fields import Real
from costmodel.ops.saved import NOTHING, OF_INPUT, OF_OUTPUT
from costmodel.tensor import one_kind

if TYPE_CHECKING:
    from costmodel.ops.base import Array


class Function(Activation, abstract=True):
    """What all of them share: the shape stays, and one function of NumPy's and one node of ONNX's say it."""

    operations = 1
    numpy: ClassVar[str]
    node: ClassVar[str]
    keeps: ClassVar[bool] = False
    """It gives whole numbers of whole numbers, if its fields are whole too; the others read real ones alone."""

    def dtype(self, *inputs: str | None) -> str | None:
        keeps = self.keeps and all(map(cast.is_whole, vars(self).values()))
        return one_kind(self.name, inputs, "numbers" if keeps else "reals")

    def run(self, weights: Weights, x: Array) -> Array:
        import numpy as np

        out: Array = getattr(np, self.numpy)(x)
        return out

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        return emit(self.node, x)


class Exp(Function):
    """e to the power of each element. other_ops: 1 per element (a call of exp)."""

    effort = "smooth"
    numpy = "exp"
    node = "Exp"
    saves = OF_OUTPUT


class Log(Function):
    """Natural logarithm of each element. other_ops: 1 per element (a call of log)."""

    effort = "scalar"
    numpy = "log"
    node = "Log"
    saves = OF_INPUT


class Sqrt(Function):
    """Square root of each element. other_ops: 1 per element (a root)."""

    quarters = 4
    numpy = "sqrt"
    node = "Sqrt"
    saves = OF_OUTPUT


class Sin(Function):
    """Sine of each element. other_ops: 1 per element (a call of sin)."""

    quarters = 4
    effort = "scalar"
    numpy = "sin"
    node = "Sin"


class Cos(Function):
    """Cosine of each element. other_ops: 1 per element (a call of cos)."""

    quarters = 8
    effort = "scalar"
    numpy = "cos"
    node = "Cos"


class Reciprocal(Function):
    """1 / x for each element. other_ops: 1 per element (a division)."""

    quarters = 8
    numpy = "reciprocal"
    node = "Reciprocal"
    saves = OF_OUTPUT


class Floor(Function):
    """Each element rounded down to a whole number. other_ops: 1 per element (a rounding)."""

    numpy = "floor"
    node = "Floor"
    saves = NOTHING


class Ceil(Function):
    """Each element rounded up to a whole number. other_ops: 1 per element (a rounding)."""

    numpy = "ceil"
    node = "Ceil"
    saves = NOTHING


class Round(Function):
    """Each element rounded to the nearest whole number, halves to the even one.

    other_ops: 1 per element (a rounding).
    """

    numpy = "rint"
    node = "Round"
    saves = NOTHING


class Abs(Function):
    """Magnitude of each element. other_ops: 1 per element (a magnitude)."""

    quarters = 4
    keeps = True
    numpy = "abs"
    node = "Abs"


class Neg(Function):
    """Each element with its sign changed.

    other_ops: 1 per element (a change of sign, which is all that the layer does).
    """

    keeps = True
    numpy = "negative"
    node = "Neg"
    saves = NOTHING


class Sign(Function):
    """1, 0 or -1 for each element: its sign. other_ops: 1 per element (a comparison with zero)."""

    keeps = True
    numpy = "sign"
    node = "Sign"
    saves = NOTHING


class Erf(Function):
    """Error function of each element. other_ops: 1 per element (a call of erf)."""

    quarters = 16
    effort = "slow"
    node = "Erf"

    def run(self, weights: Weights, x: Array) -> Array:
        from costmodel.ops import arrays

        return arrays.erf(x)


class Rsqrt(Function):
    """1 / sqrt(x) for each element. other_ops: 2 per element (root, division)."""

    quarters = 8
    operations = 2
    saves = OF_OUTPUT

    def run(self, weights: Weights, x: Array) -> Array:
        import numpy as np

        out: Array = 1 / np.sqrt(x)
        return out

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        return emit("Reciprocal", emit("Sqrt", x))


class Square(Function):
    """x * x for each element. other_ops: 1 per element (a multiplication)."""

    quarters = 8
    keeps = True

    def run(self, weights: Weights, x: Array) -> Array:
        return x * x

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        return emit("Mul", x, x)


class Shift(Function):
    """Every element plus a constant `amount`. other_ops: 1 per element (an addition)."""

    keeps = True
    saves = NOTHING

    amount: Real

    def hands_back(self, x: Shape) -> tuple[int, ...]:
        return (0,)

    def run(self, weights: Weights, x: Array) -> Array:
        out: Array = x + cast.number(self.amount, x)
        return out

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        return emit("Add", x, cast.constant(emit, self.amount, x))


class Clamp(Function):
    """Each element, but at least `min` and at most `max`; one of them may be left out. other_ops: 1 per element for
    each (a comparison).

    Raises:
        ShapeError: if neither is given, or `min` is more than `max`.
    """

    keeps = True

    min: Real | None = None
    max: Real | None = None

    def shape(self, x: Shape) -> Shape:
        low, high = self.min, self.max
        require(low is not None or high is not None, lambda: "clamp needs min, max or both")
        require(
            low is None or high is None or low <= high,
            lambda: f"min = {low} is more than max = {high}",
            "min",
        )
        return x

    def scratch(self, x: Shape) -> Number:
        return (2 - [self.min, self.max].count(None)) * product(x) // 4  # a mask for each end

    def cost(self, x: Shape) -> Cost:
        return Cost(other_ops=(2 - [self.min, self.max].count(None)) * product(x))

    def run(self, weights: Weights, x: Array) -> Array:
        import numpy as np

        ends = [None if end is None else cast.number(end, x) for end in (self.min, self.max)]
        out: Array = np.clip(x, *ends)
        return out

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        return emit("Clip", x, *["" if end is None else cast.constant(emit, end, x) for end in (self.min, self.max)])


class Isnan(Function):
    """Whether each element is not a number, as dtype bool. other_ops: 1 per element (a comparison)."""

    in_place = False
    numpy = "isnan"
    node = "IsNaN"
    saves = NOTHING

    def dtype(self, *inputs: str | None) -> str | None:
        super().dtype(*inputs)
        return "bool"


class Not(Function):
    """The opposite of each element of a tensor of dtype bool. other_ops: 1 per element."""

    numpy = "logical_not"
    node = "Not"
    saves = NOTHING

    def dtype(self, *inputs: str | None) -> str | None:
        return one_kind(self.name, inputs, "bool")
