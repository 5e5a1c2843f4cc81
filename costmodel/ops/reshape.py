"""Operators that move, rename or repeat values and compute little or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from costmodel.numbers.arithmetic import Number, Shape, product, show_shape, smallest
from costmodel.ops import windows
from costmodel.ops.base import Cost, Emit, Operator, Weights, channels, require, require_divides, require_map
from costmodel.ops.fields import Count, Pair, Real, Size

if TYPE_CHECKING:
    from costmodel.ops.arrays import Array


class Free(Operator, abstract=True):
    """What operators without arithmetic share."""

    kind_name = "move"

    def cost(self, x: Shape) -> Cost:
        return Cost()


class Identity(Free):
    """The input itself."""

    kind_name = "view"
    view = True

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

    kind_name = "view"
    view = True

    def shape(self, x: Shape) -> Shape:
        return (product(x),)

    def run(self, weights: Weights, x: Array) -> Array:
        return x.reshape(len(x), -1)

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        return emit("Flatten", x, axis=1)


class PadChannels(Free):
    """Zero channels `before` and `after` those of a feature map.

    Source: He et al. 2016 (arXiv:1512.03385), option A of the shortcuts.
    """

    before: Count = 0
    after: Count = 0

    def shape(self, x: Shape) -> Shape:
        require_map(self, x)
        return (x[0] + self.before + self.after, x[1], x[2])

    def run(self, weights: Weights, x: Array) -> Array:
        import numpy as np

        return np.pad(x, [(0, 0), (self.before, self.after), (0, 0), (0, 0)])

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        return emit("Pad", x, emit.constant([0, self.before, 0, 0, 0, self.after, 0, 0]))


class SliceChannels(Free):
    """The channels of a map, or the features of a vector or of each token, from `start` up to, and not including,
    `stop` (counted from 0).

    Source: the channel split of Ma et al. 2018 (ShuffleNet V2, arXiv:1807.11164).
    """

    stop: Size
    start: Count = 0

    def shape(self, x: Shape) -> Shape:
        number = channels(x)
        require(
            (self.start < self.stop) & (self.stop <= number),
            lambda: f"channels {self.start} up to {self.stop} are not among the {number} of the input",
            "stop",
        )
        taken = self.stop - self.start
        return (taken, x[1], x[2]) if len(x) == 3 else (*x[:-1], taken)

    def run(self, weights: Weights, x: Array) -> Array:
        return x[:, self.start : self.stop] if x.ndim == 4 else x[..., self.start : self.stop]

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        axis = 1 if len(emit.shape(x)) == 3 else -1
        return emit("Slice", x, emit.constant([self.start]), emit.constant([self.stop]), emit.constant([axis]))


class ChannelShuffle(Free):
    """Interleave the channels of `groups` equal groups: the first of each group, then the second of each.

    Source: Zhang et al. 2018 (ShuffleNet, arXiv:1707.01083), section 3.1.
    """

    groups: Size

    def shape(self, x: Shape) -> Shape:
        require_map(self, x)
        require_divides(
            self.groups, x[0], lambda: f"groups = {self.groups} does not divide the {x[0]} channels", "groups"
        )
        return x

    def run(self, weights: Weights, x: Array) -> Array:
        batch, channels, *size = x.shape
        grouped = x.reshape(batch, self.groups, channels // self.groups, *size)
        return grouped.swapaxes(1, 2).reshape(x.shape)

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        channels, high, wide = emit.shape(x)
        grouped = emit("Reshape", x, emit.constant([0, self.groups, channels // self.groups, high, wide]))
        swapped = emit("Transpose", grouped, perm=[0, 2, 1, 3, 4])
        return emit("Reshape", swapped, emit.constant([0, channels, high, wide]))


class Upsample(Operator):
    """A map `scale` times as high and wide: each value repeated, or where `bilinear`, interpolated between pixel
    centres.

    other_ops: none, or 7 per output element where `bilinear` (4 multiplications, 3 additions).
    """

    kind_name = "move"

    scale: Pair = 2
    bilinear: bool = False

    def shape(self, x: Shape) -> Shape:
        require_map(self, x)
        high, wide = windows.pair(self.scale)
        return (x[0], x[1] * high, x[2] * wide)

    def cost(self, x: Shape) -> Cost:
        return Cost(other_ops=7 * product(self.shape(x)) if self.bilinear else 0)

    def window(self, x: Shape) -> tuple[tuple[Number, Number], tuple[Number, Number]]:
        high, wide = windows.pair(self.scale)
        seen = (smallest(2, high), smallest(2, wide)) if self.bilinear else (1, 1)
        return (seen[0], windows.one_over(high)), (seen[1], windows.one_over(wide))

    def run(self, weights: Weights, x: Array) -> Array:
        from costmodel.ops import arrays

        high, wide = windows.pair(self.scale)
        if self.bilinear:
            return arrays.interpolate(arrays.interpolate(x, high, axis=2), wide, axis=3)
        return x.repeat(high, axis=2).repeat(wide, axis=3)

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        high, wide = windows.pair(self.scale)
        how: dict[str, Any] = (
            {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
            if self.bilinear
            else {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
        )
        return emit("Resize", x, "", emit.constant([1.0, 1.0, float(high), float(wide)]), **how)


class Scale(Operator):
    """Every element times a constant `factor`. other_ops: 1 per element.

    Source: Szegedy et al. 2016 (Inception-ResNet, arXiv:1602.07261), section 3.3.
    """

    kind_name = "merge"
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
    """A feature map as the sequence of its pixels: (channels, height, width) -> (height * width, channels)."""

    def shape(self, x: Shape) -> Shape:
        require_map(self, x)
        return (x[1] * x[2], x[0])

    def run(self, weights: Weights, x: Array) -> Array:
        return x.reshape(*x.shape[:2], -1).swapaxes(1, 2)

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        channels, high, wide = emit.shape(x)
        return emit("Transpose", emit("Reshape", x, emit.constant([0, channels, high * wide])), perm=[0, 2, 1])


def require_tokens(op: Operator, x: Shape) -> None:
    """Raise a ShapeError unless `x` is a token sequence."""
    require(
        len(x) == 2,
        lambda: f"{op.name} reads a token sequence (tokens, features), but its input is {show_shape(x)}",
        hint="tokens turns a feature map into one",
    )


class ClassToken(Free):
    """A learned token before all others: (tokens, features) -> (tokens + 1, features). params: features.

    Source: Dosovitskiy et al. 2021 (ViT, arXiv:2010.11929), equation 1.
    """

    def shape(self, x: Shape) -> Shape:
        require_tokens(self, x)
        return (x[0] + 1, x[1])

    def weights(self, x: Shape) -> dict[str, Shape]:
        return {"token": (x[1],)}

    def run(self, weights: Weights, x: Array) -> Array:
        import numpy as np

        token = np.broadcast_to(weights["token"], (len(x), 1, x.shape[2]))
        return np.concatenate((token, x), axis=1)

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        size = emit("Concat", emit("Shape", x, start=0, end=1), emit.constant([1, emit.shape(x)[1]]), axis=0)
        return emit("Concat", emit("Expand", weights["token"], size), x, axis=1)


class PositionEmbedding(Operator):
    """A learned array added to a token sequence. params and other_ops: 1 per element.

    Source: Dosovitskiy et al. 2021 (ViT, arXiv:2010.11929), equation 1.
    """

    kind_name = "merge"
    in_place = True
    fuses = "tail"

    def shape(self, x: Shape) -> Shape:
        require_tokens(self, x)
        return x

    def weights(self, x: Shape) -> dict[str, Shape]:
        return {"embedding": x}

    def cost(self, x: Shape) -> Cost:
        return Cost(other_ops=product(x))

    def run(self, weights: Weights, x: Array) -> Array:
        return x + weights["embedding"]

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        return emit("Add", x, weights["embedding"])


class SelectToken(Free):
    """One token of a sequence, the first by default: (tokens, features) -> (features,)."""

    index: Count = 0

    def shape(self, x: Shape) -> Shape:
        require_tokens(self, x)
        require(self.index < x[0], lambda: f"there is no token {self.index} among {x[0]}", "index")
        return (x[1],)

    def run(self, weights: Weights, x: Array) -> Array:
        return x[:, self.index]

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        return emit("Gather", x, emit.constant(self.index), axis=1)
