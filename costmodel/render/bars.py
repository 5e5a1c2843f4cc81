"""One measure of a network as bars, a bar for each part of its tree."""

from __future__ import annotations

from costmodel import measures
from costmodel.errors import CostModelError
from costmodel.measures import MEASURES
from costmodel.pricing.table import CostTable
from costmodel.render.amounts import amount
from costmodel.render.palette import PALETTE, lettering, name_text
from costmodel.render.picture import Picture
from costmodel.render.tree import branches

MOST = 200
"""Bars that a picture has at most."""


def plot(table: CostTable, measure: str = "mult_adds", depth: int | None = None) -> Picture:
    """Draw where a network's cost lies, for a notebook or a file: ``plot(table, "traffic_bytes").save("traffic.svg")``.

    Args:
        table: what `price` or `summary` gives; from `time`, for measures of time.
        measure: what the bars are long by, of the columns that the table has for each layer.
        depth: how many names of a path deep; by default as deep as there is room for.

    Raises:
        CostModelError: if the table has no such measure, its sizes are arrays or symbols, or there are too many bars.
    """
    known = [name for name in table.columns if name in MEASURES]
    needs = measures.needed([measure]) if measure not in known else set()
    if needs:
        raise CostModelError(f"{measure} is not in the table of {table.name}: it needs {', '.join(needs)}")
    chosen, _ = measures.find(measure, known)
    if not isinstance(table.totals.mult_adds, int) or not len(table):
        raise CostModelError(f"{table.name}: a picture is of one network, and its sizes are arrays or symbols here")
    from matplotlib.figure import Figure  # slow to import

    rows, rest = branches(table, depth, chosen.name)
    if len(rows) > MOST:
        raise CostModelError(f"{table.name}: {len(rows):,} bars are too many to be read; give a smaller depth")
    if rest:
        rows.append(table.group(f"and {len(rest):,} more", rest))
    values = [row[chosen.name] for row in rows]
    figure = Figure(figsize=(9, 1.2 + 0.24 * len(rows)), layout="constrained")
    axes = figure.add_subplot()
    deeper = [row["group"].startswith(" ") for row in rows]
    bars = axes.barh(range(len(rows)), values, color=[PALETTE[5 if below else 0] for below in deeper])
    axes.bar_label(bars, [f" {amount(value, chosen.unit)}" for value in values], fontsize=8)
    axes.set_yticks(range(len(rows)), [name_text(row["group"]) for row in rows], fontsize=8, ha="left")
    axes.tick_params(axis="y", length=0, pad=8 + 5 * max(len(name_text(row["group"])) for row in rows))
    axes.set_xticks([])
    axes.margins(x=0.14, y=0.01)
    axes.invert_yaxis()
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    said = " in all" if chosen.adds == "sum" else ""
    whole = getattr(table.totals, chosen.name)
    axes.set_title(lettering(f"{table.title}: {chosen.title}, {amount(whole, chosen.unit)}{said}"), loc="left")
    return Picture(figure)
