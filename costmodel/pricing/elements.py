"""How many bits the elements of tensors and stored arrays take, and how many weights a layer reads and keeps."""

from __future__ import annotations

from dataclasses import dataclass, replace

from costmodel.graph import Layer, LayerGraph
from costmodel.numbers.arithmetic import Number, Shape, ceil_div, is_plain, product
from costmodel.ops.base import Cost, Operator
from costmodel.ops.saved import Saved
from costmodel.tensor import BITS, REALS, Tensor


@dataclass(frozen=True, slots=True)
class Widths:
    """How many bits numbers take: `itemsize` bytes where they follow the network's dtype. Other real numbers have their
    own width, unless a dtype was `asked` for; whole numbers always have theirs.
    """

    itemsize: int
    asked: bool

    def bits(self, dtype: str | None) -> int:
        """Return the bits of an element of a dtype; None is the network's, or the one that was asked for."""
        return 8 * self.itemsize if dtype is None or (self.asked and dtype in REALS) else BITS[dtype]

    def bytes(self, numbers: Number, dtype: str | None) -> Number:
        """Return the bytes of so many numbers of a dtype; what takes less than a byte lies packed."""
        return numbers * self.itemsize if dtype is None else packed(numbers, self.bits(dtype))

    def saved(self, layer: Layer, saved: Saved, images: Number) -> Number:
        """Return the bytes of a tensor that a layer makes for the backward pass of so many images. Those that name
        their dtype have it, whatever is asked for.
        """
        bits = self.bits(layer.dtype) if saved.dtype is None else BITS[saved.dtype]
        return held(saved, layer, images, bits)

    def unfolded(self, graph: LayerGraph, layer: Layer) -> Number:
        """Return the bytes of a layer's windows, written out for one image, of the width of what they are cut from."""
        return self.cut(graph, layer, layer.op.unfolded(*layer.input_shapes))

    def cut(self, graph: LayerGraph, layer: Layer, numbers: Number) -> Number:
        """Return the bytes of so many numbers, of the width of what a layer cuts its windows from."""
        return self.bytes(numbers, graph.tensor(layer.inputs[0]).dtype) if not is_plain(numbers) or numbers else 0

    def of(self, tensor: Tensor | Layer, batch: Number) -> Number:
        """Return the bytes of a node's output for so many images."""
        size = self.bytes(product(tensor.shape), tensor.dtype)
        return size * batch if tensor.batched else size

    def weights(self, layer: Layer, own: bool = True) -> Number:
        """Return the bytes of a layer's trained arrays, each as it is stored; of its `own`, which no other keeps."""
        if own and layer.shares is not None:
            return 0
        stored, elsewhere = dict(layer.stored), dict(layer.tied) if own else {}
        arrays = layer.op.weights(*layer.input_shapes).items()
        return sum((self.bytes(product(s), stored.get(name)) for name, s in arrays if name not in elsewhere), 0)

    def read(self, layer: Layer, cost: Cost, images: Number) -> Number:
        """Return the bytes of weights that a layer reads, as they are stored."""
        looked_up = layer.op.looked_up(*layer.input_shapes)
        if not layer.stored or looked_up is not None:
            numbers = weights_read(layer.op, layer.input_shapes, cost, images)
            return self.bytes(numbers, dict(layer.stored).get("weight"))
        return 0 if layer.op.view else self.weights(layer, own=False)


def held(saved: Saved, layer: Layer, images: Number, bits: int) -> Number:
    """Return the bytes of a tensor that a layer makes for the backward pass of so many images, at so many bits."""
    images = images if layer.batched and not saved.once else 1
    return packed(saved.numbers * images, bits) if saved.room is None else saved.room(images, bits // 8)


def packed(numbers: Number, bits: int) -> Number:
    """Return the bytes of so many numbers of so many bits."""
    return ceil_div(numbers * bits, 8) if bits % 8 else numbers * (bits // 8)


def element_bits(graph: LayerGraph, widths: Widths) -> dict[str, int]:
    """Return the bits of one element of each node."""
    inputs = {name: widths.bits(tensor.dtype) for name, tensor in graph.inputs.items()}
    return inputs | {layer.path: widths.bits(layer.dtype) for layer in graph.layers}


def weights_read(op: Operator, shapes: tuple[Shape, ...], cost: Cost, images: Number) -> Number:
    """Return how many trained numbers a layer reads: all of them once, or such as it looks up for every image. What a
    view holds is read by those who read the view.
    """
    if op.view:
        return 0
    looked_up = op.looked_up(*shapes)
    return cost.params if looked_up is None else looked_up * images


def own_cost(layer: Layer) -> Cost:
    """Return what a layer costs, of its weights those that no other layer keeps, with what is stored beside them."""
    cost = layer.op.price(*layer.input_shapes)
    if layer.shares is not None:
        return replace(cost, params=0, buffers=layer.beside, matrix_params=0)
    if layer.beside:
        cost = replace(cost, buffers=cost.buffers + layer.beside)
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
