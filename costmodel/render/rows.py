"""Which rows of a cost table are shown, grouped how and in what order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from costmodel.errors import CostModelError, known_or_suggest
from costmodel.measures import Row, meant
from costmodel.pricing.table import CostTable

NAMES = ("path", "group", "name")
"""Columns that say which row is which."""


@dataclass(frozen=True)
class Selection:
    """Which rows of a cost table are shown: `by` layer, block, kind or tree; None is as the report thinks best.

    Blocks are the first `depth` names of a path, 1 by default; a tree goes so deep, by default as deep as is read at a
    glance. `sort` names a column: numbers fall, texts rise. `top` keeps the first
    so many rows. `memory`: whether memory over time is shown, where plans of it were asked for.
    """

    by: str | None = None
    depth: int | None = None
    sort: str | None = None
    top: int | None = None
    memory: bool = False


def grouped(table: CostTable, by: str, depth: int = 1) -> list[Row]:
    """Return the rows by layer, block or kind in the order of execution, each with its `group` (a layer's is its path).

    Raises:
        CostModelError: if there is no such grouping.
    """
    if by == "layer":
        return [{"group": row["path"], "layers": 1} | row for row in table]
    return table.by(by, depth)


def ordered(rows: Sequence[Row], sort: str | None) -> list[Row]:
    """Return the rows sorted by a column of numbers, largest first, or by their names; rows without a value last.

    Raises:
        CostModelError: if there is no such column.
    """
    if sort is None:
        return list(rows)
    column = meant(sort.replace("-", "_"))[0]
    known = [name for name in dict.fromkeys(name for row in rows for name in row) if _sortable(name, rows)]
    if rows and column not in known:
        raise CostModelError(f"cannot sort by {sort!r}; {known_or_suggest(column, known)}")
    valued = [row for row in rows if row.get(column) is not None]
    without = [row for row in rows if row.get(column) is None]
    return sorted(valued, key=lambda row: row[column], reverse=column not in NAMES) + without


def _sortable(name: str, rows: Sequence[Row]) -> bool:
    """Say whether a column names the rows or holds numbers; shapes have no order."""
    values = (row[name] for row in rows if row.get(name) is not None)
    return name in NAMES or all(isinstance(value, (int, float)) for value in values)


def cut(rows: Sequence[Row], top: int | None) -> tuple[list[Row], list[Row]]:
    """Return the rows that are shown, and those that are not."""
    shown = len(rows) if top is None else top
    return list(rows[:shown]), list(rows[shown:])


def selected(table: CostTable, selection: Selection, by: str = "layer") -> list[Row]:
    """Return the rows that are selected, sorted and cut.

    Raises:
        CostModelError: if there is no such grouping or column.
    """
    rows = grouped(table, selection.by or by, selection.depth or 1)
    return cut(ordered(rows, selection.sort), selection.top)[0]
