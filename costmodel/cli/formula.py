"""`costmodel formula`: closed formulas of an architecture's costs."""

from __future__ import annotations

from pathlib import Path

import click

from costmodel.cli.arguments import ARCH, dtype_option, opened, resolution_option, set_option
from costmodel.cli.output import emit, output_option


@click.command("formula")
@click.argument("arch", type=ARCH)
@click.option("--in", "names", metavar="NAMES", help="What stays a symbol, as width,resolution,batch.")
@click.option("--by", type=click.Choice(["block"]), help="Add a formula for each block.")
@set_option
@resolution_option
@dtype_option
@click.option("--format", "form", type=click.Choice(["text", "latex", "python"]), default="text", show_default=True)
@output_option
def formula_command(
    arch: str,
    names: str | None,
    by: str | None,
    settings: tuple[str, ...],
    resolution: tuple[int, int] | None,
    dtype: str,
    form: str,
    output: Path | None,
) -> None:
    """Closed formulas of params, mult-adds and traffic.

    The network is walked once with symbols in place of numbers. Widths round down to whole channels and strides halve
    maps, so a polynomial is true of parameters in certain steps only; which ones is said, and nothing is approximated.

    \b
    Examples:
      costmodel formula mobilenet_v1
      costmodel formula mobilenet_v1 --in width,resolution,batch --by block
      costmodel formula resnet50 --in resolution,batch --format latex
      costmodel formula densenet121 --in growth --format python -o densenet.py
    """
    from costmodel.render import formula as render
    from costmodel.sweeps.closed import formulas

    spec = opened(arch, settings, resolution).needed_spec()
    found = formulas(spec, [name.strip() for name in names.split(",")] if names else None, dtype=dtype)
    groups = {"": found.terms(found.total)}
    if by is not None:
        groups |= {name: found.terms(measures) for name, measures in found.blocks.items()}
    sheet = render.Sheet(found.title, found.names, found.conditions, groups)
    emit({"text": render.text, "latex": render.latex, "python": render.python}[form](sheet), output)
