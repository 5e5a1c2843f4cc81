"""What rules of many kinds share: axes counted from the end, constants told apart, operations that have no page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import isfinite, prod

from costmodel.numbers.arithmetic import show_shape
from costmodel.onnx.model import Node
from costmodel.onnx.reader import FEW, Reader
from costmodel.ops import OPERATORS
from costmodel.reading.moves import reshaped, transposed
from costmodel.reading.value import UnreadError, Value, require_sizes

AXES_AT_ONCE = 3
"""Axes that one operator with a number for each of them speaks of."""


def from_end(axis: int, rank: int) -> int:
    """Return an axis counted from the end, as it is right whatever stands before.

    Raises:
        UnreadError: if there is no such axis.
    """
    if not -rank <= axis < rank:
        raise UnreadError(f"there is no axis {axis} in a tensor of {rank} axes")
    return axis % rank - rank


def axes_from_end(axes: Iterable[int], rank: int) -> tuple[int, ...]:
    """Return axes counted from the end, in order, each once.

    Raises:
        UnreadError: if one is not there.
    """
    return tuple(sorted({from_end(axis, rank) for axis in axes}))


def spread(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of tensors that spread over one another as NumPy's do; sizes may be 0.

    Raises:
        UnreadError: if they do not.
    """
    rank = max(map(len, shapes))
    columns = zip(*[(1,) * (rank - len(shape)) + shape for shape in shapes], strict=True)
    sizes = [{size for size in column if size != 1} or {1} for column in columns]
    if any(len(column) > 1 for column in sizes):
        raise UnreadError(f"{' and '.join(map(show_shape, shapes))} do not spread over one another")
    return tuple(column.pop() for column in sizes)


def counted(
    read: Reader,
    node: Node,
    shape: Sequence[int],
    *inputs: Value,
    operations: int = 0,
    mult_adds: int = 0,
    dtype: str = "",
    path: str = "",
) -> Value:
    """Add an operation that has no page of its own, but whose cost is known: what it takes in all."""
    op = OPERATORS["opaque"](
        type=node.op_type, size=tuple(shape), multiplications=int(mult_adds), operations=int(operations)
    )
    return read.add(node, op, *inputs, dtype=dtype, path=path)


def each(read: Reader, node: Node, *inputs: Value, operations: int = 1, dtype: str = "") -> Value:
    """Add an operation without a page that takes so many operations for each element it gives."""
    shape = spread(*[value.shape for value in inputs])
    return counted(read, node, shape, *inputs, operations=operations * prod(shape), dtype=dtype)


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
    import numpy as np

    size = tuple(shape)
    few = min(size, default=1) >= 0 and prod(size) <= FEW
    kind = np.dtype(dtype if dtype in np.sctypeDict else "float32")
    return Value(size, dtype, held=np.full(size, number, kind) if few else None)


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
    from dataclasses import replace

    rank = len(value.shape)
    order = [from_end(axis, rank) + rank for axis in perm]
    if sorted(order) != list(range(rank)):
        raise UnreadError(f"{list(perm)} is no order of {rank} axes")
    shape = tuple(value.shape[axis] for axis in order)
    if value.constant:
        return replace(value, shape=shape, held=None if value.held is None else value.held.transpose(order))
    if not value.size:
        return counted(read, node, shape, value)
    return read.chain(node, transposed(order), value)


def note(read: Reader, sentence: str) -> None:
    """Say something of the network, once."""
    if sentence not in read.draft.notes:
        read.draft.notes.append(sentence)
