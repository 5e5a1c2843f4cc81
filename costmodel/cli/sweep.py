"""`costmodel sweep`: price an architecture over ranges of its parameters."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from costmodel.cli.arguments import ARCH, device_option, own_dtype_option, set_option
from costmodel.cli.grid import cluster_option, vary_option, workers_option, yes_option
from costmodel.cli.memory import memory_options
from costmodel.cli.output import format_option, show
from costmodel.cli.progress import progress
from costmodel.cli.streams import say
from costmodel.tasks import sweep


@click.command("sweep")
@click.argument("network", metavar="ARCH", type=ARCH)
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
@own_dtype_option
@device_option
@memory_options
@workers_option
@cluster_option
@click.option("--resume", is_flag=True, help="Go on with a sweep into the same FILE that was cut off.")
@yes_option
@format_option
def sweep_command(columns: str | None, form: str, **asked: Any) -> None:
    """Price an architecture over ranges of its parameters.

    The parameters of an ONNX file are the sizes that it leaves open.

    A range START:STOP:STEP includes STOP where a step falls on it; without a step it takes one unit of the last decimal
    written. Every combination is priced; those that are no network are left out and counted. Rows come in the order of
    the options, the last one varying fastest; parameters that shape the network (a depth, an operator, the sizes of a
    file) vary slowest. The front takes columns as small as they come, or as large after max:.

    \b
    Examples:
      costmodel sweep mobilenet_v1 --vary width=0.25:1.5:0.05 --vary resolution=128,160,192,224
      costmodel sweep mobilenet_v1 --vary width=0.25:1.5:0.05 --vary resolution=96:288:32 \\
          --where "mult_adds < 300e6" --pareto peak_live_bytes,max:params --plot front.png
      costmodel sweep resnet --vary block=basic,bottleneck --vary n4=2:12 -o resnets.parquet --workers 2
    """
    shown = tuple(name.strip() for name in columns.split(",")) if columns else None
    request = sweep.Request(columns=shown, **asked)
    if request.plot is not None and request.pareto is None:
        raise click.UsageError("--plot draws the Pareto front: name its axes, as in --pareto params,max:mult_adds")
    if request.resume and request.output is None:
        raise click.UsageError("--resume goes on with a file: name it with -o")
    try:
        with progress("points") as tell:
            found = sweep.answer(request, tell)
    except sweep.StoppedError as stopped:
        say(str(stopped))
        sys.exit(130)
    show(found, form)
