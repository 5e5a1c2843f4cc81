"""A spec by its name, or by the path of its file with ``#VARIANT`` after it for one of its variants."""

from __future__ import annotations

from costmodel.sources.source import Source
from costmodel.spec.library import find


def takes(asked: str) -> bool:
    """Say yes: whatever is nothing else is a name or a path."""
    return True


def opened(asked: str) -> Source:
    """Return the spec of a name or a path.

    Raises:
        CostModelError: if there is none, with the nearest names.
        SpecError: with everything that is wrong in its file.
    """
    spec = find(asked)
    return Source(asked, spec, file=spec.file)
