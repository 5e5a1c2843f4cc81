"""Times, and other small quantities, as people write them: ``12.34 ms``."""

from __future__ import annotations

from collections.abc import Sequence

PREFIXES = (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6), ("ns", 1e-9), ("ps", 1e-12), ("fs", 1e-15))


def seconds_text(seconds: float, digits: int = 4, base: str = "s") -> str:
    """Write a time under the prefix that suits it: ``12.34 ms``. `base` names another unit than seconds."""
    rounded = float(f"{seconds:.{digits}g}")
    unit, size = next(((unit, size) for unit, size in PREFIXES if rounded >= size), PREFIXES[-1])
    return f"{rounded / size:.{digits}g} {unit[:-1]}{base}"


def seconds_column(values: Sequence[float], digits: int = 4, base: str = "s") -> tuple[list[str], str]:
    """Write a column of times under one prefix, that of its median; return the texts and the unit."""
    ordered = sorted(value for value in values if value)
    middle = ordered[len(ordered) // 2] if ordered else 1.0
    unit, size = next(((unit, size) for unit, size in PREFIXES if middle >= size), PREFIXES[-1])
    return [f"{float(f'{value:.{digits}g}') / size:.{digits}g}" for value in values], unit[:-1] + base
