"""Which layers a node of a graph that ONNX Runtime has optimised computes, by the names that an export gave.

A node keeps the name of a layer that is joined in it: ``stage1.0.relu_nchwc`` is a convolution with its norm and its
rectifier. What it computes besides are the layers before that, as far as a convolution or the like, and the sums and
activations behind it that no node is named after. Nodes without such a name, and those that turn a map into blocks of
channels or back, belong to the layer that reads the result first, as in `costmodel.latency.blocked`; what the network
returns belongs to the layer that makes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from costmodel.graph import LayerGraph
from costmodel.ops import Operator

if TYPE_CHECKING:
    import onnx

TURNS = ("ReorderInput", "ReorderOutput")
ADDED = ("_nchwc", "_bn")
"""What ONNX Runtime appends to the name of a layer whose node it replaces."""
WITH_SUM = 4
"""Inputs of a convolution that adds another map to its result."""


def layers_of(graph: LayerGraph, nodes: Sequence[onnx.NodeProto]) -> list[list[str]]:
    """Return the paths of the layers that each node computes; none where its names do not tell.

    Args:
        graph: the network.
        nodes: of its export, as optimised.
    """
    place = {layer.path: number for number, layer in enumerate(graph.layers)}
    named = [[] if node.op_type in TURNS else _named(node, place) for node in nodes]
    made = {path for paths in named for path in paths}
    found = [[path for own in paths for path in _with_those_before(graph, own, made)] for paths in named]
    _join_those_behind(graph, nodes, found)
    for number in reversed(range(len(nodes))):
        if not found[number]:
            found[number] = _readers(number, nodes, found, place)
    return found


def _named(node: onnx.NodeProto, layers: Mapping[str, int]) -> list[str]:
    """Return the layers whose values a node makes, or else the one of which it keeps the name."""
    made = [stem for name in node.output if (stem := name.partition("/")[0]) in layers]
    return list(dict.fromkeys(made)) or [stem for stem in _stems(node.name) if stem in layers][:1]


def _stems(name: str) -> Iterable[str]:
    """Yield a node's name, and what is left of it when what the runtime appended is taken off."""
    stem = name.partition("/")[0]
    yield stem
    for end in ADDED:
        stem = stem.removesuffix(end)
        yield stem


def _with_those_before(graph: LayerGraph, path: str, made: set[str]) -> list[str]:
    """Return a layer, and those before it that no node is named after, up to one that follows no other in a kernel."""
    found = [path]
    while _follows(graph.layer(found[-1]).op):
        (before, *_) = graph.layer(found[-1]).inputs
        if before in made or before in graph.inputs:
            break
        found.append(before)
    return found


def _follows(op: Operator) -> bool:
    """Say whether an operator can be computed in the kernel of what it reads, or takes no time at all."""
    return op.fuses == "tail" or op.blocks == "kept"


def _join_those_behind(graph: LayerGraph, nodes: Sequence[onnx.NodeProto], found: Sequence[list[str]]) -> None:
    """Give sums and activations that no node is named after to the node that computes what they read."""
    node_of = {path: number for number, paths in enumerate(found) for path in paths}
    for layer in graph.layers:
        if layer.path in node_of or not (layer.op.name == "add" or _follows(layer.op)):
            continue
        before = [node_of[name] for name in layer.inputs if name in node_of]
        if before:
            node_of[layer.path] = max(before, key=lambda number: (len(nodes[number].input) == WITH_SUM, number))
            found[node_of[layer.path]].append(layer.path)


def _readers(
    number: int, nodes: Sequence[onnx.NodeProto], found: Sequence[list[str]], place: Mapping[str, int]
) -> list[str]:
    """Return the layers of the first node that reads what a node makes, or of the one before if none does."""
    reading = [
        paths for node, paths in zip(nodes, found, strict=True) if paths and {*nodes[number].output} & {*node.input}
    ]
    making = [
        paths for node, paths in zip(nodes, found, strict=True) if paths and {*nodes[number].input} & {*node.output}
    ]
    if reading:
        return min(reading, key=lambda paths: min(map(place.__getitem__, paths)))
    return making[0] if making else []
