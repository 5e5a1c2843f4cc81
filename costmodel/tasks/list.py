"""The architectures that have a name, and what they cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from costmodel.errors import CostModelError, quote
from costmodel.measures import shown
from costmodel.pricing import totals
from costmodel.render.amounts import amounts
from costmodel.render.answer import Answer, listing
from costmodel.render.page import Column
from costmodel.render.rows import ordered
from costmodel.spec import expand, specs
from costmodel.spec.library import twin


@dataclass(frozen=True)
class Request:
    """Those whose name, title or source holds all `words`, sorted by a column where one is named."""

    words: tuple[str, ...] = ()
    sort: str | None = None


def answer(request: Request) -> Answer:
    """Return the list, a row each.

    Raises:
        CostModelError: if there is none, or no such column.
    """
    rows = ordered(_rows(request.words), request.sort)
    return listing(lambda: _columns(rows), rows)


def _rows(words: Sequence[str]) -> list[dict[str, Any]]:
    """Return a row for each architecture asked for.

    Raises:
        CostModelError: if there is none.
    """
    rows = []
    twins: dict[str, str] = {}
    for spec in specs():
        if (variant := twin(spec)) is not None:
            twins[variant] = spec.name
            continue
        also = twins.get(spec.name, "")
        about = f"{spec.name} {also} {spec.title} {spec.source} {spec.year or ''}".lower()
        if all(word.lower() in about for word in words):
            cost = totals(expand(spec))
            rows.append(
                {
                    "name": spec.name,
                    "also": also,
                    "year": spec.year,
                    **cost.values,
                    "title": spec.title,
                    "source": spec.source,
                }
            )
    if not rows:
        raise CostModelError(f"no architecture has {' and '.join(map(quote, words))} in its name, title or source")
    return rows


def _columns(rows: list[dict[str, Any]]) -> list[Column]:
    numbers = [(m.title, *amounts([row[m.name] for row in rows], m.unit)) for m in shown("list")]
    return [
        Column("name", [f"{row['name']} ({row['also']})" if row["also"] else row["name"] for row in rows], left=True),
        Column("year", [str(row["year"] or "") for row in rows]),
        *(Column(title, cells, unit) for title, cells, unit in numbers),
        Column("title", [row["title"] for row in rows], left=True, prose=True, rank=1),
        Column("source", [row["source"] for row in rows], left=True, prose=True, paint="quiet"),
    ]
