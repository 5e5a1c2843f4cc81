"""Orders of axes, and what reshapes do to axes."""

from __future__ import annotations

from collections.abc import Sequence

Order = tuple[int, ...]
"""Which axis stands at each place."""


def as_order(before: Sequence[int], after: Sequence[int]) -> list[int] | None:
    """Return the order that makes one shape the other without moving numbers, None where there is none."""
    if len(before) != len(after):
        return None
    left: list[int] = list(before)
    order = []
    for size in after:
        at = 0
        while at < len(left) and left[at] != size:
            if left[at] not in (-1, 1) and size != 1:
                return None
            at += 1
        if at == len(left):
            return None
        order.append(at)
        left[at] = -1
    return order


def split_into(before: Sequence[int], after: Sequence[int]) -> list[list[int]] | None:
    """Return for each axis the axes that it is split into, None where axes are joined."""
    parts: list[list[int]] = []
    place = 0
    for size in before:
        run, product = [place], after[place] if place < len(after) else 0
        place += 1
        while product < size and place < len(after):
            product *= after[place]
            run.append(place)
            place += 1
        if product != size:
            return None
        parts.append(run)
    return parts if place == len(after) else None


def without(order: Order, gone: Sequence[int]) -> Order:
    """Return the order of the axes that are left when some have gone."""
    left = [axis for at, axis in enumerate(order) if at not in {one % len(order) for one in gone}]
    return tuple(sorted(left).index(axis) for axis in left)
