"""Views told by where they lie: a tensor of the shape `before`, laid row by row, seen with other sizes and strides."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING

from costmodel.ops import OPERATORS
from costmodel.reading.moves import grouped, pattern, refined, reshaped, transposed

if TYPE_CHECKING:
    from costmodel.ops.base import Operator

Sizes = tuple[int, ...]


def seen(before: Sizes, sizes: Sizes, strides: Sizes, offset: int) -> list[Operator] | None:
    """Return the operators that give a view of what lies row by row: none where it is the same, None where they cannot
    be told.
    """
    if (
        sizes == before
        and offset == 0
        and all(size == 1 or stride == own for size, stride, own in zip(sizes, strides, rows(before), strict=True))
    ):
        return []
    spread = [axis for axis, (size, stride) in enumerate(zip(sizes, strides, strict=True)) if size > 1 and not stride]
    own = tuple(1 if axis in spread else size for axis, size in enumerate(sizes))
    cut = _cut(before, own, strides, offset)
    if cut is None:
        return None
    ops, shape = cut
    turned = _turned(before, shape, own, strides)
    if turned is None:
        return None
    ops += turned
    if spread:
        ops.append(OPERATORS["broadcast_to"](sizes=sizes[spread[0] :]))
    return ops


def rows(shape: Sizes) -> Sizes:
    """Return the strides of a tensor that lies row by row."""
    return tuple(prod(shape[axis + 1 :]) for axis in range(len(shape)))


def _cut(before: Sizes, sizes: Sizes, strides: Sizes, offset: int) -> tuple[list[Operator], Sizes] | None:
    """Return the slice that a view takes, if any, and the shape of what is taken; None where it is none."""
    if prod(sizes) == prod(before):
        return ([], before) if offset == 0 else None
    steps = rows(before)
    left = offset
    pieces: dict[int, tuple[int, int, int]] = {}
    starts = []
    for size, step in zip(before, steps, strict=True):
        starts.append(min(left // step, size - 1) if step else 0)
        left -= starts[-1] * step
    if left:
        return None
    taken = [(size, stride) for size, stride in zip(sizes, strides, strict=True) if size > 1]
    for axis, (whole, step) in enumerate(zip(before, steps, strict=True)):
        own = [one for one in taken if one[1] >= step and one[1] < step * whole and one[1] % step == 0]
        if len(own) > 1:
            number = prod(size for size, _ in own)
            if starts[axis] or min(stride for _, stride in own) != step or number > whole:
                return None
            pieces[axis] = (0, number, 1)
        elif own:
            size, jump = own[0][0], own[0][1] // step
            last = starts[axis] + (size - 1) * jump
            if last >= whole:
                return None
            pieces[axis] = (starts[axis], last + 1, jump)
        else:
            pieces[axis] = (starts[axis], starts[axis] + 1, 1)
        for one in own:
            taken.remove(one)
    if taken:
        return None
    named = [axis for axis, piece in pieces.items() if piece != (0, before[axis], 1)]
    rank = len(before)
    fields = {
        name: tuple(pieces[axis][place] for axis in named) for place, name in enumerate(("start", "stop", "step"))
    }
    shape = tuple(-(-(stop - start) // jump) for start, stop, jump in pieces.values())
    if not named or prod(shape) != prod(sizes):
        return None
    return [OPERATORS["slice"](axis=tuple(axis - rank for axis in named), **fields)], shape


def _turned(before: Sizes, shape: Sizes, sizes: Sizes, strides: Sizes) -> list[Operator] | None:
    """Return the rearrangement from what a slice leaves to the axes of a view, apart by `strides` in `before`."""
    order = sorted((axis for axis, size in enumerate(sizes) if size > 1), key=lambda axis: -strides[axis])
    lies = tuple(sizes[axis] for axis in order)
    if shape == before:
        expected = rows(lies)
        if any(strides[axis] != stride for axis, stride in zip(order, expected, strict=True)):
            return None
    if order == sorted(order):
        return reshaped(shape, sizes)
    kept = 0
    while (
        kept < min(len(shape), len(sizes))
        and shape[kept] == sizes[kept]
        and (shape[kept] == 1 or (order and order[0] == kept))
    ):
        if shape[kept] > 1:
            order = order[1:]
        kept += 1
    old, new = shape[kept:], sizes[kept:]
    lies = tuple(sizes[axis] for axis in order)
    atoms = refined(old, lies)
    if atoms is None:
        place = {axis: at for at, axis in enumerate(order)}
        perm = tuple(place[axis] for axis in sorted(order))
        middle = (*shape[:kept], *lies)
        ops = reshaped(shape, middle) + transposed((*range(kept), *(kept + at for at in perm)))
        after = (*shape[:kept], *(lies[at] for at in perm))
        return ops + reshaped(after, sizes)
    groups = dict(zip(order, grouped(lies, atoms), strict=True))
    after_groups: Sequence[tuple[int, ...]] = [groups.get(kept + at, ()) for at in range(len(new))]
    return [pattern(grouped(old, atoms), after_groups, atoms, bool(kept))]
