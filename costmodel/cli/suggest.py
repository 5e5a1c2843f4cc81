"""`costmodel suggest`: find design moves that reach a goal."""

from __future__ import annotations

import sys
from typing import Any

import click

from costmodel.cli.arguments import ARCH, batch_option, dtype_option, opened
from costmodel.cli.output import emit, format_option, screen, show
from costmodel.cli.progress import progress
from costmodel.cli.sweep import device_option
from costmodel.render.answer import Answer


@click.command("suggest")
@click.argument("arch", type=ARCH)
@click.option("--goal", required=True, metavar="CONDITION", help='What to reach: "mult_adds < 1e9 and params < 10M".')
@click.option("--top", type=click.IntRange(min=1), default=8, show_default=True, metavar="N", help="Show N ways.")
@batch_option
@dtype_option
@device_option
@format_option
def suggest_command(arch: str, goal: str, top: int, batch: int, dtype: str, device: str | None, form: str) -> None:
    """Find design moves that reach a goal.

    Every move is tried on the whole network and on each of its parts, and every parameter at a few values: alone, the
    best of them in pairs, and greedily one after another. Ways with fewer edits come first, then those that change the
    network least. Accuracy is not modelled: a way to a goal is a candidate to train, no promise. Exit code 1 if no way
    reaches the goal, with the one that comes nearest.

    \b
    Examples:
      costmodel suggest vgg16 --goal "mult_adds < 5G"
      costmodel suggest mobilenet_v1 --goal "mult_adds < 200M and params < 3M"
      costmodel suggest resnet50 --goal "peak_live_bytes < 5 MB" --dtype float16
    """
    from costmodel.edits.suggest import suggest
    from costmodel.latency.whole import askable, measured, require_device
    from costmodel.measures import MEASURES
    from costmodel.sweeps.conditions import parse_condition
    from costmodel.sweeps.question import COLUMNS, TIMED

    found: Any = None
    if device is not None:
        from costmodel.latency.device import find_device

        found = find_device(device)
    require_device(parse_condition(goal, MEASURES).names, found)
    condition = parse_condition(goal, askable(dtype, found))
    names = list(dict.fromkeys([*(TIMED if found else COLUMNS), *condition.names]))

    def measure(graph: Any) -> dict[str, Any]:
        return measured(graph, names, batch, dtype, found)

    with progress("networks", wait=2.0) as tell:
        now, ways, tried, left_out = suggest(opened(arch).needed_spec(), condition, measure, tell)
    if form != "text":
        _show_raw(arch, condition, now, ways[:top], form)
        if not condition.holds(now) and not (ways and ways[0].reached):
            sys.exit(1)
        return
    if condition.holds(now):
        emit(f"{arch} meets {goal} as it is\n")
        return
    emit(_shown(arch, goal, now, ways[:top], len(ways)))
    if left_out:
        emit(f"\n{tried:,} networks were tried; {left_out:,} more were left out, for they are large\n")
    if not ways or not ways[0].reached:
        sys.exit(1)


def _show_raw(arch: str, goal: Any, now: Any, ways: list[Any], form: str) -> None:
    """Show what the network costs now and the ways, the first row being what it costs as it is."""
    from costmodel.render.page import Column, Page, Section
    from costmodel.render.pareto import columns_of

    told = [("", True, now), *((way.command(arch), way.reached, way.row) for way in ways)]
    rows = [{"command": command, "reached": reached, **row} for command, reached, row in told]
    rows[0]["reached"] = bool(goal.holds(now))
    commands = Column("command", [command or "now" for command, _, _ in told], left=True)
    columns = [*columns_of([row for _, _, row in told], list(now)), commands]
    show(Answer(lambda: Page(f"Ways to {goal.text}", sections=[Section("", columns)]), lambda: rows), form)


def _shown(arch: str, goal: str, now: Any, ways: list[Any], count: int) -> str:
    """Return a table of the ways, then the commands that make them."""
    from costmodel.render.page import Column, Page, Section
    from costmodel.render.pareto import columns_of
    from costmodel.render.text import text

    if not ways:
        return f"no design move and no parameter that was tried changes {arch}\n"
    reached = ways[0].reached
    title = f"{count:,} ways to {goal}" if reached else f"Nothing tried reaches {goal}; this comes nearest"
    columns = columns_of([now, *(way.row for way in ways)], list(now))
    numbers = Column("", ["now", *map(str, range(1, len(ways) + 1))])
    page = text(Page("", (), (), [Section(title, [numbers, *columns])]), screen())
    commands = [f"{place:>3}  {way.command(arch)}" for place, way in enumerate(ways, 1)]
    return page + "\n" + "\n".join(commands) + "\n"
