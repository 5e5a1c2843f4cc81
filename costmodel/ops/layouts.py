"""Rearrangements with names of their own, over the machinery of `rearrange`: no params, no arithmetic."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from costmodel.errors import ShapeError
from costmodel.numbers.arithmetic import Number, Shape, product, show_shape
from costmodel.ops import windows
from costmodel.ops.base import Emit, Weights, axes_of, axis_of, require, require_divides, require_rank
from costmodel.ops.fields import Axes, Axis, Size, Sizes, Window
from costmodel.ops.rearrange import Rearranging, agree
from costmodel.ops.reshape import Free

if TYPE_CHECKING:
    from costmodel.ops.base import Array
    from costmodel.ops.windows import Seen


def _names(x: Shape) -> list[str]:
    return [f"n{axis}" for axis in range(len(x))]


class Flatten(Rearranging):
    """The axes from `start_dim` to `end_dim` as one: by default all values of one image in a row,
    (channels * height * width,). A view.
    """

    family = "view"
    view = True

    start_dim: Axis = 0
    end_dim: Axis = -1

    def written(self, x: Shape) -> str:
        first, last = (axis_of(x, self.start_dim, "start_dim"), axis_of(x, self.end_dim, "end_dim")) if x else (0, -1)
        if first > last and x:
            raise ShapeError(f"start_dim {self.start_dim} comes after end_dim {self.end_dim}", field="end_dim")
        names = _names(x)
        joined = [*names[:first], f"({' '.join(names[first : last + 1])})", *names[last + 1 :]]
        return f"{' '.join(names)} -> {' '.join(joined)}"

    def window(self, x: Shape) -> None:
        return None

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        if len(self.shape(emit.shape(x))) == 1:
            return emit("Flatten", x, axis=1)
        return super().onnx(emit, weights, x)


class Reshape(Free):
    """The axes from `start_dim` on as others of the given `sizes`, in the same order; by default all axes of one image.
    A view. What splits axes or joins them is said by rearrange and flatten, which follow a change of sizes.

    Source: torch.reshape.
    """

    family = "view"
    view = True

    sizes: Sizes
    start_dim: Axis = 0

    def shape(self, x: Shape) -> Shape:
        first = axis_of(x, self.start_dim, "start_dim") if x else 0
        wanted, there = product(self.sizes), product(x[first:])
        require(
            agree(wanted, there),
            lambda: f"{show_shape(self.sizes)} has {wanted} elements, but {show_shape(x[first:])} has {there}",
            "sizes",
        )
        return (*x[:first], *self.sizes)

    def window(self, x: Shape) -> None:
        return None

    def hands_back(self, x: Shape) -> tuple[int, ...]:
        return (0,)

    def run(self, weights: Weights, x: Array) -> Array:
        return x.reshape(len(x), *self.shape(x.shape[1:]))

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        return emit("Reshape", x, emit.constant([-1, *self.shape(emit.shape(x))]))


class Transpose(Rearranging):
    """Two axes in each other's place, the last two by default."""

    axes: Axes = (-2, -1)

    def written(self, x: Shape) -> str:
        found = axes_of(x, self.axes)
        if len(found) != 2:
            raise ShapeError(f"transpose swaps two axes, not {len(found)}", field="axes")
        names = _names(x)
        swapped = list(names)
        swapped[found[0]], swapped[found[1]] = names[found[1]], names[found[0]]
        return f"{' '.join(names)} -> {' '.join(swapped)}"

    def window(self, x: Shape) -> None:
        return None


class Squeeze(Rearranging):
    """Without the axes of size 1 that `axis` names. A view."""

    family = "view"
    view = True
    sized_by = "axis"

    axis: Axes

    def written(self, x: Shape) -> str:
        dropped = axes_of(x, self.axis, "axis")
        names = _names(x)
        before = ["1" if axis in dropped else name for axis, name in enumerate(names)]
        return f"{' '.join(before)} -> {' '.join(name for name in before if name != '1')}"

    def window(self, x: Shape) -> None:
        return None


class Unsqueeze(Rearranging):
    """One more axis, of size 1: `axis` says where it stands in the result. A view."""

    family = "view"
    view = True

    axis: Axis

    def written(self, x: Shape) -> str:
        names = _names(x)
        place = axis_of((*x, 1), self.axis)
        return f"{' '.join(names)} -> {' '.join([*names[:place], '1', *names[place:]])}"

    def window(self, x: Shape) -> None:
        return None


class Tokens(Rearranging):
    """(channels, *space) as the sequence of its pixels: (height * width, channels) of a map."""

    def written(self, x: Shape) -> str:
        require_rank(self, x, 2, "(channels, *space)")
        return "c ... -> (...) c"


class FromTokens(Rearranging):
    """A sequence (height * width, channels) as the map (channels, height, width) whose pixels it lists, row by row."""

    sized_by = "height"

    height: Size
    width: Size

    def written(self, x: Shape) -> str:
        return "... (h w) c -> ... c h w"

    def known(self, x: Shape) -> dict[str, Number]:
        return {"h": self.height, "w": self.width}


class ChannelShuffle(Rearranging):
    """Interleave the channels of `groups` equal groups of (channels, *space): the first of each group, then the second
    of each.

    Source: Zhang et al. 2018 (ShuffleNet, arXiv:1707.01083), section 3.1.
    """

    sized_by = "groups"

    groups: Size

    def written(self, x: Shape) -> str:
        require_rank(self, x, 1, "(channels, *space)")
        return "(g c) ... -> (c g) ..."

    def known(self, x: Shape) -> dict[str, Number]:
        require_divides(
            self.groups, x[0], lambda: f"groups = {self.groups} does not divide the {x[0]} channels", "groups"
        )
        return {"g": self.groups}


class PixelShuffle(Rearranging):
    """Channels become space: (channels * r * r, height, width) -> (channels, height * r, width * r), r the
    `upscale_factor`.

    Source: Shi et al. 2016 (arXiv:1609.05158), equation 4; the order of channels is PyTorch's.
    """

    sized_by = "upscale_factor"

    upscale_factor: Size

    def written(self, x: Shape) -> str:
        return "... (c a b) h w -> ... c (h a) (w b)"

    def known(self, x: Shape) -> dict[str, Number]:
        return {"a": self.upscale_factor, "b": self.upscale_factor}

    def aliases(self, x: Shape) -> bool:
        return False

    def hands_back(self, x: Shape) -> tuple[int, ...]:
        return ()

    def window(self, x: Shape) -> Seen:
        return ((1, windows.one_over(self.upscale_factor)),) * 2


class PixelUnshuffle(Rearranging):
    """Space becomes channels (space to depth): (channels, height * r, width * r) -> (channels * r * r, height, width),
    r the `downscale_factor`. The order of channels is PyTorch's: each channel's r * r pixels stand together, where
    ONNX's SpaceToDepth puts each pixel's channels together.
    """

    sized_by = "downscale_factor"

    downscale_factor: Size

    def written(self, x: Shape) -> str:
        return "... c (h a) (w b) -> ... (c a b) h w"

    def known(self, x: Shape) -> dict[str, Number]:
        return {"a": self.downscale_factor, "b": self.downscale_factor}

    def aliases(self, x: Shape) -> bool:
        return False

    def hands_back(self, x: Shape) -> tuple[int, ...]:
        return ()

    def window(self, x: Shape) -> Seen:
        return ((self.downscale_factor, self.downscale_factor),) * 2


class Focus(Rearranging):
    """Each 2x2 pixels side by side as channels: (channels, height, width) -> (4 * channels, height / 2, width / 2),
    first all channels of the upper left pixel, then of the lower left, the upper right, the lower right.

    Source: the `Focus` module of YOLOv5, without its convolution; the patch merging of Liu et al. 2021 (Swin,
    arXiv:2103.14030), section 3.1, gathers in the same order.
    """

    def written(self, x: Shape) -> str:
        return "... c (h a) (w b) -> ... (b a c) h w"

    def known(self, x: Shape) -> dict[str, Number]:
        return {"a": 2, "b": 2}

    def window(self, x: Shape) -> Seen:
        return ((2, 2),) * 2


class WindowPartition(Rearranging):
    """A map cut into windows, row by row, and each window into its tokens: (channels, height, width) ->
    (windows, tokens, channels). Maps have their channels first here, as everywhere in this package.

    Source: Liu et al. 2021 (Swin, arXiv:2103.14030), section 3.2.
    """

    sized_by = "window_size"

    window_size: Window

    def written(self, x: Shape) -> str:
        return "... c (h a) (w b) -> ... (h w) (a b) c"

    def known(self, x: Shape) -> dict[str, Number]:
        return dict(zip("ab", windows.spread(self.window_size, 2), strict=True))


class WindowReverse(Rearranging):
    """The reverse of window_partition: (windows, tokens, channels) -> (channels, `height`, `width`).

    Source: Liu et al. 2021 (Swin, arXiv:2103.14030), section 3.2.
    """

    sized_by = "window_size"

    window_size: Window
    height: Size
    width: Size

    def written(self, x: Shape) -> str:
        return "... (h w) (a b) c -> ... c (h a) (w b)"

    def known(self, x: Shape) -> dict[str, Number]:
        sizes = dict(zip("ab", windows.spread(self.window_size, 2), strict=True))
        sizes["h"] = self.filled_by(sizes["a"], "height", self.height)
        sizes["w"] = self.filled_by(sizes["b"], "width", self.width)
        return sizes

    def filled_by(self, own: Number, field: str, size: Number) -> Number:
        """Return how many windows stand beside each other along an axis."""
        require_divides(own, size, lambda: f"windows of {own} do not fill {field} = {size}", field)
        return size // own
