"""Reading a file that somebody named: regular, of bounded size, and with a message for whatever else it is."""

from __future__ import annotations

import stat
from pathlib import Path

from costmodel.errors import CostModelError, quote


def read_bytes(path: Path, most: int, limit: str) -> bytes:
    """Return the bytes of a file that has at most `most`; `limit` says so in words.

    Raises:
        CostModelError: if it is missing, no regular file, unreadable or too large.
    """
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise CostModelError(f"{path}: this is a directory; name one of the files in it")
        if not stat.S_ISREG(status.st_mode):
            raise CostModelError(f"{path}: this is not a regular file")
        if status.st_size > most:
            raise CostModelError(f"{path}: {status.st_size:,} bytes; {limit}")
        with path.open("rb") as file:
            return file.read(most)
    except FileNotFoundError:
        raise CostModelError(f"{path}: no such file") from None
    except OSError as error:
        raise CostModelError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError:
        raise CostModelError(f"{quote(str(path))} is no path of a file") from None
