"""`costmodel check`: hold specs to the figures that they expect, and to budgets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from costmodel.cli.arguments import ARCH, network_options
from costmodel.cli.elsewhere import say_elsewhere
from costmodel.cli.memory import memory_options
from costmodel.cli.output import format_option, show
from costmodel.cli.progress import progress
from costmodel.judging.limits import AT
from costmodel.tasks import check
from costmodel.tasks.check import device_of
from costmodel.units import DTYPES, MOST_IMAGES


@click.command("check")
@click.argument("networks", metavar="[FILE]...", nargs=-1, type=ARCH)
@network_options
@click.option("-q", "--quiet", is_flag=True, help="Show only what is wrong.")
@click.option("--budget", type=click.Path(path_type=Path), metavar="FILE", help="Hold to the budgets in a file.")
@click.option("--max", "limits", multiple=True, metavar="NAME=LIMIT", help="Hold to a limit: params=5M. Repeatable.")
@click.option("--min", "floors", multiple=True, metavar="NAME=LIMIT", help="Hold to a least: fps=30. Repeatable.")
@click.option("--against", metavar="git:REV", help="Fail on growth since a revision.")
@click.option("--allow-new", is_flag=True, help="Let networks pass that were not there in the revision.")
@click.option("--allow-partial", is_flag=True, help="Hold what is priced in part to limits by what is known of it.")
@click.option("--growth", metavar="N%", help="How much growth --against lets pass; 0% by default.")
@click.option("--batch", type=click.IntRange(1, MOST_IMAGES), metavar="N", help="Images at once, for budgets.")
@click.option("--dtype", type=click.Choice(list(DTYPES)), help="Of weights and activations, for budgets.")
@click.option("--device", metavar="NAME", help="Whose latency is limited (see `costmodel devices`), at its dtype.")
@click.option(
    "--at",
    type=click.Choice(AT),
    help="Hold time to limits by the end of its 90 % interval that is nearer to them (end, the default; where the very "
    "run was measured, by that), or by median.",
)
@memory_options
@format_option
def check_command(form: str, **asked: Any) -> None:
    """Check that specs can be built and that their params and mult-adds are what they `expect`, each variant too.

    Without FILEs, all that have a name (see `costmodel list`) are checked. With --budget, --max, --min or --against,
    each FILE (FILE#VARIANT for one of its variants) is also held to limits. The exit code is 1 if one of them fails.

    \b
    Examples:
      costmodel check
      costmodel check my_net.yaml
      costmodel check --quiet specs/*.yaml
      costmodel check model.onnx --max params=5M
      costmodel check encoder.onnx --set tokens=512 --max mult_adds=2G
      costmodel check my_net.yaml --max params=5M --max mult_adds=600M --max peak_live_bytes=8MB
      costmodel check mobilenet_v2 --device pi4 --max latency_ms=33
      costmodel check mobilenet_v2 --device pi4 --min fps=30 --at median
      costmodel check nets/*.yaml --budget budget.yaml --against git:main --growth 5%
    """
    request = check.Request(**asked)
    if (request.batch or request.dtype or request.device or request.at) and not request.judges:
        raise click.UsageError(
            "--batch, --dtype, --device and --at say how budgets are priced; give --budget, --max, --min or --against"
        )
    if request.device is None and request.budget is not None:
        say_elsewhere(device_of(request.budget))
    with progress("files", wait=1.0) as tell:
        found = check.answer(request, tell)
    show(found, form)
