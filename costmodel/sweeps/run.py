"""Run a sweep to its end, or to where it is cut off: rows to a file, the Pareto front and a sample kept on the way."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from costmodel.errors import CostModelError
from costmodel.sweeps.chunks import answers
from costmodel.sweeps.pareto import Front, Goal
from costmodel.sweeps.question import Chunk, LeftOut, LostError, Question, Reasons, add_reasons

if TYPE_CHECKING:
    from collections.abc import Mapping

    from costmodel.sweeps.store import Store

SAMPLE = 20_000
"""Rows kept to be drawn."""
SHOWN = 20
"""First rows kept to be printed."""


class Sample:
    """Every n-th of all rows seen, where n doubles whenever the sample gets too large: the same rows on every run."""

    def __init__(self, size: int = SAMPLE) -> None:
        self.size, self.every, self.seen = size, 1, 0
        self.columns: dict[str, Any] = {}

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def add(self, columns: Mapping[str, Any]) -> None:
        """Take the rows whose turn it is."""
        rows = len(next(iter(columns.values()), ()))
        first = -self.seen % self.every
        new = {name: column[first :: self.every] for name, column in columns.items()}
        self.columns = {n: np.concatenate([self.columns[n], c]) if self.columns else c.copy() for n, c in new.items()}
        self.seen += rows
        while len(self) > self.size:
            self.columns = {name: column[::2] for name, column in self.columns.items()}
            self.every *= 2


@dataclass
class Outcome:
    """What a sweep came to: how many points were looked at, how many rows met the condition, and what was left out."""

    question: Question
    seen: int = 0
    rows: int = 0
    left_out: Reasons = field(default_factory=dict)
    first: list[dict[str, Any]] = field(default_factory=list)
    front: Front | None = None
    sample: Sample | None = None
    finished: bool = False

    def take(self, chunk: Chunk) -> None:
        """Add one chunk."""
        self.seen += chunk.seen
        self.rows += len(chunk)
        add_reasons(self.left_out, chunk.left_out)
        if len(self.first) < SHOWN:
            head = [column[: SHOWN - len(self.first)].tolist() for column in chunk.columns.values()]
            self.first += [dict(zip(chunk.columns, row, strict=True)) for row in zip(*head, strict=True)]
        if self.front is not None:
            self.front.add(chunk.columns)
        if self.sample is not None:
            self.sample.add(
                {goal.column: chunk.columns[goal.column] for goal in self.front.goals} if self.front else {}
            )

    def notes(self) -> dict[str, Any]:
        """Return what is needed to go on from here, as plain data."""
        return {
            "seen": self.seen,
            "rows": self.rows,
            "left_out": {key: asdict(entry) for key, entry in self.left_out.items()},
            "first": self.first,
            "front": _lists(self.front.columns) if self.front else None,
            "sample": [self.sample.every, self.sample.seen, _lists(self.sample.columns)] if self.sample else None,
        }

    def go_on(self, notes: Mapping[str, Any]) -> None:
        """Take up what `notes` returned."""
        self.seen, self.rows, self.first = notes["seen"], notes["rows"], notes["first"]
        self.left_out = {key: LeftOut(**entry) for key, entry in notes["left_out"].items()}
        if self.front is not None:
            self.front.columns = _arrays(notes["front"] or {})
        if self.sample is not None and notes["sample"]:
            self.sample.every, self.sample.seen, columns = notes["sample"]
            self.sample.columns = _arrays(columns)


def run(
    question: Question,
    *,
    store: Store | None = None,
    goals: Sequence[Goal] = (),
    sample: bool = False,
    workers: int = 1,
    cluster: str | None = None,
    tell: Callable[[Outcome], None] = lambda outcome: None,
) -> Outcome:
    """Answer a question, chunk by chunk, and call `tell` after each. Ctrl-C ends it early, with what is finished kept.

    Raises:
        CostModelError: if a chunk cannot be priced or written; what was finished before is kept in the store.
    """
    outcome = Outcome(question, front=Front(goals) if goals else None, sample=Sample() if sample else None)
    start = 0
    if store is not None and store.chunks:
        start = store.chunks
        outcome.go_on(store.notes)
    whole = True  # whether store and outcome tell of the same chunks
    try:
        with _stop_between_chunks() as stopped:
            for chunk in answers(question, start, workers=workers, cluster=cluster):
                whole = False
                outcome.take(chunk)
                if store is not None:
                    store.add(chunk.columns, len(chunk))
                whole = True
                if store is not None and store.due():
                    _save(store, outcome)
                tell(outcome)
                if stopped.is_set():
                    break
            else:
                outcome.finished = True
    except KeyboardInterrupt:
        pass
    except CostModelError as error:
        with suppress(CostModelError):
            _leave(store, outcome, whole)
        if isinstance(error, LostError) and store is not None and store.chunks:
            raise LostError(f"{error}; what is finished is kept, go on with --resume") from None
        raise
    if outcome.finished and store is not None:
        store.finish()
    else:
        _leave(store, outcome, whole)
    return outcome


@contextmanager
def _stop_between_chunks() -> Iterator[threading.Event]:
    """Let the first Ctrl-C only set a flag, so that no chunk is left half written; the second one stops at once."""
    stopped = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stopped
        return

    def note(*_: object) -> None:
        stopped.set()
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield stopped
    finally:
        signal.signal(signal.SIGINT, before)


def _save(store: Store, outcome: Outcome) -> None:
    store.notes = outcome.notes()
    store.save()


def _leave(store: Store | None, outcome: Outcome, whole: bool) -> None:
    """Keep what is finished for another time. What is torn stays behind the last save, where going on cuts it off."""
    if store is None:
        return
    if store.chunks and whole:
        _save(store, outcome)
    store.close()


def _lists(columns: Mapping[str, Any]) -> dict[str, Any]:
    return {name: column.tolist() for name, column in columns.items()}


def _arrays(columns: Mapping[str, Any]) -> dict[str, Any]:
    arrays = {name: np.asarray(values) for name, values in columns.items()}
    return {name: array.astype(object) if array.dtype.kind == "U" else array for name, array in arrays.items()}
