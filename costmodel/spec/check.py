"""What can be said of a spec before any number is bound: every name known, every field declared, nothing unused."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from itertools import islice
from typing import Any, NamedTuple

from costmodel.documents import expressions as arithmetic
from costmodel.documents.faults import MAX_FAULTS, Fault
from costmodel.documents.grammar import BadArithmeticError
from costmodel.documents.text import KeyPath
from costmodel.errors import known_or_suggest, quote, suggest
from costmodel.graph import INPUT
from costmodel.ops import OPERATORS
from costmodel.ops.fields import REQUIRED, FieldType, declared
from costmodel.spec.document import WORDS, Spec
from costmodel.spec.form import shown
from costmodel.spec.parts import WIRING, BlockSpec, LayerSpec

INPUT_SIZES = ("in_channels", "in_height", "in_width", "in_features", "in_tokens", "in_length", "in_depth")
BLOCK_INPUTS = ("in", "in2", "in3")
INPUT_NAMES = {*BLOCK_INPUTS, INPUT}
COPY = "copy"
"""The number of the copy, in the fields of a line with a `repeat`."""
_COPY_HINT = "the number of the copy is called `copy`, as in power(2, copy)"
COPIES = ".*"
"""After a layer's name in `from`: all copies of its `repeat`."""
RESERVED = {*WORDS} - {*OPERATORS} | {*INPUT_NAMES, *WIRING, *INPUT_SIZES, COPY, *arithmetic.FUNCTIONS}


@dataclass
class Scope:
    """A part of a spec: its layers, the names that may stand in it, and where it is. `used` collects those that do."""

    spec: Spec
    layers: Mapping[str, LayerSpec]
    names: dict[str, None]
    base: KeyPath
    used: set[str] = field(default_factory=set)

    @property
    def in_block(self) -> bool:
        """Whether these are the layers of a block."""
        return self.base[0] == "blocks"

    @property
    def sizes(self) -> tuple[str, ...]:
        """The sizes of the input that have a name here."""
        return () if self.base[0] in ("input", "inputs") else INPUT_SIZES

    def of(self, layer: LayerSpec) -> Scope:
        """Return the scope of a layer's fields: the number of the copy has a name where there are copies."""
        if layer.repeat is None:
            return self
        return Scope(self.spec, self.layers, {**self.names, COPY: None}, self.base, self.used)


def check(spec: Spec) -> list[Fault]:
    """Return every fault that can be seen without building the network, or the first `MAX_FAULTS` of them."""
    return list(islice(_faults(spec), MAX_FAULTS))


def _faults(spec: Spec) -> Iterator[Fault]:
    yield from _reserved_names(spec)
    yield from _parameters(spec)
    yield from _variants(spec)
    top = Scope(spec, spec.layers, dict.fromkeys(spec.parameters), ("layers",))
    for given in spec.all_inputs.values():
        scope = Scope(spec, {}, top.names, given.path, top.used)
        for index, size in enumerate(given.sizes):
            yield from _expression(size, (*given.path, index), scope)
    yield from _layers(top)
    for name in spec.parameters:
        if name not in top.used:
            yield _unused(("parameters", name), f"nothing uses parameter {name!r}")
    for name, block in spec.blocks.items():
        yield from _block(spec, name, block)
    yield from _unused_blocks(spec)
    yield from _recursion(spec)


def _unused(path: KeyPath, message: str) -> Fault:
    return Fault(path, message, "use it or remove it", on_key=True, unused=True)


def _reserved_names(spec: Spec) -> Iterator[Fault]:
    """Names that would hide something else."""
    taken: list[KeyPath] = [("parameters", name) for name in spec.parameters]
    layers: list[KeyPath] = [("layers", name) for name in spec.layers]
    for name, block in spec.blocks.items():
        taken += [("blocks", name, "takes", taken) for taken in block.takes]
        layers += [("blocks", name, "layers", layer) for layer in block.layers]
        if name in OPERATORS:
            yield Fault(("blocks", name), f"{name!r} is an operator; call the block something else", on_key=True)
    for path in taken:
        if path[-1] in RESERVED:
            message = f"{path[-1]!r} means something of its own; call this something else"
            yield Fault(path, message, on_key=True)
    for path in layers:
        if path[-1] in INPUT_NAMES or (path[0] == "layers" and path[-1] in spec.all_inputs):
            yield Fault(path, f"{path[-1]!r} is the input; call the layer something else", on_key=True)
    for name in spec.inputs or ():
        if name in RESERVED - {INPUT} or name in spec.parameters:
            message = f"{name!r} means something of its own; call the input something else"
            yield Fault(("inputs", name), message, on_key=True)


def _parameters(spec: Spec) -> Iterator[Fault]:
    for name, value in spec.parameters.items():
        yield from _parameter_value(spec, value, ("parameters", name))


def _parameter_value(spec: Spec, value: Any, path: KeyPath) -> Iterator[Fault]:
    if isinstance(value, str):
        if not spec.holds_name(value):
            hint = suggest(value, [*OPERATORS, *spec.blocks, *WORDS])
            hint = hint or "a parameter is a number, true, false or such a name; arithmetic stands where it is used"
            yield Fault(path, f"{quote(value)} is no operator, block or word that a field takes", hint)
        return
    try:
        arithmetic.bounded(value, str(path[-1]))
    except BadArithmeticError as error:
        yield Fault(path, str(error))


def _variants(spec: Spec) -> Iterator[Fault]:
    for variant, chosen in spec.variants.items():
        for name, value in chosen.parameters.items():
            path: KeyPath = ("variants", variant, "parameters", name)
            if name not in spec.parameters:
                hint = known_or_suggest(name, spec.parameters)
                yield Fault(path, f"unknown parameter {name!r}", hint, on_key=True)
            elif isinstance(value, str) != isinstance(spec.parameters[name], str):
                usual = quote(spec.parameters[name])
                yield Fault(path, f"{name} is {usual} by default, so it cannot be {quote(value)} here")
            else:
                yield from _parameter_value(spec, value, path)


def _block(spec: Spec, name: str, block: BlockSpec) -> Iterator[Fault]:
    base: KeyPath = ("blocks", name)
    scope = Scope(spec, block.layers, {}, (*base, "layers"))
    for taken, default in block.takes.items():
        if default != "required":
            yield from _value(default, (*base, "takes", taken), scope, _ARGUMENT)
        scope.names[taken] = None
    yield from _layers(scope)
    for taken in block.takes:
        if taken not in scope.used:
            yield _unused((*base, "takes", taken), f"block {name!r} takes {taken!r} but never uses it")


def _layers(scope: Scope) -> Iterator[Fault]:
    above: dict[str, None] = {}
    read: set[str] = set()
    last = "in"
    miswired = False
    for name, layer in scope.layers.items():
        path = (*scope.base, name)
        for fault in (*_wiring(layer, path, scope, above), *_sharing(layer, path, scope, above)):
            miswired = True
            yield fault
        read.update(_read(layer, last))
        yield from _layer(layer, path, scope)
        above[name] = None
        last = name
    if miswired:  # a misspelt `from` leaves a layer unread, which is no second mistake
        return
    for name in above:
        if name not in read and name != last and not scope.layers[name].output:
            hint = "name it in a later layer's `from`, or remove it"
            hint += "" if scope.in_block else "; if it is a further output of the network, add `output: true`"
            yield Fault((*scope.base, name), f"nothing reads layer {name!r}", hint, on_key=True)
    for index, name in enumerate(() if scope.in_block else scope.spec.inputs or ()):
        if name not in read and not (index == 0 and "in" in read):
            hint = "name it in a layer's `from`, or remove it"
            yield Fault(("inputs", name), f"nothing reads input {name!r}", hint, on_key=True)


def _read(layer: LayerSpec, last: str) -> tuple[str, ...]:
    """Return the names of what a layer reads; `last` is the one above."""
    if layer.reads is not None:
        return tuple(name.removesuffix(COPIES) for name in layer.reads)
    return () if reads_nothing(layer.op) else (last,)


def reads_nothing(op: Any) -> bool:
    """Say whether an operator has no input, as a learned array."""
    return op in OPERATORS and OPERATORS[op].inputs == 0


def _wiring(layer: LayerSpec, path: KeyPath, scope: Scope, above: Mapping[str, None]) -> Iterator[Fault]:
    """Check `output` and `from`."""
    if scope.in_block and layer.output:
        message = "only a layer of the network itself can be a further output, not one of a block"
        yield Fault((*path, "output"), message, on_key=True)
    inputs = BLOCK_INPUTS if scope.in_block else (*BLOCK_INPUTS[:1], *(scope.spec.inputs or ()))
    for index, written in enumerate(layer.reads or ()):
        name = written.removesuffix(COPIES)
        where = (*path, "from") if isinstance(layer.from_, str) else (*path, "from", index)
        if name in above or name in inputs:
            if name != written and (name in inputs or scope.layers[name].repeat is None):
                message = f"{written!r} means all copies of a `repeat`, but {name!r} has none"
                yield Fault(where, message, f"write {name!r}")
        else:
            yield _not_above(name, path, scope, [*above, *(inputs[:1] if scope.in_block else inputs)], where)


def _not_above(name: str, path: KeyPath, scope: Scope, known: list[str], where: KeyPath) -> Fault:
    """Return the complaint about a name that is no layer above the one at `path`."""
    if name == path[-1]:
        hint = "a layer reads only layers above it, so that there is no cycle"
        return Fault(where, f"{name!r} cannot read itself", hint)
    if name in scope.layers:
        hint = "a layer reads only layers above it, so that there is no cycle"
        return Fault(where, f"{name!r} stands below {path[-1]!r}", hint)
    if name in BLOCK_INPUTS:
        hint = "name the inputs of the network under `inputs`, and read them by those names"
        return Fault(where, f"{name!r} is a further input of a block, and stands only there", hint)
    return Fault(where, f"{quote(name)} is not a layer above {path[-1]!r}", known_or_suggest(name, known))


def _sharing(layer: LayerSpec, path: KeyPath, scope: Scope, above: Mapping[str, None]) -> Iterator[Fault]:
    """Check `shares` as far as it can be seen here: that its first name is that of a layer."""
    if layer.shares is None:
        return
    name = layer.shares.partition(".")[0]
    known = [*above, *(scope.spec.layers if scope.in_block else ())]
    if name == path[-1] and "." in layer.shares and layer.repeat is not None:
        return  # the further copies use the weights of one
    if name not in known:
        hint = known_or_suggest(name, known)
        if name in scope.layers:
            hint = "a layer shares the weights of one above it"
        yield Fault((*path, "shares"), f"{quote(name)} is not a layer above {path[-1]!r}", hint)


def _layer(layer: LayerSpec, path: KeyPath, scope: Scope) -> Iterator[Fault]:
    given = {key: (*path, key) for key in layer.fields}
    yield from _values(layer.op, layer.fields, path, scope.of(layer))
    yield from _signature(layer.op, given, path, path, scope)
    if layer.repeat is not None:
        yield from _expression(layer.repeat, (*path, "repeat"), scope)
    elif layer.first:
        yield Fault(
            (*path, "first"), "`first` is about the first of several copies, but there is no `repeat`", on_key=True
        )
    if layer.first:
        yield from _first(layer, given, path, scope)


def _first(layer: LayerSpec, given: Mapping[str, KeyPath], path: KeyPath, scope: Scope) -> Iterator[Fault]:
    inner = (*path, "first")
    fields = {key: value for key, value in layer.first.items() if key not in WIRING}
    for key in layer.first:
        if key in WIRING and key != "op":
            yield Fault((*inner, key), f"{key!r} cannot differ for the first copy", on_key=True)
    op = layer.first.get("op", layer.op)
    yield from _values(op, fields, inner, scope.of(layer))
    at = inner if "op" in layer.first else path
    yield from _signature(op, {**given, **{key: (*inner, key) for key in fields}}, at, path, scope)


def _signature(
    op: Any, given: Mapping[str, KeyPath], written: KeyPath, layer: KeyPath, scope: Scope
) -> Iterator[Fault]:
    """Check that `op`, written in the map at `written`, is known and takes the `given` fields (each with its place)."""
    if not isinstance(op, str):
        yield Fault((*written, "op"), "the name of an operator or block belongs here")
        return
    if op in scope.names:  # a name that holds an operator: its fields are checked once it is bound
        scope.used.add(op)
        return
    known = takes_of(op, scope.spec)
    if known is None:
        hint = suggest(op, [*OPERATORS, *scope.spec.blocks, *scope.names])
        hint = hint or "it is no operator (`costmodel operators` lists them) and no block of this file"
        yield Fault((*written, "op"), f"unknown operator {quote(op)}", hint)
        return
    unknown = [key for key in given if key not in known]
    missing = [key for key, default in known.items() if default is REQUIRED and key not in given]
    for key in unknown:
        yield Fault(given[key], f"{op} takes no {quote(key)}", _field_hint(key, known, missing), on_key=True)
    if missing and not unknown:  # a misspelt key is most likely the missing one
        yield Fault(layer, f"{op} needs {' and '.join(map(repr, missing))}", on_key=True)


def _field_hint(key: str, known: Mapping[str, Any], missing: list[str]) -> str:
    if key in INPUT_SIZES:
        return "leave it out: sizes of the input follow from the layer that is read"
    meant = suggest(key, [*known, *WIRING])
    if meant or not missing:
        return meant or known_or_suggest(key, known) or "it takes nothing"
    return f"it needs {' and '.join(missing)}; {known_or_suggest(key, known)}"


def takes_of(op: str, spec: Spec) -> dict[str, Any] | None:
    """Return what an operator or block takes, by name, with defaults; None if there is no such operator or block."""
    if op in spec.blocks:
        return {name: REQUIRED if default == "required" else default for name, default in spec.blocks[op].takes.items()}
    if op in OPERATORS:
        return {name: default for name, (_, default) in declared(OPERATORS[op]).items()}
    return None


class _Wanted(NamedTuple):
    """What may stand in a place: words taken literally, names of operators and blocks, and what to say of it.

    `kind` is the type of the operator's field, where it is one.
    """

    words: tuple[str, ...] = ()
    names: bool = False
    says: str = "a number"
    kind: FieldType | None = None


_NUMBER = _Wanted()
_ARGUMENT = _Wanted(WORDS, True, "a number, a list of two, or the name of an operator or block")


def _values(op: Any, fields: Mapping[str, Any], path: KeyPath, scope: Scope) -> Iterator[Fault]:
    """Check what stands in the places of an operator's fields or of a block's arguments."""
    known = takes_of(op, scope.spec) if isinstance(op, str) and op not in scope.names else None
    types = declared(OPERATORS[op]) if known is not None and op in OPERATORS else {}
    for key, value in fields.items():
        if known is not None and key not in known:
            scope.used.update(re.findall(r"\w+", str(value)))
            continue  # a complaint of its own
        wanted = _of_field(types[key][0]) if key in types else _ARGUMENT
        yield from _value(value, (*path, key), scope, wanted)


def _of_field(kind: FieldType) -> _Wanted:
    return _Wanted(kind.words, False, kind.says, kind)


def _value(value: Any, path: KeyPath, scope: Scope, wanted: _Wanted) -> Iterator[Fault]:
    """Check one value of a field or an argument."""
    if wanted.kind is not None and not wanted.kind.number and not isinstance(value, (list, type(None))):
        yield from _text_or_map(value, path, scope, wanted, wanted.kind)
        return
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _expression(item, (*path, index), scope)
        return
    literal = isinstance(value, str) and value not in scope.names
    if not (literal and (value in wanted.words or (wanted.names and scope.spec.holds_name(value)))):
        yield from _expression(value, path, scope, wanted)


def _text_or_map(value: Any, path: KeyPath, scope: Scope, wanted: _Wanted, kind: FieldType) -> Iterator[Fault]:
    """Check what stands where no number may: a word, a text, or a map of names to numbers."""
    if isinstance(value, dict) and kind.names:
        for name, item in value.items():
            yield from _expression(item, (*path, name), scope)
    elif isinstance(value, str) and value in scope.names and not kind.text:
        scope.used.add(value)
    elif not (isinstance(value, str) and (kind.text or value in kind.words)):
        hint = suggest(value, [*kind.words, *scope.names]) if isinstance(value, str) else ""
        yield Fault(path, f"{kind.says} belongs here, not {shown(value)}", hint)


def _expression(value: Any, path: KeyPath, scope: Scope, wanted: _Wanted = _NUMBER) -> Iterator[Fault]:
    """Check a number or arithmetic."""
    if isinstance(value, (list, dict, type(None))):
        found = "nothing" if value is None else "a list" if isinstance(value, list) else "a map"
        yield Fault(path, f"{wanted.says} belongs here, not {found}", on_key=value is None)
        return
    try:
        if not isinstance(value, str):
            arithmetic.bounded(value, "this")
            return
        parsed = arithmetic.parse(value)
    except BadArithmeticError as error:
        scope.used.update(re.findall(r"\w+", str(value)))
        hint = f"{error.hint}; {_COPY_HINT}" if error.hint and COPY in scope.names else error.hint
        yield Fault(path, f"not arithmetic: {error}", hint, offset=error.offset, width=error.width)
        return
    for name, offset in parsed.names:
        scope.used.add(name)
        if name not in scope.names and name not in scope.sizes:
            hint = _name_hint(name, scope, wanted)
            yield Fault(path, f"unknown name {quote(name)}", hint, offset=offset, width=len(name))


def _name_hint(name: str, scope: Scope, wanted: _Wanted) -> str:
    known = [*scope.names, *scope.sizes[:3]]
    hint = suggest(name, [*known, *wanted.words, *(OPERATORS if wanted.names else ()), *scope.spec.blocks])
    if not hint and scope.in_block and name in scope.spec.parameters:
        return f"a block sees only what it takes: add {name!r} to its `takes` and pass it in"
    if not hint and name == COPY:
        return "only the fields of a line with a `repeat` know the number of the copy"
    if not hint and COPY in scope.names:
        return _COPY_HINT
    return hint or f"{wanted.says} belongs here; names known here: {', '.join(known[:12]) or 'none'}"


def _unused_blocks(spec: Spec) -> Iterator[Fault]:
    written: list[Any] = [*spec.parameters.values()]
    for variant in spec.variants.values():
        written += variant.parameters.values()
    for block in spec.blocks.values():
        written += block.takes.values()
    for layers in (spec.layers, *(block.layers for block in spec.blocks.values())):
        for layer in layers.values():
            written += [layer.op, *layer.fields.values(), *layer.first.values()]
    used = {text for text in written if isinstance(text, str)}
    for name in spec.blocks:
        if name not in used:
            yield _unused(("blocks", name), f"nothing uses block {name!r}")


def _recursion(spec: Spec) -> Iterator[Fault]:
    """Blocks that contain themselves, directly or through one another."""
    calls = {
        name: {op for op in _ops(block) if isinstance(op, str) and op in spec.blocks}
        for name, block in spec.blocks.items()
    }
    try:
        TopologicalSorter(calls).prepare()
    except CycleError:
        yield from _cycles(calls)


def _ops(block: BlockSpec) -> Iterator[Any]:
    """Yield what the layers of a block name as their operator."""
    for layer in block.layers.values():
        yield layer.op
        yield layer.first.get("op")


def _cycles(blocks: Mapping[str, set[str]]) -> Iterator[Fault]:
    """Name one block of each group of blocks that contain one another."""
    import networkx as nx

    calls: nx.DiGraph[str] = nx.DiGraph((name, op) for name, ops in blocks.items() for op in ops)
    for group in nx.strongly_connected_components(calls):
        name = min(group)
        if len(group) > 1 or calls.has_edge(name, name):
            through = f" by way of {', '.join(sorted(group - {name})[:5])}" if len(group) > 1 else ""
            yield Fault(("blocks", name), f"block {name!r} contains itself{through}", on_key=True)
