"""A time model that is fitted to this machine, or to a table of measurements."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from costmodel.errors import CostModelError
from costmodel.render.answer import Answer
from costmodel.render.picture import check_picture, save_picture
from costmodel.tasks.device_file import OfNewDevice, of_device, write
from costmodel.tasks.request import Tell, found_device, unheard

if TYPE_CHECKING:
    from costmodel.bench.campaign import About, Campaign, Published
    from costmodel.latency.device import Device

Times: TypeAlias = dict[tuple[str, int], float]
"""What was measured, by network and batch."""

DTYPE = "float32"
"""Of a table, where nobody says another and it is like no device."""
QUICK_MINUTES = 2.0


@dataclass(frozen=True, kw_only=True)
class Request(OfNewDevice):
    """What is measured, and what the device's file says of it; without `table`, bundled networks run on this machine.

    like: a device that a few measurements scale, by its name or path; with `table` also FILE.csv, measurements of
    similar devices, which draw the fit. table: a file of measurements that somebody took; with it dtype, eager, lanes:
    of the runtime, which fuses nothing where it is eager. batches, minutes, rounds, quick, chains, resume, log: of
    measuring here. plot: where predicted is drawn against measured. peak, bandwidth: of the datasheet
    that peaks_source names; power: in watts. The rest is what the file says in words.
    """

    table: Path | None = None
    like: str | None = None
    runtime: str | None = None
    threads: int | None = None
    batches: tuple[int, ...] = (1, 8, 16)
    minutes: float = 10.0
    rounds: int = 5
    quick: bool = False
    chains: bool = True
    resume: bool = False
    log: Path | None = None
    hardware: str | None = None
    dtype: str | None = None
    eager: bool = False
    lanes: int | None = None
    source: str = ""
    date: str = ""
    notes: str = ""
    peak: str | None = None
    bandwidth: str | None = None
    peaks_source: str = ""
    power: float | None = None
    power_source: str = ""
    plot: Path | None = None

    def about(self) -> About:
        """Return what the device's file says besides what was measured.

        Raises:
            CostModelError: if a figure of the datasheet cannot be.
        """
        from costmodel.bench.campaign import About
        from costmodel.latency.transfer import rates

        peaks = rates(self.peak, self.bandwidth)
        said = (self.name, self.title or "", self.made_by, self.source, peaks, self.peaks_source)
        return About(*said, self.power, self.power_source)

    @property
    def reads_prior(self) -> bool:
        """Whether `like` is a file of measurements."""
        return self.like is not None and self.like.endswith(".csv")

    def published(self, table: Path) -> Published:
        """Return what fitting a table is asked to do.

        Raises:
            CostModelError: if there is no such device to be like, or its runtime is another than is said.
        """
        from costmodel.bench.campaign import Published
        from costmodel.latency.lowering import Lowering

        like = None if self.reads_prior else found_device(self.like)
        lowering = Lowering(fuses=not self.eager, lanes=self.lanes or 1)
        if like is not None:
            if self.eager and like.model.fuses:
                raise CostModelError(f"--eager says that nothing is fused, and on {like.name} layers are; leave it out")
            lowering = Lowering(like.model.fuses, self.lanes or like.model.lanes)
        return Published(
            about=self.about(),
            table=table,
            prior=Path(self.like) if self.like and self.reads_prior else None,
            like=like,
            dtype=like.dtype_for(self.dtype) if like else self.dtype or DTYPE,
            lowering=lowering,
            hardware=self.hardware,
            runtime=self.runtime or "not stated",
            threads=self.threads,
            date=self.date,
            notes=self.notes,
        )

    def campaign(self) -> Campaign:
        """Return what measuring here is asked to do; with a device that it is like, in as many threads as that.

        Raises:
            CostModelError: if there is no such device or runtime.
        """
        from costmodel.bench.campaign import Campaign
        from costmodel.bench.runtimes import DEFAULT, find_runtime

        if self.reads_prior:
            raise CostModelError(
                f"--like {self.like}: measuring here scales a device; name one of `costmodel devices`. "
                "A table of similar devices goes with --from"
            )
        like = found_device(self.like)

        return Campaign(
            about=self.about(),
            log=self.log or Path(f"{self.name}.csv"),
            runtime=find_runtime(self.runtime or DEFAULT),
            threads=self.threads or (like.conditions.threads if like else None) or 1,
            batches=self.batches,
            rounds=self.rounds,
            seconds=60 * (min(self.minutes, QUICK_MINUTES) if self.quick else self.minutes),
            quick=self.quick,
            chains=self.chains,
            like=like,
            resume=self.resume,
            hardware=self.hardware,
            date=self.date or time.strftime("%Y-%m-%d"),
            notes=self.notes,
        )


def answer(request: Request, say: Callable[[str], None], tell: Tell = unheard) -> Answer:
    """Return what the device's file says, and write it; `say` hears what happens while measuring.

    Raises:
        CostModelError: if there is too little to fit, or a file cannot be read or written.
    """
    request.check()
    check_picture(request.plot)
    if request.table is not None:
        device, measured = _from_table(request.published(request.table))
    else:
        device, measured = _from_machine(request, say, tell)
    drawn = None
    if request.plot is not None:
        from costmodel.render.latency_plots import fit_chart

        drawn = fit_chart(device, measured)
    write(device, request.path)
    if request.plot is not None and drawn is not None:
        save_picture(drawn, request.plot)
    return of_device(device)


def _from_table(published: Published) -> tuple[Device, Times]:
    """Return the device that a table describes, and the seconds that it holds."""
    from costmodel.bench.calibrate import fit_published
    from costmodel.bench.tables import read_table

    device = fit_published(published)
    return device, {(one.network, one.batch): one.seconds for one in read_table(published.table)}


def _from_machine(request: Request, say: Callable[[str], None], tell: Tell) -> tuple[Device, Times]:
    """Return the device that measuring here describes, and the seconds that were measured."""
    from costmodel.bench.machine import calibrate_machine, read_measured

    campaign = request.campaign()
    with tempfile.TemporaryDirectory() as folder:
        runner = campaign.runtime.open(campaign.threads, Path(folder))
        if request.force and not request.resume:
            campaign.log.unlink(missing_ok=True)
        device = calibrate_machine(campaign, runner, say, tell)
    found = read_measured(campaign.log, runner.single_thread)
    return device, {(one.network, one.batch): one.seconds for one in found}
