"""Arrays of an ONNX file: their shapes, and their numbers where they are asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING, Any

from costmodel.documents.files import let_go
from costmodel.onnx.wire import BYTES, DamagedError, Data, Field, Wire

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
BITS = {"uint4": 4, "int4": 4, "float4e2m1": 4, "uint2": 2, "int2": 2, "float6e2m3": 6, "float6e3m2": 6}
"""Types of which several stand in a byte, and how many bits each takes."""
SMALL_FLOATS = {
    "float8e4m3fn": (4, 3, 7),
    "float8e4m3fnuz": (4, 3, 8),
    "float8e5m2": (5, 2, 15),
    "float8e5m2fnuz": (5, 2, 16),
    "float4e2m1": (2, 1, 1),
    "float6e2m3": (2, 3, 1),
    "float6e3m2": (3, 2, 3),
}
"""Floats of at most a byte: bits of exponent, bits of fraction, and the exponent's offset."""
NUMPY = {"bfloat16": "uint16", "float8e8m0": "uint8"} | dict.fromkeys(BITS | SMALL_FLOATS, "uint8")
"""The NumPy type that others than NumPy's own are first read as."""
FLOATS, INT32S, INT64S, RAW, DOUBLES, UINT64S = 4, 5, 7, 9, 10, 11
"""The numbers of the fields that hold an array's values."""
HELD_IN = {
    FLOATS: ("<f4", ("float32", "complex64")),
    DOUBLES: ("<f8", ("float64", "complex128")),
    INT64S: ("", ("int64",)),
    UINT64S: ("", ("uint32", "uint64")),
}
"""For each such field how a number is written (empty for whole numbers of varying length) and for which types; whole
numbers of all other types stand among the numbers of 32 bits.
"""


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

    @property
    def size(self) -> int:
        """How many numbers it has."""
        return prod(self.shape)

    def values(self, most: int = MOST_VALUES) -> np.ndarray[Any, Any] | None:
        """Return its numbers; None if they are elsewhere, damaged, no numbers or more than `most`.

        Types that NumPy lacks come as the next that holds all of their numbers: int8, uint8 or float32.
        """
        if self.is_external or self.dtype in ("string", UNKNOWN) or min(self.shape, default=0) < 0 or self.size > most:
            return None
        try:
            return self._decoded()
        except (DamagedError, ValueError, TypeError, OverflowError):
            return None

    def _decoded(self) -> np.ndarray[Any, Any] | None:
        import numpy as np

        raw = [(start, end) for key, start, end in self.parts if key >> 3 == RAW]
        kind = np.dtype(NUMPY.get(self.dtype, self.dtype)).newbyteorder("<")
        if raw:
            start, end = raw[-1]
            if end - start != -(-self.size * BITS.get(self.dtype, 8 * kind.itemsize) // 8):
                return None
            codes = np.frombuffer(bytes(self.data[start:end]), kind)
            let_go(self.data, end)
            return _meant(_unpacked(codes, self.dtype, self.size), self.dtype).reshape(self.shape)
        listed = self._listed(np.dtype(kind))
        if listed is None:
            return None
        if self.dtype in BITS and BITS[self.dtype] != 6:  # of 6 bits each has a number of its own
            listed = _unpacked(listed, self.dtype, self.size)
        return _meant(listed, self.dtype).reshape(self.shape)

    def _listed(self, kind: np.dtype[Any]) -> np.ndarray[Any, Any] | None:
        """Return the numbers of the field that the type's numbers stand in, as they are written."""
        import numpy as np

        place = next((place for place, (_, dtypes) in HELD_IN.items() if self.dtype in dtypes), INT32S)
        written = HELD_IN[place][0] if place in HELD_IN else ""
        parts = [(key & 7, start, end) for key, start, end in self.parts if key >> 3 == place]
        if written:
            held = b"".join(bytes(self.data[start:end]) for _, start, end in parts)
            numbers = np.frombuffer(held, written)
            return numbers.view("<c8" if written == "<f4" else "<c16") if kind.kind == "c" else numbers
        if sum(end - start for wire, start, end in parts if wire == BYTES) > 10 * self.size:
            return None
        whole: list[int] = []
        for wire, start, end in parts:
            whole += Wire().numbers(self.data, start, end) if wire == BYTES else [start]
        # numbers of 64 bits, of which the type takes the lowest
        wide = np.array([value & 0xFFFF_FFFF_FFFF_FFFF for value in whole], np.uint64)
        if self.dtype == "bool":
            return np.asarray(wide != 0)
        return wide.astype(f"u{kind.itemsize}").view("float16" if self.dtype == "float16" else kind)


def dtype_name(kind: int) -> str:
    """Return what one of ONNX's types is called here: ``float16``; a question mark for one that ONNX does not have."""
    return DTYPES[kind - 1] if 0 < kind <= len(DTYPES) else UNKNOWN


def _unpacked(codes: np.ndarray[Any, Any], dtype: str, size: int) -> np.ndarray[Any, Any]:
    """Return numbers of which several stand in a byte, the first in the lowest bits, each in a byte of its own."""
    import numpy as np

    bits = BITS.get(dtype)
    if bits is None:
        return codes
    single = np.unpackbits(codes, bitorder="little")[: size * bits].reshape(size, bits)
    return np.packbits(single, axis=1, bitorder="little").reshape(size)


def _meant(codes: np.ndarray[Any, Any], dtype: str) -> np.ndarray[Any, Any]:
    """Return the numbers that codes stand for, where NumPy has no such type."""
    import numpy as np

    if dtype in ("int4", "int2"):
        half = 1 << (BITS[dtype] - 1)
        return ((codes ^ half).astype(np.int16) - half).astype(np.int8)
    if dtype == "bfloat16":
        return (codes.astype(np.uint32) << 16).view(np.float32)
    if dtype == "float8e8m0":
        return np.where(codes == 255, np.nan, np.ldexp(1.0, codes.astype(int) - 127)).astype(np.float32)
    return _floats(codes, dtype) if dtype in SMALL_FLOATS else codes


def _floats(codes: np.ndarray[Any, Any], dtype: str) -> np.ndarray[Any, Any]:
    """Return the numbers that codes of a small float stand for: sign, exponent, fraction."""
    import numpy as np

    exponent, fraction, offset = SMALL_FLOATS[dtype]
    whole = codes.astype(int)
    power = whole >> fraction & ((1 << exponent) - 1)
    rest = whole & ((1 << fraction) - 1)
    minus = whole >> (exponent + fraction) & 1
    size = np.ldexp(rest + np.where(power > 0, 1 << fraction, 0), np.maximum(power, 1) - offset - fraction)
    largest = power == (1 << exponent) - 1
    if dtype == "float8e5m2":
        size = np.where(largest, np.where(rest > 0, np.nan, np.inf), size)
    elif dtype == "float8e4m3fn":
        size = np.where(largest & (rest == 7), np.nan, size)
    elif dtype.endswith("uz"):
        size = np.where((minus == 1) & (power == 0) & (rest == 0), np.nan, size)
    return np.asarray(np.where(minus == 1, -size, size).astype(np.float32))
