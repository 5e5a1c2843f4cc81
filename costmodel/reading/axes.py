"""Axes counted from the end, as they are right whatever stands before, and shapes that spread over one another."""

from __future__ import annotations

from collections.abc import Iterable

from costmodel.numbers.arithmetic import show_shape
from costmodel.reading.value import UnreadError


def from_end(axis: int, rank: int) -> int:
    """Return an axis of so many, counted from the end.

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
