"""A network as what a training step does of it: for each layer what it reads, makes, keeps and hands back, in bytes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from costmodel.graph import Layer, LayerGraph
from costmodel.numbers.arithmetic import product
from costmodel.ops.saved import Saved
from costmodel.pricing.elements import Widths, packed
from costmodel.pricing.memory.kept import Kept, kept
from costmodel.pricing.memory.liveness import storages
from costmodel.tensor import BITS, REALS
from costmodel.units import DTYPES

PRODUCTS = {"conv", "transposed conv", "linear", "matmul", "recurrent"}
"""Families that autocast computes at bfloat16."""
CONVERTED = "bfloat16"
WIDE = "float32"


@dataclass(frozen=True, slots=True)
class Work:
    """What one layer does in a step.

    path: whose moment it is. node: what it makes, and `size` of how many bytes; `root`: the node in whose memory that
    lies, its own unless it is a view. inputs: the nodes that it reads, `roots` where they lie, and `sizes` of how many
    bytes each. keeps: the roots that its backward pass reads. own: bytes that it makes for its backward pass. wanted:
    places of the inputs that get gradients. hands: those of them whose gradients lie in the memory of its output's.
    scratch: bytes that its backward pass makes and drops. arrays: its trained arrays, each with its bytes. copies:
    bytes of its matrices and kernels at bfloat16 under autocast. number: the layer's place in the network.
    """

    path: str
    number: int
    node: str
    root: str
    size: int
    inputs: tuple[str, ...]
    roots: tuple[str, ...]
    sizes: tuple[int, ...]
    keeps: tuple[str, ...]
    own: int
    wanted: tuple[int, ...]
    hands: tuple[int, ...]
    scratch: int
    arrays: tuple[tuple[str, int], ...]
    copies: int

    @property
    def narrow(self) -> int:
        """Bytes of the gradients of its weights at bfloat16."""
        return sum(size for _, size in self.arrays) * DTYPES[CONVERTED] // DTYPES[WIDE]

    @property
    def active(self) -> bool:
        """Whether anything goes back through it."""
        return bool(self.arrays or self.wanted)


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
        images = self._batch if layer.batched and not saved.once else 1
        return int(packed(saved.numbers * images, BITS[saved.dtype or self.real[layer.path]]))

    def scratch(self, layer: Layer) -> int:
        """Return the bytes that a layer's backward pass makes and drops."""
        numbers = layer.op.scratch(*layer.input_shapes) * (self._batch if layer.batched else 1)
        return int(packed(numbers, BITS[self.real[layer.path]]))

    def wide(self, path: str) -> int:
        """Return the bytes of a node at float32 under autocast, which losses are computed at, else at its own dtype."""
        return self.size(path, WIDE if self._amp else None)

    def weights(self, layer: Layer) -> int:
        """Return the bytes of a layer's trained arrays that no other keeps."""
        return int(Widths(DTYPES[self._dtype], self._own).weights(layer))

    def stored(self, layer: Layer, numbers: int) -> int:
        """Return the bytes of so many numbers that a layer stores and does not train."""
        return int(packed(numbers, BITS[self._plain(layer.op.stored()[0])]))

    def array(self, layer: Layer, name: str, numbers: int) -> int:
        """Return the bytes of a trained array."""
        return int(packed(numbers, BITS[self._plain(dict(layer.stored).get(name))]))


def low(layer: Layer) -> bool:
    """Say whether autocast computes a layer at bfloat16."""
    return layer.op.family in PRODUCTS


def works(graph: LayerGraph, types: Types, amp: bool, keeps: str, trains: Callable[[Layer], bool]) -> list[Work]:
    """Return what a step does, in order; under autocast with a copy at bfloat16 of what products read at float32, once
    however many read it, as packed projections have it.
    """
    storage = storages(graph, training=True)
    result: list[Work] = []
    copied: dict[str, str] = {}
    for number, (layer, its) in enumerate(zip(graph.layers, kept(graph, keeps, trains, storage), strict=True)):
        work = _work(graph, layer, number, its, storage, types)
        if amp and low(layer):
            for name in dict.fromkeys(layer.inputs):
                if types.real[name] == WIDE and graph.tensor(name).dtype is None:
                    if name not in copied:
                        copied[name] = f"{name} at {CONVERTED}"
                        wanted = name in {layer.inputs[place] for place in its.wanted}
                        result.append(_copy(layer, number, name, storage[name], wanted, types, copied[name]))
                    work = _reading(work, name, storage[name], copied[name], types.size(name, CONVERTED))
        result.append(work)
    return result


def _work(graph: LayerGraph, layer: Layer, number: int, its: Kept, storage: dict[str, str], types: Types) -> Work:
    arrays = _arrays(layer, types) if its.learns else ()
    hands = layer.op.hands_back(*layer.input_shapes)
    # The gradient of what is there once is a sum over the batch.
    same = tuple(n for n in hands if graph.tensor(layer.inputs[n]).batched == layer.batched)
    copies = types.real[layer.path] == CONVERTED and low(layer)
    trained = sum(product(shape) for shape in layer.op.weights(*layer.input_shapes).values() if len(shape) > 1)
    return Work(
        path=layer.path,
        number=number,
        node=layer.path,
        root=storage[layer.path],
        size=0 if layer.op.view and not layer.inputs else types.size(layer.path),  # sources lie among the weights
        inputs=layer.inputs,
        roots=tuple(storage[name] for name in layer.inputs),
        sizes=tuple(types.size(name) for name in layer.inputs),
        keeps=its.tensors,
        own=sum(types.own(layer, saved) for saved in its.own),
        wanted=its.wanted,
        hands=same,
        scratch=types.scratch(layer) if its.active else 0,
        arrays=arrays,
        copies=DTYPES[CONVERTED] * int(trained) if copies else 0,
    )


def _arrays(layer: Layer, types: Types) -> tuple[tuple[str, int], ...]:
    """Return a layer's trained arrays, by where they are kept, each with its bytes."""
    elsewhere = dict(layer.tied)
    sizes = layer.op.weights(*layer.input_shapes).items()
    return tuple(
        (elsewhere.get(name, f"{layer.shares or layer.path}/{name}"), types.array(layer, name, product(shape)))
        for name, shape in sizes
    )


def _copy(layer: Layer, number: int, name: str, root: str, wanted: bool, types: Types, node: str) -> Work:
    """Return the work of copying a tensor at bfloat16 for a product."""
    size = types.size(name, CONVERTED)
    places = (0,) if wanted else ()
    return Work(
        layer.path, number, node, node, size, (name,), (root,), (types.size(name),), (), 0, places, (), 0, (), 0
    )


def _reading(work: Work, name: str, root: str, copy: str, size: int) -> Work:
    """Return a work that reads a copy instead of a tensor."""
    at = [place for place, given in enumerate(work.inputs) if given == name]
    others = {given for place, given in enumerate(work.roots) if place not in at}
    keeps = tuple(copy if kept == root and root not in others else kept for kept in work.keeps)
    return replace(
        work,
        inputs=tuple(copy if place in at else given for place, given in enumerate(work.inputs)),
        roots=tuple(copy if place in at else given for place, given in enumerate(work.roots)),
        sizes=tuple(size if place in at else given for place, given in enumerate(work.sizes)),
        keeps=keeps,
    )
