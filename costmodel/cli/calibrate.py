"""`costmodel calibrate`: fit a time model to this machine, or to a table of measurements."""

from __future__ import annotations

import shlex
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from costmodel.cli.output import emit, screen, write_file
from costmodel.cli.streams import on_terminal, say, say_now
from costmodel.documents.write import make_folder
from costmodel.errors import CostModelError
from costmodel.render.picture import check_picture, save_picture
from costmodel.units import DTYPES, MOST_IMAGES

if TYPE_CHECKING:
    from costmodel.latency.device import Device

QUICK_MINUTES = 2.0
UNSAID = ("--force", "--resume", "--output", "--plot")
FILES = ("--log", "--from", "--prior")


class Batches(click.ParamType):  # type: ignore[type-arg, unused-ignore]  # generic from click 8.3 on
    """Batch sizes with commas between."""

    name = "batches"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        """Return them in order, each once."""
        if isinstance(value, tuple):
            return value
        try:
            found = sorted({int(part) for part in str(value).split(",")})
        except ValueError:
            self.fail(f"{value!r} is not like 1,8,16", param, ctx)
        if found[0] < 1 or found[-1] > MOST_IMAGES:
            wrong = found[0] if found[0] < 1 else found[-1]
            self.fail(f"{wrong} images make no batch; it is 1 to {MOST_IMAGES:,}", param, ctx)
        return tuple(found)


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
def calibrate_command(**given: Any) -> None:
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
    from costmodel.latency.device import check_name

    output = given["output"] or Path("specs/devices") / f"{check_name(given['name'])}.yaml"
    check_name(given["name"])
    if output.exists() and not given["force"]:
        raise CostModelError(f"{output} exists; --force overwrites it")
    check_picture(given["plot"])
    if not given["table"]:
        _refuse_table_options(given)
    device = _from_table(given) if given["table"] else _from_machine(given)
    _write(device, output, given["plot"], _measured(given) if given["plot"] else {})


def _refuse_table_options(given: dict[str, Any]) -> None:
    unset = {"prior": None, "scale": None, "dtype": "float32", "eager": False, "lanes": 1}
    for name, value in unset.items():
        if given[name] != value:
            raise click.UsageError(f"--{name} goes with --from only; measuring here finds it out by itself")


def _from_table(given: dict[str, Any]) -> Device:
    from costmodel.bench.calibrate import fit_device
    from costmodel.bench.fit import Prior
    from costmodel.bench.tables import read_table, samples_of
    from costmodel.latency.device import Conditions
    from costmodel.latency.lowering import Lowering
    from costmodel.latency.transfer import rates

    lowering = Lowering(fuses=not given["eager"], lanes=given["lanes"])
    measurements = read_table(given["table"])
    samples = samples_of(measurements, given["dtype"], lowering)
    prior = None
    if given["prior"]:
        prior = Prior(samples_of(read_table(given["prior"]), given["dtype"], lowering))
    batches = [one.batch for one in measurements]
    about = {"made_by": made_by(), "source": given["source"]}
    about |= {"peaks": rates(given["peak"], given["bandwidth"]), "power_w": given["power"]}
    about |= {"power_source": given["power_source"]}
    conditions = Conditions(
        hardware=given["hardware"] or given["name"],
        runtime=given["runtime"] or "not stated",
        threads=given["threads"],
        dtype=given["dtype"],
        batch=[min(batches), max(batches)],
        date=given["date"],
        notes=given["notes"],
    )
    title = given["title"] or given["name"]
    if given["scale"]:
        from costmodel.latency.device import find_device
        from costmodel.latency.transfer import scale

        other = find_device(given["scale"])
        counted = samples_of(measurements, given["dtype"], other.model.lowering)
        return scale(other, counted, given["name"], title, conditions, **about)
    return fit_device(given["name"], title, samples, conditions, lowering=lowering, prior=prior, **about)


def _from_machine(given: dict[str, Any]) -> Device:
    from costmodel.bench.machine import calibrate_machine
    from costmodel.bench.runtimes import DEFAULT, find_runtime
    from costmodel.latency.transfer import rates

    peaks = rates(given["peak"], given["bandwidth"])
    runtime = find_runtime(given["runtime"] or DEFAULT)
    log = given["log"] or Path(f"{given['name']}.csv")
    threads = given["threads"] or 1
    minutes = min(given["minutes"], QUICK_MINUTES) if given["quick"] else given["minutes"]
    peaks = rates(given["peak"], given["bandwidth"])
    say = _Progress()
    with tempfile.TemporaryDirectory() as folder:
        runner = runtime.open(threads, Path(folder))
        if given["force"] and not given["resume"] and log.exists():
            log.unlink()
        try:
            return calibrate_machine(
                given["name"],
                given["title"],
                log=log,
                threads=threads,
                batches=given["batches"],
                rounds=given["rounds"],
                seconds=60 * minutes,
                quick=given["quick"],
                chains=given["chains"],
                resume=given["resume"],
                hardware=given["hardware"],
                source=given["source"],
                notes=given["notes"],
                date=given["date"] or time.strftime("%Y-%m-%d"),
                made_by=made_by(),
                peaks=peaks,
                progress=say,
                tell=say.line,
                runtime=runtime,
                runner=runner,
            )
        finally:
            say.end()


class _Progress:
    """One line on standard error that says how far measuring has come."""

    def __init__(self) -> None:
        self.live = on_terminal(sys.stderr)

    def __call__(self, done: int, planned: int, network: str, left: float) -> None:
        text = f"{100 * done // planned:3d} %  {left / 60:4.1f} min left  {network}"
        if self.live:
            say_now(text)
        elif done % 20 == 0:
            say(text)

    def line(self, text: str) -> None:
        """Say something in a line of its own."""
        self.end()
        say(text)

    def end(self) -> None:
        """Take the line away."""
        if self.live:
            say_now("")


def made_by() -> str:
    """Return the command as it was given, without --force, --output and the folders of files."""
    kept: list[str] = []
    option = ""
    for word in sys.argv[1:]:
        name, given, value = word.partition("=") if word.startswith("--") else (option, "", word)
        option = "" if given or not word.startswith("--") else name
        if name in UNSAID:
            continue
        if name in FILES and value:
            word = f"{name}={Path(value).name}" if given else Path(value).name
        kept.append(word)
    return shlex.join(["costmodel", *kept])


def _measured(given: dict[str, Any]) -> dict[tuple[str, int], float]:
    """Return the seconds of what was measured, for the picture."""
    if given["table"]:
        from costmodel.bench.tables import read_table

        return {(one.network, one.batch): one.seconds for one in read_table(given["table"])}
    from costmodel.bench.machine import read_measured
    from costmodel.bench.runtimes import DEFAULT, find_runtime

    log = given["log"] or Path(f"{given['name']}.csv")
    single_thread = (given["threads"] or 1) == 1 and not find_runtime(given["runtime"] or DEFAULT).gpu
    return {(one.network, one.batch): one.seconds for one in read_measured(log, single_thread)}


def write_device(output: Path, text: str) -> None:
    """Write a device file, and the folder that it is to lie in.

    Raises:
        CostModelError: if either cannot be written.
    """
    make_folder(output.parent)
    write_file(output, text)


def _write(device: Device, output: Path, plot: Path | None, measured: dict[tuple[str, int], float]) -> None:
    from costmodel.latency.device import to_yaml
    from costmodel.render.latency import device_page
    from costmodel.render.text import text

    write_device(output, to_yaml(device))
    if plot is not None:
        from costmodel.render.latency_plots import fit_chart

        save_picture(fit_chart(device, measured), plot)
    emit(text(device_page(device), screen()))
    say(f"wrote {output}")
