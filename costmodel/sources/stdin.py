"""A spec on standard input: ``-``."""

from __future__ import annotations

import sys

from costmodel.errors import CostModelError
from costmodel.sources.source import Source

STDIN = "-"


def takes(asked: str) -> bool:
    """Say whether standard input is meant."""
    return asked == STDIN


def opened(asked: str) -> Source:
    """Return the spec that standard input holds.

    Raises:
        CostModelError: if it is closed, or holds too much.
        SpecError: with everything that is wrong in it.
    """
    if sys.stdin is None:
        raise CostModelError("standard input is closed, and - reads a spec from it")
    from costmodel.spec.library import read_stream

    return Source(asked, read_stream(sys.stdin.buffer))
