"""Change some uses of some lines and no others: a block that only some uses change is written again under a new name.

An edit is asked for by use (a layer at a path); what can be edited is a line, which blocks and `repeat` share between
uses. So, from the innermost blocks outwards: where all uses of a block are to change alike, its lines are edited; where
they differ, each kind of use gets a copy of the block, and the lines that call it call the copy. Copies of one `repeat`
line that come to differ are told apart by `first`, or else by lines of their own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any, TypeAlias

from costmodel.documents.text import KeyPath
from costmodel.edits.lines import Lines, flow
from costmodel.edits.uses import Tree, block_of, copy_of
from costmodel.errors import CostModelError
from costmodel.ops import OPERATORS
from costmodel.ops.fields import REQUIRED
from costmodel.spec.check import COPIES, COPY, takes_of
from costmodel.spec.expand import Use


@dataclass(frozen=True)
class Put:
    """Write a field of a line, or `op`, `from` or `repeat`."""

    field: str
    written: str


@dataclass(frozen=True)
class Clear:
    """Take a field out of a line, where it has it."""

    field: str


@dataclass(frozen=True)
class Drop:
    """Remove a line; whoever read it reads what it read."""


@dataclass(frozen=True)
class Insert:
    """Add a line below; whoever read the line above reads the new one."""

    name: str
    written: str


LineEdit: TypeAlias = Put | Clear | Drop | Insert
Plan: TypeAlias = Mapping[str, tuple[LineEdit, ...]]
"""What is to happen at which path of the network."""
Signature: TypeAlias = tuple[tuple[str, int | None, tuple[LineEdit, ...]], ...]
"""What is to happen in one block: for each line and copy, its edits."""


def rewrite(lines: Lines, tree: Tree, plan: Plan) -> Lines:
    """Return the text in which exactly the uses that the plan names are changed.

    Raises:
        CostModelError: if that cannot be written.
    """
    todo: dict[str | None, Signature] = {}
    renamed: dict[str, str] = {}
    taken = {*tree.spec.blocks, *OPERATORS, *tree.spec.parameters}
    for block in _callees_first(tree):
        groups: dict[Signature, list[Use]] = {}
        for use in tree.uses.values():
            if use.op == block:
                groups.setdefault(_signature(tree, use.path, plan, renamed), []).append(use)
        stays = () if () in groups else next(iter(groups))
        for signature, uses in groups.items():
            name = block if signature == stays else fresh(block, taken)
            taken.add(name)
            if name != block:
                lines = lines.copy_block(block, name)
                renamed |= {use.path: name for use in uses}
            todo[name] = signature
    todo[None] = _signature(tree, "", plan, renamed)
    for scope, signature in todo.items():
        base: KeyPath = ("layers",) if scope is None else ("blocks", scope, "layers")
        for line, entries in groupby(signature, key=lambda entry: entry[0]):
            lines = edit_copies(lines, (*base, line), {copy: edits for _, copy, edits in entries}, tree)
    return lines


def fresh(name: str, taken: Iterable[str]) -> str:
    """Return `name` with the first number after it that is not taken."""
    known, number = set(taken), 2
    stem = name.rstrip("0123456789").rstrip("_") if name.rpartition("_")[2].isdigit() else name
    while f"{stem}_{number}" in known:
        number += 1
    return f"{stem}_{number}"


def _callees_first(tree: Tree) -> list[str]:
    """Return the blocks that are in use, each after those that it calls."""
    calls: dict[str, dict[str, None]] = {}
    for use in tree.uses.values():
        if use.op in tree.spec.blocks:
            calls.setdefault(use.op, {})
            caller = block_of(use.line)
            if caller is not None:
                calls.setdefault(caller, {})[use.op] = None
    order: dict[str, None] = {}

    def visit(block: str) -> None:
        for inner in calls[block]:
            visit(inner)
        order.setdefault(block)

    for block in calls:
        visit(block)
    return list(order)


def _signature(tree: Tree, path: str, plan: Plan, renamed: Mapping[str, str]) -> Signature:
    """Return what is to happen inside one use of a block. Each copy of a line has an entry if any has edits."""
    entries = []
    edited = set()
    for use in tree.children.get(path, []):
        edits = plan.get(use.path, ())
        if use.path in renamed:
            edits = (Put("op", renamed[use.path]), *edits)
        name = str(use.line[-1])
        edited |= {name} if edits else set()
        entries.append((name, copy_of(use), edits))
    return tuple(entry for entry in entries if entry[0] in edited)


def edit_copies(
    lines: Lines, line: KeyPath, copies: Mapping[int | None, tuple[LineEdit, ...]], tree: Tree | None = None
) -> Lines:
    """Edit one line, whose copies may be meant differently. With a tree, `first` may tell the first copy apart."""
    if len(set(copies.values())) == 1:
        return _apply(lines, line, next(iter(copies.values())))
    first, *rest = copies.values()
    fields_only = all(isinstance(edit, Put) and edit.field != "from" for edit in (*first, *rest[0]))
    if tree is not None and len(set(rest)) == 1 and fields_only:
        return _first_differs(lines, tree, line, first, rest[0])
    return _split(lines, line, copies)


def _apply(lines: Lines, line: KeyPath, edits: Iterable[LineEdit]) -> Lines:
    """Apply edits to a line, all its copies alike."""
    for edit in edits:
        match edit:
            case Put(field, written):
                lines = lines.set((*line, field), written)
                if lines.get((*line, "first", field)) is not None:
                    lines = lines.set((*line, "first", field), written)
            case Clear(field):
                for path in ((*line, field), (*line, "first", field)):
                    lines = lines.remove(path) if lines.get(path) is not None else lines
            case Insert(name, written):
                lines = _insert(lines, line, name, written)
            case Drop():
                return _drop(lines, line)
    return lines


def _first_differs(lines: Lines, tree: Tree, line: KeyPath, first: Iterable[Any], rest: Iterable[Any]) -> Lines:
    """Edit a line so that its first copy differs from the others, by `first`."""
    own = {edit.field: edit.written for edit in first}
    others = {edit.field: edit.written for edit in rest}
    entry = lines.get(line)
    before = {**entry, **entry.get("first", {})}
    for field in dict.fromkeys([*own, *others]):
        kept = own.get(field) or (flow(before[field]) if field in before else _default(tree, before["op"], field))
        if field in others:
            lines = lines.set((*line, field), others[field])
        if kept != others.get(field):
            held = lines.get((*line, "first")) is not None
            path = (*line, "first", field) if held else (*line, "first")
            lines = lines.set(path, kept if held else f"{{{field}: {kept}}}")
        elif lines.get((*line, "first", field)) is not None:
            lines = lines.remove((*line, "first", field))
    return lines


def _default(tree: Tree, op: str, field: str) -> str:
    """Return what a field is where nobody wrote it."""
    default = (takes_of(op, tree.spec) or {}).get(field, REQUIRED)
    if default is REQUIRED or isinstance(default, str):
        raise CostModelError(
            f"the first copy is to keep its {field}, which its line does not write; set it there first"
        )
    return flow(default)


def _split(lines: Lines, line: KeyPath, copies: Mapping[int | None, tuple[LineEdit, ...]]) -> Lines:
    """Write a line with `repeat` as several, one for each run of copies that are meant alike, and edit each."""
    runs = [(edits, len(list(run))) for edits, run in groupby(copies.values())]
    entry = dict(lines.get(line))
    parts: list[tuple[KeyPath, tuple[LineEdit, ...]]] = []
    at, start = line, 0
    for edits, count in runs:
        if start == 0:
            lines = lines.set((*line, "repeat"), str(count))
        else:
            entry.pop("first", None)
            name = fresh_line(f"{line[-1]}_{start}", lines, line)
            lines = _insert(lines, at, name, flow(_continued(entry, str(at[-1]), count, start)))
            lines = _read_copies(lines, at, name)
            at = (*line[:-1], name)
        parts.append((at, edits))
        start += count
    for part, edits in reversed(parts):
        lines = _apply(lines, part, edits)
    return lines


def _continued(entry: Mapping[str, Any], above: str, count: int, start: int) -> dict[str, Any]:
    """Return a line that goes on with the chain that ends in `above`, with the copy numbered `start`."""
    further = {**{key: _counted_on(value, start) for key, value in entry.items()}, "repeat": count}
    if isinstance(entry.get("from"), list) and len(entry["from"]) > 1:
        return {**further, "from": [above, *entry["from"][1:]]}
    further.pop("from", None)
    return further


def _counted_on(value: Any, start: int) -> Any:
    """Return what stands in a field, so that the first copy is numbered `start` in it."""
    if isinstance(value, list):
        return [_counted_on(item, start) for item in value]
    return re.sub(rf"\b{COPY}\b", f"({COPY} + {start})", value) if isinstance(value, str) else value


def _read_copies(lines: Lines, line: KeyPath, name: str) -> Lines:
    """Let every line that reads all copies of `line` read those of the one that goes on with it too."""
    for reader, entry in lines.get(line[:-1]).items():
        source = entry.get("from")
        read = source if isinstance(source, list) else [source]
        if f"{line[-1]}{COPIES}" in read:
            at = read.index(f"{line[-1]}{COPIES}") + 1
            lines = lines.set((*line[:-1], reader, "from"), flow([*read[:at], f"{name}{COPIES}", *read[at:]]))
    return lines


def fresh_line(name: str, lines: Lines, line: KeyPath) -> str:
    """Return `name`, with a number where a line of the same map has it already."""
    names = lines.get(line[:-1])
    return fresh(name, names) if name in names else name


def _insert(lines: Lines, line: KeyPath, name: str, written: str) -> Lines:
    """Add a line below, reading the one above, and let those who read that read the new one."""
    if name in lines.get(line[:-1]):
        raise CostModelError(f"there is a layer {name!r} beside {line[-1]!r} already; call the new one something else")
    return _reread(lines, line, name).after(line, name, written)


def _drop(lines: Lines, line: KeyPath) -> Lines:
    """Remove a line; those who read it read its own (first) input instead."""
    layers = lines.get(line[:-1])
    names = list(layers)
    if len(names) == 1:
        where = f"block {line[1]!r}" if line[0] == "blocks" else "network"
        raise CostModelError(
            f"{line[-1]!r} is the only layer of its {where}, which would be empty; drop the layers that use it"
        )
    at = names.index(line[-1])
    source = layers[line[-1]].get("from")
    above = names[at - 1] if at else "in"
    reads = source[0] if isinstance(source, list) else source or above
    below = names[at + 1] if at + 1 < len(names) else None
    lines = _reread(lines, line, reads)
    if below is not None and reads != above and "from" not in layers[below]:
        lines = lines.set((*line[:-1], below, "from"), reads)
    return lines.remove(line)


def _reread(lines: Lines, line: KeyPath, name: str) -> Lines:
    """Let every line that names `line` after `from` name another one."""
    for reader, entry in lines.get(line[:-1]).items():
        source = entry.get("from")
        for index, read in enumerate(source if isinstance(source, list) else []):
            if read == line[-1]:
                lines = lines.set((*line[:-1], reader, "from", index), name)
        if source == line[-1]:
            lines = lines.set((*line[:-1], reader, "from"), name)
    return lines
