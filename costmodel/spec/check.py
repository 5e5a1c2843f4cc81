"""What can be said of a spec before any number is bound: every name known, every field declared, nothing unused. All at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from costmodel.errors import known_or_suggest
from costmodel.ops import OPERATORS
from costmodel.ops.fields import REQUIRED, declared
from costmodel.spec import arithmetic
from costmodel.spec.document import BlockSpec, LayerSpec, Spec
from costmodel.spec.faults import Fault
from costmodel.spec.text import KeyPath

INPUT_SIZES = ("in_channels", "in_height", "in_width", "in_features", "in_tokens")
BLOCK_INPUTS = ("in", "in2", "in3")
RESERVED = {"in", "in2", "in3", "input", "op", "from", "repeat", "first", "output", *INPUT_SIZES, *arithmetic.FUNCTIONS}


@dataclass
class Scope:
    """One map of layers and the names that may stand in it. `used` collects the names that do."""

    layers: Mapping[str, LayerSpec]
    names: tuple[str, ...]
    base: KeyPath
    used: set[str] = field(default_factory=set)


def check(spec: Spec) -> list[Fault]:
    """Return every fault that can be seen without building the network."""
    top = Scope(spec.layers, tuple(spec.parameters), ("layers",))
    faults = [*_names(spec), *_variants(spec)]
    for index, size in enumerate(spec.input):
        faults += _expression(size, ("input", index), top)
    faults += _scope(spec, top)
    faults += [
        Fault(
            ("parameters", name), f"parameter {name!r} is never used", "use it or remove it", on_key=True, unused=True
        )
        for name in spec.parameters
        if name not in top.used
    ]
    for name, block in spec.blocks.items():
        faults += _block(spec, name, block)
    return [*faults, *_unused_blocks(spec), *_recursion(spec)]


def _names(spec: Spec) -> Iterator[Fault]:
    """Names that would hide something else."""
    for name in spec.parameters:
        if name in RESERVED:
            yield Fault(
                ("parameters", name), f"{name!r} has a meaning of its own and cannot be a parameter", on_key=True
            )
    for name, block in spec.blocks.items():
        if name in OPERATORS:
            yield Fault(("blocks", name), f"{name!r} is an operator; call the block something else", on_key=True)
        for taken in block.takes:
            if taken in RESERVED:
                yield Fault(
                    ("blocks", name, "takes", taken),
                    f"{taken!r} has a meaning of its own and cannot be taken",
                    on_key=True,
                )
    for base, layers in [
        (("layers",), spec.layers),
        *((("blocks", n, "layers"), b.layers) for n, b in spec.blocks.items()),
    ]:
        for name in layers:
            if name in ("in", "in2", "in3", "input"):
                yield Fault((*base, name), f"{name!r} is the input; call the layer something else", on_key=True)


def _variants(spec: Spec) -> Iterator[Fault]:
    for variant, chosen in spec.variants.items():
        for name, value in chosen.parameters.items():
            path: KeyPath = ("variants", variant, "parameters", name)
            if name not in spec.parameters:
                yield Fault(path, f"unknown parameter {name!r}", known_or_suggest(name, spec.parameters), on_key=True)
            elif isinstance(value, str) != isinstance(spec.parameters[name], str):
                yield Fault(path, f"{name} is {spec.parameters[name]!r} by default, so {value!r} is of another kind")
    for name, default in spec.parameters.items():
        if isinstance(default, str) and not _names_op(default, spec):
            yield Fault(
                ("parameters", name),
                f"{default!r} is no operator and no block of this file",
                known_or_suggest(default, [*OPERATORS, *spec.blocks]),
            )


def _names_op(text: str, spec: Spec) -> bool:
    return text in OPERATORS or text in spec.blocks


def _block(spec: Spec, name: str, block: BlockSpec) -> Iterator[Fault]:
    scope = Scope(block.layers, (), ("blocks", name, "layers"))
    for taken, default in block.takes.items():
        if default != "required":
            yield from _value(default, ("blocks", name, "takes", taken), scope, spec)
        scope.names = (*scope.names, taken)
    yield from _scope(spec, scope)
    for taken in block.takes:
        if taken not in scope.used:
            yield Fault(
                ("blocks", name, "takes", taken),
                f"block {name!r} never uses {taken!r}",
                "use it or remove it",
                on_key=True,
                unused=True,
            )


def _scope(spec: Spec, scope: Scope) -> Iterator[Fault]:
    above: list[str] = []
    read: set[str] = set()
    for name, layer in scope.layers.items():
        path = (*scope.base, name)
        yield from _wiring(layer, path, above, read, bool(scope.base[0] == "blocks"))
        yield from _layer(spec, layer, path, scope)
        above.append(name)
    for name in above[:-1]:
        if name not in read and not scope.layers[name].output:
            hint = "name it in a later layer's `from`, remove it, or mark an output of the network with `output: true`"
            yield Fault((*scope.base, name), f"nothing reads layer {name!r}", hint, on_key=True)


def _wiring(layer: LayerSpec, path: KeyPath, above: list[str], read: set[str], in_block: bool) -> Iterator[Fault]:
    """Check `from`, and note in `read` what the layer reads."""
    if in_block and layer.output:
        yield Fault(
            (*path, "output"),
            "only a layer of the network itself can be a further output, not one of a block",
            on_key=True,
        )
    if layer.reads is None:
        read.update(above[-1:])
        return
    if not layer.reads:
        yield Fault((*path, "from"), "`from` names no layer")
    inputs = BLOCK_INPUTS if in_block else BLOCK_INPUTS[:1]
    for index, name in enumerate(layer.reads):
        read.add(name)
        if name in above or name in inputs:
            continue
        where = (*path, "from") if isinstance(layer.from_, str) else (*path, "from", index)
        hint = known_or_suggest(name, [*above, inputs[0]])
        yield Fault(
            where,
            f"{name!r} is not a layer above {path[-1]!r}",
            hint or "a layer reads layers above it, so there is no cycle",
        )


def _layer(spec: Spec, layer: LayerSpec, path: KeyPath, scope: Scope) -> Iterator[Fault]:
    yield from _fields(spec, layer.op, layer.fields, path, scope, {}, whole=True)
    if layer.repeat is not None:
        yield from _expression(layer.repeat, (*path, "repeat"), scope)
    elif layer.first:
        yield Fault((*path, "first"), "`first` goes with `repeat`", on_key=True)
    if layer.first:
        first = {key: value for key, value in layer.first.items() if key != "op"}
        for key in [key for key in first if key in ("from", "repeat", "first", "output")]:
            yield Fault((*path, "first", key), f"{key!r} cannot differ for the first copy", on_key=True)
            del first[key]
        op = layer.first.get("op", layer.op)
        yield from _fields(spec, op, first, (*path, "first"), scope, layer.fields, whole="op" in layer.first)


def _fields(
    spec: Spec, op: Any, fields: Mapping[str, Any], path: KeyPath, scope: Scope, also: Mapping[str, Any], whole: bool
) -> Iterator[Fault]:
    """Check an operator's name and fields. `also` are fields given elsewhere; with `whole`, required ones must be there."""
    for key, value in fields.items():
        words = _words(op, key)
        if not (isinstance(value, str) and value in words):
            yield from _value(value, (*path, key), scope, spec)
    if op in scope.names:  # a name that holds an operator: its fields are checked once it is bound
        scope.used.add(op)
        return
    known = takes_of(op, spec)
    if known is None:
        choices = [*OPERATORS, *spec.blocks, *scope.names]
        yield Fault(
            (*path, "op"),
            f"unknown operator {op!r}",
            known_or_suggest(str(op), choices),
            on_key=not isinstance(op, str),
        )
        return
    for key in fields:
        if key not in known:
            yield Fault(
                (*path, key),
                f"{op} has no field {key!r}",
                known_or_suggest(key, known) or "it has no fields",
                on_key=True,
            )
    missing = [key for key, default in known.items() if default is REQUIRED and key not in fields and key not in also]
    if whole and missing:
        yield Fault(path, f"{op} needs {' and '.join(map(repr, missing))}", on_key=True)


def takes_of(op: Any, spec: Spec) -> dict[str, Any] | None:
    """Return what an operator or block takes, by name, with defaults; None if there is no such operator or block."""
    if op in spec.blocks:
        return {name: REQUIRED if default == "required" else default for name, default in spec.blocks[op].takes.items()}
    if op in OPERATORS:
        return {name: default for name, (_, default) in declared(OPERATORS[op]).items()}
    return None


def _words(op: Any, key: str) -> tuple[str, ...]:
    """Return the texts that a field takes literally."""
    if op in OPERATORS and key in (known := declared(OPERATORS[op])):
        return known[key][0].words
    return ()


def _value(value: Any, path: KeyPath, scope: Scope, spec: Spec) -> Iterator[Fault]:
    """Check what stands in a field's or an argument's place."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _expression(item, (*path, index), scope)
    elif isinstance(value, str) and value not in scope.names and (_names_op(value, spec) or value in ("same", "valid")):
        return
    elif isinstance(value, (dict, type(None))):
        yield Fault(
            path, f"a number, a name or a list belongs here, not {'a map' if value else 'nothing'}", on_key=True
        )
    else:
        yield from _expression(value, path, scope)


def _expression(value: Any, path: KeyPath, scope: Scope) -> Iterator[Fault]:
    if isinstance(value, (list, dict, type(None))):
        yield Fault(path, "a number belongs here")
        return
    if not isinstance(value, str):
        return
    try:
        parsed = arithmetic.parse(value)
    except arithmetic.BadArithmetic as error:
        yield Fault(path, f"not arithmetic: {error}", error.hint, offset=error.offset, width=error.width)
        return
    known = [*scope.names, *INPUT_SIZES]
    for name, offset in parsed.names:
        scope.used.add(name)
        if name not in known:
            yield Fault(path, f"unknown name {name!r}", _scope_hint(name, scope), offset=offset, width=len(name))


def _scope_hint(name: str, scope: Scope) -> str:
    known: Iterable[str] = [*scope.names, *INPUT_SIZES[:3]]
    hint = known_or_suggest(name, known)
    return f"{hint}; a block sees only what it takes" if scope.base[0] == "blocks" else hint


def _unused_blocks(spec: Spec) -> Iterator[Fault]:
    written = [spec.parameters, *(variant.parameters for variant in spec.variants.values())]
    texts: set[Any] = {value for group in written for value in group.values() if isinstance(value, str)}
    for layer in [*spec.layers.values(), *(layer for block in spec.blocks.values() for layer in block.layers.values())]:
        texts |= {layer.op, layer.first.get("op")}
        texts |= {value for value in [*layer.fields.values(), *layer.first.values()] if isinstance(value, str)}
    texts |= {value for block in spec.blocks.values() for value in block.takes.values() if isinstance(value, str)}
    for name in spec.blocks:
        if name not in texts:
            yield Fault(
                ("blocks", name), f"block {name!r} is never used", "use it or remove it", on_key=True, unused=True
            )


def _recursion(spec: Spec) -> Iterator[Fault]:
    """Blocks that contain themselves."""
    calls = {
        name: {op for layer in block.layers.values() for op in (layer.op, layer.first.get("op")) if op in spec.blocks}
        for name, block in spec.blocks.items()
    }
    for name in spec.blocks:
        reached, frontier = set[str](), set(calls[name])
        while frontier:
            reached |= frontier
            frontier = {inner for op in frontier for inner in calls[op]} - reached
        if name in reached:
            yield Fault(("blocks", name), f"block {name!r} contains itself", on_key=True)
