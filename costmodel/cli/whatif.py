"""`costmodel whatif`: edit an architecture and see what changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from costmodel.cli.arguments import ARCH, device_option, own_batch_option, own_dtype_option, top_option
from costmodel.cli.memory import memory_options
from costmodel.cli.output import emit, format_option, output_option, show
from costmodel.tasks import whatif

EDITS = ("set", "swap", "drop", "insert", "move")


class InOrder(click.Command):
    """A command that knows in which order its edits were given, whatever their kinds."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Note the edits in order, then parse as ever."""
        given, _, order = self.make_parser(ctx).parse_args(args=list(args))
        left = {name: iter(given.get(name) or ()) for name in EDITS}
        ctx.meta["edits"] = [f"{param.name} {next(left[param.name])}" for param in order if param.name in left]
        return super().parse_args(ctx, args)


@click.command("whatif", cls=InOrder)
@click.argument("network", metavar="ARCH", type=ARCH)
@click.option(
    "--set",
    multiple=True,
    expose_value=False,
    metavar="PATH=VALUE",
    help="Set a parameter, or a field of the layers at a path.",
)
@click.option(
    "--swap",
    multiple=True,
    expose_value=False,
    metavar="OLD=NEW",
    help="Use another operator or block wherever OLD is named.",
)
@click.option(
    "--drop",
    multiple=True,
    expose_value=False,
    metavar="PATH",
    help="Remove layers; whoever read them reads their input.",
)
@click.option(
    "--insert",
    multiple=True,
    expose_value=False,
    metavar="AFTER:NAME={op: ...}",
    help="Add a layer after those at a path.",
)
@click.option(
    "--move",
    multiple=True,
    expose_value=False,
    metavar="NAME:PATTERN",
    help="Make a design move; `costmodel moves` lists them.",
)
@click.option("--save", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write the edited spec.")
@click.option("--force", is_flag=True, help="Let --save write over a file other than the edited one.")
@click.option("--dry-run", is_flag=True, help="Show the edits of the text, price nothing, write nothing.")
@own_batch_option
@own_dtype_option
@device_option
@top_option
@memory_options
@format_option
@output_option
def whatif_command(dry_run: bool, form: str, output: Path | None, **asked: Any) -> None:
    """Edit an architecture and see what changes, before -> after.

    Edits are made in the order given. PATH is a layer's path, where * stands for any text and numbers of copies may be
    left out (ds4.pointwise means all of them). Only what the path means is changed: a block that other layers use as
    well is written once more under a new name. Of an ONNX file, which has no text, layers
    can be set, swapped and dropped.

    \b
    Examples:
      costmodel whatif mobilenet_v1 --set width=0.75 --set ds4.repeat=4
      costmodel whatif resnet50 --set 'conv5_x.*.conv2.kernel_size=5'
      costmodel whatif mobilenet_v1 --swap relu=hardswish --drop ds5
      costmodel whatif vgg16 --insert 'pool5:drop={op: dropout}'
      costmodel whatif vgg16 --move 'separable:conv*' --save vgg16_separable.yaml
      costmodel whatif resnet50 --move 'squeeze_excite(16):*.conv3' --dry-run
      costmodel whatif model.onnx --swap relu=hardswish
      costmodel whatif mobilenet_v2 --set width=0.75 --device pi4
      costmodel whatif my_net.yaml --move gap_head --format markdown
    """
    edits = tuple(click.get_current_context().meta["edits"])
    if not edits:
        raise click.UsageError("no edit is given; as in --set width=0.75")
    request = whatif.Request(edits=edits, **asked)
    if dry_run:
        emit(whatif.changes(request), output)
    else:
        show(whatif.answer(request), form, output)
