"""Pooling to a given size, whatever the size before."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import TYPE_CHECKING, ClassVar

from costmodel.numbers.arithmetic import Number, Shape, ceil_div, gcd, is_plain, product, same
from costmodel.ops import lead, windows
from costmodel.ops.base import Cost, Emit, Operator, Weights
from costmodel.ops.fields import Window
from costmodel.ops.saved import EAGER_INPUT, NOTHING, Saved, places

if TYPE_CHECKING:
    from costmodel.ops.base import Array


class AdaptivePool(Operator, abstract=True):
    """What pools to a given size share: along each axis of space, output i sees the inputs from floor(i * in / out) up
    to ceil((i + 1) * in / out), so that neighbours share an input where `out` does not divide `in`. A list sizes the
    last axes, a single number every axis after the channels.

    other_ops: 1 for each input of each window.
    """

    family = "pool"
    one_node: ClassVar[str]
    """ONNX's pool, for windows that are all alike."""
    reduction: ClassVar[str]
    """ONNX's reduction, for the others."""

    output_size: Window

    def axes(self, x: Shape) -> list[tuple[Number, Number]]:
        """Return (before, after) of each axis of space."""
        number = windows.axes_of_space(self, x, self.output_size)
        return list(zip(x[len(x) - number :], windows.spread(self.output_size, number), strict=True))

    def shape(self, x: Shape) -> Shape:
        axes = self.axes(x)
        return (*x[: len(x) - len(axes)], *(after for _, after in axes))

    def cost(self, x: Shape) -> Cost:
        axes = self.axes(x)
        # Of the out - 1 borders between windows, all but gcd - 1 fall within an input, which both windows then see.
        seen = [before + after - gcd(before, after) for before, after in axes]
        return Cost(other_ops=product(x[: len(x) - len(axes)]) * product(seen))

    def window(self, x: Shape) -> windows.Seen | None:
        seen = []
        for before, after in self.axes(x):
            if not is_plain(before) or not is_plain(after) or (after != 1 and before % after):
                return None
            seen.append((inf if after == 1 else before // after, before // after))
        return tuple(seen)

    def reduce(self, x: Array, axis: int) -> Array:
        """Return what one window gives along an axis, which stays with size 1."""
        raise NotImplementedError

    def run(self, weights: Weights, x: Array) -> Array:
        import numpy as np

        axes = self.axes(x.shape[1:])
        for axis, pair in enumerate(axes, x.ndim - len(axes)):
            parts = [x.take(range(*ends), axis=axis) for ends in _windows(*pair)]
            x = np.concatenate([self.reduce(part, axis) for part in parts], axis=axis)
        return x

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        shape = emit.shape(x)
        axes = self.axes(shape)
        if all(before % after == 0 for before, after in axes):
            kernel = [before // after for before, after in axes]
            return lead.emitted(
                emit,
                x,
                len(axes) + 1,
                self.shape(shape),
                lambda folded: emit(self.one_node, folded, kernel_shape=kernel, strides=kernel),
            )
        for axis, pair in enumerate(axes, 1 + len(shape) - len(axes)):
            along = emit.constant([axis])
            parts = [
                emit(
                    self.reduction,
                    emit("Slice", x, emit.constant([start]), emit.constant([stop]), along),
                    along,
                    keepdims=1,
                )
                for start, stop in _windows(*pair)
            ]
            x = emit("Concat", *parts, axis=axis)
        return x


def _windows(before: int, after: int) -> list[tuple[int, int]]:
    """Return where each window starts and stops."""
    return [(i * before // after, ceil_div((i + 1) * before, after)) for i in range(after)]


class AdaptiveAvgPool(AdaptivePool):
    """Mean of each window of (..., *space), sized so that space becomes `output_size`: output i sees the inputs from
    floor(i * in / out) up to ceil((i + 1) * in / out). A list sizes the last axes, a number all after the channels.

    other_ops: 1 for each input of each window (additions, and the division).
    Source: torch.nn.AdaptiveAvgPool2d.
    """

    one_node = "AveragePool"
    reduction = "ReduceMean"

    def saved(self, x: Shape) -> tuple[Saved, ...]:
        return NOTHING if all(same(after, 1) for _, after in self.axes(x)) else EAGER_INPUT

    def reduce(self, x: Array, axis: int) -> Array:
        out: Array = x.mean(axis=axis, keepdims=True)
        return out


class AdaptiveMaxPool(AdaptivePool):
    """Largest value of each window of (..., *space), sized as in adaptive_avg_pool.

    other_ops: 1 for each input of each window (comparisons).
    Source: torch.nn.AdaptiveMaxPool2d.
    """

    one_node = "MaxPool"
    reduction = "ReduceMax"

    def saved(self, x: Shape) -> tuple[Saved, ...]:
        return (*EAGER_INPUT, places(product(self.shape(x))))

    def reduce(self, x: Array, axis: int) -> Array:
        out: Array = x.max(axis=axis, keepdims=True)
        return out
