"""Convolutions over one to three axes of space: plain, grouped, depthwise, and transposed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from costmodel.numbers.arithmetic import Number, Shape, equal, product, same, show_shape
from costmodel.ops import lead, windows
from costmodel.ops.base import Cost, Emit, Operator, Weights, require, require_divides
from costmodel.ops.fields import CountWindow, Padding, Size, Window
from costmodel.ops.saved import EAGER_INPUT, Saved, map_read

if TYPE_CHECKING:
    from costmodel.ops.base import Array


class Convolving(Operator, abstract=True):
    """What both kinds of convolution share."""

    fuses = "head"

    out_channels: Size
    kernel_size: Window = 1
    stride: Window = 1
    padding: Padding = 0
    dilation: Window = 1
    groups: Size = 1
    bias: bool = True

    def own_axes(self, x: Shape) -> tuple[Shape, Number, Shape]:
        """Return what repeats, the channels and the space of an input.

        Raises:
            ShapeError: if it has no such axes, or `groups` does not divide the channels on both sides.
        """
        before, core = lead.split(x, windows.axes_of_space(self, x, self.kernel_size) + 1)
        groups, in_channels, out_channels = self.groups, core[0], self.out_channels
        require_divides(
            groups, in_channels, lambda: f"groups = {groups} does not divide the {in_channels} input channels", "groups"
        )
        require_divides(
            groups, out_channels, lambda: f"groups = {groups} does not divide out_channels = {out_channels}", "groups"
        )
        return before, core[0], core[1:]

    def kernel(self, axes: int) -> tuple[Number, ...]:
        """Return the size of the kernel on each axis of space."""
        return windows.spread(self.kernel_size, axes)

    def written_out(self, pads: windows.Pads) -> Number:
        """Return 0 where every window is one number of its input, each in its turn, and 1 where windows are copied."""
        axes, as_it_lies = len(pads), 1
        for size in (*self.kernel(axes), *windows.spread(self.stride, axes)):
            as_it_lies = as_it_lies * equal(size, 1)
        for side in (side for pad in pads for side in pad):
            as_it_lies = as_it_lies * equal(side, 0)
        return 1 - as_it_lies

    def biased(self, kernel: Shape) -> dict[str, Shape]:
        """Return the arrays of a convolution with a kernel of this shape."""
        arrays: dict[str, Shape] = {"weight": kernel}
        return arrays | {"bias": (self.out_channels,)} if self.bias else arrays

    def splits(self) -> Number:
        return self.groups

    def attributes(self, axes: int, pads: windows.Pads) -> dict[str, Any]:
        """Return the ONNX attributes that both kinds have."""
        return {
            "kernel_shape": self.kernel(axes),
            "strides": windows.spread(self.stride, axes),
            "dilations": windows.spread(self.dilation, axes),
            "group": self.groups,
            "pads": windows.onnx_pads(pads),
        }

    def saved(self, x: Shape) -> tuple[Saved, ...]:
        # The gradient of the weights needs the input, but PyTorch keeps it for that of the input too.
        return (Saved(0, by=("weights",), keeper="minimum"), *self.read(x))

    def read(self, x: Shape) -> tuple[Saved, ...]:
        """Return what PyTorch keeps of its input."""
        return EAGER_INPUT


class Conv(Convolving):
    """Convolution (cross-correlation) over (..., channels, *space), with one to three axes of space.

    A kernel_size of one number slides over every axis after the first, which is the channels; a list slides over as
    many of the last axes as it has numbers, and whatever stands before their channels repeats.
    mult_adds = outputs * out_channels * in_channels / groups * kernel elements, positions in the padding included.
    `padding: same` is TensorFlow's: output = ceil(size / stride). With groups = in_channels it is a depthwise
    convolution.
    Source: Howard et al. 2017 (arXiv:1704.04861), equation 2, with the output's size for strided layers.
    """

    family = "conv"

    def shape(self, x: Shape) -> Shape:
        before, _, space = self.own_axes(x)
        size = windows.output_size(space, self.kernel_size, self.stride, self.padding, self.dilation)
        return (*before, self.out_channels, *size)

    def read(self, x: Shape) -> tuple[Saved, ...]:
        before, channels, space = self.own_axes(x)
        pads = windows.pads(space, self.kernel_size, self.stride, self.padding, self.dilation)
        padded = product(size + sum(pad) for size, pad in zip(space, pads, strict=True))
        return map_read(windows.padded_before(pads), product(before) * channels * padded)

    def unfolded(self, x: Shape) -> Number:
        before, channels, space = self.own_axes(x)
        pads = windows.pads(space, self.kernel_size, self.stride, self.padding, self.dilation)
        places = product(self.shape(x)[-len(space) :])
        return self.written_out(pads) * product((*before, channels, *self.kernel(len(space)), places))

    def weights(self, x: Shape) -> dict[str, Shape]:
        _, channels, space = self.own_axes(x)
        return self.biased((self.out_channels, channels // self.groups, *self.kernel(len(space))))

    def cost(self, x: Shape) -> Cost:
        _, channels, space = self.own_axes(x)
        out = product(self.shape(x))
        bias = out if self.bias else 0
        taps = channels // self.groups * product(self.kernel(len(space)))
        return Cost(mult_adds=out * taps, other_ops=bias, bias_ops=bias)

    def run(self, weights: Weights, x: Array) -> Array:
        from costmodel.ops import arrays

        axes = windows.axes_of_space(self, x.shape[1:], self.kernel_size)
        folded = lead.fold(x, axes + 1)
        batch, channels, *space = folded.shape
        kernel, stride, dilation = (windows.spread(v, axes) for v in (self.kernel_size, self.stride, self.dilation))
        pads = windows.pads(tuple(space), self.kernel_size, self.stride, self.padding, self.dilation)
        grouped = folded.reshape(batch, self.groups, channels // self.groups, *space)
        seen = arrays.windows(arrays.pad_map(grouped, pads), kernel, stride, dilation)
        out_space = seen.shape[3 : 3 + axes]
        columns = seen.transpose(0, 1, 2, *range(3 + axes, 3 + 2 * axes), *range(3, 3 + axes))
        columns = columns.reshape(batch, self.groups, -1, product(out_space))
        weight = weights["weight"].reshape(self.groups, self.out_channels // self.groups, -1)
        out = arrays.contract(weight, columns).reshape(batch, self.out_channels, *out_space)
        if self.bias:
            out = out + arrays.along(weights["bias"], out, 1)
        return lead.unfold(out, x, axes + 1)

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        _, _, space = self.own_axes(emit.shape(x))
        pads = windows.pads(space, self.kernel_size, self.stride, self.padding, self.dilation)
        attributes = self.attributes(len(space), pads)
        return lead.emitted(
            emit,
            x,
            len(space) + 1,
            self.shape(emit.shape(x)),
            lambda folded: emit("Conv", folded, *weights.values(), **attributes),
        )

    def kind(self, x: Shape) -> str:
        if not same(self.groups, 1):
            return "depthwise conv" if same(self.groups, self.own_axes(x)[1]) else "grouped conv"
        kernel = self.kernel_size if isinstance(self.kernel_size, tuple) else (self.kernel_size,)
        return "conv 1x1" if all(same(taps, 1) for taps in kernel) else "conv kxk"

    def window(self, x: Shape) -> windows.Seen:
        return windows.seen(
            self.kernel_size, self.stride, self.dilation, windows.axes_of_space(self, x, self.kernel_size)
        )


class ConvTranspose(Convolving):
    """Transposed convolution over (..., channels, *space): every input value spreads over a window of the output.

    mult_adds = inputs * out_channels / groups * kernel elements: the multiplications that the scatter form performs;
    those that land in cropped padding are included.
    """

    family = "transposed conv"

    output_padding: CountWindow = 0

    def shape(self, x: Shape) -> Shape:
        before, _, space = self.own_axes(x)
        extra, stride = (windows.spread(v, len(space)) for v in (self.output_padding, self.stride))
        for more, step in zip(extra, stride, strict=True):
            require(
                more < step,
                lambda: f"output_padding {show_shape(extra)} must be smaller than the stride {show_shape(stride)}",
                "output_padding",
            )
        size = windows.transposed_size(
            space, self.kernel_size, self.stride, self.padding, self.dilation, self.output_padding
        )
        return (*before, self.out_channels, *size)

    def unfolded(self, x: Shape) -> Number:
        before, _, space = self.own_axes(x)  # what is written out here are the products, before they are added up
        pads = windows.transposed_pads(self.kernel_size, self.stride, self.padding, self.dilation, len(space))
        return self.written_out(pads) * product((*before, self.out_channels, *self.kernel(len(space)), *space))

    def weights(self, x: Shape) -> dict[str, Shape]:
        _, channels, space = self.own_axes(x)
        return self.biased((channels, self.out_channels // self.groups, *self.kernel(len(space))))

    def cost(self, x: Shape) -> Cost:
        _, _, space = self.own_axes(x)
        taps = self.out_channels // self.groups * product(self.kernel(len(space)))
        bias = product(self.shape(x)) if self.bias else 0
        return Cost(mult_adds=product(x) * taps, other_ops=bias, bias_ops=bias)

    def run(self, weights: Weights, x: Array) -> Array:
        from costmodel.ops import arrays

        axes = windows.axes_of_space(self, x.shape[1:], self.kernel_size)
        folded = lead.fold(x, axes + 1)
        batch, channels, *space = folded.shape
        kernel, stride, dilation = (windows.spread(v, axes) for v in (self.kernel_size, self.stride, self.dilation))
        weight = weights["weight"].reshape(self.groups, channels // self.groups, -1)
        inputs = folded.reshape(batch, self.groups, channels // self.groups, product(space))
        columns = arrays.contract(weight.transpose(0, 2, 1), inputs)
        columns = columns.reshape(batch, self.out_channels, *kernel, *space)
        columns = columns.transpose(0, 1, *range(2 + axes, 2 + 2 * axes), *range(2, 2 + axes))
        more = tuple((0, size) for size in windows.spread(self.output_padding, axes))
        spread = arrays.pad_map(arrays.scatter(columns, stride, dilation), more)
        pads = windows.transposed_pads(self.kernel_size, self.stride, self.padding, self.dilation, axes)
        out = arrays.crop_map(spread, pads)
        if self.bias:
            out = out + arrays.along(weights["bias"], out, 1)
        return lead.unfold(out, x, axes + 1)

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        _, _, space = self.own_axes(emit.shape(x))
        axes = len(space)
        pads = windows.transposed_pads(self.kernel_size, self.stride, self.padding, self.dilation, axes)
        attributes = self.attributes(axes, pads) | {"output_padding": windows.spread(self.output_padding, axes)}
        return lead.emitted(
            emit,
            x,
            axes + 1,
            self.shape(emit.shape(x)),
            lambda folded: emit("ConvTranspose", folded, *weights.values(), **attributes),
        )

    def window(self, x: Shape) -> windows.Seen:
        axes = windows.axes_of_space(self, x, self.kernel_size)
        return windows.seen_transposed(self.kernel_size, self.stride, self.dilation, axes)
