"""Tensors rolled along axes, written as two parts in each other's place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from costmodel.ops import OPERATORS
from costmodel.ops.base import axis_of

if TYPE_CHECKING:
    from costmodel.reading.network import Network, Part


def find(network: Network) -> None:
    """Find what is rolled, along several axes at once where one roll follows another."""
    for part in list(network.parts.values()):
        if part.op.name == "concat" and len(part.inputs) == 2:
            _roll(network, part)
    for part in list(network.parts.values()):
        if part.op.name == "roll":
            _again(network, part)


def _roll(network: Network, part: Part) -> None:
    axis = axis_of(part.shape, part.op.axis)  # type: ignore[attr-defined]
    ends = [network.maker(source) for source in part.inputs]
    last, first = ends
    if last is None or first is None or last.op.name != "slice" or first.op.name != "slice":
        return
    if last.inputs != first.inputs or network.shape(last.inputs[0]) != part.shape:
        return
    if not network.alone(last.path) or not network.alone(first.path):
        return
    size = part.shape[axis]
    pieces = [one.op.pieces(part.shape) for one in (last, first)]  # type: ignore[attr-defined]
    cut = pieces[1].get(axis, (0, 0, 1))[1]
    if pieces == [{axis: (cut, size, 1)}, {axis: (0, cut, 1)}]:
        shift = -cut if cut <= size // 2 else size - cut
        network.become(part, OPERATORS["roll"](shifts=shift, axis=axis), list(last.inputs))


def _again(network: Network, part: Part) -> None:
    """Make one of two rolls along different axes."""
    before = network.maker(part.inputs[0])
    if before is None or before.op.name != "roll" or not network.alone(before.path):
        return
    (axes, shifts), (own, by) = (_lists(one.op, len(part.shape)) for one in (before, part))
    if not set(axes) & set(own):
        op = OPERATORS["roll"](shifts=(*shifts, *by), axis=(*axes, *own))
        network.become(part, op, list(before.inputs))


def _lists(op: object, rank: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    axis, shifts = op.axis, op.shifts  # type: ignore[attr-defined]
    axes = axis if isinstance(axis, tuple) else (axis,)
    by = shifts if isinstance(shifts, tuple) else (shifts,) * len(axes)
    return tuple(one % rank for one in axes), by
