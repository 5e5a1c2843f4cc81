"""Budgets: limits that a network's totals are held to, and growth since another revision."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from costmodel.documents.faults import Fault, complain
from costmodel.documents.quantity import quantity
from costmodel.documents.text import parse, read_text
from costmodel.errors import CostModelError, known_or_suggest, quote
from costmodel.judging.diff import compare
from costmodel.pricing.table import CostTable
from costmodel.units import DTYPES

METRICS: dict[str, tuple[str, str]] = {
    "params": ("params", ""),
    "buffers": ("buffers", ""),
    "mult_adds": ("mult_adds", ""),
    "other_ops": ("other_ops", ""),
    "weight_bytes": ("weight_bytes", "B"),
    "peak_live_bytes": ("live_bytes", "B"),
    "traffic_bytes": ("traffic_bytes", "B"),
    "fused_traffic_bytes": ("fused_bytes", "B"),
    "layers": ("", ""),
}
"""What can be limited: a total, with the column of layers that explains it and its unit."""
GROWTH = ("params", "mult_adds", "peak_live_bytes", "traffic_bytes")
"""The totals whose growth is judged."""
SHOWN = 3
"""How many layers explain a broken budget."""

MOST_PERCENT = 1_000_000
"""Growth beyond which a limit limits nothing."""


@dataclass(frozen=True)
class Heavy:
    """A layer that weighs much in a total, or that made it grow: by how much, and which share of the total that is."""

    path: str
    amount: int
    share: float | None = None


@dataclass(frozen=True)
class Judged:
    """One budget and how a network stands to it. `why` lists the layers that weigh most, where the budget is broken.

    `before` is the value it grew from, for growth.
    """

    network: str
    metric: str
    value: int
    limit: float
    why: tuple[Heavy, ...] = ()
    before: int | None = None

    @property
    def kept(self) -> bool:
        """Whether the value is within the limit."""
        return self.value <= self.limit

    @property
    def margin(self) -> float:
        """What is left below the limit; negative where it is broken."""
        return self.limit - self.value

    @property
    def unit(self) -> str:
        """The unit of the value and the limit."""
        return METRICS[self.metric][1]


@dataclass(frozen=True)
class Budget:
    """Limits of every network, limits of single ones that come before those, and how it is priced.

    `file` and `text` are what it was read from.
    """

    every: Mapping[str, float] = field(default_factory=dict)
    networks: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    growth: float | None = None
    batch: int | None = None
    dtype: str | None = None
    file: str = ""
    text: str = ""

    @property
    def limits_something(self) -> bool:
        """Whether there is a limit in it."""
        return bool(self.every) or any(self.networks.values())

    def limits(self, network: str) -> dict[str, float]:
        """Return the limits that hold for a network."""
        return {**self.every, **self.networks.get(network, {})}


def share(written: str) -> float:
    """Return the percentage that ``5%`` or ``5`` means.

    Raises:
        CostModelError: if it means none, or one beyond reason.
    """
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)\s*%?", written.strip())
    if match is None:
        raise CostModelError(f"{quote(written)} is no percentage; write 5%")
    if float(match[1]) > MOST_PERCENT:
        raise CostModelError(f"{quote(written)} is beyond reason: at most {MOST_PERCENT:,} %")
    return float(match[1])


def limit(written: str) -> tuple[str, float]:
    """Return what ``params=5M`` limits, and to what.

    Raises:
        CostModelError: if that cannot be limited, or the limit is no quantity.
    """
    name, equals, amount = (part.strip() for part in written.partition("="))
    if not equals:
        raise CostModelError(f"--max {written}: write NAME=LIMIT, as in params=5M")
    if name not in METRICS:
        raise CostModelError(f"--max {written}: {_unknown(name)}")
    try:
        return name, quantity(amount, METRICS[name][1])
    except CostModelError as error:
        raise CostModelError(f"--max {name}: {error}") from None


def _unknown(name: str) -> str:
    return f"{name!r} cannot be limited; {known_or_suggest(name, METRICS)}"


def read_budget(path: Path) -> Budget:
    """Return the budget in a YAML file: `max`, `networks`, `growth`, `batch` and `dtype`, each optional.

    Raises:
        CostModelError: if the file cannot be read.
        SpecError: with everything that is wrong in it.
    """
    text = read_text(path, "budget")
    data = parse(text, str(path))
    faults: list[Fault] = []
    if not isinstance(data, dict):
        raise complain(str(path), text, [Fault((), "a budget is a map with max, networks, growth, batch or dtype")])
    for key in data:
        if key not in ("max", "networks", "growth", "batch", "dtype"):
            known = known_or_suggest(key, ["max", "networks", "growth", "batch", "dtype"])
            faults.append(Fault((key,), f"unknown key {key!r}", known, on_key=True))
    every = _limits(data.get("max", {}), ("max",), faults)
    named = data.get("networks", {})
    if not isinstance(named, dict):
        faults.append(Fault(("networks",), "a map of names belongs here"))
        named = {}
    networks = {name: _limits(limits, ("networks", name), faults) for name, limits in named.items()}
    growth, batch, dtype = (data.get(key) for key in ("growth", "batch", "dtype"))
    if growth is not None:
        growth = _read(("growth",), lambda: share(str(growth)), faults)
    if batch is not None and (not isinstance(batch, int) or isinstance(batch, bool) or batch < 1):
        faults.append(Fault(("batch",), "a whole number of at least 1 belongs here"))
    if dtype is not None and dtype not in DTYPES:
        faults.append(Fault(("dtype",), f"unknown dtype {dtype!r}", known_or_suggest(str(dtype), DTYPES)))
    if faults:
        raise complain(str(path), text, faults)
    return Budget(every, networks, growth, batch, dtype, str(path), text)


def _limits(data: Any, path: tuple[str, ...], faults: list[Fault]) -> dict[str, float]:
    """Return the limits in a map, noting what is wrong with it."""
    if not isinstance(data, dict):
        faults.append(Fault(path, "a map of limits belongs here, as {params: 5M}"))
        return {}
    found: dict[str, float] = {}
    for name, written in data.items():
        if name not in METRICS:
            faults.append(Fault((*path, name), _unknown(name), on_key=True))
            continue
        amount = _read((*path, name), lambda name=name, written=written: quantity(written, METRICS[name][1]), faults)
        found |= {name: amount} if amount is not None else {}
    return found


def _read(path: tuple[str, ...], read: Any, faults: list[Fault]) -> Any:
    try:
        return read()
    except CostModelError as error:
        faults.append(Fault(path, str(error)))
        return None


def judge(table: CostTable, limits: Mapping[str, float]) -> list[Judged]:
    """Return how a network stands to each limit."""
    judged = []
    for metric, most in limits.items():
        value = getattr(table.totals, metric)
        why = tuple(_heaviest(table, metric)) if value > most else ()
        judged.append(Judged(table.name, metric, value, most, why))
    return judged


def _heaviest(table: CostTable, metric: str) -> Iterator[Heavy]:
    """Yield the layers that weigh most in a total."""
    name = METRICS[metric][0]
    total = getattr(table.totals, metric)
    adds_up = metric != "peak_live_bytes"
    for row in sorted(table, key=lambda row: -row[name])[:SHOWN] if name else []:
        yield Heavy(row["path"], row[name], row[name] / total if adds_up else None)


def growth(before: CostTable, after: CostTable, percent: float) -> list[Judged]:
    """Return how a network stands to growing by at most `percent` since `before`."""
    judged = []
    changes = compare(before, after).rows
    for metric in GROWTH:
        then, now = (getattr(table.totals, metric) for table in (before, after))
        most = int(then * (100 + percent) / 100)
        why: tuple[Heavy, ...] = ()
        if now > most:
            why = tuple(_grown(changes, metric)) or tuple(_heaviest(after, metric))
        judged.append(Judged(after.name, metric, now, most, why, then))
    return judged


def _grown(changes: tuple[dict[str, Any], ...], metric: str) -> Iterator[Heavy]:
    """Yield the layers that grew most."""
    key = f"{METRICS[metric][0]}_change"
    grown = sorted((row for row in changes if row.get(key, 0) > 0), key=lambda row: -row[key])
    for row in grown[:SHOWN]:
        yield Heavy(row["path"], row[key])
