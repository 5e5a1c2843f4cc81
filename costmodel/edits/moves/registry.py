"""What a design move is, and the list of them all, filled by defining one."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from costmodel.edits.lines import flow
from costmodel.edits.moves.draft import Draft

Apply: TypeAlias = Callable[[Draft, str, Any], None]
"""Asks a draft for the edits of a move, where a pattern says, with the move's number."""


@dataclass(frozen=True)
class Move:
    """A named rewrite: what it does, and the paper it comes from.

    `takes` is its number's default, if it takes one; `whole` says that it rewrites the network rather than layers.
    """

    name: str
    says: str
    paper: str
    apply: Apply
    takes: float | None = None
    whole: bool = False

    @property
    def call(self) -> str:
        """How it is written: ``separable:PATTERN``."""
        number = "" if self.takes is None else f"({flow(self.takes)})"
        return self.name + number + ("" if self.whole else ":PATTERN")

    @property
    def effect(self) -> str:
        """What comes of it."""
        return inspect.getdoc(self.apply) or ""


MOVES: dict[str, Move] = {}
"""Every move by name."""


def move(says: str, paper: str, takes: float | None = None, whole: bool = False) -> Callable[[Apply], Apply]:
    """Enter a function as the move of its name. Its docstring says what comes of the move."""

    def enter(apply: Apply) -> Apply:
        MOVES[apply.__name__] = Move(apply.__name__, says, paper, apply, takes, whole)
        return apply

    return enter
