"""`costmodel fit-batch`: the largest batch that fits a memory."""

from __future__ import annotations

from typing import Any

import click

from costmodel.cli.arguments import (
    ARCH,
    arg_option,
    eval_option,
    input_option,
    own_dtype_option,
    resolution_option,
    set_option,
)
from costmodel.cli.memory import memory_options
from costmodel.cli.output import format_option, show
from costmodel.cli.progress import progress
from costmodel.tasks import fit_batch


@click.command("fit-batch")
@click.argument("network", metavar="ARCH", type=ARCH)
@click.option("--fits", required=True, metavar="BYTES", help="The memory there is: 8GB, 24GiB.")
@click.option("--training", is_flag=True, help="A training step is to fit, and not inference.")
@set_option
@resolution_option
@input_option
@arg_option
@eval_option
@own_dtype_option
@memory_options
@format_option
def fit_batch_command(form: str, **asked: Any) -> None:
    """The largest batch that fits a memory, and what it leaves free.

    For inference weights, buffers and activations are to fit: as written, or as --memory onnxruntime plans them. With
    --training, or any option of a training step, it is the whole step. Exit code 1 if not even one image fits.

    \b
    Examples:
      costmodel fit-batch resnet50 --fits 8GB
      costmodel fit-batch resnet50 --fits 24GiB --training --optimizer adamw --amp
      costmodel fit-batch gpt2 --fits 80GB --training --checkpoint decoder --set tokens=1024
      costmodel fit-batch model.onnx --fits 512MB --memory onnxruntime
    """
    with progress("batches", wait=2.0) as tell:
        found = fit_batch.answer(fit_batch.Request(**asked), tell)
    show(found, form)
