"""What flows through a network that is being read: a tensor as it lies, its batch included."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

from costmodel.numbers.arithmetic import show_shape
from costmodel.reading.held import Held, throughout

REALS = ("float32", "float16", "bfloat16", "float64")
FAULTS = (
    LookupError,
    AttributeError,
    TypeError,
    ValueError,
    ArithmeticError,
    AssertionError,
    RuntimeError,
    MemoryError,
    StopIteration,
)
"""What a rule ends in where an attribute, an argument or an array is of another kind than it was made for."""
MOST_AXES = 32
"""Axes that a tensor may have."""
MOST_NUMBERS = 2**63 - 1
"""Numbers that a tensor may have."""


class UnreadError(Exception):
    """Something that no operator stands for; the text says what is the matter."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message, self.hint = message, hint


@dataclass(frozen=True, slots=True)
class Array:
    """Numbers stored with a network: under which name, and how. `trained` says whether they count as params, `frozen`
    whether they are such as training leaves as they are.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    trained: bool = True
    frozen: bool = False

    @property
    def size(self) -> int:
        return prod(self.shape)


@dataclass(frozen=True, slots=True)
class Value:
    """A tensor: where it comes from, its shape with the batch in it, and its dtype.

    What depends on no input has `source` "" and is made of the stored `arrays`; its numbers are `held` where they are
    few and known. `whole` says that it is its one array with the same numbers, perhaps in another order or shape,
    `reckoned` that its numbers are others: what arithmetic made of the arrays,
    `stands` that they are whole numbers that stand for real ones.
    """

    shape: tuple[int, ...]
    dtype: str
    source: str = ""
    arrays: tuple[Array, ...] = ()
    held: Held | None = None
    whole: bool = False
    reckoned: bool = False
    stands: bool = False

    def __post_init__(self) -> None:
        require_sizes(self.shape)

    @property
    def constant(self) -> bool:
        """It depends on no input."""
        return not self.source

    @property
    def size(self) -> int:
        return prod(self.shape)

    @property
    def trained(self) -> bool:
        """Its numbers are those of trained arrays."""
        numbers = self.real or self.stands or self.dtype.startswith("complex")
        return numbers and not self.reckoned and any(array.trained for array in self.arrays)

    @property
    def real(self) -> bool:
        """It holds real numbers."""
        return self.dtype in REALS

    def integers(self) -> list[int]:
        """Return its numbers as whole ones, in a row.

        Raises:
            UnreadError: if they are not known.
        """
        return [int(number) for number in self.numbers()]

    def scalar(self) -> float | None:
        """Return the number that it holds everywhere, None where that is not known or several."""
        number = None if self.held is None else self.held.everywhere()
        if self.held is None or number is None:
            return None
        # one of 32 bits is as it was written: 0.1, not 0.10000000149011612
        return float(f"{number:.7g}") if self.held.dtype in ("float16", "float32") else float(number)

    def numbers(self) -> Sequence[Any]:
        """Return what it holds, in a row.

        Raises:
            UnreadError: if that is not known.
        """
        if self.held is None:
            what = "computed from the input" if self.source else "not in the file, or too many to look at"
            raise UnreadError(f"it depends on numbers that are {what}")
        return self.held.row()

    def as_shape(self, shape: tuple[int, ...]) -> Value:
        """Return the same numbers, in the same order, under another shape; of what depends on no input."""
        held = None if self.held is None else self.held.as_shape(shape)
        return replace(self, shape=shape, held=held)


def known(held: Held, dtype: str = "") -> Value:
    """Return numbers that no training changes."""
    return Value(held.shape, dtype or held.dtype, held=held)


def known_one(number: bool | int) -> Value:
    """Return one truth value or whole number that no training changes."""
    return known(throughout((), number, "bool" if isinstance(number, bool) else "int64"))


def require_sizes(shape: tuple[int, ...]) -> None:
    """Refuse a shape that no tensor has, before anything of that size is there.

    Raises:
        UnreadError: if it has too many axes, a negative size, or too many numbers.
    """
    if len(shape) > MOST_AXES:
        raise UnreadError(f"a tensor of {len(shape)} axes; at most {MOST_AXES} are read")
    if min(shape, default=0) < 0 or prod(shape) > MOST_NUMBERS:
        raise UnreadError(f"{show_shape(shape)} is no shape of a tensor")


def frozen(values: Iterable[Value]) -> bool:
    """Say whether the arrays of a layer are params that training leaves as they are; a bias follows its matrix."""
    trained = [array for value in values for array in value.arrays if array.trained]
    matrices = [array for array in trained if len(array.shape) > 1] or trained
    return bool(matrices) and all(array.frozen for array in matrices)
