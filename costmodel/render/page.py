"""What a report shows, before anything is said of how: a title, facts, and tables whose cells are already written.

Every text in it only shows, whoever it came from, and is one line but for complaints: what draws a page need not ask.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from costmodel.documents.safe_text import one_line, safe


class _Shown:
    """Whatever a page consists of: its texts are made safe as it is made, so that no renderer can go around it."""

    def __post_init__(self) -> None:
        for each in fields(self):  # type: ignore[arg-type]  # every subclass is a dataclass
            made = _safe(getattr(self, each.name), safe if each.metadata.get("lines") else one_line)
            object.__setattr__(self, each.name, made)


def _safe(value: Any, made: Callable[[str], str]) -> Any:
    """Return a text, or a list of what may be texts, with each text as one that only shows."""
    if isinstance(value, str):
        return made(value)
    return [_safe(item, made) for item in value] if isinstance(value, (list, tuple)) else value


@dataclass(frozen=True)
class Fact(_Shown):
    """One line of a headline: ``params   4.232 M   4,231,976 trained``. The value is a number, a space and its unit."""

    label: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class Column(_Shown):
    """One column of a table, its cells written. `unit` stands in the header, once for all cells.

    `left`: aligned as text, not as numbers. `prose`: cut at its end, not in its middle. `rank`: where room is short,
    columns of the highest rank go first; those of rank 0 stay. `shares`: numbers from 0 to 1, drawn as bars in place of
    cells. `paint`: the role that colours it. `code`: our own words, in which Markdown keeps `code`.
    """

    title: str
    cells: Sequence[str]
    unit: str = ""
    left: bool = False
    prose: bool = False
    rank: int = 0
    shares: Sequence[float] | None = None
    paint: str = ""
    code: bool = False


@dataclass(frozen=True)
class Section(_Shown):
    """A table with a title above it and a remark below."""

    title: str
    columns: Sequence[Column]
    note: str = ""


@dataclass(frozen=True)
class Page(_Shown):
    """Everything that one report shows, in order. `hint` is the quiet line at its end; `complaints`, each of several
    lines as a terminal shows it, stand above all.
    """

    title: str
    lines: Sequence[str] = ()
    facts: Sequence[Fact] = ()
    sections: Sequence[Section] = ()
    hint: str = ""
    complaints: Sequence[str] = field(default=(), metadata={"lines": True})
