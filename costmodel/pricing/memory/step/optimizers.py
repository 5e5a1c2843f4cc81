"""What optimizers keep from step to step, and what they take for a moment, as PyTorch's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

COUNTER = 4
"""Bytes of the number of steps taken, which Adam keeps for each array."""
MOMENTS: Mapping[str, int] = {"sgd": 0, "momentum": 1, "adam": 2, "adamw": 2}
"""How many numbers each optimizer keeps for a trained one."""


def state(optimizer: str, sizes: Sequence[int]) -> int:
    """Return the bytes that an optimizer keeps for trained arrays of so many bytes."""
    counters = COUNTER * len(sizes) if MOMENTS[optimizer] == 2 else 0
    return MOMENTS[optimizer] * sum(sizes) + counters


def temporaries(optimizer: str, sizes: Sequence[int], foreach: bool) -> int:
    """Return the bytes that one update takes: Adam's divisors, of all arrays at once where `foreach`.

    One by one, an array's divisor and the root that it is made of stand beside the divisor of the array before, which
    goes when the next has its name. SGD updates in place.
    """
    if MOMENTS[optimizer] < 2 or not sizes:
        return 0
    return sum(sizes) if foreach else max(2 * size + before for before, size in zip([0, *sizes], sizes, strict=False))
