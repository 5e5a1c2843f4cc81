"""Whether networks keep up with so many frames a second, as people read it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from costmodel.pricing.pace import OPEN, Pace
from costmodel.pricing.table import CostTable
from costmodel.render.page import Column
from costmodel.render.seconds import seconds_text
from costmodel.units import plain


def asked(fps: float) -> str:
    """Return what was asked for: ``30 fps``."""
    return f"{plain(fps, 6)} fps"


def budget(pace: Pace) -> str:
    """Return the time that there is: ``33.33 ms a frame``."""
    whole = f", {seconds_text(pace.budget_s)} for {pace.batch}" if pace.batch != 1 else ""
    return f"{seconds_text(pace.frame_s)} a frame{whole}"


def column(rows: Sequence[Mapping[str, Any]]) -> Column:
    """Return a column of verdicts, from rows that hold what `Pace.as_row` says."""
    return Column(asked(rows[0]["fps"]), [row["keeps_up"] for row in rows], left=True)


def lines(tables: Sequence[CostTable]) -> list[str]:
    """Say what the verdicts are by, and what would decide those that are none; nothing where nobody asked."""
    paces = {table.name: table.pace for table in tables if table.pace is not None}
    if not paces:
        return []
    first = next(iter(paces.values()))
    rule = f"{asked(first.fps)} is {budget(first)}: yes where the whole 90 % interval fits, no where none of it does"
    left = {name: pace for name, pace in paces.items() if pace.keeps_up == OPEN}
    said = [rule]
    if measured := [f"{name} (by the median: {pace.likely})" for name, pace in left.items() if not pace.bounded]:
        said.append(f"measuring it there would decide {', '.join(measured)}")
    said += [f"{name} needs {pace.decides}" for name, pace in left.items() if pace.bounded]
    return ["; ".join(said)]
