"""What rules of several kinds share: outputs, axes counted from the end, and costs known though no operator fits."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from costmodel.numbers.arithmetic import show_shape
from costmodel.onnx.model import Node
from costmodel.onnx.reader import Reader
from costmodel.ops import OPERATORS
from costmodel.reading.value import UnreadError, Value

MICROSOFT = "com.microsoft"
"""The domain of ONNX Runtime's own nodes."""
Shape = tuple[int, ...]


def counted(
    read: Reader,
    node: Node,
    shape: Shape,
    values: Iterable[Value | None],
    mult_adds: int = 0,
    other_ops: int = 0,
    dtype: str = "",
) -> Value:
    """Add a layer that no operator stands for but whose cost is known, called as its type is.

    Args:
        read: the walk.
        node: the node.
        shape: of what it gives.
        values: what it reads; its weights are among them, and become layers of their own.
        mult_adds: of the whole tensor, its batch included.
        other_ops: likewise.
        dtype: of what it gives; that of the first value by default.
    """
    op = OPERATORS["opaque"](type=node.op_type, size=shape, multiplications=mult_adds, operations=other_ops)
    return read.add(node, op, *[value for value in values if value is not None], dtype=dtype)


def outputs(node: Node, *values: Value) -> Value | list[Value]:
    """Return what a node gives: one value, or a list where it names several outputs."""
    return list(values) if len(node.outputs) > 1 else values[0]


def asked(node: Node, place: int) -> bool:
    """Say whether a node names an output."""
    return place < len(node.outputs) and node.outputs[place] != ""


def from_end(axis: int, rank: int) -> int:
    """Return an axis of so many, counted from the end.

    Raises:
        UnreadError: if there is no such axis.
    """
    if not -rank <= axis < rank:
        raise UnreadError(f"it names axis {axis} of a tensor of {rank}")
    return axis - rank if axis >= 0 else axis


def untrained(value: Value) -> Value:
    """Return a stored constant that no training changes, such as a table of angles."""
    return replace(value, arrays=tuple(replace(array, trained=False) for array in value.arrays))


def rank_of(value: Value, *ranks: int) -> int:
    """Return how many axes a tensor has.

    Raises:
        UnreadError: if that is none of `ranks`.
    """
    if len(value.shape) not in ranks:
        said = " or ".join(map(str, ranks))
        raise UnreadError(f"it reads tensors of {said} axes, but is given {show_shape(value.shape)}")
    return len(value.shape)


def note(read: Reader, text: str) -> None:
    """Say something that a reader of the costs has to know, once."""
    if text not in read.draft.notes:
        read.draft.notes.append(text)
