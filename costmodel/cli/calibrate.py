"""`costmodel calibrate`: fit a time model to this machine, or to a table of measurements."""

from __future__ import annotations

import shlex
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import click

from costmodel.cli.arguments import Batches
from costmodel.cli.output import emit, screen, write_file
from costmodel.cli.progress import progress
from costmodel.cli.streams import WORDS, say
from costmodel.documents.write import make_folder
from costmodel.errors import CostModelError
from costmodel.render.picture import check_picture, save_picture
from costmodel.units import DTYPES

if TYPE_CHECKING:
    from costmodel.bench.campaign import Campaign, Published
    from costmodel.latency.device import Device

Seconds: TypeAlias = dict[tuple[str, int], float]
"""What was measured, by network and batch."""

QUICK_MINUTES = 2.0


UNSAID = ("--force", "--resume", "--output", "--plot")
"""Options that say nothing of what a device file holds."""
FILES = ("--log", "--from", "--prior")


@click.command("calibrate")
@click.option("--name", required=True, metavar="NAME", help="Of the device, and of its file.")
@click.option("--title", metavar="TEXT", help="The same in words.")
@click.option(
    "--from", "table", type=click.Path(path_type=Path), metavar="FILE.csv", help="Fit measurements that somebody took."
)
@click.option(
    "--prior", type=click.Path(path_type=Path), metavar="FILE.csv", help="With --from: measurements of similar devices."
)
@click.option("--scale", metavar="DEVICE", help="With --from: too few to fit; scale this device by one factor.")
@click.option(
    "--runtime",
    metavar="NAME",
    help="onnxruntime, torch (eager) or torch-cuda; with --from, in words.  [default: onnxruntime]",
)
@click.option("--threads", type=click.IntRange(min=1), metavar="N", help="Threads of the runtime.  [default: 1]")
@click.option(
    "--batch", "batches", type=Batches(), default="1,8,16", show_default=True, metavar="N,N", help="Batches to measure."
)
@click.option(
    "--minutes", type=click.FloatRange(min=0, min_open=True), default=10.0, show_default=True, help="At most so long."
)
@click.option("--rounds", type=click.IntRange(min=2), default=5, show_default=True, help="Visits to each network.")
@click.option("--quick", is_flag=True, help="Eight networks in two minutes; the interval is several times wider.")
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
    default="float32",
    show_default=True,
    help="With --from: of weights and activations.",
)
@click.option("--eager", is_flag=True, help="With --from: the runtime fuses nothing; each layer is a kernel.")
@click.option(
    "--lanes",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="With --from: channels in a block; ONNX Runtime keeps 16 with AVX-512, 8 with AVX2.",
)
@click.option("--source", default="", metavar="TEXT", help="Who measured.")
@click.option("--date", default="", metavar="TEXT", help="When it was measured.")
@click.option("--notes", default="", metavar="TEXT", help="What else one must know.")
@click.option("--peak", metavar="71TFLOP/s", help="Of the datasheet, for device-from.")
@click.option("--bandwidth", metavar="936GB/s", help="Of the datasheet, for device-from.")
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
def calibrate_command(
    ctx: click.Context,
    name: str,
    title: str | None,
    table: Path | None,
    prior: Path | None,
    scale: str | None,
    runtime: str | None,
    threads: int | None,
    batches: tuple[int, ...],
    minutes: float,
    rounds: int,
    quick: bool,
    chains: bool,
    resume: bool,
    log: Path | None,
    hardware: str | None,
    dtype: str,
    eager: bool,
    lanes: int,
    source: str,
    date: str,
    notes: str,
    peak: str | None,
    bandwidth: str | None,
    power: float | None,
    power_source: str,
    output: Path | None,
    plot: Path | None,
    force: bool,
) -> None:
    """Fit a time model to this machine, or to a table of measurements.

    Without --from, bundled networks run on this machine for a few minutes: in ONNX Runtime, or in eager PyTorch, where
    each layer is a kernel of its own. Ctrl-C stops and fits what was measured twice; --resume goes on. The device file
    holds the coefficients, the error on families left out, and the conditions.

    The columns of --from are architecture (a bundled name, or the path of a spec or an ONNX file; see `costmodel
    list`), batch, latency_s or throughput, and where wanted resolution, parameters and family.

    \b
    Examples:
      costmodel calibrate --name my-laptop
      costmodel calibrate --name my-laptop-4t --threads 4 --batch 1,8 --minutes 20
      costmodel calibrate --name my-laptop --quick
      costmodel calibrate --name my-laptop-torch --runtime torch
      costmodel calibrate --from measured.csv --name my-gpu --dtype float16 --eager
    """
    from costmodel.bench.campaign import About, Campaign, Published
    from costmodel.bench.runtimes import DEFAULT, find_runtime
    from costmodel.latency.device import check_name
    from costmodel.latency.lowering import Lowering
    from costmodel.latency.transfer import rates

    output = output or Path("specs/devices") / f"{check_name(name)}.yaml"
    check_name(name)
    if output.exists() and not force:
        raise CostModelError(f"{output} exists; --force overwrites it")
    check_picture(plot)
    if table is None:
        given = {"prior": prior, "scale": scale, "dtype": dtype != "float32", "eager": eager, "lanes": lanes != 1}
        _refuse_options_of_tables([name for name, value in given.items() if value])
    about = About(name, title or "", made_by(ctx), source, rates(peak, bandwidth), power, power_source)
    if table is not None:
        lowering = Lowering(fuses=not eager, lanes=lanes)
        said = runtime or "not stated"
        published = Published(about, table, prior, scale, dtype, lowering, hardware, said, threads, date, notes)
        device, measured = _from_table(published)
    else:
        campaign = Campaign(
            about=about,
            log=log or Path(f"{name}.csv"),
            runtime=find_runtime(runtime or DEFAULT),
            threads=threads or 1,
            batches=batches,
            rounds=rounds,
            seconds=60 * (min(minutes, QUICK_MINUTES) if quick else minutes),
            quick=quick,
            chains=chains,
            resume=resume,
            hardware=hardware,
            date=date or time.strftime("%Y-%m-%d"),
            notes=notes,
        )
        device, measured = _from_machine(campaign, anew=force and not resume)
    _write(device, output, plot, measured)


def _refuse_options_of_tables(given: list[str]) -> None:
    if given:
        raise click.UsageError(f"--{given[0]} goes with --from only; measuring here finds it out by itself")


def _from_table(published: Published) -> tuple[Device, Seconds]:
    """Return the device that a table describes, and the seconds that it holds."""
    from costmodel.bench.calibrate import fit_published
    from costmodel.bench.tables import read_table

    device = fit_published(published)
    return device, {(one.network, one.batch): one.seconds for one in read_table(published.table)}


def _from_machine(campaign: Campaign, anew: bool) -> tuple[Device, Seconds]:
    """Return the device that measuring here describes, and the seconds that were measured."""
    from costmodel.bench.machine import calibrate_machine, read_measured

    with tempfile.TemporaryDirectory() as folder:
        runner = campaign.runtime.open(campaign.threads, Path(folder))
        if anew:
            campaign.log.unlink(missing_ok=True)
        with progress("visits") as tell:
            device = calibrate_machine(campaign, runner, say, tell)
    found = read_measured(campaign.log, runner.single_thread)
    return device, {(one.network, one.batch): one.seconds for one in found}


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


def write_device(output: Path, text: str) -> None:
    """Write a device file, and the folder that it is to lie in.

    Raises:
        CostModelError: if either cannot be written.
    """
    make_folder(output.parent)
    write_file(output, text)


def _write(device: Device, output: Path, plot: Path | None, measured: Seconds) -> None:
    from costmodel.latency.device import to_yaml
    from costmodel.render.latency import device_page
    from costmodel.render.text import text

    write_device(output, to_yaml(device))
    if plot is not None:
        from costmodel.render.latency_plots import fit_chart

        save_picture(fit_chart(device, measured), plot)
    emit(text(device_page(device), screen()))
    say(f"wrote {output}")
