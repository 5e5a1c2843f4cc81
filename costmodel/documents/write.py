"""Writing a file whole or not at all, and the one place that says what stands in the way."""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from costmodel.errors import CostModelError

_OPEN = re.compile(r"/dev/(?:std(?P<name>out|err)|fd/(?P<fd>\d+))\Z|/proc/(?:self|\d+)/fd/(?P<process_fd>\d+)\Z")
MOST_LINKS = 40
"""As many as Linux follows."""


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file at once or not at all, so that no reader meets half of it and none is left where a disk is full.

    A symbolic link stays one: what it points to is written. A file keeps its mode. Devices, pipes and what this process
    has open already (``/dev/stdout``) are only ever written to.

    Raises:
        CostModelError: if it cannot be written.
    """
    raw = content.encode("utf-8") if isinstance(content, str) else content
    with plainly(path):
        target, descriptor = _followed(path)
        if descriptor is not None or _only_written_to(target):
            with suppress(BrokenPipeError):  # a reader that goes early is no error
                _write_through(target if descriptor is None else os.dup(descriptor), raw)
        else:
            check_place(target)
            _replace(target, raw)


def check_place(path: Path | None) -> None:
    """Raise if a file could not be put where it is asked for, before any work is done.

    Raises:
        CostModelError: if there is no such folder, a folder has the name, or a file that is write-protected.
    """
    if path is None:
        return
    with plainly(path):
        _require_writable(path)
        if path.is_dir():
            raise CostModelError(f"{path} is a folder; a file's name belongs here")
        if not path.parent.is_dir():
            raise CostModelError(f"{path}: there is no folder {path.parent}")


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it, where they are not there yet.

    Raises:
        CostModelError: if it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CostModelError(f"{folder}: this folder cannot be made: {error.strerror}") from None


def follow(path: Path) -> Path:
    """Return the file that a path leads to through symbolic links, there or not.

    Raises:
        CostModelError: if the links lead nowhere.
    """
    with plainly(path):
        return _followed(path)[0]


@contextmanager
def plainly(path: Path) -> Iterator[None]:
    """Say in plain words which file could not be written.

    Raises:
        CostModelError: for an OSError inside.
    """
    try:
        yield
    except OSError as error:
        raise CostModelError(f"{path}: cannot be written: {error.strerror or error}") from None


def _followed(path: Path) -> tuple[Path, int | None]:
    """Return where the links of a path lead, and the descriptor it stands for, if this process has it open."""
    for _ in range(MOST_LINKS):
        if found := _OPEN.match(os.path.abspath(path)):
            return path, {"out": 1, "err": 2}.get(found["name"]) or int(found["fd"] or found["process_fd"])
        if not path.is_symlink():
            return path, None
        path = path.parent / path.readlink()
    raise CostModelError(f"{path}: cannot be written: its links lead in a circle")


def _only_written_to(target: Path) -> bool:
    """Say whether something is a device or a pipe, in whose place no file can be put."""
    return target.exists() and not (target.is_file() or target.is_dir())


def _write_through(place: Path | int, raw: bytes) -> None:
    """Write to a device, a pipe, or an open descriptor, behind what was written there before."""
    if sys.stdout is not None:
        sys.stdout.flush()
    with open(place, "wb") as file:
        file.write(raw)


def take_place(part: Path, target: Path) -> None:
    """Give a whole file, closed and on disk, its name; what had the name goes, and leaves its mode.

    Raises:
        OSError: if that cannot be, as where the old file is write-protected.
    """
    _require_writable(target)
    if target.exists():
        part.chmod(stat.S_IMODE(target.stat().st_mode))
    part.replace(target)


def _require_writable(target: Path) -> None:
    if target.is_file() and not os.access(target, os.W_OK):
        raise PermissionError(0, "it is write-protected")


def _replace(target: Path, raw: bytes) -> None:
    """Write a file of its own beside the target, which then takes the target's place."""
    _require_writable(target)
    mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else 0o666
    part = target.with_name(f".{target.name[:50]}.{os.urandom(4).hex()}")
    try:
        fresh = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with open(fresh, "wb") as file:
            file.write(raw)
            put_on_disk(file)
        take_place(part, target)
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise


def put_on_disk(file: BinaryIO) -> None:
    """Make what is written to an open file last, whatever happens to the machine."""
    file.flush()
    os.fsync(file.fileno())
