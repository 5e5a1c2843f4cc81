"""What a calibration was asked to do, filled in once: by the command, or from Python."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from costmodel.bench.measure import Course
from costmodel.bench.plan import NETWORKS, QUICK, few_jobs, jobs
from costmodel.bench.runtimes import Runtime
from costmodel.latency.device import Conditions, Device, Peak
from costmodel.latency.lowering import Lowering

NOT_GIVEN = "left out: not given when it was measured"
"""Why a device that was measured does not state its datasheet."""


@dataclass(frozen=True)
class About:
    """What a device file says of a device besides what was measured.

    name: of the device and its file; title: the same in words; made_by: the command that makes the same file again.
    source: who measured; peaks: datasheet figures, for `device-from`, and peaks_source: which datasheet.
    power_w: drawn under load above idle; power_source: who measured that.
    """

    name: str
    title: str = ""
    made_by: str = ""
    source: str = ""
    peaks: Mapping[Peak, float] = field(default_factory=dict)
    peaks_source: str = ""
    power_w: float | None = None
    power_source: str = ""

    @property
    def fields(self) -> dict[str, Any]:
        """All of it by name, as a `Device` has it; the name is a title too."""
        said = self.peaks_source or (NOT_GIVEN if len(self.peaks) < 2 else "")
        return {**vars(self), "title": self.title or self.name, "peaks": dict(self.peaks), "peaks_source": said}


@dataclass(frozen=True)
class Campaign:
    """Measuring bundled networks on this machine, and fitting what was measured.

    log: the file that keeps what is measured; resume: go on with what it holds.
    runtime: in which networks run, with `threads`; batches: images at once.
    rounds: visits to each network; seconds: to stop measuring after.
    quick: eight networks, at the smallest batch first; chains: single-layer chains too.
    like: a device that the measurements scale, in place of a fit of their own; as few are made as of `quick`.
    hardware: in words, this processor's name where it is not given; date: of the measurements; notes: what else one
    must know.
    """

    about: About
    log: Path
    runtime: Runtime
    threads: int = 1
    batches: tuple[int, ...] = (1, 8, 16)
    rounds: int = 5
    seconds: float = 600.0
    quick: bool = False
    chains: bool = True
    like: Device | None = None
    resume: bool = False
    hardware: str | None = None
    date: str = ""
    notes: str = ""

    @property
    def course(self) -> Course:
        """What is to be measured."""
        if self.like is not None:
            return Course(few_jobs(self.batches, self.chains), self.rounds, self.seconds, smallest_first=True)
        if self.quick:
            return Course(jobs(QUICK, sorted(self.batches), False), self.rounds, self.seconds, smallest_first=True)
        return Course(jobs(NETWORKS, self.batches, self.chains), self.rounds, self.seconds)


@dataclass(frozen=True)
class Published:
    """Fitting what somebody else measured.

    table: the CSV file of the measurements; prior: one of similar devices, whose ratios draw the fit, or None.
    like: a device that they scale, in place of a fit of their own, or None.
    dtype, lowering: of what was measured, and how its runtime turned layers into kernels.
    hardware, runtime, threads, date, notes: what the device states of its measuring.
    """

    about: About
    table: Path
    prior: Path | None = None
    like: Device | None = None
    dtype: str = "float32"
    lowering: Lowering = field(default_factory=Lowering)
    hardware: str | None = None
    runtime: str = "not stated"
    threads: int | None = None
    date: str = ""
    notes: str = ""

    def conditions(self, batches: list[int]) -> Conditions:
        """Return what the device states of its measuring, with these batches measured."""
        return Conditions(
            hardware=self.hardware or self.about.name,
            runtime=self.runtime,
            threads=self.threads,
            dtype=self.dtype,
            batch=[min(batches), max(batches)],
            date=self.date,
            notes=self.notes,
        )
