"""How many bytes one element of each tensor takes."""

from __future__ import annotations

from costmodel.graph import INPUT, LayerGraph


def element_bytes(graph: LayerGraph, itemsize: int) -> dict[str, int]:
    """Return the bytes of one element of each node: `itemsize`, unless it holds indices or is a view of such."""
    size_of = {INPUT: itemsize}
    for layer in graph.layers:
        unchanged = size_of[layer.inputs[0]] if layer.op.view else itemsize
        size_of[layer.path] = layer.op.output_bytes or unchanged
    return size_of
