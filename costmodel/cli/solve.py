"""`costmodel solve`: find the best parameters that meet constraints."""

from __future__ import annotations

from typing import Any

import click

from costmodel.cli.arguments import ARCH, device_option, own_dtype_option, set_option
from costmodel.cli.grid import cluster_option, vary_option, workers_option, yes_option
from costmodel.cli.memory import memory_options
from costmodel.cli.output import format_option, show
from costmodel.cli.progress import progress
from costmodel.tasks import solve


@click.command("solve")
@click.argument("network", metavar="ARCH", type=ARCH)
@vary_option
@set_option
@click.option("--maximize", metavar="COLUMN", help="What should be as large as can be.")
@click.option("--minimize", metavar="COLUMN", help="What should be as small as can be.")
@click.option("--subject-to", "constraints", multiple=True, metavar="CONDITION", help='"latency_ms <= 20". Repeatable.')
@own_dtype_option
@device_option
@memory_options
@workers_option
@cluster_option
@yes_option
@format_option
def solve_command(maximize: str | None, minimize: str | None, form: str, **asked: Any) -> None:
    """Find the best parameters that meet constraints.

    The parameters of an ONNX file are the sizes that it leaves open. Every point of the ranges is priced, so the answer
    is exact over the grid. Told are the best point, how much room each constraint leaves there, what stands in the way
    of the next better one, and the Pareto front around it. Exit code 1 if no point meets the constraints, with the
    nearest one. Where the batch is the goal and nothing varies, batches of 1 to 512 are tried.

    \b
    Examples:
      costmodel solve mobilenet_v1 --vary width=0.1:2.0 --vary resolution=96:320:32 --maximize mult_adds \\
          --subject-to "peak_live_bytes <= 4 MB" --subject-to "params <= 5M"
      costmodel solve resnet50 --maximize batch --subject-to "step_peak_bytes <= 8 GB"
      costmodel solve resnet --vary n4=1:40 --vary width=0.5:1.5:0.125 --maximize params --subject-to "mult_adds < 4G"
    """
    if (maximize is None) == (minimize is None):
        raise click.UsageError("say what to --maximize or to --minimize")
    request = solve.Request(goal=maximize or minimize or "", largest=maximize is not None, **asked)
    if not request.constraints:
        raise click.UsageError("say what to keep to: --subject-to CONDITION")
    with progress("points") as tell:
        found = solve.answer(request, tell)
    show(found, form)
