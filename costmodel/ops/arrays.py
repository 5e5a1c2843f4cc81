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
Pads: TypeAlias = tuple[tuple[int, int], ...]
Ints: TypeAlias = tuple[int, ...]


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
    """Pad the last axes of `x` with a constant, as many as `pads` has pairs."""
    if not any(map(any, pads)):
        return x
    return np.pad(x, [(0, 0)] * (x.ndim - len(pads)) + list(pads), constant_values=value)


def windows(x: Array, kernel: Ints, stride: Ints, dilation: Ints) -> Array:
    """View the padded map `x` (..., *space) as all windows that fit: (..., *out_space, *kernel), without copying. How
    many fit is seen from the array itself, not from the rule that infers shapes.
    """
    axes = len(kernel)
    spans = tuple((taps - 1) * gap + 1 for taps, gap in zip(kernel, dilation, strict=True))
    every: Array = np.lib.stride_tricks.sliding_window_view(x, spans, axis=tuple(range(-axes, 0)))
    steps = tuple(slice(None, None, step) for step in (*stride, *dilation))
    return _at(every, steps)


def scatter(columns: Array, stride: Ints, dilation: Ints) -> Array:
    """Add up windows (..., *in_space, *kernel) where they overlap on the map that they cover.

    The reverse of `windows`; the loop is over the kernel's cells, not over pixels.
    """
    axes = len(stride)
    space, kernel = columns.shape[-2 * axes : -axes], columns.shape[-axes:]
    last = [(size - 1) * step for size, step in zip(space, stride, strict=True)]
    size = [end + (taps - 1) * gap + 1 for end, taps, gap in zip(last, kernel, dilation, strict=True)]
    out = np.zeros((*columns.shape[: -2 * axes], *size), dtype=columns.dtype)
    for cell in np.ndindex(*kernel):
        starts = [place * gap for place, gap in zip(cell, dilation, strict=True)]
        reached = [slice(first, first + end + 1, step) for first, end, step in zip(starts, last, stride, strict=True)]
        place: Any = (..., *reached)
        out[place] += _at(columns, cell)
    return out


def crop_map(x: Array, pads: Pads) -> Array:
    """Cut the last axes of `x` by what `pad_map` would have added."""
    sizes = x.shape[x.ndim - len(pads) :]
    return _at(x, tuple(slice(before, size - after) for (before, after), size in zip(pads, sizes, strict=True)))


def _at(x: Array, last: tuple[Any, ...]) -> Array:
    """Index the last axes of `x`."""
    index: Any = (..., *last)
    found: Array = x[index]
    return found


def along(values: Array, like: Array, axis: int) -> Array:
    """Shape a vector so that it broadcasts over `like` along one of its axes."""
    return values.reshape(-1, *[1] * (like.ndim - 1 - axis))


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


def resized(x: Array, out: int, scale: float, axis: int, taps: int, align_corners: bool) -> Array:
    """Return `x` with `out` places along an axis, `scale` of them for one before, each made of its `taps` neighbours:
    1 takes the one at or before it, 2 are linear and constant beyond the ends, 4 are cubic with the ends repeated.
    """
    size = x.shape[axis]
    places = np.arange(out, dtype=np.float32)  # float32 as in ONNX Runtime, so that both round alike
    if taps == 1:
        nearest: Array = x.take(np.floor(places / np.float32(scale)).astype(np.int64).clip(0, size - 1), axis=axis)
        return nearest
    if align_corners:
        centres = places * np.float32((size - 1) / (out - 1) if out > 1 else 0)
    else:
        centres = (places + np.float32(0.5)) / np.float32(scale) - np.float32(0.5)
    if taps == 2:
        centres = centres.clip(0, size - 1)
    low = np.floor(centres).astype(np.int64)
    share = centres - low
    kernel = _cubic(share) if taps == 4 else [1 - share, share]
    first = 1 - taps // 2
    parts = [
        x.take((low + first + place).clip(0, size - 1), axis=axis) * along(weight.astype(x.dtype), x, axis)
        for place, weight in enumerate(kernel)
    ]
    total: Array = sum(parts[1:], parts[0])
    return total


def _cubic(share: Array, a: float = -0.75) -> list[Array]:
    """Return the weights of the two neighbours before and the two after a place between the inner two."""

    def near(t: Array) -> Array:
        weight: Array = ((a + 2) * t - (a + 3)) * t * t + 1
        return weight

    def far(t: Array) -> Array:
        weight: Array = ((a * t - 5 * a) * t + 8 * a) * t - 4 * a
        return weight

    return [far(share + 1), near(share), near(1 - share), far(2 - share)]
