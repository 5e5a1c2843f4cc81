"""Nodes on sequences of tensors, which are lists here, and on tensors that may be missing."""

from __future__ import annotations

from typing import Any

from costmodel.onnx.model import Node
from costmodel.onnx.reader import Given, Reader, rule
from costmodel.onnx.types.common import as_shape
from costmodel.onnx.types.parts import joined, split, stacked
from costmodel.reading.axes import from_end
from costmodel.reading.value import UnreadError, Value, known_one

MOST_PARTS = 10_000
"""Tensors that a sequence may have."""


class Missing(list[Value]):
    """An optional tensor that is not there."""


def sequence(read: Reader, node: Node, position: int = 0) -> list[Value]:
    """Return an input that is a sequence.

    Raises:
        UnreadError: if it is none.
    """
    found = read.values[node.inputs[position]] if node.has(position) else None
    if not isinstance(found, list) or isinstance(found, Missing):
        raise UnreadError(f"its input {position + 1} is no sequence of tensors")
    return found


@rule("SequenceEmpty")
def _empty(read: Reader, node: Node) -> list[Value]:
    return []


@rule("SequenceConstruct")
def _construct(read: Reader, node: Node) -> list[Value]:
    return read.all(node)


@rule("SequenceAt")
def _at(read: Reader, node: Node) -> Value:
    values = sequence(read, node)
    return values[_place(read, node, 1, len(values))]


@rule("SequenceErase")
def _erase(read: Reader, node: Node) -> list[Value]:
    values = sequence(read, node)
    place = _place(read, node, 1, len(values)) if node.has(1) else len(values) - 1
    return [value for at, value in enumerate(values) if at != place]


@rule("SequenceInsert")
def _insert(read: Reader, node: Node) -> list[Value]:
    values, more = sequence(read, node), read.value(node, 1)
    place = _place(read, node, 2, len(values) + 1) if node.has(2) else len(values)
    if len(values) >= MOST_PARTS:
        raise UnreadError(f"a sequence of more than {MOST_PARTS:,} tensors")
    return [*values[:place], more, *values[place:]]


def _place(read: Reader, node: Node, position: int, count: int) -> int:
    """Return a place among so many, counted from the start; before the last one stands -1, as ONNX has it."""
    (place,) = read.value(node, position).integers()
    size = count - (node.op_type == "SequenceInsert")
    if not -size <= place < count:
        raise UnreadError(f"there is no place {place} in a sequence of {size}")
    return place + size if place < 0 else place


@rule("SequenceLength")
def _length(read: Reader, node: Node) -> Value:
    return known_one(len(sequence(read, node)))


@rule("ConcatFromSequence")
def _concat(read: Reader, node: Node) -> Value:
    join = stacked if node.get("new_axis", 0) else joined
    return join(read, node, sequence(read, node), node.get("axis", 0))


@rule("SplitToSequence")
def _split(read: Reader, node: Node) -> list[Value]:
    value, given = read.value(node, 0), read.optional(node, 1)
    axis = from_end(node.get("axis", 0), len(value.shape))
    size = value.shape[axis]
    if given is None:
        sizes = [1] * min(size, MOST_PARTS + 1)
    elif given.shape:
        sizes = given.integers()
    else:
        (each,) = given.integers()
        if each < 1:
            raise UnreadError(f"parts of {each}")
        whole = min(size // each, MOST_PARTS + 1)
        sizes = [each] * whole + [size % each] * (size % each > 0)
    if len(sizes) > MOST_PARTS:
        raise UnreadError(f"a sequence of more than {MOST_PARTS:,} tensors")
    parts = split(read, node, value, axis, sizes)
    if given is not None or node.get("keepdims", 1):
        return parts
    return [
        as_shape(read, node, part, [n for at, n in enumerate(part.shape, -len(part.shape)) if at != axis])
        for part in parts
    ]


@rule("Optional")
def _optional(read: Reader, node: Node) -> Any:
    return read.values[node.inputs[0]] if node.has(0) else Missing()


@rule("OptionalGetElement")
def _get_element(read: Reader, node: Node) -> Any:
    found: Given = read.values[node.inputs[0]]
    if isinstance(found, Missing):
        raise UnreadError("what it asks for is not there")
    return found


@rule("OptionalHasElement")
def _has_element(read: Reader, node: Node) -> Value:
    there = node.has(0) and not isinstance(read.values[node.inputs[0]], Missing)
    return known_one(there)
