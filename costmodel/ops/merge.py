"""Operators that merge several inputs into one."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from typing import TYPE_CHECKING, ClassVar

from costmodel.numbers.arithmetic import Shape, equal, holds, product, same, show_shape
from costmodel.ops import lead
from costmodel.ops.base import Cost, Emit, Operator, Weights, axis_of, require
from costmodel.ops.fields import Axis
from costmodel.ops.saved import NOTHING, Saved
from costmodel.tensor import one_kind

if TYPE_CHECKING:
    from costmodel.ops.base import Array


class Elementwise(Operator, abstract=True):
    """What element-by-element merges share. Inputs spread over one another as NumPy's arrays do: aligned at the last
    axis, each axis of the same size or of size 1, as (channels, 1, 1) over a map.

    other_ops: number of inputs - 1 per output element.
    """

    family = "merge"
    in_place = True
    inputs: ClassVar[int | tuple[int, int | None]] = (2, None)

    def shape(self, *inputs: Shape) -> Shape:
        hint = "the inputs must have the same shape; a 1x1 conv, stride or padding on one path usually settles it"
        if any(len(x) != len(inputs[0]) for x in inputs):
            hint = "global_avg_pool with keep_dims: true gives (channels, 1, 1), which fits a map"
        return lead.spread(inputs, lambda: f"{self.name} cannot merge {' with '.join(map(show_shape, inputs))}", hint)

    def dtype(self, *inputs: str | None) -> str | None:
        return one_kind(self.name, inputs, "numbers")

    def summed(self, *inputs: Shape) -> tuple[int, ...]:
        whole = _whole(self.shape(*inputs), inputs)
        return tuple(place for place in range(len(inputs)) if place not in whole)

    def cost(self, *inputs: Shape) -> Cost:
        return Cost(other_ops=(len(inputs) - 1) * product(self.shape(*inputs)))


def _whole(out: Shape, inputs: tuple[Shape, ...]) -> tuple[int, ...]:
    """Return the places of the inputs that are not spread."""
    return tuple(place for place, x in enumerate(inputs) if same(product(x), product(out)))


class Add(Elementwise):
    """Sum of two or more inputs, element by element, which spread over one another as NumPy's arrays do: aligned at the
    last axis, and along axes of size 1, as (channels, 1, 1) over a map. other_ops: inputs - 1 per output element.
    """

    blocks = "alike"
    saves = NOTHING

    def hands_back(self, *inputs: Shape) -> tuple[int, ...]:
        return _whole(self.shape(*inputs), inputs)

    def summed(self, *inputs: Shape) -> tuple[int, ...]:
        return ()

    def run(self, weights: Weights, *inputs: Array) -> Array:
        return reduce(lambda a, b: a + b, lead.level(inputs))

    def onnx(self, emit: Emit, weights: Mapping[str, str], *inputs: str) -> str:
        return reduce(lambda a, b: emit("Add", a, b), lead.levelled(emit, inputs))


class Multiply(Elementwise):
    """Product of two or more inputs, element by element, which spread over one another as in add. other_ops: inputs - 1
    per output element.

    A gate such as squeeze-and-excitation's (Hu et al. 2018, arXiv:1709.01507); not counted as mult-adds, because
    nothing is added.
    """

    blocks = "alike"

    def saved(self, *inputs: Shape) -> tuple[Saved, ...]:
        # Two at a time: each factor for the gradients of those before it, and their product for its own.
        first = (Saved(0, by=(1,)), Saved(1, by=(0,)))
        later = range(2, len(inputs))
        factors = (Saved(n, by=tuple(range(n))) for n in later)
        products = (Saved(f"product {n}", by=(n,), numbers=product(self.shape(*inputs[:n]))) for n in later)
        return (*first, *factors, *products)

    def run(self, weights: Weights, *inputs: Array) -> Array:
        return reduce(lambda a, b: a * b, lead.level(inputs))

    def onnx(self, emit: Emit, weights: Mapping[str, str], *inputs: str) -> str:
        return reduce(lambda a, b: emit("Mul", a, b), lead.levelled(emit, inputs))


class Concat(Operator):
    """Two or more inputs side by side along the first axis (the channels of a map), or along `axis`. No arithmetic."""

    family = "merge"
    inputs = (2, None)
    blocks = "whole"
    saves = NOTHING

    axis: Axis = 0

    def shape(self, *inputs: Shape) -> Shape:
        first = inputs[0]
        joined = axis_of(first, self.axis)
        for x in inputs[1:]:
            require(
                len(x) == len(first)
                and all(holds(equal(a, b)) for axis, (a, b) in enumerate(zip(first, x, strict=True)) if axis != joined),
                lambda: (
                    f"concat cannot put {' beside '.join(map(show_shape, inputs))}: only "
                    f"{'their channels' if joined == 0 and len(first) == 3 else f'axis {joined}'} may differ"
                ),
            )
        total = sum(x[joined] for x in inputs)
        return (*first[:joined], total, *first[joined + 1 :])

    def dtype(self, *inputs: str | None) -> str | None:
        return inputs[0]

    def cost(self, *inputs: Shape) -> Cost:
        self.shape(*inputs)
        return Cost()

    def hands_back(self, *inputs: Shape) -> tuple[int, ...]:
        return tuple(range(len(inputs)))

    def run(self, weights: Weights, *inputs: Array) -> Array:
        import numpy as np

        return np.concatenate(lead.carrying(inputs), axis=1 + axis_of(inputs[0].shape[1:], self.axis))

    def onnx(self, emit: Emit, weights: Mapping[str, str], *inputs: str) -> str:
        axis = 1 + axis_of(emit.shape(inputs[0]), self.axis)
        return emit("Concat", *lead.carried(emit, inputs), axis=axis)

    def window(self, *inputs: Shape) -> tuple[()] | None:
        return () if axis_of(inputs[0], self.axis) == 0 else None
