"""What measurements are worth: the lowest of several rounds, and how far two halves of them differ."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from costmodel.bench.log import Visit
from costmodel.errors import CostModelError

TOO_NOISY = 0.15
"""With a repeatability worse than this a fit would describe the noise."""
OUTLIER = 0.25
"""A network whose halves differ by more is named and left out."""
FEWEST_ROUNDS = 2
BUSY = 1.2
"""Runs on one thread that take so many times their processor time on the wall were interrupted by other work."""


@dataclass(frozen=True)
class Measured:
    """What a network took: the lowest of all rounds, and by how much the lowest of its two halves differ."""

    network: str
    family: str
    batch: int
    seconds: float
    differs: float | None
    """None where there was one round only."""


def summarize(visits: Iterable[Visit], single_thread: bool, rounds: int = FEWEST_ROUNDS) -> list[Measured]:
    """Return the lowest of each network's visits, and how far the lowest of the even and of the odd rounds differ;
    those of fewer `rounds` are left out.

    With a single thread the processor's time counts: it does not run while the machine does something else.

    Raises:
        CostModelError: if the clock that counts shows no time at all.
    """
    groups: dict[tuple[str, str, int], list[Visit]] = {}
    for visit in visits:
        groups.setdefault((visit.network, visit.family, visit.batch), []).append(visit)
    return [
        Measured(
            *key, *_lowest(key[0], [(visit.round, visit.cpu_s if single_thread else visit.wall_s) for visit in group])
        )
        for key, group in groups.items()
        if len({visit.round for visit in group}) >= rounds
    ]


def _lowest(network: str, times: Sequence[tuple[int, float]]) -> tuple[float, float | None]:
    lowest = min(seconds for _, seconds in times)
    if not lowest:
        raise CostModelError(f"the processor's clock shows no time for a run of {network}; use the wall's: --threads 2")
    turns = sorted({turn for turn, _ in times})
    if len(turns) == 1:
        return lowest, None
    halves = [[seconds for turn, seconds in times if turn % 2 == half] for half in (0, 1)]
    if not all(halves):
        halves = [[s for turn, s in times if turn == turns[0]], [s for turn, s in times if turn != turns[0]]]
    first, second = map(min, halves)
    return lowest, abs(first - second) / lowest


@dataclass(frozen=True)
class Quality:
    """How good the measurements are: the repeatability, and the networks that are left out."""

    repeatability: float
    outliers: tuple[Measured, ...]


def judge(measured: Sequence[Measured]) -> Quality:
    """Return how far measurements repeat themselves, as a share of the time.

    Raises:
        CostModelError: if there are none, or the machine is too noisy to fit anything.
    """
    known = [one.differs for one in measured if one.differs is not None]
    if not known:
        raise CostModelError(
            f"nothing was measured in {FEWEST_ROUNDS} rounds; give it more --minutes, or go on with --resume"
        )
    repeatability = median(known)
    if repeatability > TOO_NOISY:
        raise CostModelError(
            "this machine is too noisy to fit: the two halves of the measurements differ by "
            f"{100 * repeatability:.0f} % (at most {100 * TOO_NOISY:.0f} %)"
            "; stop what else runs on it, and try again with --resume"
        )
    return Quality(repeatability, tuple(one for one in measured if one.differs and one.differs > OUTLIER))


def busy(network: str, slowed: float) -> str:
    """Return what to say to a person whose machine did other work while a network ran, `slowed` times as long on the
    wall as by its processor time.
    """
    return (
        f"this machine is busy: running {network} took {slowed:.1f} times as long on the clock as on the processor. "
        "Stop what else runs, or times come out too long and measuring takes as many times longer; Ctrl-C ends it, "
        "and --resume goes on later"
    )
