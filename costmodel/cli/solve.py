"""`costmodel solve`: find the best parameters that meet constraints."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from costmodel.cli.arguments import ARCH, dtype_option, set_option
from costmodel.cli.output import format_option, show
from costmodel.cli.progress import progress
from costmodel.cli.sweep import (
    asked,
    cluster_option,
    device_option,
    left_out_line,
    left_out_rows,
    refuse_too_many,
    vary_option,
    workers_option,
    yes_option,
)
from costmodel.render.answer import Answer as Answered

if TYPE_CHECKING:
    from costmodel.render.page import Page, Section
    from costmodel.sweeps.solve import Answer, Limit, Solver

AROUND = 3
"""Points of the front shown on either side of the best."""


@click.command("solve")
@click.argument("arch", type=ARCH)
@vary_option
@set_option
@click.option("--maximize", metavar="COLUMN", help="What should be as large as can be.")
@click.option("--minimize", metavar="COLUMN", help="What should be as small as can be.")
@click.option("--subject-to", "constraints", multiple=True, metavar="CONDITION", help='"latency_ms <= 20". Repeatable.')
@dtype_option
@device_option
@workers_option
@cluster_option
@yes_option
@format_option
def solve_command(
    arch: str,
    vary: tuple[str, ...],
    settings: tuple[str, ...],
    maximize: str | None,
    minimize: str | None,
    constraints: tuple[str, ...],
    dtype: str,
    device: str | None,
    workers: int,
    cluster: str | None,
    yes: bool,
    form: str,
) -> None:
    """Find the best parameters that meet constraints.

    Every point of the ranges is priced, so the answer is exact over the grid. Told are the best point, how much room
    each constraint leaves there, what stands in the way of the next better one, and the Pareto front around it. Exit
    code 1 if no point meets the constraints, with the nearest one.

    \b
    Examples:
      costmodel solve mobilenet_v1 --vary width=0.1:2.0 --vary resolution=96:320:32 --maximize mult_adds \\
          --subject-to "peak_live_bytes <= 4 MB" --subject-to "params <= 5M"
      costmodel solve resnet --vary n4=1:40 --vary width=0.5:1.5:0.125 --maximize params --subject-to "mult_adds < 4G"
    """
    from costmodel.sweeps.conditions import parse_condition
    from costmodel.sweeps.pareto import goal_of
    from costmodel.sweeps.solve import Solver

    if (maximize is None) == (minimize is None):
        raise click.UsageError("say what to --maximize or to --minimize")
    if not constraints:
        raise click.UsageError("say what to keep to: --subject-to CONDITION")
    wanted = maximize or minimize or ""
    question = asked(arch, vary, settings, None, dtype, device, goals=[wanted], constraints=constraints)
    goal = goal_of(wanted, question.columns, largest=maximize is not None)
    refuse_too_many(question.points.count, yes)
    conditions = [parse_condition(text, question.columns) for text in constraints]
    solver = Solver(question, goal, conditions)
    with progress("points") as tell:
        answer = solver.run(workers, cluster, lambda found: tell(found.seen, question.points.count))
    show(Answered(lambda: _page(solver, answer), lambda: _rows(answer), lambda: _data(solver, answer)), form)
    if not answer.best:
        sys.exit(1)


def _roles(answer: Answer) -> dict[str, list[dict[str, Any]]]:
    """Return the points that are told, by what each is."""
    single = {"next best": answer.next_best, "beyond": answer.beyond, "nearest": answer.nearest}
    return {"best": list(answer.best), **{role: [row] if row is not None else [] for role, row in single.items()}}


def _rows(answer: Answer) -> list[dict[str, Any]]:
    return [{"point": role, **row} for role, rows in _roles(answer).items() for row in rows]


def _data(solver: Solver, answer: Answer) -> dict[str, Any]:
    return {
        "title": solver.question.spec.title,
        "goal": str(solver.goal),
        "points": answer.seen,
        "met": answer.met,
        "ties": answer.ties,
        "left_out": left_out_rows(answer.left_out.values()),
        **{role.replace(" ", "_"): rows for role, rows in _roles(answer).items()},
    }


def _page(solver: Solver, answer: Answer) -> Page:
    from costmodel.render.page import Page

    question = solver.question
    lines = [f"{answer.seen:,} points, all priced; {answer.met:,} meet the constraints"]
    lines += [left_out_line(entry) for entry in answer.left_out.values()]
    sections: list[Section] = []
    if answer.best:
        alike = f"; {answer.ties:,} points are equally good" if answer.ties > 1 else ""
        sections.append(_table(f"Best: {solver.goal}{alike}", answer.best, question))
        sections.append(_limits("Constraints there, the tightest first", solver.limits(answer.best[0])))
        if answer.next_best is not None:
            sections.append(_table("Next best that meets them", [answer.next_best], question))
        if answer.beyond is not None:
            broken = [limit for limit in solver.limits(answer.beyond) if not limit.kept]
            sections.append(_table("Nearest better one, out of reach", [answer.beyond], question))
            sections.append(_limits("What binds: the constraints it breaks", broken))
        sections += _front(answer, question)
    elif answer.nearest is not None:
        sections.append(_table("No point meets the constraints; the nearest", [answer.nearest], question))
        sections.append(_limits("What it breaks", [limit for limit in solver.limits(answer.nearest) if not limit.kept]))
    else:
        lines.append("no point is a network")
    return Page(question.spec.title, lines, (), sections)


def _table(title: str, rows: Sequence[dict[str, Any]], question: Any, note: str = "") -> Any:
    from costmodel.render.page import Section
    from costmodel.render.pareto import columns_of

    return Section(title, columns_of(rows, question.measures), note)


def _limits(title: str, limits: list[Limit]) -> Any:
    from costmodel.render.page import Section
    from costmodel.render.pareto import limit_columns

    ordered = sorted(limits, key=lambda limit: -limit.over)
    return Section(title, limit_columns([(x.text, x.value, x.limit, x.over) for x in ordered]))


def _front(answer: Answer, question: Any) -> list[Any]:
    """Return the part of the Pareto front around the best point."""
    if answer.front is None or len(answer.front) < 2:
        return []
    rows = answer.front.rows()
    at = next((i for i, row in enumerate(rows) if row in answer.best), 0)
    near = rows[max(0, at - AROUND) : at + AROUND + 1]
    note = f"{len(near)} of {len(rows):,} points: {', '.join(map(str, answer.front.goals))}"
    return [_table("The Pareto front around it", near, question, note)]
