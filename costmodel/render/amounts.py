"""How a number of a unit is written for people, alone and as a column."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from costmodel.render.seconds import seconds_column, seconds_text
from costmodel.units import column, plain, short

SMALL = ("s", "J")
"""Units whose amounts are mostly below 1: written under milli and smaller."""
PREFIXED = ("", "B")
"""Units that take the prefix themselves."""


def amount(value: Any, unit: str, digits: int = 4) -> str:
    """Write one number with its unit: ``4.232 M``, ``16.93 MB``, ``12.34 ms``, ``8.318 FLOP/B``."""
    if unit in SMALL and value >= 0:
        return seconds_text(value, digits, unit) if value else f"0 {unit}"
    if unit in PREFIXED:
        return short(value, unit, digits)
    return f"{plain(value, digits)} {unit}" if abs(value) < 1000 else f"{short(value, '', digits)} {unit}"


def change(value: Any, unit: str) -> str:
    """Write a difference with its sign."""
    return f"{'+' if value > 0 else '-' if value < 0 else ''}{amount(abs(value), unit)}"


def amounts(values: Sequence[Any], unit: str, like: Iterable[Any] = ()) -> tuple[list[str], str]:
    """Write a column of numbers under one prefix, where they are times that of those that they are to be `like`; return
    the texts and the unit.
    """
    if unit in SMALL:
        return seconds_column(values, base=unit, like=like)
    if unit in PREFIXED:
        return column([*values], unit)
    return [plain(value) for value in values], unit
