"""Where the specs lie that come with the package."""

from __future__ import annotations

from pathlib import Path

INSTALLED = Path(__file__).resolve().parent.parent / "specs"
"""The specs of an installed package; in a checkout they lie beside it, where people write them."""


def bundled() -> Path:
    """Return the folder of the package's own specs."""
    return INSTALLED if INSTALLED.is_dir() else INSTALLED.parent.parent / "specs"


def is_bundled(file: str) -> bool:
    """Say whether a file is one of the package's own."""
    return Path(file).resolve().parent == bundled()
