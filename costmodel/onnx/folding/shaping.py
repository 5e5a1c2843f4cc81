"""Nodes that ask for sizes, pick and join numbers, and give them another shape: what files do to work shapes out."""

from __future__ import annotations

from itertools import accumulate
from math import prod

from costmodel.onnx.folding.call import Call, as_read, folds
from costmodel.onnx.folding.pieces import axis_of, joined, taken, turned
from costmodel.onnx.stored import Stored
from costmodel.reading.held import Held, listed, throughout


@folds("Identity", most=as_read)
def _identity(call: Call) -> Held:
    return call.held(0)


@folds("Shape", most=lambda call: len(call.held(0).shape))
def _shape(call: Call) -> Held:
    return listed(call.held(0).shape[call.get("start", 0) : call.get("end")], "int64")


@folds("Size", most=lambda call: 1)
def _size(call: Call) -> Held:
    return throughout((), call.held(0).size, "int64")


@folds("ConstantOfShape", most=lambda call: prod(call.held(0).row()))
def _constant_of_shape(call: Call) -> Held:
    value, shape = call.get("value"), tuple(int(size) for size in call.held(0).row())
    filling = throughout((1,), 0.0, "float32") if value is None else stored(value)
    if min(shape, default=0) < 0:
        raise ValueError
    return throughout(shape, filling.row()[0], filling.dtype)


def stored(array: Stored) -> Held:
    """Return an array of the file.

    Raises:
        LookupError: if its numbers are not known.
    """
    found = array.held()
    if found is None:
        raise LookupError
    return found


@folds("Concat", most=as_read)
def _concat(call: Call) -> Held:
    return joined(call.present(), call.get("axis", 1))


@folds("Reshape", most=as_read)
def _reshape(call: Call) -> Held:
    x, shape = call.held(0), call.numbers(1, "shape") or []
    if not call.get("allowzero", 0):
        shape = [x.shape[place] if size == 0 else size for place, size in enumerate(shape)]
    if shape.count(-1) > 1 or min(shape, default=0) < -1:
        raise ValueError
    rest = prod(size for size in shape if size != -1)
    return x.as_shape(tuple(x.size // rest if size == -1 else size for size in shape))


@folds("Flatten", most=as_read)
def _flatten(call: Call) -> Held:
    x, axis = call.held(0), call.get("axis", 1)
    before = prod(x.shape[: axis + len(x.shape) if axis < 0 else axis])
    return x.as_shape((before, x.size // before if before else prod(x.shape[axis:])))


@folds("Squeeze", most=as_read)
def _squeeze(call: Call) -> Held:
    x, axes = call.held(0), call.numbers(1, "axes")
    if axes is None:
        return x.as_shape(tuple(size for size in x.shape if size != 1))
    gone = {axis_of(axis, len(x.shape)) for axis in axes}
    if any(x.shape[axis] != 1 for axis in gone) or len(gone) < len(axes):
        raise ValueError
    return x.as_shape(tuple(size for axis, size in enumerate(x.shape) if axis not in gone))


@folds("Unsqueeze", most=as_read)
def _unsqueeze(call: Call) -> Held:
    x, axes = call.held(0), call.numbers(1, "axes") or []
    rank = len(x.shape) + len(axes)
    new, sizes = {axis_of(axis, rank) for axis in axes}, iter(x.shape)
    if len(new) < len(axes):
        raise ValueError
    return x.as_shape(tuple(1 if axis in new else next(sizes) for axis in range(rank)))


@folds("Transpose", most=as_read)
def _transpose(call: Call) -> Held:
    x = call.held(0)
    return turned(x, call.get("perm") or range(len(x.shape))[::-1])


@folds("Split", most=as_read)
def _split(call: Call) -> tuple[Held, ...]:
    x, sizes = call.held(0), call.numbers(1, "split")
    axis = axis_of(call.get("axis", 0), len(x.shape))
    if sizes is None:
        count = len(call.node.outputs)
        if call.get("num_outputs", count) != count:
            raise ValueError
        each = -(-x.shape[axis] // count)
        sizes = [max(min(each, x.shape[axis] - each * number), 0) for number in range(count)]
    if sum(sizes) != x.shape[axis] or min(sizes) < 0:
        raise ValueError
    parts = [range(end - size, end) for end, size in zip(accumulate(sizes), sizes, strict=True)]
    return tuple(taken(x, listed(part, "int64"), axis) for part in parts)


@folds("Slice", most=as_read)
def _slice(call: Call) -> Held:
    x = call.held(0)
    starts, ends = call.numbers(1, "starts") or [], call.numbers(2, "ends") or []
    axes = call.numbers(3, "axes") or range(len(starts))
    steps = call.numbers(4, "steps") or [1] * len(starts)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        x = taken(x, listed(_positions(start, end, step, x.shape[axis]), "int64"), axis)
    return x


def _positions(start: int, end: int, step: int, size: int) -> range:
    """Return the places that a slice takes of `size`: both ends count from the back if negative, then stay within."""
    start, end = (value + size if value < 0 else value for value in (start, end))
    if step > 0:
        start, end = min(max(start, 0), size), min(max(end, 0), size)
    else:
        start, end = min(max(start, 0), size - 1), min(max(end, -1), size - 1)
    return range(start, end, step)


def _without(shape: tuple[int, ...], axis: int) -> int:
    axis = axis + len(shape) if axis < 0 else axis
    return prod(shape[:axis] + shape[axis + 1 :])


@folds("Gather", most=lambda call: _without(call.held(0).shape, call.get("axis", 0)) * call.held(1).size)
def _gather(call: Call) -> Held:
    return taken(call.held(0), call.held(1), call.get("axis", 0))
