"""Bundled networks made small enough to be computed in a moment."""

from __future__ import annotations

from pathlib import Path

import costmodel as cm
from costmodel.errors import CostModelError
from costmodel.graph import LayerGraph

SIZES = (32, 64, 75, 96, 115, 128, 139, 160, 188, 224, 299)
SHRUNK = {"r3d": {"frames": 4}, "unet": {"width": 8}, "wavenet": {"samples": 300, "width": 16}}
"""What is set besides the size of the picture, by file."""


def smallest(name: str) -> LayerGraph:
    """Return the network at the smallest picture, of a few, that leaves something for every window."""
    spec = cm.read(name)
    shrunk = SHRUNK.get(Path(spec.file).stem, {})
    sides = [
        side
        for side in ("resolution", "height", "width")
        if isinstance(spec.parameters.get(side), int) and side not in shrunk
    ]
    for size in SIZES if sides else ():
        try:
            return cm.load(name, **shrunk, **dict.fromkeys(sides, size))
        except CostModelError:
            continue
    return cm.load(name, **shrunk)
