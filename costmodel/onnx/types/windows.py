"""Where windows lie that slide over space: what convolutions and pools share, and the convolutions."""

from __future__ import annotations

from math import prod
from typing import Any

from costmodel.errors import ShapeError
from costmodel.onnx.model import Node
from costmodel.onnx.reader import Reader, rule
from costmodel.onnx.types.common import Shape, counted
from costmodel.ops import OPERATORS
from costmodel.ops.windows import output_size
from costmodel.reading.value import UnreadError, Value

MOST_SPACE = 3
"""Axes that the operators' windows slide over."""


def window(node: Node, value: Value, kernel: Shape) -> dict[str, Any]:
    """Return the fields that convolutions and pools share, each with a number for every axis of space.

    Raises:
        UnreadError: if the node's axes are not those of its input.
    """
    axes = len(kernel)
    if not axes or len(value.shape) != axes + 2:
        raise UnreadError(f"its kernel has {axes} axes, and its input {len(value.shape)}")
    stride = tuple(node.get("strides", [1] * axes))
    dilation = tuple(node.get("dilations", [1] * axes))
    if len(stride) != axes or len(dilation) != axes or min(*kernel, *stride, *dilation) < 1:
        raise UnreadError(
            f"its strides {list(stride)} and dilations {list(dilation)} do not fit a kernel of {axes} axes"
        )
    return {
        "kernel_size": kernel,
        "stride": stride,
        "dilation": dilation,
        "padding": _padding(node, value.shape[2:], kernel, stride, dilation),
    }


def _padding(node: Node, space: Shape, kernel: Shape, stride: Shape, dilation: Shape) -> Shape:
    """Return the padding before each axis of space, then that after each."""
    auto = node.get("auto_pad", "NOTSET")
    if auto == "VALID":
        return (0,) * (2 * len(space))
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        total = [
            max((-(-size // step) - 1) * step + (taps - 1) * gap + 1 - size, 0)
            for size, taps, step, gap in zip(space, kernel, stride, dilation, strict=True)
        ]
        return shared_out(total, auto == "SAME_UPPER")
    pads = tuple(node.get("pads", [0] * (2 * len(space))))
    if len(pads) != 2 * len(space):
        raise UnreadError(f"its pads {list(pads)} are not two for each axis of space")
    return pads


def shared_out(total: list[int], more_after: bool) -> Shape:
    """Return paddings split into before and after, the odd one after or before."""
    less, more = [n // 2 for n in total], [n - n // 2 for n in total]
    return tuple(less + more if more_after else more + less)


def window_size(space: Shape, fields: dict[str, Any], ceil_mode: bool = False) -> Shape:
    """Return the sizes that a window over these sizes gives.

    Raises:
        UnreadError: if it is larger than the padded input.
    """
    found: list[int] = []
    columns = zip(space, fields["kernel_size"], fields["stride"], fields["dilation"], strict=True)
    for at, (size, taps, step, gap) in enumerate(columns):
        around = (fields["padding"][at], fields["padding"][at + len(space)])
        try:
            found += output_size((size,), (taps,), (step,), around, (gap,), ceil_mode)
        except ShapeError as error:
            raise UnreadError(error.message) from None
    return tuple(found)


def convolved(read: Reader, node: Node, value: Value, weight: Value, bias: Value | None, dtype: str = "") -> Value:
    """Add a convolution, its weight (out, in / groups, *kernel); where weights are computed or there are more than
    three axes of space, as a layer of known cost.
    """
    kernel = weight.shape[2:]
    fields = window(node, value, kernel)
    groups = node.get("group", 1)
    if tuple(node.get("kernel_shape", kernel)) != kernel:
        raise UnreadError("its kernel is not of the shape that it says")
    if value.shape[1] != weight.shape[1] * groups or weight.shape[0] % groups:
        raise UnreadError(f"its {weight.shape[0]} kernels of {weight.shape[1]} channels in {groups} groups do not fit")
    if weight.constant and (bias is None or bias.constant) and len(kernel) <= MOST_SPACE:
        op = OPERATORS["conv"](**fields, out_channels=weight.shape[0], groups=groups, bias=bias is not None)
        return read.add(node, op, value, arrays=weights(weight, bias), dtype=dtype)
    shape = (value.shape[0], weight.shape[0], *window_size(value.shape[2:], fields))
    return _of_known_cost(
        read, node, shape, [value, weight, bias], prod(shape) * prod(weight.shape[1:]), bias, dtype=dtype
    )


def _of_known_cost(
    read: Reader,
    node: Node,
    shape: Shape,
    given: list[Value | None],
    mult_adds: int,
    bias: Value | None,
    more: int = 0,
    dtype: str = "",
) -> Value:
    """Add a convolution that no operator is; a bias is one operation for each element, besides `more`."""
    other_ops = more + prod(shape) * (bias is not None)
    return counted(read, node, shape, *given, mult_adds=mult_adds, other_ops=other_ops, dtype=dtype)


def weights(weight: Value, bias: Value | None) -> dict[str, Value]:
    """Return the arrays of a convolution or linear layer by the operator's names for them."""
    return {"weight": weight} | ({} if bias is None else {"bias": bias})


@rule("Conv")
def _conv(read: Reader, node: Node) -> Value:
    return convolved(read, node, read.value(node, 0), read.value(node, 1), read.optional(node, 2))


@rule("ConvTranspose")
def _conv_transpose(read: Reader, node: Node) -> Value:
    value, weight, bias = read.value(node, 0), read.value(node, 1), read.optional(node, 2)
    groups, kernel = node.get("group", 1), weight.shape[2:]
    fields = window(node, value, kernel)
    if tuple(node.get("kernel_shape", kernel)) != kernel or value.shape[1] != weight.shape[0]:
        raise UnreadError("its kernel is not of the shape that it says")
    pads, extra = _transposed_padding(node, value.shape[2:], fields)
    channels = weight.shape[1] * groups
    if weight.constant and (bias is None or bias.constant) and len(kernel) <= MOST_SPACE:
        fields |= {"padding": pads, "output_padding": extra}
        op = OPERATORS["conv_transpose"](**fields, out_channels=channels, groups=groups, bias=bias is not None)
        return read.add(node, op, value, arrays=weights(weight, bias))
    space = [
        size - before - after + more
        for size, before, after, more in zip(
            _reached(value.shape[2:], fields), pads[: len(kernel)], pads[len(kernel) :], extra, strict=True
        )
    ]
    shape = (value.shape[0], channels, *space)
    return _of_known_cost(read, node, shape, [value, weight, bias], value.size * prod(weight.shape[1:]), bias)


def _reached(space: Shape, fields: dict[str, Any]) -> list[int]:
    """Return how far a transposed convolution reaches along each axis, before anything is cropped."""
    columns = zip(space, fields["kernel_size"], fields["stride"], fields["dilation"], strict=True)
    return [(size - 1) * step + (taps - 1) * gap + 1 for size, taps, step, gap in columns]


def _transposed_padding(node: Node, space: Shape, fields: dict[str, Any]) -> tuple[Shape, Shape]:
    """Return what is cropped, before and after each axis, and what is added after; a given size is met exactly."""
    axes, stride = len(space), fields["stride"]
    extra = tuple(node.get("output_padding", [0] * axes))
    auto, wanted = node.get("auto_pad", "NOTSET"), node.get("output_shape", None)
    if auto in ("SAME_UPPER", "SAME_LOWER") and wanted is None:
        wanted = [size * step for size, step in zip(space, stride, strict=True)]
    pads = fields["padding"]
    if wanted is not None:
        reach = _reached(space, fields)
        total = [r + more - size for r, more, size in zip(reach, extra, list(wanted)[-axes:], strict=True)]
        pads = shared_out(total, auto == "SAME_UPPER")
    if any(more >= step for more, step in zip(extra, stride, strict=True)):
        pads = (*pads[:axes], *(after - more for after, more in zip(pads[axes:], extra, strict=True)))
        extra = (0,) * axes
    return pads, extra


@rule("DeformConv")
def _deform_conv(read: Reader, node: Node) -> Value:
    value, weight, offset = (read.value(node, place) for place in range(3))
    bias, mask = read.optional(node, 3), read.optional(node, 4)
    fields = window(node, value, weight.shape[2:])
    shape = (value.shape[0], weight.shape[0], *window_size(value.shape[2:], fields))
    taps = prod(weight.shape[2:])
    sampled = prod(value.shape[:2]) * taps * prod(shape[2:])
    # Each value read between pixels weighs its 2^axes neighbours, and a mask weighs it once more.
    each = 2 ** (len(shape) - 1) - 1 + (mask is not None)
    given, mult_adds = [value, weight, offset, bias, mask], prod(shape) * weight.shape[1] * taps
    return _of_known_cost(read, node, shape, given, mult_adds, bias, sampled * each)
