"""One writer at a time: a lock that the system takes back when its holder ends, however it ends."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from costmodel.errors import CostModelError

_BYTE = 1 << 30
"""Which byte of the file is locked: one far behind the text, since Windows lets nobody read a locked byte."""
_held: set[str] = set()
"""What this process holds: the system's locks keep out other processes only."""


class Lock:
    """A lock on `path`, kept by the file ``path.lock`` while it is held.

    The file says who holds the lock; whether anybody does, only the system knows. So what a dead process left behind
    keeps nobody out.
    """

    def __init__(self, path: Path) -> None:
        """Take the lock.

        Raises:
            CostModelError: if another process, or another sweep of this one, holds it.
            OSError: if the file cannot be written.
        """
        self._path = path.with_name(path.name + ".lock")
        self._key = os.path.realpath(self._path)
        if self._key in _held:
            raise CostModelError(f"{path} is being written by another sweep of this process; {_ADVICE}")
        while True:
            file: BinaryIO = open(self._path, "a+b")  # noqa: SIM115 - it stays open while the lock is held
            try:
                _take(file)
            except BlockingIOError:
                raise CostModelError(f"{path} is being written by {_holder(file)}; {_ADVICE}") from None
            except BaseException:
                file.close()
                raise
            if _names(self._path, file):
                break
            file.close()  # its holder removed it between our opening and locking it
        self._file = file
        _held.add(self._key)
        file.truncate(0)
        file.write(f"process {os.getpid()} since {datetime.now():%Y-%m-%d %H:%M:%S}\n".encode())
        file.flush()

    def release(self) -> None:
        """Let go of the lock, and remove its file. Once is enough; more does no harm."""
        if self._file.closed:
            return
        if sys.platform == "win32":  # which removes no open file, whoever holds it
            self._file.close()
        with suppress(OSError):
            self._path.unlink()
        self._file.close()
        _held.discard(self._key)


_ADVICE = "wait for it to end, or name another file"


def _holder(file: BinaryIO) -> str:
    """Return who holds the lock, as its file says, and close that."""
    with file:
        file.seek(0)
        return file.read(200).decode("utf-8", "replace").strip() or "another process"


def _names(path: Path, file: BinaryIO) -> bool:
    """Say whether `path` still is the file that is open."""
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


if sys.platform == "win32":
    import msvcrt

    def _take(file: BinaryIO) -> None:
        file.seek(_BYTE)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except PermissionError:
            raise BlockingIOError from None

else:
    import errno
    import fcntl

    def _take(file: BinaryIO) -> None:
        """Lock a file for this process alone: no process that it forks holds the lock on."""
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _BYTE)
        except PermissionError as error:  # how some systems say that it is held
            raise BlockingIOError(errno.EAGAIN, str(error)) from None
