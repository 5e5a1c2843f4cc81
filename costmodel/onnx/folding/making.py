"""Nodes that make numbers out of few, and those that round numbers to few bits and back."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from costmodel.onnx.folding.call import Array, Call, folds, numpy_type
from costmodel.onnx.folding.shaping import stored
from costmodel.onnx.stored import Stored
from costmodel.reading.held import Held


def _only(call: Call) -> tuple[str, Any]:
    """Return the attribute that a Constant holds its value in."""
    ((name, value),) = call.node.attributes.items()
    return name, value


def _held(call: Call) -> int:
    """Bound what a Constant holds."""
    value = _only(call)[1]
    return value.size if isinstance(value, Stored) else len(value) if isinstance(value, list) else 1


@folds("Constant", most=_held)
def _constant(call: Call) -> Array | Held:
    kinds: dict[str, Any] = {
        "value_int": np.int64,
        "value_ints": np.int64,
        "value_float": np.float32,
        "value_floats": np.float32,
    }
    name, value = _only(call)
    return stored(value) if isinstance(value, Stored) else np.array(value, kinds[name])


@folds("EyeLike", most=lambda call: call.held(0).size)
def _eye_like(call: Call) -> Array:
    kind = call.get("dtype")
    rows, columns = call[0].shape
    return np.eye(rows, columns, call.get("k", 0), dtype=call[0].dtype if kind is None else numpy_type(kind))


def _count(call: Call) -> int:
    """Return how many numbers a range has."""
    start, limit, delta = (call[place].reshape(-1)[0].item() for place in range(3))
    if isinstance(start, int):
        return len(range(start, limit, delta))
    return int(max(math.ceil((limit - start) / delta), 0))


@folds("Range", most=_count)
def _range(call: Call) -> Array:
    start, delta = call[0].reshape(-1)[0], call[2].reshape(-1)[0]
    return np.asarray((start + np.arange(_count(call)).astype(start.dtype) * delta).astype(start.dtype))


WINDOWS = {
    "HannWindow": (0.5, 0.5, 0.0),
    "HammingWindow": (25 / 46, 21 / 46, 0.0),
    "BlackmanWindow": (0.42, 0.5, 0.08),
}
"""The weights of no, one and two waves in a window."""


@folds(*WINDOWS, most=lambda call: int(call[0].reshape(-1)[0]))
def _window(call: Call) -> Array:
    count = int(call[0].reshape(-1)[0])
    around = 2 * np.pi * np.arange(count) / (count if call.get("periodic", 1) else count - 1)
    level, one, two = WINDOWS[call.node.op_type]
    made = level - one * np.cos(around) + two * np.cos(2 * around)
    return np.asarray(made).astype(numpy_type(call.get("output_datatype", 1)))


def _along(scale: Array, x: Array, call: Call) -> Array:
    """Return scales or offsets as they lie beside what they scale: one, one a place of an axis, or one a block."""
    axis, block = call.get("axis", 1), call.get("block_size", 0)
    axis = axis + x.ndim if axis < 0 else axis
    if block:
        return np.broadcast_to(np.take(scale, np.arange(x.shape[axis]) // block, axis), x.shape)
    if scale.size == 1 and scale.ndim < 2:
        return scale.reshape(())
    return np.broadcast_to(scale.reshape([-1 if place == axis else 1 for place in range(x.ndim)]), x.shape)


@folds("QuantizeLinear", most=lambda call: call.held(0).size)
def _quantize(call: Call) -> Array:
    x, offset, kind = call[0], call.given(2), call.get("output_dtype", 0)
    to = offset.dtype if offset is not None else numpy_type(kind or 2)
    if kind and numpy_type(kind) != to:
        raise TypeError
    zero = 0 if offset is None else _along(offset, x, call).astype(np.int64)
    scaled = np.rint((x / _along(call[1], x, call).astype(x.dtype)).astype(np.float64)) + zero
    limits = np.iinfo(to)
    return np.asarray(np.clip(scaled, limits.min, limits.max).astype(to))


@folds("DequantizeLinear", most=lambda call: call.held(0).size)
def _dequantize(call: Call) -> Array:
    x, offset, scale = call[0], call.given(2), _along(call[1], call[0], call)
    zero = 0 if offset is None else _along(offset, x, call).astype(np.int64)
    return ((x.astype(np.int64) - zero) * scale.astype(np.float32)).astype(call[1].dtype)
