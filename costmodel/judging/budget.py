"""How a network stands to its budgets: limits that its totals are held to, and growth since another revision."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from costmodel.judging.diff import compare
from costmodel.judging.limits import AT
from costmodel.measures import MEASURES, Measure, shown
from costmodel.pricing.pace import MEASURED
from costmodel.pricing.table import CostTable
from costmodel.units import DTYPES

SHOWN = 3
"""How many layers explain a broken budget."""
TIME = "latency_s"


@dataclass(frozen=True)
class Heavy:
    """A layer that weighs much in a total, or that made it grow: by how much, and which share of the total that is.

    `metric` is what it weighs much in: of how much is done in a second, the time.
    """

    path: str
    amount: float
    share: float | None = None
    metric: str = ""


@dataclass(frozen=True)
class Judged:
    """One budget and how a network stands to it. `why` lists the layers that weigh most, where the budget is broken.

    before: the value it grew from, for growth. least: whether the limit is the least that may be, and not the most.
    at: which of an interval the value is, one of `AT`, and other: the other of them; "" and None where there is none.
    Where the value was measured, `at` is `MEASURED` and the other the end.
    unit: of all of these. unseen: what the device never measured, for what it was timed.
    """

    network: str
    metric: str
    value: float
    limit: float
    why: tuple[Heavy, ...] = ()
    before: float | None = None
    least: bool = False
    at: str = ""
    other: float | None = None
    unit: str = ""
    unseen: str = ""

    @property
    def kept(self) -> bool:
        """Whether the value is within the limit."""
        return self._keeps(self.value)

    @property
    def other_kept(self) -> bool | None:
        """Whether the other of an interval's values is within the limit."""
        return None if self.other is None else self._keeps(self.other)

    @property
    def margin(self) -> float:
        """What is left to the limit; negative where it is broken."""
        return self.value - self.limit if self.least else self.limit - self.value

    @property
    def end(self) -> str:
        """Which end of an interval is nearer to the limit, in words."""
        return "lower end" if self.least else "upper end"

    def _keeps(self, value: float) -> bool:
        return value >= self.limit if self.least else value <= self.limit


def judge(
    table: CostTable, limits: Mapping[str, float], least: Mapping[str, float] | None = None, at: str = AT[0]
) -> list[Judged]:
    """Return how a network stands to each limit: to the most that measures may be, then to the `least`. A measure with
    an interval is held to its limit by the end that is nearer to it, or `at` its median; in place of the end, time by
    what was measured of the very run, where the device's own table holds that.
    """
    asked = [(metric, most, False) for metric, most in limits.items()]
    asked += [(metric, value, True) for metric, value in (least or {}).items()]
    return [_judged(table, *one, at) for one in asked]


def _judged(table: CostTable, metric: str, limit: float, least: bool, at: str) -> Judged:
    values, measure = table.totals.values, MEASURES[metric]
    unit = table.sample.said(measure.unit)
    ends = [values[name] for name in measure.ends if name in values]
    if not ends:
        found = Judged(table.name, metric, values[metric], limit, least=least, unit=unit)
    else:
        both = {"end": ends[0] if least else ends[-1], "median": values[metric]}
        other = "median" if at == "end" else "end"
        if at == "end" and (measured := _measured(table, measure)) is not None:
            at, other, both[MEASURED] = MEASURED, "end", measured
        found = Judged(table.name, metric, both[at], limit, (), None, least, at, both[other], unit)
    broken_high = not found.kept and not (least and not measure.more)
    timed = measure.needs in ("device", "energy")
    unseen = (timed and table.totals.unseen) or ""
    return replace(found, why=tuple(_heaviest(table, metric)) if broken_high else (), unseen=unseen)


def _measured(table: CostTable, measure: Measure[Any]) -> float | None:
    """Return what a measure of time comes to by what was measured of the very run, if that is known."""
    seconds = table.totals.measured_s
    if seconds is None or measure.needs != "device" or measure.rule is None:
        return seconds if measure.name == TIME else None
    return float(measure.of({TIME: seconds, "batch": table.batch}))


def _heaviest(table: CostTable, metric: str) -> Iterator[Heavy]:
    """Yield the layers that weigh most in a total; in the time, where it follows from that."""
    if metric not in table.columns and MEASURES[metric].needs == "device":
        metric = TIME
    if metric not in table.columns:
        yield from _held(table, metric)
        return
    total = table.totals.values[metric]
    adds_up = MEASURES[metric].adds == "sum"
    for row in sorted(table, key=lambda row: -row[metric])[:SHOWN]:
        yield Heavy(row["path"], row[metric], row[metric] / total if adds_up and total else None, metric)


def _held(table: CostTable, metric: str) -> Iterator[Heavy]:
    """Yield what a plan of memory holds most of at its peak, or which weights are most of what is stored."""
    from costmodel.pricing.memory.planned import figures

    if metric == "flash_bytes":
        total = table.totals.values[metric]
        for row in sorted(table, key=lambda row: -row["matrix_params"])[:SHOWN]:
            size = row["matrix_params"] * DTYPES[table.dtype]  # without the biases, which may be wider
            yield Heavy(f"{row['path']} (weights)", size, size / total, metric)
        return
    for plan in table.plans:
        if metric in figures(plan):
            for block in list(plan.alive(plan.peak))[:SHOWN]:
                named = f"{block.path} ({block.what})" if block.path else block.what
                yield Heavy(named, block.bytes, block.bytes / plan.bytes, metric)


def growth(before: CostTable, after: CostTable, percent: float) -> list[Judged]:
    """Return how a network stands to growing by at most `percent` since `before`."""
    judged = []
    changes = compare(before, after).rows
    for metric in (measure.name for measure in shown("growth")):
        then, now = (table.totals.values[metric] for table in (before, after))
        most = int(then * (100 + percent) / 100)
        why: tuple[Heavy, ...] = ()
        if now > most:
            why = tuple(_grown(changes, metric)) or tuple(_heaviest(after, metric))
        judged.append(Judged(after.name, metric, now, most, why, then, unit=MEASURES[metric].unit))
    return judged


def _grown(changes: tuple[dict[str, Any], ...], metric: str) -> Iterator[Heavy]:
    """Yield the layers that grew most."""
    key = f"{metric}_change"
    grown = sorted((row for row in changes if row.get(key, 0) > 0), key=lambda row: -row[key])
    for row in grown[:SHOWN]:
        yield Heavy(row["path"], row[key], metric=metric)
