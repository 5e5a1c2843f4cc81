"""Maps made larger or smaller: each value repeated, or interpolated between its neighbours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from costmodel.errors import ShapeError
from costmodel.numbers.arithmetic import Number, Shape, floor, holds, is_plain, product, show_shape, smallest
from costmodel.ops import lead, windows
from costmodel.ops.base import Cost, Emit, Operator, Weights, require
from costmodel.ops.fields import Factors, Interpolation, Window
from costmodel.ops.saved import NOTHING

if TYPE_CHECKING:
    from costmodel.ops.base import Array

TAPS = {"nearest": 1, "linear": 2, "bilinear": 2, "trilinear": 2, "bicubic": 4}
"""How many neighbours along each axis an output value is made of."""
AXES = {"linear": 1, "bilinear": 2, "trilinear": 3, "bicubic": 2}
"""Over how many axes of space a mode goes; nearest goes over any."""


class Resize(Operator):
    """(channels, *space) to a `size`, or to `scale` times its size, rounded down, where the scale need not be whole. A
    list sizes the last axes, a single number every axis after the channels. `mode` nearest repeats values (or leaves
    some out), the others weigh the 2 (linear, bilinear, trilinear) or 4 (bicubic) nearest along each axis.
    `align_corners` lays first on first and last on last; otherwise pixels are areas.

    other_ops: per output element, n multiplications and n - 1 additions for its n neighbours: nearest 0, linear 3,
    bilinear 7, trilinear 15, bicubic 31; the weights are the same for all channels and left out.
    Source: torch.nn.functional.interpolate; Keys 1981, "Cubic convolution interpolation for digital image processing",
    with a = -0.75 as PyTorch has it.
    """

    family = "resize"
    saves = NOTHING

    size: Window | None = None
    scale: Factors | None = None
    mode: Interpolation = "nearest"
    align_corners: bool = False

    def space(self, x: Shape) -> Shape:
        """Return the axes that change.

        Raises:
            ShapeError: if the fields contradict each other, or `x` has too few axes.
        """
        if (self.size is None) == (self.scale is None):
            raise ShapeError("resize takes either a size or a scale", field="scale" if self.size else None)
        if self.align_corners and self.mode == "nearest":
            raise ShapeError("align_corners is for modes that interpolate, not for nearest", field="align_corners")
        given = self.scale if self.size is None else self.size
        if isinstance(given, tuple):
            axes = len(given)
            require(
                len(x) > axes,
                lambda: f"resize to {list(given)} reads (channels, *space) with {axes} of space, not {show_shape(x)}",
            )
        else:
            axes = windows.axes_of_space(self, x)
        require(
            AXES.get(self.mode, axes) == axes,
            lambda: f"{self.mode} is over {windows.AXES_OF_SPACE[AXES[self.mode]]}, not over {axes} axes of space",
            "mode",
        )
        return lead.split(x, axes)[1]

    def shape(self, x: Shape) -> Shape:
        space = self.space(x)
        return (*x[: len(x) - len(space)], *self.target(space))

    def target(self, space: Shape) -> Shape:
        """Return the sizes of space in the output."""
        if self.size is not None:
            return windows.spread(self.size, len(space))
        scales = windows.spread(self.scale, len(space))
        if not all(holds(by > 0) for by in scales):
            raise ShapeError(f"scale must be more than 0, but is {self.scale}", field="scale")
        return windows.each_axis(lambda size, by: floor(size * by), space, scales)

    def cost(self, x: Shape) -> Cost:
        neighbours = TAPS[self.mode] ** len(self.space(x))
        return Cost(other_ops=(2 * neighbours - 1) * product(self.shape(x)) if self.mode != "nearest" else 0)

    def window(self, x: Shape) -> windows.Seen | None:
        """Known where every axis grows or shrinks by a whole number of pixels that are areas."""
        space = self.space(x)
        seen = [] if self.align_corners else [_seen(*axis, self.mode) for axis in self.steps(space)]
        found = tuple(axis for axis in seen if axis is not None)
        return found if len(found) == len(space) else None

    def steps(self, space: Shape) -> list[tuple[Number, Number]]:
        """Return each axis' size before and after."""
        return list(zip(space, self.target(space), strict=True))

    def scales(self, space: Shape) -> list[Any]:
        """Return how many outputs go to one input, on each axis."""
        if self.scale is not None:
            return [float(by) for by in windows.spread(self.scale, len(space))]
        return [after / before for before, after in self.steps(space)]

    def run(self, weights: Weights, x: Array) -> Array:
        from costmodel.ops import arrays

        space = self.space(x.shape[1:])
        first = x.ndim - len(space)
        for axis, (out, by) in enumerate(zip(self.target(space), self.scales(space), strict=True), first):
            x = arrays.resized(x, out, by, axis, TAPS[self.mode], self.align_corners)
        return x

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        shape = emit.shape(x)
        space, how = self.space(shape), self.attributes()
        more = [] if len(space) > 1 or self.mode == "nearest" else [1]  # ONNX Runtime interpolates two or three axes

        def write(folded: str) -> str:
            channels = shape[len(shape) - len(space) - 1]
            wide = emit("Unsqueeze", folded, emit.constant([2])) if more else folded
            if self.scale is not None:
                factors = [1.0, 1.0, *map(float, more), *self.scales(space)]
                out = emit("Resize", wide, "", emit.constant(factors), **how)
            else:
                sizes = emit.constant([channels, *more, *self.target(space)])
                batch = emit("Shape", wide, start=0, end=1)
                out = emit("Resize", wide, "", "", emit("Concat", batch, sizes, axis=0), **how)
            return emit("Squeeze", out, emit.constant([2])) if more else out

        return lead.emitted(emit, x, len(space) + 1, self.shape(shape), write)

    def attributes(self) -> dict[str, Any]:
        """Return ONNX's attributes of its mode."""
        if self.mode == "nearest":
            return {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
        kind = {"mode": "cubic", "cubic_coeff_a": -0.75} if self.mode == "bicubic" else {"mode": "linear"}
        where = "align_corners" if self.align_corners else "half_pixel"
        return {**kind, "coordinate_transformation_mode": where}


def _seen(before: Number, after: Number, mode: str) -> tuple[Number, Number] | None:
    """Return (kernel, stride) of an axis, None where outputs do not lie on a grid of inputs."""
    if not is_plain(before) or not is_plain(after):
        return None
    taps = TAPS[mode]
    if after % before == 0:
        return (1 if after == before else taps, windows.one_over(after // before))
    if before % after:
        return None
    step = before // after
    return (1 if step % 2 else taps, step)  # an odd step has its centre on a pixel


class Upsample(Operator):
    """(channels, *space) `scale` times as large: each value repeated, or where `bilinear`, interpolated between the
    centres of pixels. A short form of resize.

    other_ops: none, or 7 per output element where `bilinear` (4 multiplications, 3 additions).
    """

    family = "resize"
    blocks = "any"
    saves = NOTHING

    scale: Window = 2
    bilinear: bool = False

    def resize(self) -> Resize:
        """Return what it stands for."""
        return Resize(scale=self.scale, mode="bilinear" if self.bilinear else "nearest")

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
        return self.resize().run(weights, x)

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        return self.resize().onnx(emit, weights, x)
