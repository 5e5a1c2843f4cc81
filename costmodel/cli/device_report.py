"""`costmodel device-report`: how well a device's time model fits, and what it says."""

from __future__ import annotations

from pathlib import Path

import click

from costmodel.cli.output import format_option, output_option, show
from costmodel.render.answer import Answer
from costmodel.render.picture import check_picture, save_picture


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
def device_report_command(
    device: str, plot: Path | None, measured: Path | None, form: str, output: Path | None
) -> None:
    """How well a device's time model fits: coefficients with their meaning, errors by family, the worst cases.

    \b
    Examples:
      costmodel device-report rtx3090
      costmodel device-report pi5 --plot pi5.svg
    """
    from costmodel.latency.device import find_device
    from costmodel.render.latency import device_page, devices_rows

    check_picture(plot)
    found = find_device(device)
    if plot is not None:
        from costmodel.render.latency_plots import fit_chart

        save_picture(fit_chart(found, _times(measured, found.conditions.threads) if measured else None), plot)
    answer = Answer(lambda: device_page(found), lambda: devices_rows([found]), lambda: found.model_dump(mode="json"))
    show(answer, form, output)


def _times(log: Path, threads: int | None) -> dict[tuple[str, int], float]:
    from costmodel.bench.machine import read_measured

    return {(one.network, one.batch): one.seconds for one in read_measured(log, threads == 1)}
