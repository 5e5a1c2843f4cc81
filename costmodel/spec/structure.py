"""Which parameters of a spec shape the network, and so cannot be arrays: decided by where their names are used."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from costmodel.documents import expressions as arithmetic
from costmodel.documents.grammar import BadArithmeticError
from costmodel.ops import OPERATORS
from costmodel.ops.fields import FIELD_TYPES, declared
from costmodel.spec.bind import AXES
from costmodel.spec.check import INPUT_SIZES
from costmodel.spec.document import Spec
from costmodel.spec.parts import LayerSpec

_ONE_VALUE = (FIELD_TYPES["bool"], *AXES)


def structural(spec: Spec) -> frozenset[str]:
    """Return the parameters that decide which layers there are, or that a field of true and false or of an axis reads.

    They are those that reach a `repeat`, an `op` or such a field, through the arguments of blocks too. All other
    parameters only enter sizes.
    """
    shaping: dict[str, frozenset[str]] = dict.fromkeys(spec.blocks, frozenset())
    while True:
        found = {name: frozenset(_block_names(spec, name, shaping)) for name in spec.blocks}
        if found == shaping:
            break
        shaping = found
    names = set(_layer_names(spec, spec.layers, shaping))
    if any(name in INPUT_SIZES for group in [names, *shaping.values()] for name in group):
        return frozenset(spec.parameters)  # a size of a tensor shapes the network, and any parameter may enter a size
    return frozenset(names & set(spec.parameters)) | {
        n for n, value in spec.parameters.items() if isinstance(value, str)
    }


def _block_names(spec: Spec, block: str, shaping: Mapping[str, frozenset[str]]) -> Iterator[str]:
    """Yield the names in a block's scope that shape it, those that the defaults of such arguments read included."""
    names = set(_layer_names(spec, spec.blocks[block].layers, shaping))
    yield from names
    for taken, default in reversed(spec.blocks[block].takes.items()):
        if taken in names:
            read = set(_reads(default))
            names |= read
            yield from read


def _layer_names(spec: Spec, layers: Mapping[str, LayerSpec], shaping: Mapping[str, frozenset[str]]) -> Iterator[str]:
    """Yield the names that shape one map of layers."""
    for layer in layers.values():
        yield from _reads(layer.repeat)
        ops = [layer.op, layer.first.get("op", layer.op)]
        yield from ops
        for key, value in [*layer.fields.items(), *layer.first.items()]:
            if any(_shapes(spec, op, key, shaping) for op in ops):
                yield from _reads(value)


def _shapes(spec: Spec, op: str, key: str, shaping: Mapping[str, frozenset[str]]) -> bool:
    """Say whether the argument `key` shapes `op`; a name that holds an op may hold any."""
    if op in spec.blocks:
        return key in shaping[op]
    if op in OPERATORS:
        known = declared(OPERATORS[op])
        return key in known and known[key][0] in _ONE_VALUE
    return any(_shapes(spec, known, key, shaping) for known in [*spec.blocks, *OPERATORS])


def _reads(written: Any) -> Iterable[str]:
    """Return the names that a written value reads."""
    if isinstance(written, list):
        return [name for item in written for name in _reads(item)]
    if isinstance(written, dict):
        return _reads(list(written.values()))
    if not isinstance(written, str):
        return ()
    try:
        return [name for name, _ in arithmetic.parse(written).names]
    except BadArithmeticError:
        return ()
