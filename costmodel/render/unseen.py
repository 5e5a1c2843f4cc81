"""What a device never measured, as a column of any table of networks that shows a latency."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from costmodel.pricing.table import UNSEEN
from costmodel.render.page import Column


def unseen_column(rows: Sequence[Mapping[str, Any]]) -> list[Column]:
    """Return the column that names what was never measured; none where there is nothing to name."""
    said = [row.get(UNSEEN) or "" for row in rows]
    return [Column("never measured", said, left=True, prose=True)] if any(said) else []
