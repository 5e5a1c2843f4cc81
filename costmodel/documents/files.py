"""Reading a file that somebody named: regular, of bounded size, and with a message for whatever else it is."""

from __future__ import annotations

import mmap
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from costmodel.errors import CostModelError, quote

READ_WHOLE = 2**26
"""Bytes up to which a file is read whole: one that shrinks while it is looked at would end the program."""


def read_bytes(path: Path, most: int, limit: str) -> bytes:
    """Return the bytes of a file that has at most `most`; `limit` says so in words.

    Raises:
        CostModelError: if it is missing, no regular file, unreadable or too large.
    """
    with _opened(path, most, limit) as (file, _):
        return file.read(most)


def look_at(path: Path, most: int, limit: str) -> bytes | memoryview:
    """Return the bytes of a file, of a large one a view that reads only what is looked at.

    Raises:
        CostModelError: as `read_bytes` does.
    """
    with _opened(path, most, limit) as (file, size):
        if size <= READ_WHOLE:
            return file.read(most)
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def let_go(data: bytes | memoryview, before: int) -> None:
    """Free the memory in which a large file was looked at up to `before`: a look at one byte may have taken 2 MB."""
    whole = data.obj if isinstance(data, memoryview) else None
    length = before // mmap.PAGESIZE * mmap.PAGESIZE
    if isinstance(whole, mmap.mmap) and length and hasattr(mmap, "MADV_DONTNEED"):
        whole.madvise(mmap.MADV_DONTNEED, 0, length)  # what is looked at again is read again


@contextmanager
def _opened(path: Path, most: int, limit: str) -> Iterator[tuple[BinaryIO, int]]:
    """Open a file, and say how large it is."""
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise CostModelError(f"{path}: this is a directory; name one of the files in it")
        if not stat.S_ISREG(status.st_mode):
            raise CostModelError(f"{path}: this is not a regular file")
        if status.st_size > most:
            raise CostModelError(f"{path}: {status.st_size:,} bytes; {limit}")
        with path.open("rb") as file:
            yield file, status.st_size
    except FileNotFoundError:
        raise CostModelError(f"{path}: no such file") from None
    except OSError as error:
        raise CostModelError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError:
        raise CostModelError(f"{quote(str(path))} is no path of a file") from None
