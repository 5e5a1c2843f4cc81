"""Normalisation by magnitude alone, without a mean: root mean square, Euclidean length, and response of channels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import inf
from typing import TYPE_CHECKING

from costmodel.numbers.arithmetic import Shape, product
from costmodel.ops.base import Cost, Emit, Operator, Weights, axes_of, axis_of, require_rank
from costmodel.ops.fields import Axes, Axis, Real
from costmodel.ops.norm import per_channel
from costmodel.ops.saved import INPUT, Saved, statistics

if TYPE_CHECKING:
    from costmodel.ops.base import Array
    from costmodel.ops.windows import Seen


class ByMagnitude(Operator, abstract=True):
    """What norms over the axes that `axis` names share."""

    family = "norm"

    axis: Axes

    def shape(self, x: Shape) -> Shape:
        axes_of(x, self.axis, "axis")
        return x

    def own(self, x: Shape) -> tuple[int, ...]:
        """Return its axes in a tensor with the batch."""
        return tuple(1 + axis for axis in axes_of(x, self.axis, "axis"))

    def window(self, x: Shape) -> tuple[()] | None:
        return () if axes_of(x, self.axis, "axis") == (0,) else None


class RmsNorm(ByMagnitude):
    """Root mean square normalisation over the last axis, or over the axes that `axis` names: x / sqrt(mean of squares +
    eps), times a learned weight.

    params: weight, 1 per element of those axes (none where `affine` is false). other_ops: 3 per element (square, sum,
    scale), and 1 more for the weight; the few operations once a row are left out. PyTorch takes as `eps` that of the
    dtype where none is given; the default here is that of its float32.
    Source: Zhang and Sennrich 2019 (arXiv:1910.07467), equation 4.
    """

    quarters = 8
    affine: bool = True
    eps: Real = 2.0**-23
    axis: Axes = -1

    def weights(self, x: Shape) -> dict[str, Shape]:
        return {"weight": tuple(x[axis] for axis in axes_of(x, self.axis, "axis"))} if self.affine else {}

    def saved(self, x: Shape) -> tuple[Saved, ...]:
        axes = axes_of(x, self.axis, "axis")
        rows = statistics(product(size for axis, size in enumerate(x) if axis not in axes))
        normalised = Saved("normalised", by=("weights",), instead=0, numbers=product(x))
        return (Saved(0, by=(0,)), replace(rows, by=(0,)), *((normalised,) if self.affine else ()))

    def cost(self, x: Shape) -> Cost:
        return Cost(other_ops=(4 if self.affine else 3) * product(x))

    def run(self, weights: Weights, x: Array) -> Array:
        axes = self.own(x.shape[1:])
        out: Array = x * ((x * x).mean(axis=axes, keepdims=True) + self.eps) ** -0.5
        if self.affine:
            out = out * weights["weight"].reshape([n if axis in axes else 1 for axis, n in enumerate(x.shape)])
        return out

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        shape = emit.shape(x)
        axes = self.own(shape)
        mean = emit("ReduceMean", emit("Mul", x, x), emit.constant([*axes]), keepdims=1)
        out = emit("Div", x, emit("Sqrt", emit("Add", mean, emit.constant(float(self.eps)))))
        if not self.affine:
            return out
        spread = emit.constant([size if axis in axes else 1 for axis, size in enumerate(shape, 1)])
        return emit("Mul", out, emit("Reshape", weights["weight"], spread))


class L2Norm(ByMagnitude):
    """Division by the Euclidean length over the first axis (the channels of each pixel of a map), or over the axes that
    `axis` names; by `eps` where the length is less. PyTorch's `normalize`.

    No params. other_ops: 3 per element (square, sum, division); the root once a row is left out.
    Source: Liu et al. 2015 (ParseNet, arXiv:1506.04579), equation 1.
    """

    quarters = 12
    eps: Real = 1e-12
    axis: Axes = 0

    def saved(self, x: Shape) -> tuple[Saved, ...]:
        axes = axes_of(x, self.axis, "axis")
        rows = product(size for axis, size in enumerate(x) if axis not in axes)
        bounded = Saved("bounded lengths", keeper="pytorch", numbers=rows)
        return (*INPUT, Saved("lengths", numbers=rows), bounded)

    def cost(self, x: Shape) -> Cost:
        return Cost(other_ops=3 * product(x))

    def run(self, weights: Weights, x: Array) -> Array:
        length = (x * x).sum(axis=self.own(x.shape[1:]), keepdims=True) ** 0.5
        out: Array = x / length.clip(self.eps)
        return out

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        length = emit("ReduceL2", x, emit.constant([*self.own(emit.shape(x))]), keepdims=1)
        return emit("Div", x, emit("Max", length, emit.constant(float(self.eps))))


class Grn(Operator):
    """Global response normalisation: each channel times its length over space as a share of the channels' mean length,
    times a weight, plus a bias, plus the input.

    The channels are the first axis unless `axis` says otherwise; all other axes are space.
    params: weight and bias, 2 per channel. other_ops: 6 per element (square, sum, 2 multiplications, 2 additions); the
    few operations once a channel are left out.
    Source: Woo et al. 2023 (ConvNeXt V2, arXiv:2301.00808), equations 1 to 3 and algorithm 1.
    """

    quarters = 4
    family = "norm"
    widens = True

    eps: Real = 1e-6
    axis: Axis = 0

    def shape(self, x: Shape) -> Shape:
        require_rank(self, x, 2, "channels and space")
        axis_of(x, self.axis)
        return x

    def weights(self, x: Shape) -> dict[str, Shape]:
        channels = x[axis_of(x, self.axis)]
        return {"weight": (channels,), "bias": (channels,)}

    def saved(self, x: Shape) -> tuple[Saved, ...]:
        channels = x[axis_of(x, self.axis)]
        lengths = Saved("lengths", by=(0,), numbers=channels)
        shares = Saved("shares", by=(0,), keeper="pytorch", numbers=channels + 1)
        scaled = Saved("scaled", by=("weights",), instead=0, numbers=product(x))
        return (Saved(0, by=(0,)), lengths, shares, scaled)

    def cost(self, x: Shape) -> Cost:
        return Cost(other_ops=6 * product(x))

    def space(self, x: Shape) -> tuple[int, ...]:
        """Return the axes of space in a tensor with the batch."""
        return tuple(1 + axis for axis in range(len(x)) if axis != axis_of(x, self.axis))

    def run(self, weights: Weights, x: Array) -> Array:
        from costmodel.ops import arrays

        axis = 1 + axis_of(x.shape[1:], self.axis)
        length = (x * x).sum(axis=self.space(x.shape[1:]), keepdims=True) ** 0.5
        share = length / (length.mean(axis=axis, keepdims=True) + self.eps)
        weight, bias = (arrays.along(weights[name], x, axis) for name in ("weight", "bias"))
        out: Array = weight * (x * share) + bias + x
        return out

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        shape = emit.shape(x)
        axis = axis_of(shape, self.axis)
        length = emit("ReduceL2", x, emit.constant([*self.space(shape)]), keepdims=1)
        mean = emit("ReduceMean", length, emit.constant([1 + axis]), keepdims=1)
        share = emit("Div", length, emit("Add", mean, emit.constant(float(self.eps))))
        weight, bias = (per_channel(emit, weights[name], x, axis) for name in ("weight", "bias"))
        return emit("Add", emit("Add", emit("Mul", weight, emit("Mul", x, share)), bias), x)

    def window(self, x: Shape) -> Seen | None:
        return tuple((inf, 1) for _ in x[1:]) if axis_of(x, self.axis) == 0 else None
