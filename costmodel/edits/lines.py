"""Edits of a YAML text by spans: what is not edited keeps its layout and its comments, to the character."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import yaml

from costmodel.documents.scalars import scalar
from costmodel.documents.text import KeyPath, parse
from costmodel.errors import CostModelError


class _Nodes(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Reads where each value stands; what its YAML tag is, nobody asks, and that takes as long as the rest."""

    def resolve(self, kind: Any, value: Any, implicit: Any) -> str:
        return ""


_COMMENT = re.compile(r"[ ]+(?=#)")
_COMMENT_LINE = re.compile(r"^[ \t]*#.*$")


@dataclass(frozen=True)
class Lines:
    """A YAML text that parses as the spec language's YAML, with edits named by keys. Every edit returns a new one."""

    text: str

    @cached_property
    def _root(self) -> Any:
        return yaml.compose(self.text, Loader=_Nodes)

    @cached_property
    def newline(self) -> str:
        """The line break that the text uses."""
        return "\r\n" if "\r\n" in self.text else "\n"

    @cached_property
    def data(self) -> Any:
        """The plain data that the text holds."""
        return _plain(self._root)

    def get(self, path: KeyPath) -> Any:
        """Return the data at `path`, or None where there is none."""
        data: Any = self.data
        for step in path:
            try:
                data = data[step]
            except (KeyError, IndexError, TypeError):
                return None
        return data

    def written(self, path: KeyPath) -> str:
        """Return the text of the value at `path`, as it is written."""
        node = self._value(path)
        return self.text[node.start_mark.index : _end(node)]

    def set(self, path: KeyPath, written: str) -> Lines:
        """Return the text with the value at `path` written so; a key that its map lacks is added at its end."""
        parent = self.get(path[:-1])
        if isinstance(parent, dict) and path[-1] not in parent:
            return self._append(path[:-1], str(path[-1]), written)
        node = self._value(path)
        end = _end(node)
        comment = _COMMENT.match(self.text, end)
        if comment is None or len(written) == end - node.start_mark.index:
            return self._replace(node.start_mark.index, end, written)
        gap = max(1, comment.end() - node.start_mark.index - len(written))
        return self._replace(node.start_mark.index, comment.end(), written + " " * gap)

    def remove(self, path: KeyPath, comments: bool = False) -> Lines:
        """Return the text without the entry at `path`, and with `comments` without the comment lines right above."""
        parent = self._value(path[:-1])
        index = next(i for i, (key, _) in enumerate(parent.value) if key.value == path[-1])
        if parent.flow_style:
            return self._remove_from_flow(parent, index)
        if len(parent.value) == 1:
            return self.remove(path[:-1], comments) if path[:-1] else Lines("")
        key, value = parent.value[index]
        start, end = self._line_start(key.start_mark.index), self._after(value)
        if comments:
            start = self._comments_above(start)
        if self._ends_paragraph(start, end):
            end = self._line_end(end)
        return self._replace(start, end, "")

    def after(self, path: KeyPath, name: str, written: str) -> Lines:
        """Return the text with an entry `name: written` after the one at `path`, in the same map."""
        parent = self._value(path[:-1])
        key, value = next(entry for entry in parent.value if entry[0].value == path[-1])
        if parent.flow_style:
            return self._replace(_end(value), _end(value), f", {name}: {written}")
        column = value.start_mark.column - key.start_mark.column if value.start_mark.line == key.start_mark.line else 0
        head = f"{name}:".ljust(max(column, 0)) if len(name) + 1 < column else f"{name}: "
        at = self._after(value)
        return self._insert_line(at, " " * key.start_mark.column + head + written)

    def copy_block(self, block: str, name: str) -> Lines:
        """Return the text with the block `block` written once more, after itself, under another name."""
        key, value = next(entry for entry in self._value(("blocks",)).value if entry[0].value == block)
        if self._value(("blocks",)).flow_style:
            return self.after(("blocks", block), name, self.written(("blocks", block)))
        start, end = self._line_start(key.start_mark.index), self._after(value)
        body = self.text[key.end_mark.index : end]
        if (comment := re.match(r":( +)#", body)) and len(comment[1]) > len(name) - len(block):
            body = ":" + " " * (len(comment[1]) + len(block) - len(name)) + body[comment.end(1) :]
        indent = self.text[start : key.start_mark.index]
        return self._insert_line(end, f"{self.newline}{indent}{name}{body.rstrip()}")

    def add_block(self, name: str, body: list[str], comment: str) -> Lines:
        """Return the text with a block at the end of `blocks:`, made where there is none; `body` is unindented."""
        head = f"{name}:".ljust(29) + f" # {comment}"
        breaks = self.newline
        if self.get(("blocks",)) is None:
            at = self._line_start(next(k for k, _ in self._root.value if k.value == "layers").start_mark.index)
            text = breaks.join(["blocks:", *_indented([head, *_indented(body)]), "", ""])
            return self._replace(at, at, text)
        parent = self._value(("blocks",))
        if parent.flow_style:
            raise CostModelError("the blocks of this file stand in { }; write them one below the other to edit it")
        indent = " " * parent.value[0][0].start_mark.column
        at = self._after(parent)
        lines = [f"{indent}{line}" if line else "" for line in ["", head, *_indented(body)]]
        return self._insert_line(at, breaks.join(lines))

    def _append(self, path: KeyPath, name: str, written: str) -> Lines:
        parent = self._value(path)
        if parent.value:
            return self.after((*path, parent.value[-1][0].value), name, written)
        return self._replace(parent.start_mark.index, _end(parent), f"{{{name}: {written}}}")

    def _value(self, path: KeyPath) -> Any:
        node = self._root
        for step in path:
            if isinstance(node, yaml.SequenceNode):
                node = node.value[int(step)]
            else:
                node = next(value for key, value in node.value if key.value == step)
        return node

    def _remove_from_flow(self, parent: Any, index: int) -> Lines:
        entries = parent.value
        key, value = entries[index]
        if index + 1 < len(entries):
            return self._replace(key.start_mark.index, entries[index + 1][0].start_mark.index, "")
        start = _end(entries[index - 1][1]) if index else key.start_mark.index
        return self._replace(start, _end(value), "")

    def _replace(self, start: int, end: int, written: str) -> Lines:
        return Lines(self.text[:start] + written + self.text[end:])

    def _insert_line(self, at: int, line: str) -> Lines:
        before = self.newline if at and self.text[at - 1] != "\n" else ""
        return self._replace(at, at, before + line + self.newline)

    def _line_start(self, at: int) -> int:
        return self.text.rfind("\n", 0, at) + 1

    def _line_end(self, at: int) -> int:
        found = self.text.find("\n", at)
        return len(self.text) if found < 0 else found + 1

    def _after(self, node: Any) -> int:
        """Return where the line after a value starts."""
        end = _end(node)
        return end if self.text[end - 1 : end] == "\n" else self._line_end(end)

    def _comments_above(self, start: int) -> int:
        while start and _COMMENT_LINE.match(self.text[(above := self._line_start(start - 1)) : start].rstrip("\r\n")):
            start = above
        return start

    def _ends_paragraph(self, start: int, end: int) -> bool:
        """Say whether removing these lines would leave two blank lines in a row, or one at the end of the text."""
        above = self.text[self._line_start(start - 1) : start].strip() if start else ""
        below = self.text[end : self._line_end(end)]
        return not above and bool(below) and not below.strip()


def _end(node: Any) -> int:
    """Return where a value's own text ends: a block map's node reaches over the blank lines and comments after it."""
    if isinstance(node, yaml.ScalarNode) or node.flow_style or not node.value:
        end: int = node.end_mark.index
        return end
    last = node.value[-1]
    return _end(last[1] if isinstance(node, yaml.MappingNode) else last)


def _plain(node: Any) -> Any:
    """Return the plain data of a node, as `parse` reads it."""
    if isinstance(node, yaml.MappingNode):
        return {key.value: _plain(value) for key, value in node.value}
    if isinstance(node, yaml.SequenceNode):
        return list(map(_plain, node.value))
    if node is None:
        return None
    return node.value if node.style else scalar(node.value)


def _indented(lines: list[str]) -> list[str]:
    return [f"  {line}" if line else "" for line in lines]


def flow(value: Any) -> str:
    """Write plain data on one line, so that reading it gives the same data; text is quoted only where it must be."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(flow, value)) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    if value is None:
        return "null"
    if not isinstance(value, str):
        return repr(value)
    return value if _reads_as_itself(value) else json.dumps(value, ensure_ascii=False)


def own_line(text: str) -> str:
    """Write a text that stands on a line of its own, so that reading it gives the same."""
    return text if _reads_as_itself(text, "x: {}") else json.dumps(text, ensure_ascii=False)


@lru_cache(maxsize=4096)
def _reads_as_itself(text: str, around: str = "{{x: {}}}") -> bool:
    """Say whether a text can stand there without quotes and is read as itself."""
    try:
        return text.isprintable() and bool(parse(around.format(text), "") == {"x": text})
    except CostModelError:
        return False


def data_of(written: str) -> Any:
    """Return the data that a person wrote for one value.

    Raises:
        CostModelError: if it is no value.
    """
    if "\n" in written or not written.strip():
        raise CostModelError(f"{written!r} is no value")
    try:
        return parse(f"x: {written}", "value")["x"]
    except CostModelError:
        raise CostModelError(f"{written!r} is no value; quote text that holds ': ' or starts with a sign") from None
