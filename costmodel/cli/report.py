"""`costmodel report`: what one or several networks cost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from costmodel.cli.arguments import (
    ARCH,
    device_option,
    fps_option,
    network_options,
    own_batch_option,
    own_dtype_option,
)
from costmodel.cli.memory import every_level_option, step_options
from costmodel.cli.output import format_option, output_option, show
from costmodel.tasks import report


@click.command("report")
@click.argument("networks", metavar="ARCH...", nargs=-1, required=True, type=ARCH)
@network_options
@own_batch_option
@own_dtype_option
@device_option
@fps_option
@click.option("--energy", is_flag=True, help="Add joules: on a 45 nm chip; with --device, its measured power x time.")
@click.option(
    "--by",
    type=click.Choice(["layer", "block", "kind", "tree"]),
    help="Show this table alone instead of kinds and blocks (of what others wrote, kinds and the tree of its modules).",
)
@click.option("--tree", "by", flag_value="tree", help="Short for --by tree: subtotals by the names in the paths.")
@click.option(
    "--depth",
    type=click.IntRange(min=1),
    metavar="N",
    help="How many names of a path make a block (1 by default), or how deep a tree goes (as deep as fits).",
)
@click.option(
    "--sort", metavar="COLUMN", help="Sort by path, or by a measure, largest first: params, peak_live_bytes, ..."
)
@click.option("--top", type=click.IntRange(min=1), metavar="N", help="Show the first N rows, and the rest as one.")
@click.option("--training", is_flag=True, help="Add the costs of a training step, and the memory that it takes.")
@every_level_option
@step_options
@click.option("--strict", is_flag=True, help="Refuse what can be priced in part only.")
@click.option(
    "--plot",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.png|svg",
    help="Draw memory over time (with --memory or --training), or mult-adds by module.",
)
@format_option
@output_option
def report_command(form: str, output: Path | None, **asked: Any) -> None:
    """What a network costs, and where: params, mult-adds, memory and traffic.

    ARCH is a name (see `costmodel list`), the path of a spec (FILE#VARIANT) or of an ONNX file, git:REVISION:PATH, or -
    for a spec on standard input. One gets a report of its own; several are compared, a row each.

    package.module:factory is code that builds a PyTorch module, with --input for what it is called with: that code is
    run. No other form of ARCH runs code.

    \b
    Examples:
      costmodel report mobilenet_v1
      costmodel report mobilenet_v1 --set width=0.75 --resolution 192
      costmodel report resnet50 --batch 16 --dtype float16 --training
      costmodel report vgg16 --by layer --sort params --top 5
      costmodel report googlenet --depth 2
      costmodel report resnet50 --device pi5
      costmodel report mobilenet_v2 efficientnet_b0 --device pi4 --fps 30
      costmodel report alexnet googlenet --energy
      costmodel report my_net.yaml --format markdown -o costs.md
      costmodel report model.onnx --tree
      costmodel report detector.onnx --resolution 320x640 --batch 4
      costmodel report encoder.onnx --set tokens=512 --strict
      costmodel report two_inputs.onnx --input left=1x3x64x64 --input right=1x8
      costmodel report torchvision.models:resnet18 --arg num_classes=10 --input 1x3x224x224 --eval
      costmodel report alexnet vgg16 resnet50 --sort mult_adds
      costmodel report resnet50 --format json | jq .totals
      costmodel show mobilenet_v1 | costmodel report -
    """
    request = report.Request(**asked)
    _sensible(len(request.networks) > 1, request.by, form)
    show(report.answer(request), form, output)


def _sensible(several: bool, by: str | None, form: str) -> None:
    """Raise where an option would change nothing."""
    if several and by is not None and form != "json":
        raise click.UsageError("--by shows the inside of one network; several are compared by their totals")
    blocks = by in ("block", "tree") or (by is None and not several and form not in ("json", "csv"))
    if _given("depth") and not blocks:
        raise click.UsageError("--depth says what a block is, and no blocks are shown here; --by block shows them")


def _given(option: str) -> bool:
    """Say whether a person gave the option."""
    source = click.get_current_context().get_parameter_source(option)
    return source is not None and source.name == "COMMANDLINE"
