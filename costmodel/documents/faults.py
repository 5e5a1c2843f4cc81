"""From "this field of this layer is wrong" to file:line:column. Places are looked up only once something is wrong."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import islice

from costmodel.documents.text import KeyPath, Places, parse
from costmodel.errors import Place, Problem, SpecError, split_lines

MAX_FAULTS = 200
"""No more are looked for."""
MAX_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong at a spot of a document, named by its keys.

    `on_key` points at the key instead of the value; `offset` and `width` at a part of the value's text; `callers` are
    the layers that led into the block in which the fault is, innermost first. `unused` marks what can simply be
    removed.
    """

    path: KeyPath
    message: str
    hint: str = ""
    on_key: bool = False
    offset: int | None = None
    width: int = 1
    callers: tuple[KeyPath, ...] = ()
    unused: bool = False


def complain(file: str, text: str, faults: Iterable[Fault], note: str = "") -> SpecError:
    """Return the error that shows every fault at its place, a fault reached on several ways only once.

    `note` is what to say after them all: of which variant they are.
    """
    places = Places()
    parse(text, file, places)
    lines = split_lines(text)
    distinct: dict[tuple[KeyPath, str], Fault] = {}
    for fault in islice(faults, MAX_FAULTS):
        distinct.setdefault((fault.path, fault.message), fault)
    problems = sorted((_problem(fault, places, lines) for fault in distinct.values()), key=_order)
    if len(problems) > MAX_SHOWN:
        problems[MAX_SHOWN:] = [Problem(f"and {len(problems) - MAX_SHOWN} more")]
    if note:
        problems.append(Problem(note))
    return SpecError(file, problems, text)


def _order(problem: Problem) -> tuple[int, int]:
    return (problem.place.line, problem.place.column) if problem.place else (0, 0)


def _problem(fault: Fault, places: Places, lines: list[str]) -> Problem:
    place = places.key(fault.path) if fault.on_key else places.value(fault.path)
    if place is None and fault.path:  # a spec without a text: say in words where it is
        return Problem(f"{'.'.join(map(str, fault.path))}: {fault.message}", None, fault.hint)
    if place is not None and fault.offset is not None and not fault.on_key:
        place = _part(place, fault.offset, fault.width, lines)
    callers = [places.key(caller) for caller in fault.callers]
    return Problem(fault.message, place, fault.hint, tuple(caller for caller in callers if caller is not None))


def _part(value: Place, offset: int, width: int, lines: list[str]) -> Place:
    """Return the place of a part of a value, or of all of it where it is written over several lines."""
    quoted = lines[value.line - 1][value.column - 1 : value.column] in ("'", '"')
    part = replace(value, column=value.column + offset + quoted, width=width)
    return part if part.column <= value.column + value.width else value
