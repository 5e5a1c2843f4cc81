"""From this machine to a device: measure, judge the measurements, fit."""

from __future__ import annotations

import platform
from collections.abc import Callable, Sequence
from pathlib import Path

from costmodel.bench.calibrate import fit_device, unseen_error_percent
from costmodel.bench.crossvalidate import CHAIN
from costmodel.bench.fit import Sample
from costmodel.bench.measure import (
    Measured,
    Runner,
    Setting,
    judge,
    measure,
    read_log,
    read_setting,
    summarize,
)
from costmodel.bench.microbench import is_rare
from costmodel.bench.plan import NETWORKS, QUICK, jobs, network_of
from costmodel.bench.runtimes import Runtime
from costmodel.bench.tables import kernels_of
from costmodel.latency.device import Conditions, Device, Peak
from costmodel.latency.lowering import Lowering


def calibrate_machine(
    name: str,
    title: str | None,
    *,
    log: Path,
    threads: int,
    batches: Sequence[int],
    rounds: int,
    seconds: float,
    quick: bool,
    chains: bool,
    resume: bool,
    hardware: str | None,
    source: str,
    notes: str,
    date: str,
    made_by: str,
    peaks: dict[Peak, float],
    progress: Callable[[int, int, str, float], None],
    tell: Callable[[str], None],
    runtime: Runtime,
    runner: Runner,
) -> Device:
    """Measure bundled networks on this machine and return the device that they describe.

    Args:
        name: of the device.
        title: the same in words.
        log: the file that keeps what is measured.
        threads: of the runtime.
        batches: images at once.
        rounds: visits to each network.
        seconds: to stop measuring after.
        quick: measure eight networks.
        chains: measure single-layer chains too.
        resume: go on with what `log` holds.
        hardware: in words; this processor's name by default.
        source: who measured.
        notes: what else one must know.
        date: of the measurements.
        made_by: the command.
        peaks: datasheet figures.
        progress: see `measure`.
        tell: says a line to the person who waits.
        runtime: in which networks run.
        runner: what it opened with `threads`, or a planted machine.

    Raises:
        CostModelError: if too little was measured, or the machine is too noisy.
    """
    todo = jobs(QUICK if quick else NETWORKS, batches, chains and not quick)
    here = Setting(
        hardware or getattr(runner, "hardware", None) or processor(),
        str(runtime),
        None if runtime.gpu else threads,
        runner.lowering.fuses,
        runner.lowering.lanes,
        date,
    )
    visits = measure(todo, runner, log, here, rounds=rounds, seconds=seconds, resume=resume, progress=progress)
    setting, measured = read_setting(log), summarize(visits, runner.single_thread)
    seen = [one.batch for one in measured] or batches
    return fit_log(
        name,
        title,
        measured,
        Conditions(
            hardware=setting.hardware,
            runtime=setting.runtime,
            threads=setting.threads,
            dtype="float32",
            batch=[min(seen), max(seen)],
            date=setting.date,
            notes=notes,
        ),
        source=source,
        made_by=made_by,
        peaks=peaks,
        tell=tell,
        lowering=setting.lowering,
    )


def fit_log(
    name: str,
    title: str | None,
    measured: Sequence[Measured],
    conditions: Conditions,
    *,
    source: str,
    made_by: str,
    peaks: dict[Peak, float],
    tell: Callable[[str], None],
    lowering: Lowering,
) -> Device:
    """Judge measurements and return the device that they describe: outliers are named and left out, and single-layer
    chains, all or those of rare operators, are fitted on only where that makes predictions of unseen families better.

    Raises:
        CostModelError: if there are too few, or the machine was too noisy.
    """
    quality = judge(measured)
    tell(f"measurements repeat within {100 * quality.repeatability:.1f} % (median of {len(measured)})")
    for one in quality.outliers:
        tell(f"left out: {one.network} at batch {one.batch}, whose two halves differ by {100 * one.differs:.0f} %")
    kept = samples_of_measured([one for one in measured if one not in quality.outliers], lowering)
    networks = [sample for sample in kept if sample.family != CHAIN]
    rare = [sample for sample in kept if sample.family != CHAIN or is_rare(sample.network)]
    choices = [networks, rare, kept] if len(networks) < len(kept) else [networks]
    return fit_device(
        name,
        title or name,
        min(choices, key=unseen_error_percent) if len(choices) > 1 else networks,
        conditions,
        lowering=lowering,
        made_by=made_by,
        source=source,
        repeatability_percent=100 * quality.repeatability,
        peaks=peaks,
    )


def samples_of_measured(measured: Sequence[Measured], lowering: Lowering) -> list[Sample]:
    """Return measured networks with their features."""
    return [
        Sample(
            one.network,
            one.family,
            one.batch,
            one.seconds,
            kernels_of(network_of(one.network), one.batch, "float32", lowering),
        )
        for one in measured
    ]


def read_measured(log: Path, single_thread: bool) -> list[Measured]:
    """Return what the log of a calibration holds, each network once a batch."""
    return summarize(read_log(log), single_thread)


def processor() -> str:
    """Return the processor's name, as the system tells it."""
    try:
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
