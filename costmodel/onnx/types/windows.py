"""Nodes whose operators slide windows over space: convolutions and pools."""

from __future__ import annotations

from typing import Any

from costmodel.onnx.model import Node
from costmodel.onnx.reader import Reader, rule
from costmodel.ops import OPERATORS
from costmodel.reading.value import UnreadError, Value


def window(node: Node, value: Value, kernel: tuple[int, ...]) -> dict[str, Any]:
    """Return the fields that convolutions and pools share, each with a number for every axis of space.

    Raises:
        UnreadError: if the node's axes are not those of its input.
    """
    axes = len(kernel)
    if not 1 <= axes <= 3 or len(value.shape) != axes + 2:
        raise UnreadError(f"its kernel has {axes} axes, and its input {len(value.shape)}")
    stride = tuple(node.get("strides", [1] * axes))
    dilation = tuple(node.get("dilations", [1] * axes))
    return {
        "kernel_size": kernel,
        "stride": stride,
        "dilation": dilation,
        "padding": _padding(node, value.shape[2:], kernel, stride, dilation),
    }


def _padding(
    node: Node, space: tuple[int, ...], kernel: tuple[int, ...], stride: tuple[int, ...], dilation: tuple[int, ...]
) -> tuple[int, ...]:
    """Return the padding before each axis of space, then that after each."""
    auto = node.get("auto_pad", "NOTSET")
    if auto == "VALID":
        return (0,) * (2 * len(space))
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        total = [
            max((-(-size // step) - 1) * step + (taps - 1) * gap + 1 - size, 0)
            for size, taps, step, gap in zip(space, kernel, stride, dilation, strict=True)
        ]
        less, more = [n // 2 for n in total], [n - n // 2 for n in total]
        return tuple(less + more if auto == "SAME_UPPER" else more + less)
    return tuple(node.get("pads", [0] * (2 * len(space))))


@rule("Conv")
def _conv(read: Reader, node: Node) -> Value:
    value, weight, bias = read.value(node, 0), read.value(node, 1), read.optional(node, 2)
    fields = window(node, value, tuple(node.get("kernel_shape", weight.shape[2:])))
    fields |= {"out_channels": weight.shape[0], "groups": node.get("group", 1), "bias": bias is not None}
    if fields["kernel_size"] != weight.shape[2:]:
        raise UnreadError("its kernel is not of the shape that it says")
    if not weight.constant or (bias is not None and not bias.constant):
        raise UnreadError("its weights are computed")
    arrays = {"weight": weight} | ({} if bias is None else {"bias": bias})
    return read.add(node, OPERATORS["conv"](**fields), value, arrays=arrays)
