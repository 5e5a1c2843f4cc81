"""Nodes that find and pick numbers by where they are, and put them there."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from costmodel.onnx.folding.call import Array, Call, as_read, folds

ADDED: dict[str, Any] = {"add": np.add, "mul": np.multiply, "max": np.maximum, "min": np.minimum}
"""What a scatter does with a number that is there already."""


@folds("GatherElements", most=lambda call: call[1].size)
def _gather_elements(call: Call) -> Array:
    return call[0][_places(call[1], call[0].shape, call.get("axis", 0))]


def _places(indices: Array, shape: tuple[int, ...], axis: int) -> tuple[Array, ...]:
    """Return the place of each index, which tells where along `axis`; along the other axes it is its own."""
    if len(shape) != indices.ndim:
        raise ValueError
    places: list[Array] = list(np.indices(indices.shape, sparse=True))
    places[axis] = indices
    return tuple(places)


def _gathered(call: Call) -> int:
    depth, batch = call[1].shape[-1], call.get("batch_dims", 0)
    return int(call[1].size // depth * prod(call[0].shape[batch + depth :]))


@folds("GatherND", most=_gathered)
def _gather_nd(call: Call) -> Array:
    x, indices, batch = call[0], call[1], call.get("batch_dims", 0)
    if x.shape[:batch] != indices.shape[:batch]:
        raise ValueError
    around = [place.reshape(*place.shape, *[1] * (indices.ndim - 1 - batch))
              for place in np.indices(indices.shape[:batch], sparse=True)]  # fmt: skip
    return np.asarray(x[(*around, *np.moveaxis(indices, -1, 0))])


@folds("ScatterElements", "Scatter", most=lambda call: call.held(0).size)
def _scatter_elements(call: Call) -> Array:
    places = _places(call[1], call[0].shape, call.get("axis", 0))
    return _scattered(call, places)


@folds("ScatterND", most=lambda call: call.held(0).size)
def _scatter_nd(call: Call) -> Array:
    return _scattered(call, tuple(np.moveaxis(call[1], -1, 0)))


def _scattered(call: Call, places: tuple[Array, ...]) -> Array:
    made, how = np.copy(call[0]), call.get("reduction", "none")
    if how == "none":
        made[places] = call[2]
    else:
        ADDED[how].at(made, places, call[2])
    return made


@folds("Compress", most=as_read)
def _compress(call: Call) -> Array:
    return np.compress(call[1], call[0], call.get("axis"))


@folds("NonZero", most=lambda call: call[0].size * max(call[0].ndim, 1))
def _non_zero(call: Call) -> Array:
    if not call[0].ndim:
        raise ValueError
    return np.array(np.nonzero(call[0]), np.int64)


@folds("OneHot", most=lambda call: call[0].size * int(call[1].reshape(-1)[0]))
def _one_hot(call: Call) -> Array:
    depth, (off, on), axis = int(call[1].reshape(-1)[0]), call[2].reshape(-1), call.get("axis", -1)
    indices = np.where(call[0] < 0, call[0] + depth, call[0])
    axis = axis + indices.ndim + 1 if axis < 0 else axis
    line = np.arange(depth).reshape([-1 if place == axis else 1 for place in range(indices.ndim + 1)])
    return np.asarray(np.where(np.expand_dims(indices, axis) == line, on, off))


@folds("TopK", most=lambda call: 2 * call.held(0).size)
def _top_k(call: Call) -> tuple[Array, Array]:
    x, axis = call[0], call.get("axis", -1)
    k = int(call[1].reshape(-1)[0]) if call.opset >= 10 else call.get("k")
    if not 0 <= k <= x.shape[axis]:
        raise ValueError
    if call.get("largest", 1):  # of equal numbers the first stands first
        backwards = np.argsort(np.flip(x, axis), axis, kind="stable")
        order = x.shape[axis] - 1 - np.flip(backwards, axis)
    else:
        order = np.argsort(x, axis, kind="stable")
    first = np.take(order, np.arange(k), axis)
    return np.take_along_axis(x, first, axis), first.astype(np.int64)


@folds("Unique", most=lambda call: 4 * call.held(0).size)
def _unique(call: Call) -> tuple[Array, ...]:
    axis = call.get("axis")
    values, first, back, counts = np.unique(
        call[0], return_index=True, return_inverse=True, return_counts=True, axis=axis
    )
    back = back.reshape(-1)
    if not call.get("sorted", 1):  # in the order that they came in
        order = np.argsort(first)
        values, first, counts = np.take(values, order, axis or 0), first[order], counts[order]
        back = np.argsort(order)[back]
    return (values, *(array.astype(np.int64) for array in (first, back, counts)))
