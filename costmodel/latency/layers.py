"""The interval of a single layer, earned on layers: what a runtime's profiler said of them, over what was predicted.

A whole network is predicted better than its parts, because their errors cancel. So layers have intervals of their own,
one for each class of layers, as wide as measurements of that class have shown. A class is told from a row of a cost
table alone, so that every layer of every network has one. Starting a layer takes time of its own, which a network's
prediction may leave out and which is all that the smallest take: it is added before the factors of a class.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from costmodel.latency.features import PLANE, LayerCosts
from costmodel.latency.lowering import rows_of
from costmodel.numbers.arithmetic import Number, is_array, largest, product, smallest
from costmodel.pricing.table import GUESS

if TYPE_CHECKING:
    from costmodel.latency.device import Device, LayerClass
    from costmodel.pricing.table import CostTable


WIDE_TAPS = 25
"""Elements of a 5x5 kernel."""
FEW = "few such layers were measured, and its interval is the widest of any"
VAGUE = 10.0
"""Where the ends of an interval are so many times apart, a layer's time is a guess as well."""
NONE = "single layers were not measured"


def class_of(row: LayerCosts, batch: Number) -> str:
    """Return the class of a layer that heads a kernel.

    Sizes are plain numbers.
    """
    if row.mult_adds and "conv" in row.kind and len(row.output_shape) == PLANE:
        if product(row.output_shape[1:]) == 1:
            return "convolutions of a map of one pixel"
        if row.kind == "depthwise conv":
            wide = row.mult_adds >= WIDE_TAPS * product(row.output_shape) * batch
            return f"depthwise convolutions, {'5x5 and wider' if wide else 'narrower than 5x5'}"
    return row.kind


def layer_columns(
    device: Device, table: CostTable, seconds: Sequence[Number], total: tuple[Number, Number, Number]
) -> dict[str, list[Any]]:
    """Return the ends of the interval of each row, and why it is a guess.

    Args:
        device: whose layers were measured, or not.
        table: the rows.
        seconds: predicted for each.
        total: seconds of the whole network, and the ends of its interval. Where that is wider than the device's own,
            a layer's is as many times wider; where no layer was measured, a layer has the network's.
    """
    whole, low, high = total
    network = (low / whole, high / whole) if is_array(whole) or whole else (1.0, 1.0)
    wider = largest(1.0, network[1] / math.exp(device.interval.half_width))
    earned = Earned(device.layers, network, wider)
    ends = [
        earned.ends(_asked(row, time, table.batch), time) for row, time in zip(rows_of(table), seconds, strict=True)
    ]
    return {
        "latency_low_s": [low for low, _, _ in ends],
        "latency_high_s": [high for _, high, _ in ends],
        GUESS: [why if is_array(time) or time else "" for time, (_, _, why) in zip(seconds, ends, strict=True)],
    }


def _asked(row: LayerCosts, seconds: Number, batch: Number) -> str:
    """Return the class of a layer; "" where its sizes are arrays, and so of many classes."""
    return "" if is_array(seconds) or is_array(batch) else class_of(row, batch)


class Earned:
    """The intervals of a device's layers.

    network: the factors of the whole network's interval, which layers have where none was measured.
    wider: by what the network's interval is wider than the device's own, which widens those of layers too.
    """

    def __init__(self, classes: Sequence[LayerClass], network: tuple[Number, Number], wider: Number) -> None:
        self.classes = {one.name: one for one in classes}
        self.network, self.wider = network, wider

    def ends(self, name: str, seconds: Number) -> tuple[Number, Number, str]:
        """Return the ends of the interval of a layer of a class that is predicted to take so many seconds, and why they
        are a guess, if they are. A layer that takes no time takes none.
        """
        if not self.classes:
            return seconds * self.network[0], seconds * self.network[1], NONE
        own = [self.classes[name]] if name in self.classes else list(self.classes.values())
        extra = max(one.extra_s for one in own)
        by_itself = seconds + extra * (seconds > 0)
        low = smallest(seconds, by_itself * min(one.low for one in own))
        high = largest(seconds, by_itself * max(one.high for one in own))
        why = _vague(own[0], high > VAGUE * low) if name in self.classes else FEW
        return low / self.wider, high * self.wider, why


def _vague(one: LayerClass, vague: bool) -> str:
    """Say why an interval of a class tells little, where it does."""
    low, high = min(1.0, one.low), max(1.0, one.high)
    if high > VAGUE * low:
        return f"such layers took from {low:.2g} to {high:.3g} times what is predicted"
    return f"the shortest layers took about {1e6 * one.extra_s:.2g} µs more than is predicted" if vague else ""
