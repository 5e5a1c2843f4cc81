"""What an edited text is: the spec that it holds, its network, what is wrong with it, and what nothing in it uses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from costmodel.documents.faults import Fault, complain
from costmodel.documents.text import KeyPath
from costmodel.edits.lines import Lines
from costmodel.edits.rewrite import Clear, LineEdit, edit_copies
from costmodel.edits.uses import Tree, copy_of
from costmodel.errors import CostModelError
from costmodel.spec.check import check
from costmodel.spec.document import Spec, read_spec

KEPT = 4
"""Texts whose networks are kept: before an edit, after it, after the next, and tidied. Expanding costs most."""


def _read(lines: Lines, spec: Spec) -> Spec:
    return _text_read(lines.text, f"{spec.file} (edited)")


def tree_of(lines: Lines, spec: Spec) -> Tree:
    """Return the network of an edited text, whether or not all of it fits."""
    return _text_expanded(lines.text, f"{spec.file} (edited)")


@lru_cache(maxsize=KEPT)
def _text_read(text: str, file: str) -> Spec:
    return read_spec(text, file)


@lru_cache(maxsize=KEPT)
def _text_expanded(text: str, file: str) -> Tree:
    return Tree.of(_text_read(text, file))


def readable(lines: Lines, spec: Spec) -> bool:
    """Say whether a text is a spec in which nothing is wrong but perhaps shapes."""
    try:
        return all(fault.unused for fault in check(_read(lines, spec)))
    except CostModelError:
        return False


def fault_of(lines: Lines, spec: Spec) -> CostModelError | None:
    """Return what is wrong with a text, if anything."""
    try:
        now = _read(lines, spec)
    except CostModelError as error:
        return error
    faults: Sequence[Fault] = [fault for fault in check(now) if not fault.unused] or tree_of(lines, spec).faults
    return complain(now.file, now.text, faults) if faults else None


def tidy(lines: Lines, spec: Spec, but_blocks: bool = False) -> Lines:
    """Return the text without what nothing uses: arguments, parameters, and blocks if no later edit may name them."""
    while True:
        try:
            now = _read(lines, spec)
        except CostModelError:
            return lines
        paths = [fault.path for fault in check(now) if fault.unused]
        unused = next((path for path in paths if not (but_blocks and path[0] == "blocks" and len(path) == 2)), None)
        if unused is None:
            return lines
        if unused[0] == "blocks" and len(unused) > 2:
            lines = _without_argument(lines, tree_of(lines, spec), str(unused[1]), str(unused[3]))
        else:
            lines = lines.remove(unused, comments=True)


def _without_argument(lines: Lines, tree: Tree, block: str, name: str) -> Lines:
    """Take an argument that a block does not use out of the block, and out of every line that gives it."""
    called: dict[KeyPath, dict[int | None, tuple[LineEdit, ...]]] = {}
    for use in tree.uses.values():
        called.setdefault(use.line, {})[copy_of(use)] = (Clear(name),) if use.op == block else ()
    for line, entry in _all_lines(lines):  # those with no copy now, too
        if line not in called and entry.get("op") == block:
            called[line] = {None: (Clear(name),)}
    for line, copies in called.items():
        if any(copies.values()):
            lines = edit_copies(lines, line, copies)
    return lines.remove(("blocks", block, "takes", name))


def _all_lines(lines: Lines) -> Iterator[tuple[KeyPath, Mapping[str, Any]]]:
    """Yield every layer of the network and of its blocks, as written."""
    bases: list[KeyPath] = [("layers",), *(("blocks", name, "layers") for name in lines.get(("blocks",)) or ())]
    for base in bases:
        for name, entry in lines.get(base).items():
            yield (*base, name), entry
