"""`costmodel moves`: the design moves that whatif can make."""

from __future__ import annotations

import click

from costmodel.cli.output import format_option, show
from costmodel.tasks import moves


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
    show(moves.answer(moves.Request()), form)
