"""Nodes that move numbers: they pick, repeat, join and rearrange."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from costmodel.onnx.folding.call import Array, Call, as_read, folds, whole

WIDEST = 2**62


@folds("Expand", most=lambda call: prod(np.broadcast_shapes(call[0].shape, tuple(whole(call[1])))))
def _expand(call: Call) -> Array:
    return np.copy(np.broadcast_to(call[0], np.broadcast_shapes(call[0].shape, tuple(whole(call[1])))))


@folds("Tile", most=lambda call: call[0].size * prod(whole(call[1])))
def _tile(call: Call) -> Array:
    if call[1].size != call[0].ndim:
        raise ValueError
    return np.tile(call[0], whole(call[1]))


def _pads(call: Call) -> list[tuple[int, int]]:
    """Return how much is added before and behind each axis; less than none cuts off."""
    rank = call[0].ndim
    pads = call.numbers(1, "pads") or call.get("paddings")
    axes = call.numbers(3, "axes")
    places = list(range(rank)) if axes is None else [axis + rank if axis < 0 else axis for axis in axes]
    told = dict(zip(places, zip(pads[: len(places)], pads[len(places) :], strict=True), strict=True))
    return [told.get(axis, (0, 0)) for axis in range(rank)]


@folds(
    "Pad",
    most=lambda call: prod(max(size + sum(pad), 0) for size, pad in zip(call.held(0).shape, _pads(call), strict=True)),
)
def _pad(call: Call) -> Array:
    x, pads, mode = call[0], _pads(call), call.get("mode", "constant")
    cut = tuple(slice(max(-low, 0), size - max(-high, 0)) for size, (low, high) in zip(x.shape, pads, strict=True))
    added = [(max(low, 0), max(high, 0)) for low, high in pads]
    if mode != "constant":
        return np.pad(x[cut], added, mode=mode)
    given = call.given(2)
    value: Any = call.get("value", 0) if given is None else given.reshape(-1)[0]
    return np.pad(x[cut], added, constant_values=value)


@folds("Trilu", most=lambda call: call.held(0).size)
def _trilu(call: Call) -> Array:
    given = call.given(1)
    k = 0 if given is None else min(max(int(given.reshape(-1)[0]), -WIDEST), WIDEST)
    return np.triu(call[0], k) if call.get("upper", 1) else np.tril(call[0], k)


@folds("DepthToSpace", most=as_read)
def _depth_to_space(call: Call) -> Array:
    n, c, h, w = call[0].shape
    b = call.get("blocksize")
    if call.get("mode", "DCR") == "DCR":
        apart = call[0].reshape(n, b, b, c // b**2, h, w).transpose(0, 3, 4, 1, 5, 2)
    else:
        apart = call[0].reshape(n, c // b**2, b, b, h, w).transpose(0, 1, 4, 2, 5, 3)
    return apart.reshape(n, c // b**2, h * b, w * b)


@folds("SpaceToDepth", most=as_read)
def _space_to_depth(call: Call) -> Array:
    n, c, h, w = call[0].shape
    b = call.get("blocksize")
    order = (0, 3, 5, 1, 2, 4) if call.get("mode", "DCR") == "DCR" else (0, 1, 3, 5, 2, 4)
    return call[0].reshape(n, c, h // b, b, w // b, b).transpose(order).reshape(n, c * b**2, h // b, w // b)


@folds("ReverseSequence", most=lambda call: call.held(0).size)
def _reverse_sequence(call: Call) -> Array:
    x, time, batch = call[0], call.get("time_axis", 0), call.get("batch_axis", 1)
    steps = np.arange(x.shape[time]).reshape(-1, 1)
    lengths = call[1].reshape(1, x.shape[batch])
    places = np.where(steps < lengths, lengths - 1 - steps, steps)
    moved = np.moveaxis(x, (time, batch), (0, 1))
    return np.moveaxis(moved[places, np.arange(x.shape[batch])], (0, 1), (time, batch))


@folds("Dropout", most=as_read)
def _dropout(call: Call) -> tuple[Array, Array]:
    training = call.given(2)
    if (training is not None and training.any()) or (call.opset < 7 and not call.get("is_test", 0)):
        raise ValueError
    return np.copy(call[0]), np.ones(call[0].shape, bool)
