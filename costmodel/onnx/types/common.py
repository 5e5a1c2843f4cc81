"""What rules of many kinds share: operations that have no page, outputs, constants told apart, shapes changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import isfinite, prod
from typing import TypeAlias

from costmodel.numbers.arithmetic import show_shape
from costmodel.onnx.model import Node
from costmodel.onnx.reader import FEW, Reader
from costmodel.ops import OPERATORS
from costmodel.reading.axes import from_end, spread
from costmodel.reading.held import numpys, throughout
from costmodel.reading.moves import reshaped, transposed
from costmodel.reading.value import UnreadError, Value, require_sizes

Shape: TypeAlias = tuple[int, ...]
MICROSOFT = "com.microsoft"
"""The domain of ONNX Runtime's own nodes."""
AXES_AT_ONCE = 3
"""Axes that one operator with a number for each of them speaks of."""


def counted(
    read: Reader,
    node: Node,
    shape: Sequence[int],
    *inputs: Value | None,
    mult_adds: int = 0,
    other_ops: int = 0,
    dtype: str = "",
    path: str = "",
) -> Value:
    """Add a layer that no operator stands for but whose cost is known, called as its node's type is.

    Args:
        read: the walk.
        node: the node.
        shape: of what it gives.
        inputs: what it reads, None for what is left out; its weights are among them, and become layers of their own.
        mult_adds: of the whole tensor, its batch included.
        other_ops: likewise.
        dtype: of what it gives; that of the first input by default.
        path: what the layer is called; as the node by default.
    """
    cost = {"multiplications": int(mult_adds), "operations": int(other_ops)}
    op = OPERATORS["opaque"](type=node.op_type, size=tuple(shape), **cost)
    return read.add(node, op, *[value for value in inputs if value is not None], dtype=dtype, path=path)


def each(read: Reader, node: Node, *inputs: Value, operations: int = 1, dtype: str = "") -> Value:
    """Add an operation without a page that takes so many operations for each element it gives."""
    shape = spread(*[value.shape for value in inputs])
    return counted(read, node, shape, *inputs, other_ops=operations * prod(shape), dtype=dtype)


def outputs(node: Node, *values: Value) -> Value | list[Value]:
    """Return what a node gives: one value, or a list where it names several outputs."""
    return list(values) if len(node.outputs) > 1 else values[0]


def asked(node: Node, place: int) -> bool:
    """Say whether a node names an output."""
    return place < len(node.outputs) and node.outputs[place] != ""


def rank_of(value: Value, *ranks: int) -> int:
    """Return how many axes a tensor has.

    Raises:
        UnreadError: if that is none of `ranks`.
    """
    if len(value.shape) not in ranks:
        said = " or ".join(map(str, ranks))
        raise UnreadError(f"it reads tensors of {said} axes, but is given {show_shape(value.shape)}")
    return len(value.shape)


def untrained(value: Value) -> Value:
    """Return a stored constant that no training changes, such as a table of angles."""
    return replace(value, arrays=tuple(replace(array, trained=False) for array in value.arrays))


def loose_scalar(value: Value, like: Value) -> float | None:
    """Return the finite number that a constant holds everywhere; None if it holds several, is a param, or is wider than
    what it is combined with.
    """
    if not value.constant or value.trained or like.constant or len(value.shape) > len(like.shape):
        return None
    if any(a not in (1, b) for a, b in zip(value.shape[::-1], like.shape[::-1], strict=False)):
        return None
    number = value.scalar()
    return number if number is not None and isfinite(number) else None


def filled(shape: Sequence[int], number: object, dtype: str) -> Value:
    """Return a constant that holds one number everywhere; its numbers are known unless they are many."""
    size = tuple(shape)
    few = min(size, default=1) >= 0 and prod(size) <= FEW
    return Value(size, dtype, held=throughout(size, number, numpys(dtype)) if few else None)


def as_shape(read: Reader, node: Node, value: Value, shape: Sequence[int]) -> Value:
    """Return a value under another shape of as many numbers.

    Raises:
        UnreadError: if it has not as many.
    """
    wanted = tuple(shape)
    require_sizes(wanted)
    if prod(wanted) != value.size:
        raise UnreadError(f"{show_shape(value.shape)} cannot be {show_shape(wanted)}")
    if value.constant:
        return value.as_shape(wanted)
    if not value.size:
        return value if wanted == value.shape else counted(read, node, wanted, value)
    return read.chain(node, reshaped(value.shape, wanted), value)


def permuted(read: Reader, node: Node, value: Value, perm: Sequence[int]) -> Value:
    """Return a value with its axes in another order.

    Raises:
        UnreadError: if that is no order of its axes.
    """
    rank = len(value.shape)
    order = [from_end(axis, rank) + rank for axis in perm]
    if sorted(order) != list(range(rank)):
        raise UnreadError(f"{list(perm)} is no order of {rank} axes")
    shape = tuple(value.shape[axis] for axis in order)
    if value.constant:
        return replace(value, shape=shape, held=None if value.held is None else value.held.transposed(order))
    if not value.size:
        return counted(read, node, shape, value)
    return read.chain(node, transposed(order), value)


def note(read: Reader, sentence: str) -> None:
    """Say something of the network, once."""
    if sentence not in read.draft.notes:
        read.draft.notes.append(sentence)
