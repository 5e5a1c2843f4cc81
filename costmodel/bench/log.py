"""The log of a calibration: what it was measured with, then each visit to a network as it was made."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError

from costmodel.bench.tables import SECONDS
from costmodel.documents.files import read_bytes
from costmodel.documents.safe_text import one_line
from costmodel.documents.text import decode
from costmodel.documents.write import plainly, write_whole
from costmodel.errors import CostModelError, Place, Problem, SpecError
from costmodel.latency.cells import Record, Sheet, between, whole
from costmodel.latency.complaints import fault_of
from costmodel.latency.device import Lanes, Threads
from costmodel.latency.lowering import Lowering
from costmodel.latency.machine import Machine, told_apart
from costmodel.units import MOST_IMAGES

FIELDS = ("network", "family", "batch", "round", "wall_s", "cpu_s")
NO_LOG = f"this is no log of measurements; its columns must be {','.join(FIELDS)}"
MAX_LOG = 50_000_000


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
    options: str = ""
    """How the runtime was set, in words."""
    machine: Machine | None = None
    """What the machine says of itself; older logs do not tell."""

    @property
    def lowering(self) -> Lowering:
        """How the runtime turned layers into kernels."""
        return Lowering(self.fuses, self.lanes)

    def same(self, other: Setting) -> bool:
        """Say whether two measurements can stand in one log: all but the date is equal, as far as both tell."""
        bare = [replace(one, date="", options="", machine=None) for one in (self, other)]
        return bare[0] == bare[1] and self.told_apart(other) is None

    def told_apart(self, other: Setting) -> tuple[str, str] | None:
        """Return both machines in words where both settings tell, and differently."""
        return told_apart(self.machine, other.machine) if self.machine and other.machine else None

    @property
    def line(self) -> str:
        """The setting as a line of JSON; what a machine does not tell is left out."""
        machine = self.machine and self.machine.model_dump(mode="json", exclude_none=True)
        return json.dumps({**asdict(replace(self, machine=None)), "machine": machine})

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


def begin_log(log: Path, resume: bool, setting: Setting) -> list[Visit]:
    """Return what an earlier session measured; write the first lines of a new log.

    Raises:
        CostModelError: if there is a log that is not to be resumed, or it cannot be read or written.
    """
    if log.exists():
        if not resume:
            raise CostModelError(f"{log} exists; --resume goes on with it, --force begins anew")
        visits = read_log(log)
        with plainly(log), log.open("r+b") as file:  # what is appended must not join a line that was cut off
            file.truncate(file.read().rfind(b"\n") + 1)
        return visits
    write_whole(log, head_of(setting, FIELDS))
    return []


def head_of(setting: Setting, columns: Iterable[str]) -> str:
    """Return the first lines of a log: what it was measured with, and the names of its columns."""
    return f"# {setting.line}\n{','.join(columns)}\n"


def lines_of(rows: Iterable[Iterable[Any]]) -> str:
    """Return rows as lines of a log."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def write_visit(log: Path, visit: Visit) -> None:
    """Add a visit to the log."""
    with plainly(log), log.open("a", encoding="utf-8", newline="") as file:
        file.write(lines_of([[getattr(visit, name) for name in FIELDS]]))


def read_log(log: Path) -> list[Visit]:
    """Return the visits that a log holds; a last line that was cut off is dropped.

    Raises:
        CostModelError: if it cannot be read.
        SpecError: with everything that is wrong in it.
    """
    sheet = Sheet(str(log), _whole_lines(log), FIELDS)
    visits: list[Visit] = []
    seen: dict[tuple[str, int, int], int] = {}
    for row in sheet.records(_other_columns):
        visit = _visit_of(sheet, row)
        if visit is None:
            continue
        first = seen.setdefault((visit.network, visit.batch, visit.round), row.number)
        if first != row.number:
            sheet.complain(f"this visit stands twice, here and in line {first}", row.places["network"], "remove one")
        visits.append(visit)
    sheet.finish(NO_LOG)
    return visits


def _other_columns(header: list[str]) -> list[str]:
    return [] if tuple(header) == FIELDS else [NO_LOG]


def _visit_of(sheet: Sheet, row: Record) -> Visit | None:
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
        fault = fault_of(error.errors()[0], [*(field.name for field in fields(Setting)), *Machine.model_fields])
        said = fault.message if fault.path else "it must be # and a map in JSON"
        message = f"its first line does not tell what it was measured with: {said}"
        raise SpecError(str(log), [Problem(message, Place(1, 1, len(first)), fault.hint)], first) from None
