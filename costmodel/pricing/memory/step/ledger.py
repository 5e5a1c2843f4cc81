"""A book of what is held from when to when."""

from __future__ import annotations

from collections.abc import Hashable

from costmodel.pricing.memory.plan import Block, Moment, Phase


class Ledger:
    """Moments in order, and the blocks that are held at them."""

    def __init__(self) -> None:
        self.moments: list[Moment] = []
        self.blocks: list[Block] = []
        self._open: dict[Hashable, tuple[str, int, int, str]] = {}

    def begin(self, path: str, phase: Phase) -> None:
        """Begin the next moment."""
        self.moments.append(Moment(path, phase))

    def hold(self, key: Hashable, path: str, size: int, what: str) -> None:
        """Hold memory from the present moment on (from the first where there is none yet), until it is freed."""
        self._open[key] = path, size, max(len(self.moments) - 1, 0), what

    def spend(self, path: str, size: int, what: str) -> None:
        """Hold memory at the present moment alone."""
        now = len(self.moments) - 1
        if size:
            self.blocks.append(Block(path, size, now, now, what))

    def free(self, key: Hashable) -> None:
        """Hold it to the end of the present moment, and no longer."""
        path, size, first, what = self._open.pop(key)
        if size:
            self.blocks.append(Block(path, size, first, len(self.moments) - 1, what))

    def holds(self, key: Hashable) -> bool:
        """Say whether it is held."""
        return key in self._open

    def close(self) -> tuple[Block, ...]:
        """Free all that is left, and return every block, in the order in which they begin."""
        for key in list(self._open):
            self.free(key)
        return tuple(sorted(self.blocks, key=lambda block: block.first))
