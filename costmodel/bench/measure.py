"""Measuring on a machine that does other things too: interleaved rounds, the lowest of several, and how far two halves
differ.

Every visit to a network is written to a file at once, so that nothing measured is lost: Ctrl-C stops, and `resume`
goes on.
"""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from statistics import median
from typing import Protocol, TypeAlias

from pydantic import ConfigDict, TypeAdapter, ValidationError

from costmodel.bench.tables import SECONDS
from costmodel.documents.files import read_bytes
from costmodel.documents.safe_text import one_line
from costmodel.documents.text import decode
from costmodel.documents.write import plainly, write_whole
from costmodel.errors import CostModelError, Place, Problem, SpecError
from costmodel.graph import LayerGraph
from costmodel.latency.cells import Row, Sheet, between, whole
from costmodel.latency.complaints import fault_of
from costmodel.latency.device import Lanes, Threads
from costmodel.latency.lowering import Lowering
from costmodel.units import MOST_IMAGES

FIELDS = ("network", "family", "batch", "round", "wall_s", "cpu_s")
NO_LOG = f"this is no log of measurements; its columns must be {','.join(FIELDS)}"
MAX_LOG = 50_000_000
LEAST_SECONDS = 0.06
"""Short runs are repeated within a visit until they add up to this."""
TOO_NOISY = 0.15
"""With a repeatability worse than this a fit would describe the noise."""
OUTLIER = 0.25
"""A network whose halves differ by more is named and left out."""
FEWEST_ROUNDS = 2
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


class Runner(Protocol):
    """What can run a network: ONNX Runtime, PyTorch, or a planted machine in the tests."""

    single_thread: bool
    """Whether all work is done by the calling thread, so that its processor time is the better clock."""

    @property
    def lowering(self) -> Lowering:
        """How it turns layers into kernels."""

    def prepare(self, job: Job) -> Callable[[int], Run]:
        """Return what makes a run of a batch; called once a visit."""


@dataclass(frozen=True)
class Setting:
    """What a log was measured with: its first line. A log is gone on with only under the same."""

    __pydantic_config__ = ConfigDict(extra="forbid", allow_inf_nan=False)

    hardware: str
    runtime: str
    threads: Threads | None
    fuses: bool
    lanes: Lanes
    date: str = ""

    @property
    def lowering(self) -> Lowering:
        """How the runtime turned layers into kernels."""
        return Lowering(self.fuses, self.lanes)

    def same(self, other: Setting) -> bool:
        """Say whether two measurements can stand in one log: all but the date is equal."""
        return replace(self, date="") == replace(other, date="")

    def __str__(self) -> str:
        """The setting in words."""
        threads = f", {self.threads} thread{'s' * (self.threads > 1)}" if self.threads else ""
        return one_line(f"{self.runtime}{threads} on {self.hardware}")


@dataclass(frozen=True)
class Visit:
    """One visit: the shortest of a few runs in a row, in seconds on the wall and of the processor."""

    network: str
    family: str
    batch: int
    round: int
    wall_s: float
    cpu_s: float


@dataclass(frozen=True)
class Measured:
    """What a network took: the lowest of all rounds, and by how much the lowest of its two halves differ."""

    network: str
    family: str
    batch: int
    seconds: float
    differs: float


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
    """

    jobs: Sequence[Job]
    rounds: int
    seconds: float

    def __len__(self) -> int:
        """How many visits there are to make."""
        return self.rounds * len(self.jobs)

    def __iter__(self) -> Iterator[tuple[int, Job]]:
        """Yield each visit's round and job in order."""
        return ((turn, job) for turn in range(self.rounds) for job in self.jobs)


def measure(
    course: Course,
    runner: Runner,
    log: Path,
    setting: Setting,
    *,
    resume: bool = False,
    progress: Progress | None = None,
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
        clock: wall and processor time.

    Returns:
        All visits, those of an earlier session included. Ctrl-C ends the measuring, and what was measured is returned.

    Raises:
        CostModelError: if the log exists and is not to be resumed, cannot be read or written, or was measured under
        another setting and is not complete.
    """
    visits = list(_begin(log, resume, setting))
    done = {(visit.network, visit.batch, visit.round) for visit in visits}
    _require_same(log, setting, complete=not any(_todo(turn, job, done) for turn, job in course))
    with suppress(KeyboardInterrupt):  # what was measured until then is kept
        for visit in _visits(course, done, runner, progress, clock):
            _write(log, visit)
            visits.append(visit)
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
        raise CostModelError(
            f"{log} was measured in {before}, but this is {setting}; "
            "begin another with --log, or this one anew with --force"
        )


def _visits(
    course: Course, done: Collection[tuple[str, int, int]], runner: Runner, progress: Progress | None, clock: Clock
) -> Iterator[Visit]:
    """Make the visits that are not done yet, while there is time."""
    start = clock()[0]
    for count, (turn, job) in enumerate(course):
        spent = clock()[0] - start
        if spent > course.seconds:
            return
        if todo := _todo(turn, job, done):
            if progress is not None:
                left = min(course.seconds - spent, _left(spent, count, len(course), course.seconds))
                progress(count, len(course), job.network, left)
            yield from _visit(job, todo, runner, turn, clock)


def _write(log: Path, visit: Visit) -> None:
    """Add a visit to the log."""
    with plainly(log), log.open("a", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerow([getattr(visit, name) for name in FIELDS])


def _left(spent: float, count: int, planned: int, seconds: float) -> float:
    return spent / count * (planned - count) if count else seconds


def _visit(job: Job, batches: Iterable[int], runner: Runner, turn: int, clock: Clock) -> Iterator[Visit]:
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
        yield Visit(job.network, job.family, batch, turn, min(walls), min(cpus))


def _begin(log: Path, resume: bool, setting: Setting) -> Iterator[Visit]:
    """Yield what an earlier session measured; write the first lines of a new log."""
    if log.exists():
        if not resume:
            raise CostModelError(f"{log} exists; --resume goes on with it, --force begins anew")
        yield from read_log(log)
        with plainly(log), log.open("r+b") as file:  # what is appended must not join a line that was cut off
            file.truncate(file.read().rfind(b"\n") + 1)
        return
    write_whole(log, f"# {json.dumps(asdict(setting))}\n{','.join(FIELDS)}\n")


def read_log(log: Path) -> list[Visit]:
    """Return the visits that a log holds; a last line that was cut off is dropped.

    Raises:
        CostModelError: if it cannot be read.
        SpecError: with everything that is wrong in it.
    """
    sheet = Sheet(str(log), _whole_lines(log), FIELDS)
    visits: list[Visit] = []
    seen: dict[tuple[str, int, int], int] = {}
    for row in sheet.rows(_other_columns):
        visit = _visit_of(sheet, row)
        if visit is None:
            continue
        first = seen.setdefault((visit.network, visit.batch, visit.round), row.number)
        if first != row.number:
            sheet.complain(f"this visit stands twice, here and in line {first}", row.places["network"], "remove one")
        visits.append(visit)
    if not sheet.header and not sheet.problems:
        sheet.complain(NO_LOG, Place(1, 1))
    if sheet.problems:
        raise sheet.error()
    return visits


def _other_columns(header: list[str]) -> list[str]:
    return [] if tuple(header) == FIELDS else [NO_LOG]


def _visit_of(sheet: Sheet, row: Row) -> Visit | None:
    batch = sheet.number(row, "batch", None, *whole(1, MOST_IMAGES))
    turn = sheet.number(row, "round", None, *whole(0, MOST_IMAGES))
    wall = sheet.number(row, "wall_s", None, *between(*SECONDS))
    cpu = sheet.number(row, "cpu_s", None, *between(0, SECONDS[1]))
    for name in ("network", "family"):
        if not row.get(name):
            sheet.complain(f"the {name} is missing", row.places[name])
            return None
    if batch is None or turn is None or wall is None or cpu is None:
        return None
    return Visit(row.get("network"), row.get("family"), int(batch), int(turn), wall, cpu)


def _whole_lines(log: Path) -> str:
    """Return a log's text without a last line that was cut off: one that no newline ends."""
    text = decode(read_bytes(log, MAX_LOG, f"a log has at most {MAX_LOG:,}"), str(log))
    return text[: text.rfind("\n") + 1]


def read_setting(log: Path) -> Setting:
    """Return what a log was measured with.

    Raises:
        CostModelError: if its first line does not tell.
    """
    first, _, _ = _whole_lines(log).partition("\n")
    try:
        found: Setting = TypeAdapter(Setting).validate_json(first.strip().removeprefix("# "), strict=True)
        return found
    except ValidationError as error:
        fault = fault_of(error.errors()[0], [field.name for field in fields(Setting)])
        said = fault.message if fault.path else "it must be # and a map in JSON"
        message = f"its first line does not tell what it was measured with: {said}"
        raise SpecError(str(log), [Problem(message, Place(1, 1, len(first)), fault.hint)], first) from None


def summarize(visits: Iterable[Visit], single_thread: bool) -> list[Measured]:
    """Return the lowest of each network's visits, and how far the lowest of the even and of the odd rounds differ.

    With a single thread the processor's time counts: it does not run while the machine does something else.

    Raises:
        CostModelError: if the clock that counts shows no time at all.
    """
    groups: dict[tuple[str, str, int], list[Visit]] = {}
    for visit in visits:
        groups.setdefault((visit.network, visit.family, visit.batch), []).append(visit)
    return [
        Measured(
            *key, *_lowest(key[0], [(visit.round, visit.cpu_s if single_thread else visit.wall_s) for visit in group])
        )
        for key, group in groups.items()
        if len({visit.round for visit in group}) >= FEWEST_ROUNDS
    ]


def _lowest(network: str, times: Sequence[tuple[int, float]]) -> tuple[float, float]:
    halves = [[seconds for turn, seconds in times if turn % 2 == half] for half in (0, 1)]
    if not all(halves):
        turns = sorted({turn for turn, _ in times})
        halves = [[s for turn, s in times if turn == turns[0]], [s for turn, s in times if turn != turns[0]]]
    first, second = map(min, halves)
    if not first or not second:
        raise CostModelError(f"the processor's clock shows no time for a run of {network}; use the wall's: --threads 2")
    return min(first, second), abs(first - second) / min(first, second)


@dataclass(frozen=True)
class Quality:
    """How good the measurements are: the repeatability, and the networks that are left out."""

    repeatability: float
    outliers: tuple[Measured, ...]


def judge(measured: Sequence[Measured]) -> Quality:
    """Return how far measurements repeat themselves, as a share of the time.

    Raises:
        CostModelError: if there are none, or the machine is too noisy to fit anything.
    """
    if not measured:
        raise CostModelError(f"nothing was measured in {FEWEST_ROUNDS} rounds; give it more --minutes")
    repeatability = median(one.differs for one in measured)
    if repeatability > TOO_NOISY:
        raise CostModelError(
            "this machine is too noisy to fit: the two halves of the measurements differ by "
            f"{100 * repeatability:.0f} % (at most {100 * TOO_NOISY:.0f} %)"
            "; stop what else runs on it, and try again with --resume"
        )
    return Quality(repeatability, tuple(one for one in measured if one.differs > OUTLIER))
