"""The design moves that an edit can make."""

from __future__ import annotations

from dataclasses import dataclass

from costmodel.edits.moves import MOVES
from costmodel.render.answer import Answer
from costmodel.render.page import Column, Page, Section


@dataclass(frozen=True)
class Request:
    """All of them."""


def answer(request: Request) -> Answer:
    """Return the moves, each with what it does and the paper that it comes from."""
    keys = ("move", "does", "effect", "source")
    told = [(move.call, move.says, " ".join(move.effect.split()), move.paper) for move in MOVES.values()]
    rows = [dict(zip(keys, row, strict=True)) for row in told]
    return Answer(lambda: _page(rows), lambda: rows)


def _page(rows: list[dict[str, str]]) -> Page:
    return Page(
        "Design moves",
        sections=[
            Section(row["move"], [Column("", [row["source"]], left=True)], f"{row['does']}. {row['effect']}")
            for row in rows
        ],
    )
