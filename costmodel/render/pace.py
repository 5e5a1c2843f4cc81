"""Whether networks keep up with so many frames a second, as people read it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from costmodel.pricing.pace import MEASURED, OPEN, Pace
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
    said = [f"{row['keeps_up']}, {MEASURED}" if row["by"] == MEASURED else row["keeps_up"] for row in rows]
    return Column(asked(rows[0]["fps"]), said, left=True)


def of_tables(tables: Sequence[CostTable]) -> list[str]:
    """Say it of tables by their names; nothing where nobody asked."""
    return lines([(table.name, table.pace) for table in tables if table.pace is not None])


def lines(paces: Sequence[tuple[str, Pace]]) -> list[str]:
    """Say what the verdicts on networks, by their names, are by, and what would decide those that are none."""
    if not paces:
        return []
    (_, first), *rest = paces
    alike = all(pace.batch == first.batch for _, pace in rest)
    there_is = budget(first) if alike else f"{seconds_text(first.frame_s)} a frame"
    return [f"{asked(first.fps)} is {there_is}: {'; '.join(_reasons(paces))}"]


def _reasons(paces: Sequence[tuple[str, Pace]]) -> Iterator[str]:
    measured = [f"{name} ({seconds_text(pace.measured_s)})" for name, pace in paces if pace.measured_s is not None]
    if len(measured) < len(paces):
        yield "yes where the whole 90 % interval fits, no where none of it does"
    if measured:
        yield f"what was measured there decides {', '.join(measured)}"
    left = [(name, pace) for name, pace in paces if pace.keeps_up == OPEN]
    if open_ones := [f"{name} (by the median: {pace.likely})" for name, pace in left if not pace.bounded]:
        yield f"measuring it there would decide {', '.join(open_ones)}"
    yield from (f"{name} needs {pace.decides}" for name, pace in left if pace.bounded)
