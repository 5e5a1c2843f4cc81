"""What a network costs over ranges of its parameters."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from costmodel.documents.write import follow
from costmodel.errors import CostModelError
from costmodel.render.answer import Answer
from costmodel.render.page import Page
from costmodel.render.picture import check_picture, save_picture
from costmodel.tasks.grid import OfGrid, left_out_line, left_out_rows, noted, table
from costmodel.tasks.request import Tell, unheard

if TYPE_CHECKING:
    from costmodel.sweeps.run import Outcome

SHOWN = 200
"""Points of a front that people are shown."""


class StoppedError(CostModelError):
    """Somebody stopped a sweep before its end; its text says what is kept."""


@dataclass(frozen=True)
class Request(OfGrid):
    """What the networks of a grid cost.

    where: the condition that rows must meet. pareto: the goals of a front, as ``params,max:mult_adds``. columns: shown
    in place of the usual ones. output: the file of all rows; `resume` goes on with one that was cut off. plot: the
    picture of points and front.
    """

    where: str | None = None
    pareto: str | None = None
    columns: tuple[str, ...] | None = None
    output: Path | None = None
    resume: bool = False
    plot: Path | None = None


def answer(request: Request, tell: Tell = unheard) -> Answer:
    """Return the front, or else the first rows, and write the files that are asked for.

    Raises:
        CostModelError: if something asked cannot be, or a file cannot be written.
        StoppedError: if Ctrl-C cut it off.
    """
    outcome = _run(request, tell)
    total = outcome.question.points.count
    if not outcome.finished:
        kept = "what is finished is kept; go on with --resume"
        lost = "name a file with -o to keep what is finished"
        raise StoppedError(
            f"stopped after {outcome.seen:,} of {total:,} points; {kept if request.output is not None else lost}"
        )
    if request.plot is not None:
        _draw(outcome, request.plot)
    return Answer(
        lambda: _page(outcome, request),
        lambda: noted(_told(outcome, request), outcome.question.about),
        lambda: _data(outcome, request),
    )


def _run(request: Request, tell: Tell) -> Outcome:
    from costmodel.sweeps.pareto import columns_in, parse_goals
    from costmodel.sweeps.run import run
    from costmodel.sweeps.store import Store

    goals = columns_in(request.pareto) if request.pareto else []
    question = request.question(measures=request.columns, where=request.where, goals=goals)
    request.refuse_too_many(question)
    parsed = parse_goals(request.pareto, question.columns) if request.pareto else ()
    check_picture(request.plot)
    return run(
        question,
        store=Store(follow(request.output), question, resume=request.resume) if request.output is not None else None,
        goals=parsed,
        sample=request.plot is not None,
        workers=request.workers,
        cluster=request.cluster,
        tell=lambda outcome: tell(outcome.seen, question.points.count),
    )


def _draw(outcome: Outcome, plot: Path) -> None:
    from costmodel.render.pareto import picture

    front, sample, question = outcome.front, outcome.sample, outcome.question
    if front is None or sample is None or not len(front):
        raise CostModelError(f"{plot}: no point meets the condition, so there is nothing to draw")
    drawn = f", {len(sample):,} of them drawn" if len(sample) < outcome.rows else ""
    figure = picture(
        sample.columns,
        front.columns,
        [(goal.column, goal.sign) for goal in front.goals],
        question.points.names,
        question.network.title,
        f"{outcome.rows:,} points{drawn}; {question.priced_at}"
        + (f"; {question.where.text}" if question.where else ""),
    )
    save_picture(figure, plot)


def _told(outcome: Outcome, request: Request) -> list[dict[str, Any]]:
    """Return the rows that are shown: the front, or else the first ones where no file holds all."""
    if outcome.front is not None:
        return list(outcome.front.rows())
    return [] if request.output is not None else list(outcome.first)


def _notes(outcome: Outcome) -> list[str]:
    return outcome.question.notes(outcome.first[0] if outcome.first else None)


def _data(outcome: Outcome, request: Request) -> dict[str, Any]:
    return {
        "title": outcome.question.network.title,
        "dtype": outcome.question.priced_at,
        "points": outcome.seen,
        "met": outcome.rows,
        "left_out": left_out_rows(outcome.left_out.values()),
        "notes": _notes(outcome),
        "rows": _told(outcome, request),
    }


def _page(outcome: Outcome, request: Request) -> Page:
    """Return what people are told: the counts, then the front or the first rows."""
    question = outcome.question
    lines = [f"{outcome.seen:,} points, {question.priced_at}"]
    if question.where:
        lines.append(f"{outcome.rows:,} meet {question.where.text}")
    lines += [left_out_line(entry) for entry in outcome.left_out.values()]
    lines += [f"all rows: {request.output}"] if request.output else []
    lines += [f"picture: {request.plot}"] if request.plot else []
    lines += [f"note: {note}" for note in _notes(outcome)]
    rows, title, note = _told(outcome, request), "", ""
    if outcome.front is not None:
        title = f"Pareto front: {', '.join(map(str, outcome.front.goals))}"
        note = f"{len(rows):,} points; of points alike in every goal the first is shown"
    elif request.output is None and outcome.rows > len(rows):
        note = f"{outcome.rows - len(rows):,} more; -o FILE writes all of them"
    return Page(question.network.title, lines, (), [table(title, rows[:SHOWN], question, note)] if rows else [])
