"""From this machine to a device: measure, judge the measurements, fit."""

from __future__ import annotations

import platform
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from costmodel.bench.calibrate import fit_device
from costmodel.bench.campaign import About, Campaign
from costmodel.bench.crossvalidate import FEWEST_FAMILIES
from costmodel.bench.fit import CHAIN, Sample
from costmodel.bench.layer_classes import classes_of
from costmodel.bench.layers import PROFILED, LayerTime, log_of_layers, profiled, read_layers, write_layers
from costmodel.bench.like import like
from costmodel.bench.log import Setting, read_log, read_setting
from costmodel.bench.measure import Progress, Runner, measure
from costmodel.bench.plan import network_of
from costmodel.bench.quality import Measured, judge, summarize
from costmodel.bench.tables import sample_of
from costmodel.errors import CostModelError
from costmodel.latency.device import Conditions, Device
from costmodel.latency.lowering import Lowering
from costmodel.latency.machine import this_machine


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
        CostModelError: if too little was measured, the machine is too noisy, or the runtime fuses layers and the device
            that it is said to be like does not, or the other way round.
    """
    here = setting_of(campaign, runner)
    if campaign.like is not None and campaign.like.model.fuses != here.fuses:
        raise CostModelError(_unlike(campaign.like, here))
    visits = measure(campaign.course, runner, campaign.log, here, resume=campaign.resume, progress=progress, tell=tell)
    setting, measured = read_setting(campaign.log), summarize(visits, runner.single_thread)
    if campaign.like is not None and len({one.family for one in measured} - {CHAIN}) < FEWEST_FAMILIES:
        measured = summarize(visits, runner.single_thread, rounds=1)  # a little is better than nothing
    seen = [one.batch for one in measured if one.family != CHAIN] or campaign.batches
    conditions = Conditions(
        hardware=setting.hardware,
        runtime=setting.runtime,
        threads=setting.threads,
        dtype="float32",
        batch=[min(seen), max(seen)],
        options=setting.options,
        date=setting.date,
        notes=campaign.notes,
    )
    fit = fit_log if campaign.like is None else partial(fit_like, campaign.like)
    device = fit(campaign.about, measured, conditions, setting.lowering, tell)
    times = layers_of_campaign(campaign, runner, here, tell)
    return device.model_copy(update={"machine": setting.machine, "layers": classes_of(device, times)})


def layers_of_campaign(
    campaign: Campaign, runner: Runner, here: Setting, tell: Callable[[str], None]
) -> list[LayerTime]:
    """Return what single layers take: what stands beside a log that is gone on with, else what is measured here and
    written there. None where the campaign is quick or scales a device, where its log was measured elsewhere, and, in
    words, where the runtime does not say.
    """
    file = log_of_layers(campaign.log)
    if file.exists() and campaign.resume:
        return read_layers(file)
    if campaign.quick or campaign.like is not None or not read_setting(campaign.log).same(here):
        return []
    tell(f"single layers of {len(PROFILED)} networks, into {file}")
    try:
        times = list(profiled(runner, PROFILED, dict.fromkeys((min(campaign.batches), max(campaign.batches)))))
    except CostModelError as error:
        tell(f"no times of single layers: {error}")
        return []
    write_layers(file, here, times)
    return read_layers(file)  # as a later fit finds them


def _unlike(device: Device, here: Setting) -> str:
    """Return why a device says nothing of how layers are run here."""
    fused, eager = "computes norms and activations within convolutions", "runs every layer by itself"
    theirs, ours = (fused, eager) if device.model.fuses else (eager, fused)
    return (
        f"--like {device.name}: {device.conditions.runtime} {theirs}, and {here.runtime} {ours}; "
        "name a device of a runtime of that kind, or another --runtime"
    )


def setting_of(campaign: Campaign, runner: Runner) -> Setting:
    """Return what a campaign measures with here."""
    return Setting(
        campaign.hardware or getattr(runner, "hardware", None) or processor(),
        str(campaign.runtime),
        None if campaign.runtime.gpu else campaign.threads,
        runner.lowering.fuses,
        runner.lowering.lanes,
        campaign.date,
        getattr(runner, "options", ""),
        None if campaign.runtime.gpu else this_machine(),
    )


def fit_log(
    about: About,
    measured: Sequence[Measured],
    conditions: Conditions,
    lowering: Lowering,
    tell: Callable[[str], None],
) -> Device:
    """Judge measurements and return the device that they describe; outliers are named and left out.

    Raises:
        CostModelError: if there are too few, or the machine was too noisy.
    """
    repeatability, repeated = _judged(measured, tell)
    return fit_device(
        about,
        samples_of_measured(repeated, lowering),
        conditions,
        lowering=lowering,
        repeatability_percent=100 * repeatability,
    )


def fit_like(
    device: Device,
    about: About,
    measured: Sequence[Measured],
    conditions: Conditions,
    lowering: Lowering,
    tell: Callable[[str], None],
) -> Device:
    """Judge measurements, if any was made twice, and return the device that they and one like it describe together.

    Raises:
        CostModelError: if no network was measured, or the machine was too noisy.
    """
    if any(one.differs is not None for one in measured):
        repeatability, kept = _judged(measured, tell)
        return like(device, samples_of_measured(kept, lowering), about, conditions, lowering, 100 * repeatability)
    tell("every network was measured once at most, so that nobody knows how far that repeats; --resume goes on")
    return like(device, samples_of_measured(measured, lowering), about, conditions, lowering)


def _judged(measured: Sequence[Measured], tell: Callable[[str], None]) -> tuple[float, list[Measured]]:
    """Return how far measurements repeat and those that are fitted on; outliers are named."""
    quality = judge(measured)
    tell(f"measurements repeat within {100 * quality.repeatability:.1f} % (median of {len(measured)})")
    for one in quality.outliers:
        differs = 100 * (one.differs or 0)
        tell(f"left out: {one.network} at batch {one.batch}, whose two halves differ by {differs:.0f} %")
    return quality.repeatability, [one for one in measured if one not in quality.outliers]


def samples_of_measured(measured: Sequence[Measured], lowering: Lowering) -> list[Sample]:
    """Return measured networks with their features; each is built once, however many batches of it were measured."""
    graphs = {name: network_of(name) for name in dict.fromkeys(one.network for one in measured)}
    return [
        sample_of(graphs[one.network], one.network, one.family, one.batch, one.seconds, "float32", lowering)
        for one in measured
    ]


def read_measured(log: Path, single_thread: bool) -> list[Measured]:
    """Return what the log of a calibration holds, each network once a batch."""
    return summarize(read_log(log), single_thread)


def processor() -> str:
    """Return the processor's name, as the system tells it."""
    return this_machine().processor or platform.processor() or platform.machine()
