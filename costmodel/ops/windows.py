"""Output sizes of sliding windows over one to three axes of space, once for convolutions, pools and what reverses them.

A tensor that windows slide over is (..., channels, *space): as many axes of space as the kernel's list has numbers, or
all after the first where the kernel is a single number. Whatever stands before the channels repeats.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from costmodel.errors import ShapeError
from costmodel.numbers.arithmetic import Number, Shape, ceil_div, equal, holds, is_plain, largest, show_shape, smallest
from costmodel.ops.fields import CountWindow, Padding, Window

if TYPE_CHECKING:
    from costmodel.ops.base import Operator

Pads = tuple[tuple[Number, Number], ...]
"""(before, after) of each axis of space."""
Seen = tuple[tuple[Number, Number], ...]
"""(kernel, stride) of each axis of space."""
MOST_SPACE = 3
AXES_OF_SPACE = {1: "length", 2: "height and width", 3: "depth, height and width"}


def axes_of_space(op: Operator, x: Shape, kernel_size: Window | None = None) -> int:
    """Return over how many axes a window of `op` slides on `x`.

    Raises:
        ShapeError: if `x` has not as many after its channels, or more than three.
    """
    if isinstance(kernel_size, tuple):
        number = len(kernel_size)
        if len(x) <= number:
            raise ShapeError(
                f"{op.name} with a kernel of {show_shape(kernel_size)} slides over the {AXES_OF_SPACE[number]} of "
                f"(channels, {AXES_OF_SPACE[number].replace(' and ', ', ')}), but its input is {show_shape(x)}",
                field="kernel_size",
            )
        return number
    if not 2 <= len(x) <= MOST_SPACE + 1:
        raise ShapeError(
            f"{op.name} reads (channels, *space), such as (channels, height, width), but its input is {show_shape(x)}",
            hint="name the axes by a list: kernel_size: [3, 3] slides over the last two"
            if len(x) > 2
            else "pooling, convolutions and normalisation come before flatten and global pooling",
        )
    return len(x) - 1


def spread(value: Window, axes: int) -> tuple[Number, ...]:
    """Return a field written once for all axes of space, or as a list, as one number for each axis.

    Raises:
        ShapeError: if the list is as long as another number of axes.
    """
    if not isinstance(value, tuple):
        return (value,) * axes
    if len(value) != axes:
        raise ShapeError(f"{list(value)} has {len(value)} numbers, but the window slides over {AXES_OF_SPACE[axes]}")
    return value


def each_axis(rule: Callable[..., Any], *columns: Sequence[Any]) -> tuple[Any, ...]:
    """Apply `rule` axis by axis; once only for neighbouring axes that have the very same numbers."""
    found: list[Any] = []
    before: tuple[Any, ...] = ()
    for numbers in zip(*columns, strict=True):
        if found and all(a is b for a, b in zip(numbers, before, strict=True)):
            found.append(found[-1])
        else:
            found.append(rule(*numbers))
        before = numbers
    return tuple(found)


def extent(kernel: Number, dilation: Number) -> Number:
    """Return how many neighbouring inputs a dilated kernel spans."""
    return (kernel - 1) * dilation + 1


def extents(kernel_size: Window, dilation: Window, axes: int) -> tuple[Number, ...]:
    """Return how many neighbouring inputs a dilated kernel spans on each axis."""
    return each_axis(extent, spread(kernel_size, axes), spread(dilation, axes))


def same_total(size: Number, span: Number, stride: Number) -> Number:
    """Return the total padding that makes the output ceil(size / stride), as TensorFlow's 'SAME' does."""
    return largest((ceil_div(size, stride) - 1) * stride + span - size, 0)


def halves(total: Number) -> tuple[Number, Number]:
    """Split a padding in two, the odd one after, as TensorFlow does."""
    return total // 2, total - total // 2


def explicit(padding: Padding, axes: int) -> Pads:
    """Return (before, after) of each axis of a padding written in numbers; 'valid' is none. 'same' depends on the
    input: see `pads`.
    """
    if isinstance(padding, str) and padding == "valid":
        return ((0, 0),) * axes
    if isinstance(padding, tuple) and len(padding) == 2 * axes:
        return tuple(zip(padding[:axes], padding[axes:], strict=True))
    if not isinstance(padding, tuple):
        return ((padding, padding),) * axes
    return tuple((size, size) for size in spread(padding, axes))


def pads(space: Shape, kernel_size: Window, stride: Window, padding: Padding, dilation: Window) -> Pads:
    """Return (before, after) of each axis for an input of these sizes; 'same' puts the odd one after, as TensorFlow
    does.
    """
    axes = len(space)
    if isinstance(padding, str) and padding == "same":
        return each_axis(
            halves, each_axis(same_total, space, extents(kernel_size, dilation, axes), spread(stride, axes))
        )
    return explicit(padding, axes)


def padded_before(pads: Pads, most: Shape | None = None) -> Number:
    """Return 1 where PyTorch's own windows do not take a padding, so that the map is padded beforehand, and 0 where
    they do: the same on both sides, and in pools at most half of `most`.
    """
    far: Number = sum(((after - before) * (after - before) for before, after in pads), 0)
    if most is not None:
        far = far + sum((largest(2 * before - size, 0) for (before, _), size in zip(pads, most, strict=True)), 0)
    return smallest(far, 1)


def output_size(
    space: Shape, kernel_size: Window, stride: Window, padding: Padding, dilation: Window = 1, ceil_mode: bool = False
) -> Shape:
    """Return the sizes that a window sliding over these sizes gives.

    floor((size + padding - span) / stride) + 1, or, with `ceil_mode`, rounded up but with no window that starts in the
    padding after.

    Raises:
        ShapeError: if the window is larger than the padded input.
    """
    axes = len(space)
    strides = spread(stride, axes)
    if isinstance(padding, str) and padding == "same":
        return each_axis(ceil_div, space, strides)
    spans, around = extents(kernel_size, dilation, axes), _shared(explicit(padding, axes))

    def axis(size: Number, span: Number, stride: Number, pad: tuple[Number, Number]) -> Number:
        room = size + pad[0] + pad[1] - span
        if not holds(room > -stride if ceil_mode else room >= 0):
            padded = tuple(size + sum(pad) for size, pad in zip(space, around, strict=True))
            raise ShapeError(
                f"a window of {show_shape(spans)} is larger than its padded input {show_shape(padded)}",
                field="kernel_size",
                hint="use a smaller kernel, more padding, or fewer strides before this layer",
            )
        if not ceil_mode:
            return room // stride + 1
        windows, after = ceil_div(room, stride) + 1, stride + pad[1] - span
        if is_plain(after) and after <= 0:  # the last window starts before the padding after, whatever the size
            return windows
        return smallest(windows, ceil_div(size + pad[0], stride))

    return each_axis(axis, space, spans, strides, around)


def _shared(around: Pads) -> Pads:
    """Return the same paddings, one and the same pair where neighbouring axes have the very same numbers."""
    found: list[tuple[Number, Number]] = []
    for before, after in around:
        if found and found[-1][0] is before and found[-1][1] is after:
            found.append(found[-1])
        else:
            found.append((before, after))
    return tuple(found)


def overhang(space: Shape, kernel_size: Window, stride: Window, padding: Padding, dilation: Window) -> Pads:
    """Return how far the last window of a pool that rounds up (`ceil_mode`) reaches beyond the padding."""

    def axis(size: Number, span: Number, step: Number, own: tuple[Number, Number]) -> tuple[Number, Number]:
        missing = -(size + sum(own) - span) % step
        last_start = size + sum(own) + missing - span
        return (0, 0) if last_start >= size + own[0] else (0, missing)

    axes, own = len(space), pads(space, kernel_size, stride, padding, dilation)
    return each_axis(axis, space, extents(kernel_size, dilation, axes), spread(stride, axes), own)


def transposed_size(
    space: Shape, kernel_size: Window, stride: Window, padding: Padding, dilation: Window, output_padding: CountWindow
) -> Shape:
    """Return the sizes of a transposed convolution: (size - 1) * stride - padding + span + output_padding.

    'same' padding gives size * stride.

    Raises:
        ShapeError: if nothing would be left of the output, or if it cannot be size * stride because the kernel spans
        less than the stride.
    """
    axes = len(space)
    strides, extra, spans = spread(stride, axes), spread(output_padding, axes), extents(kernel_size, dilation, axes)
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
        return each_axis(lambda size, step: size * step, space, strides)
    around = _shared(explicit(padding, axes))

    def axis(size: Number, step: Number, pad: tuple[Number, Number], span: Number, more: Number) -> Number:
        return (size - 1) * step - pad[0] - pad[1] + span + more

    out = each_axis(axis, space, strides, around, spans, extra)
    if not all(holds(size >= 1) for size in out):
        raise ShapeError(f"the padding leaves nothing of the output ({show_shape(out)})", field="padding")
    return out


def transposed_pads(kernel_size: Window, stride: Window, padding: Padding, dilation: Window, axes: int) -> Pads:
    """Return what a transposed convolution crops: (before, after) of each axis."""
    if isinstance(padding, str) and padding == "same":
        spans, steps = extents(kernel_size, dilation, axes), spread(stride, axes)
        return each_axis(lambda span, step: halves(span - step), spans, steps)
    return explicit(padding, axes)


def onnx_pads(pads: Pads) -> list[Number]:
    """Return a padding in ONNX's order: those before each axis, then those after each."""
    return [*(before for before, _ in pads), *(after for _, after in pads)]


def seen(kernel_size: Window, stride: Window, dilation: Window, axes: int) -> Seen:
    """Return (kernel, stride) of each axis that one output sees of its input, dilation included."""
    if not isinstance(kernel_size, tuple) and not isinstance(stride, tuple) and not isinstance(dilation, tuple):
        return ((extent(kernel_size, dilation), stride),) * axes  # by far the most frequent
    return tuple(zip(extents(kernel_size, dilation, axes), spread(stride, axes), strict=True))


def seen_transposed(kernel_size: Window, stride: Window, dilation: Window, axes: int) -> Seen:
    """As `seen`, of a transposed convolution: outputs lie 1 / stride apart, and an input spreads over `extent` of them,
    so that one output sees extent / stride inputs.
    """
    steps = each_axis(one_over, spread(stride, axes))
    return tuple((span * step, step) for span, step in zip(extents(kernel_size, dilation, axes), steps, strict=True))


def one_over(steps: Number) -> Number:
    """Return 1 / steps, exactly."""
    return Fraction(1, steps) if is_plain(steps) else 1 / steps
