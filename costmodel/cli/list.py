"""`costmodel list`: the architectures that have a name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from costmodel.cli.output import format_option, output_option, show
from costmodel.tasks import list as tasks


@click.command("list")
@click.argument("words", metavar="[WORD]...", nargs=-1)
@click.option(
    "--sort",
    metavar="COLUMN",
    help="Sort by name, year or a measure: params, mult_adds, peak_live_bytes, ...; variants stand after their file.",
)
@format_option
@output_option
def list_command(form: str, output: Path | None, **asked: Any) -> None:
    """The architectures that have a name: those of ./specs, if there is such a folder, then the bundled ones.

    With WORDs, only those whose name, title or source holds all of them. Figures are computed, at each one's own input
    size. A file that is one of its own variants stands under the variant's name, with its own in brackets.

    \b
    Examples:
      costmodel list
      costmodel list resnet
      costmodel list 2017 --sort params
      costmodel list --format csv -o networks.csv
    """
    show(tasks.answer(tasks.Request(**asked)), form, output)
