"""`costmodel device-from`: a device nobody measured, scaled from one that was."""

from __future__ import annotations

from pathlib import Path

import click

from costmodel.cli.output import emit, screen
from costmodel.cli.streams import say
from costmodel.errors import CostModelError


@click.command("device-from")
@click.argument("device", metavar="DEVICE")
@click.option("--peak", required=True, metavar="165TFLOP/s", help="Of the new device's datasheet, at the same dtype.")
@click.option("--bandwidth", required=True, metavar="1008GB/s", help="Of the new device's datasheet.")
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
def device_from_command(
    ctx: click.Context,
    device: str,
    peak: str,
    bandwidth: str,
    name: str,
    title: str | None,
    output: Path | None,
    force: bool,
) -> None:
    """A device nobody measured: a measured one scaled by the ratios of their datasheets, with a wider interval.

    \b
    Example:
      costmodel device-from rtx3090 --peak 165TFLOP/s --bandwidth 1008GB/s --name rtx4090
    """
    from costmodel.cli.calibrate import made_by, write_device
    from costmodel.latency.device import check_name, find_device, to_yaml
    from costmodel.latency.transfer import rates, transfer
    from costmodel.render.latency import device_page
    from costmodel.render.text import text

    path = output or Path("specs/devices") / f"{check_name(name)}.yaml"
    if path.exists() and not force:
        raise CostModelError(f"{path} exists; --force overwrites it")
    made = transfer(find_device(device), check_name(name), title or name, rates(peak, bandwidth), made_by(ctx))
    write_device(path, to_yaml(made))
    emit(text(device_page(made), screen()))
    say(f"wrote {path}")
