"""How networks and what they cost look in a notebook: the headline, where the cost goes, and the blocks."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from costmodel.documents.safe_text import one_line
from costmodel.measures import MEASURES
from costmodel.pricing import price
from costmodel.pricing.table import CostTable, Totals
from costmodel.render.amounts import amount
from costmodel.render.html import fragment
from costmodel.render.page import Column, Page, Section
from costmodel.tasks import report

if TYPE_CHECKING:
    from costmodel.graph import LayerGraph
    from costmodel.judging.diff import Diff


def table_html(table: CostTable) -> str:
    """Return a cost table as a piece of HTML; its whole frame where its sizes are arrays or symbols."""
    if isinstance(table.totals.mult_adds, int) and len(table):
        return fragment(report.of_tables([table]).page())
    frame: str = table.frame.to_html()
    return f"<h4>{escape(one_line(table.title))}</h4>{frame}"


def table_text(table: CostTable) -> str:
    """Return a cost table as the text of its report; where its sizes are arrays or symbols, what it is."""
    if isinstance(table.totals.mult_adds, int) and len(table):
        from costmodel.render.text import text

        return text(report.of_tables([table]).page()).rstrip("\n")
    return repr(table)


def graph_html(graph: LayerGraph) -> str:
    """Return a network as the report of what it costs for one image."""
    return table_html(price(graph))


def totals_html(totals: Totals) -> str:
    """Return totals as a piece of HTML: each measure with its unit."""
    rows = [(MEASURES[name], value) for name, value in totals.values.items()]
    columns = [
        Column("measure", [measure.name for measure, _ in rows], left=True),
        Column("", [amount(value, measure.unit) for measure, value in rows]),
    ]
    return fragment(Page("", (), (), [Section("", columns)]))


def graph_whatif(graph: LayerGraph, *edits: str, **options: Any) -> Diff:
    """Return what edits of a network change: ``graph.whatif("swap relu=hardswish")``, with what `whatif` takes besides.

    Raises:
        CostModelError: if an edit matches nothing, cannot be made or gives a network that does not fit.
    """
    from costmodel.judging.compare import whatif

    return whatif(graph, *edits, **options)
