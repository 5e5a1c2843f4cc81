"""Sources: tensors that need no input. They are there once, not once for each image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from costmodel.numbers.arithmetic import Number, Shape
from costmodel.ops.base import Cost, Emit, Operator, Weights, require
from costmodel.ops.fields import Count, Real, Size, Sizes
from costmodel.ops.saved import NOTHING

if TYPE_CHECKING:
    from costmodel.ops.base import Array


class Source(Operator, abstract=True):
    """What sources share: no input, no arithmetic, and a batch of 1 in `run` and in ONNX. They lie among the weights,
    so that nothing is moved or allocated until somebody reads them.
    """

    family = "source"
    inputs = 0
    view = True
    saves = NOTHING

    def cost(self) -> Cost:
        return Cost()

    def window(self) -> None:
        return None


class Parameter(Source):
    """A learned array of the sizes `size`, such as a table of positions, a class token or learned queries.

    params: 1 per element. It is called weight, so that a linear layer or an embedding of that shape can share it.
    """

    size: Sizes

    def shape(self) -> Shape:
        return self.size

    def weights(self) -> dict[str, Shape]:
        return {"weight": self.size}

    def run(self, weights: Weights) -> Array:
        out: Array = weights["weight"][None]
        return out

    def onnx(self, emit: Emit, weights: Mapping[str, str]) -> str:
        return emit("Unsqueeze", weights["weight"], emit.constant([0]))


class Constant(Source):
    """An array of the sizes `size` that is not trained: every element is `value`, or where that is left out, what is
    stored with the network: real numbers; with `below` indices, from 0 up to and not including that; with `mask` true
    and false. No params. buffers: 1 per element where they are stored.

    Raises:
        ShapeError: if it is both, or its `value` is no such index or truth value.
    """

    size: Sizes
    value: Real | None = None
    below: Size | None = None
    mask: bool = False

    def shape(self) -> Shape:
        require(self.below is None or not self.mask, lambda: "a constant is of indices or a mask, not both", "mask")
        _, below = self.stored()
        value = self.value
        require(
            value is None or below is None or ((value >= 0) & (value < below) & (value % 1 <= 0)),
            lambda: f"{value} is no whole number from 0 up to, and not including, {below}",
            "value",
        )
        return self.size

    def dtype(self, *inputs: str | None) -> str | None:
        return self.stored()[0]

    def bound(self) -> Number | None:
        return self.below

    def buffers(self) -> dict[str, Shape]:
        return {"value": self.size} if self.value is None else {}

    def stored(self) -> tuple[str | None, Number | None]:
        return ("bool", 2) if self.mask else (None if self.below is None else "int64", self.below)

    def run(self, weights: Weights) -> Array:
        import numpy as np

        if self.value is None:
            out: Array = weights["value"][None]
            return out
        return np.full((1, *self.size), self.value, self.dtype() or np.float32)

    def onnx(self, emit: Emit, weights: Mapping[str, str]) -> str:
        if self.value is None:
            return emit("Unsqueeze", weights["value"], emit.constant([0]))
        kind = bool if self.mask else float if self.below is None else int
        return emit("Expand", emit.constant(kind(self.value)), emit.constant([1, *self.size]))


class Arange(Source):
    """The whole numbers from `start` up to, and not including, `stop`: (stop - start,) indices, such as positions that
    an embedding looks up. No params.
    """

    stop: Size
    start: Count = 0

    def shape(self) -> Shape:
        require(self.start < self.stop, lambda: f"there is nothing from {self.start} up to {self.stop}", "stop")
        return (self.stop - self.start,)

    def dtype(self, *inputs: str | None) -> str | None:
        return "int64"

    def bound(self) -> Number:
        return self.stop

    def run(self, weights: Weights) -> Array:
        import numpy as np

        return np.arange(self.start, self.stop, dtype=np.int64)[None]

    def onnx(self, emit: Emit, weights: Mapping[str, str]) -> str:
        return emit.constant([list(range(self.start, self.stop))])
