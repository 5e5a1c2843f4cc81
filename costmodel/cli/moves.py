"""`costmodel moves`: the design moves that whatif can make."""

from __future__ import annotations

import click

from costmodel.cli.output import format_option, show
from costmodel.render.answer import Answer
from costmodel.render.page import Column, Page, Section


@click.command("moves")
@format_option
def moves_command(form: str) -> None:
    """The design moves, with the paper that each comes from.

    A move is made by `costmodel whatif ARCH --move NAME:PATTERN`, or NAME(N):PATTERN where it takes a number.

    \b
    Examples:
      costmodel moves
      costmodel whatif resnet50 --move 'grouped(32):*.conv2'
    """
    from costmodel.edits.moves import MOVES

    keys = ("move", "does", "effect", "source")
    told = [(move.call, move.says, " ".join(move.effect.split()), move.paper) for move in MOVES.values()]
    rows = [dict(zip(keys, row, strict=True)) for row in told]
    show(Answer(lambda: _page(rows), lambda: rows), form)


def _page(rows: list[dict[str, str]]) -> Page:
    return Page(
        "Design moves",
        sections=[
            Section(row["move"], [Column("", [row["source"]], left=True)], f"{row['does']}. {row['effect']}")
            for row in rows
        ],
    )
