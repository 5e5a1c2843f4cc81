"""`costmodel moves`: the design moves that whatif can make."""

from __future__ import annotations

import click

from costmodel.cli.output import emit, screen
from costmodel.render.page import Column, Page, Section


@click.command("moves")
@click.option("--format", "form", type=click.Choice(["text", "json", "markdown"]), default="text", show_default=True)
def moves_command(form: str) -> None:
    """The design moves, with the paper that each comes from.

    A move is made by `costmodel whatif ARCH --move NAME:PATTERN`, or NAME(N):PATTERN where it takes a number.

    \b
    Examples:
      costmodel moves
      costmodel whatif resnet50 --move 'grouped(32):*.conv2'
    """
    from costmodel.edits.moves import MOVES

    rows = [(move.call, move.says, " ".join(move.effect.split()), move.paper) for move in MOVES.values()]
    if form == "json":
        import json

        keys = ("move", "does", "effect", "source")
        emit(json.dumps([dict(zip(keys, row, strict=True)) for row in rows], indent=2, ensure_ascii=False) + "\n")
        return
    if form == "markdown":
        from costmodel.render.markdown import columns_table

        titles = ("move", "what it does", "effect", "source")
        emit(columns_table([Column(t, [row[i] for row in rows], left=True) for i, t in enumerate(titles)]) + "\n")
        return
    from costmodel.render.text import text

    sections = [
        Section(call, [Column("", [paper], left=True)], f"{says}. {effect}") for call, says, effect, paper in rows
    ]
    emit(text(Page("Design moves", sections=sections), screen()))
