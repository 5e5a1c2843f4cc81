"""Edits of a spec, by its text: what a person wrote stays as it was wherever no edit touches it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from difflib import unified_diff
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from costmodel.documents.text import KeyPath
from costmodel.edits import moves
from costmodel.edits.lines import Lines, data_of, flow, own_line
from costmodel.edits.rewrite import Drop, Insert, Put, fresh, rewrite
from costmodel.edits.tidy import KEPT, fault_of, readable, tidy, tree_of
from costmodel.edits.uses import Tree
from costmodel.errors import CostModelError, SpecError, known_or_suggest
from costmodel.graph import LayerGraph
from costmodel.ops import OPERATORS
from costmodel.spec.check import takes_of
from costmodel.spec.document import Spec
from costmodel.spec.expand import Use

LINE_KEYS = ("op", "from", "repeat", "shares", "trainable")
_SIGNED = re.compile(r"# \w+ after --.*\n")
"""The first line of a text that was edited before."""
_SCHEMA = re.compile(r"^# yaml-language-server: \$schema=(?P<where>\S+)[ \t]*\r?\n", re.MULTILINE)
"""A line that tells editors where the schema is."""
OUTDATED = ("expect", "reported", "variants")
"""Parts of a file that say something of the network as it was."""


@dataclass(frozen=True)
class Edit:
    """One edit as a person writes it: its kind (set, swap, drop, insert or move) and what comes after it."""

    kind: str
    what: str

    def __str__(self) -> str:
        return f"--{self.kind} {self.what}"

    @classmethod
    def of(cls, written: str | Edit) -> Edit:
        """Read ``"set ds4.repeat=4"``, with or without dashes before the kind.

        Raises:
            CostModelError: if there is no such kind of edit.
        """
        if isinstance(written, Edit):
            return written
        kind, _, what = written.strip().lstrip("-").partition(" ")
        if kind not in _KINDS:
            raise CostModelError(f"no edit {kind!r}; {known_or_suggest(kind, _KINDS)}")
        return cls(kind, what.strip())


@dataclass(frozen=True)
class Edited:
    """An edited spec: its text before and after, the network it gives, and notes on what a move left alone.

    `before` is the text of the network as it was: its variant chosen, its parameters set.
    """

    before: str
    text: str
    spec: Spec
    graph: LayerGraph
    edits: tuple[Edit, ...]
    notes: tuple[str, ...]

    def changes(self) -> str:
        """Return the edits of the text as a unified diff."""
        before, after = (text.splitlines(keepends=True) for text in (self.before, self.text))
        return "".join(unified_diff(before, after, self.spec.name, f"{self.spec.name} (edited)"))

    def saved_in(self, folder: Path) -> str:
        """Return the text for a file in a folder, without a comment that names a schema where there is none."""
        where = _SCHEMA.search(self.text)
        if where is None or "://" in where["where"] or (folder / where["where"]).is_file():
            return self.text
        return self.text[: where.start()] + self.text[where.end() :]


def edit(spec: Spec, edits: Iterable[str | Edit]) -> Edited:
    """Return the spec after edits, made in the order given.

    The result is one network: the variant and the parameters in force become the file's own, and what its file
    expected, reported and offered as variants is left out, since it no longer holds. Blocks, parameters and arguments
    that an edit leaves without use are left out as well.

    Raises:
        CostModelError: if an edit matches nothing or cannot be made, naming the edit; if the result does not fit, with
            the first edit after which it did not.
    """
    return Editing(spec).edited(edits)


class _After(NamedTuple):
    """A text after some edits, what moves left alone, and the first edit after which it did not fit."""

    lines: Lines
    notes: tuple[str, ...] = ()
    broken: CostModelError | None = None


class Editing:
    """A spec that is edited in one way after another: what its edits have in common is done once."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self._known: dict[tuple[Edit, ...], _After] = {}

    def edited(self, edits: Iterable[str | Edit]) -> Edited:
        """Return the spec after edits, each of them made of the spec as it is; see `edit`."""
        asked, spec = tuple(map(Edit.of, edits)), self.spec
        after = self._after(asked)
        if after.broken is not None:
            raise after.broken
        lines = tidy(after.lines, spec)
        if (fault := fault_of(lines, spec)) is not None:
            raise fault
        tree = tree_of(lines, spec)
        return Edited(self._before, _signed(lines, spec, asked), tree.spec, tree.graph, asked, after.notes)

    @cached_property
    def _settled(self) -> Lines:
        return _settled(self.spec)

    @cached_property
    def _before(self) -> str:
        return _ending(tidy(self._settled, self.spec))

    def _after(self, asked: tuple[Edit, ...]) -> _After:
        """Return the text after edits. The last few are kept: the next ways often begin alike."""
        if not asked:
            return _After(self._settled)
        found = self._known.pop(asked, None) or self._next(self._after(asked[:-1]), asked[-1])
        self._known[asked] = found
        for oldest in list(self._known)[:-KEPT]:
            del self._known[oldest]
        return found

    def _next(self, now: _After, one: Edit) -> _After:
        """Make one more edit."""
        lines, notes, broken = now
        if broken is not None and not readable(lines, self.spec):
            raise broken  # a later edit may repair a shape, but nothing can be said of a file that is wrong in itself
        try:
            changed, said = _KINDS[one.kind](lines, tree_of(lines, self.spec), one.what)
            lines = tidy(changed, self.spec, but_blocks=True)
        except CostModelError as error:
            raise broken or _blame(one, error) from None
        fault = fault_of(lines, self.spec)
        return _After(lines, (*notes, *said), (broken or _blame(one, fault)) if fault else None)


def _blame(one: Edit, error: CostModelError) -> CostModelError:
    """Return the error with the edit that led to it."""
    after = "after this edit the network does not fit\n" if isinstance(error, SpecError) else ""
    return CostModelError(f"{one}: {after}{error}")


def _settled(spec: Spec) -> Lines:
    """Return the text of the network that a spec is now: variant chosen, parameters set."""
    lines = Lines(spec.text)
    for name, value in spec.parameters.items():
        if not isinstance(value, (bool, int, float, str)):
            raise CostModelError(f"{name} of {spec.name} is not one number, so there is not one network to edit")
        if lines.get(("parameters", name)) != value:
            lines = lines.set(("parameters", name), flow(value))
    for name in set(lines.get(("parameters",)) or ()) - {*spec.parameters}:
        lines = lines.remove(("parameters", name))
    for name, given in spec.all_inputs.items():
        if name in spec.changed:
            lines = lines.set(given.path, flow(given.sizes))
    for name in ("name", "title", "source", "year"):
        value = getattr(spec, name)
        if value and lines.get((name,)) != value:
            lines = lines.set((name,), own_line(str(value)))
    for part in OUTDATED:
        lines = lines.remove((part,), comments=True) if lines.get((part,)) is not None else lines
    return tidy(lines, spec, but_blocks=True)


def _signed(lines: Lines, spec: Spec, edits: Sequence[Edit]) -> str:
    """Return the text with a first line that says where it comes from, after which edits, earlier ones among them."""
    text = _ending(lines)
    if not edits:
        return text
    earlier = _SIGNED.match(text)
    head, rest = (earlier[0].rstrip(), text[earlier.end() :]) if earlier else (f"# {spec.name} after", text)
    said = " ".join(" ".join(map(str, edits)).split())
    return f"{head} {said}{lines.newline}{rest}"


def _ending(lines: Lines) -> str:
    """Return a text that ends in one line break."""
    return lines.text.rstrip() + lines.newline


def _set(lines: Lines, tree: Tree, what: str) -> tuple[Lines, list[str]]:
    """PATH=VALUE: a parameter, the input, or a field of the layers at a path."""
    target, equals, written = what.partition("=")
    target = target.strip()
    if not equals or not target:
        raise CostModelError("write PATH=VALUE, as in width=0.5 or 'stage*.conv3.kernel_size=5'")
    value = data_of(written.strip())
    if target in tree.spec.parameters:
        tree.spec.set(**{target: value})
        return lines.set(("parameters", target), flow(value)), []
    if target in tree.spec.all_inputs:
        return lines.set(tree.spec.all_inputs[target].path, flow(value)), []
    pattern, dot, field = target.rpartition(".")
    if not dot:
        known = known_or_suggest(target, [*tree.spec.parameters, *tree.spec.all_inputs])
        raise CostModelError(
            f"{tree.spec.name} has no parameter {target!r}; {known}\n  a field of a layer is PATH.FIELD"
        )
    uses = tree.matching(pattern, lambda use: field in _fields(tree, use))
    if field in ("repeat", "from"):  # where some lines have it, those are meant
        uses = tree.matching(pattern, lambda use: lines.get((*use.line, field)) is not None) or uses
    if not uses:
        known_fields = {name for use in tree.matching(pattern) for name in _fields(tree, use)}
        raise CostModelError(
            f"no layer that {pattern!r} matches has a field {field!r}; {known_or_suggest(field, known_fields)}"
        )
    return rewrite(lines, tree, {use.path: (Put(field, flow(value)),) for use in uses}), []


def _fields(tree: Tree, use: Use) -> list[str]:
    return [*LINE_KEYS, *(takes_of(use.op, tree.spec) or {})]


def _swap(lines: Lines, tree: Tree, what: str) -> tuple[Lines, list[str]]:
    """OLD=NEW: another operator or block wherever one is named, as `op`, as an argument or as a parameter."""
    old, equals, new = (part.strip() for part in what.partition("="))
    known = [*OPERATORS, *tree.spec.blocks]
    if not equals or not old or not new:
        raise CostModelError("write OLD=NEW, as in relu=hardswish")
    if new not in known:
        raise CostModelError(f"no operator or block {new!r}; {known_or_suggest(new, known)}")
    named = [
        path for path, value in _leaves(lines.data) if value == old and path[0] in ("parameters", "blocks", "layers")
    ]
    named = [
        path for path in named if path[-1] != "from" and "from" not in path[-2:] and not _in_scope(tree, path, old)
    ]
    if not named:
        used = {use.op for use in tree.uses.values()}
        raise CostModelError(f"{tree.spec.name} uses no operator or block {old!r}; {known_or_suggest(old, used)}")
    for path in named:
        lines = lines.set(path, new)
    return lines, []


def _leaves(data: Any, path: tuple[Any, ...] = ()) -> Iterable[tuple[tuple[Any, ...], Any]]:
    if isinstance(data, dict):
        for key, value in data.items():
            yield from _leaves(value, (*path, key))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from _leaves(value, (*path, index))
    else:
        yield path, data


def _in_scope(tree: Tree, path: tuple[Any, ...], name: str) -> bool:
    """Say whether a name means a parameter or an argument there, rather than an operator or block."""
    if path[0] == "layers":
        return name in tree.spec.parameters
    return path[0] == "blocks" and name in tree.spec.blocks[path[1]].takes


def _drop(lines: Lines, tree: Tree, what: str) -> tuple[Lines, list[str]]:
    """PATH: remove layers; whoever read them reads their (first) input."""
    return rewrite(lines, tree, {use.path: (Drop(),) for use in tree.matching(what)}), []


def _insert(lines: Lines, tree: Tree, what: str) -> tuple[Lines, list[str]]:
    """AFTER:NAME={op: ...}: add a layer after those at a path."""
    after, colon, rest = what.partition(":")
    name, equals, written = (part.strip() for part in rest.partition("="))
    if not colon or not equals or not name.isidentifier():
        raise CostModelError("write AFTER:NAME={op: ...}, as in 'conv1:drop={op: dropout}'")
    entry = data_of(written)
    if not isinstance(entry, dict) or "op" not in entry:
        raise CostModelError(f"{written!r} is no layer; a layer is a map with an op, as in {{op: relu}}")
    named: dict[KeyPath, str] = {}
    for use in tree.matching(after.strip()):
        beside = {inserted for line, inserted in named.items() if line[:-1] == use.line[:-1]}
        named.setdefault(use.line, fresh(name, beside) if name in beside else name)
    plan = {use.path: (Insert(named[use.line], flow(entry)),) for use in tree.matching(after.strip())}
    return rewrite(lines, tree, plan), []


_KINDS: dict[str, Callable[[Lines, Tree, str], tuple[Lines, list[str]]]] = {
    "set": _set,
    "swap": _swap,
    "drop": _drop,
    "insert": _insert,
    "move": moves.make,
}
