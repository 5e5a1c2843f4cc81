"""How far something long has come: one line on standard error where a person watches, and nothing elsewhere.

click's own bar stays on the screen when it is done, and must know from the start how much there is to do.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from costmodel.cli.streams import on_terminal, say_now
from costmodel.documents.safe_text import one_line
from costmodel.tasks.request import Tell, unheard

WIDE = 24
"""Characters of the bar."""
REDRAWN = 0.1
"""Seconds between two drawings: more often nobody sees."""


@contextmanager
def progress(of: str, wait: float = 0.0, clock: Callable[[], float] = time.monotonic) -> Iterator[Tell]:
    """Show on a terminal how many things are done: from when `wait` seconds are over, where more is to come, to the
    end. Then the line goes away.

    Args:
        of: what is counted, as ``points``.
        wait: seconds; what is done sooner needs no bar.
        clock: seconds that pass.
    """
    if not on_terminal(sys.stderr):
        yield unheard
        return
    line = _Line(of, wait, clock)
    try:
        yield line
    finally:
        line.end()


class _Line:
    def __init__(self, of: str, wait: float, clock: Callable[[], float]) -> None:
        self.of, self.wait, self.clock = of, wait, clock
        self.began, self.drawn = clock(), float("-inf")
        self.shown = False

    def __call__(self, done: int, total: int, about: str = "", left: float | None = None) -> None:
        now = self.clock()
        spent = now - self.began
        begins = spent >= self.wait and done < total
        if not (self.shown or begins) or (now - self.drawn < REDRAWN and done < total):
            return
        if left is None and done:
            left = spent / done * (total - done)
        said = _said(done, total, self.of, left, about)
        say_now(said[: shutil.get_terminal_size().columns - 1])  # a line that wraps could not be taken away
        self.drawn, self.shown = now, True

    def end(self) -> None:
        if self.shown:
            say_now("")


def _said(done: int, total: int, of: str, left: float | None, about: str) -> str:
    """Return the line: ``[######------]  50 %  4,096/8,192 points  0:12 left  about``."""
    share = min(done / total, 1.0) if total else 1.0
    bar = ("#" * round(WIDE * share)).ljust(WIDE, "-")
    parts = [f"[{bar}] {int(100 * share):3d} %", f"{done:,}/{total:,} {one_line(of)}"]
    parts += [f"{_clock(left)} left"] if left is not None and done < total else []
    return "  ".join([*parts, *([one_line(about)] if about else [])])


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
