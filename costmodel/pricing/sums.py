"""The sums of a network without its table: for a million networks at once, where every size is an array.

The rules are the operators' own; what is saved is work. Nothing is computed twice for layers that ask the same
question, a tensor that is moved five times is multiplied by 5, and the batch is multiplied in at the very end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import reduce
from typing import Any

from costmodel.graph import NOTHING_SEEN, Layer, LayerGraph
from costmodel.measures import MEASURES, Measure, names, needed
from costmodel.numbers.arithmetic import Number, guarded, is_plain, largest, product
from costmodel.ops.base import Cost
from costmodel.ops.saved import Saved
from costmodel.pricing.depth import depth
from costmodel.pricing.elements import Widths, element_bits, own_cost, packed
from costmodel.pricing.fusion import kernels
from costmodel.pricing.memory.fused import Fused
from costmodel.pricing.memory.liveness import Lifetimes, lifetimes
from costmodel.pricing.training import require_gradients, steps
from costmodel.units import DTYPES

INFERRED = names()
"""The measures of inference."""
PRICED = names(("", "training"))
"""What `sums` can return: every measure that the operators alone decide."""


def sums(
    graph: LayerGraph,
    batch: Number = 1,
    dtype: str | None = None,
    wanted: Collection[str] = INFERRED,
    layers: Sequence[Layer] | None = None,
) -> dict[str, Number]:
    """Return the measures called `wanted` of the whole network, equal to those of `price` to the unit.

    Sizes and batch may be numbers, NumPy arrays or SymPy symbols. With `layers`, the sums are over those alone; what is
    fused, alive at once and saved is only known of a whole network.

    Raises:
        KeyError: if a name is none of `PRICED`, or the dtype is unknown.
        CostModelError: if a training step is asked for at a dtype without gradients.
    """
    asked, dtype = dtype is not None, dtype or graph.dtype
    if needed(wanted):
        require_gradients(dtype)
    walk = _Sums(graph, guarded(batch), Widths(DTYPES[dtype], asked), graph.layers if layers is None else layers)
    return {name: walk.measure(name) for name in wanted}


class _Sums:
    """What one network's sums are made of, kept while several of them are asked for."""

    def __init__(self, graph: LayerGraph, batch: Number, widths: Widths, layers: Sequence[Layer]) -> None:
        self.graph, self.batch, self.widths, self.layers = graph, batch, widths, layers
        self._element_bits = element_bits(graph, widths)
        self._alone = {path for path in self._element_bits if not graph.tensor(path).batched}
        """What is there once and not for each image: it was computed from sources alone."""
        self._known: dict[str, Number] = {"batch": batch, "itemsize": widths.itemsize}
        self._bytes: dict[str, Number] = {}
        self._products: dict[Any, Number] = {}
        self._costs: list[tuple[Layer, Cost, int]] = []

    def measure(self, name: str) -> Number:
        """Return a measure of the whole network, computed once."""
        if name not in self._known:
            self._known[name] = self._measured(MEASURES[name])
        return self._known[name]

    def _measured(self, measure: Measure[Any]) -> Number:
        name = measure.name
        if name == "trained_bytes":
            return self._trained()
        if name == "weight_bytes" and any(layer.stored for layer in self.layers):
            return _weighted((self.widths.weights(layer), times) for layer, _, times in self._distinct_costs())
        if measure.rule is not None:
            return measure.rule(*map(self.measure, measure.reads))
        if measure.counted:
            return self._counted(name, measure.counted == "image")
        if name == "layers":
            return len(self.layers)
        if name == "weighted_layers":
            return depth(self.graph)
        if name == "im2col_bytes":
            return self._unfolded()
        if name == "peak_live_bytes":
            lives = lifetimes(self.graph)
            return self._peak_as_seen(lives) if self.graph.lies else self._peak(lives)
        if name == "peak_fused_bytes":
            return self._peak(Fused(self.graph, kernels(self.graph)).lifetimes())
        if name == "backward_mult_adds":
            return self._backward()
        if name == "saved_bytes":
            return self._saved()
        moved = self._together(self._moved(name))
        if name != "output_bytes":
            moved = moved + self._kept()
        return moved + self._read() if name.endswith("traffic_bytes") else moved

    def _trained(self) -> Number:
        """Return the bytes of the weights that are trained."""
        if all(layer.trainable for layer in self.layers):
            return self.measure("weight_bytes")
        return sum((self.widths.weights(layer) for layer in self.layers if layer.trainable), 0)

    def _backward(self) -> Number:
        """Return the mult-adds of the backward pass."""
        times: Counter[Any] = Counter()
        layers: dict[Any, Layer] = {}
        for step, layer in zip(steps(self.graph), self.layers, strict=True):
            question = self._question(layer)
            layers[question] = layer
            times[question] += step.backward_products
        priced = ((layer, layer.op.price(*layer.input_shapes).mult_adds, times[key]) for key, layer in layers.items())
        return self._for_images(entry for entry in priced if entry[2])

    def _unfolded(self) -> Number:
        """Return the bytes of all windows, written out."""
        own = ((self.widths.unfolded(self.graph, layer), self._images(layer)) for layer in self.layers)
        return sum((size * images for size, images in own if not is_plain(size) or size), 0)

    def _saved(self) -> Number:
        """Return the bytes that the backward pass needs kept, each tensor once."""
        needs = steps(self.graph)
        saved = [pair for step in needs for pair in step.saved]
        kept = self._together(path for path, share in saved if is_plain(share))
        for path, share in saved:
            if not is_plain(share):
                kept = kept + self._together([path]) * share
        times: Counter[Any] = Counter()
        owners: dict[Any, tuple[Layer, tuple[Saved, ...]]] = {}
        for step, layer in zip(needs, self.layers, strict=True):
            if step.own:
                key = self._question(layer), tuple(saved.of for saved in step.own)
                owners[key] = layer, step.own
                times[key] += 1
        own = [(layer, saved, times[key]) for key, (layer, its) in owners.items() for saved in its]
        return kept + _weighted((self.widths.saved(layer, saved, self.batch), number) for layer, saved, number in own)

    def _moved(self, name: str) -> list[str]:
        """Return the tensors that a measure of traffic is made of, one as often as it is moved."""
        if name == "fused_traffic_bytes":
            return _moved_fused(self.graph)
        layers = [layer for layer in self.layers if not layer.op.view]
        read = [path for layer in layers for path in layer.inputs] if name != "output_bytes" else []
        return read + ([layer.path for layer in layers] if name != "input_bytes" else [])

    def _counted(self, name: str, each_image: bool) -> Number:
        costs = ((x, own_cost(x) if x.tied or x.beside else cost, times) for x, cost, times in self._distinct_costs())
        counts = ((x, getattr(cost, name), times) for x, cost, times in costs)
        some = (entry for entry in counts if not (is_plain(entry[1]) and entry[1] == 0))
        if each_image:
            return self._for_images(some)
        return _weighted((count, times) for layer, count, times in some if layer.shares is None or layer.beside)

    def _for_images(self, entries: Iterable[tuple[Layer, Number, int]]) -> Number:
        """Return the sum of layers' numbers for the whole batch, each taken so many times."""
        apart: dict[bool, list[tuple[Number, int]]] = {True: [], False: []}
        for layer, number, times in entries:
            apart[layer.batched].append((number, times))
        return _weighted(apart[True]) * self.batch + _weighted(apart[False])

    def _read(self) -> Number:
        """Return the bytes of weights that are read."""
        read = ((self.widths.read(x, cost, self._images(x)), n) for x, cost, n in self._distinct_costs())
        return _weighted(pair for pair in read if not (is_plain(pair[0]) and pair[0] == 0))

    def _kept(self) -> Number:
        """Return the bytes that are read of what earlier steps kept."""
        kept = ((layer, layer.op.kept(*layer.input_shapes), times) for layer, _, times in self._distinct_costs())
        some = (entry for entry in kept if not (is_plain(entry[1]) and entry[1] == 0))
        return self._for_images(some) * self.widths.itemsize

    def _images(self, layer: Layer) -> Number:
        return self.batch if layer.batched else 1

    def _question(self, layer: Layer) -> Any:
        """Return what decides a layer's cost: its operator, the operator's fields and the inputs' sizes."""
        question = self.graph.question(layer.op, layer.input_shapes)
        if layer.batched and layer.shares is None and not layer.tied and not layer.stored and not layer.beside:
            return question
        return question, layer.batched, layer.shares is None, layer.tied, layer.stored, layer.beside

    def _distinct_costs(self) -> list[tuple[Layer, Cost, int]]:
        """Return the cost of each kind of layer there is, and how many layers are of that kind."""
        if not self._costs:
            questions = list(map(self._question, self.layers))
            layers = dict(zip(questions, self.layers, strict=True))
            times = Counter(questions)
            self._costs = [(layer, layer.op.price(*layer.input_shapes), times[key]) for key, layer in layers.items()]
        return self._costs

    def _size(self, path: str) -> Number:
        """Return the bytes of a tensor of one image; tensors of one shape share one number."""
        if path not in self._bytes:
            bits, shape = self._element_bits[path], self.graph.shape(path)
            key = (bits, self.graph.names(shape))
            if key not in self._products:
                self._products[key] = packed(product(shape), bits)
            self._bytes[path] = self._products[key]
        return self._bytes[path]

    def _sizes(self, paths: Iterable[str]) -> dict[int, tuple[Number, int]]:
        """Return the distinct sizes of tensors of one image, each with how many of them have it."""
        sizes = [self._size(path) for path in paths]
        times = Counter(map(id, sizes))
        return {id(size): (size, times[id(size)]) for size in sizes}

    def _together(self, paths: Iterable[str]) -> Number:
        """Return the bytes of tensors for the whole batch."""
        if not self._alone:
            return _weighted(self._sizes(paths).values()) * self.batch
        given = list(paths)
        each = _weighted(self._sizes(path for path in given if path not in self._alone).values())
        return each * self.batch + _weighted(self._sizes(path for path in given if path in self._alone).values())

    def _peak(self, lives: Lifetimes) -> Number:
        """Return the most bytes alive at once, looking only at sets of tensors that no other set contains."""
        if self._alone:
            return reduce(largest, map(self._together, [*_alive(lives)] or [tuple(self.graph.inputs)]))
        moments = [self._sizes(paths) for paths in _alive(lives)] or [self._sizes(self.graph.inputs)]
        distinct = {frozenset((key, times) for key, (_, times) in sizes.items()): sizes for sizes in moments}
        largest_sets = [a for a in distinct.values() if not any(_within(a, b) for b in distinct.values() if b is not a)]
        return reduce(largest, (_weighted(sizes.values()) for sizes in largest_sets)) * self.batch

    def _peak_as_seen(self, lives: Lifetimes) -> Number:
        """Return the most bytes that a module was seen to hold at once."""
        return reduce(largest, map(self._seen, self.graph.layers, _alive(lives)))

    def _seen(self, layer: Layer, paths: Iterable[str]) -> Number:
        """Return the bytes of tensors, and of what a layer's kernel was seen to hold besides."""
        lies, alive = self.graph.lies, list(paths)
        more = ((self.graph.layer(path), lies[path].more) for path in alive if path in lies and lies[path].more)
        beyond = (self.widths.bytes(number, one.dtype) * self._images(one) for one, number in more)
        return sum(beyond, self._together(alive)) + lies.get(layer.path, NOTHING_SEEN).besides(self.batch)


def _weighted(numbers: Iterable[tuple[Number, int]]) -> Number:
    """Return the sum of numbers, each taken so many times."""
    total: Number = 0
    for number, times in numbers:
        total = total + (number if times == 1 else number * times)
    return total


def _within(sizes: dict[int, tuple[Number, int]], others: dict[int, tuple[Number, int]]) -> bool:
    """Say whether every size of the one is in the other, at least as often."""
    return all(key in others and others[key][1] >= times for key, (_, times) in sizes.items())


def _moved_fused(graph: LayerGraph) -> list[str]:
    """Return what kernels move: the inputs of their first layer and the output of their last."""
    heads = kernels(graph)
    last = {head: layer.path for head, layer in zip(heads, graph.layers, strict=True) if head is not None}
    first = [layer for head, layer in zip(heads, graph.layers, strict=True) if head == layer.path]
    read = [path for layer in first for path in layer.inputs]
    return read + list(last.values())


def _alive(lives: Lifetimes) -> Iterator[tuple[str, ...]]:
    """Yield the tensors alive while each layer runs."""
    alive = dict.fromkeys(lives.first)
    for new, freed in lives:
        if new is not None:
            alive[new] = None
        yield tuple(alive)
        for path in freed:
            del alive[path]
