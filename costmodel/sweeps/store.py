"""Where a sweep's rows go: a file that grows beside its final name, with a journal, and takes that name when whole."""

from __future__ import annotations

import hashlib
import io
import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from costmodel import __version__
from costmodel.documents.safe_text import cell
from costmodel.documents.write import check_place, plainly, put_on_disk, take_place, write_whole
from costmodel.errors import CostModelError
from costmodel.sweeps.lock import Lock
from costmodel.sweeps.question import Question

SAVE_EVERY = 1.0
"""Seconds between two saves of the journal: what a crash may cost."""


class Store:
    """The growing file ``FILE.part`` and its journal ``FILE.state``.

    The journal says how many chunks, and how many bytes of the part, are finished; on going on, what lies behind that
    is cut off. `notes` are whatever else the caller needs to go on. A lock keeps out every other sweep into the file.
    """

    def __init__(self, path: Path, question: Question, *, resume: bool = False) -> None:
        self.path = path
        self.part, self.journal = path.with_name(path.name + ".part"), path.with_name(path.name + ".state")
        self.columns = question.columns
        self.chunks, self.rows = 0, 0
        self.notes: dict[str, Any] = {}
        self._format = _format(path)
        self._fingerprint = fingerprint(question)
        self._saved = time.monotonic()
        check_place(path)
        with plainly(path):
            self._lock = Lock(path)
            try:
                self._file = self._continue() if resume and self.journal.is_file() else self._begin(resume)
            except BaseException:
                self._lock.release()
                raise

    def _begin(self, over: bool) -> BinaryIO:
        if self.part.exists() and not over:
            raise CostModelError(f"{self.part} is left of a sweep that was cut off: go on with --resume, or remove it")
        file: BinaryIO = open(self.part, "wb")  # noqa: SIM115 - it stays open while the sweep runs
        file.write(self._format.head(self.columns))
        return file

    def _continue(self) -> BinaryIO:
        try:
            state = json.loads(self.journal.read_text("utf-8"))
            chunks, rows, size, asked = (state[key] for key in ("chunks", "rows", "bytes", "asked"))
            whole = self.part.stat().st_size >= size
        except (ValueError, KeyError, FileNotFoundError):
            raise CostModelError(f"{self.journal} is damaged; remove it and {self.part}, and begin again") from None
        if asked != self._fingerprint:
            raise CostModelError(
                f"{self.journal} is of another sweep: ask the same again, or remove it and {self.part}"
            )
        if not whole:
            raise CostModelError(f"{self.part} is shorter than its journal says; remove both and begin again")
        self.chunks, self.rows, self.notes = chunks, rows, state["notes"]
        file: BinaryIO = open(self.part, "r+b")  # noqa: SIM115
        file.truncate(size)
        file.seek(size)
        return file

    def add(self, columns: Mapping[str, Any], rows: int) -> None:
        """Write the next chunk's rows.

        Raises:
            CostModelError: if they cannot be written.
        """
        with plainly(self.path):
            if rows:
                self._file.write(self._format.rows(columns, first=self.rows == 0))
            self.rows += rows
            self.chunks += 1

    def due(self) -> bool:
        """Say whether it is time to save the journal."""
        return time.monotonic() - self._saved > SAVE_EVERY

    def save(self) -> None:
        """Make what is written so far last, and note it in the journal.

        Raises:
            CostModelError: if it cannot be written.
        """
        with plainly(self.path):
            put_on_disk(self._file)
            state = {
                "asked": self._fingerprint,
                "chunks": self.chunks,
                "rows": self.rows,
                "bytes": self._file.tell(),
                "notes": self.notes,
            }
        write_whole(self.journal, json.dumps(state))
        self._saved = time.monotonic()

    def close(self) -> None:
        """Let go of the file; it stays as it is, to be gone on with."""
        try:
            with plainly(self.path):
                self._file.close()
        finally:
            self._lock.release()

    def finish(self) -> None:
        """Give the file its final name, now that it is whole, and remove the journal.

        Raises:
            CostModelError: if it cannot be written.
        """
        try:
            with plainly(self.path):
                self._file.write(self._format.tail(self.rows))
                put_on_disk(self._file)
                self._file.close()
                self._format.complete(self.part, self.columns)
                take_place(self.part, self.path)
                self.journal.unlink(missing_ok=True)
        finally:
            self._lock.release()


def fingerprint(question: Question) -> str:
    """Return what two runs of the same sweep share: program, network, points, columns and how they are priced."""
    asked = [
        __version__,
        *question.network.identity,
        question.points.described,
        question.points.chunk,
        question.columns,
        question.dtype,
        question.where.text if question.where else "",
        repr(question.device),
        repr(question.levels),
    ]
    return hashlib.sha256(json.dumps(asked).encode()).hexdigest()


class _Csv:
    def head(self, columns: tuple[str, ...]) -> bytes:
        return (",".join(columns) + "\n").encode()

    def rows(self, columns: Mapping[str, Any], first: bool) -> bytes:
        import pandas as pd

        frame = pd.DataFrame(dict(columns))
        for name in frame.select_dtypes(["object", "string"]):
            frame[name] = frame[name].map(lambda value: cell(value) if isinstance(value, str) else value)
        text: str = frame.to_csv(index=False, header=False, lineterminator="\n")
        return text.encode()

    def tail(self, rows: int) -> bytes:
        return b""

    def complete(self, part: Path, columns: tuple[str, ...]) -> None:
        """Leave the part as it is."""


class _Json(_Csv):
    """A list of objects, one a line."""

    def head(self, columns: tuple[str, ...]) -> bytes:
        return b"["

    def rows(self, columns: Mapping[str, Any], first: bool) -> bytes:
        names = list(columns)
        values = zip(*(column.tolist() for column in columns.values()), strict=True)
        lines = ",\n".join(json.dumps(dict(zip(names, row, strict=True))) for row in values)
        return f"{'' if first else ','}\n{lines}".encode()

    def tail(self, rows: int) -> bytes:
        return b"\n]\n" if rows else b"]\n"


class _Parquet(_Csv):
    """While it grows, a chain of Arrow streams with their lengths, which can be cut anywhere; Parquet in the end."""

    def __init__(self) -> None:
        try:
            import pyarrow  # noqa: F401
        except ImportError:
            raise CostModelError("Parquet needs pyarrow: pip install 'nn-costmodel[parquet]', or write .csv") from None

    def head(self, columns: tuple[str, ...]) -> bytes:
        return b""

    def rows(self, columns: Mapping[str, Any], first: bool) -> bytes:
        import pyarrow as pa

        batch = pa.record_batch([pa.array(column) for column in columns.values()], names=list(columns))
        buffer = io.BytesIO()
        with pa.ipc.new_stream(buffer, batch.schema) as stream:
            stream.write_batch(batch)
        body = buffer.getvalue()
        return len(body).to_bytes(8, "little") + body

    def complete(self, part: Path, columns: tuple[str, ...]) -> None:
        """Turn the chain into Parquet, in a file of its own that then takes the part's place."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        whole = part.with_name(part.name + ".parquet")
        writer = None
        try:
            for batch in _batches(part):
                writer = writer or pq.ParquetWriter(whole, batch.schema)
                writer.write_batch(batch)
            if writer is None:
                pq.write_table(pa.table({name: pa.array([], pa.int64()) for name in columns}), whole)
            else:
                writer.close()
            whole.replace(part)
        finally:
            whole.unlink(missing_ok=True)


def _batches(part: Path) -> Iterator[Any]:
    import pyarrow as pa

    with open(part, "rb") as file:
        while size := file.read(8):
            with pa.ipc.open_stream(file.read(int.from_bytes(size, "little"))) as stream:
                yield from stream


def _format(path: Path) -> _Csv:
    kinds: dict[str, type[_Csv]] = {".csv": _Csv, ".json": _Json, ".parquet": _Parquet}
    if path.suffix not in kinds:
        raise CostModelError(f"{path}: a sweep is written as {', '.join(kinds)}; the name says which")
    return kinds[path.suffix]()
