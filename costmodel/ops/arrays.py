"""The NumPy kernels behind `Operator.run`: window gathering and scattering, and the one place where mult-adds are
performed.

Every product that a cost rule counts as mult-adds goes through `contract`, so that the multiplications really
performed can be counted from the arrays themselves.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = np.ndarray[Any, Any]
Pads: TypeAlias = tuple[tuple[int, int], tuple[int, int]]


class Counter:
    """How many multiplications `contract` performed since the counter was opened."""

    def __init__(self) -> None:
        self.multiplications = 0


_open: list[Counter] = []


@contextmanager
def counting() -> Iterator[Counter]:
    """Count the multiplications that `contract` performs inside the block."""
    counter = Counter()
    _open.append(counter)
    try:
        yield counter
    finally:
        _open.remove(counter)


def contract(a: Array, b: Array) -> Array:
    """Return the (stacked) matrix product a @ b, counting its multiplications: every row with every column, term by
    term.
    """
    out: Array = np.matmul(a, b)
    for counter in _open:
        counter.multiplications += out.size * a.shape[-1]
    return out


def pad_map(x: Array, pads: Pads, value: float = 0) -> Array:
    """Pad the two last axes of `x` with a constant."""
    if pads == ((0, 0), (0, 0)):
        return x
    return np.pad(x, [(0, 0)] * (x.ndim - 2) + list(pads), constant_values=value)


def windows(x: Array, kernel: tuple[int, int], stride: tuple[int, int], dilation: tuple[int, int]) -> Array:
    """View the padded map `x` (..., height, width) as all windows that fit: (..., out_height, out_width, kernel_height,
    kernel_width), without copying. How many fit is seen from the array itself, not from the rule that infers shapes.
    """
    spans = tuple((taps - 1) * gap + 1 for taps, gap in zip(kernel, dilation, strict=True))
    every: Array = np.lib.stride_tricks.sliding_window_view(x, spans, axis=(-2, -1))
    return every[..., :: stride[0], :: stride[1], :: dilation[0], :: dilation[1]]


def scatter(columns: Array, stride: tuple[int, int], dilation: tuple[int, int]) -> Array:
    """Add up windows (..., in_height, in_width, kernel_height, kernel_width) where they overlap on the map that they
    cover.

    The reverse of `windows`; the loop is over the kernel's cells, not over pixels.
    """
    *lead, rows, cols, kernel_high, kernel_wide = columns.shape
    last_row, last_col = (rows - 1) * stride[0], (cols - 1) * stride[1]
    size = (last_row + (kernel_high - 1) * dilation[0] + 1, last_col + (kernel_wide - 1) * dilation[1] + 1)
    out = np.zeros((*lead, *size), dtype=columns.dtype)
    for i in range(kernel_high):
        for j in range(kernel_wide):
            top, left = i * dilation[0], j * dilation[1]
            cells = out[..., top : top + last_row + 1 : stride[0], left : left + last_col + 1 : stride[1]]
            cells += columns[..., i, j]
    return out


def crop_map(x: Array, pads: Pads) -> Array:
    """Cut the two last axes of `x` by what `pad_map` would have added."""
    (top, bottom), (left, right) = pads
    return x[..., top : x.shape[-2] - bottom, left : x.shape[-1] - right]


def channel_axis(x: Array) -> int:
    """Return the axis of channels: the second of (batch, channels, height, width), the last of vectors and token
    sequences.
    """
    return 1 if x.ndim == 4 else -1


def per_channel(values: Array, like: Array) -> Array:
    """Shape a vector of one number a channel so that it broadcasts over `like`."""
    return values.reshape(-1, 1, 1) if like.ndim == 4 else values


def sigmoid(x: Array) -> Array:
    """Return 1 / (1 + exp(-x)), by way of tanh, which does not overflow."""
    out: Array = 0.5 * (1 + np.tanh(0.5 * x))
    return out


def softmax(x: Array, axis: int) -> Array:
    """Return exp(x) as shares of its sum along `axis`."""
    powers: Array = np.exp(x - x.max(axis=axis, keepdims=True))
    powers /= powers.sum(axis=axis, keepdims=True)
    return powers


def erf(x: Array) -> Array:
    """Return the error function of every element."""
    out: Array = np.vectorize(math.erf, otypes=[x.dtype])(x)
    return out


def interpolate(x: Array, scale: int, axis: int) -> Array:
    """Stretch an axis `scale` times, linear between the centres of its cells and constant beyond the first and last."""
    size = x.shape[axis]
    centres = ((np.arange(size * scale) + 0.5) / scale - 0.5).clip(0, size - 1)
    low = np.floor(centres).astype(np.int64)
    share = (centres - low).astype(x.dtype).reshape(-1, *([1] * (x.ndim - 1 - axis)))
    high = np.minimum(low + 1, size - 1)
    out: Array = x.take(low, axis=axis) * (1 - share) + x.take(high, axis=axis) * share
    return out
