"""What nodes give that slide over space, walk over steps, or turn maps to blocks of channels and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil, floor, prod
from typing import Any, TypeAlias

from costmodel.numbers.arithmetic import Shape
from costmodel.pricing.memory.onnxruntime.nodes import WHOLE, Value

Attributes: TypeAlias = Mapping[str, Any]


def windows(shape: Shape, kernel: Sequence[int], attributes: Attributes) -> Shape:
    """Return the sizes of space that windows give."""
    axes = len(kernel)
    strides = attributes.get("strides") or [1] * axes
    spacing = attributes.get("dilations") or [1] * axes
    pads = attributes.get("pads") or [0] * (2 * axes)
    way = ceil if attributes.get("ceil_mode") else floor
    sizes = []
    for axis, size in enumerate(shape[2:]):
        reach = spacing[axis] * (kernel[axis] - 1) + 1
        out = way((size + pads[axis] + pads[axes + axis] - reach) / strides[axis]) + 1
        if attributes.get("ceil_mode") and (out - 1) * strides[axis] >= size + pads[axis]:
            out -= 1  # a window may not begin in the padding behind
        sizes.append(out)
    return tuple(sizes)


def conv(inputs: Sequence[Value], attributes: Attributes, outputs: int) -> list[Value]:
    """Return the map that a convolution gives."""
    x, weight = inputs[0].shape, inputs[1].shape
    return [Value((x[0], weight[0], *windows(x, weight[2:], attributes)), inputs[0].dtype)]


def conv_transpose(inputs: Sequence[Value], attributes: Attributes, outputs: int) -> list[Value]:
    """Return the map that a transposed convolution gives."""
    x, weight = inputs[0].shape, inputs[1].shape
    kernel, axes = weight[2:], len(weight) - 2
    strides = attributes.get("strides") or [1] * axes
    spacing = attributes.get("dilations") or [1] * axes
    pads = attributes.get("pads") or [0] * (2 * axes)
    more = attributes.get("output_padding") or [0] * axes
    space = tuple(
        strides[n] * (size - 1) + more[n] + spacing[n] * (kernel[n] - 1) + 1 - pads[n] - pads[axes + n]
        for n, size in enumerate(x[2:])
    )
    return [Value((x[0], weight[1] * attributes.get("group", 1), *space), inputs[0].dtype)]


def pool(inputs: Sequence[Value], attributes: Attributes, outputs: int) -> list[Value]:
    """Return the map that a pool gives, and the places where it found it."""
    x = inputs[0].shape
    out = (*x[:2], *windows(x, attributes["kernel_shape"], attributes))
    return [Value(out, inputs[0].dtype), Value(out, WHOLE)][:outputs]


def global_pool(inputs: Sequence[Value], attributes: Attributes, outputs: int) -> list[Value]:
    """Return one number a channel."""
    x = inputs[0].shape
    return [Value((*x[:2], *[1] * (len(x) - 2)), inputs[0].dtype)]


def resize(inputs: Sequence[Value], attributes: Attributes, outputs: int) -> list[Value]:
    """Return a map in the sizes asked for, or as many times as large."""
    shape = inputs[0].shape
    if len(inputs) > 3:
        return [Value(tuple(inputs[3].numbers), inputs[0].dtype)]
    return [Value(tuple(floor(n * by) for n, by in zip(shape, inputs[2].numbers, strict=True)), inputs[0].dtype)]


def grid_sample(inputs: Sequence[Value], attributes: Attributes, outputs: int) -> list[Value]:
    """Return a map sampled at the places of a grid."""
    (batch, channels, *_), (_, *space, _) = inputs[0].shape, inputs[1].shape
    return [Value((batch, channels, *space), inputs[0].dtype)]


def recurrent(inputs: Sequence[Value], attributes: Attributes, outputs: int) -> list[Value]:
    """Return the states at each step, and the last."""
    (steps, batch, _), hidden = inputs[0].shape, attributes["hidden_size"]
    ways = 2 if attributes.get("direction") == "bidirectional" else 1
    last = Value((ways, batch, hidden))
    return [Value((steps, ways, batch, hidden)), last, last][:outputs]


def from_columns(inputs: Sequence[Value], attributes: Attributes, outputs: int) -> list[Value]:
    """Return the map whose windows stand in columns."""
    (batch, rows, _), space, kernel = inputs[0].shape, inputs[1].numbers, inputs[2].numbers
    return [Value((batch, rows // prod(kernel), *space), inputs[0].dtype)]
