"""One walk over a network's layers in order: a row of the cost table for each, and the sums."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import reduce
from operator import add, itemgetter
from typing import Any, Protocol, TypeAlias

from costmodel.errors import CostModelError, known_or_suggest
from costmodel.graph import NOTHING_SEEN, Layer, LayerGraph
from costmodel.measures import MEASURES, Measure, completed, names
from costmodel.numbers.arithmetic import Number, guarded, holds, is_number, is_plain, largest, whole
from costmodel.pricing.depth import depth, multiplies
from costmodel.pricing.elements import Widths, own_cost
from costmodel.pricing.fusion import kernels
from costmodel.pricing.memory.fused import Fused
from costmodel.pricing.memory.liveness import held, lifetimes
from costmodel.pricing.receptive import ReceptiveField, receptive_field_of, receptive_fields
from costmodel.pricing.table import Totals
from costmodel.pricing.training import require_gradients, steps
from costmodel.tensor import Tensor
from costmodel.units import DTYPES

COUNTED = tuple((m.name, m.counted == "image") for m in MEASURES.values() if m.counted)
"""The figures of an operator's cost, and whether each is for one image."""


def _ruled() -> tuple[tuple[Measure[Any], ...], tuple[Measure[Any], ...]]:
    """Return the measures of a layer that have a rule: those that follow from its cost alone, and the rest."""
    known = {"batch", "itemsize", *(name for name, _ in COUNTED)}
    of_costs, of_rows = [], []
    for measure in (MEASURES[name] for name in names(rows=True) if MEASURES[name].rule):
        if known.issuperset(measure.reads):
            of_costs.append(measure)
            known.add(measure.name)
        else:
            of_rows.append(measure)
    return tuple(of_costs), tuple(of_rows)


OF_COSTS, OF_ROWS = _ruled()
SUMS = tuple(
    name for name in names(("", "training"), rows=True) if MEASURES[name].adds == "sum" and not MEASURES[name].rule
)
"""What is added up; what has a rule follows from the sums."""


Counted: TypeAlias = tuple[dict[str, Any], Number, Number, Number, bool]


class Typed(Protocol):
    """What has numbers of a dtype."""

    @property
    def title(self) -> str:
        """What people call it."""

    @property
    def dtype(self) -> str:
        """The dtype."""


def dtype_of(graph: Typed, asked: str | None) -> str:
    """Return the dtype that a network is priced at: the one asked for, else its own.

    Raises:
        CostModelError: if there is no such dtype.
    """
    if asked is None and graph.dtype not in DTYPES:
        raise CostModelError(
            f"{graph.title}: its numbers are of type {graph.dtype}, which is not priced; "
            f"ask for it at one of {', '.join(DTYPES)} (--dtype)"
        )
    dtype = graph.dtype if asked is None else asked
    if dtype not in DTYPES:
        raise CostModelError(f"unknown dtype {dtype!r}; {known_or_suggest(str(dtype), DTYPES)}")
    return dtype


class Walk:
    """One walk over the layers in order, which yields a row for each and adds up the sums on the way."""

    def __init__(self, graph: LayerGraph, batch: Number | None, dtype: str | None, training: bool) -> None:
        _require_graph(graph)
        asked, self.dtype = dtype is not None, dtype_of(graph, dtype)
        dtype = self.dtype
        if training:
            require_gradients(dtype)
        self.graph, self.batch, self.itemsize = graph, images(graph, batch), DTYPES[dtype]
        self.widths = Widths(self.itemsize, asked)
        self.training = training
        shapes = [*(tensor.shape for tensor in graph.inputs.values()), *(layer.shape for layer in graph.layers)]
        distinct = {id(shape): shape for shape in shapes}.values()  # layers of one question share their shape
        self.plain = all(is_plain(size) for shape in distinct for size in shape)
        self.single = self.plain and is_plain(self.batch)
        summed = [name for name in SUMS if training or not MEASURES[name].needs]
        if any(layer.stored for layer in graph.layers):
            summed.append("weight_bytes")
        self._sums: dict[str, Any] = dict.fromkeys(summed, 0)
        self._peaks: dict[str, Number] = {}
        self._peak_layer: str | None = None
        self._field: ReceptiveField | None = None
        self._costs: dict[Any, Counted] = {}
        self._products: dict[str, bool] = {}

    def rows(self) -> Iterator[dict[str, Any]]:
        graph = self.graph
        sizes = self._tensor_bytes()
        rooms = sizes | {path: self._room_of(path, sizes) for path in graph.lies}
        heads = kernels(graph)
        fused = Fused(graph, heads)
        live, in_kernels = held(lifetimes(graph), rooms), held(fused.lifetimes(), sizes)
        if graph.lies:
            seen_in = (graph.lies.get(layer.path, NOTHING_SEEN) for layer in graph.layers)
            live = [now + lies.besides(self.batch) for now, lies in zip(live, seen_in, strict=True)]
        self._find_peaks(live, in_kernels, sizes)
        seen = list(receptive_fields(graph)) if self.plain else [None] * len(graph)
        self._field = receptive_field_of(graph, seen)
        step = steps(graph) if self.training else [None] * len(graph)
        summed, sums = itemgetter(*self._sums), [*self._sums.values()]
        rules = [(m.name, m.rule, self._reader(m.reads)) for m in OF_ROWS if m.rule]
        last_of = {head: layer.path for head, layer in zip(heads, graph.layers, strict=True)}
        for layer, alive, at, head, field, back in zip(graph.layers, live, fused.runs, heads, seen, step, strict=True):
            row = self._row(layer, head, sizes, last_of)
            row["peak_live_bytes"] = alive
            row["peak_fused_bytes"] = in_kernels[at]
            for name, rule, reads in rules:
                row[name] = rule(*reads(row))
            row["receptive_field"], row["receptive_stride"] = field or (None, None)
            if back is not None:
                row["backward_mult_adds"] = row["mult_adds"] * back.backward_products
                own = (self.widths.saved(layer, saved, self.batch) for saved in back.own)
                row["trained_bytes"] = row["weight_bytes"] if layer.trainable else 0
                row["saved_bytes"] = sum((sizes[path] * share for path, share in back.saved), sum(own, 0))
            sums = list(map(add, sums, summed(row)))
            yield row
        self._sums = dict(zip(self._sums, sums, strict=True))

    def _row(
        self, layer: Layer, head: str | None, sizes: dict[str, Number], last_of: dict[str | None, str]
    ) -> dict[str, Any]:
        counts, read_bytes, kept_bytes, unfolded, self._products[layer.path] = self._counts(layer)
        op = layer.op
        moved = not op.view
        input_bytes = sum([sizes[name] for name in layer.inputs], kept_bytes) if moved else 0
        output_bytes = sizes[layer.path] if moved else 0
        fused_bytes = read_bytes + (input_bytes if head == layer.path else kept_bytes)
        if moved and last_of[head] == layer.path:
            fused_bytes = fused_bytes + output_bytes
        return {
            "path": layer.path,
            "op": op.name,
            "kind": op.kind(*layer.input_shapes),
            "inputs": layer.inputs,
            "input_shapes": layer.input_shapes,
            "output_shape": layer.shape,
            "kernel": head,
            "groups": op.splits(),
            **counts,
            "input_bytes": input_bytes,
            "output_bytes": output_bytes,
            "traffic_bytes": read_bytes + input_bytes + output_bytes,
            "fused_traffic_bytes": fused_bytes,
            "im2col_bytes": self.widths.cut(self.graph, layer, unfolded) * self._images_of(layer),
        }

    def _multiplies(self, layer: Layer) -> bool:
        return self._products[layer.path]

    def _images_of(self, layer: Layer) -> Number:
        """Return how often a layer's work is done: for each image, or once if it comes from sources alone."""
        return self.batch if layer.batched else 1

    def _counts(self, layer: Layer) -> Counted:
        """Return what follows from the operator's cost, asked for once for each distinct question, the bytes of
        weights that are read and those of what earlier steps kept, the numbers of its windows written out, and whether
        it multiplies by weights of its own.
        """
        if not self.plain:
            return self._counted(layer)
        weights = layer.shares is None, layer.tied, layer.stored, layer.beside
        key = (layer.op, layer.input_shapes, layer.batched, weights)
        counts = self._costs.get(key)
        if counts is None:
            counts = self._costs[key] = self._counted(layer)
        return counts

    def _counted(self, layer: Layer) -> Counted:
        op, shapes, images = layer.op, layer.input_shapes, self._images_of(layer)
        cost = op.price(*shapes)
        read_bytes = self.widths.read(layer, cost, images)
        if layer.shares is not None or layer.tied or layer.beside:
            cost = own_cost(layer)
        counts = {name: getattr(cost, name) * images if each else getattr(cost, name) for name, each in COUNTED}
        known = {**counts, "batch": self.batch, "itemsize": self.itemsize}
        for measure in OF_COSTS:
            counts[measure.name] = known[measure.name] = measure.of(known)
        if layer.stored:
            counts["weight_bytes"] = self.widths.weights(layer)
        kept_bytes = op.kept(*shapes) * images * self.itemsize
        return counts, read_bytes, kept_bytes, op.unfolded(*shapes), multiplies(layer)

    def _reader(self, wanted: tuple[str, ...]) -> Callable[[dict[str, Any]], Iterable[Any]]:
        """Return what takes a rule's arguments out of a row."""
        given = {"batch": self.batch, "itemsize": self.itemsize}
        if len(wanted) > 1 and given.keys().isdisjoint(wanted):
            return itemgetter(*wanted)
        return lambda row: [given[name] if name in given else row[name] for name in wanted]

    def _tensor_bytes(self) -> dict[str, Number]:
        """Return the bytes of every node's output for the whole batch."""
        tensors: dict[str, Tensor | Layer] = {**self.graph.inputs, **{layer.path: layer for layer in self.graph.layers}}
        return {path: self.widths.of(tensor, self.batch) for path, tensor in tensors.items()}

    def _room_of(self, path: str, sizes: dict[str, Number]) -> Number:
        """Return the bytes of the memory that a layer's tensor was seen to lie in, if it is its own."""
        layer, more = self.graph.layer(path), self.graph.lies[path].more
        return sizes[path] + self.widths.bytes(more, layer.dtype) * self._images_of(layer)

    def _find_peaks(self, live: list[Number], in_kernels: list[Number], sizes: dict[str, Number]) -> None:
        """Keep the most that is held, and as written the first layer that holds it."""
        given = sum(sizes[path] for path in self.graph.inputs)
        if self.single and live:
            peak = max(live)
            self._peak_layer = self.graph.layers[live.index(peak)].path
            self._peaks = {"peak_live_bytes": peak, "peak_fused_bytes": max(in_kernels)}
        else:
            self._peaks = {
                "peak_live_bytes": reduce(largest, live, given),
                "peak_fused_bytes": reduce(largest, in_kernels, given),
            }

    def totals(self) -> Totals:
        values = {
            "layers": len(self.graph),
            "weighted_layers": depth(self.graph, self._multiplies),
            **self._sums,
            **self._peaks,
        }
        return Totals(
            completed(values, self.batch, self.itemsize, ("", "training") if self.training else ("",)),
            peak_layer=self._peak_layer,
            receptive_field=self._field and self._field.size,
            receptive_stride=self._field and self._field.stride,
        )


def _require_graph(graph: Any) -> None:
    """Raise a CostModelError that says what to do for what is not yet a network."""
    if not isinstance(graph, LayerGraph):
        named = repr(graph) if isinstance(graph, str) else "..."
        raise CostModelError(f"a {type(graph).__name__} is no network; load it first: price(load({named}))")


def images(graph: LayerGraph, batch: Any) -> Number:
    """Return how many images are priced at once: as many as asked for, else as the network says itself.

    Raises:
        CostModelError: if the batch (or an element of it) is no whole number of at least 1, or the network can be
            priced at its own alone.
    """
    found = whole(graph.batch if batch is None else batch) if batch is None or is_number(batch) else None
    if found is None or not holds(found >= 1):
        raise CostModelError(f"batch is {batch!r}; it is a whole number of at least 1")
    if graph.whole and not holds((found >= graph.batch) & (found <= graph.batch)):
        raise CostModelError(f"{graph.title}: no other batch can be asked for: {graph.whole}")
    return guarded(found)
