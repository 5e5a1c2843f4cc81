"""Arrays of an ONNX file: their shapes, and their numbers where they are asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from struct import pack
from typing import TYPE_CHECKING, Any

from costmodel.documents.files import let_go
from costmodel.onnx.codes import BITS, HELD_AS, SHARING, UNSIGNED, WIDTHS, meant
from costmodel.onnx.wire import BYTES, LONGEST_NUMBER, DamagedError, Data, Field, Wire
from costmodel.reading.held import LETTERS, Held

if TYPE_CHECKING:
    import numpy as np

DTYPES = (
    "float32 uint8 int8 uint16 int16 int32 int64 string bool float16 float64 uint32 uint64 complex64 complex128 "
    "bfloat16 float8e4m3fn float8e4m3fnuz float8e5m2 float8e5m2fnuz uint4 int4 float4e2m1 float8e8m0 uint2 int2 "
    "float6e2m3 float6e3m2"
).split()
"""ONNX's types in the order of their numbers, the first of which is 1."""
UNKNOWN = "?"
"""The type of an array whose number ONNX does not have."""
MOST_VALUES = 2**20
"""Numbers up to which an array's values are looked at."""
FLOATS, INT32S, INT64S, RAW, DOUBLES, UINT64S = 4, 5, 7, 9, 10, 11
"""The numbers of the fields that hold an array's values."""
HELD_IN = {
    FLOATS: ("float32", "complex64"),
    DOUBLES: ("float64", "complex128"),
    INT64S: ("int64",),
    UINT64S: ("uint32", "uint64"),
}
"""The types of which such a field holds the numbers; those of all others stand among the whole ones of 32 bits."""


@dataclass(slots=True)
class Stored:
    """An array as it lies in a file. `shape` is what the file says; `external` says where its bytes are, if elsewhere.

    A sparse array has the shape and type of the dense one; its values are not looked at.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    external: Mapping[str, str] = field(default_factory=dict)
    is_external: bool = False
    data: Data = field(default=b"", repr=False)
    parts: Sequence[Field] = field(default=(), repr=False)
    same: object = field(default_factory=object, repr=False, compare=False)
    """What tells it from all other arrays; a copy under another name has the same."""

    @property
    def size(self) -> int:
        """How many numbers it has."""
        return prod(self.shape)

    def held(self, most: int = MOST_VALUES) -> Held | None:
        """Return its numbers; None if they are elsewhere, damaged, no numbers or more than `most`.

        Types that NumPy lacks come as the next that holds all of their numbers: int8, uint8 or float32.
        """
        if self.is_external or self.dtype in ("string", UNKNOWN) or min(self.shape, default=0) < 0 or self.size > most:
            return None
        is_raw = any(key >> 3 == RAW for key, _, _ in self.parts)
        try:
            codes = self._raw() if is_raw else self._listed()
        except DamagedError:
            return None
        if codes is None:
            return None
        if self.dtype in LETTERS:
            return Held(self.shape, self.dtype, codes)
        if self.dtype == "bfloat16":  # the upper half of a float of 32 bits
            wide = bytearray(2 * len(codes))
            wide[2::4], wide[3::4] = codes[::2], codes[1::2]
            return Held(self.shape, "float32", bytes(wide))

        bits = BITS.get(self.dtype, 8) if is_raw or self.dtype in SHARING else 8
        dtype, size, shape = self.dtype, self.size, self.shape
        return Held(shape, HELD_AS.get(dtype, "float32"), make=lambda: meant(codes, dtype, bits, size).reshape(shape))

    def values(self, most: int = MOST_VALUES) -> np.ndarray[Any, Any] | None:
        """Return its numbers as an array, None where `held` does."""
        held = self.held(most)
        return None if held is None else held.array()

    @property
    def _bytes(self) -> int:
        """How many bytes its numbers are."""
        return -(-self.size * BITS.get(self.dtype, 8 * WIDTHS.get(self.dtype, 1)) // 8)

    def _raw(self) -> bytes | None:
        """Return the bytes of its numbers, as they lie in the field that has nothing else."""
        start, end = next((start, end) for key, start, end in reversed(self.parts) if key >> 3 == RAW)
        if end - start != self._bytes:
            return None
        codes = bytes(self.data[start:end])
        let_go(self.data, end)
        return codes

    def _listed(self) -> bytes | None:
        """Return the bytes of its numbers, which stand in the field for numbers of its type."""
        place = next((place for place, dtypes in HELD_IN.items() if self.dtype in dtypes), INT32S)
        parts = [(key & 7, start, end) for key, start, end in self.parts if key >> 3 == place]
        if place in (FLOATS, DOUBLES):
            codes = b"".join(bytes(self.data[start:end]) for _, start, end in parts)
            return codes if len(codes) == self._bytes else None
        if sum(end - start for wire, start, end in parts if wire == BYTES) > LONGEST_NUMBER * self.size:
            return None
        whole: list[int] = []
        for wire, start, end in parts:
            whole += Wire().numbers(self.data, start, end) if wire == BYTES else [start]
        if len(whole) < self._bytes if self.dtype in SHARING else len(whole) != self.size:
            return None
        if self.dtype == "bool":
            return bytes(map(bool, whole))
        # numbers of 64 bits, of which the type takes the lowest
        wide = WIDTHS.get(self.dtype, 1)
        lowest = (1 << 8 * wide) - 1
        return pack(f"<{len(whole)}{UNSIGNED[wide]}", *[number & lowest for number in whole])


def dtype_name(kind: int) -> str:
    """Return what one of ONNX's types is called here: ``float16``; a question mark for one that ONNX does not have."""
    return DTYPES[kind - 1] if 0 < kind <= len(DTYPES) else UNKNOWN
