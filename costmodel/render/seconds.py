"""Times, and other small quantities, as people write them: ``12.34 ms``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from costmodel.units import plain

PREFIXES = (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6), ("ns", 1e-9), ("ps", 1e-12), ("fs", 1e-15))


def seconds_text(seconds: float, digits: int = 4, base: str = "s") -> str:
    """Write a time under the prefix that suits it: ``12.34 ms``. `base` names another unit than seconds."""
    rounded = float(f"{seconds:.{digits}g}")
    unit, size = next(((unit, size) for unit, size in PREFIXES if rounded >= size), PREFIXES[-1])
    return f"{plain(rounded / size, digits)} {unit[:-1]}{base}"


def seconds_column(
    values: Sequence[float], digits: int = 4, base: str = "s", like: Iterable[float] = ()
) -> tuple[list[str], str]:
    """Write a column of times under one prefix, that of its median or of the times that it is to be `like`; return the
    texts and the unit.
    """
    unit, size = prefix_of([*like] or values)
    return [plain(float(f"{value:.{digits}g}") / size, digits) for value in values], unit[:-1] + base


def spans(ends: Sequence[tuple[float, float]], middles: Sequence[float]) -> tuple[list[str], str]:
    """Write intervals under the prefix of their middles: ``31.2 .. 40.1``; return the texts and the unit."""
    unit, size = prefix_of(middles)
    return [f"{plain(low / size, 3)} .. {plain(high / size, 3)}" for low, high in ends], unit


def prefix_of(values: Iterable[float]) -> tuple[str, float]:
    """Return the prefix that suits a whole column, that of its median: ``ms`` and 0.001."""
    ordered = sorted(value for value in values if value)
    middle = ordered[len(ordered) // 2] if ordered else 1.0
    return next(((unit, size) for unit, size in PREFIXES if middle >= size), PREFIXES[-1])
