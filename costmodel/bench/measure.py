"""Measuring on a machine that does other things too: interleaved rounds, each visit the shortest of a few runs.

Every visit to a network is written to a log at once, so that nothing measured is lost: Ctrl-C stops, and `resume` goes
on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, TypeAlias

from costmodel.bench.log import Setting, Visit, begin_log, read_setting, write_visit
from costmodel.bench.quality import BUSY, FEWEST_ROUNDS, busy
from costmodel.errors import CostModelError
from costmodel.graph import LayerGraph
from costmodel.latency.lowering import Lowering

LEAST_SECONDS = 0.06
"""Short runs are repeated within a visit until they add up to this."""
WARM_UPS = 2
"""Runs before the clock counts: the first allocates, and after it a runtime may lay its memory out anew."""
LEAST_RUNS = 3

Run: TypeAlias = Callable[[], None]
"""Runs one batch."""
Progress: TypeAlias = Callable[[int, int, str, float], None]
"""Is told the visits done, those planned, the network and the seconds left."""


@dataclass(frozen=True)
class Job:
    """A network (or chain) to measure, at several batches. `build` is called only when it is its turn."""

    network: str
    family: str
    batches: tuple[int, ...]
    build: Callable[[], LayerGraph]


@dataclass(frozen=True)
class LayerTimes:
    """What a runtime took for some layers that it computes together, by their paths, in seconds of each run."""

    layers: tuple[str, ...]
    seconds: tuple[float, ...]


class Runner(Protocol):
    """What can run a network: ONNX Runtime, PyTorch, or a planted machine in the tests."""

    single_thread: bool
    """Whether all work is done by the calling thread, so that its processor time is the better clock."""

    @property
    def lowering(self) -> Lowering:
        """How it turns layers into kernels."""

    def prepare(self, job: Job) -> Callable[[int], Run]:
        """Return what makes a run of a batch; called once a visit."""


class Clock(Protocol):
    """Two clocks, so that tests can bring their own."""

    def __call__(self) -> tuple[float, float]:
        """Return seconds on the wall and of this process's processor time."""


def clocks() -> tuple[float, float]:
    """Return the machine's own."""
    return time.perf_counter(), time.process_time()


@dataclass(frozen=True)
class Course:
    """What is to be measured: every job once a round, each round in the same order, until the rounds or the seconds
    are over. A round that has begun when they are is not finished.

    smallest_first: the rounds without which nothing can be said are made of every job's smallest batch before any other
    batch has its turn, and are made even if the seconds are over.
    """

    jobs: Sequence[Job]
    rounds: int
    seconds: float
    smallest_first: bool = False

    def __len__(self) -> int:
        """How many visits there are to make."""
        return sum(1 for _ in self)

    def __iter__(self) -> Iterator[tuple[int, Job]]:
        """Yield each visit's round and job in order."""
        firsts = FEWEST_ROUNDS if self.smallest_first else 0
        for batches in (slice(1), slice(1, None)):
            some = [replace(job, batches=job.batches[batches]) for job in self.jobs]
            yield from ((turn, job) for turn in range(firsts) for job in some if job.batches)
        yield from ((turn, job) for turn in range(firsts, self.rounds) for job in self.jobs)

    @property
    def least(self) -> int:
        """How many visits are made even if the seconds are over."""
        return FEWEST_ROUNDS * len(self.jobs) if self.smallest_first else 0


def measure(
    course: Course,
    runner: Runner,
    log: Path,
    setting: Setting,
    *,
    resume: bool = False,
    progress: Progress | None = None,
    tell: Callable[[str], None] | None = None,
    clock: Clock = clocks,
) -> list[Visit]:
    """Visit networks in turn, and write each visit down at once.

    Args:
        course: what to measure.
        runner: what runs it.
        log: the CSV file that every visit is written to.
        setting: written down in a new log, and compared with an old one's.
        resume: go on with what `log` holds.
        progress: called before each visit with the visits done, those planned, the network and the seconds left.
        tell: is told once, as soon as a run shows it, that the machine is busy with other work.
        clock: wall and processor time.

    Returns:
        All visits, those of an earlier session included. Ctrl-C ends the measuring, and what was measured is returned.

    Raises:
        CostModelError: if the log exists and is not to be resumed, cannot be read or written, or was measured under
        another setting and is not complete.
    """
    visits = begin_log(log, resume, setting)
    done = {(visit.network, visit.batch, visit.round) for visit in visits}
    _require_same(log, setting, complete=not any(_todo(turn, job, done) for turn, job in course))
    with suppress(KeyboardInterrupt):  # what was measured until then is kept
        for visit, slowed in _visits(course, done, runner, progress, clock):
            write_visit(log, visit)
            visits.append(visit)
            if tell is not None and runner.single_thread and slowed > BUSY:
                tell(busy(visit.network, slowed))
                tell = None
    return visits


def _todo(turn: int, job: Job, done: Collection[tuple[str, int, int]]) -> list[int]:
    """Return the batches of a job that were not visited yet in a round."""
    return [batch for batch in job.batches if (job.network, batch, turn) not in done]


def _require_same(log: Path, setting: Setting, complete: bool) -> None:
    """Raise unless visits under `setting` can stand in the log; where none is missing, only what was asked for counts:
    a log that is complete may be fitted again on another machine.
    """
    before = read_setting(log)
    as_asked = (before.threads, before.fuses) == (setting.threads, setting.fuses)
    if not as_asked or not (complete or before.same(setting)):
        apart = before.told_apart(setting) if as_asked else None
        there, here = (f"on {apart[0]}", apart[1]) if apart else (f"in {before}", f"{setting}")
        raise CostModelError(
            f"{log} was measured {there}, but this is {here}; begin another with --log, or this one anew with --force"
        )


def _visits(
    course: Course, done: Collection[tuple[str, int, int]], runner: Runner, progress: Progress | None, clock: Clock
) -> Iterator[tuple[Visit, float]]:
    """Make the visits that are not done yet, while there is time."""
    start = clock()[0]
    for count, (turn, job) in enumerate(course):
        spent = clock()[0] - start
        if spent > course.seconds and count >= course.least:
            return
        if todo := _todo(turn, job, done):
            if progress is not None:
                left = min(max(course.seconds - spent, 0.0), _left(spent, count, len(course), course.seconds))
                progress(count, len(course), job.network, left)
            yield from _visit(job, todo, runner, turn, clock)


def _left(spent: float, count: int, planned: int, seconds: float) -> float:
    return spent / count * (planned - count) if count else seconds


def _visit(job: Job, batches: Iterable[int], runner: Runner, turn: int, clock: Clock) -> Iterator[tuple[Visit, float]]:
    """Yield a visit for each batch, and how many times its processor time its runs took on the wall."""
    make = runner.prepare(job)
    for batch in batches:
        run = make(batch)
        for _ in range(WARM_UPS):
            run()
        walls: list[float] = []
        cpus: list[float] = []
        spent = 0.0
        while len(walls) < LEAST_RUNS or spent < LEAST_SECONDS:
            wall, cpu = clock()
            run()
            now = clock()
            walls.append(now[0] - wall)
            cpus.append(now[1] - cpu)
            spent += walls[-1]
        slowed = sum(walls) / sum(cpus) if sum(cpus) else 1.0
        yield Visit(job.network, job.family, batch, turn, min(walls), min(cpus)), slowed
