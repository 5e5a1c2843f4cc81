"""Normalisation: batch, layer and local response; and the learned scale of a channel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from costmodel.numbers.arithmetic import Number, Shape, product
from costmodel.ops.base import Cost, Emit, Operator, Weights, axes_of, axis_of, require, require_rank
from costmodel.ops.fields import Axes, Axis, Real, Size
from costmodel.ops.saved import FACTOR, INPUT, Saved, statistics

if TYPE_CHECKING:
    from costmodel.ops.base import Array


def per_channel(emit: Emit, array: str, x: str, axis: int) -> str:
    """Return an array of one number a channel, shaped in ONNX so that it broadcasts over `x` along `axis`."""
    after = len(emit.shape(x)) - 1 - axis
    return emit("Unsqueeze", array, emit.constant([1 + n for n in range(after)])) if after else array


class BatchNorm(Operator):
    """Batch normalisation of the channels of (channels, *space) or the features of a vector, as it runs at inference.

    The channels are the first axis unless `axis` says otherwise.
    params: weight and bias, 2 per channel (none where `affine` is false). buffers: running mean and variance, 2 per
    channel.
    other_ops: 2 per element, the multiplication and addition that are left once the four numbers of a channel are
    folded.
    Source: Ioffe and Szegedy 2015 (arXiv:1502.03167), algorithm 2.
    """

    family = "norm"
    in_place = True
    fuses = "tail"
    blocks = "any"
    counters = 1

    affine: bool = True
    eps: Real = 1e-5
    axis: Axis = 0

    def shape(self, x: Shape) -> Shape:
        axis_of(x, self.axis)
        return x

    def weights(self, x: Shape) -> dict[str, Shape]:
        channels = x[axis_of(x, self.axis)]
        return {"weight": (channels,), "bias": (channels,)} if self.affine else {}

    def buffers(self, x: Shape) -> dict[str, Shape]:
        channels = x[axis_of(x, self.axis)]
        return {"mean": (channels,), "variance": (channels,)}

    def saved(self, x: Shape) -> tuple[Saved, ...]:
        return (*INPUT, statistics(2 * x[axis_of(x, self.axis)], once=True))

    def cost(self, x: Shape) -> Cost:
        return Cost(other_ops=2 * product(x))

    def run(self, weights: Weights, x: Array) -> Array:
        from costmodel.ops import arrays

        scale = (weights["variance"] + self.eps) ** -0.5
        shift = -weights["mean"] * scale
        if self.affine:
            scale, shift = scale * weights["weight"], shift * weights["weight"] + weights["bias"]
        axis = 1 + axis_of(x.shape[1:], self.axis)
        return x * arrays.along(scale, x, axis) + arrays.along(shift, x, axis)

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        shape = emit.shape(x)
        axis = axis_of(shape, self.axis)
        number = shape[axis]
        weight, bias = (
            (weights["weight"], weights["bias"])
            if self.affine
            else (emit.constant([1.0] * number), emit.constant([0.0] * number))
        )
        arrays = (weight, bias, weights["mean"], weights["variance"])
        if not axis:
            return emit("BatchNormalization", x, *arrays, epsilon=self.eps)
        folded = emit("Reshape", x, emit.constant([-1, *shape[axis:]]))
        out = emit("BatchNormalization", folded, *arrays, epsilon=self.eps)
        return emit("Reshape", out, emit.constant([-1, *shape]))


class LayerNorm(Operator):
    """Layer normalisation over the last axis, or over the axes that `axis` names: with `axis: 0` over the channels of
    each pixel of a map.

    params: weight and bias, 2 per element of those axes (none where `affine` is false). other_ops: 5 per element (sum,
    difference, square, sum, scale), and 2 more for weight and bias; the few operations once a row are left out.
    Source: Ba et al. 2016 (arXiv:1607.06450); over the channels of a map as in Liu et al. 2022 (ConvNeXt,
    arXiv:2201.03545).
    """

    family = "norm"

    affine: bool = True
    eps: Real = 1e-5
    axis: Axes = -1

    def shape(self, x: Shape) -> Shape:
        axes_of(x, self.axis, "axis")
        return x

    def weights(self, x: Shape) -> dict[str, Shape]:
        own = tuple(x[axis] for axis in axes_of(x, self.axis, "axis"))
        return {"weight": own, "bias": own} if self.affine else {}

    def saved(self, x: Shape) -> tuple[Saved, ...]:
        own = axes_of(x, self.axis, "axis")
        return (*INPUT, statistics(2 * product(size for axis, size in enumerate(x) if axis not in own)))

    def cost(self, x: Shape) -> Cost:
        return Cost(other_ops=(7 if self.affine else 5) * product(x))

    def run(self, weights: Weights, x: Array) -> Array:
        axes = tuple(1 + axis for axis in axes_of(x.shape[1:], self.axis, "axis"))
        apart = x - x.mean(axis=axes, keepdims=True)
        out: Array = apart * ((apart * apart).mean(axis=axes, keepdims=True) + self.eps) ** -0.5
        if self.affine:
            spread = tuple(size if axis in axes else 1 for axis, size in enumerate(x.shape))
            out = out * weights["weight"].reshape(spread) + weights["bias"].reshape(spread)
        return out

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        shape = emit.shape(x)
        own = [1 + axis for axis in axes_of(shape, self.axis, "axis")]
        rank, first = len(shape) + 1, len(shape) + 1 - len(own)
        sizes = [shape[axis - 1] for axis in own]
        weight = weights["weight"] if self.affine else emit.constant(_ones(sizes))
        rest = [weights["bias"]] if self.affine else []
        order = [axis for axis in range(rank) if axis not in own] + own
        last = x if order == list(range(rank)) else emit("Transpose", x, perm=order)
        out = emit("LayerNormalization", last, weight, *rest, axis=first, epsilon=self.eps)
        return out if last == x else emit("Transpose", out, perm=[order.index(axis) for axis in range(rank)])

    def window(self, x: Shape) -> tuple[()] | None:
        return () if axes_of(x, self.axis, "axis") == (0,) else None


def _ones(sizes: list[int]) -> object:
    return 1.0 if not sizes else [_ones(sizes[1:])] * sizes[0]


class Lrn(Operator):
    """Local response normalisation over `size` neighbouring channels of (channels, *space):
    x / (k + alpha / size * sum of squares) ** beta.

    No params. other_ops: size + 4 per element (square, size - 1 additions, scale, add, power, divide).
    Source: Krizhevsky et al. 2012, section 3.3; `alpha` is divided by `size`, as Caffe, PyTorch and ONNX do (the paper
    does not).

    Raises:
        ShapeError: if `size` is even, because the window is centred on its channel.
    """

    quarters = 12
    family = "norm"
    effort = "window"

    size: Size = 5
    alpha: Real = 1e-4
    beta: Real = 0.75
    k: Real = 1.0

    def shape(self, x: Shape) -> Shape:
        require_rank(self, x, 2, "(channels, *space)")
        require(self.size % 2 > 0, lambda: f"size must be odd, but is {self.size}", "size")
        return x

    def saved(self, x: Shape) -> tuple[Saved, ...]:
        squares = product((x[0] + self.size - 1, *x[1:]))
        return (*INPUT, Saved("squares and divisors", keeper="pytorch", numbers=squares + 2 * product(x)))

    def cost(self, x: Shape) -> Cost:
        return Cost(other_ops=(self.size + 4) * product(x))

    def run(self, weights: Weights, x: Array) -> Array:
        import numpy as np

        half = self.size // 2
        squares = np.pad(x * x, [(0, 0), (half, half), *[(0, 0)] * (x.ndim - 2)])
        total = sum(squares[:, i : i + x.shape[1]] for i in range(self.size))
        out: Array = x * (self.k + self.alpha / self.size * total) ** -self.beta
        return out

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        return emit("LRN", x, size=self.size, alpha=self.alpha, beta=self.beta, bias=self.k)


class LayerScale(Operator):
    """A learned factor for each element of the last axis, or of the one that `axis` names, or one for all where
    `shared`. params: 1 per factor. other_ops: 1 per element.

    Source: Touvron et al. 2021 (CaiT, arXiv:2103.17239), as ConvNeXt uses it.
    """

    family = "norm"
    in_place = True
    widens = True
    fuses = "tail"
    saves = FACTOR

    shared: bool = False
    axis: Axis = -1

    def shape(self, x: Shape) -> Shape:
        axis_of(x, self.axis)
        return x

    def weights(self, x: Shape) -> dict[str, Shape]:
        return {"weight": (1 if self.shared else x[axis_of(x, self.axis)],)}

    def cost(self, x: Shape) -> Cost:
        return Cost(other_ops=product(x))

    def scratch(self, x: Shape) -> Number:
        return product(x)  # the gradient of the weights, before it is summed

    def run(self, weights: Weights, x: Array) -> Array:
        from costmodel.ops import arrays

        return x * arrays.along(weights["weight"], x, 1 + axis_of(x.shape[1:], self.axis))

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        return emit("Mul", x, per_channel(emit, weights["weight"], x, axis_of(emit.shape(x), self.axis)))
