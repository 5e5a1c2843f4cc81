"""Where blocks lie in one arena."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol


class Lives(Protocol):
    """What is packed: so many bytes from one moment to the end of another."""

    @property
    def bytes(self) -> int:
        """How many bytes."""

    @property
    def first(self) -> int:
        """The moment from whose start they are held."""

    @property
    def last(self) -> int:
        """The moment to whose end they are held."""


def best_fit(blocks: Sequence[Lives], align: int = 1) -> list[int]:
    """Return the offset of each block, laid down in the order given: in the smallest gap that holds it between those
    that are there, the lowest such, else behind the last of them.

    Blocks are in the order of their first moments; sizes are rounded up to multiples of `align`.
    Source: MemPatternPlanner of ONNX Runtime (core/framework/mem_pattern_planner.h).
    """
    offsets: list[int] = []
    there: list[tuple[int, int, int]] = []  # offset, end, last moment; by offset
    for block in blocks:
        there = [one for one in there if one[2] >= block.first]
        size = -(-block.bytes // align) * align
        offset = _gap(there, size) if size else 0
        offsets.append(offset)
        if size:
            there.append((offset, offset + size, block.last))
            there.sort()
    return offsets


def _gap(there: Iterable[tuple[int, int, int]], size: int) -> int:
    """Return where the smallest gap that holds `size` begins, or where the last block ends."""
    best, end = -1, 0
    least = 0
    for offset, after, _ in there:
        room = offset - end
        if room >= size and (best < 0 or room < least):
            best, least = end, room
        end = after
    return end if best < 0 else best


def largest_first(blocks: Sequence[Lives], align: int = 1) -> list[int]:
    """Return the offset of each block, laid down the largest first and the later given of two alike: in the first gap
    that holds it between those that are there at the same time, else behind the last of them.

    Sizes are rounded up to multiples of `align`.
    Source: GreedyMemoryPlanner of TensorFlow Lite Micro (micro/memory_planner/greedy_memory_planner.cc).
    """
    sizes = [-(-block.bytes // align) * align for block in blocks]
    offsets = [0] * len(blocks)
    there: list[int] = []
    for index in sorted(range(len(blocks)), key=lambda index: (sizes[index], index), reverse=True):
        block, end = blocks[index], 0
        for other in sorted(there, key=offsets.__getitem__):
            if blocks[other].first <= block.last and block.first <= blocks[other].last:
                if offsets[other] - end >= sizes[index]:
                    break
                end = max(end, offsets[other] + sizes[other])
        offsets[index] = end
        there.append(index)
    return offsets
