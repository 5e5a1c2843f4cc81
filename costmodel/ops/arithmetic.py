"""Arithmetic, comparisons and choices of two tensors, element by element."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from costmodel.errors import ShapeError
from costmodel.numbers.arithmetic import Shape, product, same
from costmodel.ops import lead
from costmodel.ops.base import Cost, Emit, Weights, require
from costmodel.ops.fields import Comparison, Real
from costmodel.ops.merge import Elementwise
from costmodel.ops.saved import INPUT, NOTHING, OUTPUT, Saved
from costmodel.tensor import one_kind, said_kinds

if TYPE_CHECKING:
    from costmodel.ops.base import Array


class Pairwise(Elementwise, abstract=True):
    """What operators of two inputs share, which spread over one another as NumPy's arrays do: one function of NumPy's
    and one node of ONNX's say it.
    """

    inputs: ClassVar[int | tuple[int, int | None]] = 2
    numpy: ClassVar[str]
    node: ClassVar[str]

    def run(self, weights: Weights, *inputs: Array) -> Array:
        import numpy as np

        out: Array = getattr(np, self.numpy)(*lead.level(inputs))
        return out

    def onnx(self, emit: Emit, weights: Mapping[str, str], *inputs: str) -> str:
        return emit(self.node, *lead.levelled(emit, inputs))


class Subtract(Pairwise):
    """The first input minus the second, element by element. other_ops: 1 per output element (a subtraction)."""

    numpy = "subtract"
    node = "Sub"
    saves = NOTHING

    def hands_back(self, a: Shape, b: Shape) -> tuple[int, ...]:
        return (0,) if same(product(a), product(self.shape(a, b))) else ()


class Minimum(Pairwise):
    """The lesser of two inputs, element by element. other_ops: 1 per output element (a comparison)."""

    quarters = 6
    numpy = "minimum"
    node = "Min"
    saves = (Saved(0), Saved(1))


class Maximum(Pairwise):
    """The greater of two inputs, element by element. other_ops: 1 per output element (a comparison)."""

    quarters = 6
    numpy = "maximum"
    node = "Max"
    saves = (Saved(0), Saved(1))


class Divide(Pairwise):
    """The first input divided by the second, element by element. other_ops: 1 per output element (a division)."""

    quarters = 8
    numpy = "divide"
    node = "Div"
    saves = (Saved(0, by=(1,)), Saved(1))

    def dtype(self, *inputs: str | None) -> str | None:
        return one_kind(self.name, inputs, "reals")


class Mod(Pairwise):
    """The remainder of the first input divided by the second, element by element, with the sign of the second; where
    `truncated`, with that of the first. other_ops: 1 per output element (a division).

    Source: torch.remainder; where truncated, torch.fmod and ONNX Mod with fmod.
    """

    quarters = 4
    saves = (Saved(0, by=(1,)), Saved(1, by=(1,)))

    truncated: bool = False

    def run(self, weights: Weights, *inputs: Array) -> Array:
        import numpy as np

        out: Array = (np.fmod if self.truncated else np.mod)(*lead.level(inputs))
        return out

    def onnx(self, emit: Emit, weights: Mapping[str, str], *inputs: str) -> str:
        x, by = lead.levelled(emit, inputs)
        out = emit("Mod", x, by, fmod=1)
        return out if self.truncated else emit("Mod", emit("Add", out, by), by, fmod=1)


class Power(Pairwise):
    """The first input to the power of the second, element by element, or of one input to the power of a constant
    `exponent`. other_ops: 1 per output element (a call of pow).

    Raises:
        ShapeError: unless it has either a second input or an `exponent`.
    """

    quarters = 8
    inputs = (1, 2)
    effort = "smooth"
    numpy = "power"
    node = "Pow"

    exponent: Real | None = None

    def shape(self, *inputs: Shape) -> Shape:
        require(
            (self.exponent is None) == (len(inputs) == 2),
            lambda: "power takes either a second input or an exponent",
            "exponent",
        )
        return super().shape(*inputs)

    def dtype(self, *inputs: str | None) -> str | None:
        return one_kind(self.name, inputs, "reals")

    def saved(self, *inputs: Shape) -> tuple[Saved, ...]:
        if self.exponent is not None:
            return INPUT
        out = (Saved(OUTPUT, by=(1,), keeper="minimum"), Saved(OUTPUT, keeper="pytorch"))
        return (Saved(0), Saved(1), *out)

    def cost(self, *inputs: Shape) -> Cost:
        return Cost(other_ops=product(self.shape(*inputs)))

    def run(self, weights: Weights, *inputs: Array) -> Array:
        if self.exponent is None:
            return super().run(weights, *inputs)
        out: Array = inputs[0] ** float(self.exponent)
        return out

    def onnx(self, emit: Emit, weights: Mapping[str, str], *inputs: str) -> str:
        if self.exponent is None:
            return super().onnx(emit, weights, *inputs)
        return emit("Pow", inputs[0], emit.constant(float(self.exponent)))


NODES = {
    "equal": "Equal",
    "not_equal": "Equal",
    "less": "Less",
    "less_equal": "LessOrEqual",
    "greater": "Greater",
    "greater_equal": "GreaterOrEqual",
}
"""What ONNX calls each comparison; not_equal is written as the opposite of equal."""


class Compare(Pairwise):
    """Whether the first input is equal, not_equal, less, less_equal, greater or greater_equal (`how`) to the second,
    element by element, as dtype bool. other_ops: 1 per output element (a comparison).
    """

    saves = NOTHING

    how: Comparison

    def dtype(self, *inputs: str | None) -> str | None:
        one_kind(self.name, inputs, "numbers")
        return "bool"

    def run(self, weights: Weights, *inputs: Array) -> Array:
        import numpy as np

        out: Array = getattr(np, self.how)(*lead.level(inputs))
        return out

    def onnx(self, emit: Emit, weights: Mapping[str, str], *inputs: str) -> str:
        out = emit(NODES[self.how], *lead.levelled(emit, inputs))
        return emit("Not", out) if self.how == "not_equal" else out


class Logical(Pairwise, abstract=True):
    """What operators of truth values share."""

    saves = NOTHING

    def dtype(self, *inputs: str | None) -> str | None:
        return one_kind(self.name, inputs, "bool")


class And(Logical):
    """Whether both inputs, of dtype bool, are true, element by element. other_ops: 1 per output element."""

    numpy = "logical_and"
    node = "And"


class Or(Logical):
    """Whether any of both inputs, of dtype bool, is true, element by element. other_ops: 1 per output element."""

    numpy = "logical_or"
    node = "Or"


class Xor(Logical):
    """Whether just one of both inputs, of dtype bool, is true, element by element. other_ops: 1 per output element."""

    numpy = "logical_xor"
    node = "Xor"


class Where(Elementwise):
    """The second input where the first, of dtype bool, is true, and the third elsewhere, element by element. No
    arithmetic: other_ops are 0.
    """

    inputs = 3
    saves = INPUT

    def dtype(self, *inputs: str | None) -> str | None:
        condition, *others = inputs
        one_kind("the condition of where", (condition,), "bool")
        if len(set(others)) > 1:
            given = said_kinds(tuple(others))
            raise ShapeError(f"where chooses between tensors of one dtype, but is given {given}")
        return others[0]

    def cost(self, *inputs: Shape) -> Cost:
        self.shape(*inputs)
        return Cost()

    def run(self, weights: Weights, *inputs: Array) -> Array:
        import numpy as np

        return np.where(*lead.level(inputs))

    def onnx(self, emit: Emit, weights: Mapping[str, str], *inputs: str) -> str:
        return emit("Where", *lead.levelled(emit, inputs))
