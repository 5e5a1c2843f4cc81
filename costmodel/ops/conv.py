"""Convolutions: plain, grouped, depthwise, and transposed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from costmodel.numbers.arithmetic import Number, Shape, product, same, show_shape
from costmodel.ops import windows
from costmodel.ops.base import Cost, Emit, Operator, Weights, require, require_divides, require_map
from costmodel.ops.fields import CountPair, Padding, Pair, Size

if TYPE_CHECKING:
    from costmodel.ops.arrays import Array


def require_grouped_map(op: Conv | ConvTranspose, x: Shape) -> None:
    """Raise a ShapeError unless `x` is a feature map and `op`'s groups divide the channels on both sides."""
    require_map(op, x)
    groups, in_channels, out_channels = op.groups, x[0], op.out_channels
    require_divides(
        groups, in_channels, lambda: f"groups = {groups} does not divide the {in_channels} input channels", "groups"
    )
    require_divides(
        groups, out_channels, lambda: f"groups = {groups} does not divide out_channels = {out_channels}", "groups"
    )


class Conv(Operator):
    """2-D convolution (cross-correlation) over a feature map.

    mult_adds = out_height * out_width * out_channels * in_channels / groups * kernel_height * kernel_width, positions
    in the padding included.
    `padding: same` is TensorFlow's: output = ceil(size / stride). With groups = in_channels it is a depthwise
    convolution.
    Source: Howard et al. 2017 (arXiv:1704.04861), equation 2, with the output's size for strided layers.
    """

    kind_name = "conv"
    fuses = "head"
    saves = "input"

    out_channels: Size
    kernel_size: Pair = 1
    stride: Pair = 1
    padding: Padding = 0
    dilation: Pair = 1
    groups: Size = 1
    bias: bool = True

    def shape(self, x: Shape) -> Shape:
        require_grouped_map(self, x)
        return (self.out_channels, *windows.output_size(x, self.kernel_size, self.stride, self.padding, self.dilation))

    def weights(self, x: Shape) -> dict[str, Shape]:
        kernel: dict[str, Shape] = {"weight": (self.out_channels, x[0] // self.groups, *windows.pair(self.kernel_size))}
        return kernel | {"bias": (self.out_channels,)} if self.bias else kernel

    def cost(self, x: Shape) -> Cost:
        out = product(self.shape(x))
        taps = x[0] // self.groups * product(windows.pair(self.kernel_size))
        return Cost(mult_adds=out * taps, other_ops=out if self.bias else 0)

    def run(self, weights: Weights, x: Array) -> Array:
        from costmodel.ops import arrays

        batch, channels, *size = x.shape
        kernel, stride, dilation = (windows.pair(v) for v in (self.kernel_size, self.stride, self.dilation))
        pads = windows.pads(x.shape[1:], self.kernel_size, self.stride, self.padding, self.dilation)
        grouped = x.reshape(batch, self.groups, channels // self.groups, *size)
        seen = arrays.windows(arrays.pad_map(grouped, pads), kernel, stride, dilation)
        high, wide = seen.shape[3:5]
        columns = seen.transpose(0, 1, 2, 5, 6, 3, 4).reshape(batch, self.groups, -1, high * wide)
        weight = weights["weight"].reshape(self.groups, self.out_channels // self.groups, -1)
        out = arrays.contract(weight, columns).reshape(batch, self.out_channels, high, wide)
        return out + arrays.per_channel(weights["bias"], out) if self.bias else out

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        pads = windows.pads(emit.shape(x), self.kernel_size, self.stride, self.padding, self.dilation)
        return emit(
            "Conv",
            x,
            *weights.values(),
            kernel_shape=windows.pair(self.kernel_size),
            strides=windows.pair(self.stride),
            dilations=windows.pair(self.dilation),
            group=self.groups,
            pads=windows.onnx_pads(pads),
        )

    def kind(self, x: Shape) -> str:
        if not same(self.groups, 1):
            return "depthwise conv" if same(self.groups, x[0]) else "grouped conv"
        pointwise = all(same(taps, 1) for taps in windows.pair(self.kernel_size))
        return "conv 1x1" if pointwise else "conv kxk"

    def splits(self) -> Number:
        return self.groups

    def window(self, x: Shape) -> tuple[tuple[Number, Number], tuple[Number, Number]]:
        return windows.seen(self.kernel_size, self.stride, self.dilation)


class ConvTranspose(Operator):
    """Transposed 2-D convolution: every input value spreads over a window of the output.

    mult_adds = in_height * in_width * in_channels * out_channels / groups * kernel_height * kernel_width: the
    multiplications that the scatter form performs; those that land in cropped padding are included.
    """

    kind_name = "transposed conv"
    fuses = "head"
    saves = "input"

    out_channels: Size
    kernel_size: Pair = 1
    stride: Pair = 1
    padding: Padding = 0
    output_padding: CountPair = 0
    dilation: Pair = 1
    groups: Size = 1
    bias: bool = True

    def shape(self, x: Shape) -> Shape:
        require_grouped_map(self, x)
        extra, stride = windows.pair(self.output_padding), windows.pair(self.stride)
        require(
            (extra[0] < stride[0]) & (extra[1] < stride[1]),
            lambda: f"output_padding {show_shape(extra)} must be smaller than the stride {show_shape(stride)}",
            "output_padding",
        )
        return (
            self.out_channels,
            *windows.transposed_size(
                x, self.kernel_size, self.stride, self.padding, self.dilation, self.output_padding
            ),
        )

    def weights(self, x: Shape) -> dict[str, Shape]:
        kernel: dict[str, Shape] = {"weight": (x[0], self.out_channels // self.groups, *windows.pair(self.kernel_size))}
        return kernel | {"bias": (self.out_channels,)} if self.bias else kernel

    def cost(self, x: Shape) -> Cost:
        taps = self.out_channels // self.groups * product(windows.pair(self.kernel_size))
        return Cost(mult_adds=product(x) * taps, other_ops=product(self.shape(x)) if self.bias else 0)

    def run(self, weights: Weights, x: Array) -> Array:
        from costmodel.ops import arrays

        batch, channels, rows, cols = x.shape
        kernel, stride, dilation = (windows.pair(v) for v in (self.kernel_size, self.stride, self.dilation))
        weight = weights["weight"].reshape(self.groups, channels // self.groups, -1)
        columns = arrays.contract(
            weight.transpose(0, 2, 1), x.reshape(batch, self.groups, channels // self.groups, rows * cols)
        )
        columns = columns.reshape(batch, self.out_channels, *kernel, rows, cols).transpose(0, 1, 4, 5, 2, 3)
        more_rows, more_cols = windows.pair(self.output_padding)
        spread = arrays.pad_map(arrays.scatter(columns, stride, dilation), ((0, more_rows), (0, more_cols)))
        pads = windows.transposed_pads(self.kernel_size, self.stride, self.padding, self.dilation)
        out = arrays.crop_map(spread, pads)
        return out + arrays.per_channel(weights["bias"], out) if self.bias else out

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        pads = windows.transposed_pads(self.kernel_size, self.stride, self.padding, self.dilation)
        return emit(
            "ConvTranspose",
            x,
            *weights.values(),
            kernel_shape=windows.pair(self.kernel_size),
            strides=windows.pair(self.stride),
            dilations=windows.pair(self.dilation),
            output_padding=windows.pair(self.output_padding),
            group=self.groups,
            pads=windows.onnx_pads(pads),
        )

    def splits(self) -> Number:
        return self.groups

    def window(self, x: Shape) -> tuple[tuple[Number, Number], tuple[Number, Number]]:
        return windows.seen_transposed(self.kernel_size, self.stride, self.dilation)
