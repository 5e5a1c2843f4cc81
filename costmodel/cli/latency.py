"""`costmodel latency`: predicted latency over batch sizes, as table and plot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from costmodel.cli.arguments import ARCH, Batches, fps_option, resolution_option, set_option
from costmodel.cli.output import format_option, output_option, show
from costmodel.tasks import latency


@click.command("latency")
@click.argument("networks", metavar="ARCH...", nargs=-1, required=True, type=ARCH)
@click.option("--device", required=True, metavar="NAME", help="See `costmodel devices`; a path works too.")
@click.option(
    "--batch", "batches", type=Batches(), default="1", show_default=True, metavar="N,N", help="Batches to predict."
)
@fps_option
@set_option
@resolution_option
@click.option(
    "--plot",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.png|svg",
    help="Draw time over batches and mult-adds.",
)
@format_option
@output_option
def latency_command(form: str, output: Path | None, **asked: Any) -> None:
    """Predicted latency over batch sizes, with the interval that the device's model has earned.

    \b
    Examples:
      costmodel latency resnet50 --device rtx3090 --batch 128,256,512
      costmodel latency mobilenet_v2 --device pi4 --batch 1,4 --fps 30
      costmodel latency model.onnx --device rtx3090
      costmodel latency alexnet vgg16 googlenet resnet50 --device gtx1080ti --batch 1,2,4,8,16,32,64 --plot figure3.svg
    """
    show(latency.answer(latency.Request(**asked)), form, output)
