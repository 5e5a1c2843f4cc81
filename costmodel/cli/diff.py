"""`costmodel diff`: compare two architectures layer by layer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from costmodel.cli.arguments import ARCH, device_option, own_batch_option, own_dtype_option, top_option
from costmodel.cli.memory import memory_options
from costmodel.cli.output import format_option, output_option, show
from costmodel.tasks import diff


@click.command("diff")
@click.argument("a", type=ARCH)
@click.argument("b", type=ARCH)
@own_batch_option
@own_dtype_option
@device_option
@top_option
@memory_options
@format_option
@output_option
def diff_command(form: str, output: Path | None, **asked: Any) -> None:
    """What differs from A to B, in all and layer by layer.

    A and B are names, paths (of ONNX files too), or git:REVISION:PATH. Layers are matched by path; the rest by operator
    and shapes. The last column says which.

    \b
    Examples:
      costmodel diff resnet50 resnet50_v1_5
      costmodel diff mobilenet_v2 mobilenet_v3_large --device pi5
      costmodel diff git:main:my_net.yaml my_net.yaml --format markdown
      costmodel diff vgg.yaml#vgg11 vgg.yaml#vgg13 --top 50
    """
    show(diff.answer(diff.Request(**asked)), form, output)
