"""Where the specs lie that come with the package."""

from __future__ import annotations

from pathlib import Path


def bundled() -> Path:
    """Return the folder of the package's own specs, which in a checkout is beside it."""
    here = Path(__file__).resolve().parent.parent
    return here / "specs" if (here / "specs").is_dir() else here.parent / "specs"


def is_bundled(file: str) -> bool:
    """Say whether a file is one of the package's own."""
    return Path(file).resolve().parent == bundled()
