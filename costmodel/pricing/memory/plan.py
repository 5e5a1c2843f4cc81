"""What a runtime or a training step does with memory: which tensors lie where, and when."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate
from typing import Literal

Phase = Literal["forward", "backward", "optimizer"]


@dataclass(frozen=True, slots=True)
class Moment:
    """One thing that is done: the layer that it is done for ("" for none), and the phase of a training step."""

    path: str
    phase: Phase = "forward"


@dataclass(frozen=True, slots=True)
class Block:
    """Memory that is held for a while.

    path: the layer whose tensor it first holds. bytes: how many. first, last: the moments, counted from 0, from the
    start of the one to the end of the other. what: what it holds: "activations", "input", "weights", "gradients",
    "saved", "optimizer state", ... offset: where in the arena it lies; None where nothing is packed.
    """

    path: str
    bytes: int
    first: int
    last: int
    what: str = "activations"
    offset: int | None = None


def over_time(blocks: Iterable[Block], moments: int) -> tuple[int, ...]:
    """Return the bytes that blocks hold at each of so many moments."""
    changes = [0] * (moments + 1)
    for block in blocks:
        changes[block.first] += block.bytes
        changes[block.last + 1] -= block.bytes
    return tuple(accumulate(changes[:-1]))


@dataclass(frozen=True)
class Plan:
    """The memory of a whole run, moment by moment.

    level: the name of the level, such as "onnxruntime". bytes: what it comes to: the end of the arena where blocks are
    packed, else the most that is held at once. parts: figures besides, by measure. notes: what a reader has to know.
    lower_bound: whether layers of unknown cost may need more. about: how it was asked for.
    """

    level: str
    bytes: int
    moments: tuple[Moment, ...]
    blocks: tuple[Block, ...]
    parts: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    lower_bound: bool = False
    about: str = ""

    @cached_property
    def held(self) -> tuple[int, ...]:
        """The bytes that are held at each moment."""
        return over_time(self.blocks, len(self.moments))

    @property
    def peak(self) -> int:
        """The moment at which most is held, the first such."""
        return max(range(len(self.held)), key=self.held.__getitem__, default=0)

    def alive(self, moment: int) -> Iterator[Block]:
        """Yield the blocks that are held at a moment, largest first."""
        at = (block for block in self.blocks if block.first <= moment <= block.last)
        yield from sorted(at, key=lambda block: -block.bytes)
