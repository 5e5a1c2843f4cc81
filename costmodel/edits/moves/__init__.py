"""Design moves: the ideas of the papers as named rewrites.

Each keeps the shapes around what it rewrites, and says why where it cannot apply.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from costmodel.edits.lines import Lines, data_of
from costmodel.edits.moves import blocks as blocks
from costmodel.edits.moves import convolutions as convolutions
from costmodel.edits.moves import network as network
from costmodel.edits.moves.draft import Draft
from costmodel.edits.moves.registry import MOVES, Move
from costmodel.edits.uses import Tree
from costmodel.errors import CostModelError, known_or_suggest

__all__ = ["MOVES", "Move", "make"]

_CALL = re.compile(r"(?P<name>[A-Za-z_0-9]+)(?:\((?P<number>[^)]*)\))?(?::(?P<pattern>.+))?")


def make(lines: Lines, tree: Tree, written: str) -> tuple[Lines, list[str]]:
    """Return the text after a move written ``NAME:PATTERN`` or ``NAME(NUMBER):PATTERN``, and notes on what stayed.

    Raises:
        CostModelError: if there is no such move, or it applies nowhere, with the reasons.
    """
    move, number, pattern = _read(written)
    draft = Draft(lines, tree)
    move.apply(draft, pattern, number)
    notes = [f"left alone: {_paths(paths)}: {reason}" for reason, paths in draft.left_alone.items()]
    if not draft.plan:
        reasons = "\n  ".join(notes) or f"there is no layer of the kind under {pattern!r}"
        raise CostModelError(f"{move.name} applies nowhere ({move.says})\n  {reasons}")
    return draft.finish(), notes


def _read(written: str) -> tuple[Move, float | None, str]:
    call = _CALL.fullmatch(written.strip())
    if call is None:
        raise CostModelError(
            f"{written!r} is no move; write NAME:PATTERN, as in separable:conv* or grouped(32):*.conv2"
        )
    name, pattern = call["name"], call["pattern"]
    if name not in MOVES:
        raise CostModelError(f"no move {name!r}; {known_or_suggest(name, MOVES)}")
    move = MOVES[name]
    if pattern is None and not move.whole:
        called = name if call["number"] is None else f"{name}({call['number']})"
        raise CostModelError(f"{name} needs to know where: {called}:PATTERN, as in '{called}:conv*'")
    return move, _number(move, call["number"]), pattern or "*"


def _number(move: Move, written: str | None) -> float | None:
    if written is None:
        return move.takes
    if move.takes is None:
        raise CostModelError(f"{move.name} takes no number")
    value = data_of(written)
    whole = isinstance(move.takes, int)
    if not isinstance(value, int if whole else (int, float)) or isinstance(value, bool) or not 0 < value < 10**6:
        raise CostModelError(f"{move.name}({written}): a positive {'whole ' * whole}number belongs here")
    return value


def _paths(paths: Sequence[str], most: int = 4) -> str:
    shown = ", ".join(paths[:most])
    return shown if len(paths) <= most else f"{shown} and {len(paths) - most} more"
