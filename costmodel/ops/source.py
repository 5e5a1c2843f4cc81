"""Sources: tensors that need no input. They are there once, not once for each image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from costmodel.numbers.arithmetic import Shape
from costmodel.ops.base import Cost, Emit, Operator, Weights, require
from costmodel.ops.fields import Count, Real, Size, Sizes

if TYPE_CHECKING:
    from costmodel.ops.base import Array


class Source(Operator, abstract=True):
    """What sources share: no input, no arithmetic, and a batch of 1 in `run` and in ONNX. They lie among the weights,
    so that nothing is moved or allocated until somebody reads them.
    """

    family = "source"
    inputs = 0
    view = True

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
    """An array of the sizes `size` that is not trained: every element is `value`, or where that is left out, numbers
    that are stored with the network. No params. buffers: 1 per element where they are stored.
    """

    size: Sizes
    value: Real | None = None

    def shape(self) -> Shape:
        return self.size

    def buffers(self) -> dict[str, Shape]:
        return {"value": self.size} if self.value is None else {}

    def run(self, weights: Weights) -> Array:
        import numpy as np

        if self.value is None:
            out: Array = weights["value"][None]
            return out
        return np.full((1, *self.size), self.value, np.float32)

    def onnx(self, emit: Emit, weights: Mapping[str, str]) -> str:
        if self.value is None:
            return emit("Unsqueeze", weights["value"], emit.constant([0]))
        return emit("Expand", emit.constant(float(self.value)), emit.constant([1, *self.size]))


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

    def run(self, weights: Weights) -> Array:
        import numpy as np

        return np.arange(self.start, self.stop, dtype=np.int64)[None]

    def onnx(self, emit: Emit, weights: Mapping[str, str]) -> str:
        return emit.constant([list(range(self.start, self.stop))])
