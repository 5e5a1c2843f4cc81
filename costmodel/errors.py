"""Every complaint this package makes to a person, and how it reads.

A complaint says where (file:line:column and the line itself with a caret), what is wrong, and what to do about it. All
complaints about one file travel in one exception. Nothing else may reach a user: a traceback is a bug.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

from costmodel.documents.safe_text import one_line, safe, same_width

ROOM = 120
"""How much of a long line an excerpt shows, around its caret."""
MAX_CALLERS = 4
MAX_LISTED = 12
MAX_COMPARED = 1000


class CostModelError(Exception):
    """What a person asked cannot be done; `str()` of it is the message to show. The command exits with 2."""

    def _render_traceback_(self) -> list[str]:
        """Return what a notebook shows of it: the message with its place, none of the library's frames."""
        return f"{type(self).__name__}: {self}".splitlines()

    def __init__(self, message: str) -> None:
        super().__init__(safe(message))


class ShapeError(CostModelError):
    """An operator cannot take the inputs that it was given.

    Raised by `Operator.shape`, placed in a file by whoever called it. `field` names the declared field that is at
    fault, where one is.
    """

    def __init__(self, message: str, *, field: str | None = None, hint: str = "") -> None:
        super().__init__(message)
        self.message, self.field, self.hint = message, field, hint


class UnfitError(CostModelError):
    """What was asked for is no network at these sizes, though it is one at others; `what` says what it is instead."""

    def __init__(self, message: str, what: str = "no network") -> None:
        super().__init__(message)
        self.what = what


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
    called_from: tuple[Place, ...] = ()

    def render(self, file: str, lines: Sequence[str]) -> str:
        """Write the complaint with the line it is about."""
        file = one_line(file)
        where = f"{file}:{self.place.line}:{self.place.column}" if self.place else file
        out = [f"{where}: {one_line(self.message)}"]
        if self.place:
            out += _excerpt(self.place, lines)
        if self.hint:
            out.append(f"  {one_line(self.hint)}")
        for caller in self.called_from[:MAX_CALLERS]:
            out += [f"  called from {file}:{caller.line}:{caller.column}", *_excerpt(caller, lines)]
        if len(self.called_from) > MAX_CALLERS:
            out.append(f"  ... and {len(self.called_from) - MAX_CALLERS} more around that")
        return "\n".join(out)


class SpecError(CostModelError):
    """Everything wrong with one file, at once."""

    def __init__(self, file: str, problems: Iterable[Problem], text: str = "") -> None:
        self.file = file
        self.problems = tuple(problems)
        lines = split_lines(text)
        super().__init__("\n\n".join(problem.render(file, lines) for problem in self.problems))


def split_lines(text: str) -> list[str]:
    """Return the lines of a text, where YAML sees their ends."""
    return re.split(r"\r\n|[\n\r\x85\u2028\u2029]", text)


def _excerpt(place: Place, lines: Sequence[str]) -> list[str]:
    """Return the line with a caret under it; a very long line is shown around the caret only."""
    text = lines[place.line - 1].rstrip() if place.line <= len(lines) else ""
    start = max(0, place.column - 1 - ROOM // 2) if len(text) > ROOM else 0
    shown = same_width(text[start : start + ROOM])
    before = place.column - 1 - start
    caret = min(max(place.width, 1), max(len(shown) - before, 1))
    return [f"{place.line:>5} | {shown}", f"      | {' ' * before}{'^' * caret}"]


def quote(value: object, room: int = 60) -> str:
    """Return a value as a message quotes it, a very long one cut short."""
    shown = repr(value)
    return shown if len(shown) <= room else f"{shown[: room - 4]}...{shown[-1]}"


def suggest(wrong: str, known: Iterable[str]) -> str:
    """Return "did you mean 'x'?" for the nearest of `known`, or an empty text. `BatchNorm2d` is near `batch_norm`."""
    plain = {_spelling(name): name for name in islice(known, MAX_COMPARED)}
    import difflib  # only where something is wrong

    near = difflib.get_close_matches(_spelling(wrong[:100]), plain, n=1, cutoff=0.65)
    return f"did you mean {quote(plain[near[0]])}?" if near else ""


def _spelling(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower()).removesuffix("2d") or name


def known_or_suggest(wrong: str, known: Iterable[str]) -> str:
    """Return a suggestion if one is near, else what is known where that is few enough to be read."""
    names = sorted(known)
    if len(names) > MAX_LISTED:
        return suggest(wrong, names) or f"none of the {len(names):,} known names is near"
    return suggest(wrong, names) or (f"known: {', '.join(map(one_line, names))}" if names else "")
