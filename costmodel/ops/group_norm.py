"""Normalisation over groups of channels and their space: group and instance."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import TYPE_CHECKING

from costmodel.numbers.arithmetic import Number, Shape, product, show_shape
from costmodel.ops.base import Cost, Emit, Operator, Weights, axis_of, require, require_divides
from costmodel.ops.fields import Axis, Real, Size
from costmodel.ops.norm import per_channel
from costmodel.ops.saved import INPUT, Saved, statistics

if TYPE_CHECKING:
    from costmodel.ops.base import Array
    from costmodel.ops.windows import Seen


class OverGroups(Operator, abstract=True):
    """What norms of groups of channels share: over each group and the space behind it, by the input's own mean and
    variance. What stands before the channels repeats.
    """

    family = "norm"

    affine: bool
    eps: Real
    axis: Axis

    def parts(self, channels: Number) -> Number:
        """Return into how many groups the channels fall."""
        raise NotImplementedError

    def weights(self, x: Shape) -> dict[str, Shape]:
        channels = x[axis_of(x, self.axis)]
        return {"weight": (channels,), "bias": (channels,)} if self.affine else {}

    def saved(self, x: Shape) -> tuple[Saved, ...]:
        axis = axis_of(x, self.axis)
        return (*INPUT, statistics(2 * product(x[:axis]) * self.parts(x[axis])))

    def cost(self, x: Shape) -> Cost:
        return Cost(other_ops=(7 if self.affine else 5) * product(x))

    def run(self, weights: Weights, x: Array) -> Array:
        from costmodel.ops import arrays

        axis = 1 + axis_of(x.shape[1:], self.axis)
        rows = x.reshape(*x.shape[:axis], self.parts(x.shape[axis]), -1)
        apart = rows - rows.mean(axis=-1, keepdims=True)
        out: Array = (apart * ((apart * apart).mean(axis=-1, keepdims=True) + self.eps) ** -0.5).reshape(x.shape)
        if self.affine:
            out = out * arrays.along(weights["weight"], x, axis) + arrays.along(weights["bias"], x, axis)
        return out

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        shape = emit.shape(x)
        axis = axis_of(shape, self.axis)
        groups = self.parts(shape[axis])
        rows = emit("Reshape", x, emit.constant([-1, groups, product(shape[axis:]) // groups]))
        ones, zeros = emit.constant([1.0] * groups), emit.constant([0.0] * groups)
        out = emit("InstanceNormalization", rows, ones, zeros, epsilon=self.eps)
        out = emit("Reshape", out, emit.constant([-1, *shape]))
        if self.affine:
            out = emit("Mul", out, per_channel(emit, weights["weight"], x, axis))
            out = emit("Add", out, per_channel(emit, weights["bias"], x, axis))
        return out

    def window(self, x: Shape) -> Seen:
        return tuple((inf, 1) for _ in x[axis_of(x, self.axis) + 1 :])


class GroupNorm(OverGroups):
    """Group normalisation of (channels, *space): over each of `groups` equal groups of channels and all of space.

    The channels are the first axis unless `axis` says otherwise; the axes behind them are their space.
    params: weight and bias, 2 per channel (none where `affine` is false). other_ops: 5 per element (sum, difference,
    square, sum, scale), and 2 more for weight and bias; the few operations once a group are left out.
    Source: Wu and He 2018 (arXiv:1803.08494), equations 1 to 7.

    Raises:
        ShapeError: if `groups` does not divide the channels.
    """

    groups: Size
    affine: bool = True
    eps: Real = 1e-5
    axis: Axis = 0

    def shape(self, x: Shape) -> Shape:
        channels = x[axis_of(x, self.axis)]
        require_divides(
            self.groups, channels, lambda: f"groups = {self.groups} does not divide the {channels} channels", "groups"
        )
        return x

    def parts(self, channels: Number) -> Number:
        return self.groups


class InstanceNorm(OverGroups):
    """Instance normalisation of (channels, *space): over the space of each channel, by the input's own mean and
    variance at inference too.

    The channels are the first axis unless `axis` says otherwise; the axes behind them are their space.
    params: none, or weight and bias, 2 per channel, where `affine`. other_ops: 5 per element (sum, difference, square,
    sum, scale), and 2 more for weight and bias; the few operations once a channel are left out.
    Source: Ulyanov et al. 2016 (arXiv:1607.08022), equation 4.

    Raises:
        ShapeError: if there is no space behind the channels.
    """

    affine: bool = False
    eps: Real = 1e-5
    axis: Axis = 0

    def shape(self, x: Shape) -> Shape:
        require(
            axis_of(x, self.axis) + 1 < len(x),
            lambda: (
                f"instance_norm reads (channels, *space), but nothing stands behind axis {self.axis} of {show_shape(x)}"
            ),
            "axis",
        )
        return x

    def parts(self, channels: Number) -> Number:
        return channels
