"""Design moves that reach a goal."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from costmodel import sources
from costmodel.pricing.table import UNSEEN
from costmodel.render.answer import Answer
from costmodel.render.page import Column, Page, Section
from costmodel.render.screen import Screen
from costmodel.tasks.grid import noted
from costmodel.tasks.request import OfMemory, Tell, found_device, unheard

if TYPE_CHECKING:
    from costmodel.edits.suggest import Found, Suggestion
    from costmodel.graph import LayerGraph
    from costmodel.sweeps.conditions import Condition


@dataclass(frozen=True)
class Request(OfMemory):
    """Edits of a network (its name or path, written as a spec) that reach a goal: ``"mult_adds < 1e9"``.

    top: how many ways are shown. dtype: of weights and activations; None is the device's, or else the network's own.
    """

    network: str
    goal: str
    top: int = 8
    batch: int = 1
    dtype: str | None = None
    device: str | None = None

    def said(self) -> list[str]:
        """Return the options with which a command prices as this does."""
        named = {"batch": self.batch if self.batch != 1 else None, "dtype": self.dtype, "device": self.device}
        options = [f"--{name} {shlex.quote(str(value))}" for name, value in named.items() if value]
        steps = "step_peak_bytes" in self.goal and self.how_trained() is None
        return [*options, *self.options(), *(["--optimizer adam"] if steps else [])]


def answer(request: Request, tell: Tell = unheard) -> Answer:
    """Return the ways, with the commands that make them; a no where none reaches the goal, with the nearest.

    Raises:
        CostModelError: if the network cannot be had, or the goal has no distance or is of no known measure.
    """
    from costmodel.edits.suggest import RECOMPUTED, suggest
    from costmodel.latency.whole import askable, measured, require_device
    from costmodel.measures import MEASURES, needed
    from costmodel.pricing.memory.asked import Training
    from costmodel.sources.parametric import OfSpec
    from costmodel.sweeps.conditions import parse_condition
    from costmodel.sweeps.medians import by_median
    from costmodel.sweeps.question import COLUMNS, TIMED

    device = found_device(request.device)
    require_device(parse_condition(request.goal, MEASURES).names, device)
    spec = sources.open(request.network).needed_spec()
    dtype = device.dtype_for(request.dtype) if device else request.dtype or OfSpec(spec).dtype
    goal = parse_condition(request.goal, askable(dtype, device))
    levels = request.levels()
    names = list(dict.fromkeys([*(TIMED if device else COLUMNS), *goal.names]))

    said = (UNSEEN,) if device else ()

    steps = "step" in needed(goal.names)
    if steps:
        names.append(RECOMPUTED)

    def measure(graph: LayerGraph, checkpoints: tuple[str, ...]) -> dict[str, Any]:
        asked = levels
        if checkpoints:
            training = levels.training or Training()
            asked = replace(levels, training=replace(training, checkpoint=(*training.checkpoint, *checkpoints)))
        return measured(graph, (*names, *said), request.batch, dtype, device, asked)

    found = suggest(spec, goal, measure, tell, checkpoints=steps)
    told = _told(request, goal, found)
    notes = by_median(goal.words)
    return Answer(
        lambda: _page(goal, found.now, told, notes),
        lambda: noted(told, notes),
        own={"text": lambda screen: _above(notes, screen) + _text(request, goal, found, screen)},
        yes=bool(goal.holds(found.now)) or (bool(found.ways) and found.ways[0].reached),
    )


def _told(request: Request, goal: Condition, found: Found) -> list[dict[str, Any]]:
    """Return a row for each way, below the network as it is."""
    now = {"command": "", "reached": bool(goal.holds(found.now)), **found.now}
    ways = found.ways[: request.top]
    return [
        now,
        *({"command": way.command(request.network, request.said()), "reached": way.reached, **way.row} for way in ways),
    ]


def _page(goal: Condition, now: Mapping[str, Any], told: Sequence[Mapping[str, Any]], notes: Sequence[str]) -> Page:
    commands = Column("command", [row["command"] or "now" for row in told], left=True)
    costs = [{name: row[name] for name in now} for row in told]
    return Page(f"Ways to {goal.text}", _lines(notes), sections=[Section("", [*_costs(costs), commands])])


def _costs(rows: Sequence[Mapping[str, Any]]) -> list[Column]:
    from costmodel.render.pareto import columns_of

    return columns_of(rows, list(rows[0]))


def _lines(notes: Sequence[str]) -> list[str]:
    return [f"note: {note}" for note in notes]


def _above(notes: Sequence[str], screen: Screen) -> str:
    from costmodel.render.text import text

    return text(Page("", _lines(notes)), screen) if notes else ""


def _text(request: Request, goal: Condition, found: Found, screen: Screen) -> str:
    """Return a table of the ways, then the commands that make them, each on a line that can be copied."""
    if goal.holds(found.now):
        said = found.now.get(UNSEEN)
        return f"{request.network} meets {request.goal} as it is{f'; never measured there: {said}' if said else ''}\n"
    more = f"\n{found.tried:,} networks were tried; {found.left_out:,} more were left out, for they are large\n"
    return _ways(request, found, screen) + (more if found.left_out else "")


def _ways(request: Request, found: Found, screen: Screen) -> str:
    from costmodel.render.text import text

    ways: list[Suggestion] = found.ways[: request.top]
    if not ways:
        return f"no design move and no parameter that was tried changes {request.network}\n"
    reached = f"{len(found.ways):,} ways to {request.goal}"
    title = reached if ways[0].reached else f"Nothing tried reaches {request.goal}; this comes nearest"
    numbers = Column("", ["now", *map(str, range(1, len(ways) + 1))])
    costs = _costs([found.now, *(way.row for way in ways)])
    page = text(Page("", (), (), [Section(title, [numbers, *costs])]), screen)
    commands = [f"{place:>3}  {way.command(request.network, request.said())}" for place, way in enumerate(ways, 1)]
    return page + "\n" + "\n".join(commands) + "\n"
