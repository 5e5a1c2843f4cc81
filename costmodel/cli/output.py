"""Where a command's text goes: a terminal, a pipe or a file.

All text leaves here, and only shows: no character of it acts on a terminal but the colours of our own roles.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import click

from costmodel.cli.arguments import Command
from costmodel.cli.streams import on_terminal, write_out
from costmodel.documents.safe_text import safe
from costmodel.render.answer import FORMATS, Answer, drawn
from costmodel.render.page import Column
from costmodel.render.screen import PAINT, Screen, encodable

PIPE_WIDTH = 100
"""Columns where nothing says how wide the reader's screen is."""
WIDEST, NARROWEST = 200, 40
UNCUT = 100_000

output_option = click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write to a file instead."
)


def formats(*more: str) -> Callable[[Command], Command]:
    """Return the option that chooses a format: those of every answer, and `more` of this command's own."""
    return click.option(
        "--format",
        "form",
        type=click.Choice([*FORMATS, *more]),
        default="text",
        show_default=True,
        help="json and csv hold raw numbers, never rounded.",
    )


format_option = formats()


def show(answer: Answer, form: str = "text", output: Path | None = None) -> None:
    """Write an answer in one of its formats to standard output, or to a file; one that is a no ends the command with 1.

    Raises:
        CostModelError: if it cannot be written.
    """
    page = screen(output)
    if answer.listing and (output is not None or not (on_terminal(sys.stdout) or os.environ.get("COLUMNS"))):
        page = replace(page, width=UNCUT)
    emit(drawn(answer, form, page), output)
    if not answer.yes:
        click.get_current_context().exit(1)


def screen(output: Path | None = None) -> Screen:
    """Return what standard output can show. COLUMNS says how wide, NO_COLOR and FORCE_COLOR whether in colour."""
    width = shutil.get_terminal_size((PIPE_WIDTH, 24)).columns
    return Screen(min(max(width, NARROWEST), WIDEST), colour=output is None and _in_colour())


def _in_colour() -> bool:
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return on_terminal(sys.stdout) and os.environ.get("TERM") != "dumb"


def draw_table(columns: Sequence[Column], form: str = "text", output: Path | None = None) -> str:
    """Return one table as text that fits the screen, or as Markdown. Where nobody's screen is known, nothing is cut."""
    if form == "markdown":
        from costmodel.render.markdown import columns_table

        return columns_table(columns) + "\n"
    from costmodel.render.grid import layout

    page = screen(output)
    if output is not None or not (on_terminal(sys.stdout) or os.environ.get("COLUMNS")):
        page = replace(page, width=UNCUT)
    return "\n".join(layout(columns, page)) + "\n"


def emit(text: str, output: Path | None = None) -> bool:
    """Write a command's text to standard output, or to a file; return whether somebody still reads it.

    Raises:
        CostModelError: if it cannot be written.
    """
    if output is not None:
        write_file(output, text)
        return True
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    shown = _but_for_paint(text) if _in_colour() else safe(text)
    return write_out(encodable(shown, encoding), _in_colour())


def _but_for_paint(text: str) -> str:
    """Return a text that only shows, in the colours of the roles: no other escape of a terminal passes."""
    parts = re.split(PAINT, text)
    return "".join(part if index % 2 else safe(part) for index, part in enumerate(parts))


def write_file(path: Path, text: str) -> None:
    """Write a text that only shows, to a file, at once or not at all.

    Raises:
        CostModelError: if it cannot be written.
    """
    from costmodel.documents.write import write_whole

    write_whole(path, safe(text))
