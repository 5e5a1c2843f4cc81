"""One walk over a network's layers in order: a row of the cost table for each, and the sums."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from costmodel.errors import CostModelError, known_or_suggest
from costmodel.graph import Layer, LayerGraph
from costmodel.numbers.arithmetic import Number, guarded, holds, is_number, is_plain, largest, product, whole
from costmodel.ops.base import Cost
from costmodel.pricing.elements import element_bytes
from costmodel.pricing.fusion import kernels
from costmodel.pricing.liveness import lifetimes
from costmodel.pricing.receptive import View, view_of, views
from costmodel.pricing.table import SUMS, TRAINING, Totals
from costmodel.pricing.training import optimizer_params, steps
from costmodel.units import DTYPES, FLOPS_PER_MULT_ADD, TRAINED


def dtype_of(graph: LayerGraph, asked: str | None) -> str:
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

    def __init__(self, graph: LayerGraph, batch: Number, dtype: str | None, in_place: bool, training: bool) -> None:
        _require_graph(graph)
        self.dtype = dtype = dtype_of(graph, dtype)
        if training and dtype not in TRAINED:
            raise CostModelError(f"{dtype} has no gradients to train with; train at {', '.join(TRAINED)}")
        self.graph, self.batch, self.itemsize = graph, _images(batch), DTYPES[dtype]
        self.in_place, self.training = in_place, training
        self.plain = all(map(is_plain, graph.input_shape)) and all(
            is_plain(size) for layer in graph.layers for size in layer.shape
        )
        self._sums: dict[str, Any] = {}
        self._live: Number = 0
        self._peak: Number = 0
        self._peak_layer: str | None = None
        self._view: View | None = None
        self._costs: dict[Any, Cost] = {}

    def rows(self) -> Iterator[dict[str, Any]]:
        graph = self.graph
        bytes_of = self._tensor_bytes()
        alive = lifetimes(graph, self.in_place)
        self._live = self._peak = sum(bytes_of[path] for path in alive.first)
        seen = list(views(graph)) if self.plain else [None] * len(graph)
        self._view = view_of(graph, seen)
        step = steps(graph) if self.training else [None] * len(graph)
        heads = kernels(graph)
        last_of = {head: layer.path for head, layer in zip(heads, graph.layers, strict=True)}
        for layer, (new, freed), head, view, back in zip(graph.layers, alive, heads, seen, step, strict=True):
            row = self._row(layer, head, bytes_of, last_of)
            if new is not None:
                self._live = self._live + bytes_of[new]
            self._raise_peak(layer.path)
            row["live_bytes"] = self._live
            row["arithmetic_intensity"] = self._intensity(row)
            row["receptive_field"], row["receptive_stride"] = view or (None, None)
            if back is not None:
                row["backward_mult_adds"] = row["mult_adds"] * back.backward_products
                besides = product(layer.shape) * self.batch * back.besides if back.besides else 0
                row["saved_bytes"] = sum((bytes_of[path] for path in back.saved), besides)
                self._add(row, TRAINING)
            self._add(row, SUMS)
            for path in freed:
                self._live = self._live - bytes_of[path]
            yield row

    def _row(
        self, layer: Layer, head: str | None, bytes_of: dict[str, Number], last_of: dict[str | None, str]
    ) -> dict[str, Any]:
        cost = self._price(layer)
        op, batch = layer.op, self.batch
        moved = not op.view
        weight_bytes = cost.params * self.itemsize
        input_bytes = sum(bytes_of[name] for name in layer.inputs) if moved else 0
        output_bytes = bytes_of[layer.path] if moved else 0
        fused_bytes = weight_bytes + (input_bytes if head == layer.path else 0)
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
            "params": cost.params,
            "matrix_params": cost.matrix_params,
            "buffers": cost.buffers,
            "mult_adds": cost.mult_adds * batch,
            "other_ops": cost.other_ops * batch,
            "weight_bytes": weight_bytes,
            "input_bytes": input_bytes,
            "output_bytes": output_bytes,
            "traffic_bytes": weight_bytes + input_bytes + output_bytes,
            "fused_bytes": fused_bytes,
        }

    def _price(self, layer: Layer) -> Cost:
        """Ask the operator for its cost, once for each distinct question."""
        if not self.plain:
            return layer.op.price(*layer.input_shapes)
        key = (layer.op, layer.input_shapes)
        cost = self._costs.get(key)
        if cost is None:
            cost = self._costs[key] = layer.op.price(*layer.input_shapes)
        return cost

    def _tensor_bytes(self) -> dict[str, Number]:
        """Return the bytes of every node's output for the whole batch."""
        sizes = element_bytes(self.graph, self.itemsize)
        return {path: product(self.graph.shape(path)) * (size * self.batch) for path, size in sizes.items()}

    def _raise_peak(self, path: str) -> None:
        if is_plain(self._live) and is_plain(self._peak):
            if self._peak_layer is None or self._live > self._peak:
                self._peak, self._peak_layer = self._live, path
        else:
            self._peak = largest(self._peak, self._live)

    def _intensity(self, row: dict[str, Any]) -> Number:
        flops = FLOPS_PER_MULT_ADD * row["mult_adds"] + row["other_ops"]
        traffic = row["traffic_bytes"]
        return flops / traffic if not is_plain(traffic) or traffic else 0.0

    def _add(self, row: dict[str, Any], names: tuple[str, ...]) -> None:
        for name in names:
            self._sums[name] = self._sums.get(name, 0) + row[name]

    def totals(self) -> Totals:
        sums = dict.fromkeys(SUMS, 0) | self._sums
        step = self._step(sums) if self.training else None
        return Totals(
            layers=len(self.graph),
            **{name: sums[name] for name in SUMS if name != "fused_bytes"},
            fused_traffic_bytes=sums["fused_bytes"],
            peak_live_bytes=self._peak,
            peak_layer=self._peak_layer,
            arithmetic_intensity=self._intensity(sums),
            receptive_field=self._view and self._view.field,
            receptive_stride=self._view and self._view.stride,
            training=step,
        )

    def _step(self, sums: dict[str, Any]) -> dict[str, Any]:
        backward = sums.get("backward_mult_adds", 0)
        state = {f"{name}_bytes": count * self.itemsize for name, count in optimizer_params(sums["params"]).items()}
        return {
            "backward_mult_adds": backward,
            "step_mult_adds": sums["mult_adds"] + backward,
            "saved_bytes": sums.get("saved_bytes", 0),
            "gradient_bytes": sums["weight_bytes"],
            **state,
        }


def _require_graph(graph: Any) -> None:
    """Raise a CostModelError that says what to do for what is not yet a network."""
    if not isinstance(graph, LayerGraph):
        named = repr(graph) if isinstance(graph, str) else "..."
        raise CostModelError(f"a {type(graph).__name__} is no network; load it first: price(load({named}))")


def _images(batch: Any) -> Number:
    """Return `batch` as a whole number.

    Raises:
        CostModelError: if it (or an element of it) is none, or less than 1.
    """
    images = whole(batch) if is_number(batch) else None
    if images is None or not holds(images >= 1):
        raise CostModelError(f"batch is {batch!r}; it is a whole number of at least 1")
    return guarded(images)
