"""Pools: over windows, over the whole of space, of regions, and back."""

from __future__ import annotations

from math import prod
from typing import Any

from costmodel.onnx.model import Node
from costmodel.onnx.reader import Reader, rule
from costmodel.onnx.types.common import Shape, asked, counted, note, outputs
from costmodel.onnx.types.windows import MOST_SPACE, window, window_size
from costmodel.ops import OPERATORS
from costmodel.reading.value import UnreadError, Value

OPS_EACH = {"MaxPool": 1, "AveragePool": 1, "LpPool": 2}
"""Other operations for each value in a window: a comparison, an addition, or a power and an addition."""


@rule("MaxPool", "AveragePool", "LpPool")
def _pool(read: Reader, node: Node) -> Value | list[Value]:
    value = read.value(node, 0)
    fields, ceil_mode, shape = pooled(node, value)
    axes, counts_border = len(shape) - 2, bool(node.get("count_include_pad", 0))
    around = [*zip(fields["padding"], fields["kernel_size"] * 2, strict=True)]
    fits = axes <= MOST_SPACE and all(0 <= pad < taps for pad, taps in around)
    if fits and node.op_type == "MaxPool":
        out = read.add(node, OPERATORS["max_pool"](**fields, ceil_mode=ceil_mode), value)
    elif fits and node.op_type == "AveragePool" and set(fields["dilation"]) == {1}:
        del fields["dilation"]
        op = OPERATORS["avg_pool"](**fields, ceil_mode=ceil_mode, count_include_pad=counts_border)
        out = read.add(node, op, value)
    else:
        taps = OPS_EACH[node.op_type] * prod(fields["kernel_size"])
        out = counted(read, node, shape, value, other_ops=prod(shape) * taps)
    if not asked(node, 1):
        return outputs(node, out, out)
    if not fits:
        return [out, _places(read, node, value, shape)]
    op = OPERATORS["max_pool_indices"](**fields, ceil_mode=ceil_mode)
    return [out, read.add(node, op, value, dtype="int64")]


def _places(read: Reader, node: Node, value: Value, shape: Shape) -> Value:
    op = OPERATORS["opaque"](type=f"{node.op_type} indices", size=shape)
    return read.add(node, op, value, dtype="int64")


def pooled(node: Node, value: Value) -> tuple[dict[str, Any], bool, Shape]:
    """Return the fields of a pool, whether it rounds up, and the shape that it gives."""
    fields = window(node, value, tuple(node.get("kernel_shape", None)))
    ceil_mode = bool(node.get("ceil_mode", 0)) and node.get("auto_pad", "NOTSET") == "NOTSET"
    return fields, ceil_mode, (*value.shape[:2], *window_size(value.shape[2:], fields, ceil_mode))


GLOBAL = {"GlobalAveragePool": "adaptive_avg_pool", "GlobalMaxPool": "adaptive_max_pool"}


@rule("GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool")
def _global(read: Reader, node: Node) -> Value:
    value = read.value(node, 0)
    axes = len(value.shape) - 2
    if axes < 1:
        raise UnreadError("it pools over space, and its input has none")
    if node.op_type in GLOBAL and axes <= MOST_SPACE:
        return read.add(node, OPERATORS[GLOBAL[node.op_type]](output_size=(1,) * axes), value)
    each = 2 if node.op_type == "GlobalLpPool" else 1
    return counted(read, node, (*value.shape[:2], *[1] * axes), value, other_ops=each * value.size)


@rule("MaxUnpool")
def _unpool(read: Reader, node: Node) -> Value:
    value, places = read.value(node, 0), read.value(node, 1)
    fields = window(node, value, tuple(node.get("kernel_shape", None)))
    del fields["dilation"]
    axes, pads = len(fields["kernel_size"]), fields["padding"]
    extra = (0,) * axes
    if node.has(2):
        own = [
            (size - 1) * step + taps - before - after
            for size, step, taps, before, after in zip(
                value.shape[2:], fields["stride"], fields["kernel_size"], pads[:axes], pads[axes:], strict=True
            )
        ]
        extra = tuple(a - b for a, b in zip(read.value(node, 2).integers()[-axes:], own, strict=True))
    if axes > MOST_SPACE:
        raise UnreadError(f"it has {axes} axes of space; at most {MOST_SPACE} are read")
    return read.add(node, OPERATORS["max_unpool"](**fields, output_padding=extra), value, places)


@rule("MaxRoiPool")
def _max_roi_pool(read: Reader, node: Node) -> Value:
    value, regions = read.value(node, 0), read.value(node, 1)
    shape = (regions.shape[0], value.shape[1], *node.get("pooled_shape", None))
    note(read, "regions of interest are taken to be as large as the whole map")
    seen = shape[0] * shape[1] * prod(size + out - 1 for size, out in zip(value.shape[2:], shape[2:], strict=True))
    return counted(read, node, shape, value, regions, other_ops=seen)


@rule("RoiAlign")
def _roi_align(read: Reader, node: Node) -> Value:
    value, regions, images = (read.value(node, place) for place in range(3))
    high, wide = node.get("output_height", 1), node.get("output_width", 1)
    shape = (regions.shape[0], value.shape[1], high, wide)
    ratio = node.get("sampling_ratio", 0)
    if not ratio:
        note(read, "regions of interest are taken to be as large as the whole map")
    samples = ratio * ratio or -(-value.shape[2] // high) * -(-value.shape[3] // wide)
    # Four neighbours weighed are 7 operations, and one more adds or compares.
    return counted(read, node, shape, value, regions, images, other_ops=prod(shape) * samples * 8)


@rule("Col2Im")
def _col2im(read: Reader, node: Node) -> Value:
    value = read.value(node, 0)
    size, kernel = (tuple(read.value(node, place).integers()) for place in (1, 2))
    axes = len(size)
    fields = {
        "stride": tuple(node.get("strides", [1] * axes)),
        "dilation": tuple(node.get("dilations", [1] * axes)),
        "padding": tuple(node.get("pads", [0] * (2 * axes))),
    }
    if axes <= MOST_SPACE:
        return read.add(node, OPERATORS["fold"](output_size=size, kernel_size=kernel, **fields), value)
    shape = (value.shape[0], value.shape[1] // prod(kernel), *size)
    return counted(read, node, shape, value, other_ops=value.size)
