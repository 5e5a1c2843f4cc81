"""`costmodel suggest`: find design moves that reach a goal."""

from __future__ import annotations

from typing import Any

import click

from costmodel.cli.arguments import ARCH, batch_option, device_option, own_dtype_option
from costmodel.cli.memory import memory_options
from costmodel.cli.output import format_option, show
from costmodel.cli.progress import progress
from costmodel.tasks import suggest


@click.command("suggest")
@click.argument("network", metavar="ARCH", type=ARCH)
@click.option("--goal", required=True, metavar="CONDITION", help='What to reach: "mult_adds < 1e9 and params < 10M".')
@click.option("--top", type=click.IntRange(min=1), default=8, show_default=True, metavar="N", help="Show N ways.")
@batch_option
@own_dtype_option
@device_option
@memory_options
@format_option
def suggest_command(form: str, **asked: Any) -> None:
    """Find design moves that reach a goal.

    Every move is tried on the whole network and on each of its parts, and every parameter at a few values: alone, the
    best of them in pairs, and greedily one after another. Ways with fewer edits come first, then those that change the
    network least. Accuracy is not modelled: a way to a goal is a candidate to train, no promise. Exit code 1 if no way
    reaches the goal, with the one that comes nearest.

    \b
    Examples:
      costmodel suggest vgg16 --goal "mult_adds < 5G"
      costmodel suggest mobilenet_v1 --goal "mult_adds < 200M and params < 3M"
      costmodel suggest resnet50 --goal "peak_live_bytes < 5 MB" --dtype float16
      costmodel suggest resnet50 --goal "latency_high_ms < 100" --device pi5
    """
    with progress("networks", wait=2.0) as tell:
        found = suggest.answer(suggest.Request(**asked), tell)
    show(found, form)
