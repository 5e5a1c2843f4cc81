"""What changed between two networks: a page for people, raw numbers for programs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from costmodel.judging.diff import Diff, summed
from costmodel.measures import MEASURES, Row
from costmodel.pricing.table import CostTable
from costmodel.render.amounts import amount, change
from costmodel.render.page import Column, Page, Section
from costmodel.render.report import shape_text
from costmodel.units import column, counted

MARKS = {"added": "+", "removed": "-", "changed": "~"}
LEGEND = "+ added, - removed, ~ changed."


def page(diff: Diff, title: str = "", lines: Sequence[str] = (), top: int | None = 20, hint: str = "") -> Page:
    """Return a diff for people: totals, then the rows that changed, the largest change first, `top` of them."""
    rows = diff.changes()
    changed = [row for row in rows if row["status"] != "moved"]
    count = len(rows) - len(changed)
    moved = f"{counted(count, 'layer')} {'is' if count == 1 else 'are'} the same at another path." if count else ""
    sections = [_totals(diff), *([_rows(changed, top, moved)] if changed else [])]
    hint = hint if changed else " ".join(filter(None, ["No layer changed.", moved]))
    notes = [f"note: {table.title}: {note}" for table in (diff.before, diff.after) for note in _notes(table)]
    heading = title or f"{diff.before.title} -> {diff.after.title}"
    return Page(heading, [*lines, _asked(diff), *dict.fromkeys(notes)], (), sections, hint)


def _notes(table: CostTable) -> list[str]:
    return [*table.notes, *(table.totals.notes or ())]


def _asked(diff: Diff) -> str:
    before, after = map(_priced_at, (diff.before, diff.after))
    return before if before == after else f"{before} -> {after}"


def _priced_at(table: CostTable) -> str:
    return f"batch {table.batch}, {table.dtype}" + (f", {table.totals.device}" if table.totals.device else "")


def _totals(diff: Diff) -> Section:
    rows = [row for row in diff.totals if "diff" in MEASURES[row["total"]].shown.split()]
    return Section(
        "Totals",
        [
            Column("", [MEASURES[row["total"]].title for row in rows], left=True),
            Column("before", [amount(row["before"], row["unit"]) for row in rows]),
            Column("after", [amount(row["after"], row["unit"]) for row in rows]),
            Column("change", [change(row["change"], row["unit"]) for row in rows], paint="value"),
            Column("", [_percent(row) for row in rows]),
        ],
    )


def _rows(changed: Sequence[Row], top: int | None, moved: str) -> Section:
    shown = changed if top is None else changed[:top]
    columns = [
        Column("", [MARKS[row["status"]] for row in shown], left=True),
        Column("layer", [row["path"] for row in shown], left=True),
        Column("operator", [_change(row["op_before"], row["op_after"]) for row in shown], left=True, rank=2),
        Column("output", [_change(*map(shape_text, _outputs(row))) for row in shown], left=True, rank=4),
    ]
    for name in ("mult_adds", "params"):
        texts, unit = _column(row[f"{name}_change"] for row in shown)
        sides, both = column([row[f"{name}_{side}"] for row in shown for side in ("before", "after")])
        from_to = [f"{old} -> {new}" for old, new in zip(sides[::2], sides[1::2], strict=True)]
        columns += [
            Column(f"{MEASURES[name].title} change", texts, unit, paint="value"),
            Column("before -> after", from_to, both, rank=3),
        ]
    texts, unit = _column((row["traffic_bytes_change"] for row in shown), "B")
    columns.append(Column("traffic change", texts, unit, rank=1))
    columns.append(Column("matched by", [row["matched"] for row in shown], left=True, rank=5))
    rest = f"and {counted(len(changed) - len(shown), 'more row')}; " if len(shown) < len(changed) else ""
    rows = f"{counted(len(changed), 'layer')} changed, the largest change first"
    return Section(rows, columns, " ".join(filter(None, [rest + LEGEND, moved])))


def _outputs(row: Row) -> tuple[Any, Any]:
    return row["output_before"] or (), row["output_after"] or ()


def _change(before: str | None, after: str | None) -> str:
    return (after or before or "") if not before or not after or before == after else f"{before} -> {after}"


def _column(values: Iterable[Any], unit: str = "") -> tuple[list[str], str]:
    """Write a column of changes."""
    raw = list(values)
    texts, unit = column(raw, unit)
    return [f"+{text}" if value > 0 else text for text, value in zip(texts, raw, strict=True)], unit


def _percent(row: Row) -> str:
    if not row["change"]:
        return ""
    return "new" if row["percent"] is None else f"{row['percent']:+.2f} %"


def as_dict(diff: Diff) -> dict[str, Any]:
    """Return a diff as plain data: totals by name, and every row that changed, raw."""
    sides = {
        side: {
            "name": table.name,
            "title": table.title,
            "parameters": dict(table.parameters),
            "dtype": table.dtype,
            **({"device": table.totals.device} if table.totals.device else {}),
            **({"notes": notes} if (notes := _notes(table)) else {}),
        }
        for side, table in (("before", diff.before), ("after", diff.after))
    }
    asked = {"batch": diff.after.batch, "dtype": diff.after.dtype}
    totals = {row["total"]: {key: row[key] for key in ("before", "after", "change", "percent")} for row in diff.totals}
    return {**sides, **asked, "totals": totals, "changes": diff.changes()}


def columns(diff: Diff) -> list[str]:
    """Return the columns that every layer of either network has in CSV."""
    names = ["path", "path_before", "matched", "status", "op_before", "op_after", "output_before", "output_after"]
    return names + [f"{n}_{what}" for n in summed(diff.before, diff.after) for what in ("before", "after", "change")]
