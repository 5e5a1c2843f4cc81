"""`costmodel latency`: predicted latency over batch sizes, as table and plot."""

from __future__ import annotations

from pathlib import Path

import click

from costmodel.cli.arguments import ARCH, opened, resolution_option, set_option
from costmodel.cli.calibrate import Batches
from costmodel.cli.output import format_option, output_option, show
from costmodel.cli.streams import say
from costmodel.render.answer import listing
from costmodel.render.picture import check_picture, save_picture


@click.command("latency")
@click.argument("archs", metavar="ARCH...", nargs=-1, required=True, type=ARCH)
@click.option("--device", required=True, metavar="NAME", help="See `costmodel devices`; a path works too.")
@click.option(
    "--batch", "batches", type=Batches(), default="1", show_default=True, metavar="N,N", help="Batches to predict."
)
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
def latency_command(
    archs: tuple[str, ...],
    device: str,
    batches: tuple[int, ...],
    settings: tuple[str, ...],
    resolution: tuple[int, int] | None,
    plot: Path | None,
    form: str,
    output: Path | None,
) -> None:
    """Predicted latency over batch sizes, with the interval that the device's model has earned.

    \b
    Examples:
      costmodel latency resnet50 --device rtx3090 --batch 128,256,512
      costmodel latency model.onnx --device rtx3090
      costmodel latency alexnet vgg16 googlenet resnet50 --device gtx1080ti --batch 1,2,4,8,16,32,64 --plot figure3.svg
    """
    from costmodel.latency.device import find_device
    from costmodel.latency.predict import over_batches
    from costmodel.render.latency import latency_columns

    check_picture(plot)
    found = find_device(device)
    graphs = [opened(arch, settings, resolution).graph for arch in archs]
    rows = [row for graph in graphs for row in over_batches(graph, found, batches)]
    if plot is not None:
        from costmodel.render.latency_plots import batch_chart

        save_picture(batch_chart(rows, f"{found.title}: predicted"), plot)
    show(listing(lambda: latency_columns(rows), rows), form, output)
    if form == "text":
        for note in dict.fromkeys(note for row in rows for note in row["notes"]):
            say(f"note: {note}")
