"""Every complaint this package makes to a person, and how it reads.

A complaint says where (file:line:column and the line itself with a caret), what is wrong, and what to do about it. All complaints
about one file travel in one exception. Nothing else may reach a user: a traceback is a bug.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field


class CostModelError(Exception):
    """What a person asked cannot be done; `str()` of it is the message to show. The command exits with 2."""


class ShapeError(CostModelError):
    """An operator cannot take the inputs that it was given. Raised by `Operator.shape`, placed in a file by whoever called it.

    `field` names the declared field that is at fault, where one is.
    """

    def __init__(self, message: str, *, field: str | None = None, hint: str = "") -> None:
        super().__init__(message)
        self.message, self.field, self.hint = message, field, hint


@dataclass(frozen=True, slots=True)
class Place:
    """A spot in a text: 1-based line and column, and how many characters the caret underlines."""

    line: int
    column: int
    width: int = 1


@dataclass(frozen=True, slots=True)
class Problem:
    """One complaint about one spot of a file.

    `called_from` lists the spots that led there, innermost first: the layers that named the block the fault is in.
    """

    message: str
    place: Place | None = None
    hint: str = ""
    called_from: tuple[Place, ...] = field(default=())

    def render(self, file: str, lines: Sequence[str]) -> str:
        """Write the complaint with the line it is about."""
        if self.place is None:
            head = f"{file}: {self.message}"
            return head + (f"\n  {self.hint}" if self.hint else "")
        out = [f"{file}:{self.place.line}:{self.place.column}: {self.message}", *_excerpt(self.place, lines)]
        if self.hint:
            out.append(f"  {self.hint}")
        for caller in self.called_from:
            out += [f"  called from {file}:{caller.line}:{caller.column}", *_excerpt(caller, lines)]
        return "\n".join(out)


def _excerpt(place: Place, lines: Sequence[str], room: int = 150) -> list[str]:
    """Return the line with a caret under it; a very long line is shown around the caret only."""
    text = lines[place.line - 1].rstrip() if place.line <= len(lines) else ""
    start = max(0, place.column - 1 - room // 2) if len(text) > room else 0
    shown = text[start : start + room].replace("\t", " ")
    gutter = f"{place.line:>5} | "
    caret = min(max(place.width, 1), max(len(shown) - (place.column - 1 - start), 1))
    return [gutter + shown, " " * (len(gutter) - 2) + "| " + " " * (place.column - 1 - start) + "^" * caret]


class SpecError(CostModelError):
    """Everything wrong with one file, at once."""

    def __init__(self, file: str, problems: Iterable[Problem], text: str = "") -> None:
        self.file = file
        self.problems = tuple(problems)
        lines = text.splitlines()
        super().__init__("\n\n".join(problem.render(file, lines) for problem in self.problems))


def suggest(wrong: str, known: Iterable[str]) -> str:
    """Return "did you mean 'x'?" for the nearest of `known`, or an empty text."""
    near = difflib.get_close_matches(wrong, list(known), n=1, cutoff=0.6)
    return f"did you mean {near[0]!r}?" if near else ""


def known_or_suggest(wrong: str, known: Iterable[str]) -> str:
    """Return a suggestion if one is near, else the list of what is known."""
    names = sorted(known)
    return suggest(wrong, names) or (f"known: {', '.join(names)}" if names else "")
