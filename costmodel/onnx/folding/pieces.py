"""Known numbers picked, joined and put in another order: a few as pieces of their bytes, many as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from costmodel.reading.held import Held, of_array, width

MOST_PIECES = 2**10
"""Pieces that are put together one by one; NumPy is slow to load and fast to run."""


def taken(x: Held, places: Held, axis: int) -> Held:
    """Return the numbers at some places along an axis, which gives way to the axes of the places.

    Raises:
        LookupError: if there is no such axis or place.
    """
    at = axis_of(axis, len(x.shape))
    size, before = x.shape[at], prod(x.shape[:at])
    whole = places.dtype in ("int32", "int64")
    if x.raw is None or places.raw is None or not whole or before * places.size > MOST_PIECES:
        import numpy as np

        return of_array(np.take(x.array(), places.array(), at))
    row = places.row()
    if any(not -size <= place < size for place in row):
        raise LookupError
    wide = prod(x.shape[at + 1 :]) * width(x.dtype)
    starts = [(block * size + place % size) * wide for block in range(before) for place in row]
    raw = b"".join(x.raw[start : start + wide] for start in starts)
    return Held((*x.shape[:at], *places.shape, *x.shape[at + 1 :]), x.dtype, raw)


def joined(several: Sequence[Held], axis: int) -> Held:
    """Return numbers side by side along an axis.

    Raises:
        LookupError: if there is no such axis.
        ValueError: if there are none, or their other axes differ.
    """
    at = axis_of(axis, len(several[0].shape))
    around = {(x.dtype, len(x.shape), x.shape[:at], x.shape[at + 1 :]) for x in several}
    before = prod(several[0].shape[:at])
    raws = [x.raw for x in several if x.raw is not None]
    if len(around) > 1 or len(raws) < len(several) or before * len(several) > MOST_PIECES:
        import numpy as np

        return of_array(np.concatenate([x.array() for x in several], at))
    wide = [len(raw) // max(before, 1) for raw in raws]
    raw = b"".join(
        raw[block * size : (block + 1) * size] for block in range(before) for raw, size in zip(raws, wide, strict=True)
    )
    one = several[0]
    return Held((*one.shape[:at], sum(x.shape[at] for x in several), *one.shape[at + 1 :]), one.dtype, raw)


def turned(x: Held, order: Sequence[int]) -> Held:
    """Return numbers with their axes in another order.

    Raises:
        ValueError: if that is no order of the axes.
    """
    rank = len(x.shape)
    if x.raw is None or x.size > MOST_PIECES or sorted(order) != list(range(rank)):
        import numpy as np

        return of_array(np.transpose(x.array(), order))
    steps = [prod(x.shape[axis + 1 :]) * width(x.dtype) for axis in range(rank)]
    starts = [0]
    for axis in order:
        starts = [start + place * steps[axis] for start in starts for place in range(x.shape[axis])]
    raw = b"".join(x.raw[start : start + width(x.dtype)] for start in starts)
    return Held(tuple(x.shape[axis] for axis in order), x.dtype, raw)


def axis_of(axis: int, rank: int) -> int:
    """Return an axis counted from the front.

    Raises:
        LookupError: if there is none.
    """
    if not -rank <= axis < rank:
        raise LookupError
    return axis % rank
