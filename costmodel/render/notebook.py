"""How a cost table looks in a notebook: the headline, where the cost goes, and the blocks."""

from __future__ import annotations

from html import escape

from costmodel.documents.safe_text import one_line
from costmodel.pricing.table import CostTable
from costmodel.render.html import fragment
from costmodel.render.report import page


def notebook_html(table: CostTable) -> str:
    """Return a cost table as a piece of HTML; its whole frame where its sizes are arrays or symbols."""
    if isinstance(table.totals.mult_adds, int) and len(table):
        return fragment(page(table))
    frame: str = table.frame.to_html()
    return f"<h4>{escape(one_line(table.title))}</h4>{frame}"
