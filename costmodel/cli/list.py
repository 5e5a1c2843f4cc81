"""`costmodel list`: the architectures that have a name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from costmodel.cli.output import format_option, output_option, show
from costmodel.errors import CostModelError, quote
from costmodel.measures import shown
from costmodel.pricing import totals
from costmodel.render.amounts import amounts
from costmodel.render.answer import listing
from costmodel.render.page import Column
from costmodel.render.rows import ordered
from costmodel.spec import expand, specs
from costmodel.spec.library import twin


@click.command("list")
@click.argument("words", metavar="[WORD]...", nargs=-1)
@click.option(
    "--sort",
    metavar="COLUMN",
    help="Sort by name, year or a measure: params, mult_adds, peak_live_bytes, ...; variants stand after their file.",
)
@format_option
@output_option
def list_command(words: tuple[str, ...], sort: str | None, form: str, output: Path | None) -> None:
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
    rows = ordered(_rows(words), sort)
    show(listing(lambda: _columns(rows), rows), form, output)


def _rows(words: tuple[str, ...]) -> list[dict[str, Any]]:
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
