"""From "this field of this layer is wrong" to file:line:column. Places are looked up only once something is wrong."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from costmodel.errors import Place, Problem, SpecError
from costmodel.spec.text import KeyPath, Places, parse

MAX_SHOWN = 20


@dataclass(frozen=True)
class Fault:
    """Something wrong at a spot of a document, named by its keys.

    `on_key` points at the key instead of the value; `offset` and `width` at a part of the value's text; `callers` are the layers
    that led into the block in which the fault is, innermost first. `unused` marks what can simply be removed.
    """

    path: KeyPath
    message: str
    hint: str = ""
    on_key: bool = False
    offset: int | None = None
    width: int = 1
    callers: tuple[KeyPath, ...] = ()
    unused: bool = False


def complain(file: str, text: str, faults: Iterable[Fault]) -> SpecError:
    """Return the error that shows every fault at its place, a fault reached on several ways only once."""
    places = Places()
    parse(text, file, places)
    lines = text.splitlines()
    distinct = list({(fault.path, fault.message): fault for fault in reversed(list(faults))}.values())[::-1]
    problems = [_problem(fault, places, lines) for fault in distinct[:MAX_SHOWN]]
    if len(distinct) > MAX_SHOWN:
        problems.append(Problem(f"and {len(distinct) - MAX_SHOWN} more"))
    return SpecError(file, problems, text)


def _problem(fault: Fault, places: Places, lines: list[str]) -> Problem:
    place = places.key(fault.path) if fault.on_key else places.value(fault.path)
    if place is not None and fault.offset is not None and not fault.on_key:
        quoted = lines[place.line - 1][place.column - 1 : place.column] in ("'", '"')
        place = replace(place, column=place.column + fault.offset + quoted, width=fault.width)
    callers = [places.key(caller) for caller in fault.callers]
    return Problem(fault.message, place, fault.hint, tuple(caller for caller in callers if caller is not None))
