"""`costmodel watch`: report a file again each time it is saved."""

from __future__ import annotations

import time

import click

from costmodel.cli.arguments import batch_option, dtype_option
from costmodel.cli.output import emit, screen
from costmodel.errors import CostModelError
from costmodel.judging.watch import Seen, watch


@click.command("watch")
@click.argument("file")
@batch_option
@dtype_option
@click.option(
    "--every",
    type=click.FloatRange(min=0.01),
    default=0.2,
    show_default=True,
    metavar="SECONDS",
    help="How often to look.",
)
def watch_command(file: str, batch: int, dtype: str, every: float) -> None:
    """Report a file, and again each time it is saved, with what changed. A broken file shows its error. Ctrl-C ends.

    \b
    Examples:
      costmodel watch my_net.yaml
      costmodel watch specs/vgg.yaml#vgg11 --batch 8
    """
    if not file.partition("#")[0].endswith((".yaml", ".yml")):
        raise CostModelError(f"{file!r} is no YAML file; `costmodel show NAME` prints a spec, to save and edit")
    for seen in watch(file, batch, dtype, wait=lambda: time.sleep(every)):
        if not emit(_shown(seen)):  # nobody reads it any more
            return


def _shown(seen: Seen) -> str:
    from costmodel.render import diff, report
    from costmodel.render.text import text

    page = screen()
    stamp = page.paint(f"--- {time.strftime('%H:%M:%S')} ", "quiet")
    if seen.error is not None:
        return f"{stamp}{page.paint('error:', 'bad')} {seen.error}\n\n"
    if seen.change is not None:
        return f"{stamp}\n{text(diff.page(seen.change, title=seen.change.after.title), page)}\n"
    return f"{stamp}\n{text(report.page(seen.table), page)}\n" if seen.table is not None else ""
