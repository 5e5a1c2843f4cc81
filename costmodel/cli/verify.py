"""`costmodel verify`: execute an architecture and compare with what was inferred."""

from __future__ import annotations

from typing import Any

import click

from costmodel.cli.arguments import ARCH, resolution_option, set_option
from costmodel.cli.output import format_option, show
from costmodel.cli.progress import progress
from costmodel.tasks import verify


@click.command("verify")
@click.argument("networks", metavar="ARCH...", nargs=-1, required=True, type=ARCH)
@set_option
@resolution_option
@click.option("--batch", type=click.IntRange(min=1), default=1, show_default=True, metavar="N", help="Images at once.")
@click.option("--seed", type=int, default=0, show_default=True, metavar="N", help="Of the random image and weights.")
@click.option("--layers", is_flag=True, help="Show every layer, not the sums alone.")
@format_option
def verify_command(form: str, **asked: Any) -> None:
    """Execute a network in NumPy on a random image, and hold each layer's costs to what running it took.

    The shape of each output must be the inferred one, the multiplications performed must be its mult-adds, and the
    numbers read from its weights must be its params. The exit code is 1 if a layer differs.

    \b
    Examples:
      costmodel verify mobilenet_v1 --resolution 64
      costmodel verify resnet18 googlenet densenet121 --resolution 64
      costmodel verify my_net.yaml --layers
    """
    with progress("layers") as tell:
        found = verify.answer(verify.Request(**asked), tell)
    show(found, form)
