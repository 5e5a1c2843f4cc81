"""What networks are held to, as people write it: limits of measures on a command line, and files of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from costmodel.documents.faults import Fault, complain
from costmodel.documents.quantity import quantity
from costmodel.documents.text import parse, read_text
from costmodel.errors import CostModelError, known_or_suggest, quote
from costmodel.measures import MEASURES, find
from costmodel.pricing.memory.asked import OPTIMIZERS, RUNTIMES
from costmodel.units import DTYPES

KEYS = ("max", "min", "networks", "growth", "batch", "dtype", "device", "at", "memory", "optimizer")
"""What a budget file may say."""
AT = ("end", "median")
"""What of a measure that has an interval is held to its limit: the end that is nearer to it, or the prediction itself.
"""

MOST_PERCENT = 1_000_000
"""Growth beyond which a limit limits nothing."""


@dataclass(frozen=True)
class Budget:
    """Limits of every network, limits of single ones that come before those, and how it is priced.

    every: the most that measures may be; least: the least. networks: those of single networks, of which `MEASURES` say
    what they are. at: one of `AT`, the first by default. `file` and `text` are what it was read from.
    """

    every: Mapping[str, float] = field(default_factory=dict)
    least: Mapping[str, float] = field(default_factory=dict)
    networks: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    growth: float | None = None
    batch: int | None = None
    dtype: str | None = None
    device: str | None = None
    at: str | None = None
    memory: str | None = None
    optimizer: str | None = None
    file: str = ""
    text: str = ""

    @property
    def limits_something(self) -> bool:
        """Whether there is a limit in it."""
        return bool(self.every or self.least) or any(self.networks.values())

    def limits(self, network: str) -> dict[str, float]:
        """Return the most that measures of a network may be."""
        return {**self.every, **self._own(network, more=False)}

    def least_of(self, network: str) -> dict[str, float]:
        """Return the least that measures of a network may be."""
        return {**self.least, **self._own(network, more=True)}

    def _own(self, network: str, more: bool) -> dict[str, float]:
        return {name: value for name, value in self.networks.get(network, {}).items() if MEASURES[name].more == more}


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


def limit(written: str, least: bool = False) -> tuple[str, float]:
    """Return what ``params=5M`` limits, and to what: the most that it may be, or the `least`.

    Raises:
        CostModelError: if that cannot be limited so, or the limit is no quantity.
    """
    option, example = ("--min", "fps=30") if least else ("--max", "params=5M")
    name, equals, amount = (part.strip() for part in written.partition("="))
    if not equals:
        raise CostModelError(f"{option} {written}: write NAME=LIMIT, as in {example}")
    try:
        return _limit(name, amount, None if least else False)
    except CostModelError as error:
        raise CostModelError(f"{option} {name}: {error}") from None


def each_once(option: str, limits: Iterable[tuple[str, float]]) -> dict[str, float]:
    """Return limits by measure.

    Raises:
        CostModelError: if one is limited twice.
    """
    found: dict[str, float] = {}
    for name, value in limits:
        if name in found:
            raise CostModelError(f"{option} limits {name} twice; keep the limit that is meant")
        found[name] = value
    return found


def _limit(name: str, written: Any, more: bool | None = None) -> tuple[str, float]:
    """Return the measure that a name means, and the limit in its unit: as written, or as the name's ending says. Where
    `more` is False, it may be none of which people want more.
    """
    measure, size = find(name)
    if more is False and measure.more:
        raise CostModelError(
            f"the more of it the better: limit the least there may be, --min {name}={written} (`min` in a file)"
        )
    return measure.name, quantity(written, measure.unit, each=size)


def read_budget(path: Path) -> Budget:
    """Return the budget in a YAML file: `max`, `min`, `networks`, `growth`, `batch`, `dtype`, `device`, `at` (which of
    an interval is held to a limit), `memory` (the runtime whose plan is meant) and `optimizer` (of a training step),
    each optional. In `networks` a limit of what people want more of is the least that it may be.

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
    every, least = (_limits(data.get(key, {}), (key,), faults, more) for key, more in (("max", False), ("min", None)))
    named = data.get("networks", {})
    if not isinstance(named, dict):
        faults.append(Fault(("networks",), "a map of names belongs here"))
        named = {}
    networks = {name: _limits(limits, ("networks", name), faults) for name, limits in named.items()}
    growth, batch, dtype, device, at, memory, optimizer = (data.get(key) for key in KEYS[3:])
    if growth is not None:
        growth = _read(("growth",), lambda: share(str(growth)), faults)
    if batch is not None and (not isinstance(batch, int) or isinstance(batch, bool) or batch < 1):
        faults.append(Fault(("batch",), "a whole number of at least 1 belongs here"))
    if dtype is not None and dtype not in DTYPES:
        faults.append(Fault(("dtype",), f"unknown dtype {dtype!r}", known_or_suggest(str(dtype), DTYPES)))
    if device is not None and not isinstance(device, str):
        faults.append(Fault(("device",), "the name of a device belongs here"))
    for name, among, given in (("at", AT, at), ("memory", RUNTIMES, memory), ("optimizer", OPTIMIZERS, optimizer)):
        if given is not None and given not in among:
            faults.append(Fault((name,), f"unknown name {given!r}", known_or_suggest(str(given), among)))
    if faults:
        raise complain(str(path), text, faults)
    return Budget(every, least, networks, growth, batch, dtype, device, at, memory, optimizer, str(path), text)


def _limits(data: Any, path: tuple[str, ...], faults: list[Fault], more: bool | None = None) -> dict[str, float]:
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
        held = _read((*path, name), lambda name=name, written=written: _limit(str(name), written, more), faults)
        if held is not None and held[0] in found:
            faults.append(Fault((*path, name), f"{held[0]} is limited here twice; keep one", on_key=True))
        found |= dict([held]) if held is not None else {}
    return found


def _read(path: tuple[str, ...], read: Any, faults: list[Fault]) -> Any:
    try:
        return read()
    except CostModelError as error:
        faults.append(Fault(path, str(error)))
        return None
