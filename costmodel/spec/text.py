"""From a file to plain data, safely: bounded reading, YAML without its dangerous parts, and the place of every key and value.

Only maps, lists and scalars are understood. Anchors, aliases, tags and several documents are refused, as are doubled keys and
deep nesting, so that a stranger's file can neither run code nor exhaust memory.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from costmodel.errors import CostModelError, Place, Problem, SpecError

MAX_BYTES = 1_000_000
MAX_DEPTH = 12

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
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise CostModelError(f"{path}: this is a directory; name one of the files in it")
        if not stat.S_ISREG(status.st_mode):
            raise CostModelError(f"{path}: this is not a regular file")
        if status.st_size > MAX_BYTES:
            raise CostModelError(f"{path}: {status.st_size:,} bytes; a {what} has at most {MAX_BYTES:,}")
        raw = path.read_bytes()
    except FileNotFoundError:
        raise CostModelError(f"{path}: no such file") from None
    except OSError as error:
        raise CostModelError(f"{path}: cannot be read: {error.strerror}") from None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise CostModelError(
            f"{path}:{line}: byte {error.start} (0x{raw[error.start]:02x}) is not UTF-8; save the file as UTF-8"
        ) from None


def parse(text: str, file: str, places: Places | None = None) -> Any:
    """Return the plain data that YAML `text` holds; fill `places` if given.

    Raises:
        SpecError: if it is not YAML, or uses a part of YAML that is refused.
    """
    try:
        return _Reader(text, places).document()
    except _Refused as refused:
        raise SpecError(file, [refused.problem], text) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(mark.line + 1, mark.column + 1) if mark else None
        detail = error.problem or "unreadable"
        if error.context:
            detail = f"{detail} {error.context}"
        raise SpecError(file, [Problem(f"not YAML: {detail}", place, _yaml_hint(detail))], text) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        place = Place(line, error.position - text.rfind("\n", 0, error.position))
        raise SpecError(file, [Problem(f"not YAML: {error.reason}", place)], text) from None


def _yaml_hint(detail: str) -> str:
    if "found character '\\t'" in detail or "cannot start any token" in detail:
        return "indent with spaces, not tabs, and quote a text that starts with a special character"
    if "mapping values are not allowed" in detail:
        return "a text that holds ': ' must be quoted"
    if "',' or '}'" in detail or "',' or ']'" in detail:
        return "a bracket or a comma is missing"
    return ""


class _Refused(Exception):  # noqa: N818 - it carries a problem up to `parse`, and is no error of ours to see
    def __init__(self, message: str, mark: Any, hint: str = "", width: int = 1) -> None:
        super().__init__(message)
        self.problem = Problem(message, Place(mark.line + 1, mark.column + 1, width), hint)


_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_INTEGER = re.compile(r"[-+]?[0-9][0-9_]*\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9][0-9_]*(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_WORDS: dict[str, Any] = {"true": True, "false": False, "null": None, "~": None, "": None}


def scalar(text: str) -> Any:
    """Return what an unquoted scalar means: a whole number, a number, true, false, null, or the text itself."""
    if text in _WORDS:
        return _WORDS[text]
    if len(text) <= 40 and _INTEGER.match(text):
        return int(text.replace("_", ""))
    if len(text) <= 40 and _FLOAT.match(text):
        return float(text.replace("_", ""))
    return text


class _Reader:
    """Builds plain data from the events of one YAML document."""

    def __init__(self, text: str, places: Places | None) -> None:
        self._events: Iterator[Any] = yaml.parse(text, Loader=_LOADER)
        self._places = places

    def document(self) -> Any:
        next(self._events)  # the stream's start
        event = next(self._events)
        if isinstance(event, yaml.StreamEndEvent):
            return None
        data = self._value(next(self._events), (), 0)
        next(self._events)  # the document's end
        event = next(self._events)
        if not isinstance(event, yaml.StreamEndEvent):
            raise _Refused("a second document starts here", event.start_mark, "one file holds one document")
        return data

    def _value(self, event: Any, path: KeyPath, depth: int) -> Any:
        self._refuse_specials(event)
        if depth > MAX_DEPTH:
            raise _Refused(f"nested more than {MAX_DEPTH} deep", event.start_mark)
        if self._places is not None:
            self._places.values[path] = _place(event)
        if isinstance(event, yaml.ScalarEvent):
            return event.value if event.style else scalar(event.value)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._list(path, depth)
        return self._map(path, depth)

    def _list(self, path: KeyPath, depth: int) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._value(event, (*path, len(items)), depth + 1))
        return items

    def _map(self, path: KeyPath, depth: int) -> dict[str, Any]:
        entries: dict[str, Any] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            self._refuse_specials(event)
            if not isinstance(event, yaml.ScalarEvent):
                raise _Refused("a key must be a plain word", event.start_mark)
            key: str = event.value
            if key in entries:
                raise _Refused(f"{key!r} stands here twice", event.start_mark, "remove or rename one", len(key))
            if self._places is not None:
                self._places.keys[(*path, key)] = _place(event)
            entries[key] = self._value(next(self._events), (*path, key), depth + 1)
        return entries

    def _refuse_specials(self, event: Any) -> None:
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _Refused(
                "anchors and aliases (& and *) are not part of the language",
                event.start_mark,
                "use a block, or quote the text",
            )
        if getattr(event, "tag", None) and event.tag != "!":
            raise _Refused(
                "tags (!) are not part of the language", event.start_mark, "quote the text if it starts with '!'"
            )


def _place(event: Any) -> Place:
    start, end = event.start_mark, event.end_mark
    width = end.column - start.column if end.line == start.line else 1
    return Place(start.line + 1, start.column + 1, max(width, 1))
