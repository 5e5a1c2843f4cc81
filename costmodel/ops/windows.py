"""Output sizes of sliding windows, once for convolutions, pools and transposed convolutions alike."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from costmodel.errors import ShapeError
from costmodel.numbers.arithmetic import Number, Shape, ceil_div, equal, holds, is_plain, largest, show_shape, smallest
from costmodel.ops.fields import CountPair, Padding, Pair

Pads = tuple[tuple[Number, Number], tuple[Number, Number]]


def pair(value: Pair) -> tuple[Number, Number]:
    """Return (height, width) of a field written once for both or as a pair."""
    return value if isinstance(value, tuple) else (value, value)


def each_axis(rule: Callable[..., Number], *pairs: tuple[Any, Any]) -> tuple[Number, Number]:
    """Apply `rule` to the heights and to the widths of `pairs`; once only where the two are the very same numbers."""
    heights, widths = zip(*pairs, strict=True)
    high = rule(*heights)
    if all(h is w for h, w in pairs):
        return high, high
    return high, rule(*widths)


def extent(kernel: Number, dilation: Number) -> Number:
    """Return how many neighbouring inputs a dilated kernel spans."""
    return (kernel - 1) * dilation + 1


def same_total(size: Number, span: Number, stride: Number) -> Number:
    """Return the total padding that makes the output ceil(size / stride), as TensorFlow's 'SAME' does."""
    return largest((ceil_div(size, stride) - 1) * stride + span - size, 0)


def explicit(padding: Padding) -> Pads:
    """Return ((top, bottom), (left, right)) of a padding written in numbers; 'valid' is none. 'same' depends on the
    input: see `pads`.
    """
    if isinstance(padding, str) and padding == "valid":
        return (0, 0), (0, 0)
    if isinstance(padding, tuple) and len(padding) == 4:
        top, left, bottom, right = padding
        return (top, bottom), (left, right)
    high, wide = pair(padding)
    return (high, high), (wide, wide)


def pads(x: Shape, kernel_size: Pair, stride: Pair, padding: Padding, dilation: Pair) -> Pads:
    """Return ((top, bottom), (left, right)) for an input map of shape `x`; 'same' puts the odd one after, as
    TensorFlow does.
    """
    if isinstance(padding, str) and padding == "same":
        span = each_axis(extent, pair(kernel_size), pair(dilation))
        high, wide = each_axis(same_total, (x[1], x[2]), span, pair(stride))
        return (high // 2, high - high // 2), (wide // 2, wide - wide // 2)
    return explicit(padding)


def output_size(
    x: Shape, kernel_size: Pair, stride: Pair, padding: Padding, dilation: Pair = 1, ceil_mode: bool = False
) -> tuple[Number, Number]:
    """Return (height, width) that a window sliding over the map `x` gives.

    floor((size + padding - span) / stride) + 1, or, with `ceil_mode`, rounded up but with no window that starts in the
    padding after.

    Raises:
        ShapeError: if the window is larger than the padded input.
    """
    sizes = (x[1], x[2])
    if isinstance(padding, str) and padding == "same":
        return each_axis(ceil_div, sizes, pair(stride))
    span = each_axis(extent, pair(kernel_size), pair(dilation))

    def axis(size: Number, span: Number, stride: Number, pad: tuple[Number, Number]) -> Number:
        room = size + pad[0] + pad[1] - span
        if not holds(room > -stride if ceil_mode else room >= 0):
            raise ShapeError(
                f"a window of {show_shape(span_shape)} is larger than its padded input {show_shape(padded)}",
                field="kernel_size",
                hint="use a smaller kernel, more padding, or fewer strides before this layer",
            )
        if ceil_mode:
            return smallest(ceil_div(room, stride) + 1, ceil_div(size + pad[0], stride))
        return room // stride + 1

    (top, bottom), (left, right) = explicit(padding)
    span_shape, padded = span, (x[1] + top + bottom, x[2] + left + right)
    before_after = ((top, bottom), (left, right))
    if top is left and bottom is right:
        before_after = (before_after[0], before_after[0])
    return each_axis(axis, sizes, span, pair(stride), before_after)


def overhang(x: Shape, kernel_size: Pair, stride: Pair, padding: Padding, dilation: Pair) -> Pads:
    """Return how far the last window of a pool that rounds up (`ceil_mode`) reaches beyond the padding."""

    def axis(size: Number, span: Number, step: Number, own: tuple[Number, Number]) -> tuple[Number, Number]:
        missing = -(size + sum(own) - span) % step
        last_start = size + sum(own) + missing - span
        return (0, 0) if last_start >= size + own[0] else (0, missing)

    spans, own = each_axis(extent, pair(kernel_size), pair(dilation)), pads(x, kernel_size, stride, padding, dilation)
    high, wide = map(axis, x[1:], spans, pair(stride), own)
    return high, wide


def transposed_size(
    x: Shape, kernel_size: Pair, stride: Pair, padding: Padding, dilation: Pair, output_padding: CountPair
) -> tuple[Number, Number]:
    """Return (height, width) of a transposed convolution: (size - 1) * stride - padding + span + output_padding.

    'same' padding gives size * stride.

    Raises:
        ShapeError: if nothing would be left of the output, or if it cannot be size * stride because the kernel spans
        less than the stride.
    """
    strides, extra = pair(stride), pair(output_padding)
    spans = each_axis(extent, pair(kernel_size), pair(dilation))
    if isinstance(padding, str) and padding == "same":
        if not all(holds(span >= step) for span, step in zip(spans, strides, strict=True)):
            raise ShapeError(
                f"padding 'same' needs a kernel at least as large as the stride, but it spans {show_shape(spans)} "
                f"and the stride is {show_shape(strides)}",
                field="padding",
                hint="use a larger kernel, or padding: 0 with output_padding",
            )
        if not all(holds(equal(more, 0)) for more in extra):
            raise ShapeError("padding 'same' leaves no room for output_padding", field="output_padding")
        return x[1] * strides[0], x[2] * strides[1]
    (top, bottom), (left, right) = explicit(padding)
    high = (x[1] - 1) * strides[0] - top - bottom + spans[0] + extra[0]
    wide = (x[2] - 1) * strides[1] - left - right + spans[1] + extra[1]
    if not (holds(high >= 1) and holds(wide >= 1)):
        raise ShapeError(f"the padding leaves nothing of the output ({show_shape((high, wide))})", field="padding")
    return high, wide


def transposed_pads(kernel_size: Pair, stride: Pair, padding: Padding, dilation: Pair) -> Pads:
    """Return what a transposed convolution crops: ((top, bottom), (left, right))."""
    if isinstance(padding, str) and padding == "same":
        span = each_axis(extent, pair(kernel_size), pair(dilation))
        high, wide = (s - step for s, step in zip(span, pair(stride), strict=True))
        return (high // 2, high - high // 2), (wide // 2, wide - wide // 2)
    return explicit(padding)


def onnx_pads(pads: Pads) -> list[Number]:
    """Return a padding in ONNX's order: top, left, bottom, right."""
    return [*(before for before, _ in pads), *(after for _, after in pads)]


def seen(kernel_size: Pair, stride: Pair, dilation: Pair = 1) -> tuple[tuple[Number, Number], tuple[Number, Number]]:
    """Return ((extent, stride) of the height, (extent, stride) of the width): what the receptive field grows by."""
    spans = each_axis(extent, pair(kernel_size), pair(dilation))
    strides = pair(stride)
    return (spans[0], strides[0]), (spans[1], strides[1])


def seen_transposed(
    kernel_size: Pair, stride: Pair, dilation: Pair = 1
) -> tuple[tuple[Number, Number], tuple[Number, Number]]:
    """As `seen`, of a transposed convolution: outputs lie 1 / stride apart, and an input spreads over `extent` of them,
    so that one output sees extent / stride inputs.
    """
    spans = each_axis(extent, pair(kernel_size), pair(dilation))
    high, wide = map(one_over, pair(stride))
    return (spans[0] * high, high), (spans[1] * wide, wide)


def one_over(steps: Number) -> Number:
    """Return 1 / steps, exactly."""
    return Fraction(1, steps) if is_plain(steps) else 1 / steps
