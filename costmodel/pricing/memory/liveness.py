"""Which tensors are alive while each layer runs: exact over the order of execution."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from costmodel.graph import LayerGraph
from costmodel.numbers.arithmetic import Number


@dataclass(frozen=True)
class Lifetimes:
    """For each layer in order: the path of the tensor that it allocates (None where it reuses one), and those freed
    after it ran.

    `first` are the tensors alive before the first layer: the network's inputs.
    """

    first: tuple[str, ...]
    allocated: list[str | None]
    freed: list[tuple[str, ...]]

    @classmethod
    def of(cls, graph: LayerGraph, allocated: Mapping[str, int], last: Mapping[str, int]) -> Lifetimes:
        """Return those of tensors, given the layer that allocates each and the last that needs it, by their indices."""
        count = len(graph)
        new: list[str | None] = [None] * count
        freed: list[tuple[str, ...]] = [()] * count
        for path, index in allocated.items():
            new[index] = path
        for path, index in last.items():
            if index < count:
                freed[index] += (path,)
        return cls(tuple(graph.inputs), new, freed)

    def __iter__(self) -> Iterator[tuple[str | None, tuple[str, ...]]]:
        return zip(self.allocated, self.freed, strict=True)


def storages(graph: LayerGraph, training: bool = False) -> dict[str, str]:
    """Return for each node the path of the tensor that its values lie in.

    A view shares its input's tensor. In `training` views are those of eager PyTorch: a slice is one, a dropout writes a
    new tensor. What was seen to lie in another tensor does.
    """
    storage = {name: name for name in graph.inputs}
    for layer in graph.layers:
        seen = graph.lies.get(layer.path)
        renames = layer.op.aliases(*layer.input_shapes) if training else layer.op.view
        drops = layer.op.view and not renames  # it was seen not to, and does while training
        if seen is not None and layer.inputs and not drops:
            nowhere = seen.within == "" and training and renames  # on the way to a result that is there
            within = layer.inputs[0] if nowhere else seen.within
            storage[layer.path] = storage[within] if within else layer.path
            continue
        storage[layer.path] = storage[layer.inputs[0]] if renames and layer.inputs else layer.path
    return storage


def reads(graph: LayerGraph) -> dict[str, int]:
    """Return how often each node is read, where being an output of the network is one more reader."""
    times = dict.fromkeys([*graph.inputs, *(layer.path for layer in graph.layers)], 0)
    for layer in graph.layers:
        for name in layer.inputs:
            times[name] += 1
    for path in graph.outputs:
        times[path] += 1
    return times


def lifetimes(graph: LayerGraph) -> Lifetimes:
    """Return when each tensor is allocated and freed: it lives from the layer that writes it to its last reader, or as
    long as it was seen to.
    """
    storage = storages(graph)
    allocated: dict[str, int] = {}
    last = dict.fromkeys(graph.inputs, 0)
    for index, layer in enumerate(graph.layers):
        for name in layer.inputs:
            last[storage[name]] = index
        tensor = storage[layer.path]
        last[tensor] = index
        if tensor == layer.path:
            allocated[tensor] = index
    _keep_as_seen(graph, storage, last)
    for path in graph.outputs:
        last[storage[path]] = len(graph)
    nowhere = {layer.path for layer in graph.layers if not layer.inputs and layer.op.view}  # they lie among the weights
    nowhere |= {path for path, seen in graph.lies.items() if seen.within == "" and storage[path] == path}
    for path in nowhere:
        del allocated[path], last[path]
    return Lifetimes.of(graph, allocated, last)


def held(lives: Lifetimes, sizes: Mapping[str, Number]) -> list[Number]:
    """Return the bytes alive while each layer runs, given those of each tensor."""
    now: Number = sum(sizes[path] for path in lives.first)
    during: list[Number] = []
    for new, freed in lives:
        if new is not None:
            now = now + sizes[new]
        during.append(now)
        for path in freed:
            now = now - sizes[path]
    return during


def _keep_as_seen(graph: LayerGraph, storage: dict[str, str], last: dict[str, int]) -> None:
    """Let tensors live as long as they were seen to; the network's inputs, which are not its own, do not."""
    places = {layer.path: index for index, layer in enumerate(graph.layers)}
    for path, seen in graph.lies.items():
        owner = storage[path]
        if seen.until and owner not in graph.inputs:
            last[owner] = max(last[owner], places[seen.until])
