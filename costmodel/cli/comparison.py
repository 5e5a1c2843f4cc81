"""What commands that show a comparison share: its options and formats."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from costmodel.cli.output import screen
from costmodel.judging.diff import Diff

top_option = click.option(
    "--top", type=click.IntRange(min=1), default=20, show_default=True, metavar="N", help="Show the N largest changes."
)
format_option = click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "csv", "markdown"]),
    default="text",
    show_default=True,
    help="json and csv hold raw numbers, never rounded; csv has every layer.",
)


def rendered(
    diff: Diff,
    form: str,
    output: Path | None,
    title: str = "",
    lines: Sequence[str] = (),
    top: int | None = 20,
    more: dict[str, Any] | None = None,
) -> str:
    """Return a comparison in one of its formats. `more` joins the JSON."""
    from costmodel.render import diff as render

    if form == "json":
        return render.as_json(diff, **(more or {}))
    if form == "csv":
        return render.as_csv(diff)
    page = render.page(diff, title, lines, top)
    if form == "markdown":
        from costmodel.render.markdown import markdown

        return markdown(page)
    from costmodel.render.text import text

    return text(page, screen(output))
