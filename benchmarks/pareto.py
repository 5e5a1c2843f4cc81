"""The Pareto front of three goals, against comparing each of its points with all that follow, as of more goals."""

from __future__ import annotations

import statistics
from typing import Any

import numpy as np
from peers import alternate, ratio, show

from costmodel.sweeps.pareto import _undominated, best

ROUNDS = 5
SIZES = (2_000, 20_000)
"""Points that both find the front of: the pairs take minutes at ten times as many."""
LARGE = (100_000, 1_000_000)


def drawn(count: int, flat: bool) -> list[Any]:
    """Return three goals of random points: of a cube, of which few are on the front, or of a plane, where all are."""
    points = np.random.default_rng(count).random((count, 3))
    return list((points / points.sum(axis=1, keepdims=True) if flat else points).T)


def in_pairs(goals: list[Any]) -> Any:
    """Return the front as it is found without a staircase."""
    order = np.lexsort(goals[::-1])
    return order[_undominated(np.column_stack([goal[order] for goal in goals]))]


def main() -> None:
    for count in SIZES:
        for flat in (False, True):
            goals = drawn(count, flat)
            front = best(goals)
            assert np.array_equal(front, in_pairs(goals))
            seconds = alternate(
                ROUNDS, ours=lambda goals=goals: best(goals), theirs=lambda goals=goals: in_pairs(goals)
            )
            named = f"{count:,} points, {len(front):,} on the front"
            print(show(named, seconds["ours"]))
            print(
                show("  in pairs", seconds["theirs"]),
                f"   ours / theirs {ratio(seconds['ours'], seconds['theirs']):.4f}",
            )
    for count in LARGE:
        goals = drawn(count, flat=True)
        (seconds,) = alternate(1, ours=lambda goals=goals: best(goals)).values()
        print(show(f"{count:,} points, all on the front", seconds))
        print(f"  {1e9 * statistics.median(seconds) / count:.0f} ns a point")


if __name__ == "__main__":
    main()
