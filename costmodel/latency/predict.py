"""Time on a device: the sum of coefficient times feature over a cost table's rows, with the interval that the device
has earned.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from costmodel.errors import CostModelError, quote
from costmodel.graph import LayerGraph
from costmodel.latency.device import Device
from costmodel.latency.features import FEATURES, Counts, LayerCosts, alone_counts
from costmodel.latency.find import find_device
from costmodel.latency.known import measured_of_graph, measured_of_table
from costmodel.latency.layers import layer_columns
from costmodel.latency.lowering import graph_kernels, table_kernels
from costmodel.latency.seen import stranger
from costmodel.latency.widening import Reason, Strangers, ends, fewer_images, ratio, reasons, together, words
from costmodel.measures import MEASURES, completed
from costmodel.numbers.arithmetic import Number, Shape, is_array, is_plain, largest
from costmodel.pricing import price, totals
from costmodel.pricing.samples import sample_of
from costmodel.pricing.table import CostTable
from costmodel.units import DTYPES

BOUNDS = ("compute", "memory", "overhead")


def time(table: CostTable | LayerGraph, device: str | Path | Device) -> CostTable:
    """Return the table with the time that `device` needs for each layer and in total; a network is priced at the dtype
    that was measured there.

    Columns added: latency_s, latency_low_s, latency_high_s (a 90 % interval; that of a layer was earned on single
    layers of its class, see `costmodel.latency.layers`), guess (why it was not, where it was not) and bound (compute,
    memory or overhead, whichever takes most). The time of a fused kernel stands at the layer that heads it. `unseen`
    says in words what of a layer, and of the whole run, the device has not measured. The totals get the same, checked
    on whole networks of unseen families, latency_per_image_s, throughput_per_s, the device's name, notes, and
    measured_s where the device's own table holds this very run.

    Raises:
        CostModelError: if there is no such device, the table is priced at another dtype than was measured, or it is
            neither a table nor a network.
    """
    found = find_device(device)
    if isinstance(table, LayerGraph):
        table = price(table, dtype=found.dtype_for(None))
    if not isinstance(table, CostTable):
        raise CostModelError(f"{quote(table)} is no network; write cm.time(cm.load({quote(table)}), {found.name!r})")
    found.dtype_for(table.dtype)
    clock = Clock(found, table.batch)
    times = clock.kernels(table_kernels(table, found.model.lowering, clock.meet))
    summary = clock.summary(times, table.input_shape)
    whole = (summary["latency_s"], summary["latency_low_s"], summary["latency_high_s"])
    spent = {path: sum(shares.values(), 0.0) for path, shares in times.items()}
    bounds = {path: clock.bound(times[path]) for path, seconds in spent.items() if is_array(seconds) or seconds}
    columns = [(spent.get(path, 0.0), bounds.get(path)) for path in table.columns["path"]]
    wide = "; ".join(reason.word for reason in clock.reasons if not is_array(reason.by))
    timed = table.with_columns(
        latency_s=[seconds for seconds, _ in columns],
        **layer_columns(found, table, [seconds for seconds, _ in columns], whole),
        bound=[bound for _, bound in columns],
        unseen=["; ".join(filter(None, (clock.strangers.of.get(path), wide))) for path in table.columns["path"]],
    )
    values = {name: value for name, value in summary.items() if name in MEASURES}
    said = {name: summary[name] for name in ("device", "bound", "unseen")} | {"notes": tuple(summary["notes"])}
    if (seconds := measured_of_table(found, table)) is not None:
        said |= {"measured_s": seconds, "repeatability_percent": found.interval.repeatability_percent}
    return replace(timed, totals=table.totals.adding(values, **said))


def latency_of(graph: LayerGraph, device: str | Path | Device, batch: Number = 1) -> dict[str, Any]:
    """Return the summary that `time` puts into the totals, without keeping rows: for networks whose sizes are
    NumPy arrays.

    Raises:
        CostModelError: if there is no such device.
    """
    found = find_device(device)
    clock = Clock(found, batch)
    layers = graph_kernels(graph, batch, found.conditions.dtype, found.model.lowering, clock.meet)
    if found.model.combine == "max":
        return clock.summary(clock.kernels(layers), graph.input_shape)
    sums: dict[str, Number] = {}
    for head, counts in layers:
        clock.watch(head, counts)
        for name, count in counts.items():
            sums[name] = sums.get(name, 0) + count
    return clock.summary({"": clock.terms(sums)}, graph.input_shape)


def over_batches(graph: LayerGraph, device: Device, batches: Iterable[int]) -> list[dict[str, Any]]:
    """Return a row for each batch: network, batch, mult_adds, what a sample is, what `latency_of` says, what was
    measured where the device's own table holds it, and the time of mult-adds alone.
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
        row["measured_s"] = seconds = measured_of_graph(device, graph, batch)
        row["repeatability_percent"] = device.interval.repeatability_percent if seconds is not None else None
        found.append(row | {"operations_only_s": plain and plain.seconds * mult_adds})
    return found


class Clock:
    """A device's coefficients, ready for use on one network, at so many images."""

    def __init__(self, device: Device, batch: Number = 1) -> None:
        self.device, self.batch = device, batch
        self.rooflines = device.model.combine == "max"
        self.seconds = [term.seconds for term in device.model.terms]
        self.term_of = {
            name: (place, term.seconds) for place, term in enumerate(device.model.terms) for name in term.of
        }
        self.sides = [BOUNDS.index(term.bound) for term in device.model.terms]
        self.strangers = Strangers()
        self.reasons: list[Reason] = []
        """Why the interval of the last summary is wider than the device's own."""
        self._timed: set[str] = set()
        self._asked: dict[str, set[str]] = {}  # of kernels that have taken no time so far, what they have

    def meet(self, row: LayerCosts) -> None:
        """Look at a layer, and remember one that the device never measured."""
        name = stranger(self.device.seen, row) if row.kernel is not None else None
        if name is not None:
            self.strangers.add(row.path, name, self.total([alone_counts(row, self.batch)]))

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

    def _untimed(self) -> dict[str, str]:
        """Return the kernels that take no time, with what has no coefficient."""
        return {
            head: " + ".join(name for name in FEATURES if name in asked)
            for head, asked in self._asked.items()
            if head not in self._timed
        }

    def total(self, kernels: Iterable[Counts]) -> Number:
        """Return the seconds of kernels whose features are counted already."""
        times = [self.terms(counts) for counts in kernels]
        return sum((sum((self._roof(t) if self.rooflines else t).values(), 0.0) for t in times), 0.0)

    def _roof(self, spent: dict[int, Number]) -> dict[int, Number]:
        """Keep of a kernel's compute and memory terms those that take longer."""
        compute, memory = (sum((t for p, t in spent.items() if self.sides[p] == side), 0.0) for side in (0, 1))
        wins = (compute >= memory, compute < memory, True)
        return {place: seconds * wins[self.sides[place]] for place, seconds in spent.items()}

    def summary(self, times: Mapping[str, dict[int, Number]], shape: Shape) -> dict[str, Any]:
        """Return the whole network's time with its interval, from the seconds of each kernel's terms and the shape of
        its input.
        """
        terms: dict[int, Number] = dict.fromkeys(range(len(self.seconds)), 0.0)
        for spent in times.values():
            for place, seconds in spent.items():
                terms[place] = terms[place] + seconds
        total = sum(terms.values(), 0.0)
        shares = [ratio(seconds, total, 0.0) for seconds in terms.values()]
        share = ratio(self.strangers.together, total, 0.0)
        low, high = self._ends(shares, total, share, shape)
        met = [self.strangers.note(self.device, share)] if self.strangers.of else []
        times_s = {"latency_s": total, "latency_low_s": low, "latency_high_s": high}
        return {
            "device": self.device.name,
            **completed(times_s, self.batch, DTYPES[self.device.conditions.dtype], ("device",)),
            "bound": self.bound(terms),
            "unseen": words(self.strangers, self.reasons),
            "notes": [*_transferred(self.device), *met, *(reason.note for reason in self.reasons)],
        }

    def _ends(self, shares: Sequence[Number], total: Number, share: Number, shape: Shape) -> tuple[Number, Number]:
        """Return the ends of the interval, and keep the reasons for its width."""
        device = self.device

        def asked(total: Number, batch: Number) -> tuple[list[Reason], tuple[Number, Number]]:
            found = list(reasons(device, shares, total, batch, shape, self._untimed()))
            return found, ends(total, device.interval, together(found), share)

        self.reasons, (low, high) = asked(total, self.batch)
        longer = fewer_images(device, shares, self.batch)
        if is_array(longer) or longer > 1:
            fewest = largest(self.batch, device.conditions.batch[0])
            high = largest(high, asked(total * longer, fewest)[1][1])
        return low, high

    def bound(self, terms: Mapping[int, Number]) -> Any:
        """Return what takes most of the time: compute, memory or overhead; for arrays an array of these."""
        by_bound: list[Number] = [0.0] * len(BOUNDS)
        for place, seconds in terms.items():
            side = self.sides[place]
            by_bound[side] = by_bound[side] + seconds
        if any(map(is_array, by_bound)):
            return _largest(dict(zip(BOUNDS, by_bound, strict=True)))
        return BOUNDS[by_bound.index(max(by_bound))]


def _transferred(device: Device) -> list[str]:
    """Return a note on a device that nobody measured."""
    source = device.transferred_from
    return [f"{device.name} was not measured: transferred from {source} by its datasheet"] if source else []


def _largest(seconds: Mapping[str, Number]) -> Any:
    """Return the names with the most seconds, element by element."""
    import numpy as np

    names = np.array(list(seconds))
    shape = np.broadcast_shapes(*(np.shape(value) for value in seconds.values()))
    return names[np.argmax(np.stack([np.broadcast_to(value, shape) for value in seconds.values()]), axis=0)]
