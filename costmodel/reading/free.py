"""Names that are free: with a number behind them where they are not."""

from __future__ import annotations

from collections.abc import Callable


def free(name: str, taken: Callable[[str], bool], copies: dict[str, int]) -> str:
    """Return a name that is not taken: itself, or with a number from 2 on behind it.

    `copies` holds the last number of each name, so that thousands of one name are not gone through again for each.
    """
    found = name
    while taken(found):
        copies[name] = copies.get(name, 1) + 1
        found = f"{name}_{copies[name]}"
    return found
