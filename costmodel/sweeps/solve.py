"""The best point of a grid under constraints: every point is looked at, so the best found is the best there is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from costmodel.errors import CostModelError
from costmodel.measures import Row
from costmodel.sweeps.chunks import answers
from costmodel.sweeps.conditions import Condition
from costmodel.sweeps.pareto import Front, Goal
from costmodel.sweeps.question import Question, Reasons, add_reasons

MAX_TIES = 10
"""Best points that are kept where several are equally good."""


@dataclass(frozen=True)
class Limit:
    """One constraint at one point: the value, what it may be, and by which share it is over (below zero: to spare)."""

    text: str
    value: float
    limit: float
    over: float
    kept: bool


@dataclass
class Solution:
    """What the search found.

    best: the best points that meet every constraint (all are equally good; `ties` says how many there are).
    next_best: the best of the rest that meet them. beyond: of the better points, which all break a constraint, the one
    that breaks its worst-broken one least. nearest: the same of all points, where none meets the constraints.
    """

    seen: int = 0
    met: int = 0
    left_out: Reasons = field(default_factory=dict)
    best: list[Row] = field(default_factory=list)
    ties: int = 0
    next_best: Row | None = None
    beyond: Row | None = None
    nearest: Row | None = None
    nearest_over: float = float("inf")
    front: Front | None = None


class Solver:
    """A search for the largest (or smallest) value of a column under constraints."""

    def __init__(self, question: Question, goal: Goal, constraints: Sequence[Condition]) -> None:
        for condition in constraints:
            if not condition.conjunction:
                raise CostModelError(f"--subject-to {condition.text!r}: `or` and `not` have no distance to be told by")
        self.question, self.goal, self.constraints = question, goal, constraints
        self.comparisons = [part for condition in constraints for part in condition.comparisons]
        self.answer = Solution()
        columns = [name for condition in constraints for name in condition.names if name in question.measures]
        others = [Goal(name) for name in dict.fromkeys(columns) if name != goal.column]
        self.answer.front = Front([goal, *others]) if others else None

    def run(
        self, workers: int = 1, cluster: str | None = None, tell: Callable[[Any], None] = lambda answer: None
    ) -> Solution:
        """Look at every point, twice where the first look leaves open what stands in the way of a better one.

        Raises:
            CostModelError: if a point cannot be priced.
        """
        for chunk in answers(self.question, workers=workers, cluster=cluster):
            self.answer.seen += chunk.seen
            add_reasons(self.answer.left_out, chunk.left_out)
            if len(chunk):
                self._take(chunk.columns)
            tell(self.answer)
        if self.answer.best and self.answer.met < self.answer.seen:
            self._look_beyond(workers, cluster)
        return self.answer

    def limits(self, row: Row) -> list[Limit]:
        """Return every constraint at a point."""
        arrays = {name: np.asarray([value]) for name, value in row.items()}
        return [
            Limit(
                part.text,
                float(np.asarray(part.left(arrays)).item()),
                float(np.asarray(part.right(arrays)).item()),
                float(np.broadcast_to(part.over(arrays), 1)[0]),
                bool(np.asarray(part.holds(arrays)).item()),
            )
            for part in self.comparisons
        ]

    def _take(self, columns: Mapping[str, Any]) -> None:
        answer = self.answer
        good = self._good(columns)
        answer.met += int(good.sum())
        if not answer.best and not good.any():
            self._keep_nearest(columns)
            return
        value = columns[self.goal.column] * self.goal.sign  # small is good
        for wanted in np.unique(value[good])[:2]:
            at = np.flatnonzero(good & (value == wanted))
            self._place([row_of(columns, index) for index in at[:MAX_TIES]], len(at))
        if answer.front is not None:
            answer.front.add({name: column[good] for name, column in columns.items()})

    def _good(self, columns: Mapping[str, Any]) -> Any:
        rows = len(next(iter(columns.values())))
        good = np.ones(rows, dtype=bool)
        for condition in self.constraints:
            good &= np.broadcast_to(condition.holds(columns), rows)
        return good

    def _value(self, row: Row) -> Any:
        return row[self.goal.column] * self.goal.sign

    def _place(self, rows: list[Row], count: int) -> None:
        """Put equally good points where they belong among the best and the next best."""
        answer, value = self.answer, self._value(rows[0])
        if not answer.best or value < self._value(answer.best[0]):
            answer.next_best = answer.best[0] if answer.best else answer.next_best
            answer.best, answer.ties = rows, count
        elif value == self._value(answer.best[0]):
            answer.best = (answer.best + rows)[:MAX_TIES]
            answer.ties += count
        elif answer.next_best is None or value < self._value(answer.next_best):
            answer.next_best = rows[0]

    def _keep_nearest(self, columns: Mapping[str, Any]) -> None:
        worst = self._worst(columns)
        index = int(np.argmin(worst))
        if self.answer.nearest is None or worst[index] < self.answer.nearest_over:
            self.answer.nearest, self.answer.nearest_over = row_of(columns, index), float(worst[index])

    def _worst(self, columns: Mapping[str, Any]) -> Any:
        """Return by which share each point breaks the constraint that it breaks most."""
        worst = np.full(len(next(iter(columns.values()))), -np.inf)
        for part in self.comparisons:
            worst = np.maximum(worst, np.where(part.holds(columns), -np.inf, part.over(columns)))
        return worst

    def _look_beyond(self, workers: int, cluster: str | None) -> None:
        """Find of the points better than the best the one that breaks its worst-broken constraint least."""
        best, least = self._value(self.answer.best[0]), np.inf
        for chunk in answers(self.question, workers=workers, cluster=cluster):
            better = chunk.columns[self.goal.column] * self.goal.sign < best
            if not better.any():
                continue
            worst = np.where(better, self._worst(chunk.columns), np.inf)
            index = int(np.argmin(worst))
            if worst[index] < least:
                self.answer.beyond, least = row_of(chunk.columns, index), worst[index]


def row_of(columns: Mapping[str, Any], index: Any) -> Row:
    """Return one row of columns as plain numbers and names."""
    return {name: column[index : index + 1].tolist()[0] for name, column in columns.items()}
