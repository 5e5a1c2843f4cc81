"""`costmodel device-report`: how well a device's time model fits, and what it says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from costmodel.cli.output import format_option, output_option, show
from costmodel.tasks import device_report


@click.command("device-report")
@click.argument("device", metavar="NAME")
@click.option(
    "--plot", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE.png|svg", help="Draw the errors."
)
@click.option(
    "--measured",
    type=click.Path(path_type=Path),
    metavar="FILE.csv",
    help="With --plot: the log of the calibration, to draw predicted against measured.",
)
@format_option
@output_option
def device_report_command(form: str, output: Path | None, **asked: Any) -> None:
    """How well a device's time model fits: coefficients with their meaning, errors by family, the worst cases.

    \b
    Examples:
      costmodel device-report rtx3090
      costmodel device-report pi5 --plot pi5.svg
    """
    show(device_report.answer(device_report.Request(**asked)), form, output)
