"""Numbers that are known beforehand: bytes until somebody computes with them, and only then an array of NumPy's."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from math import prod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

LETTERS = {
    "bool": "?",
    "int8": "b",
    "uint8": "B",
    "int16": "h",
    "uint16": "H",
    "int32": "i",
    "uint32": "I",
    "int64": "q",
    "uint64": "Q",
    "float16": "e",
    "float32": "f",
    "float64": "d",
}
"""How Python's `struct` names the types of numbers that it and NumPy both have."""
COMPLEX = ("complex64", "complex128")
FLOATS = ("float16", "float32", "float64")
DEEPEST = 50
"""Changes that are put off, one of what another makes."""


@dataclass(slots=True, eq=False)
class Held:
    """Numbers of a shape, and of a type by NumPy's name for it.

    `raw` are they one after the other, the lowest byte first, of one of the types of `LETTERS`; where that is None,
    `make` gives them as an array. `found` is the array once somebody has asked for it.
    """

    shape: tuple[int, ...]
    dtype: str
    raw: bytes | None = None
    make: Callable[[], Array] | None = None
    found: Array | None = None
    depth: int = 0
    """How many changes are still to be made."""

    @property
    def size(self) -> int:
        """How many numbers there are."""
        return prod(self.shape)

    def array(self) -> Array:
        """Return them as an array of NumPy's."""
        if self.found is None:
            import numpy as np

            if self.raw is not None:
                self.found = np.frombuffer(self.raw, np.dtype(self.dtype).newbyteorder("<")).reshape(self.shape)
            else:
                assert self.make is not None
                self.found, self.make = np.asarray(self.make()), None
        return self.found

    def row(self) -> Sequence[Any]:
        """Return them one after the other, as plain numbers."""
        if self.raw is None:
            return list(self.array().reshape(-1).tolist())
        return struct.unpack(f"<{self.size}{LETTERS[self.dtype]}", self.raw)

    def as_shape(self, shape: tuple[int, ...]) -> Held:
        """Return the same numbers, in the same order, under another shape.

        Raises:
            ValueError: if that is one of more or fewer.
        """
        if prod(shape) != self.size:
            raise ValueError(f"{self.size} numbers cannot have the shape {shape}")
        if self.raw is not None:
            return Held(shape, self.dtype, self.raw)
        return self.changed(shape, lambda numbers: numbers.reshape(shape))

    def first(self) -> Held:
        """Return those that stand first along the first axis."""
        shape = self.shape[1:]
        if self.raw is not None:
            return Held(shape, self.dtype, self.raw[: prod(shape) * width(self.dtype)])
        return self.changed(shape, lambda numbers: numbers[0])

    def transposed(self, order: Sequence[int]) -> Held:
        """Return them with their axes in another order."""
        return self.changed(tuple(self.shape[axis] for axis in order), lambda numbers: numbers.transpose(order))

    def as_type(self, dtype: str) -> Held:
        """Return them as another type, as NumPy makes it of them."""

        def cast(numbers: Array) -> Array:
            import numpy as np

            with np.errstate(all="ignore"):
                return numbers.astype(dtype)

        return self.changed(self.shape, cast, dtype)

    def changed(self, shape: tuple[int, ...], change: Callable[[Array], Array], dtype: str = "") -> Held:
        """Return what `change` makes of them, which has that shape and type; it is made when it is asked for."""
        if self.depth >= DEEPEST:
            self.array()
        depth = 0 if self.found is not None else self.depth + 1
        return Held(shape, dtype or self.dtype, make=lambda: change(self.array()), depth=depth)

    def everywhere(self) -> Any:
        """Return the number that all of them are; None where they are several, none, or complex."""
        if self.dtype not in LETTERS or not self.size:
            return None
        if self.raw is None:
            first = self.array().reshape(-1)[0]
            return first.item() if self.size == 1 or bool((self.array() == first).all()) else None
        wide = width(self.dtype)
        (number,) = struct.unpack(f"<{LETTERS[self.dtype]}", self.raw[:wide])
        if self.size == 1:
            return number
        alike = self.raw == self.raw[:wide] * self.size
        if not alike and number == 0 and self.dtype in FLOATS:  # there are two zeros
            tops = self.raw[wide - 1 :: wide]  # each ends in its sign: of a zero that is all there may be
            alike = len(self.raw) - self.raw.count(0) == tops.count(0x80)
        return number if alike and number == number else None

    def same(self, other: Held) -> bool:
        """Say whether others are the same numbers, of the same shape."""
        return self.shape == other.shape and bool((self.array() == other.array()).all())

    def within(self, bound: float) -> bool:
        """Say whether all of them, which are floats, are smaller than a bound whatever their sign."""
        if self.raw is None:
            return bool((abs(self.array()) < bound).all())
        wide = width(self.dtype)
        near = self.raw[wide - 1 :: wide].translate(None, _less(bound, self.dtype))
        return not near or all(abs(one) < bound for one in self.row())


def of_array(array: Array) -> Held:
    """Return the numbers of an array."""
    return Held(array.shape, array.dtype.name, found=array)


def listed(numbers: Sequence[Any], dtype: str) -> Held:
    """Return numbers of one of the types of `LETTERS` in a row.

    Raises:
        ValueError: if they are none of that type.
    """
    return Held((len(numbers),), dtype, _packed(numbers, dtype))


def numpys(dtype: str) -> str:
    """Return the type that numbers are held in: their own, where NumPy has it."""
    return dtype if dtype in LETTERS or dtype in COMPLEX else "float32"


def throughout(shape: tuple[int, ...], number: Any, dtype: str) -> Held:
    """Return one number everywhere.

    Raises:
        ValueError: if it is none of that type.
    """
    if dtype in LETTERS:
        return Held(shape, dtype, _packed([number], dtype) * prod(shape))

    def make() -> Array:
        import numpy as np

        return np.full(shape, number, dtype)

    return Held(shape, dtype, make=make)


def _packed(numbers: Sequence[Any], dtype: str) -> bytes:
    try:
        return struct.pack(f"<{len(numbers)}{LETTERS[dtype]}", *numbers)
    except struct.error:
        raise ValueError(f"not of type {dtype}") from None


@cache
def _less(bound: float, dtype: str) -> bytes:
    """Return the last bytes of floats that are less than a bound by that byte, the sign and most of the exponent."""
    largest = struct.pack(f">{LETTERS[dtype]}", bound)[0]
    return bytes(byte for byte in range(256) if byte & 127 < largest)


@cache
def width(dtype: str) -> int:
    """Return how many bytes a number takes."""
    return struct.calcsize(f"<{LETTERS[dtype]}")
