"""Bundled networks made small enough to be computed in a moment, and weights that take none to draw."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

import costmodel as cm
from costmodel.errors import CostModelError
from costmodel.graph import LayerGraph
from costmodel.spec.library import files, read_file
from costmodel.weights import RandomWeights

SIZES = (32, 64, 75, 96, 115, 128, 139, 160, 188, 224, 299)
_SEQUENCE = {"tokens": 5, "width": 64, "vocabulary": 50}
_LAYERS = {"depth": 2, "width": 64, "heads": 4}
SHRUNK: dict[str, dict[str, int]] = {
    "bert": {**_SEQUENCE, **_LAYERS},
    "deit": {**_LAYERS, "resolution": 32},
    "gpt2": {**_SEQUENCE, **_LAYERS, "past": 3},
    "llama_block": {"tokens": 5, "past": 3, "width": 64, "hidden": 96, "heads": 8, "kv_heads": 2},
    "lstm_lm": {**_SEQUENCE},
    "mixer": {"depth": 2, "width": 64, "resolution": 64},
    "r3d": {"frames": 4},
    "swin": {"window": 2, "resolution": 64, "width": 32, "n3": 2},
    "unet": {"width": 8},
    "wavenet": {"samples": 300, "width": 16},
}
"""What is set besides the size of the picture, by file: nothing else about its networks changes."""

FAMILY = {name: path.stem for path in files() for name in (path.stem, *read_file(path).variants)}
"""The file of each network."""


def smallest(name: str) -> LayerGraph:
    """Return the network at the smallest picture, of a few, that leaves something for every window."""
    shrunk = SHRUNK.get(FAMILY[name], {})
    parameters = cm.read(name).parameters
    sides = [
        side
        for side in ("resolution", "height", "width")
        if isinstance(parameters.get(side), int) and side not in shrunk
    ]
    for size in SIZES if sides else ():
        try:
            return cm.load(name, **shrunk, **dict.fromkeys(sides, size))
        except CostModelError:
            continue
    return cm.load(name, **shrunk)


@dataclass(frozen=True)
class Slices(RandomWeights):
    """Random weights of which the large arrays are cut from one row of numbers, each at a place of its own: to draw
    them takes several times longer than to compute with them.
    """

    def _draw(self, key: str, name: str, shape: tuple[int, ...], *stored: Any) -> Any:
        row, size = _row(self.seed), int(np.prod(shape))
        if name != "weight" or size < len(row) // 100:
            return super()._draw(key, name, shape, *stored)
        start = zlib.crc32(key.encode()) % (len(row) // 2)
        numbers = row[start : start + size] if start + size <= len(row) else np.resize(row[start:], size)
        return numbers.reshape(shape) * np.float32((2 / np.prod(shape[1:])) ** 0.5)


@cache
def _row(seed: int) -> Any:
    return np.random.default_rng(seed).standard_normal(1_000_003, dtype=np.float32)
