"""Where the tensors of a network lay that was seen to run, told of its layers once they are found."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate
from math import prod
from typing import TYPE_CHECKING

from costmodel.graph import Lies

if TYPE_CHECKING:
    from costmodel.reading.network import Network, Part


@dataclass(slots=True, eq=False)
class Room:
    """One storage, of so many `numbers` of a `dtype`. `freed` is how many steps were made before nobody had it any
    more, None if somebody always did; `owner` is the node that it belongs to, "" for the weights.
    """

    freed: int | None = None
    owner: str | None = None
    numbers: int = 0
    dtype: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """In which storage the tensor of a step lay, and the bytes that its kernel held besides: in all (`once`), and for
    what grows with the batch (`batched`). `gathered` and `call` as in `Lies`.
    """

    room: Room
    once: int = 0
    batched: int = 0
    gathered: tuple[int, ...] = ()
    call: int = 0


NOWHERE = Room(owner="")
"""The storage of what was never there: what stands between a call and its result."""


def lies(network: Network) -> dict[str, Lies]:
    """Return where the tensors of layers lay, of the parts of a network that was seen to run."""
    parts = [part for part in network.parts.values() if part.inputs]
    if not any(part.seen for part in parts):
        return {}
    last = _lasts(network)
    found: dict[str, Lies] = {}
    owners: dict[Room, str | None] = {}
    for part in parts:
        seen = part.seen or Seen(NOWHERE)
        within = owners.setdefault(seen.room, seen.room.owner)
        if within is None:
            owners[seen.room] = part.path
        until = last(seen.room.freed) if within != "" else ""
        more = 0 if within is not None else _more(part, seen.room, network)
        found[part.path] = Lies(
            within, until, more, seen.once, seen.batched // (network.batch or 1), seen.gathered, seen.call
        )
    return found


def _more(part: Part, room: Room, network: Network) -> int:
    """Return by how many numbers a storage is larger than the tensor that has it, for one image."""
    if room.dtype != part.dtype:
        return 0
    images = network.batch if part.batched and network.batch else 1
    return room.numbers // images - prod(part.shape)


def _lasts(network: Network) -> Callable[[int | None], str]:
    """Return what tells the last part, in the order in which they run now, of those among so many first steps."""
    paths = list(network.parts)
    placed = sorted((part.number, place) for place, part in enumerate(network.parts.values()))
    numbers = [number for number, _ in placed]
    latest = list(accumulate((place for _, place in placed), max))

    def last(steps: int | None) -> str:
        at = len(numbers) if steps is None else bisect_left(numbers, steps)
        return paths[latest[at - 1]] if at else ""

    return last
