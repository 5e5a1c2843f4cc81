"""How wide the numbers are that a network multiplies: its mult-adds by their dtype."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from costmodel.graph import Layer, LayerGraph
from costmodel.tensor import REALS

BYTES = ("int8", "uint8")
NARROW = (*BYTES, "int4", "uint4")
"""Weights that are multiplied as whole numbers of 8 bits where the activations are."""


def by_width(graph: LayerGraph, dtype: str, asked: bool, rows: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Return the mult-adds of each dtype, the most first, given the rows of a network's layers.

    A product is of 8 bits where both its factors are: whole numbers, or real ones that stand for such and were turned
    back just before. Narrow weights that meet real activations are multiplied as real ones.
    """
    if not any(layer.stored or layer.dtype for layer in graph.layers):
        return {}
    whole = _whole(graph)
    found: dict[str, int] = {}
    for layer, row in zip(graph.layers, rows, strict=True):
        if row["mult_adds"]:
            width = _width(layer, whole, graph, dtype, asked)
            found[width] = found.get(width, 0) + row["mult_adds"]
    return {} if list(found) == [dtype] else dict(sorted(found.items(), key=lambda pair: -pair[1]))


def _whole(graph: LayerGraph) -> set[str]:
    """Return the tensors that hold whole numbers of 8 bits, or real ones that stand for such."""
    found = {name for name, tensor in graph.inputs.items() if tensor.dtype in BYTES}
    for layer in graph.layers:
        turned_back = layer.op.name == "dequantize" or (layer.op.view and set(layer.inputs) <= found and layer.inputs)
        if layer.dtype in BYTES or turned_back or (not layer.inputs and dict(layer.stored).get("weight") in NARROW):
            found.add(layer.path)
    return found


def _width(layer: Layer, whole: set[str], graph: LayerGraph, dtype: str, asked: bool) -> str:
    weights = dict(layer.stored).get("weight", "") in NARROW or not layer.op.weights(*layer.input_shapes)
    if weights and whole.issuperset(layer.inputs):
        return "int8"
    given = graph.tensor(layer.inputs[0]).dtype if layer.inputs else None
    return given if given in REALS and not asked else dtype
