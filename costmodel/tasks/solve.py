"""The best network of a grid under constraints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from costmodel.render.answer import Answer
from costmodel.render.page import Page, Section
from costmodel.sources.parametric import BATCH
from costmodel.tasks.grid import OfGrid, left_out_line, left_out_rows, noted, table
from costmodel.tasks.request import Tell, unheard

if TYPE_CHECKING:
    from costmodel.sweeps.question import Question
    from costmodel.sweeps.solve import Limit, Solution, Solver

BATCHES = "batch=1:512"
"""What varies where the best batch is asked for and nothing else is said to vary."""
TRIED = f"nothing was said to vary, so {BATCHES} was tried; `costmodel fit-batch` has no such end"
AROUND = 3
"""Points of the front shown on either side of the best."""


@dataclass(frozen=True, kw_only=True)
class Request(OfGrid):
    """The network of a grid whose `goal`, a column, is smallest (or largest), of those that meet the `constraints`. The
    batch varies up to `BATCHES` where it is the goal and nothing is said to vary.
    """

    goal: str
    largest: bool = False
    constraints: tuple[str, ...]


def answer(request: Request, tell: Tell = unheard) -> Answer:
    """Return the best point, what stands in the way of a better one, and the front around it; a no where none meets the
    constraints, with the nearest.

    Raises:
        CostModelError: if something asked cannot be, or a point cannot be priced.
    """
    from costmodel.sweeps.conditions import parse_condition
    from costmodel.sweeps.pareto import goal_of
    from costmodel.sweeps.solve import Solver

    alone = request.goal == BATCH and not request.vary
    if alone:
        request = replace(request, vary=(BATCHES,))
    question = request.question(goals=[request.goal], constraints=request.constraints)
    if alone:
        question = replace(question, about=(*question.about, TRIED))
    goal = goal_of(request.goal, question.columns, largest=request.largest)
    request.refuse_too_many(question)
    conditions = [parse_condition(text, question.columns) for text in request.constraints]
    solver = Solver(question, goal, conditions)
    found = solver.run(request.workers, request.cluster, lambda so_far: tell(so_far.seen, question.points.count))
    return Answer(
        lambda: _page(solver, found), lambda: _rows(solver, found), lambda: _data(solver, found), yes=bool(found.best)
    )


def _roles(found: Solution) -> dict[str, list[dict[str, Any]]]:
    """Return the points that are told, by what each is."""
    single = {"next best": found.next_best, "beyond": found.beyond, "nearest": found.nearest}
    return {"best": list(found.best), **{role: [row] if row is not None else [] for role, row in single.items()}}


def _rows(solver: Solver, found: Solution) -> list[dict[str, Any]]:
    told = [{"point": role, **row} for role, rows in _roles(found).items() for row in rows]
    return noted(told, solver.question.about)


def _data(solver: Solver, found: Solution) -> dict[str, Any]:
    return {
        "title": solver.question.network.title,
        "goal": str(solver.goal),
        "points": found.seen,
        "met": found.met,
        "ties": found.ties,
        "left_out": left_out_rows(found.left_out.values()),
        "notes": _notes(solver.question, found),
        **{role.replace(" ", "_"): rows for role, rows in _roles(found).items()},
    }


def _notes(question: Question, found: Solution) -> list[str]:
    return question.notes(found.best[0] if found.best else None)


def _page(solver: Solver, found: Solution) -> Page:
    question = solver.question
    lines = [f"{found.seen:,} points, all priced; {found.met:,} meet the constraints"]
    lines += [left_out_line(entry) for entry in found.left_out.values()]
    lines += [f"note: {note}" for note in _notes(question, found)]
    sections: list[Section] = []
    if found.best:
        alike = f"; {found.ties:,} points are equally good" if found.ties > 1 else ""
        sections.append(table(f"Best: {solver.goal}{alike}", found.best, question))
        sections.append(_limits("Constraints there, the tightest first", solver.limits(found.best[0])))
        if found.next_best is not None:
            sections.append(table("Next best that meets them", [found.next_best], question))
        if found.beyond is not None:
            broken = [limit for limit in solver.limits(found.beyond) if not limit.kept]
            sections.append(table("Nearest better one, out of reach", [found.beyond], question))
            sections.append(_limits("What binds: the constraints it breaks", broken))
        sections += _front(found, question)
    elif found.nearest is not None:
        sections.append(table("No point meets the constraints; the nearest", [found.nearest], question))
        sections.append(_limits("What it breaks", [limit for limit in solver.limits(found.nearest) if not limit.kept]))
    else:
        lines.append("no point is a network")
    return Page(question.network.title, lines, (), sections)


def _limits(title: str, limits: Sequence[Limit]) -> Section:
    from costmodel.render.pareto import limit_columns

    ordered = sorted(limits, key=lambda limit: -limit.over)
    return Section(title, limit_columns([(x.text, x.value, x.limit, x.over) for x in ordered]))


def _front(found: Solution, question: Question) -> list[Section]:
    """Return the part of the Pareto front around the best point."""
    if found.front is None or len(found.front) < 2:
        return []
    rows = found.front.rows()
    at = next((i for i, row in enumerate(rows) if row in found.best), 0)
    near = rows[max(0, at - AROUND) : at + AROUND + 1]
    note = f"{len(near)} of {len(rows):,} points: {', '.join(map(str, found.front.goals))}"
    return [table("The Pareto front around it", near, question, note)]
