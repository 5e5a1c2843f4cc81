"""What networks are held to: budgets, which are limits, and growth since a revision."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from costmodel.documents.faults import Fault, complain
from costmodel.errors import CostModelError, known_or_suggest, quote
from costmodel.graph import LayerGraph
from costmodel.judging.budget import Judged, judge
from costmodel.judging.budget import growth as grown
from costmodel.judging.limits import AT, Budget, each_once, limit, read_budget, share
from costmodel.measures import MEASURES
from costmodel.pricing.memory.asked import NO_LEVELS, Levels, levels_of
from costmodel.pricing.table import CostTable
from costmodel.sources import Source
from costmodel.sources.git import NotThereError, before_in
from costmodel.spec import expand
from costmodel.spec.library import names, names_in

if TYPE_CHECKING:
    from costmodel.latency.device import Device


@dataclass(frozen=True)
class Gate:
    """What networks are to be held to, beside what they expect."""

    budget: Budget
    against: str | None
    allow_new: bool
    allow_partial: bool
    growth: float
    batch: int | None
    dtype: str | None
    device: Device | None = None
    levels: Levels = NO_LEVELS

    def __bool__(self) -> bool:
        return bool(self.budget.every or self.budget.least or self.budget.networks or self.against)


def gate(
    budget: Path | None,
    limits: Sequence[str],
    floors: Sequence[str],
    against: str | None,
    allow_new: bool,
    allow_partial: bool,
    growth: str | None,
    batch: int | None,
    dtype: str | None,
    device: str | None,
    at: str | None,
    levels: Levels,
) -> Gate:
    """Return the gate that is asked for.

    Args:
        budget: a file of budgets.
        limits: the most that every network may have, as ``params=5M``; they go before the file's.
        floors: the least, as ``fps=30``; likewise.
        against: the revision since which growth counts, as ``git:main``.
        allow_new: whether what was not there in the revision passes.
        allow_partial: whether what is priced in part is held to limits by what is known of it.
        growth: the share that may be added since then, as ``5%``; by default the file's, or none.
        batch: images at once; by default as the file says, or each network's own.
        dtype: of weights and activations; by default the file's, the device's or each network's own.
        device: whose time is limited; by default the file's.
        at: which of an interval is held to a limit, "end" or "median"; by default as the file says, or its end.
        levels: whose plan of memory is limited, and how a step trains; by default the file's.

    Raises:
        CostModelError: if a limit, the budget file or the revision cannot be, or something asked changes nothing.
    """
    if against is not None:
        _check_revision(against)
    if growth is not None and against is None:
        raise CostModelError("--growth says how much growth --against lets pass; give --against as well")
    if allow_new and against is None:
        raise CostModelError("--allow-new says what --against lets pass; give --against as well")
    held = read_budget(budget) if budget is not None else Budget()
    if budget is not None and not (held.limits_something or (held.growth is not None and against)):
        growing = "; its growth counts with --against git:REVISION" if held.growth is not None else ""
        raise CostModelError(f"{budget}: there is no limit in it, so nothing can be held to it{growing}")
    every = {**held.every, **each_once("--max", map(limit, limits))}
    least = {**held.least, **each_once("--min", (limit(text, least=True) for text in floors))}
    percent = share(growth) if growth is not None else held.growth or 0.0
    merged = replace(held, every=every, least=least, at=at or held.at)
    _check_at(merged)
    found = _device(device or held.device)
    asked = found.dtype_for(dtype or held.dtype) if found else dtype or held.dtype
    return Gate(
        merged, against, allow_new, allow_partial, percent, batch or held.batch, asked, found, _levels(held, levels)
    )


def _check_at(budget: Budget) -> None:
    """Raise where it is said at which of an interval something is held to its limit, and nothing limited has one."""
    limited = {name for limits in (budget.every, budget.least, *budget.networks.values()) for name in limits}
    if budget.at is not None and not any(MEASURES[name].ends for name in limited):
        raise CostModelError(
            f"at {budget.at}: this says by which of an interval a limit is held, and nothing that is limited has one; "
            "time has, as in --max latency_ms=33"
        )


def _device(name: str | None) -> Device | None:
    if name is None:
        return None
    from costmodel.latency.find import find_device

    return find_device(name)


def _levels(budget: Budget, asked: Levels) -> Levels:
    """Return the levels that are asked for, else the file's."""
    held = levels_of(budget.memory, budget.optimizer)
    return Levels(asked.runtime or held.runtime, asked.training or held.training)


def _check_revision(against: str) -> None:
    """Raise unless a text is ``git:REVISION`` and no more."""
    prefix, _, revision = against.partition(":")
    if prefix != "git" or not revision:
        raise CostModelError(f"--against {against}: write git:REVISION, as in git:main")
    commit, colon, _ = revision.partition(":")
    if colon:
        raise CostModelError(f"--against {against}: no path belongs here, each FILE has its own; write git:{commit}")


@dataclass(frozen=True)
class Judgement:
    """How the networks stand to their budgets, and notes."""

    budgets: tuple[Judged, ...]
    notes: tuple[str, ...]
    unheld: tuple[str, ...] = ()
    """What could not be held to a budget, and may not pass for that: it was not there in the revision, or is priced in
    part.
    """

    @property
    def broken(self) -> bool:
        """Whether a budget is broken, or could not be looked at."""
        return bool(self.unheld) or not all(one.kept for one in self.budgets)


def judge_all(gate: Gate, asked_for: Sequence[Source]) -> Judgement:
    """Return how each network stands to each budget.

    Raises:
        CostModelError: if a network cannot be read, now or at the revision.
    """
    found: list[Judged] = []
    notes: list[str] = []
    dtypes: dict[str, None] = {}
    batches: dict[str, None] = {}
    partial: list[str] = []
    if gate.budget.growth is not None and gate.against is None:
        notes.append("growth was not looked at: give --against git:REVISION")
    new: list[str] = []
    judged = set()
    for arch, source in _with_variants(asked_for, gate.budget).items():
        graph, images = source.at_batch(gate.batch)
        limits, least = gate.budget.limits(graph.name), gate.budget.least_of(graph.name)
        table = _priced(graph, gate, images, [*limits, *least])
        judged.add(table.name)
        dtypes[table.dtype] = batches[str(table.batch)] = None
        partial += [f"{arch} {said}" for said in in_part(table)]
        notes += [f"{arch}: {note}" for note in (*table.notes, *(table.totals.notes or ()))]
        found += judge(table, limits, least, gate.budget.at or AT[0])
        if gate.against is not None:
            try:
                asked, before = before_in(gate.against, arch)
            except NotThereError as gone:
                new.append(f"{arch} is new since {gate.against}: {gone}")
                continue
            notes += [f"{arch} was {asked} in {gate.against}"] if asked != arch else []
            found += grown(_priced(expand(before), gate, gate.batch), table, gate.growth)
    left = _not_judged(gate.budget, judged, asked_for)
    notes += [f"the budget of {name} was not asked for: name its file too" for name in left]
    if gate.allow_new:
        notes, new = [*notes, *new], []
    if gate.allow_partial:
        notes, partial = [*notes, *partial], []
    priced = f"batch {' or '.join(batches)}, {' or '.join(dtypes)}"
    return Judgement(tuple(found), (priced, *notes), (*new, *partial))


def in_part(table: CostTable) -> Iterator[str]:
    """Yield why no budget can be held to a table that is priced in part."""
    if table.partial:
        kinds = ", ".join(dict.fromkeys(what for what, _ in table.unpriced.values()))
        said = f"is priced in part (without {kinds}): its totals are lower bounds"
        yield f"{said}; --allow-partial holds those to budgets"


def _with_variants(asked_for: Sequence[Source], budget: Budget) -> dict[str, Source]:
    """Return what was asked for, and after a file those of its variants that have a budget of their own."""
    found: dict[str, Source] = {}
    for source in asked_for:
        found.setdefault(source.asked, source)
        spec = source.spec
        own = spec is not None and spec.name not in spec.variants and not spec.changed
        for name in spec.variants if spec is not None and own else ():
            if name in budget.networks and spec is not None:
                found.setdefault(
                    f"{spec.file}#{name}", Source(f"{spec.file}#{name}", spec.choose(name), file=source.file)
                )
    return found


def _not_judged(budget: Budget, judged: Collection[str], asked_for: Sequence[Source]) -> list[str]:
    """Return the names that have a budget and were not asked for.

    Raises:
        SpecError: if one is the name of no network to be found: neither bundled, nor in ./specs, nor in the folders of
            what was asked for or of the budget.
    """
    left = sorted(set(budget.networks) - set(judged))
    if not left:
        return []
    near = {Path(name).parent for name in (budget.file, *(one.file for one in asked_for)) if name is not None}
    known = {*judged, *names(), *(name for folder in sorted(near) for name in names_in(folder))}
    unknown = [name for name in left if name not in known]
    if unknown:
        faults = [
            Fault(("networks", name), f"there is no network {quote(name)}", known_or_suggest(name, known), on_key=True)
            for name in unknown
        ]
        raise complain(budget.file, budget.text, faults)
    return left


def _priced(graph: LayerGraph, gate: Gate, batch: int | None, limits: Collection[str] = ()) -> CostTable:
    from costmodel.latency.whole import table

    return table(graph, limits, batch, gate.dtype, gate.device, gate.levels)
