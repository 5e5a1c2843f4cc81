"""How many bytes one element of each tensor takes, and how many weights a layer reads."""

from __future__ import annotations

from dataclasses import replace

from costmodel.graph import Layer, LayerGraph
from costmodel.numbers.arithmetic import Number, Shape, product
from costmodel.ops.base import Cost, Operator
from costmodel.tensor import WHOLE_BYTES
from costmodel.units import DTYPES


def bytes_of(dtype: str | None, itemsize: int) -> int:
    """Return the bytes of an element of a dtype; None is the one that was asked for, of `itemsize`."""
    return itemsize if dtype is None else WHOLE_BYTES.get(dtype) or DTYPES[dtype]


def element_bytes(graph: LayerGraph, itemsize: int) -> dict[str, int]:
    """Return the bytes of one element of each node: `itemsize`, unless it has a dtype of its own, as indices have."""
    inputs = {name: bytes_of(tensor.dtype, itemsize) for name, tensor in graph.inputs.items()}
    return inputs | {layer.path: bytes_of(layer.dtype, itemsize) for layer in graph.layers}


def weights_read(op: Operator, shapes: tuple[Shape, ...], cost: Cost, images: Number) -> Number:
    """Return how many trained numbers a layer reads: all of them once, or such as it looks up for every image. What a
    view holds is read by those who read the view.
    """
    if op.view:
        return 0
    looked_up = op.looked_up(*shapes)
    return cost.params if looked_up is None else looked_up * images


def own_cost(layer: Layer) -> Cost:
    """Return what a layer costs, of its weights only those that no other layer keeps."""
    cost = layer.op.price(*layer.input_shapes)
    if layer.shares is not None:
        return replace(cost, params=0, buffers=0, matrix_params=0)
    if not layer.tied:
        return cost
    elsewhere = dict(layer.tied)
    trained = {n: s for n, s in layer.op.weights(*layer.input_shapes).items() if n in elsewhere}
    stored = [product(s) for n, s in layer.op.buffers(*layer.input_shapes).items() if n in elsewhere]
    matrices = 0 if layer.op.family == "norm" else sum(product(s) for s in trained.values() if len(s) > 1)
    return replace(
        cost,
        params=cost.params - sum(map(product, trained.values())),
        buffers=cost.buffers - sum(stored),
        matrix_params=cost.matrix_params - matrices,
    )
