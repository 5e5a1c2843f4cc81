"""From this machine to a device: measure, judge the measurements, fit."""

from __future__ import annotations

import platform
from collections.abc import Callable, Sequence
from pathlib import Path

from costmodel.errors import CostModelError
from costmodel.latency.calibrate import fit_device
from costmodel.latency.crossvalidate import CHAIN
from costmodel.latency.device import Conditions, Device
from costmodel.latency.fit import Sample
from costmodel.latency.measure import Measured, OnnxRuntime, Runner, judge, measure, read_log, summarize
from costmodel.latency.plan import NETWORKS, QUICK, jobs, network_of
from costmodel.latency.tables import kernels_of


def calibrate_machine(
    name: str,
    title: str | None,
    *,
    log: Path,
    folder: Path,
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
    peaks: dict[str, float],
    progress: Callable[[int, int, str, float], None],
    tell: Callable[[str], None],
    runner: Runner | None = None,
) -> Device:
    """Measure bundled networks in ONNX Runtime on this machine and return the device that they describe.

    Args:
        name: of the device.
        title: the same in words.
        log: the file that keeps what is measured.
        folder: for exported networks, a few gigabytes.
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
        runner: in place of ONNX Runtime.

    Raises:
        CostModelError: if too little was measured, or the machine is too noisy.
    """
    found = runner or _onnxruntime(threads, folder)
    todo = jobs(QUICK if quick else NETWORKS, batches, chains and not quick)
    visits = measure(todo, found, log, rounds=rounds, seconds=seconds, resume=resume, progress=progress)
    return fit_log(
        name,
        title,
        summarize(visits, found.single_thread),
        Conditions(
            hardware=hardware or processor(),
            runtime=_runtime(),
            threads=threads,
            dtype="float32",
            batch=[min(batches), max(batches)],
            date=date,
            notes=notes,
        ),
        source=source,
        made_by=made_by,
        peaks=peaks,
        tell=tell,
    )


def fit_log(
    name: str,
    title: str | None,
    measured: Sequence[Measured],
    conditions: Conditions,
    *,
    source: str,
    made_by: str,
    peaks: dict[str, float],
    tell: Callable[[str], None],
) -> Device:
    """Judge measurements and return the device that they describe: outliers are named and left out, and single-layer
    chains are fitted on only where that makes predictions of unseen families better.

    Raises:
        CostModelError: if there are too few, or the machine was too noisy.
    """
    quality = judge(measured)
    tell(f"measurements repeat within {100 * quality.repeatability:.1f} % (median of {len(measured)})")
    for one in quality.outliers:
        tell(f"left out: {one.network} at batch {one.batch}, whose two halves differ by {100 * one.differs:.0f} %")
    kept = samples_of_measured([one for one in measured if one not in quality.outliers])
    networks = [sample for sample in kept if sample.family != CHAIN]
    fits = [
        fit_device(
            name,
            title or name,
            samples,
            conditions,
            fuses=True,
            made_by=made_by,
            source=source,
            repeatability_percent=100 * quality.repeatability,
            peaks=peaks,
        )
        for samples in ([networks, kept] if len(networks) < len(kept) else [networks])
    ]
    return min(fits, key=lambda device: device.error.mape_percent if device.error else 0.0)


def samples_of_measured(measured: Sequence[Measured]) -> list[Sample]:
    """Return measured networks with their features, under a runtime that fuses."""
    return [
        Sample(
            one.network,
            one.family,
            one.batch,
            one.seconds,
            kernels_of(network_of(one.network), one.batch, "float32", True),
        )
        for one in measured
    ]


def read_measured(log: Path, single_thread: bool) -> list[Measured]:
    """Return what the log of a calibration holds, each network once a batch."""
    return summarize(read_log(log), single_thread)


def _onnxruntime(threads: int, folder: Path) -> OnnxRuntime:
    try:
        import onnx  # noqa: F401
        import onnxruntime  # type: ignore[import-untyped]  # noqa: F401
    except ImportError:
        raise CostModelError("measuring needs ONNX Runtime: pip install 'nn-costmodel[onnx]'") from None
    return OnnxRuntime(threads, folder)


def _runtime() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return f"ONNX Runtime {version('onnxruntime')}, CPU"
    except PackageNotFoundError:
        return "ONNX Runtime, CPU"


def processor() -> str:
    """Return the processor's name, as the system tells it."""
    try:
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
