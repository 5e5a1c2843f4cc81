"""How many bytes one element of each tensor takes."""

from __future__ import annotations

from costmodel.graph import LayerGraph
from costmodel.tensor import WHOLE_BYTES
from costmodel.units import DTYPES


def bytes_of(dtype: str | None, itemsize: int) -> int:
    """Return the bytes of an element of a dtype; None is the one that was asked for, of `itemsize`."""
    return itemsize if dtype is None else (WHOLE_BYTES | DTYPES)[dtype]


def element_bytes(graph: LayerGraph, itemsize: int) -> dict[str, int]:
    """Return the bytes of one element of each node: `itemsize`, unless it has a dtype of its own, as indices have."""
    inputs = {name: bytes_of(tensor.dtype, itemsize) for name, tensor in graph.inputs.items()}
    return inputs | {layer.path: bytes_of(layer.dtype, itemsize) for layer in graph.layers}
