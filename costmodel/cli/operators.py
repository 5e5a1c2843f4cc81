"""`costmodel operators`: what operators there are and what they take."""

from __future__ import annotations

from pathlib import Path

import click
from click.shell_completion import CompletionItem

from costmodel.cli.output import format_option, output_option, show
from costmodel.ops import OPERATORS
from costmodel.tasks import operators


class OperatorName(click.ParamType):  # type: ignore[type-arg, unused-ignore]  # generic from click 8.3 on
    """The name of an operator."""

    name = "operator"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Offer the operators that begin so."""
        return [CompletionItem(name) for name in OPERATORS if name.startswith(incomplete)]


@click.command("operators")
@click.argument("name", required=False, type=OperatorName())
@format_option
@output_option
def operators_command(name: str | None, form: str, output: Path | None) -> None:
    """The operators that a spec's layers may name, or everything about one of them.

    \b
    Examples:
      costmodel operators
      costmodel operators conv
      costmodel operators --format markdown -o operators.md
    """
    show(operators.answer(operators.Request(name)), form, output)
