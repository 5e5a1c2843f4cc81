"""What a report shows, before anything is said of how: a title, facts, and tables whose cells are already written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Fact:
    """One line of a headline: ``params   4.232 M   4,231,976 trained``. The value is a number, a space and its unit."""

    label: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class Column:
    """One column of a table, its cells written. `unit` stands in the header, once for all cells.

    `left`: aligned as text, not as numbers. `prose`: cut at its end, not in its middle. `rank`: where room is short,
    columns of the highest rank go first; those of rank 0 stay. `shares`: numbers from 0 to 1, drawn as bars in place of
    cells. `paint`: the role that colours it.
    """

    title: str
    cells: Sequence[str]
    unit: str = ""
    left: bool = False
    prose: bool = False
    rank: int = 0
    shares: Sequence[float] | None = None
    paint: str = ""


@dataclass(frozen=True)
class Section:
    """A table with a title above it and a remark below."""

    title: str
    columns: Sequence[Column]
    note: str = ""


@dataclass(frozen=True)
class Page:
    """Everything that one report shows, in order. `hint` is the quiet line at its end."""

    title: str
    lines: Sequence[str] = ()
    facts: Sequence[Fact] = ()
    sections: Sequence[Section] = ()
    hint: str = ""
