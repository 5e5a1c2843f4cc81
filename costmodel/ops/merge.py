"""Operators that merge several inputs into one."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from typing import TYPE_CHECKING

from costmodel.numbers.arithmetic import Number, Shape, equal, holds, largest, product, same, show_shape
from costmodel.ops.base import Cost, Emit, Operator, Weights, channels, require

if TYPE_CHECKING:
    from costmodel.ops.arrays import Array


class Elementwise(Operator, abstract=True):
    """What element-by-element merges share. Inputs have the same sizes, or size 1 where another is larger, as
    (channels, 1, 1) over a map.

    other_ops: number of inputs - 1 per output element.
    """

    kind_name = "merge"
    inputs = None

    def shape(self, *inputs: Shape) -> Shape:
        require(
            all(len(x) == len(inputs[0]) for x in inputs),
            lambda: f"{self.name} cannot merge {' with '.join(map(show_shape, inputs))}",
            hint="global_avg_pool with keep_dims: true gives (channels, 1, 1), which fits a map",
        )
        return tuple(self.common(sizes, inputs) for sizes in zip(*inputs, strict=True))

    def common(self, sizes: tuple[Number, ...], inputs: tuple[Shape, ...]) -> Number:
        """Return the largest size of an axis, which all others equal or are 1."""
        others = [s for s in sizes if not same(s, 1)]
        size = reduce(largest, others) if others else sizes[0]
        require(
            all(holds(equal(s, size) | equal(s, 1)) for s in sizes),
            lambda: f"{self.name} cannot merge {' with '.join(map(show_shape, inputs))}",
            hint="the inputs must have the same shape; a 1x1 conv, stride or padding on one path usually settles it",
        )
        return size

    def cost(self, *inputs: Shape) -> Cost:
        return Cost(other_ops=(len(inputs) - 1) * product(self.shape(*inputs)))


class Add(Elementwise):
    """Sum of two or more inputs, element by element; (channels, 1, 1) spreads over a map. other_ops: inputs - 1 per
    output element.
    """

    def run(self, weights: Weights, *inputs: Array) -> Array:
        return reduce(lambda a, b: a + b, inputs)

    def onnx(self, emit: Emit, weights: Mapping[str, str], *inputs: str) -> str:
        return reduce(lambda a, b: emit("Add", a, b), inputs)


class Multiply(Elementwise):
    """Product of two or more inputs, element by element; (channels, 1, 1) spreads over a map. other_ops: inputs - 1
    per output element.

    A gate such as squeeze-and-excitation's (Hu et al. 2018, arXiv:1709.01507); not counted as mult-adds, because
    nothing is added.
    """

    saves = "input"

    def run(self, weights: Weights, *inputs: Array) -> Array:
        return reduce(lambda a, b: a * b, inputs)

    def onnx(self, emit: Emit, weights: Mapping[str, str], *inputs: str) -> str:
        return reduce(lambda a, b: emit("Mul", a, b), inputs)


class Concat(Operator):
    """Two or more inputs side by side: along the channels of maps, or the last axis of vectors and token sequences. No
    arithmetic.
    """

    kind_name = "merge"
    inputs = None

    def shape(self, *inputs: Shape) -> Shape:
        first = inputs[0]
        joined = 0 if len(first) == 3 else len(first) - 1
        for x in inputs[1:]:
            require(
                len(x) == len(first)
                and all(holds(equal(a, b)) for axis, (a, b) in enumerate(zip(first, x, strict=True)) if axis != joined),
                lambda: f"concat cannot put {' beside '.join(map(show_shape, inputs))}: only their channels may differ",
            )
        total = sum(channels(x) for x in inputs)
        return (*first[:joined], total, *first[joined + 1 :])

    def cost(self, *inputs: Shape) -> Cost:
        self.shape(*inputs)
        return Cost()

    def run(self, weights: Weights, *inputs: Array) -> Array:
        import numpy as np

        from costmodel.ops import arrays

        return np.concatenate(inputs, axis=arrays.channel_axis(inputs[0]))

    def onnx(self, emit: Emit, weights: Mapping[str, str], *inputs: str) -> str:
        return emit("Concat", *inputs, axis=1 if len(emit.shape(inputs[0])) == 3 else -1)
