"""A page as text for a terminal of any width, a pipe or a file."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from costmodel.render.grid import INDENT, layout
from costmodel.render.page import Fact, Page
from costmodel.render.screen import Screen, shorten


def text(page: Page, screen: Screen | None = None) -> str:
    """Return the page as text, no line wider than the screen."""
    screen = screen or Screen()
    parts = [*(complaint.splitlines() for complaint in page.complaints), _heading(page, screen)]
    if page.facts:
        parts.append(_facts(page.facts, screen))
    for section in page.sections:
        lines = [screen.paint(shorten(section.title, screen.width), "title")] if section.title else []
        lines += layout(section.columns, screen)
        lines += _wrapped(section.note, screen, indent=INDENT)
        parts.append(lines)
    parts.append(_wrapped(page.hint, screen))
    return "\n\n".join("\n".join(lines) for lines in parts if lines) + "\n"


def _heading(page: Page, screen: Screen) -> list[str]:
    lines = [screen.paint(shorten(page.title, screen.width), "title")] if page.title else []
    for line in page.lines:
        lines += _wrapped(line, screen)
    return lines


def _wrapped(line: str, screen: Screen, indent: int = 0) -> list[str]:
    """Break a quiet line at the screen's edge."""
    room = max(screen.width - indent, 20)
    return [" " * indent + screen.paint(part, "quiet") for part in textwrap.wrap(line, room)] if line else []


def _facts(facts: Sequence[Fact], screen: Screen) -> list[str]:
    """Lay out the headline: labels, numbers aligned at their ends, units, and a remark that may be cut."""
    numbers = [fact.value.partition(" ") for fact in facts]
    label = max(len(fact.label) for fact in facts)
    wide = max(len(number) for number, _, _ in numbers)
    units = max(len(unit) for _, _, unit in numbers)
    before = INDENT + label + 2 + wide + 1 + units + 2
    lines = []
    for fact, (number, _, unit) in zip(facts, numbers, strict=True):
        note = shorten(fact.note, max(screen.width - before, 0), at_end=True)
        value = screen.paint(f"{number:>{wide}} {unit:<{units}}", "value")
        line = f"{' ' * INDENT}{fact.label:<{label}}  {value}"
        lines.append(f"{line}  {screen.paint(note, 'quiet')}" if note else line.rstrip())
    return lines
