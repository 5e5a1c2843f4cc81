"""Two priced networks side by side: what changed in all, and layer by layer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from costmodel.measures import MEASURES, Row, shown
from costmodel.pricing.table import CostTable

if TYPE_CHECKING:
    import pandas as pd


WEIGHED = tuple(measure.name for measure in shown("growth") if measure.adds == "sum")
"""The columns that say how large a change is: the largest share of a total that changed."""


@dataclass(frozen=True)
class Diff:
    """What became of each layer between two cost tables, and of the totals.

    `rows` has one entry a layer of either: `path` (after, or before where it was removed), `path_before`, `matched`
    ("path", "shape and operator" or ""), `status` ("same", "changed", "moved", "added", "removed"), `op_before`,
    `op_after`, `output_before`, `output_after`, and for each measure that adds up `X_before`, `X_after` and
    `X_change`. Changes of a measure add up to the change of its total.
    """

    before: CostTable
    after: CostTable
    rows: tuple[Row, ...]

    @cached_property
    def totals(self) -> tuple[Row, ...]:
        """One entry a measure that both have: name, unit, before, after, change, and percent of before (None where
        that was 0).
        """
        before, after = self.before.totals, self.after.totals
        return tuple(
            _total(name, measure.unit, before.values[name], after.values[name])
            for name, measure in MEASURES.items()
            if name in before and name in after
        )

    def changes(self) -> list[Row]:
        """Return the rows that are not the same, the largest change first."""
        totals = {name: max(table.totals.values[name] for table in (self.before, self.after)) or 1 for name in WEIGHED}
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
    names = summed(before, after)
    return Diff(before, after, tuple(_row(*pair, names) for pair in _matched(before, after)))


def summed(before: CostTable, after: CostTable) -> list[str]:
    """Return the measures of layers that add up, of those that both tables have."""
    both = before.columns.keys() & after.columns.keys()
    return [name for name, measure in MEASURES.items() if name in both and measure.adds == "sum"]


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


def _row(before: Row | None, after: Row | None, matched: str, names: Sequence[str]) -> Row:
    one = after or before or {}
    row = {
        "path": one["path"],
        "path_before": before and before["path"],
        "matched": matched,
        "status": _status(before, after, names),
        "op_before": before and before["op"],
        "op_after": after and after["op"],
        "output_before": before and before["output_shape"],
        "output_after": after and after["output_shape"],
    }
    for name in names:
        old, new = (side[name] if side else 0 for side in (before, after))
        row |= {f"{name}_before": old, f"{name}_after": new, f"{name}_change": new - old}
    return row


def _status(before: Row | None, after: Row | None, names: Sequence[str]) -> str:
    if before is None:
        return "added"
    if after is None:
        return "removed"
    if any(before[name] != after[name] for name in ("op", "input_shapes", "output_shape", *names)):
        return "changed"
    return "same" if before["path"] == after["path"] else "moved"
