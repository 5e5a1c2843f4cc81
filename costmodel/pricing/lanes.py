"""Which convolutions run on maps in blocks of channels, where a runtime lays maps out so (ONNX Runtime's NCHWc)."""

from __future__ import annotations

from typing import Any

from costmodel.numbers.arithmetic import Number, ceil_div, equal, largest

FOURS = 4
"""Input channels must be a multiple of so many."""


def whole(channels: Number, lanes: int) -> Number:
    """Return the channels of whole blocks."""
    return lanes * ceil_div(channels, lanes)


def fits(kind: str, in_channels: Number, out_channels: Number, groups: Number, lanes: int) -> tuple[Any, Any]:
    """Say whether a convolution reads its input as it is, for having so few channels, and whether it runs on blocks:
    0 or 1, or arrays of these. `kind` is "grouped conv", "depthwise conv", or any other of a single group.
    """
    fours = 1 * (in_channels % FOURS == 0)
    if kind == "grouped conv":
        fills = in_channels // groups % lanes == 0
        return 0, 1 * fills * (out_channels // groups % lanes == 0)
    if kind == "depthwise conv":
        return 0, fours * equal(in_channels, out_channels)
    picture = 1 * (in_channels < lanes)
    return picture, largest(fours, picture)
