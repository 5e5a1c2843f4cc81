"""Time on a device: the sum of coefficient times feature over a cost table's rows, with the interval that the device
has earned.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from costmodel.errors import CostModelError
from costmodel.graph import LayerGraph
from costmodel.latency.device import Device, find_device
from costmodel.latency.features import FEATURES, Counts
from costmodel.latency.lowering import graph_kernels, table_kernels
from costmodel.measures import MEASURES, completed
from costmodel.numbers.arithmetic import Number, is_array, is_plain
from costmodel.pricing import totals
from costmodel.pricing.samples import sample_of
from costmodel.pricing.table import CostTable
from costmodel.units import DTYPES

BOUNDS = ("compute", "memory", "overhead")
MARGIN = 0.05
"""A term may have so much more of the time than in any measured network before the interval is widened."""
WIDER = 2
"""How many times wider the interval becomes where the model extrapolates."""


def time(table: CostTable, device: str | Path | Device) -> CostTable:
    """Return the table with the time that `device` needs for each layer and in total.

    Columns added: latency_s, latency_low_s, latency_high_s (a 90 % interval, checked on whole networks of unseen
    families; a single layer's has the same width) and bound (compute, memory or overhead, whichever takes most). The
    time of a fused kernel stands at the layer that heads it. The totals get the same, latency_per_image_s,
    throughput_per_s, the device's name and notes.

    Raises:
        CostModelError: if there is no such device, or the table is priced at another dtype than was measured.
    """
    found = find_device(device)
    _same_dtype(found, table.dtype)
    clock = Clock(found)
    times = clock.kernels(table_kernels(table, found.model.lowering, clock.strange))
    summary = clock.summary(times, table.batch)
    low, high = (_ratio(summary[f"latency_{side}_s"], summary["latency_s"]) for side in ("low", "high"))
    spent = {path: sum(shares.values(), 0.0) for path, shares in times.items()}
    bounds = {path: clock.bound(times[path]) for path, seconds in spent.items() if is_array(seconds) or seconds}
    columns = [(spent.get(path, 0.0), bounds.get(path)) for path in table.columns["path"]]
    timed = table.with_columns(
        latency_s=[seconds for seconds, _ in columns],
        latency_low_s=[seconds * low for seconds, _ in columns],
        latency_high_s=[seconds * high for seconds, _ in columns],
        bound=[bound for _, bound in columns],
    )
    values = {name: value for name, value in summary.items() if name in MEASURES}
    said = {"device": summary["device"], "bound": summary["bound"], "notes": tuple(summary["notes"])}
    return replace(timed, totals=table.totals.adding(values, **said))


def latency_of(graph: LayerGraph, device: str | Path | Device, batch: Number = 1) -> dict[str, Any]:
    """Return the summary that `time` puts into the totals, without keeping rows: for networks whose sizes are
    NumPy arrays.

    Raises:
        CostModelError: if there is no such device.
    """
    found = find_device(device)
    clock = Clock(found)
    layers = graph_kernels(graph, batch, found.conditions.dtype, found.model.lowering, clock.strange)
    if found.model.combine == "max":
        return clock.summary(clock.kernels(layers), batch)
    sums: dict[str, Number] = {}
    for head, counts in layers:
        clock.watch(head, counts)
        for name, count in counts.items():
            sums[name] = sums.get(name, 0) + count
    return clock.summary({"": clock.terms(sums)}, batch)


def over_batches(graph: LayerGraph, device: Device, batches: Iterable[int]) -> list[dict[str, Any]]:
    """Return a row for each batch: network, batch, mult_adds, what a sample is, what `latency_of` says, and the time of
    mult-adds alone.
    """
    found = []
    plain = device.error and device.error.operations_only
    sample = sample_of(graph.inputs)
    for batch in batches:
        mult_adds = totals(graph, batch, device.conditions.dtype).mult_adds
        row: dict[str, Any] = {"network": graph.name, "batch": batch, "mult_adds": mult_adds}
        row |= {"sample": sample.noun, "tokens": sample.tokens}
        row |= latency_of(graph, device, batch)
        row["notes"] = [*graph.notes, *row["notes"]]
        found.append(row | {"operations_only_s": plain and plain.seconds * mult_adds})
    return found


def _ratio(part: Number, whole: Number) -> Number:
    """Return a share of the whole time; that of no time at all is the whole."""
    return part / whole if is_array(whole) or whole else 1.0


def _same_dtype(device: Device, dtype: str) -> None:
    if device.conditions.dtype != dtype:
        raise CostModelError(
            f"{device.name} was measured at {device.conditions.dtype}, but the network is priced at {dtype}; "
            f"price it at {device.conditions.dtype} (--dtype {device.conditions.dtype})"
        )


class Clock:
    """A device's coefficients, ready for use on one network.

    `strange` holds the kinds of layers whose mult-adds no device has measured apart.
    """

    def __init__(self, device: Device) -> None:
        self.device = device
        self.rooflines = device.model.combine == "max"
        self.seconds = [term.seconds for term in device.model.terms]
        self.term_of = {
            name: (place, term.seconds) for place, term in enumerate(device.model.terms) for name in term.of
        }
        self.sides = [BOUNDS.index(term.bound) for term in device.model.terms]
        self.strange: set[str] = set()
        self._timed: set[str] = set()
        self._asked: dict[str, set[str]] = {}  # of kernels that have taken no time so far, what they have

    def terms(self, counts: Counts) -> dict[int, Number]:
        """Return the seconds of each term."""
        spent: dict[int, Number] = {}
        self._spend(counts, spent)
        return spent

    def _spend(self, counts: Counts, spent: dict[int, Number]) -> None:
        """Add the seconds of `counts` to those of each term."""
        for name, count in counts.items():
            if name in self.term_of:
                place, each = self.term_of[name]
                spent[place] = spent[place] + count * each if place in spent else count * each

    def kernels(self, layers: Iterable[tuple[str, Counts]]) -> dict[str, dict[int, Number]]:
        """Return the seconds of each term for each kernel, by the path of the layer that heads it."""
        times: dict[str, dict[int, Number]] = {}
        for head, counts in layers:
            self.watch(head, counts)
            self._spend(counts, times.setdefault(head, {}))
        if self.rooflines:
            times = {head: self._roof(spent) for head, spent in times.items()}
        return times

    def watch(self, head: str, counts: Counts) -> None:
        """Remember a kernel that has something of which no coefficient is more than 0."""
        asked = {name for name, count in counts.items() if not is_plain(count) or count}
        if any(name in self.term_of and self.term_of[name][1] for name in asked):
            self._timed.add(head)
        elif asked:
            self._asked.setdefault(head, set()).update(asked)

    def _unmeasured(self) -> list[str]:
        """Return notes on what the device knows too little of."""
        notes = [
            f"{kind}: no device has measured this kind; counted as linear, with a wider interval"
            for kind in sorted(self.strange)
        ]
        for head in (head for head in self._asked if head not in self._timed):
            features = " + ".join(name for name in FEATURES if name in self._asked[head])
            notes.append(f"{head}: {self.device.name} gives it no time, for want of a coefficient for {features}")
        return notes

    def total(self, kernels: Iterable[Counts]) -> Number:
        """Return the seconds of kernels whose features are counted already."""
        times = [self.terms(counts) for counts in kernels]
        return sum((sum((self._roof(t) if self.rooflines else t).values(), 0.0) for t in times), 0.0)

    def _roof(self, spent: dict[int, Number]) -> dict[int, Number]:
        """Keep of a kernel's compute and memory terms those that take longer."""
        compute, memory = (sum((t for p, t in spent.items() if self.sides[p] == side), 0.0) for side in (0, 1))
        wins = (compute >= memory, compute < memory, True)
        return {place: seconds * wins[self.sides[place]] for place, seconds in spent.items()}

    def summary(self, times: Mapping[str, dict[int, Number]], batch: Number) -> dict[str, Any]:
        """Return the whole network's time with its interval, from the seconds of each kernel's terms."""
        terms: dict[int, Number] = dict.fromkeys(range(len(self.seconds)), 0.0)
        for spent in times.values():
            for place, seconds in spent.items():
                terms[place] = terms[place] + seconds
        total = sum(terms.values(), 0.0)
        beyond, notes = self._beyond(terms, total, batch)
        width = self.device.interval.half_width
        narrow, wide = math.exp(width), math.exp(WIDER * width)
        factor = narrow + (wide - narrow) * beyond
        times_s = {"latency_s": total, "latency_low_s": total / factor, "latency_high_s": total * factor}
        return {
            "device": self.device.name,
            **completed(times_s, batch, DTYPES[self.device.conditions.dtype], ("device",)),
            "bound": self.bound(terms),
            "notes": notes,
        }

    def bound(self, terms: Mapping[int, Number]) -> Any:
        """Return what takes most of the time: compute, memory or overhead; for arrays an array of these."""
        by_bound: list[Number] = [0.0] * len(BOUNDS)
        for place, seconds in terms.items():
            side = self.sides[place]
            by_bound[side] = by_bound[side] + seconds
        if any(map(is_array, by_bound)):
            return _largest(dict(zip(BOUNDS, by_bound, strict=True)))
        return BOUNDS[by_bound.index(max(by_bound))]

    def _beyond(self, terms: Mapping[int, Number], total: Number, batch: Number) -> tuple[Any, list[str]]:
        """Return where the network asks more of the model than its measurements showed, and the reasons in words."""
        smallest_batch, largest_batch = self.device.conditions.batch
        outside = (batch < smallest_batch) | (batch > largest_batch)
        notes = []
        if _any(outside):
            span = f"{smallest_batch}" if smallest_batch == largest_batch else f"{smallest_batch} to {largest_batch}"
            notes.append(f"measured at batch {span} only; other batches are extrapolation, with a wider interval")
        shortest = self.device.conditions.shortest_s
        if shortest is not None and _any(total < shortest):
            notes.append(
                f"shorter than any measured run ({1e3 * shortest:.3g} ms), so that what a run costs besides its layers "
                "may matter; the interval is wider"
            )
            outside = outside | (total < shortest)
        for place, term in enumerate(self.device.model.terms):
            over = terms[place] > (term.largest_share + MARGIN) * total
            if _any(over):
                notes.append(
                    f"{' + '.join(term.of)} takes more of the time than in any measured network "
                    f"({100 * term.largest_share:.0f} %); the interval is wider"
                )
            outside = outside | over
        unmeasured = self._unmeasured()
        return outside | bool(unmeasured), notes + unmeasured


def _any(condition: Any) -> bool:
    return bool(condition.any()) if is_array(condition) else bool(condition)


def _largest(seconds: Mapping[str, Number]) -> Any:
    """Return the names with the most seconds, element by element."""
    import numpy as np

    names = np.array(list(seconds))
    shape = np.broadcast_shapes(*(np.shape(value) for value in seconds.values()))
    return names[np.argmax(np.stack([np.broadcast_to(value, shape) for value in seconds.values()]), axis=0)]
