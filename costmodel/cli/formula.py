"""`costmodel formula`: closed formulas of an architecture's costs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from costmodel.cli.arguments import ARCH, dtype_option, resolution_option, set_option
from costmodel.cli.output import formats, output_option, show
from costmodel.tasks import formula


@click.command("formula")
@click.argument("network", metavar="ARCH", type=ARCH)
@click.option("--in", "names", metavar="NAMES", help="What stays a symbol, as width,resolution,batch.")
@click.option("--by", type=click.Choice(["block"]), help="Add a formula for each block.")
@set_option
@resolution_option
@dtype_option
@formats(*formula.OWN)
@output_option
def formula_command(names: str | None, by: str | None, form: str, output: Path | None, **asked: Any) -> None:
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
    chosen = tuple(name.strip() for name in names.split(",")) if names else ()
    show(formula.answer(formula.Request(names=chosen, blocks=by is not None, **asked)), form, output)
