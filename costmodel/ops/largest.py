"""The largest few elements along an axis, and where they stand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from costmodel.numbers.arithmetic import Number, Shape, holds, product, show_shape
from costmodel.ops import lead
from costmodel.ops.base import Cost, Emit, Operator, Weights, axis_of, require
from costmodel.ops.fields import Axis, Size
from costmodel.ops.rearrange import agree
from costmodel.ops.saved import NOTHING, Saved, places
from costmodel.tensor import one_kind

if TYPE_CHECKING:
    from costmodel.ops.base import Array


class Largest(Operator, abstract=True):
    """What operators that find the `k` largest elements share: along the last axis, or along the one that `axis` names.

    Raises:
        ShapeError: if the axis has fewer than `k` elements.
    """

    family = "reduce"
    effort = "places"

    k: Size
    axis: Axis = -1

    def shape(self, *inputs: Shape) -> Shape:
        x = inputs[0]
        axis = axis_of(x, self.axis)
        require(
            self.k <= x[axis],
            lambda: f"there are no {self.k} elements along axis {self.axis}, which has {x[axis]}",
            "k",
        )
        return (*x[:axis], self.k, *x[axis + 1 :])

    def cost(self, *inputs: Shape) -> Cost:
        self.shape(*inputs)
        return Cost(other_ops=product(inputs[0]))

    def place(self, x: Shape) -> int:
        """Return the axis in a tensor with the batch."""
        return 1 + axis_of(x, self.axis)

    def places(self, x: Array) -> Array:
        """Return where the largest stand."""
        import numpy as np

        axis = self.place(x.shape[1:])
        return np.argsort(-x, axis=axis, kind="stable").take(range(self.k), axis=axis)

    def written(self, emit: Emit, x: str, output: int) -> str:
        """Write ONNX's node, which gives both values and places."""
        return emit("TopK", x, emit.constant([self.k]), output=output, outputs=2, axis=self.place(emit.shape(x)))

    def window(self, *inputs: Shape) -> tuple[()] | None:
        return () if axis_of(inputs[0], self.axis) == 0 else None


class TopK(Largest):
    """The `k` largest elements along the last axis, or along the one that `axis` names, the largest first. Where a
    second input says where they stand, as top_k_indices of the same fields does, they are taken from there.

    other_ops: 1 per input element, its comparison with the smallest of those kept; what it takes to put it among them
    depends on the values and is left out. None where the places are given: whoever found them made the comparisons.

    Raises:
        ShapeError: if the axis has fewer than `k` elements, or the places are not as many as the values.
    """

    inputs = (1, 2)
    indices = (1,)

    def scratch(self, *inputs: Shape) -> Number:
        return product(inputs[0])  # zeros that gradients are put among

    def shape(self, *inputs: Shape) -> Shape:
        out = super().shape(*inputs)
        given = inputs[1] if len(inputs) > 1 else out
        require(
            len(given) == len(out) and all(holds(agree(*pair)) for pair in zip(given, out, strict=True)),
            lambda: f"top_k needs the places of {show_shape(out)} values, but they are {show_shape(given)}",
        )
        return out

    def dtype(self, *inputs: str | None) -> str | None:
        return one_kind(self.name, inputs[:1], "numbers")

    def most_index(self, *inputs: Shape) -> Number | None:
        size: Number = inputs[0][axis_of(inputs[0], self.axis)]
        return size if len(inputs) > 1 else None

    def saved(self, *inputs: Shape) -> tuple[Saved, ...]:
        return (Saved(1) if len(inputs) > 1 else places(product(self.shape(*inputs))),)

    def cost(self, *inputs: Shape) -> Cost:
        found = super().cost(*inputs)
        return found if len(inputs) == 1 else Cost()

    def run(self, weights: Weights, *inputs: Array) -> Array:
        import numpy as np

        x, *given = lead.carrying(inputs)
        return np.take_along_axis(x, given[0] if given else self.places(x), axis=self.place(x.shape[1:]))

    def onnx(self, emit: Emit, weights: Mapping[str, str], *inputs: str) -> str:
        if len(inputs) == 1:
            return self.written(emit, *inputs, output=0)
        return emit("GatherElements", *lead.carried(emit, inputs), axis=self.place(emit.shape(inputs[0])))


class TopKIndices(Largest):
    """Where along the axis the `k` largest elements stand, the largest first, as dtype int64. A top_k beside it that
    reads these places compares nothing itself.

    other_ops: 1 per input element, as top_k.

    Raises:
        ShapeError: if the axis has fewer than `k` elements.
    """

    saves = NOTHING

    def dtype(self, *inputs: str | None) -> str | None:
        one_kind(self.name, inputs, "numbers")
        return "int64"

    def run(self, weights: Weights, x: Array) -> Array:
        return self.places(x)

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        return self.written(emit, x, output=1)
