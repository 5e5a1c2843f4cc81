"""`costmodel schema`: the JSON schema of the spec language, for editors."""

from __future__ import annotations

from pathlib import Path

import click

from costmodel.cli.output import emit, output_option
from costmodel.spec.schema import schema_text


@click.command("schema")
@output_option
def schema_command(output: Path | None) -> None:
    """Write the JSON schema of the spec language. An editor that knows it completes and checks specs as one types.

    Most editors find it by a comment on the first line of a spec (the YAML language server's convention):

    \b
      # yaml-language-server: $schema=schema.json

    \b
    Example:
      costmodel schema -o schema.json
    """
    emit(schema_text(), output)
