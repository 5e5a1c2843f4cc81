"""Two priced networks side by side: what changed in all, and layer by layer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from costmodel.pricing.table import SUMS, CostTable

if TYPE_CHECKING:
    import pandas as pd

Row = dict[str, Any]

TOTALS = {
    "layers": "",
    "params": "",
    "mult_adds": "",
    "other_ops": "",
    "buffers": "",
    "weight_bytes": "B",
    "peak_live_bytes": "B",
    "traffic_bytes": "B",
    "fused_traffic_bytes": "B",
    "arithmetic_intensity": "FLOP/B",
}
"""The totals that are compared, with their units."""
WEIGHED = ("params", "mult_adds", "traffic_bytes")
"""The columns that say how large a change is: the largest share of a total that changed."""


@dataclass(frozen=True)
class Diff:
    """What became of each layer between two cost tables, and of the totals.

    `rows` has one entry a layer of either: `path` (after, or before where it was removed), `path_before`, `matched`
    ("path", "shape and operator" or ""), `status` ("same", "changed", "moved", "added", "removed"), `op_before`,
    `op_after`, `output_before`, `output_after`, and for each column of sums `X_before`, `X_after` and `X_change`.
    Changes of a column add up to the change of its total.
    """

    before: CostTable
    after: CostTable
    rows: tuple[Row, ...]

    @cached_property
    def totals(self) -> tuple[Row, ...]:
        """One entry a total: name, unit, before, after, change, and percent of before (None where that was 0)."""
        return tuple(
            _total(name, unit, getattr(self.before.totals, name), getattr(self.after.totals, name))
            for name, unit in TOTALS.items()
        )

    def changes(self) -> list[Row]:
        """Return the rows that are not the same, the largest change first."""
        totals = {
            name: max(getattr(self.before.totals, name), getattr(self.after.totals, name)) or 1 for name in WEIGHED
        }
        changed = [row for row in self.rows if row["status"] != "same"]
        return sorted(changed, key=lambda row: -max(abs(row[f"{name}_change"]) / totals[name] for name in WEIGHED))

    @cached_property
    def frame(self) -> pd.DataFrame:
        """The rows as a pandas frame."""
        import pandas as pd

        return pd.DataFrame(list(self.rows))

    @cached_property
    def totals_frame(self) -> pd.DataFrame:
        """The totals as a pandas frame, indexed by their names."""
        import pandas as pd

        return pd.DataFrame(list(self.totals)).set_index("total")

    def _repr_html_(self) -> str:
        html: str = self.totals_frame.to_html()
        return html


def compare(before: CostTable, after: CostTable) -> Diff:
    """Return what changed between two cost tables.

    Layers are matched by path; of the rest, those with the same operator, input shapes and output shape, in order.
    """
    return Diff(before, after, tuple(_row(*pair) for pair in _matched(before, after)))


def _total(name: str, unit: str, before: Any, after: Any) -> Row:
    change = after - before
    percent = 100 * change / before if before else None
    return {"total": name, "unit": unit, "before": before, "after": after, "change": change, "percent": percent}


def _matched(before: CostTable, after: CostTable) -> Iterator[tuple[Row | None, Row | None, str]]:
    """Yield pairs of rows with how they were matched: in the order after, each removed row where it stood before."""
    then = {row["path"]: row for row in before}
    now = {row["path"]: row for row in after}
    waiting = defaultdict(list)
    for path, row in then.items():
        if path not in now:
            waiting[_looks(row)].append(row)
    partners: dict[str, tuple[Row, str]] = {}
    for path, row in now.items():
        if path in then:
            partners[path] = (then[path], "path")
        elif waiting[_looks(row)]:
            partners[path] = (waiting[_looks(row)].pop(0), "shape and operator")
    removed = {row["path"] for rows in waiting.values() for row in rows}
    place = {old["path"]: path for path, (old, _) in partners.items()}
    gone: dict[str, list[Row]] = defaultdict(list)
    last = ""
    for path, row in then.items():
        last = place.get(path, last)
        if path in removed:
            gone[last].append(row)
    for row in gone.pop("", []):
        yield row, None, ""
    for path, row in now.items():
        yield (*((partners[path][0], row, partners[path][1]) if path in partners else (None, row, "")),)
        for old in gone.get(path, []):
            yield old, None, ""


def _looks(row: Row) -> tuple[Any, ...]:
    return row["op"], row["input_shapes"], row["output_shape"]


def _row(before: Row | None, after: Row | None, matched: str) -> Row:
    one = after or before or {}
    row = {
        "path": one["path"],
        "path_before": before and before["path"],
        "matched": matched,
        "status": _status(before, after),
        "op_before": before and before["op"],
        "op_after": after and after["op"],
        "output_before": before and before["output_shape"],
        "output_after": after and after["output_shape"],
    }
    for name in SUMS:
        old, new = (side[name] if side else 0 for side in (before, after))
        row |= {f"{name}_before": old, f"{name}_after": new, f"{name}_change": new - old}
    return row


def _status(before: Row | None, after: Row | None) -> str:
    if before is None:
        return "added"
    if after is None:
        return "removed"
    if any(before[name] != after[name] for name in ("op", "input_shapes", "output_shape", *SUMS)):
        return "changed"
    return "same" if before["path"] == after["path"] else "moved"
