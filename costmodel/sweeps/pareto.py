"""The Pareto front: points that no other beats in one goal without losing in another, kept while points stream by."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from costmodel.errors import CostModelError, known_or_suggest
from costmodel.measures import meant


@dataclass(frozen=True)
class Goal:
    """A column to make small, or large where `sign` is -1."""

    column: str
    sign: int = 1

    def __str__(self) -> str:
        return f"{'min' if self.sign > 0 else 'max'} {self.column}"


def goal_of(word: str, columns: Collection[str], largest: bool) -> Goal:
    """Return the goal of a column, to be as large or as small as it can.

    Raises:
        CostModelError: if the word means none of `columns`.
    """
    column = word if word in columns else meant(word)[0]
    if column not in columns:
        raise CostModelError(f"there is no column {word!r}; {known_or_suggest(word, columns)}")
    return Goal(column, -1 if largest else 1)


def columns_in(text: str) -> list[str]:
    """Return the columns that goals name, as they are written."""
    return [part.rpartition(":")[2].strip() for part in text.split(",")]


def parse_goals(text: str, columns: Collection[str]) -> tuple[Goal, ...]:
    """Return the goals of ``params,max:mult_adds``: columns to be small, or large after ``max:``.

    Raises:
        CostModelError: if a column is unknown, named twice, or there are fewer than two.
    """
    goals = []
    for part in text.split(","):
        head, colon, tail = (piece.strip() for piece in part.partition(":"))
        direction, column = (head, tail) if colon else ("min", head)
        if direction not in ("min", "max"):
            raise CostModelError(f"--pareto {text}: write min:{column} or max:{column}, not {direction}:{column}")
        try:
            goals.append(goal_of(column, columns, direction == "max"))
        except CostModelError as error:
            raise CostModelError(f"--pareto {text}: {error}") from None
    if len({goal.column for goal in goals}) != len(goals) or len(goals) < 2:
        raise CostModelError(f"--pareto {text}: name two or more different columns, as in params,max:mult_adds")
    return tuple(goals)


class Front:
    """The Pareto front of all points seen, by the first goal. Of points alike in every goal the first stays."""

    def __init__(self, goals: Sequence[Goal]) -> None:
        self.goals = tuple(goals)
        self.columns: dict[str, Any] = {}

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def add(self, columns: Mapping[str, Any]) -> None:
        """Take further points, one array a column."""
        together = {
            name: np.concatenate([self.columns[name], new]) if self.columns else np.asarray(new)
            for name, new in columns.items()
        }
        keep = best([together[goal.column] * goal.sign for goal in self.goals])
        self.columns = {name: column[keep] for name, column in together.items()}

    def rows(self) -> list[dict[str, Any]]:
        """Return the points as plain rows."""
        names = list(self.columns)
        return [
            dict(zip(names, row, strict=True))
            for row in zip(*(column.tolist() for column in self.columns.values()), strict=True)
        ]


def best(goals: Sequence[Any]) -> Any:
    """Return the indices of the points on the front, all goals to be small, sorted by the first goal, then the next."""
    order = np.lexsort(goals[::-1])
    first, *rest = (np.asarray(goal)[order] for goal in goals)
    if len(rest) == 1:
        return order[_staircase(*rest)]
    if len(rest) == 2 and not any(map(_has_nan, (first, *rest))):
        return order[_two_staircases(*rest)]
    return order[_undominated(np.column_stack([first, *rest]))]


def _has_nan(goal: Any) -> bool:
    return goal.dtype.kind == "f" and bool(np.isnan(goal).any())


def _staircase(second: Any) -> Any:
    """Return where a column, sorted by another, falls below everything before it."""
    if not len(second):
        return np.zeros(0, dtype=bool)
    before = np.minimum.accumulate(second)
    return np.concatenate([[True], second[1:] < before[:-1]])


def _two_staircases(second: Any, third: Any) -> Any:
    """Return which points, sorted by a first goal and then by these, no earlier one equals or beats in both.

    The earlier points that nothing beats in both are corners of a staircase: as the second goal rises, the third falls.
    A point is beaten if the last corner before it is as low, and else becomes a corner in place of those that it beats:
    each comes and goes once, so that the time is nearly in proportion to the points, however many are on the front.
    """
    keep = np.zeros(len(second), dtype=bool)
    seconds: list[Any] = []
    thirds: list[Any] = []
    for place, (right, low) in enumerate(zip(second.tolist(), third.tolist(), strict=True)):
        start = end = bisect_right(seconds, right)
        if start and thirds[start - 1] <= low:
            continue
        keep[place] = True
        while end < len(thirds) and thirds[end] >= low:
            end += 1
        seconds[start:end] = [right]
        thirds[start:end] = [low]
    return keep


def _undominated(points: Any) -> Any:
    """Return which points, in lexical order, no earlier one equals or beats in every goal; no later one can."""
    keep = np.ones(len(points), dtype=bool)
    for index in range(len(points)):
        if keep[index]:
            later = slice(index + 1, None)
            keep[later] &= (points[later] < points[index]).any(axis=1)
    return keep
