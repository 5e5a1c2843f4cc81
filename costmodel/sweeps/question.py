"""Price a network over many values of its parameters: chunk by chunk, as arrays through the operators' own rules."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from costmodel.errors import CostModelError, SpecError, UnfitError, known_or_suggest
from costmodel.latency.whole import askable, measured, require_device
from costmodel.measures import MEASURES, find, meant, needed, shown
from costmodel.numbers.exact import LIMIT, exact
from costmodel.numbers.verdicts import LISTENER
from costmodel.pricing.memory.asked import NO_LEVELS, Levels
from costmodel.pricing.memory.planned import required
from costmodel.pricing.samples import Sample, sample_of
from costmodel.pricing.table import UNSEEN
from costmodel.pricing.walk import dtype_of, images
from costmodel.sources.parametric import Parametric
from costmodel.sweeps.conditions import Condition, parse_condition
from costmodel.sweeps.medians import by_median
from costmodel.sweeps.points import Box, Grid, Pairs, grid, pairs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from costmodel.graph import LayerGraph
    from costmodel.latency.device import Device

COLUMNS = tuple(measure.name for measure in shown("sweep", [""]))
"""What a sweep shows unless it is asked for more."""
TIMED = tuple(measure.name for measure in shown("sweep", ["", "device"]))
"""The same with a device."""


SIZES = re.compile(r"(?<![\w.])[\d,]+(x[\d,]+)*")
"""Numbers and shapes in a complaint, not those in names."""
PLANNED_AT_ONCE = 64
"""Points of a chunk where memory is planned, which is done one by one: enough for progress to be seen."""
AHEAD = 4
"""Chunks each worker may be ahead of the reader: enough to keep it busy, few enough to bound memory."""


class LostError(CostModelError):
    """Who priced the chunks is gone, though nothing is wrong with the question: asking again may help."""


@dataclass(frozen=True)
class LeftOut:
    """Points that are no network: how many, why (of the first), and which the first is."""

    count: int
    reason: str
    example: Mapping[str, Any]
    what: str = "no network"


Reasons = dict[str, LeftOut]
"""What was left out, by a key that equal reasons share."""


def add_reasons(total: Reasons, more: Reasons) -> None:
    """Add the counts of `more` to `total`, keeping the first example of each."""
    for key, new in more.items():
        known = total.get(key)
        total[key] = new if known is None else replace(known, count=known.count + new.count)


@dataclass(frozen=True)
class Chunk:
    """Some priced points: equally long columns, how many points they came from, and what was left out as no network."""

    index: int
    columns: Mapping[str, Any]
    seen: int
    left_out: Reasons = field(default_factory=dict)

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))


@dataclass(frozen=True)
class Question:
    """One sweep: which points of which network, which columns of them, and which condition rows must meet."""

    network: Parametric
    points: Grid | Pairs
    dtype: str | None = None
    """None is the network's own, where there is no device to go by."""
    measures: tuple[str, ...] = COLUMNS
    where: Condition | None = None
    device: Device | None = None
    """Where given, latency may be asked for too."""
    levels: Levels = NO_LEVELS
    """Whose plan of memory, and how a step trains, where those are asked for."""
    about: tuple[str, ...] = ()
    """Notes on the question itself, such as what its conditions and goals hold by the median."""

    @property
    def said(self) -> tuple[str, ...]:
        """The columns of words: what the device never measured, beside what it is timed."""
        return (UNSEEN,) if needed(self.measures) & {"device", "energy"} and self.device is not None else ()

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns, in order: what varies, then what it comes to."""
        return (*self.points.names, *self.measures, *self.said)

    @property
    def priced_at(self) -> str:
        """The dtype of its numbers."""
        return dtype_of(self.network, self.dtype)

    def notes(self, row: Mapping[str, Any] | None) -> list[str]:
        """Return what a reader of a row has to know of its network, of its time on the device, and of what was asked;
        of no row, the last of these.
        """
        return [*self.about, *(self._notes(row) if row is not None else [])]

    def _notes(self, row: Mapping[str, Any]) -> list[str]:
        graph, batch = self._at(row)
        if not self.said or self.device is None:
            return graph.notes
        from costmodel.latency.predict import latency_of

        return [*graph.notes, *latency_of(graph, self.device, images(graph, batch))["notes"]]

    def sample(self, row: Mapping[str, Any]) -> Sample:
        """Return what a row's network reads one of for each of its batch."""
        return sample_of(self._at(row)[0].inputs)

    def _at(self, row: Mapping[str, Any]) -> tuple[LayerGraph, Any]:
        return self.network.at({name: row[name] for name in self.points.names})

    def chunk(self, index: int) -> Chunk:
        """Price one chunk.

        Raises:
            CostModelError: if a count passes 2**63.
        """
        box = self.points.box(index)
        rows = list(_priced(self, box))
        names = self.columns
        columns = {name: np.concatenate([row[name] for row, _ in rows]) for name in names}
        reasons: Reasons = {}
        for _, left_out in rows:
            add_reasons(reasons, left_out)
        return Chunk(index, columns, box.count, reasons)


Rows = tuple[dict[str, Any], Reasons]


def _priced(question: Question, box: Box) -> Iterable[Rows]:
    """Yield the rows of a box, and of those of its points that only can be priced one by one."""
    verdicts = _Verdicts(box.shape)
    try:
        with _judged_by(verdicts), np.errstate(all="ignore"):
            row = _measure(question, box)
    except CostModelError as error:
        yield from _without_arrays(question, box, error)
        return
    good, groups = verdicts.sort()
    reasons: Reasons = {}
    alone: list[Box] = []
    for points in groups:
        first = box.at(points[0])
        fault = _error(question, box.part(points[0]))
        if fault is None:  # the arrays could not decide what plain numbers can
            alone += [box.part(index) for index in points]
        else:
            add_reasons(reasons, {_key(fault): _left_out(fault, len(points), first)})
    yield _select(question, box, row, good), reasons
    for part in alone:
        yield _one(question, part)


def _without_arrays(question: Question, box: Box, error: CostModelError) -> Iterable[Rows]:
    """Price a box that failed as a whole: in halves, down to single points."""
    if box.count == 1:
        yield _one(question, box)
        return
    axis = int(np.argmax(box.shape))
    half = box.shape[axis] // 2
    for part in (slice(None, half), slice(half, None)):
        numbers = {
            name: array[(slice(None),) * axis + (part,)] if array.shape[axis] > 1 else array
            for name, array in box.numbers.items()
        }
        shape = np.broadcast_shapes(*(array.shape for array in numbers.values()))
        yield from _priced(question, Box(box.structure, numbers, shape))


def _measure(question: Question, box: Box) -> dict[str, Any]:
    """Return the measures of a box, as arrays that spread over its shape."""
    numbers = {name: exact(array) for name, array in box.numbers.items()}
    return _ask(question, {**box.structure, **numbers})


def _ask(question: Question, values: Mapping[str, Any]) -> dict[str, Any]:
    graph, batch = question.network.at(values)
    asked = (*question.measures, *question.said)
    return measured(graph, asked, images(graph, batch), question.dtype, question.device, question.levels)


def _one(question: Question, box: Box) -> Rows:
    """Price one point with plain numbers."""
    point = box.at(0)
    try:
        row = _ask(question, point)
    except (SpecError, UnfitError) as error:
        return _select(question, box, {}, np.zeros(1, dtype=bool)), {_key(error): _left_out(error, 1, point)}
    if any(isinstance(value, int) and value > LIMIT for value in row.values()):
        at = ", ".join(f"{name} = {value}" for name, value in point.items())
        raise CostModelError(f"at {at} a count passes 2**63, more than a table of a sweep can hold; narrow the ranges")
    return _select(
        question, box, {name: np.asarray([value]) for name, value in row.items()}, np.ones(1, dtype=bool)
    ), {}


def _error(question: Question, box: Box) -> CostModelError | None:
    """Return why a point is no network, or None if it is one."""
    try:
        _ask(question, box.at(0))
    except CostModelError as error:
        return error
    return None


def _select(question: Question, box: Box, row: Mapping[str, Any], good: Any) -> dict[str, Any]:
    """Return the columns of the rows that are good and meet the condition."""
    spread = {**{name: np.asarray(value) for name, value in box.structure.items()}, **box.numbers, **row}
    keep = np.broadcast_to(good, box.shape)
    if question.where is not None and keep.any():
        plain = {name: np.asarray(value).view(np.ndarray) for name, value in spread.items()}
        with np.errstate(all="ignore"):
            keep = keep & question.where.holds(plain)
    everything = bool(keep.all())

    def column(name: str) -> Any:
        value = np.asarray(spread.get(name, 0)).view(np.ndarray)
        if value.dtype.kind == "U":
            value = value.astype(object)
        full = np.broadcast_to(value, box.shape)
        return full.ravel() if everything else full[keep]

    return {name: column(name) for name in question.columns}


def _key(error: CostModelError) -> str:
    """Return what two points with the same fault share: the place in the file, or the words around the sizes."""
    if isinstance(error, SpecError) and error.problems and error.problems[0].place is not None:
        place = error.problems[0].place
        return f"{error.file}:{place.line}:{place.column}"
    return SIZES.sub("", str(error))


def _left_out(error: CostModelError, count: int, first: Mapping[str, Any]) -> LeftOut:
    reason, *rest = str(error).splitlines()
    if reason.endswith(":") and rest:
        reason = f"{reason} {rest[0].strip()}"
    return LeftOut(count, reason, first, error.what) if isinstance(error, UnfitError) else LeftOut(count, reason, first)


class _Verdicts:
    """Which points of a box fail which condition: hears every condition on arrays while a box is priced."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape
        self._failures: list[Any] = []

    def __call__(self, condition: Any) -> None:
        if not condition.all():
            self._failures.append(np.logical_not(condition).view(np.ndarray))

    def sort(self) -> tuple[Any, list[list[int]]]:
        """Return which points are good, and the others, as indices, by the first condition that they failed."""
        bad = np.zeros((1,) * len(self.shape), dtype=bool)
        groups = []
        for failed in self._failures:
            new = np.flatnonzero(np.broadcast_to(failed & ~bad, self.shape))
            if len(new):
                groups.append(new.tolist())
                bad = bad | failed
        return ~bad, groups


@contextmanager
def _judged_by(verdicts: _Verdicts) -> Iterator[None]:
    token = LISTENER.set(verdicts)
    try:
        yield
    finally:
        LISTENER.reset(token)


def _planned(levels: Levels) -> list[str]:
    """Return the measures of memory that are shown where somebody says whose plan, or how a step trains."""
    shown_then = {"arena_bytes": levels.runtime, "step_peak_bytes": levels.training}
    return [name for name, asked in shown_then.items() if asked is not None]


def ask(
    network: Parametric,
    axes: Any,
    *,
    dtype: str | None = None,
    measures: Iterable[str] | None = None,
    where: str | None = None,
    device: Device | None = None,
    levels: Levels | None = None,
    goals: Iterable[str] = (),
    constraints: Iterable[str] = (),
) -> Question:
    """Return the question that a sweep answers. `axes` is a list of axes, or maps names to lists, point by point.

    `goals` are columns and `constraints` conditions that are to be judged besides: what they name is priced too.

    Raises:
        CostModelError: if a parameter, column or value cannot be.
    """
    dtype = device.dtype_for(dtype) if device else dtype
    priced_at = dtype_of(network, dtype)
    points = pairs(network, axes) if isinstance(axes, Mapping) else grid(network, axes)
    columns = [*points.names, *MEASURES]
    condition = parse_condition(where, columns) if where else None
    read = [parse_condition(text, columns) for text in (*([where] if where else []), *constraints)]
    usual = (*(COLUMNS if device is None else TIMED), *_planned(levels or NO_LEVELS))
    asked = usual if measures is None else measures
    words = {word if word in points.names else meant(word)[0]: word for word in goals}
    words |= {name: word for one in read for name, word in one.words.items()}
    wanted = dict.fromkeys([*(find(name)[0].name for name in asked), *(name for name in words if name in MEASURES)])
    names = tuple(name for name in wanted if name not in points.names)
    require_device(names, device)
    known = askable(priced_at, device)
    for name in names:
        if name not in known:
            raise CostModelError(f"there is no column {name!r}; {known_or_suggest(name, [*points.names, *known])}")
    levels = required(names, levels or NO_LEVELS)
    if levels != NO_LEVELS:
        points = replace(points, chunk=PLANNED_AT_ONCE)
    return Question(network, points, dtype, names, condition, device, levels, tuple(by_median(words)))
