"""What single layers took, against what a device predicts of them: the classes of layers that its file states."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

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


@dataclass(frozen=True)
class Compared:
    """Layers that the runtime computes together: the class of the one that takes longest; seconds measured, predicted,
    and the ends of the interval that is printed.
    """

    time: LayerTime
    name: str
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
                name = class_of(costs[longest["path"]], longest["latency_s"], batch)
                yield Compared(one, name, predicted, low, high, bool(longest["guess"]))


def classes_of(device: Device, times: Iterable[LayerTime]) -> list[LayerClass]:
    """Return the classes of layers that were measured often enough, with how far measured over predicted reaches: the
    5 % and 95 % quantiles, all as much further apart as it takes to hold 90 % of the layers of a network left out.
    """
    found = list(compared(device, times))
    more = _more(found)
    return [
        LayerClass(name=name, layers=count, low=_short(math.exp(least - more)), high=_short(math.exp(most + more)))
        for name, (least, most, count) in sorted(_spreads(found).items())
    ]


def _log(one: Compared) -> float:
    return math.log(max(one.time.seconds, LEAST_SECONDS) / one.predicted)


def _spreads(found: Iterable[Compared]) -> dict[str, tuple[float, float, int]]:
    """Return the quantiles of the logarithm of measured over predicted, and how many layers there are, of each class
    that has enough of them and more than one network.
    """
    import numpy as np

    classes: dict[str, list[Compared]] = {}
    for one in found:
        classes.setdefault(one.name, []).append(one)
    spreads = {}
    for name, own in classes.items():
        if len(own) >= FEWEST and len({one.time.network for one in own}) >= FEWEST_NETWORKS:
            least, most = np.quantile([_log(one) for one in own], ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
            spreads[name] = (float(least), float(most), len(own))
    return spreads


def _more(found: Sequence[Compared]) -> float:
    """Return what the logarithms must reach further on both sides, so that classes of all other networks hold 90 % of
    the layers of one, where each network weighs the same.
    """
    import numpy as np

    missing: list[float] = []
    weights: list[float] = []
    for network in dict.fromkeys(one.time.network for one in found):
        own = [one for one in found if one.time.network == network]
        spreads = _spreads(one for one in found if one.time.network != network)
        if not spreads:
            continue
        ends = list(spreads.values())
        widest = (min(least for least, _, _ in ends), max(most for _, most, _ in ends), 0)
        for one in own:
            least, most, _ = spreads.get(one.name, widest)
            missing.append(max(0.0, least - _log(one), _log(one) - most))
            weights.append(1 / len(own))
    if not missing:
        return 0.0
    order = np.argsort(missing)
    reached = np.cumsum(np.array(weights)[order]) / sum(weights)
    place = min(int(np.searchsorted(reached, LEVEL - 1e-9)), len(order) - 1)
    return missing[int(order[place])]


def _short(value: float) -> float:
    return float(f"{value:.3g}")
