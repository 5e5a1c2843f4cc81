"""`costmodel devices`: the devices that latency can be predicted for."""

from __future__ import annotations

from pathlib import Path

import click

from costmodel.cli.output import format_option, output_option, show
from costmodel.tasks import devices


@click.command("devices")
@format_option
@output_option
def devices_command(form: str, output: Path | None) -> None:
    """The devices that latency can be predicted for, and how far predictions are off.

    The error is the mean over networks of families that the model was not fitted on; beside it that of time in
    proportion to mult-adds.

    \b
    Examples:
      costmodel devices
      costmodel devices --format json | jq '.[].mape_percent'
    """
    show(devices.answer(devices.Request()), form, output)
