"""What a network costs: one row a layer, and the sums. Sizes become bytes here, once for all operators."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from costmodel.errors import CostModelError, known_or_suggest
from costmodel.formula import Number, holds, is_plain, largest, product, whole
from costmodel.graph import INPUT, Layer, LayerGraph
from costmodel.ops.base import Cost
from costmodel.pricing.fusion import kernels
from costmodel.pricing.liveness import lifetimes
from costmodel.pricing.receptive import View, view_of, views
from costmodel.pricing.table import COLUMNS, SUMS, TRAINING, CostTable, Totals
from costmodel.pricing.training import optimizer_params, steps
from costmodel.units import DTYPES, FLOPS_PER_MULT_ADD

__all__ = ["CostTable", "Totals", "price", "rows", "totals"]


def price(
    graph: LayerGraph, batch: Number = 1, dtype: str = "float32", *, in_place: bool = False, training: bool = False
) -> CostTable:
    """Return what every layer costs, for `batch` images at `dtype`.

    Args:
        graph: the network.
        batch: images at once. Weights are counted, stored and moved once a batch.
        dtype: of weights and activations: float32, float16, bfloat16 or int8.
        in_place: let activations overwrite their input where nothing else needs it.
        training: add the columns and totals of a training step (forward and backward).

    Raises:
        CostModelError: if the batch or the dtype cannot be.
    """
    walk = _Walk(graph, batch, dtype, in_place, training)
    rows = list(walk.rows())
    columns = {name: [row[name] for row in rows] for name in (*COLUMNS, *(TRAINING if training else ()))}
    return CostTable(
        name=graph.name,
        title=graph.title,
        source=graph.source,
        parameters=graph.parameters,
        input_shape=graph.input_shape,
        batch=walk.batch,
        dtype=dtype,
        columns=columns,
        totals=walk.totals(),
    )


def totals(
    graph: LayerGraph, batch: Number = 1, dtype: str = "float32", *, in_place: bool = False, training: bool = False
) -> Totals:
    """Return the sums alone, without keeping the rows: for a million networks at once, whose sizes are NumPy arrays, or
    for formulas of SymPy symbols.

    Raises:
        CostModelError: if the batch or the dtype cannot be.
    """
    walk = _Walk(graph, batch, dtype, in_place, training)
    for _ in walk.rows():
        pass
    return walk.totals()


def rows(graph: LayerGraph, batch: Number = 1, dtype: str = "float32") -> Iterator[dict[str, Any]]:
    """Yield the rows of the cost table one by one, keeping none: for sums of a million networks at once.

    Raises:
        CostModelError: if the batch or the dtype cannot be.
    """
    yield from _Walk(graph, batch, dtype, False, False).rows()


class _Walk:
    """One walk over the layers in order, which yields a row for each and adds up the sums on the way."""

    def __init__(self, graph: LayerGraph, batch: Number, dtype: str, in_place: bool, training: bool) -> None:
        if dtype not in DTYPES:
            raise CostModelError(f"unknown dtype {dtype!r}; {known_or_suggest(dtype, DTYPES)}")
        images = whole(batch)
        if images is None or not holds(images >= 1):
            raise CostModelError(f"batch is {batch}; it is a whole number of at least 1")
        self.graph, self.batch, self.itemsize = graph, images, DTYPES[dtype]
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
        self._elements: dict[Any, Number] = {}

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
                mask = product(layer.shape) * self.batch if back.mask else 0
                row["saved_bytes"] = sum((bytes_of[path] for path in back.saved), mask)
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
        size_of = {INPUT: self.itemsize}
        result = {INPUT: product(self.graph.input_shape) * (self.itemsize * self.batch)}
        for layer in self.graph.layers:
            unchanged = size_of[layer.inputs[0]] if layer.op.view else self.itemsize
            size = size_of[layer.path] = layer.op.output_bytes or unchanged
            result[layer.path] = product(layer.shape) * (size * self.batch)
        return result

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
