"""The types of numbers in a training step, and how many bytes they take."""

from __future__ import annotations

from collections.abc import Collection

from costmodel.graph import Layer, LayerGraph
from costmodel.numbers.arithmetic import product
from costmodel.ops.saved import Saved
from costmodel.pricing.elements import Widths, held, packed
from costmodel.tensor import BITS, REALS
from costmodel.units import DTYPES

PRODUCTS = {"conv", "transposed conv", "linear", "matmul", "recurrent"}
"""Families that autocast computes at bfloat16."""
CONVERTED = "bfloat16"
WIDE = "float32"


class Types:
    """Bytes of tensors in a step of so many images, at a dtype or under autocast."""

    def __init__(self, graph: LayerGraph, batch: int, dtype: str, amp: bool) -> None:
        self._graph, self._batch, self._amp, self._own = graph, batch, amp, dtype != graph.dtype
        self._dtype = dtype
        self.real: dict[str, str] = {}
        """The dtype of the real numbers of each node, under autocast."""
        for name, tensor in graph.inputs.items():
            self.real[name] = self._plain(tensor.dtype)
        for layer in graph.layers:
            self.real[layer.path] = self._of(layer)

    def _plain(self, dtype: str | None) -> str:
        """Return the dtype of numbers without autocast."""
        return self._dtype if dtype is None or (self._own and dtype in REALS) else dtype

    def _of(self, layer: Layer) -> str:
        plain = self._plain(layer.dtype)
        if not self._amp or plain != WIDE:
            return plain
        if low(layer):
            return CONVERTED
        read = [self.real[name] for name in layer.inputs]
        # Numbers that are not computed from others, and those of which one factor or summand is float32, are float32.
        wide = WIDE in read or not any(name == CONVERTED for name in read) or layer.op.widens
        return WIDE if wide else CONVERTED

    def element(self, path: str) -> int:
        """Return the bits of an element of a node."""
        return BITS[self.real[path]]

    def size(self, path: str, dtype: str | None = None) -> int:
        """Return the bytes of a node, or of as many numbers of another dtype."""
        tensor = self._graph.tensor(path)
        numbers = product(tensor.shape) * (self._batch if tensor.batched else 1)
        return int(packed(numbers, BITS[dtype or self.real[path]]))

    def own(self, layer: Layer, saved: Saved) -> int:
        """Return the bytes of a tensor that a layer makes for its backward pass alone."""
        return int(held(saved, layer, self._batch, BITS[saved.dtype or self.real[layer.path]]))

    def images(self, layer: Layer) -> int:
        """Return how often a layer's work is done."""
        return self._batch if layer.batched else 1

    def scratch(self, layer: Layer, wanted: Collection[int]) -> int:
        """Return the bytes that a layer's backward pass makes and drops, for the gradients of the inputs `wanted`."""
        summed = [place for place in layer.op.summed(*layer.input_shapes) if place in wanted]
        numbers = layer.op.scratch(*layer.input_shapes) + product(layer.shape) * len(summed)
        numbers *= self.images(layer)
        return int(packed(numbers, BITS[self.real[layer.path]]))

    def wide(self, path: str) -> int:
        """Return the bytes of a node at float32 under autocast, which losses are computed at, else at its own dtype."""
        return self.size(path, WIDE if self._amp else None)

    def weights(self, layer: Layer) -> int:
        """Return the bytes of a layer's trained arrays that no other keeps."""
        return int(Widths(DTYPES[self._dtype], self._own).weights(layer))

    def stored(self, layer: Layer, numbers: int) -> int:
        """Return the bytes of so many numbers that a layer stores and does not train; a source gives what it stores."""
        kind = layer.op.stored()[0] if layer.inputs else layer.dtype
        return int(packed(numbers, BITS[self._plain(kind)]))

    def array(self, layer: Layer, name: str, numbers: int) -> int:
        """Return the bytes of a trained array."""
        return int(packed(numbers, BITS[self._plain(dict(layer.stored).get(name))]))


def low(layer: Layer) -> bool:
    """Say whether autocast computes a layer at bfloat16; PReLU is among them."""
    return layer.op.family in PRODUCTS or layer.op.name == "prelu"
