"""A file looked at again each time it is saved."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from costmodel import sources
from costmodel.errors import CostModelError
from costmodel.judging.diff import Diff, compare
from costmodel.pricing import price
from costmodel.pricing.table import CostTable


@dataclass(frozen=True)
class Seen:
    """What a file held at one look: its costs, and what changed since it last held a network; or its error."""

    table: CostTable | None = None
    change: Diff | None = None
    error: CostModelError | None = None


def watch(
    file: str, batch: int = 1, dtype: str = "float32", wait: Callable[[], None] = lambda: time.sleep(0.2)
) -> Iterator[Seen]:
    """Yield what a file holds now, and again after each save; never ends by itself.

    Args:
        file: a path, with ``#VARIANT`` after it for one of its variants.
        batch: images at once.
        dtype: of weights and activations.
        wait: called between two looks at the file; what it raises ends the watch.

    Raises:
        CostModelError: if there is no such file at the start.
    """
    last: CostTable | None = None
    path = Path(file.partition("#")[0])
    if _stamp(path) is None:
        raise CostModelError(f"{path}: no such file")
    if path.is_dir():
        raise CostModelError(f"{path}: this is a directory; name one of the files in it")
    stamp: object = ()
    while True:
        now = _stamp(path)
        if now != stamp:
            stamp = now
            seen = _look(file, batch, dtype, last)
            last = seen.table or last
            yield seen
        wait()


def _stamp(path: Path) -> object:
    """Return what changes whenever the file is saved."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def _look(file: str, batch: int, dtype: str, last: CostTable | None) -> Seen:
    try:
        table = price(sources.open(file).graph, batch, dtype)
    except CostModelError as error:
        return Seen(error=error)
    return Seen(table, compare(last, table) if last is not None else None)
