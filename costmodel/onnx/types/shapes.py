"""Nodes that ask for sizes, change shapes and move axes: arithmetic on sizes is done, the rest are rearrangements."""

from __future__ import annotations

from math import prod

from costmodel.numbers.arithmetic import show_shape
from costmodel.onnx.model import Node
from costmodel.onnx.reader import Reader, rule
from costmodel.reading.moves import reshaped, transposed
from costmodel.reading.value import UnreadError, Value, known


@rule("Shape")
def _shape(read: Reader, node: Node) -> Value:
    import numpy as np

    shape = read.value(node, 0).shape
    return known(np.asarray(shape[node.get("start", 0) : node.get("end", len(shape))], np.int64))


def as_shape(read: Reader, node: Node, value: Value, shape: tuple[int, ...]) -> Value:
    """Return a value under another shape of as many numbers.

    Raises:
        UnreadError: if it has not as many.
    """
    if prod(shape) != value.size:
        raise UnreadError(f"{show_shape(value.shape)} cannot be {show_shape(shape)}")
    return value.as_shape(shape) if value.constant else read.chain(node, reshaped(value.shape, shape), value)


@rule("Reshape")
def _reshape(read: Reader, node: Node) -> Value:
    value = read.value(node, 0)
    wanted = read.integers(node, "shape", 1) or []
    keep = not node.get("allowzero", 0)
    sizes = [value.shape[at] if size == 0 and keep else size for at, size in enumerate(wanted)]
    if -1 in sizes:
        rest = -prod(sizes)
        sizes[sizes.index(-1)] = value.size // rest if rest else 0
    return as_shape(read, node, value, tuple(sizes))


@rule("Transpose")
def _transpose(read: Reader, node: Node) -> Value:
    value = read.value(node, 0)
    perm = node.get("perm", [*range(len(value.shape))][::-1])
    if value.constant:
        shape = tuple(value.shape[axis] for axis in perm)
        held = None if value.held is None else value.held.transpose(perm)
        return Value(shape, value.dtype, arrays=value.arrays, held=held, whole=value.whole)
    return read.chain(node, transposed(perm), value)
