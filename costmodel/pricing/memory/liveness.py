"""Which tensors are alive while each layer runs: exact over the order of execution."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from costmodel.graph import LayerGraph


@dataclass(frozen=True)
class Lifetimes:
    """For each layer in order: the path of the tensor that it allocates (None where it reuses one), and those freed
    after it ran.

    `first` are the tensors alive before the first layer: the network's inputs.
    """

    first: tuple[str, ...]
    allocated: list[str | None]
    freed: list[tuple[str, ...]]

    def __iter__(self) -> Iterator[tuple[str | None, tuple[str, ...]]]:
        return zip(self.allocated, self.freed, strict=True)


def storages(graph: LayerGraph, in_place: bool = False, training: bool = False) -> dict[str, str]:
    """Return for each node the path of the tensor that its values lie in.

    A view shares its input's tensor. With `in_place`, so does an operator that can overwrite its input, where no other
    layer reads that tensor later and it is not the network's own input. In `training` a dropout is no view: it writes a
    new tensor.
    """
    storage = {name: name for name in graph.inputs}
    reads_left = _reads(graph)
    for layer in graph.layers:
        if not layer.inputs:
            storage[layer.path] = layer.path
            continue
        source = storage[layer.inputs[0]]
        for name in layer.inputs:
            reads_left[storage[name]] -= 1
        overwrites = in_place and layer.op.in_place and source not in graph.inputs and reads_left[source] == 0
        renames = layer.op.view and not (training and layer.op.saves == "mask")
        storage[layer.path] = source if renames or overwrites else layer.path
        if storage[layer.path] == source:
            reads_left[source] += reads_left[layer.path]
    return storage


def _reads(graph: LayerGraph) -> dict[str, int]:
    """Return how often each node is read, where being an output of the network is one more reader."""
    reads = dict.fromkeys([*graph.inputs, *(layer.path for layer in graph.layers)], 0)
    for layer in graph.layers:
        for name in layer.inputs:
            reads[name] += 1
    for path in graph.outputs:
        reads[path] += 1
    return reads


def lifetimes(graph: LayerGraph, in_place: bool = False) -> Lifetimes:
    """Return when each tensor is allocated and freed: it lives from the layer that writes it to its last reader."""
    storage = storages(graph, in_place)
    last = dict.fromkeys(graph.inputs, 0)
    for index, layer in enumerate(graph.layers):
        for path in (*layer.inputs, layer.path):
            last[storage[path]] = index
    for path in graph.outputs:
        last[storage[path]] = len(graph)
    freed: list[list[str]] = [[] for _ in graph.layers]
    for path, index in last.items():
        if index < len(graph):
            freed[index].append(path)
    held = {layer.path for layer in graph.layers if layer.op.view and not layer.inputs}  # they lie among the weights
    freed = [[path for path in paths if path not in held] for paths in freed]
    allocated = [
        layer.path if storage[layer.path] == layer.path and layer.path not in held else None for layer in graph.layers
    ]
    return Lifetimes(tuple(graph.inputs), allocated, [tuple(paths) for paths in freed])
