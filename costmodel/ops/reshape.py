"""Operators that move, rename or repeat values and compute little or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from costmodel.numbers.arithmetic import Shape, product, show_shape, smallest
from costmodel.ops import windows
from costmodel.ops.base import Cost, Emit, Operator, Weights, axis_of, require, require_divides, require_rank
from costmodel.ops.fields import Axis, Count, Real, Size, Window

if TYPE_CHECKING:
    from costmodel.ops.base import Array


class Free(Operator, abstract=True):
    """What operators without arithmetic share."""

    family = "move"

    def dtype(self, *inputs: str | None) -> str | None:
        return inputs[0]

    def cost(self, x: Shape) -> Cost:
        return Cost()


class Identity(Free):
    """The input itself."""

    family = "view"
    view = True
    blocks = "kept"

    def shape(self, x: Shape) -> Shape:
        return x

    def run(self, weights: Weights, x: Array) -> Array:
        return x

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        return emit("Identity", x)


class Dropout(Identity):
    """Drop elements at `rate` while training; at inference the input itself.

    Source: Srivastava et al. 2014, Dropout.
    """

    saves = "mask"

    rate: Real = 0.5

    def shape(self, x: Shape) -> Shape:
        require(0 <= self.rate < 1, lambda: f"rate must be at least 0 and below 1, but is {self.rate}", "rate")
        return x

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        return emit("Dropout", x, emit.constant(float(self.rate)))


class Flatten(Free):
    """All values of one image in a row: (channels * height * width,)."""

    family = "view"
    view = True

    def shape(self, x: Shape) -> Shape:
        return (product(x),)

    def window(self, x: Shape) -> None:
        return None

    def run(self, weights: Weights, x: Array) -> Array:
        return x.reshape(len(x), -1)

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        return emit("Flatten", x, axis=1)


class PadChannels(Free):
    """Zero channels `before` and `after` those of (channels, *space).

    Source: He et al. 2016 (arXiv:1512.03385), option A of the shortcuts.
    """

    before: Count = 0
    after: Count = 0

    def shape(self, x: Shape) -> Shape:
        require_rank(self, x, 1, "(channels, *space)")
        return (x[0] + self.before + self.after, *x[1:])

    def run(self, weights: Weights, x: Array) -> Array:
        import numpy as np

        return np.pad(x, [(0, 0), (self.before, self.after), *[(0, 0)] * (x.ndim - 2)])

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        space = [0] * (len(emit.shape(x)) - 1)
        return emit("Pad", x, emit.constant([0, self.before, *space, 0, self.after, *space]))


class SliceChannels(Free):
    """The channels (the first axis, or the one that `axis` names) from `start` up to, and not including, `stop`,
    counted from 0.

    Source: the channel split of Ma et al. 2018 (ShuffleNet V2, arXiv:1807.11164).
    """

    stop: Size
    start: Count = 0
    axis: Axis = 0

    def shape(self, x: Shape) -> Shape:
        axis = axis_of(x, self.axis)
        require(
            (self.start < self.stop) & (self.stop <= x[axis]),
            lambda: f"channels {self.start} up to {self.stop} are not among the {x[axis]} of the input",
            "stop",
        )
        return (*x[:axis], self.stop - self.start, *x[axis + 1 :])

    def window(self, x: Shape) -> tuple[()] | None:
        return () if axis_of(x, self.axis) == 0 else None

    def run(self, weights: Weights, x: Array) -> Array:
        before = (slice(None),) * (1 + axis_of(x.shape[1:], self.axis))
        return x[(*before, slice(self.start, self.stop))]

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        axis = 1 + axis_of(emit.shape(x), self.axis)
        return emit("Slice", x, emit.constant([self.start]), emit.constant([self.stop]), emit.constant([axis]))


class ChannelShuffle(Free):
    """Interleave the channels of `groups` equal groups of (channels, *space): the first of each group, then the second
    of each.

    Source: Zhang et al. 2018 (ShuffleNet, arXiv:1707.01083), section 3.1.
    """

    groups: Size

    def shape(self, x: Shape) -> Shape:
        require_rank(self, x, 1, "(channels, *space)")
        require_divides(
            self.groups, x[0], lambda: f"groups = {self.groups} does not divide the {x[0]} channels", "groups"
        )
        return x

    def run(self, weights: Weights, x: Array) -> Array:
        batch, channels, *space = x.shape
        grouped = x.reshape(batch, self.groups, channels // self.groups, *space)
        return grouped.swapaxes(1, 2).reshape(x.shape)

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        channels, *space = emit.shape(x)
        grouped = emit("Reshape", x, emit.constant([0, self.groups, channels // self.groups, *space]))
        swapped = emit("Transpose", grouped, perm=[0, 2, 1, *range(3, 3 + len(space))])
        return emit("Reshape", swapped, emit.constant([0, channels, *space]))


class Upsample(Operator):
    """(channels, *space) `scale` times as large: each value repeated, or where `bilinear`, interpolated between the
    centres of pixels.

    other_ops: none, or 7 per output element where `bilinear` (4 multiplications, 3 additions).
    """

    family = "resize"
    blocks = "any"

    scale: Window = 2
    bilinear: bool = False

    def factors(self, x: Shape) -> Shape:
        """Return the scale of each axis of space."""
        return windows.spread(self.scale, windows.axes_of_space(self, x))

    def shape(self, x: Shape) -> Shape:
        factors = self.factors(x)
        require(
            not self.bilinear or len(factors) == 2, lambda: f"bilinear is over height and width, not {show_shape(x)}"
        )
        return (x[0], *windows.each_axis(lambda size, by: size * by, x[1:], factors))

    def cost(self, x: Shape) -> Cost:
        return Cost(other_ops=7 * product(self.shape(x)) if self.bilinear else 0)

    def window(self, x: Shape) -> windows.Seen:
        return tuple((smallest(2, by) if self.bilinear else 1, windows.one_over(by)) for by in self.factors(x))

    def run(self, weights: Weights, x: Array) -> Array:
        from costmodel.ops import arrays

        for axis, by in enumerate(self.factors(x.shape[1:]), 2):
            x = arrays.interpolate(x, by, axis) if self.bilinear else x.repeat(by, axis=axis)
        return x

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        factors = map(float, self.factors(emit.shape(x)))
        how: dict[str, Any] = (
            {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
            if self.bilinear
            else {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
        )
        return emit("Resize", x, "", emit.constant([1.0, 1.0, *factors]), **how)


class Scale(Operator):
    """Every element times a constant `factor`. other_ops: 1 per element.

    Source: Szegedy et al. 2016 (Inception-ResNet, arXiv:1602.07261), section 3.3.
    """

    family = "merge"
    in_place = True
    fuses = "tail"

    factor: Real

    def shape(self, x: Shape) -> Shape:
        return x

    def cost(self, x: Shape) -> Cost:
        return Cost(other_ops=product(x))

    def run(self, weights: Weights, x: Array) -> Array:
        return x * self.factor

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        return emit("Mul", x, emit.constant(float(self.factor)))


class Tokens(Free):
    """(channels, *space) as the sequence of its pixels: (height * width, channels) of a map."""

    def shape(self, x: Shape) -> Shape:
        require_rank(self, x, 2, "(channels, *space)")
        return (product(x[1:]), x[0])

    def window(self, x: Shape) -> None:
        return None

    def run(self, weights: Weights, x: Array) -> Array:
        return x.reshape(*x.shape[:2], -1).swapaxes(1, 2)

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        channels, *space = emit.shape(x)
        return emit("Transpose", emit("Reshape", x, emit.constant([0, channels, product(space)])), perm=[0, 2, 1])


def require_tokens(op: Operator, x: Shape) -> None:
    """Raise a ShapeError unless `x` is a token sequence."""
    require(
        len(x) >= 2,
        lambda: f"{op.name} reads a token sequence (tokens, features), but its input is {show_shape(x)}",
        hint="tokens turns a feature map into one",
    )


class ClassToken(Free):
    """A learned token before all others: (..., tokens, features) -> (..., tokens + 1, features). params: features.

    Source: Dosovitskiy et al. 2021 (ViT, arXiv:2010.11929), equation 1.
    """

    def shape(self, x: Shape) -> Shape:
        require_tokens(self, x)
        return (*x[:-2], x[-2] + 1, x[-1])

    def window(self, x: Shape) -> None:
        return None

    def weights(self, x: Shape) -> dict[str, Shape]:
        return {"token": (x[-1],)}

    def run(self, weights: Weights, x: Array) -> Array:
        import numpy as np

        token = np.broadcast_to(weights["token"], (*x.shape[:-2], 1, x.shape[-1]))
        return np.concatenate((token, x), axis=-2)

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        *before, _, features = emit.shape(x)
        one = emit.constant([*before, 1, features])
        size = emit("Concat", emit("Shape", x, start=0, end=1), one, axis=0)
        return emit("Concat", emit("Expand", weights["token"], size), x, axis=-2)


class PositionEmbedding(Operator):
    """A learned array added to a token sequence (tokens, features). params and other_ops: 1 per element.

    Source: Dosovitskiy et al. 2021 (ViT, arXiv:2010.11929), equation 1.
    """

    family = "merge"
    in_place = True
    fuses = "tail"

    def shape(self, x: Shape) -> Shape:
        require_tokens(self, x)
        return x

    def weights(self, x: Shape) -> dict[str, Shape]:
        return {"embedding": x[-2:]}

    def cost(self, x: Shape) -> Cost:
        return Cost(other_ops=product(x))

    def window(self, x: Shape) -> None:
        return None

    def run(self, weights: Weights, x: Array) -> Array:
        return x + weights["embedding"]

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        return emit("Add", x, weights["embedding"])


class SelectToken(Free):
    """One token of a sequence, the first by default: (..., tokens, features) -> (..., features)."""

    index: Count = 0

    def shape(self, x: Shape) -> Shape:
        require_tokens(self, x)
        require(self.index < x[-2], lambda: f"there is no token {self.index} among {x[-2]}", "index")
        return (*x[:-2], x[-1])

    def window(self, x: Shape) -> None:
        return None

    def run(self, weights: Weights, x: Array) -> Array:
        return x[..., self.index, :]

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        return emit("Gather", x, emit.constant(self.index), axis=len(emit.shape(x)) - 1)
