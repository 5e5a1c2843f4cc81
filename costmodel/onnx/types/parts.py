"""Nodes that join tensors, take parts of them, or add to their ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod

from costmodel.onnx.model import Node
from costmodel.onnx.reader import Reader, rule
from costmodel.onnx.types.common import AXES_AT_ONCE, as_shape, counted
from costmodel.ops import OPERATORS
from costmodel.reading.axes import axes_from_end, from_end
from costmodel.reading.value import UnreadError, Value

Cuts = Mapping[int, tuple[int, int, int]]
"""(start, stop, step) along axes counted from the end, as Python slices have them once they fit."""
MODES = {"constant": "constant", "reflect": "reflect", "edge": "edge"}


def joined(read: Reader, node: Node, values: Sequence[Value], axis: int) -> Value:
    """Return tensors side by side along an axis."""
    if not values:
        raise UnreadError("it joins nothing")
    if len(values) == 1:
        return values[0]
    values = [value for value in values if value.size] or values[:1]
    if len(values) == 1:
        return values[0]
    rank = max(len(value.shape) for value in values)
    return read.add(node, OPERATORS["concat"](axis=from_end(axis, rank)), *values)


def stacked(read: Reader, node: Node, values: Sequence[Value], axis: int) -> Value:
    """Return tensors of one shape side by side along a new axis."""
    if not values:
        raise UnreadError("it joins nothing")
    place = from_end(axis, len(values[0].shape) + 1)
    if len(values) == 1:
        shape = list(values[0].shape)
        shape.insert(place + len(shape) + 1, 1)
        return as_shape(read, node, values[0], shape)
    return read.add(node, OPERATORS["stack"](axis=place), *values)


@rule("Concat")
def _concat(read: Reader, node: Node) -> Value:
    return joined(read, node, read.all(node), node.get("axis", 1))


def cut(read: Reader, node: Node, value: Value, cuts: Cuts, path: str = "") -> Value:
    """Return a part of a tensor; one that goes backwards or is empty has no page of its own."""
    sizes = dict(zip(range(-len(value.shape), 0), value.shape, strict=True))
    taken = {axis: one for axis, one in cuts.items() if one != (0, sizes[axis], 1)}
    shape = [len(range(*taken.get(axis, (0, size, 1)))) for axis, size in sizes.items()]
    if not taken:
        return value
    if not prod(shape) or any(step < 0 for _, _, step in taken.values()):
        return counted(read, node, shape, value, path=path)
    rows = sorted((axis, *one) for axis, one in taken.items())
    for first in range(0, len(rows), AXES_AT_ONCE):
        axes, starts, stops, steps = zip(*rows[first : first + AXES_AT_ONCE], strict=True)
        fields = {"axis": axes, "start": starts, "stop": stops, "step": steps}
        if len(axes) == 1:
            fields = {name: numbers[0] for name, numbers in fields.items()}
        value = read.add(node, OPERATORS["slice"](**fields), value, path=path)
    return value


def selected(read: Reader, node: Node, value: Value, axis: int, place: int) -> Value:
    """Return one place along an axis, which goes."""
    at = from_end(axis, len(value.shape))
    size = value.shape[at]
    if not -size <= place < size:
        raise UnreadError(f"there is no place {place} along an axis of {size}")
    part = cut(read, node, value, {at: (place % size, place % size + 1, 1)})
    return as_shape(read, node, part, [n for place, n in enumerate(part.shape, -len(part.shape)) if place != at])


@rule("Slice")
def _slice(read: Reader, node: Node) -> Value:
    value = read.value(node, 0)
    rank = len(value.shape)
    starts, ends = read.integers(node, "starts", 1) or [], read.integers(node, "ends", 2) or []
    axes, steps = read.integers(node, "axes", 3), read.integers(node, "steps", 4)
    cuts = {}
    for start, end, axis, step in zip(
        starts, ends, axes or range(len(starts)), steps or [1] * len(starts), strict=True
    ):
        at = from_end(axis, rank)
        first, last, by = slice(start, end, step).indices(value.shape[at])
        whole = len(range(first, last, by)) == value.shape[at] and by > 0
        cuts[at] = (0, value.shape[at], 1) if whole else (first, max(first, last) if by > 0 else last, by)
    return cut(read, node, value, cuts)


@rule("Split")
def _split(read: Reader, node: Node) -> tuple[Value, ...]:
    value = read.value(node, 0)
    axis = from_end(node.get("axis", 0), len(value.shape))
    return tuple(split(read, node, value, axis, _sizes(read, node, value.shape[axis])))


def _sizes(read: Reader, node: Node, size: int) -> list[int]:
    """Return the sizes of the parts of an axis: as they are given, or as equal as can be, the last the smallest."""
    given = read.integers(node, "split", 1)
    if given:
        return given
    parts = node.get("num_outputs", len(node.outputs))
    if not 0 < parts <= len(node.outputs):
        raise UnreadError(f"it has {len(node.outputs)} outputs, and its num_outputs is {parts:,}")
    most = -(-size // parts)
    return [max(min(most, size - most * part), 0) for part in range(parts)]


def split(read: Reader, node: Node, value: Value, axis: int, sizes: Sequence[int]) -> list[Value]:
    """Return the parts of an axis, a layer each.

    Raises:
        UnreadError: if they are not the whole.
    """
    if sum(sizes) != value.shape[axis] or min(sizes, default=0) < 0:
        raise UnreadError(f"its parts add up to {sum(sizes):,}, and the axis is of {value.shape[axis]:,}")
    found, start = [], 0
    for number, size in enumerate(sizes):
        path = f"{node.path}.{number}"
        found.append(cut(read, node, value, {axis: (start, start + size, 1)}, path))
        start += size
    return found


@rule("Pad")
def _pad(read: Reader, node: Node) -> Value:
    value = read.value(node, 0)
    rank = len(value.shape)
    pads = node.get("paddings", None) or read.integers(node, "pads", 1) or []
    axes = [*range(rank)] if not node.has(3) else read.value(node, 3).integers()
    if len(pads) != 2 * len(axes):
        raise UnreadError(f"it has {len(pads)} pads for {len(axes)} axes")
    ends = {
        from_end(axis, rank): (before, after)
        for axis, before, after in zip(axes, pads[: len(axes)], pads[len(axes) :], strict=True)
    }
    fill = read.optional(node, 2)
    number = node.get("value", 0.0) if fill is None else fill.scalar()
    return padded(read, node, value, ends, node.get("mode", "constant"), number)


def padded(
    read: Reader, node: Node, value: Value, ends: Mapping[int, tuple[int, int]], mode: str, number: float | None
) -> Value:
    """Return a tensor with so many more elements before and after along axes counted from the end; fewer than none cut
    it. `number` is what is put there, None where that is computed.
    """
    sizes = dict(zip(range(-len(value.shape), 0), value.shape, strict=True))
    cuts = {
        axis: (max(-before, 0), sizes[axis] - max(-after, 0), 1)
        for axis, (before, after) in ends.items()
        if min(before, after) < 0
    }
    value = cut(read, node, value, cuts)
    rows = [(axis, max(one[0], 0), max(one[1], 0)) for axis, one in sorted(ends.items()) if max(one) > 0]
    shape = list(value.shape)
    for axis, before, after in rows:
        shape[axis] += before + after
    mirrors = mode == "reflect" and any(max(row[1:]) >= value.shape[row[0]] for row in rows)
    if rows and (number is None or mode not in MODES or mirrors or not value.size):
        return counted(read, node, shape, value)
    for first in range(0, len(rows), AXES_AT_ONCE):
        axes, befores, afters = zip(*rows[first : first + AXES_AT_ONCE], strict=True)
        fill = {} if mode != "constant" else {"value": float(number or 0)}
        op = OPERATORS["pad"](axis=axes, before=befores, after=afters, mode=mode, **fill)
        value = read.add(node, op, value)
    return value


@rule("CenterCropPad")
def _center_crop_pad(read: Reader, node: Node) -> Value:
    """Axes that are too long lose from both ends, those that are too short grow there; an odd one is after."""
    value, sizes = read.value(node, 0), read.value(node, 1).integers()
    rank = len(value.shape)
    axes = node.get("axes", None) or [*range(rank)]
    axes_from_end(axes, rank)
    ends = {}
    for axis, size in zip(axes, sizes, strict=True):
        rest = abs(size - value.shape[axis])
        sign = 1 if size > value.shape[axis] else -1
        ends[from_end(axis, rank)] = (sign * (rest // 2), sign * (rest - rest // 2))
    return padded(read, node, value, ends, "constant", 0.0)
