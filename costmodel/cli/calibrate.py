"""`costmodel calibrate`: fit a time model to this machine, or to a table of measurements."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import click

from costmodel.cli.arguments import Batches
from costmodel.cli.output import show
from costmodel.cli.progress import progress
from costmodel.cli.streams import WORDS, say, say_alone
from costmodel.latency.find import how_to_name
from costmodel.tasks import calibrate
from costmodel.units import DTYPES

UNSAID = ("--force", "--resume", "--output", "--plot")
"""Options that say nothing of what a device file holds."""
FILES = ("--log", "--from", "--like")


@click.command("calibrate")
@click.option("--name", required=True, metavar="NAME", help="Of the device, and of its file.")
@click.option("--title", metavar="TEXT", help="The same in words.")
@click.option(
    "--from", "table", type=click.Path(path_type=Path), metavar="FILE.csv", help="Fit measurements that somebody took."
)
@click.option(
    "--like",
    metavar="DEVICE",
    help="Scale this device to a few measurements, in place of a fit. With --from also FILE.csv: measurements of "
    "similar devices, which draw the fit.",
)
@click.option(
    "--runtime",
    metavar="NAME",
    help="onnxruntime, torch (eager) or torch-cuda; with --from, in words.  [default: onnxruntime]",
)
@click.option(
    "--threads", type=click.IntRange(min=1), metavar="N", help="Threads of the runtime.  [default: 1, or as --like]"
)
@click.option(
    "--batch", "batches", type=Batches(), default="1,8,16", show_default=True, metavar="N,N", help="Batches to measure."
)
@click.option(
    "--minutes",
    type=click.FloatRange(min=0, min_open=True),
    default=10.0,
    show_default=True,
    help="At most so long; --quick and --like run their networks twice at the smallest batch, whatever that takes.",
)
@click.option("--rounds", type=click.IntRange(min=2), default=5, show_default=True, help="Visits to each network.")
@click.option(
    "--quick", is_flag=True, help="Eight networks in two minutes, batch 1 first; the interval is several times wider."
)
@click.option("--chains/--no-chains", default=True, show_default=True, help="Measure single-layer chains too.")
@click.option("--resume", is_flag=True, help="Go on with what an earlier session measured.")
@click.option(
    "--log",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.csv",
    help="What is measured, as it is measured.  [default: NAME.csv]",
)
@click.option("--hardware", metavar="TEXT", help="What it runs on.  [default: this processor]")
@click.option(
    "--dtype",
    type=click.Choice(list(DTYPES)),
    help="With --from: of weights and activations.  [default: float32, or as --like]",
)
@click.option("--eager", is_flag=True, help="With --from: the runtime fuses nothing; each layer is a kernel.")
@click.option(
    "--lanes",
    type=click.IntRange(min=1),
    help="With --from: channels in a block; ONNX Runtime keeps 16 with AVX-512, 8 with AVX2.  "
    "[default: 1, or as --like]",
)
@click.option("--source", default="", metavar="TEXT", help="Who measured.")
@click.option("--date", default="", metavar="TEXT", help="When it was measured.")
@click.option("--notes", default="", metavar="TEXT", help="What else one must know.")
@click.option("--peak", metavar="71TFLOP/s", help="Of the datasheet, for device-from.")
@click.option("--bandwidth", metavar="936GB/s", help="Of the datasheet, for device-from.")
@click.option("--peaks-source", default="", metavar="TEXT", help="Which datasheet, and why a figure is left out.")
@click.option(
    "--power",
    type=click.FloatRange(min=0, min_open=True),
    metavar="W",
    help="Drawn under load above idle, where measured.",
)
@click.option("--power-source", default="", metavar="TEXT", help="Who measured the power.")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="[default: specs/devices/NAME.yaml]",
)
@click.option(
    "--plot",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.png|svg",
    help="Draw predicted against measured.",
)
@click.option("--force", is_flag=True, help="Overwrite the device file, and without --resume the log.")
@click.pass_context
def calibrate_command(ctx: click.Context, /, **asked: Any) -> None:
    """Fit a time model to this machine, or to a table of measurements.

    Without --from, bundled networks run on this machine for a few minutes: in ONNX Runtime, or in eager PyTorch, where
    each layer is a kernel of its own. Ctrl-C stops and fits what was measured twice; --resume goes on. The device file
    holds the coefficients, the error on families left out, the conditions, and what the machine is.

    With --like, a minute is enough: eight networks scale that device to this machine, and its interval is what each
    was off when it was left out, with the other device's own. Ctrl-C leaves what one network tells.

    The columns of --from are architecture (a bundled name, or the path of a spec or an ONNX file; see `costmodel
    list`), batch, latency_s or throughput, and where wanted resolution, parameters and family.

    \b
    Examples:
      costmodel calibrate --name my-laptop
      costmodel calibrate --name my-laptop-4t --threads 4 --batch 1,8 --minutes 20
      costmodel calibrate --name my-laptop --quick
      costmodel calibrate --name my-laptop --like epyc-1t --minutes 1
      costmodel calibrate --name my-laptop-torch --runtime torch
      costmodel calibrate --from measured.csv --name my-gpu --dtype float16 --eager
      costmodel calibrate --from one_row.csv --name my-board --like pi4
    """
    request = calibrate.Request(made_by=made_by(ctx), **asked)
    if request.table is None:
        _refuse_options_of_tables(request)
    with progress("visits") as tell:
        made = calibrate.answer(request, say_alone, tell)
    show(made)
    say(f"wrote {request.path}; use it: --device {shlex.quote(how_to_name(request.path))}")


def _refuse_options_of_tables(request: calibrate.Request) -> None:
    """Raise where an option would change nothing, without a table to read."""
    for name in ("dtype", "eager", "lanes"):
        if getattr(request, name) != getattr(calibrate.Request, name):
            raise click.UsageError(f"--{name} goes with --from only; measuring here finds it out by itself")


def made_by(ctx: click.Context) -> str:
    """Return the command as it was given, without --force, --output and the folders of files."""
    kept: list[str] = []
    option = ""
    for word in ctx.find_root().meta[WORDS]:
        name, given, value = word.partition("=") if word.startswith("--") else (option, "", word)
        option = "" if given or not word.startswith("--") else name
        if name in UNSAID:
            continue
        if name in FILES and value:
            word = f"{name}={Path(value).name}" if given else Path(value).name
        kept.append(word)
    return shlex.join(["costmodel", *kept])
