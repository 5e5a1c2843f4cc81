"""A page as GitHub-flavoured Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from costmodel.render.page import Column, Page


def markdown(page: Page) -> str:
    """Return the page as Markdown. Bars are left out; every other column is there."""
    parts = [f"# {page.title}"] if page.title else []
    parts += page.lines
    if page.facts:
        rows = [(fact.label, fact.value, fact.note) for fact in page.facts]
        parts.append(_table(("", "", ""), "lrl", rows))
    for section in page.sections:
        if section.title:
            parts.append(f"## {section.title}")
        parts.append(columns_table(section.columns))
        if section.note:
            parts.append(section.note)
    return "\n\n".join(parts) + "\n"


def columns_table(columns: Sequence[Column]) -> str:
    """Return columns as a table, units in brackets after the titles."""
    shown = [column for column in columns if column.shares is None]
    titles = [f"{column.title} ({column.unit})" if column.unit else column.title for column in shown]
    return _table(
        titles,
        "".join("l" if column.left else "r" for column in shown),
        zip(*(column.cells for column in shown), strict=True),
    )


def _table(titles: Iterable[str], sides: str, rows: Iterable[Iterable[str]]) -> str:
    rule = [":---" if side == "l" else "---:" for side in sides]
    return "\n".join(_row(row) for row in [titles, rule, *rows])


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
