"""`costmodel sweep`: price an architecture over ranges of its parameters."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from costmodel.cli.arguments import ARCH, dtype_option, opened, set_option
from costmodel.cli.output import format_option, show
from costmodel.cli.progress import progress
from costmodel.cli.streams import say
from costmodel.documents.write import follow
from costmodel.errors import CostModelError
from costmodel.render.answer import Answer
from costmodel.render.picture import check_picture, save_picture

if TYPE_CHECKING:
    from costmodel.render.page import Page
    from costmodel.sweeps.run import Outcome

MANY = 10**9
"""Points from which on a sweep wants --yes."""

vary_option = click.option(
    "--vary",
    multiple=True,
    metavar="NAME=VALUES",
    help="A parameter, or batch, and its values: 128,160,192 or START:STOP:STEP. Repeatable.",
)
device_option = click.option("--device", metavar="NAME", help="Add predicted latency on a device.")
workers_option = click.option(
    "--workers", type=click.IntRange(min=1), default=1, show_default=True, metavar="N", help="Processes to use."
)
cluster_option = click.option("--cluster", metavar="ADDRESS", help="Use the workers of a running Dask scheduler.")
yes_option = click.option("--yes", is_flag=True, help=f"Go ahead with more than {MANY:,} points.")


@click.command("sweep")
@click.argument("arch", type=ARCH)
@vary_option
@set_option
@click.option("--where", metavar="CONDITION", help='Keep the rows that meet it: "mult_adds < 300e6 and params < 5M".')
@click.option("--pareto", metavar="GOALS", help="Show the Pareto front of columns, as params,max:mult_adds.")
@click.option("--columns", metavar="NAMES", help="Show these columns instead of the usual ones.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="Write all rows: .csv, .parquet or .json."
)
@click.option(
    "--plot", type=click.Path(path_type=Path), metavar="FILE", help="Draw points and front: .png, .svg, .pdf."
)
@dtype_option
@device_option
@workers_option
@cluster_option
@click.option("--resume", is_flag=True, help="Go on with a sweep into the same FILE that was cut off.")
@yes_option
@format_option
def sweep_command(
    arch: str,
    vary: tuple[str, ...],
    settings: tuple[str, ...],
    where: str | None,
    pareto: str | None,
    columns: str | None,
    output: Path | None,
    plot: Path | None,
    dtype: str,
    device: str | None,
    workers: int,
    cluster: str | None,
    resume: bool,
    yes: bool,
    form: str,
) -> None:
    """Price an architecture over ranges of its parameters.

    A range START:STOP:STEP includes STOP where a step falls on it; without a step it takes one unit of the last decimal
    written. Every combination is priced; those that are no network are left out and counted. Rows come in the order of
    the options, the last one varying fastest; parameters that shape the network (a depth, an operator) vary slowest.
    The front takes columns as small as they come, or as large after max:.

    \b
    Examples:
      costmodel sweep mobilenet_v1 --vary width=0.25:1.5:0.05 --vary resolution=128,160,192,224
      costmodel sweep mobilenet_v1 --vary width=0.25:1.5:0.05 --vary resolution=96:288:32 \\
          --where "mult_adds < 300e6" --pareto peak_live_bytes,max:params --plot front.png
      costmodel sweep resnet --vary block=basic,bottleneck --vary n4=2:12 -o resnets.parquet --workers 2
    """
    from costmodel.sweeps.pareto import parse_goals
    from costmodel.sweeps.run import run

    if plot is not None and pareto is None:
        raise click.UsageError("--plot draws the Pareto front: name its axes, as in --pareto params,max:mult_adds")
    if resume and output is None:
        raise click.UsageError("--resume goes on with a file: name it with -o")
    wanted = tuple(name.strip() for name in columns.split(",")) if columns else None
    named = [part.rpartition(":")[2].strip() for part in pareto.split(",")] if pareto else []
    question = asked(arch, vary, settings, where, dtype, device, wanted, named)
    refuse_too_many(question.points.count, yes)
    goals = parse_goals(pareto, question.columns) if pareto else ()
    check_picture(plot)
    with _stored(output, question, resume) as store, progress("points") as tell:
        outcome = run(
            question,
            store=store,
            goals=goals,
            sample=plot is not None,
            workers=workers,
            cluster=cluster,
            tell=lambda outcome: tell(outcome.seen, question.points.count),
        )
    if not outcome.finished:
        kept = (
            "what is finished is kept; go on with --resume"
            if output
            else "name a file with -o to keep what is finished"
        )
        say(f"stopped after {outcome.seen:,} of {question.points.count:,} points; {kept}")
        sys.exit(130)
    if plot is not None:
        _draw(outcome, plot)
    show(
        Answer(lambda: _page(outcome, output, plot), lambda: _told(outcome, output), lambda: _data(outcome, output)),
        form,
    )


def asked(
    arch: str,
    vary: tuple[str, ...],
    settings: tuple[str, ...],
    where: str | None,
    dtype: str,
    device: str | None,
    columns: tuple[str, ...] | None = None,
    goals: Iterable[str] = (),
    constraints: tuple[str, ...] = (),
) -> Any:
    """Return the question that the options ask. `goals` are columns and `constraints` conditions to be judged besides.

    Raises:
        CostModelError: if an option cannot be.
    """
    from costmodel.sweeps.question import ask
    from costmodel.sweeps.ranges import parse_vary

    found = None
    if device is not None:
        from costmodel.latency.device import find_device

        found = find_device(device)
    return ask(
        opened(arch, settings).needed_spec(),
        [parse_vary(text) for text in vary],
        dtype=dtype,
        measures=columns,
        where=where,
        device=found,
        goals=goals,
        constraints=constraints,
    )


def refuse_too_many(count: int, yes: bool) -> None:
    """Raise unless a sweep is small enough, or was confirmed."""
    if count > MANY and not yes:
        raise CostModelError(f"these ranges make {count:,} points; narrow them, or add --yes to go ahead")


@contextmanager
def _stored(output: Path | None, question: Any, resume: bool) -> Iterator[Any]:
    from costmodel.sweeps.store import Store

    yield Store(follow(output), question, resume=resume) if output is not None else None


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
        question.spec.title,
        f"{outcome.rows:,} points{drawn}; {question.dtype}" + (f"; {question.where.text}" if question.where else ""),
    )
    save_picture(figure, plot)


def _told(outcome: Outcome, output: Path | None) -> list[dict[str, Any]]:
    """Return the rows that are shown: the front, or else the first ones where no file holds all."""
    if outcome.front is not None:
        return list(outcome.front.rows())
    return [] if output is not None else list(outcome.first)


def _data(outcome: Outcome, output: Path | None) -> dict[str, Any]:
    return {
        "title": outcome.question.spec.title,
        "dtype": outcome.question.dtype,
        "points": outcome.seen,
        "met": outcome.rows,
        "left_out": left_out_rows(outcome.left_out.values()),
        "rows": _told(outcome, output),
    }


def _page(outcome: Outcome, output: Path | None, plot: Path | None) -> Page:
    """Return what people are told: the counts, then the front or the first rows."""
    from costmodel.render.page import Page, Section
    from costmodel.render.pareto import columns_of

    question = outcome.question
    lines = [f"{outcome.seen:,} points, {question.dtype}"]
    if question.where:
        lines.append(f"{outcome.rows:,} meet {question.where.text}")
    lines += [left_out_line(entry) for entry in outcome.left_out.values()]
    lines += [f"all rows: {output}"] if output else []
    lines += [f"picture: {plot}"] if plot else []
    rows, title, note = _told(outcome, output), "", ""
    if outcome.front is not None:
        title = f"Pareto front: {', '.join(map(str, outcome.front.goals))}"
        note = f"{len(rows):,} points; of points alike in every goal the first is shown"
    elif output is None and outcome.rows > len(rows):
        note = f"{outcome.rows - len(rows):,} more; -o FILE writes all of them"
    sections = [Section(title, columns_of(rows[:200], question.measures), note)] if rows else []
    return Page(question.spec.title, lines, (), sections)


def left_out_rows(entries: Iterable[Any]) -> list[dict[str, Any]]:
    """Return what is no network as plain data."""
    return [{"count": entry.count, "reason": entry.reason, "example": dict(entry.example)} for entry in entries]


def left_out_line(entry: Any) -> str:
    """Say how many points are no network and why."""
    at = ", ".join(f"{name} = {value}" for name, value in entry.example.items())
    return f"{entry.count:,} left out, no network: {entry.reason} (first at {at})"
