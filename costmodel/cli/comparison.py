"""What commands that show a comparison share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from costmodel.judging.diff import Diff
from costmodel.render.answer import Answer

top_option = click.option(
    "--top", type=click.IntRange(min=1), default=20, show_default=True, metavar="N", help="Show the N largest changes."
)


def compared(
    diff: Diff, title: str = "", lines: Sequence[str] = (), top: int | None = 20, more: dict[str, Any] | None = None
) -> Answer:
    """Return a comparison as an answer: CSV has every layer. `more` joins the JSON."""
    from costmodel.render import diff as render

    return Answer(
        lambda: render.page(diff, title, lines, top),
        lambda: diff.rows,
        lambda: {**render.as_dict(diff), **(more or {})},
        render.columns(diff),
    )
