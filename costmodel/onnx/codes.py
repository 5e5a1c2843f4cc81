"""How numbers of each type are stored, and what those are that Python's `struct` lacks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from costmodel.reading.held import COMPLEX, LETTERS, width

if TYPE_CHECKING:
    import numpy as np

BITS = {"uint4": 4, "int4": 4, "float4e2m1": 4, "uint2": 2, "int2": 2, "float6e2m3": 6, "float6e3m2": 6}
"""Types of which several stand in a byte, and how many bits each takes."""
SHARING = ("uint4", "int4", "float4e2m1", "uint2", "int2")
"""Those of which several stand in a byte in a list of numbers too."""
WIDTHS = {name: width(name) for name in LETTERS} | {"bfloat16": 2, "complex64": 8, "complex128": 16}
"""How many bytes a number takes, where that is not one."""
UNSIGNED = {1: "B", 2: "H", 4: "I", 8: "Q"}
"""How `struct` names numbers without a sign, by their bytes."""
HELD_AS = {"uint4": "uint8", "uint2": "uint8", "int4": "int8", "int2": "int8"} | {name: name for name in COMPLEX}
"""The type that numbers of others than `LETTERS` are held in; the small floats are held in float32."""
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


def meant(raw: bytes, dtype: str, bits: int, size: int) -> np.ndarray[Any, Any]:
    """Return the first `size` numbers, in a row, that bytes stand for; those of less than a byte take so many bits."""
    import numpy as np

    if dtype in COMPLEX:
        return np.frombuffer(raw, np.dtype(dtype).newbyteorder("<"))
    codes = _unpacked(np.frombuffer(raw, np.uint8), bits, size)
    if dtype in ("int4", "int2"):
        half = 1 << (BITS[dtype] - 1)
        return ((codes ^ half).astype(np.int16) - half).astype(np.int8)
    if dtype == "float8e8m0":
        return np.where(codes == 255, np.nan, np.ldexp(1.0, codes.astype(int) - 127)).astype(np.float32)
    return _floats(codes, dtype) if dtype in SMALL_FLOATS else codes


def _unpacked(codes: np.ndarray[Any, Any], bits: int, size: int) -> np.ndarray[Any, Any]:
    """Return numbers of which several stand in a byte, the first in the lowest bits, each in a byte of its own."""
    import numpy as np

    if bits == 8:
        return codes
    single = np.unpackbits(codes, bitorder="little")[: size * bits].reshape(size, bits)
    return np.packbits(single, axis=1, bitorder="little").reshape(size)


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
