"""From a file to plain data, safely: bounded reading, YAML without its dangerous parts, and the place of everything.

Only maps, lists and scalars are understood. Anchors, aliases, tags and several documents are refused, as are doubled
keys and deep nesting, so that a stranger's file can neither run code nor exhaust memory.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from costmodel.documents.files import read_bytes
from costmodel.documents.scalars import scalar
from costmodel.errors import CostModelError, Place, Problem, SpecError, quote, split_lines

MAX_BYTES = 1_000_000
MAX_DEPTH = 12
MAX_PROBLEMS = 20

KeyPath: TypeAlias = tuple[str | int, ...]
"""The way to a value: keys of maps and indices of lists."""


class Places:
    """Where each key and each value of a document stands."""

    def __init__(self) -> None:
        self.keys: dict[KeyPath, Place] = {}
        self.values: dict[KeyPath, Place] = {}

    def key(self, path: KeyPath) -> Place | None:
        """Return the place of the key that ends `path`, else of the nearest thing around it."""
        while path and path not in self.keys:
            path = path[:-1]
        return self.keys.get(path)

    def value(self, path: KeyPath) -> Place | None:
        """Return the place of the value at `path`, else of the nearest thing around it."""
        return self.values.get(path) or self.key(path)


def read_text(path: Path, what: str = "spec") -> str:
    """Return the text of a small UTF-8 file.

    Raises:
        CostModelError: if it is missing, no regular file, too large or not UTF-8.
    """
    return decode(read_bytes(path, MAX_BYTES, f"a {what} has at most {MAX_BYTES:,}"), str(path))


def decode(raw: bytes, name: str) -> str:
    """Return the text that UTF-8 bytes hold; `name` is what complaints call them.

    Raises:
        CostModelError: if they are not UTF-8.
    """
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in raw[:4]:
        raise CostModelError(f"{name}: this looks like UTF-16; save the file as UTF-8")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        column = error.start - raw.rfind(b"\n", 0, error.start)
        found = f"byte 0x{raw[error.start]:02x} is not UTF-8"
        raise CostModelError(f"{name}:{line}:{column}: {found}; save the file as UTF-8") from None


def parse(text: str, file: str, places: Places | None = None) -> Any:
    """Return the plain data that YAML `text` holds; fill `places` if given.

    Raises:
        SpecError: if it is not YAML, or uses a part of YAML that is refused.
    """
    reader = _Reader(text, places)
    try:
        data = reader.document()
        if not reader.problems:
            return data
        problems = reader.problems
    except _RefusedError as refused:
        problems = [refused.problem]
    except yaml.MarkedYAMLError as error:
        problems = [_not_yaml(error, split_lines(text))]
    except yaml.reader.ReaderError as error:
        before = split_lines(text[: error.position])
        shown = f"character 0x{ord(text[error.position]):02x}" if error.position < len(text) else "this character"
        place = Place(len(before), len(before[-1]) + 1)
        problems = [Problem(f"{shown} cannot stand in a text file", place, "remove it")]
    except UnicodeEncodeError:
        problems = [Problem("half of a character (a surrogate) cannot stand in a text file")]
    raise SpecError(file, problems, text) from None


# What YAML's own words mean to someone who never read its grammar: a part of them, what is wrong, what to do.
_PLAIN_WORDS = [
    ("tab character", "a tab stands where YAML wants spaces", "indent with spaces"),
    ("cannot start any token", "no value can start with this character", "put the text in quotes"),
    (
        "mapping values are not allowed",
        "a ': ' too much",
        "quote a text that holds ': ', and put a space after a key's colon",
    ),
    ("expected ',' or '}'", "a comma or a closing } is missing before this", ""),
    ("expected ',' or ']'", "a comma or a closing ] is missing before this", ""),
    ("could not find expected ':'", "a key without its ':'", "write `key: value`, with a space after the colon"),
    ("unexpected end of stream", "these quotes are never closed", ""),
    ("expected <block end>", "this line does not fit the ones above", "entries of one map start in the same column"),
    ("expected key", "this line does not fit the ones above", "entries of one map start in the same column"),
    ("'-' indicator", "this line does not fit the ones above", "entries of one list start in the same column"),
    ("node content", "a value is missing here, or something stands here too much", ""),
    ("expected '<document start>'", "this line does not belong to what is above it", "indent it, or remove it"),
    ("found undefined tag handle", "tags (!) are not part of the language", "quote the text if it starts with '!'"),
    ("alphabetic or numeric character", "anchors and aliases (& and *) are not part of the language", "quote the text"),
    ("escape", "this \\ starts no escape that YAML knows", "use 'single quotes', in which \\ is itself"),
]


def _not_yaml(error: yaml.MarkedYAMLError, lines: list[str]) -> Problem:
    detail = error.problem or error.context or "unreadable"
    mark = error.problem_mark or error.context_mark
    if "end of stream" in detail and error.context_mark:
        mark = error.context_mark  # where the quotes open; where they are missed is the end of the file
    place = Place(mark.line + 1, mark.column + 1) if mark else None
    if mark and mark.line < len(lines) and lines[mark.line][mark.column : mark.column + 1] == "\t":
        detail = "tab character"
    for part, message, hint in _PLAIN_WORDS:
        if part in detail:
            return Problem(f"not YAML: {message}", place, hint)
    return Problem(f"not YAML: {detail}", place)


class _RefusedError(Exception):
    def __init__(self, message: str, mark: Any, hint: str = "", width: int = 1) -> None:
        super().__init__(message)
        self.problem = Problem(message, Place(mark.line + 1, mark.column + 1, width), hint)


_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Split:
    """A text that YAML may split at its commas, since it stands unquoted inside ``{ }`` or ``[ ]``: ``max(16, 8)``.

    `start` is the text as far as the first comma.
    """

    def __init__(self, name: object, start: Any) -> None:
        self._name, self._start, self._end = name, start, start
        self._pieces: list[str] = [start.value]

    def takes(self, event: Any, key: bool = False) -> bool:
        """Say whether a text is a further piece, and take it: a parenthesis is open, or it could be no key."""
        if not isinstance(event, yaml.ScalarEvent) or event.style:
            return False
        if self._depth() <= 0 and not (key and re.search(r"[^\w*.-]", event.value)):
            return False
        self._pieces.append(event.value)
        self._end = event
        return True

    def _depth(self) -> int:
        return sum(piece.count("(") - piece.count(")") for piece in self._pieces)

    def problem(self) -> Problem | None:
        """Return the complaint, if the text is split."""
        if len(self._pieces) < 2:
            return None
        whole, start = ", ".join(self._pieces), self._start.start_mark
        width = self._end.end_mark.column - start.column if self._end.end_mark.line == start.line else 1
        hint = f'put it in quotes: {self._name}: "{whole}"' if isinstance(self._name, str) else f'quote it: "{whole}"'
        message = f"inside {{ }} and [ ] YAML ends an unquoted text at a comma, so {quote(whole)} is in pieces here"
        return Problem(message, Place(start.line + 1, start.column + 1, width), hint)


def _unquoted(event: Any) -> bool:
    return isinstance(event, yaml.ScalarEvent) and not event.style and bool(event.value)


class _Reader:
    """Builds plain data from the events of one YAML document.

    `problems` are complaints about keys that stand twice, and about texts that YAML splits at a comma.
    """

    def __init__(self, text: str, places: Places | None) -> None:
        self._events: Iterator[Any] = yaml.parse(text, Loader=_LOADER)
        self._places = places
        self.problems: list[Problem] = []

    def document(self) -> Any:
        next(self._events)  # the stream's start
        event = next(self._events)
        if isinstance(event, yaml.StreamEndEvent):
            return None
        data = self._value(next(self._events), (), 0)
        next(self._events)  # the document's end
        event = next(self._events)
        if not isinstance(event, yaml.StreamEndEvent):
            raise _RefusedError("a second document starts here", event.start_mark, "one file holds one document", 3)
        return data

    def _value(self, event: Any, path: KeyPath, depth: int) -> Any:
        _refuse_specials(event)
        if depth > MAX_DEPTH:
            raise _RefusedError(f"nested more than {MAX_DEPTH} deep", event.start_mark)
        if self._places is not None:
            self._places.values[path] = _place(event)
        if isinstance(event, yaml.ScalarEvent):
            return event.value if event.style else scalar(event.value)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._list(path, depth, bool(event.flow_style))
        return self._map(path, depth, bool(event.flow_style))

    def _list(self, path: KeyPath, depth: int, flow: bool) -> list[Any]:
        items: list[Any] = []
        split: _Split | None = None
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            if split is not None and split.takes(event):
                continue
            self._complain(split)
            split = _Split(len(items), event) if flow and _unquoted(event) else None
            items.append(self._value(event, (*path, len(items)), depth + 1))
        self._complain(split)
        return items

    def _map(self, path: KeyPath, depth: int, flow: bool) -> dict[str, Any]:
        entries: dict[str, Any] = {}
        split: _Split | None = None
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            _refuse_specials(event)
            if not isinstance(event, yaml.ScalarEvent):
                raise _RefusedError("a key must be a plain word", event.start_mark)
            key: str = event.value
            value = next(self._events)
            if split is not None and _nothing(value) and split.takes(event, key=True):
                continue
            self._complain(split)
            split = _Split(key, value) if flow and _unquoted(value) else None
            if key in entries:
                self._say(Problem(f"{quote(key)} stands here twice", _place(event), "remove or rename one"))
            if self._places is not None:
                self._places.keys[(*path, key)] = _place(event)
            entries[key] = self._value(value, (*path, key), depth + 1)
        self._complain(split)
        return entries

    def _complain(self, split: _Split | None) -> None:
        if split is not None and (problem := split.problem()) is not None:
            self._say(problem)

    def _say(self, problem: Problem) -> None:
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(problem)


def _nothing(event: Any) -> bool:
    """Say whether no value follows a key."""
    return isinstance(event, yaml.ScalarEvent) and not event.style and not event.value


def _refuse_specials(event: Any) -> None:
    if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
        message = "anchors and aliases (& and *) are not part of the language"
        raise _RefusedError(message, event.start_mark, "use a block, or quote the text")
    if getattr(event, "tag", None) and event.tag != "!":
        message = "tags (!) are not part of the language"
        raise _RefusedError(message, event.start_mark, "quote the text if it starts with '!'")


def _place(event: Any) -> Place:
    start, end = event.start_mark, event.end_mark
    width = end.column - start.column if end.line == start.line else 1
    return Place(start.line + 1, start.column + 1, max(width, 1))
