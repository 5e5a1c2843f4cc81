"""Options of the commands that ask about a grid of networks."""

from __future__ import annotations

import click

from costmodel.tasks.grid import MANY

vary_option = click.option(
    "--vary",
    multiple=True,
    metavar="NAME=VALUES",
    help="A parameter, or batch, and its values: 128,160,192 or START:STOP:STEP. Repeatable.",
)
workers_option = click.option(
    "--workers", type=click.IntRange(min=1), default=1, show_default=True, metavar="N", help="Processes to use."
)
cluster_option = click.option("--cluster", metavar="ADDRESS", help="Use the workers of a running Dask scheduler.")
yes_option = click.option("--yes", is_flag=True, help=f"Go ahead with more than {MANY:,} points.")
