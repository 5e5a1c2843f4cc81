"""`costmodel device-from`: a device nobody measured, scaled from one that was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from costmodel.cli.calibrate import made_by
from costmodel.cli.output import show
from costmodel.cli.streams import say
from costmodel.tasks import device_from


@click.command("device-from")
@click.argument("device", metavar="DEVICE")
@click.option("--peak", required=True, metavar="165TFLOP/s", help="Of the new device's datasheet, at the same dtype.")
@click.option("--bandwidth", required=True, metavar="1008GB/s", help="Of the new device's datasheet.")
@click.option(
    "--sort", metavar="SORT", help="Of the new device, as `costmodel devices` lists them.  [default: the least trusted]"
)
@click.option("--name", required=True, metavar="NAME", help="Of the new device, and of its file.")
@click.option("--title", metavar="TEXT", help="The same in words.")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="[default: specs/devices/NAME.yaml]",
)
@click.option("--force", is_flag=True, help="Overwrite what is there.")
@click.pass_context
def device_from_command(ctx: click.Context, /, **asked: Any) -> None:
    """A device nobody measured: a measured one scaled by the ratios of their datasheets, with a wider interval.

    Many need no typing: `--device a100` takes the figures from a list of datasheets (`costmodel devices` shows it).

    \b
    Example:
      costmodel device-from rtx3090 --peak 165TFLOP/s --bandwidth 1008GB/s --sort geforce --name my-card
    """
    request = device_from.Request(made_by=made_by(ctx), **asked)
    show(device_from.answer(request))
    say(f"wrote {request.path}")
