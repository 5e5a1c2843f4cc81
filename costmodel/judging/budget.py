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
from costmodel.measures import MEASURES, find, shown
from costmodel.pricing.memory.asked import OPTIMIZERS, RUNTIMES
from costmodel.pricing.table import CostTable
from costmodel.units import DTYPES

KEYS = ("max", "networks", "growth", "batch", "dtype", "device", "memory", "optimizer")
"""What a budget file may say."""
SHOWN = 3
"""How many layers explain a broken budget."""

MOST_PERCENT = 1_000_000
"""Growth beyond which a limit limits nothing."""


@dataclass(frozen=True)
class Heavy:
    """A layer that weighs much in a total, or that made it grow: by how much, and which share of the total that is."""

    path: str
    amount: float
    share: float | None = None


@dataclass(frozen=True)
class Judged:
    """One budget and how a network stands to it. `why` lists the layers that weigh most, where the budget is broken.

    `before` is the value it grew from, for growth.
    """

    network: str
    metric: str
    value: float
    limit: float
    why: tuple[Heavy, ...] = ()
    before: float | None = None

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
        return MEASURES[self.metric].unit


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
    device: str | None = None
    memory: str | None = None
    optimizer: str | None = None
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
    try:
        return _limit(name, amount)
    except CostModelError as error:
        raise CostModelError(f"--max {name}: {error}") from None


def _limit(name: str, written: Any) -> tuple[str, float]:
    """Return the measure that a name means, and the limit in its unit: as written, or as the name's ending says."""
    measure, size = find(name)
    return measure.name, quantity(written, measure.unit, each=size)


def read_budget(path: Path) -> Budget:
    """Return the budget in a YAML file: `max`, `networks`, `growth`, `batch`, `dtype`, `device`, `memory`
    (the runtime whose plan is meant) and `optimizer` (of a training step), each optional.

    Raises:
        CostModelError: if the file cannot be read.
        SpecError: with everything that is wrong in it.
    """
    text = read_text(path, "budget")
    data = parse(text, str(path))
    faults: list[Fault] = []
    if not isinstance(data, dict):
        raise complain(str(path), text, [Fault((), f"a budget is a map with {', '.join(KEYS[:-1])} or {KEYS[-1]}")])
    for key in data:
        if key not in KEYS:
            known = known_or_suggest(key, KEYS)
            faults.append(Fault((key,), f"unknown key {key!r}", known, on_key=True))
    every = _limits(data.get("max", {}), ("max",), faults)
    named = data.get("networks", {})
    if not isinstance(named, dict):
        faults.append(Fault(("networks",), "a map of names belongs here"))
        named = {}
    networks = {name: _limits(limits, ("networks", name), faults) for name, limits in named.items()}
    growth, batch, dtype, device, memory, optimizer = (data.get(key) for key in KEYS[2:])
    if growth is not None:
        growth = _read(("growth",), lambda: share(str(growth)), faults)
    if batch is not None and (not isinstance(batch, int) or isinstance(batch, bool) or batch < 1):
        faults.append(Fault(("batch",), "a whole number of at least 1 belongs here"))
    if dtype is not None and dtype not in DTYPES:
        faults.append(Fault(("dtype",), f"unknown dtype {dtype!r}", known_or_suggest(str(dtype), DTYPES)))
    if device is not None and not isinstance(device, str):
        faults.append(Fault(("device",), "the name of a device belongs here"))
    for name, among, given in (("memory", RUNTIMES, memory), ("optimizer", OPTIMIZERS, optimizer)):
        if given is not None and given not in among:
            faults.append(Fault((name,), f"unknown name {given!r}", known_or_suggest(str(given), among)))
    if faults:
        raise complain(str(path), text, faults)
    return Budget(every, networks, growth, batch, dtype, device, memory, optimizer, str(path), text)


def _limits(data: Any, path: tuple[str, ...], faults: list[Fault]) -> dict[str, float]:
    """Return the limits in a map, noting what is wrong with it."""
    if not isinstance(data, dict):
        faults.append(Fault(path, "a map of limits belongs here, as {params: 5M}"))
        return {}
    found: dict[str, float] = {}
    for name, written in data.items():
        try:
            find(str(name))
        except CostModelError as error:
            faults.append(Fault((*path, name), str(error), on_key=True))
            continue
        held = _read((*path, name), lambda name=name, written=written: _limit(str(name), written), faults)
        found |= dict([held]) if held is not None else {}
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
        value = table.totals.values[metric]
        why = tuple(_heaviest(table, metric)) if value > most else ()
        judged.append(Judged(table.name, metric, value, most, why))
    return judged


def _heaviest(table: CostTable, metric: str) -> Iterator[Heavy]:
    """Yield the layers that weigh most in a total."""
    if metric not in table.columns:
        yield from _held(table, metric)
        return
    total = table.totals.values[metric]
    adds_up = MEASURES[metric].adds == "sum"
    for row in sorted(table, key=lambda row: -row[metric])[:SHOWN]:
        yield Heavy(row["path"], row[metric], row[metric] / total if adds_up else None)


def _held(table: CostTable, metric: str) -> Iterator[Heavy]:
    """Yield what a plan of memory holds most of at its peak."""
    from costmodel.pricing.memory.planned import figures

    for plan in table.plans:
        if metric in figures(plan):
            for block in list(plan.alive(plan.peak))[:SHOWN]:
                named = f"{block.path} ({block.what})" if block.path else block.what
                yield Heavy(named, block.bytes, block.bytes / plan.bytes)


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
        judged.append(Judged(after.name, metric, now, most, why, then))
    return judged


def _grown(changes: tuple[dict[str, Any], ...], metric: str) -> Iterator[Heavy]:
    """Yield the layers that grew most."""
    key = f"{metric}_change"
    grown = sorted((row for row in changes if row.get(key, 0) > 0), key=lambda row: -row[key])
    for row in grown[:SHOWN]:
        yield Heavy(row["path"], row[key])
