"""From what was read to a graph of layers: constants that are read become layers, shared arrays are told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from costmodel.errors import CostModelError, ShapeError
from costmodel.graph import LayerGraph
from costmodel.reading.constants import is_enlarged, kind_of, made_of, read, stored_in
from costmodel.reading.keepers import Keepers, key
from costmodel.reading.network import Network
from costmodel.reading.seen import lies
from costmodel.reading.value import Value, frozen
from costmodel.tensor import Tensor


def finished(network: Network, graph: LayerGraph, folded_mult_adds: int = 0, exported: bool = True) -> LayerGraph:
    """Add the parts of a network to a graph that has its inputs, and return it, with notes of what was folded.

    What is `exported` may have had arrays merged or folded by who wrote it; that too is noted.

    Raises:
        CostModelError: if its sizes are beyond what a layer may have.
    """
    graph.read = True
    if exported:
        graph.notes += _folded(network, folded_mult_adds)
    keepers = Keepers(network.parts, exported)
    sources: dict[Any, str] = {}
    for part in network.parts.values():
        reads = tuple(read(source, part, graph, sources, keepers) for source in part.inputs)
        shares, tied = keepers.of(part, graph)
        gives = Tensor(part.shape, kind_of(part.dtype, graph.dtype), part.batched)
        try:
            graph.add(
                part.path,
                part.op,
                reads,
                shares=shares,
                trainable=not frozen(part.arrays.values()),
                tied=tied,
                gives=gives,
                stored=stored_in(part.arrays, graph),
                beside=keepers.beside(part.path, part.arrays.values()),
            )
        except (ShapeError, ValueError) as error:
            raise CostModelError(f"{graph.file or graph.name}: layer {part.path}: {error}") from None
        if not part.inputs and not any(value.arrays for value in part.arrays.values()):
            graph.made.add(part.path)
        if part.partial:
            graph.unpriced[part.path] = (getattr(part.op, "type", part.op.name), part.partial)
    graph.lies = lies(network)
    if exported:
        graph.notes += keepers.notes()
    for path in network.outputs:
        if path in network.parts:
            graph.mark_output(path)
    graph.aside = network.aside & set(graph.outputs)
    for value in network.stored:
        graph.mark_output(read(value, None, graph, sources, keepers))
    return graph


def _folded(network: Network, mult_adds: int) -> Iterator[str]:
    """Yield what to say of what depends on no input, which is computed once and for all beforehand."""
    if mult_adds:
        yield f"{mult_adds:,} mult-adds depend on no input and are not counted: they are done once, beforehand"
    weights = [value for part in network.parts.values() for value in part.arrays.values() if value.real]
    inputs = [one for part in network.parts.values() for one in part.inputs if isinstance(one, Value)]
    inputs += network.stored
    held = [one for one in inputs if one.real and any(array.trained for array in one.arrays)]
    counted = {key(value): value.size for value in weights}
    counted |= {key(one): one.size for one in held if one.trained and not is_enlarged(one)}
    counted |= {array.name: array.size for one in held if is_enlarged(one) for array in made_of(one)}
    stored = {array.name: array.size for value in [*weights, *held] for array in made_of(value)}
    if sum(counted.values()) != sum(stored.values()):
        yield (
            f"params are those of the arrays that are computed with, {sum(counted.values()):,} numbers in all; the "
            f"file stores {sum(stored.values()):,} for them, of which some are folded into others"
        )
