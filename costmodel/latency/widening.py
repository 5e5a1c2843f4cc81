"""How much less sure a prediction is where it asks more of a device's model than was measured, and the reasons.

Three things are paid for, each steadily with how far or how much, so that no interval jumps:

- **Distance.** A batch, an input or a run beyond those measured, and a term with more of the time than in any measured
  network, widen the interval by a share of its own width for each doubling.
- **Fewer images.** Where no coefficient says what a run costs by itself, fewer images than were measured may take as
  long as the fewest that were: the upper end is as far up as that.
- **Strangers.** The time of layers that were never measured may be off by a factor: `Interval.unseen`.

Sizes may be arrays, and what is said then is an array of texts.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from costmodel.latency.device import Device, Interval, TermModel
from costmodel.latency.features import FEATURES
from costmodel.numbers.arithmetic import Number, Shape, is_array, largest, product

STEP, SIZE_STEP, SHARE_STEP = 0.5, 0.25, 2.0
"""By how many times its own width an interval widens for each doubling: of a batch, or of a run shorter than any
measured; of an input; of a term's share. Fitted at batch 1, networks of families left out need 0.4 and 0.5 at batch 8
and 16 (`epyc-1t`, `epyc-2t`); fitted on all but the shortest 15 and 30 %, those need -0.1 to 1.0; on small or on large
pictures, the others -0.3 to 0.7; on all but the fifth with the largest share of a term, those mostly 1 to 2.4.
"""
FEW = 0.05
"""A share that is added to both before shares are compared: a term that no measured network had is not infinitely far.
"""
UNTIMED = 1.0
"""By how many times its own width an interval widens where layers take no time, for want of a coefficient."""


@dataclass(frozen=True)
class Reason:
    """Why an interval is wider: in a word, which stands in rows; in a sentence; and by how many times its own width, 0
    where it does not hold.
    """

    word: str
    note: str
    by: Any

    @property
    def holds(self) -> Any:
        """Whether it does."""
        return self.by > 0


@dataclass
class Strangers:
    """Layers that were never measured: the seconds each would take as a kernel of its own, by path and by name."""

    of: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, Number] = field(default_factory=dict)

    def add(self, path: str, name: str, seconds: Number) -> None:
        """Take a layer in."""
        self.of[path] = name
        self.seconds[name] = self.seconds.get(name, 0.0) + seconds

    @property
    def names(self) -> list[str]:
        """Who they are, in the order of the network: the same for a point of a sweep as for all at once."""
        return list(self.seconds)

    @property
    def together(self) -> Number:
        """The seconds of all. They may be more than the network's, where those are computed within other kernels."""
        return sum(self.seconds.values(), 0.0)

    def note(self, device: Device, share: Number) -> str:
        """Say who they are, and what is made of it."""
        part = "" if is_array(share) else f", {_percent(share)} of the time,"
        told = device.interval.unseen_factor is None
        why = ": it measured too few operators to tell, so this is the most that any device's came to" if told else ""
        return (
            f"never measured on {device.name}: {', '.join(self.names)}; counted by their bytes, mult-adds as linear"
            f"{part} which may be {device.interval.unseen:.3g} times off{why}"
        )


def _percent(share: Any) -> str:
    return f"{100 * share:.0f} %" if share >= 0.01 else "less than 1 %"


def reasons(
    device: Device, shares: Sequence[Number], total: Number, batch: Number, shape: Shape, untimed: Mapping[str, str]
) -> Iterator[Reason]:
    """Yield why the interval of a network is wider than the device's own, those that hold nowhere left out.

    Args:
        device: with what it has seen.
        shares: of each term of the model in the network's time.
        total: its seconds.
        batch: images at once.
        shape: of its input.
        untimed: layers that take no time though they have something to do, and what has no coefficient.
    """
    found = [_batch(device, batch), _size(device, shape), _short(device, total), *_shares(device, shares)]
    yield from (reason for reason in found if reason is not None and _any(reason.holds))
    for path, features in untimed.items():
        note = f"{path}: {device.name} gives it no time, for want of a coefficient for {features}"
        yield Reason(f"no time for {path}", note, UNTIMED / math.sqrt(len(untimed)))


def together(found: Sequence[Reason]) -> Number:
    """Return by how many times its own width an interval widens for all reasons, as for errors that are independent."""
    squares = sum((reason.by**2 for reason in found), 0.0)
    return squares**0.5


def _batch(device: Device, batch: Number) -> Reason:
    smallest, largest = device.conditions.batch
    span = f"{smallest}" if smallest == largest else f"{smallest} to {largest}"
    note = f"measured at batch {span} only; the interval is wider the further away"
    if not _knows_overhead(device) and _any(batch < smallest):
        note += f"; nothing measured says what a run costs by itself, so that fewer may take as long as {smallest}"
    return Reason("batch", note, STEP * (doublings(batch, largest) + doublings(smallest, batch)))


def fewer_images(device: Device, shares: Sequence[Number], batch: Number) -> Number:
    """Return how many times as long the fewest images that were measured take, where that bounds the time of fewer: no
    run takes longer than one of more images. 1 where these are not fewer, or the model knows what a run costs.

    `shares` are those of each term of the model in the run's time; what a batch costs once is the same in both.
    """
    smallest = device.conditions.batch[0]
    if _knows_overhead(device) or not _any(batch < smallest):
        return 1.0
    once = sum((share for term, share in zip(device.model.terms, shares, strict=True) if _once(term)), 0.0)
    return once + (1 - once) * (1 + largest(smallest - batch, 0) / batch)


def _knows_overhead(device: Device) -> bool:
    return any(term.bound == "overhead" and term.seconds for term in device.model.terms)


def _once(term: TermModel) -> bool:
    return all(FEATURES[name].once for name in term.of)


def _size(device: Device, shape: Shape) -> Reason | None:
    """Compare with the inputs that were measured, where those have as many axes."""
    spans = device.seen.inputs if device.seen else []
    if not spans or len(spans[0]) != len(shape):
        return None
    smallest, largest = spans[0], spans[-1]
    size = product(shape)
    span = " to ".join(dict.fromkeys("x".join(map(str, one)) for one in (smallest, largest)))
    note = f"measured with inputs of {span} only; the interval is wider the further away"
    return Reason("size", note, SIZE_STEP * (doublings(size, product(largest)) + doublings(product(smallest), size)))


def _short(device: Device, total: Number) -> Reason | None:
    shortest = device.conditions.shortest_s
    if shortest is None:
        return None
    note = (
        f"shorter than any measured run ({1e3 * shortest:.3g} ms), so that what a run costs besides its layers "
        "may matter; the interval is wider the shorter it is"
    )
    return Reason("short", note, STEP * doublings(shortest, total))


def _shares(device: Device, shares: Sequence[Number]) -> Iterator[Reason]:
    for term, share in zip(device.model.terms, shares, strict=True):
        named = " + ".join(term.of) if len(term.of) < 3 else f"{term.of[0]} and {len(term.of) - 1} more"
        note = (
            f"{' + '.join(term.of)} takes more of the time than in any measured network "
            f"({100 * term.largest_share:.0f} %); the interval is wider the more it takes"
        )
        far = doublings(share + FEW, term.largest_share + FEW)
        yield Reason(f"share of {named}", note, SHARE_STEP * far)


def doublings(value: Number, limit: Number) -> Any:
    """Return how often `limit` is doubled on the way to `value`; 0 where it is not passed, or is of no time at all."""
    if is_array(value) or is_array(limit):
        import numpy as np

        value, limit = np.asarray(value, float), np.asarray(limit, float)
        there = (value > limit) & (limit > 0)
        return np.log2(np.where(there, value, 1.0) / np.where(there, limit, 1.0))
    return math.log2(value / limit) if value > limit > 0 else 0.0


def ends(total: Number, interval: Interval, wider: Number, share: Number) -> tuple[Number, Number]:
    """Return the ends of an interval: what is known within its width, what was never measured by its factor as well.

    `wider` is by how many times its own width the interval widens; what a transfer added is not widened, since a card
    is off as a whole. Strangers that are computed within other kernels make the upper end longer, but no time can be
    taken away for more than all of it.
    """
    factor, added = interval.unseen, interval.transferred or 0.0
    width = math.sqrt(max(interval.half_width**2 - added**2, 0.0)) * (1 + wider)
    width = (width**2 + added**2) ** 0.5
    if is_array(width) or is_array(share):
        import numpy as np

        spread, whole = np.exp(width), np.minimum(share, 1.0)
    else:
        spread, whole = math.exp(width), min(share, 1.0)
    return total / spread * (1 - (1 - 1 / factor) * whole), total * spread * (1 + (factor - 1) * share)


def words(strangers: Strangers, found: Sequence[Reason]) -> Any:
    """Return in few words what was never measured, for a cell of a table: names and reasons between semicolons."""
    always = [*strangers.names, *(reason.word for reason in found if not is_array(reason.by))]
    some = [reason for reason in found if is_array(reason.by)]
    if not some:
        return "; ".join(always)
    import numpy as np

    code = np.zeros(np.broadcast_shapes(*(np.shape(reason.by) for reason in some)), np.int64)
    for place, reason in enumerate(some):
        code = code + (np.asarray(reason.holds).astype(np.int64) << place)
    texts = np.empty(1 << len(some), object)
    for number in np.flatnonzero(np.bincount(code.ravel())).tolist():
        texts[number] = "; ".join([*always, *(one.word for place, one in enumerate(some) if number >> place & 1)])
    return texts[code]


def ratio(part: Number, whole: Number, of_nothing: float) -> Number:
    """Return a share of the whole time; of no time at all, `of_nothing`."""
    if is_array(part) or is_array(whole):
        import numpy as np

        part, whole = np.asarray(part, float), np.asarray(whole, float)
        empty = np.full(np.broadcast_shapes(part.shape, whole.shape), of_nothing)
        return np.divide(part, whole, out=empty, where=whole > 0)
    return part / whole if whole else of_nothing


def _any(condition: Any) -> bool:
    return bool(condition.any()) if is_array(condition) else bool(condition)
