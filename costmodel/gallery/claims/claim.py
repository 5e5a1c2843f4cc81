"""What a claim is, what comes out of it, and how a printed number is held against a computed one."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from costmodel.gallery.facts import Facts

HOLDS, CAVEAT = "holds", "holds with a caveat"
WRONG = "the printed number is wrong"
FAILS = "does not hold"
OPEN = "cannot be recomputed here"
VERDICTS = (HOLDS, CAVEAT, WRONG, FAILS, OPEN)
"""All there are, in the order in which they are counted."""
OURS = True
"""A caveat that is a reading of the text: it stands whatever the numbers are."""
READING = 10
"""Percent by which a number may be off that others read off a picture."""


@dataclass(frozen=True)
class Finding:
    """What came out: the verdict, the computed numbers in words, and the numbers themselves."""

    verdict: str
    words: str
    numbers: dict[str, Any]


Check: TypeAlias = Callable[[Facts], Finding]


@dataclass(frozen=True)
class Claim:
    """Something that was printed, where, and how it is recomputed. picture: the file that shows it, if there is one."""

    says: str
    source: str
    compute: Check
    picture: str = ""

    @property
    def name(self) -> str:
        """What its check is called."""
        return self.compute.__name__


@dataclass(frozen=True)
class Theme:
    """Claims about one thing, in the order of the page."""

    title: str
    claims: list[Claim] = field(default_factory=list)

    def claim(self, says: str, source: str, picture: str = "") -> Callable[[Check], Check]:
        """Enter the function that follows as the check of a claim."""

        def enter(compute: Check) -> Check:
            self.claims.append(Claim(says, source, compute, picture))
            return compute

        return enter


def judge(holds: bool, caveat: bool = False, otherwise: str = WRONG) -> str:
    """Return the verdict on what holds, perhaps with a caveat; `otherwise` is what it is else."""
    return otherwise if not holds else CAVEAT if caveat else HOLDS


def rounds(computed: float, printed: float, digits: int) -> bool:
    """Say whether a printed number is the computed one rounded to so many digits after the point."""
    return round(computed, digits) == round(printed, digits)


def near(computed: float, printed: float, digits: int) -> bool:
    """Say whether a printed number is the computed one rounded, or cut off, to so many digits after the point."""
    cut = math.floor(round(computed * 10**digits, 6)) / 10**digits
    return rounds(computed, printed, digits) or cut == round(printed, digits)


def about(computed: float, printed: float, percent: float) -> bool:
    """Say whether a number printed as a rough one, or read off a picture, is within so many percent of the computed."""
    return abs(computed - printed) <= abs(printed) * percent / 100


def cut_off(which: list[str]) -> str:
    """Say which numbers are not the computed ones rounded."""
    return f"Cut off in print rather than rounded: {', '.join(which)}." if which else "All are rounded in print."
