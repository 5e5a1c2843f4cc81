"""From this machine to a device: measure, judge the measurements, fit."""

from __future__ import annotations

import platform
from collections.abc import Callable, Sequence
from pathlib import Path

from costmodel.bench.calibrate import fit_device, unseen_error_percent
from costmodel.bench.campaign import About, Campaign
from costmodel.bench.crossvalidate import CHAIN
from costmodel.bench.fit import Sample
from costmodel.bench.log import Setting, read_log, read_setting
from costmodel.bench.measure import Progress, Runner, measure
from costmodel.bench.microbench import is_rare
from costmodel.bench.plan import network_of
from costmodel.bench.quality import Measured, judge, summarize
from costmodel.bench.tables import kernels_of
from costmodel.latency.device import Conditions, Device
from costmodel.latency.lowering import Lowering


def calibrate_machine(
    campaign: Campaign, runner: Runner, tell: Callable[[str], None], progress: Progress | None = None
) -> Device:
    """Measure bundled networks on this machine and return the device that they describe.

    Args:
        campaign: what to measure, and what to say of it.
        runner: what the campaign's runtime opened with its threads, or a planted machine.
        tell: says a line to the person who waits.
        progress: see `measure`.

    Raises:
        CostModelError: if too little was measured, or the machine is too noisy.
    """
    here = setting_of(campaign, runner)
    visits = measure(campaign.course, runner, campaign.log, here, resume=campaign.resume, progress=progress)
    setting, measured = read_setting(campaign.log), summarize(visits, runner.single_thread)
    seen = [one.batch for one in measured] or campaign.batches
    conditions = Conditions(
        hardware=setting.hardware,
        runtime=setting.runtime,
        threads=setting.threads,
        dtype="float32",
        batch=[min(seen), max(seen)],
        date=setting.date,
        notes=campaign.notes,
    )
    return fit_log(campaign.about, measured, conditions, setting.lowering, tell)


def setting_of(campaign: Campaign, runner: Runner) -> Setting:
    """Return what a campaign measures with here."""
    return Setting(
        campaign.hardware or getattr(runner, "hardware", None) or processor(),
        str(campaign.runtime),
        None if campaign.runtime.gpu else campaign.threads,
        runner.lowering.fuses,
        runner.lowering.lanes,
        campaign.date,
    )


def fit_log(
    about: About,
    measured: Sequence[Measured],
    conditions: Conditions,
    lowering: Lowering,
    tell: Callable[[str], None],
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
        about,
        min(choices, key=unseen_error_percent) if len(choices) > 1 else networks,
        conditions,
        lowering=lowering,
        repeatability_percent=100 * quality.repeatability,
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
