"""Which rows of a timed table have an interval that was not earned on layers like them."""

from __future__ import annotations

from collections.abc import Sequence

from costmodel.latency.layers import NONE
from costmodel.measures import Row
from costmodel.pricing.table import GUESS
from costmodel.render.page import Column

MARK = "~"


def guess_columns(rows: Sequence[Row], more: int) -> list[Column]:
    """Return a column that marks the rows whose time is a guess, where some are and some are not.

    Args:
        rows: of the table that is shown.
        more: lines below them.
    """
    marks = [MARK if row.get(GUESS) else "" for row in rows]
    return [Column("", marks + [""] * more, left=True)] if any(marks) and not all(marks) else []


def guess_note(rows: Sequence[Row]) -> str:
    """Say which times of rows are guesses, and why; "" where none is."""
    why = "; ".join(dict.fromkeys(row[GUESS] for row in rows if row.get(GUESS)))
    if not why:
        return ""
    if NONE in why:
        return f"the times of single rows are guesses, with the network's interval: {why}"
    return f"{MARK} a guess: {why}"
