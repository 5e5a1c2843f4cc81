"""Conventions that stand in one place, and how numbers are written for people."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

FLOPS_PER_MULT_ADD = 2
"""A multiplication and an addition."""

DTYPES = {"float32": 4, "float16": 2, "bfloat16": 2, "int8": 1}
"""Bytes of one number."""

MOST_IMAGES = 10**9
"""The largest batch: beyond it, numbers stop meaning anything to people."""

TRAINED = ("float32", "float16", "bfloat16")
"""The dtypes that gradients can have."""

PREFIXES = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "P": 10**15, "E": 10**18, "Z": 10**21}
"""Decimal prefixes: 1 MB is 1,000,000 bytes."""

LEAST = 0.001
"""What is less is not written out: nobody reads so many zeros."""


def prefix_for(values: Iterable[Any]) -> str:
    """Return the one prefix that suits a whole column: that of its largest number, once that is rounded to 4 digits."""
    top = max((abs(value) for value in values), default=0)
    top = float(f"{float(top):.4g}")
    return next((prefix for prefix, size in reversed(PREFIXES.items()) if top >= size), "")


def scaled(value: float, prefix: str, unit: str = "", digits: int = 4) -> str:
    """Write a number under a prefix: ``568.7 M``. Rounding comes first, then the prefix."""
    if not value:
        return f"0 {prefix}{unit}".rstrip()
    rounded = float(f"{float(value):.{digits}g}") / PREFIXES[prefix]
    places = max(0, digits - len(str(int(abs(rounded))))) if abs(rounded) >= 1 else digits - 1
    text = f"{rounded:,.{places}f}"
    if isinstance(value, int) and prefix == "":
        text = f"{value:,}"
    return f"{text} {prefix}{unit}".rstrip()


def short(value: float, unit: str = "", digits: int = 4) -> str:
    """Write one number under the prefix that suits it."""
    return scaled(value, prefix_for([value]), unit, digits)


def column(values: list[Any], unit: str = "", digits: int = 4) -> tuple[list[str], str]:
    """Write a column under one prefix; return the texts without it and the prefixed unit.

    Two numbers that would print alike though they differ are all printed raw instead.
    """
    prefix = prefix_for(values)
    texts = [scaled(value, prefix, "", digits).removesuffix(prefix).strip() for value in values]
    seen: dict[str, Any] = {}
    for text, value in zip(texts, values, strict=True):
        if seen.setdefault(text, value) != value and all(isinstance(v, int) for v in values):
            return [f"{v:,}" for v in values], unit
    return texts, prefix + unit


def plain(value: float, digits: int = 4) -> str:
    """Write a number of at least 0 as it is, without prefix or exponent: ``82,710``, ``5.495``, ``<0.001``."""
    if 0 < value < LEAST:
        return f"<{LEAST}"
    return f"{float(f'{value:.{digits}g}'):,.10f}".rstrip("0").rstrip(".")


def counted(count: int, noun: str) -> str:
    """Write how many there are of something: ``1 file``, ``2 files``."""
    return f"{count:,} {noun}{'s' * (count != 1)}"
