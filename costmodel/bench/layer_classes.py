"""What single layers took, against what a device predicts of them: the classes of layers that its file states."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from costmodel.bench.crossvalidate import GAIN, reach
from costmodel.bench.layers import LayerTime
from costmodel.bench.plan import network_of
from costmodel.errors import CostModelError, quote
from costmodel.latency.device import LEVEL, Device, LayerClass
from costmodel.latency.layers import class_of
from costmodel.latency.lowering import rows_of
from costmodel.latency.predict import time
from costmodel.pricing import price

FEWEST = 8
"""Layers that a class needs: of fewer, the extremes are not known."""
FEWEST_NETWORKS = 2
LEAST_SECONDS = 0.5e-6
"""What counts where a profiler that counts in microseconds says 0."""
MOST_EXTRA_SECONDS = 1e-3
"""What starting a layer takes at most, on the slowest boards."""
BORROWED = 2
"""For how many networks counts what all classes say of how far a network left out is off, beside those that have a
class: two or three networks tell little by themselves.
"""


@dataclass(frozen=True)
class Compared:
    """Layers that the runtime computes together: the class of the one that takes longest; seconds measured, predicted,
    and the ends of the interval that is printed.
    """

    time: LayerTime
    name: str
    kernels: int
    """How many kernels the model counts."""
    predicted: float
    low: float
    high: float
    guess: bool

    @property
    def held(self) -> bool:
        """Whether the interval holds what was measured."""
        return self.low <= self.time.seconds <= self.high


def compared(device: Device, times: Iterable[LayerTime]) -> Iterator[Compared]:
    """Yield every measured layer beside its prediction; those that a device gives no time are left out.

    Raises:
        CostModelError: if a network has no such layer.
    """
    runs: dict[tuple[str, int], list[LayerTime]] = {}
    for one in times:
        runs.setdefault((one.network, one.batch), []).append(one)
    for (network, batch), measured in runs.items():
        table = time(price(network_of(network), batch, device.conditions.dtype), device)
        rows = {row["path"]: row for row in table}
        costs = {row.path: row for row in rows_of(table)}
        for one in measured:
            for path in one.layers:
                if path not in rows:
                    raise CostModelError(f"{network} has no layer {quote(path)}; its layers were measured as another's")
            own = [rows[path] for path in one.layers]
            longest = max(own, key=lambda row: row["latency_s"])
            if longest["latency_s"]:
                predicted, low, high = (
                    sum(row[name] for row in own) for name in ("latency_s", "latency_low_s", "latency_high_s")
                )
                name = class_of(costs[longest["path"]], batch)
                kernels = sum(row["latency_s"] > 0 for row in own)
                yield Compared(one, name, kernels, predicted, low, high, bool(longest["guess"]))


def classes_of(device: Device, times: Iterable[LayerTime]) -> list[LayerClass]:
    """Return the classes of layers that were measured often enough, with what starting one takes and how far measured
    over predicted reaches then: the 5 % and 95 % quantiles, further apart by what it takes to hold 90 % of the layers
    of a network left out.
    """
    found = list(compared(device, times))
    extra = _extra(found)
    offs = [_Off.of(one, extra) for one in found]
    more = _more(offs)
    return [
        LayerClass(
            name=name,
            layers=sum(one.name == name for one in offs),
            extra_s=extra,
            low=_short(math.exp(least - more[name])),
            high=_short(math.exp(most + more[name])),
        )
        for name, (least, most) in sorted(_spreads(offs).items())
    ]


@dataclass(frozen=True)
class _Off:
    """How far a layer is off: the logarithm of measured over predicted and what starting it takes. `bare` is the
    logarithm of predicted over both, which an interval holds in any case.
    """

    network: str
    name: str
    log: float
    bare: float

    @classmethod
    def of(cls, one: Compared, extra: float) -> _Off:
        whole = one.predicted + one.kernels * extra
        measured = max(one.time.seconds, LEAST_SECONDS)
        return cls(one.time.network, one.name, math.log(measured / whole), math.log(one.predicted / whole))

    def missed_by(self, ends: tuple[float, float]) -> float:
        """Return how far it lies outside an interval."""
        return max(0.0, min(ends[0], self.bare) - self.log, self.log - max(ends[1], self.bare))


def _by_class(found: Iterable[_Off]) -> dict[str, list[_Off]]:
    """Return the layers of each class that has enough of them and more than one network."""
    classes: dict[str, list[_Off]] = {}
    for one in found:
        classes.setdefault(one.name, []).append(one)
    return {
        name: own
        for name, own in classes.items()
        if len(own) >= FEWEST and len({one.network for one in own}) >= FEWEST_NETWORKS
    }


def _extra(found: Sequence[Compared]) -> float:
    """Return what starting a layer takes, in seconds: what leaves layers least far from the median of their class, or
    nothing where that is hardly less.
    """
    import numpy as np

    def spread(extra: float) -> float:
        classes = _by_class(_Off.of(one, extra) for one in found)
        logs = [np.array([one.log for one in own]) for own in classes.values()]
        return float(sum(np.abs(own - np.median(own)).sum() for own in logs))

    candidates = np.geomspace(LEAST_SECONDS, MOST_EXTRA_SECONDS, 60)
    best = min((float(f"{each:.2g}") for each in candidates), key=spread)
    return best if spread(best) < GAIN * spread(0.0) else 0.0


def _spreads(found: Iterable[_Off]) -> dict[str, tuple[float, float]]:
    """Return the quantiles of how far layers are off, by class."""
    import numpy as np

    def ends(own: Sequence[_Off]) -> tuple[float, float]:
        least, most = np.quantile([one.log for one in own], ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
        return float(least), float(most)

    return {name: ends(own) for name, own in _by_class(found).items()}


def _more(found: Sequence[_Off]) -> dict[str, float]:
    """Return by class what the logarithms must reach further on both sides, so that other networks' layers of the class
    hold 90 % of a network's, where each network weighs the same. What no other network has, none can hold: it says
    nothing.
    """
    missing: list[tuple[_Off, float]] = []
    for network in dict.fromkeys(one.network for one in found):
        spreads = _spreads(one for one in found if one.network != network)
        own = [one for one in found if one.network == network and one.name in spreads]
        missing += [(one, one.missed_by(spreads[one.name])) for one in own]
    everywhere = _reached(missing)

    def drawn(name: str) -> float:
        own = [(one, missed) for one, missed in missing if one.name == name]
        networks = len({one.network for one, _ in own})
        return (networks * _reached(own) + BORROWED * everywhere) / (networks + BORROWED)

    return {name: drawn(name) for name in _by_class(found)}


def _reached(missing: Sequence[tuple[_Off, float]]) -> float:
    """Return how far 90 % are missed by at most."""
    import numpy as np

    if not missing:
        return 0.0
    return reach(np.array([missed for _, missed in missing]), np.array([one.network for one, _ in missing]))


def _short(value: float) -> float:
    return float(f"{value:.3g}")
