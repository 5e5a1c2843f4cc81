"""Nodes that pick elements by their indices, or write to them; they compute nothing but where they add or compare."""

from __future__ import annotations

from math import prod

from costmodel.onnx.model import Node
from costmodel.onnx.reader import Reader, rule
from costmodel.onnx.types.common import as_shape, counted, note
from costmodel.onnx.types.parts import cut, selected
from costmodel.ops import OPERATORS
from costmodel.ops.cast import ONNX_TYPES, REAL
from costmodel.ops.places import ONNX_REDUCTIONS
from costmodel.reading.axes import from_end
from costmodel.reading.value import UnreadError, Value

OVERLAP = 13
"""Operations that tell whether two boxes overlap too much: 4 comparisons for the corners of what they share, 2
subtractions and 2 comparisons for its sides, its area, the area of both (2), a division, a comparison."""
AREA = 3
"""Operations that the area of a box takes: 2 subtractions, a multiplication."""


@rule("Gather")
def _gather(read: Reader, node: Node) -> Value:
    value, indices = read.value(node, 0), read.value(node, 1)
    axis = from_end(node.get("axis", 0), len(value.shape))
    if indices.constant and not value.constant and indices.held is not None and len(indices.shape) < 2:
        places = [place % value.shape[axis] for place in indices.integers()]
        if not indices.shape:
            return selected(read, node, value, axis, places[0])
        if places and places == [*range(places[0], places[0] + len(places))]:
            return cut(read, node, value, {axis: (places[0], places[-1] + 1, 1)})
    if value.trained and len(value.shape) == 2 and axis == -2 and not indices.constant:
        rows, width = value.shape
        op = OPERATORS["embedding"](num_embeddings=rows, embedding_dim=width)
        return read.add(node, op, indices, arrays={"weight": value}, dtype=value.dtype)
    if indices.constant and indices.shape[:1] == (1,):  # a first axis of 1 is the indices' own, not a batch
        shape = (*value.shape[:axis], *indices.shape, *value.shape[len(value.shape) + axis + 1 :])
        flat = read.add(node, OPERATORS["gather"](axis=axis), value, indices.as_shape((indices.size,)))
        return as_shape(read, node, flat, shape)
    return read.add(node, OPERATORS["gather"](axis=axis), value, indices)


@rule("GatherElements")
def _gather_elements(read: Reader, node: Node) -> Value:
    value, indices = read.value(node, 0), read.value(node, 1)
    return counted(read, node, indices.shape, value, indices)


@rule("GatherND")
def _gather_nd(read: Reader, node: Node) -> Value:
    value, indices = read.value(node, 0), read.value(node, 1)
    before = node.get("batch_dims", 0)
    after = before + indices.shape[-1]
    if after > len(value.shape):
        raise UnreadError(f"its indices point at {after} axes of a tensor that has {len(value.shape)}")
    return counted(read, node, (*indices.shape[:-1], *value.shape[after:]), value, indices)


@rule("Scatter", "ScatterElements")
def _scatter_elements(read: Reader, node: Node) -> Value:
    value, indices, updates = (read.value(node, position) for position in range(3))
    how = {merged: name for name, merged in ONNX_REDUCTIONS.items()}[node.get("reduction", "none")]
    axis = from_end(node.get("axis", 0), len(value.shape))
    return read.add(node, OPERATORS["scatter"](axis=axis, reduction=how), value, indices, updates)


@rule("ScatterND")
def _scatter(read: Reader, node: Node) -> Value:
    value, indices, updates = (read.value(node, position) for position in range(3))
    merged = node.get("reduction", "none") != "none"
    return counted(read, node, value.shape, value, indices, updates, other_ops=updates.size if merged else 0)


@rule("TensorScatter")
def _tensor_scatter(read: Reader, node: Node) -> Value:
    return counted(read, node, read.value(node, 0).shape, *read.all(node))


@rule("OneHot")
def _one_hot(read: Reader, node: Node) -> Value:
    indices, values = read.value(node, 0), read.value(node, 2)
    (depth,) = read.value(node, 1).integers()
    shape = list(indices.shape)
    axis = from_end(node.get("axis", -1), len(shape) + 1)
    kind = REAL if values.real else values.dtype
    if kind in ONNX_TYPES and values.held is not None and [float(number) for number in values.numbers()] == [0, 1]:
        return read.add(node, OPERATORS["one_hot"](classes=depth, axis=axis, to=kind), indices, dtype=values.dtype)
    shape.insert(axis + len(shape) + 1, depth)
    return counted(read, node, shape, indices, values, dtype=values.dtype)


@rule("Trilu", "ReverseSequence")
def _moved(read: Reader, node: Node) -> Value:
    return counted(read, node, read.value(node, 0).shape, *read.all(node))


@rule("Compress")
def _compress(read: Reader, node: Node) -> Value:
    value, condition = read.value(node, 0), read.value(node, 1)
    axis = node.get("axis", None)
    shape = [value.size] if axis is None else list(value.shape)
    at = 0 if axis is None else from_end(axis, len(shape))
    if condition.held is not None:
        shape[at] = sum(map(bool, condition.held.row()[: shape[at]]))
    else:
        shape[at] = min(condition.size, shape[at])
        _largest(read, node)
    return counted(read, node, shape, value, condition)


def _largest(read: Reader, node: Node) -> None:
    note(
        read,
        f"how much {node.path} ({node.op_type}) keeps depends on the numbers: it is counted as if it kept the most "
        "that it can",
    )


@rule("NonZero")
def _non_zero(read: Reader, node: Node) -> Value:
    """A comparison an element."""
    value = read.value(node, 0)
    _largest(read, node)
    return counted(read, node, (len(value.shape), value.size), value, other_ops=value.size, dtype="int64")


@rule("Unique")
def _unique(read: Reader, node: Node) -> tuple[Value, ...]:
    """Rows put in order by merging: n * log2(n) comparisons of rows at most; what else it gives falls out."""
    value, axis = read.value(node, 0), node.get("axis", None)
    shape = (value.size,) if axis is None else value.shape
    rows = shape[0 if axis is None else from_end(axis, len(shape))]
    _largest(read, node)
    operations = rows * max(rows - 1, 0).bit_length() * (value.size // max(rows, 1))
    first = counted(read, node, shape, value, other_ops=operations)
    return first, *(counted(read, node, (rows,), first, dtype="int64") for _ in node.outputs[1:])


@rule("NonMaxSuppression")
def _non_max_suppression(read: Reader, node: Node) -> Value:
    """At most: all scores looked at and put in order, each box that is kept compared with all others of its class."""
    boxes, scores = read.value(node, 0), read.value(node, 1)
    (batch, classes, number), most = scores.shape, read.optional(node, 2)
    kept = 0 if most is None else number
    if most is not None and most.held is not None:
        kept = min(max(*most.integers(), 0), number)
    _largest(read, node)
    order = number * (1 + max(number - 1, 0).bit_length())
    operations = batch * number * AREA + batch * classes * (order + kept * number * OVERLAP)
    shape = (batch * classes * kept, 3)
    return counted(read, node, shape, boxes, scores, other_ops=operations if prod(shape) else 0, dtype="int64")
