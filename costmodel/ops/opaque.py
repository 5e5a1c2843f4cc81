"""What a network holds and no operator here stands for."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from costmodel.errors import CostModelError
from costmodel.numbers.arithmetic import Shape
from costmodel.ops.base import Cost, Operator
from costmodel.ops.fields import Count, Pattern, Sizes
from costmodel.ops.saved import NOTHING

if TYPE_CHECKING:
    from costmodel.ops.base import Array, Weights


MOVES = ("enlarged", "write")
"""What readers call so themselves, and that keeps nothing for its backward pass: arrays repeated, parts overwritten."""


class Opaque(Operator):
    """An operation of another vocabulary, called `type` there, that gives a tensor of `size`. What is known of its cost
    is `multiplications` (mult-adds) and `operations` (other_ops); nothing else is counted but the bytes that it reads
    and writes, and the network is priced in part. It can be neither run nor written.
    """

    family = "opaque"
    inputs = (0, None)
    saves = NOTHING  # nobody knows: what is computed of it is a lower bound

    type: Pattern
    size: Sizes
    multiplications: Count = 0
    operations: Count = 0

    def shape(self, *inputs: Shape) -> Shape:
        return self.size

    def dtype(self, *inputs: str | None) -> str | None:
        return inputs[0] if inputs else None

    def cost(self, *inputs: Shape) -> Cost:
        return Cost(mult_adds=self.multiplications, other_ops=self.operations)

    def window(self, *inputs: Shape) -> None:
        return None

    def run(self, weights: Weights, *inputs: Array) -> NoReturn:
        raise CostModelError(f"{self.type} is an operation of another vocabulary, which cannot be run here")

    def onnx(self, *_: object, **__: object) -> NoReturn:
        raise CostModelError(f"{self.type} is an operation of another vocabulary, which cannot be written in ONNX here")
