"""Reductions along axes: sums, means and extremes, where they stand, and running sums."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import TYPE_CHECKING, ClassVar

from costmodel.numbers.arithmetic import Number, Shape, product
from costmodel.ops.base import Cost, Emit, Operator, Weights, axes_of, axis_of
from costmodel.ops.fields import Axes, Axis
from costmodel.ops.saved import NOTHING, OUTPUT, Saved
from costmodel.tensor import one_kind

if TYPE_CHECKING:
    from costmodel.ops.base import Array
    from costmodel.ops.windows import Seen


class Reduction(Operator, abstract=True):
    """What reductions share: the axes that `axis` names are dropped, or become 1 where `keep_dims`. other_ops: 1 per
    input element.
    """

    family = "reduce"
    saves = NOTHING
    numpy: ClassVar[str]
    node: ClassVar[str]

    axis: Axes
    keep_dims: bool = False

    def shape(self, x: Shape) -> Shape:
        own = axes_of(x, self.axis, "axis")
        sizes = (1 if axis in own else size for axis, size in enumerate(x) if self.keep_dims or axis not in own)
        return tuple(sizes)

    def dtype(self, *inputs: str | None) -> str | None:
        return one_kind(self.name, inputs, "numbers")

    def cost(self, x: Shape) -> Cost:
        self.shape(x)
        return Cost(other_ops=product(x))

    def own(self, x: Shape) -> tuple[int, ...]:
        """Return its axes in a tensor with the batch."""
        return tuple(1 + axis for axis in axes_of(x, self.axis, "axis"))

    def run(self, weights: Weights, x: Array) -> Array:
        import numpy as np

        out: Array = getattr(np, self.numpy)(x, axis=self.own(x.shape[1:]), keepdims=self.keep_dims)
        return out.astype(x.dtype, copy=False)

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        axes = emit.constant([*self.own(emit.shape(x))])
        return emit(self.node, x, axes, keepdims=int(self.keep_dims))

    def window(self, x: Shape) -> Seen | None:
        own = axes_of(x, self.axis, "axis")
        if own == (0,) and self.keep_dims:
            return ()
        return tuple((inf, size) for size in x[1:]) if own and own == tuple(range(1, len(x))) else None


def of_extremes(x: Shape, out: Shape) -> Number:
    """Return the numbers that the backward pass of extremes makes and drops: where they stand, in true and false, how
    often each does, and its gradient twice.
    """
    return (product(x) + 3) // 4 + 3 * product(out)


class Sum(Reduction):
    """Sum over `axis`, one or a list of them; `keep_dims` leaves them with size 1. other_ops: 1 per input element (an
    addition).
    """

    numpy = "sum"
    node = "ReduceSum"

    def hands_back(self, x: Shape) -> tuple[int, ...]:
        return (0,)  # the same number all over


class Mean(Reduction):
    """Mean over `axis`, one or a list of them; `keep_dims` leaves them with size 1. other_ops: 1 per input element (an
    addition) and 1 per output element (a division).
    """

    numpy = "mean"
    node = "ReduceMean"

    def dtype(self, *inputs: str | None) -> str | None:
        return one_kind(self.name, inputs, "reals")

    def cost(self, x: Shape) -> Cost:
        return Cost(other_ops=product(x) + product(self.shape(x)))


class Max(Reduction):
    """Largest element over `axis`, one or a list of them; `keep_dims` leaves them with size 1. other_ops: 1 per input
    element (a comparison).
    """

    numpy = "max"
    node = "ReduceMax"
    saves = (Saved(0), Saved(OUTPUT))

    def scratch(self, x: Shape) -> Number:
        return of_extremes(x, self.shape(x))


class Min(Reduction):
    """Smallest element over `axis`, one or a list of them; `keep_dims` leaves them with size 1. other_ops: 1 per input
    element (a comparison).
    """

    numpy = "min"
    node = "ReduceMin"
    saves = (Saved(0), Saved(OUTPUT))

    def scratch(self, x: Shape) -> Number:
        return of_extremes(x, self.shape(x))


class Prod(Reduction):
    """Product over `axis`, one or a list of them; `keep_dims` leaves them with size 1. other_ops: 1 per input element
    (a multiplication; not counted as mult-adds, because nothing is added).
    """

    numpy = "prod"
    node = "ReduceProd"

    def scratch(self, x: Shape) -> Number:
        return 5 * product(x)

    def saved(self, x: Shape) -> tuple[Saved, ...]:
        # PyTorch's takes one axis: of several, each product but the last is kept besides.
        left, between = list(x), []
        for axis in reversed(axes_of(x, self.axis, "axis")[1:]):
            left[axis] = 1
            between.append(product(left))
        more = Saved("products", keeper="pytorch", numbers=sum(between, 0))
        return (Saved(0), Saved(OUTPUT), *((more,) if between else ()))


class Position(Reduction, abstract=True):
    """What reductions that say where along one axis an element stands share."""

    effort = "places"

    axis: Axis

    def dtype(self, *inputs: str | None) -> str | None:
        one_kind(self.name, inputs, "numbers")
        return "int64"

    def run(self, weights: Weights, x: Array) -> Array:
        import numpy as np

        (axis,) = self.own(x.shape[1:])
        out: Array = getattr(np, self.numpy)(x, axis=axis, keepdims=self.keep_dims)
        return out

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        (axis,) = self.own(emit.shape(x))
        return emit(self.node, x, axis=axis, keepdims=int(self.keep_dims))


class Argmax(Position):
    """Where along `axis` the largest element stands, the first of equal ones, as dtype int64; `keep_dims` leaves the
    axis with size 1. other_ops: 1 per input element (a comparison).
    """

    numpy = "argmax"
    node = "ArgMax"


class Argmin(Position):
    """Where along `axis` the smallest element stands, the first of equal ones, as dtype int64; `keep_dims` leaves the
    axis with size 1. other_ops: 1 per input element (a comparison).
    """

    numpy = "argmin"
    node = "ArgMin"


class Cumsum(Operator):
    """Running sum along `axis`: each element plus all before it. other_ops: 1 per element (an addition)."""

    quarters = 8
    family = "reduce"
    saves = NOTHING

    axis: Axis

    def shape(self, x: Shape) -> Shape:
        axis_of(x, self.axis)
        return x

    def dtype(self, *inputs: str | None) -> str | None:
        return one_kind(self.name, inputs, "numbers")

    def cost(self, x: Shape) -> Cost:
        return Cost(other_ops=product(x))

    def run(self, weights: Weights, x: Array) -> Array:
        return x.cumsum(axis=1 + axis_of(x.shape[1:], self.axis), dtype=x.dtype)

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        return emit("CumSum", x, emit.constant(1 + axis_of(emit.shape(x), self.axis)))

    def window(self, x: Shape) -> tuple[()] | None:
        return () if axis_of(x, self.axis) == 0 else None
