"""`costmodel export`: write an architecture as an ONNX file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from costmodel.cli.arguments import ARCH, resolution_option, set_option
from costmodel.cli.streams import say
from costmodel.documents.write import check_place
from costmodel.errors import CostModelError
from costmodel.tasks.request import OfNetworks


@click.command("export")
@click.argument("arch", metavar="ARCH", type=ARCH)
@click.option("-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path), metavar="FILE.onnx")
@click.option("--batch", type=click.IntRange(min=1), metavar="N", help="Images at once; left open by default.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the random weights.")
@set_option
@resolution_option
@click.option("--force", is_flag=True, help="Overwrite what is there.")
def export_command(
    arch: str,
    output: Path,
    batch: int | None,
    seed: int,
    parameters: dict[str, Any],
    resolution: tuple[int, int] | None,
    force: bool,
) -> None:
    """Write an architecture as an ONNX file with random weights, checked by ONNX itself.

    \b
    Example:
      costmodel export mobilenet_v1 --set width=0.5 -o mobilenet.onnx
    """
    from costmodel.onnx.file import save_onnx

    if output.exists() and not force:
        raise CostModelError(f"{output} exists; --force overwrites it")
    check_place(output)
    save_onnx(
        OfNetworks(parameters=parameters, resolution=resolution).opened(arch).graph, output, batch or "batch", seed
    )
    say(f"wrote {output}")
