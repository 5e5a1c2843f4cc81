"""What a command answers, and the one place that draws an answer in a format.

An answer is a page for people, and raw rows or data for programs. Adding a format is a function here and its name in
`FORMATS`: every command offers it then.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from costmodel.render.page import Column, Page, Section
from costmodel.render.screen import Screen

Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Answer:
    """A page, and the same as raw numbers; each is made only where a format asks for it."""

    page: Callable[[], Page]
    rows: Callable[[], Rows]
    """What CSV holds."""
    data: Callable[[], Any] | None = None
    """What JSON holds; the rows by default."""
    columns: Sequence[str] = ()
    """The columns of CSV, where there may be no row to tell them."""
    listing: bool = False
    """Whether its tables are lists of which nothing is cut where nobody's screen is known."""
    own: Mapping[str, Callable[[Screen], str]] = field(default_factory=dict)
    """Formats that it draws by itself: one that no other answer has, or a text that says more than its page."""
    yes: bool = True
    """False where what was asked came out as a no."""


def listing(
    columns: Callable[[], Sequence[Column]], rows: Rows, notes: Sequence[str] = (), lines: Sequence[str] = ()
) -> Answer:
    """Return one table as an answer, with its rows as raw numbers, and `lines` and `notes` above."""
    above = [*lines, *(f"note: {note}" for note in notes)]
    return Answer(lambda: Page("", above, (), [Section("", columns())]), lambda: rows, listing=True)


def drawn(answer: Answer, form: str, screen: Screen) -> str:
    """Return an answer in one of the `FORMATS`, or in one of its own."""
    if form in answer.own:
        return answer.own[form](screen)
    return FORMATS[form](answer, screen)


def _text(answer: Answer, screen: Screen) -> str:
    from costmodel.render.text import text

    return text(answer.page(), screen)


def _json(answer: Answer, screen: Screen) -> str:
    from costmodel.render.data import as_json

    return as_json(answer.data() if answer.data is not None else answer.rows())


def _csv(answer: Answer, screen: Screen) -> str:
    from costmodel.render.data import rows_csv

    return rows_csv(answer.rows(), answer.columns)


def _markdown(answer: Answer, screen: Screen) -> str:
    from costmodel.render.markdown import markdown

    return markdown(answer.page())


def _html(answer: Answer, screen: Screen) -> str:
    from costmodel.render.html import document

    return document(answer.page())


FORMATS: dict[str, Callable[[Answer, Screen], str]] = {
    "text": _text,
    "json": _json,
    "csv": _csv,
    "markdown": _markdown,
    "html": _html,
}
