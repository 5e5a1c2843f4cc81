"""A page as GitHub-flavoured Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from costmodel.documents.safe_text import one_line
from costmodel.render.page import Column, Page

_CODE = re.compile(r"((?<!`)`[^`]+`(?!`))")
_MEANT = re.compile(
    r"[\\`\[\]$|]"  # escapes, code, links and pictures, formulas, cells
    r"|[*~](?=\S)|(?<=\S)[*~]|(?<!\w)_|_(?!\w)"  # emphasis: not the _ within a name
    r"|(?<=:)//|(?<=\bwww)\."  # addresses, which become links by themselves
)
_BLOCK = re.compile(r"\A(\d{1,9}(?=[.)](?:\s|$))|(?=#{1,6}(?:\s|$)|>|[+-](?:\s|$)|-+\s*$))")
"""What makes a heading, a list, a quotation or a rule of a line that begins with it."""


def escaped(text: str) -> str:
    """Return a text so that Markdown shows it as it is, with nothing in it read as HTML, a link or layout."""
    text = re.sub(r"&(?=#?\w+;)", "&amp;", _MEANT.sub(r"\\\g<0>", one_line(text)))
    return text.replace("<", "&lt;")


def paragraph(text: str) -> str:
    """Return a text as a paragraph of its own, escaped."""
    return _BLOCK.sub(r"\1\\", escaped(text).lstrip())


def fenced(text: str) -> str:
    """Return lines as they are, in a fence that none of them closes."""
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}\n{fence}"


def markdown(page: Page) -> str:
    """Return the page as Markdown. Bars are left out; every other column is there."""
    parts = [*map(fenced, page.complaints), *([f"# {escaped(page.title)}"] if page.title else [])]
    parts += map(paragraph, page.lines)
    if page.facts:
        rows = [tuple(map(escaped, (fact.label, fact.value, fact.note))) for fact in page.facts]
        parts.append(_table(("", "", ""), "lrl", rows))
    for section in page.sections:
        if section.title:
            parts.append(f"## {escaped(section.title)}")
        parts.append(columns_table(section.columns))
        if section.note:
            parts.append(paragraph(section.note))
    if page.hint:
        parts.append(paragraph(page.hint))
    return "\n\n".join(parts) + "\n"


def columns_table(columns: Sequence[Column]) -> str:
    """Return columns as a table, units in brackets after the titles."""
    shown = [column for column in columns if column.shares is None]
    titles = [escaped(f"{column.title} ({column.unit})" if column.unit else column.title) for column in shown]
    return _table(
        titles,
        "".join("l" if column.left else "r" for column in shown),
        zip(*(map(_with_code if column.code else escaped, column.cells) for column in shown), strict=True),
    )


def _with_code(text: str) -> str:
    """Return our own words with their `code` kept."""
    parts = _CODE.split(text)
    return "".join(part.replace("|", "\\|") if index % 2 else escaped(part) for index, part in enumerate(parts))


def _table(titles: Iterable[str], sides: str, rows: Iterable[Iterable[str]]) -> str:
    rule = [":---" if side == "l" else "---:" for side in sides]
    return "\n".join("| " + " | ".join(row) + " |" for row in [titles, rule, *rows])
