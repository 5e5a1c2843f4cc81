"""Constants that layers read, as layers of their own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from costmodel.graph import LayerGraph
from costmodel.ops import OPERATORS
from costmodel.ops.base import Operator
from costmodel.ops.opaque import Opaque
from costmodel.reading.keepers import Keepers, key
from costmodel.reading.network import Part
from costmodel.reading.value import REALS, Array, Value, frozen
from costmodel.tensor import BITS, Tensor


def read(source: str | Value, part: Part | None, graph: LayerGraph, sources: dict[Any, str], keepers: Keepers) -> str:
    """Return the path of what a part reads, or what the network gives; a constant gets a layer of its own, once."""
    if isinstance(source, str):
        return source
    at = (key(source), source.shape)
    if at not in sources:
        make = _enlarged if is_enlarged(source) else _constant
        sources[at] = make(source, part, graph, keepers)
    return sources[at]


def is_enlarged(value: Value) -> bool:
    """Say whether a constant is more numbers than the trained arrays that it is made of, some of them repeated."""
    return value.trained and value.size > sum(array.size for array in made_of(value)) > 0


def _enlarged(value: Value, part: Part | None, graph: LayerGraph, keepers: Keepers) -> str:
    """Add what a constant is made of, as it is stored, and the constant as a layer that reads it."""
    reads = []
    for array in made_of(value):
        own = Value(array.shape, value.dtype, arrays=(array,), whole=True, stands=value.stands)
        reads.append(_constant(own, None, graph, keepers))
    path = keepers.free("constant" if part is None else f"{part.path}.constant", graph)
    gives = Tensor(value.shape, kind_of(value.dtype, graph.dtype), False)
    graph.add(path, OPERATORS["opaque"](type="enlarged", size=value.shape), tuple(reads), gives=gives)
    return path


def _constant(value: Value, part: Part | None, graph: LayerGraph, keepers: Keepers) -> str:
    trained = value.trained and not (part is not None and _is_scale(value, part, graph))
    op = OPERATORS["parameter"](size=value.shape) if trained else _known(value)
    path = keepers.free(_named(value, part), graph)
    tied: tuple[tuple[str, str], ...] = ()
    for own in (*op.weights(), *op.buffers()):
        keeper = keepers.kept.setdefault(key(value), (path, own))
        tied = ((own, "/".join(keeper)),) if keeper != (path, own) else ()
    gives = Tensor(value.shape, kind_of(value.dtype, graph.dtype), False)
    stored = stored_in({"weight": value}, graph) if trained else ()
    still = trained and frozen([value])
    beside = keepers.beside(path, [value])
    if not value.arrays:
        graph.made.add(path)
    graph.add(path, op, (), trainable=not still, tied=tied, gives=gives, stored=stored, beside=beside)
    return path


def _known(value: Value) -> Operator:
    """Return the source of numbers that nobody trained: one number, whole ones in a row, or what is stored."""
    number = None if value.arrays else value.scalar()
    if number is not None:
        return OPERATORS["constant"](size=value.shape, value=number)
    start = None if value.arrays else _first_of_row(value)
    if start is not None:
        return OPERATORS["arange"](start=start, stop=start + value.size)
    return OPERATORS["constant"](size=value.shape)


def _first_of_row(value: Value) -> int | None:
    """Return the first of whole numbers that each are one more than the one before; None where they are not."""
    if value.held is None or value.dtype != "int64" or len(value.shape) != 1 or not value.size:
        return None
    first, *rest = value.integers()
    return first if first >= 0 and rest == [*range(first + 1, first + value.size)] else None


def _named(value: Value, part: Part | None) -> str:
    """Return what the layer of a constant is to be called: as its array, without what is written here behind a path."""
    if value.whole:
        return re.sub(r"(?<=.)/(weight|value)$", "", value.arrays[0].name)
    return "constant" if part is None else f"{part.path}.constant"


def _is_scale(value: Value, part: Part, graph: LayerGraph) -> bool:
    """Say whether a stored number belongs to a scale that is found on the way, as weights' scales do."""
    paths = [source for source in part.inputs if isinstance(source, str) and source not in graph.inputs]
    others = [graph.layer(path).op for path in paths]
    return value.size == 1 and any(isinstance(op, Opaque) and not op.size for op in others)


def made_of(value: Value) -> list[Array]:
    """Return the arrays whose numbers a constant is made of, without scales that only belong to them."""
    return [array for array in value.arrays if array.dtype in REALS] if not value.whole else [*value.arrays[:1]]


def kind_of(dtype: str, own: str) -> str | None:
    """Return a tensor's dtype as layers have it: None where it follows the network's, or is none that is known."""
    return None if dtype == own or dtype not in BITS or (dtype in REALS and own not in REALS) else dtype


def stored_in(arrays: Mapping[str, Value], graph: LayerGraph) -> tuple[tuple[str, str], ...]:
    """Return the arrays that are stored in another dtype than the network's, each with its own."""
    kinds = {name: value.arrays[0].dtype if value.arrays else value.dtype for name, value in arrays.items()}
    return tuple((name, kind) for name, kind in kinds.items() if kind != graph.dtype and kind in BITS)
