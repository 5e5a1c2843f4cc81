"""Straight lines through points, and the points that no other beats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import StatisticsError, correlation, fmean, linear_regression

FEWEST = 3
"""Points below which a line says nothing."""


@dataclass(frozen=True)
class Line:
    """The straight line with the least squares, y = slope * x + intercept.

    r2: the share of the variance that it explains; mape_percent: how far points are off it on average, in percent of
    what they are.
    """

    slope: float
    intercept: float
    r2: float
    mape_percent: float

    def at(self, x: float) -> float:
        """Return its height."""
        return self.slope * x + self.intercept


def line(points: Sequence[tuple[float, float]]) -> Line | None:
    """Return the line through points (x, y), None where they are too few or one above another."""
    if len(points) < FEWEST:
        return None
    xs, ys = zip(*points, strict=True)
    try:
        slope, intercept = linear_regression(xs, ys)
        r2 = correlation(xs, ys) ** 2
    except StatisticsError:
        return None
    off = fmean(abs(slope * x + intercept - y) / abs(y) for x, y in points)
    return Line(slope, intercept, r2, 100 * off)


def front(points: Mapping[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
    """Return the points (cost, worth) with more worth than all that cost no more, the cheapest first."""
    found: dict[str, tuple[float, float]] = {}
    best = float("-inf")
    for name, (cost, worth) in sorted(points.items(), key=lambda point: (point[1][0], -point[1][1])):
        if worth > best:
            found[name], best = (cost, worth), worth
    return found
