"""How a runtime turns layers into kernels, as far as it shows in time, and the features of each kernel."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, TypeAlias

from costmodel.graph import LayerGraph
from costmodel.latency.blocked import Blocks, Wiring
from costmodel.latency.features import Counts, LayerCosts, computes, spilled_bytes, work_counts
from costmodel.numbers.arithmetic import Number
from costmodel.units import DTYPES

if TYPE_CHECKING:
    from costmodel.pricing.table import CostTable


Watch: TypeAlias = Callable[[LayerCosts], None]
"""Is told each row of a cost table, in order."""


@dataclass(frozen=True, slots=True)
class Lowering:
    """What a runtime does with layers.

    fuses: whether it computes norms and activations within the convolution before them. If not, every layer is a
    kernel of its own and moves its whole input and output.
    lanes: channels that its convolutions keep side by side in memory and compute at once; 1 if maps stay as they are.
    What follows from more is told in `costmodel.latency.blocked`.
    """

    fuses: bool = True
    lanes: int = 1


def table_kernels(table: CostTable, lowering: Lowering, watch: Watch | None = None) -> Iterator[tuple[str, Counts]]:
    """Yield what each layer of a table adds to its kernel: the path of the layer that heads the kernel, and the counts.

    Views take no time and are left out. `watch` is told each row first.
    """
    return _kernels(rows_of(table), _wiring(table), table.batch, table.dtype, lowering, watch)


def rows_of(table: CostTable) -> Iterator[LayerCosts]:
    """Yield what is read of each row of a cost table."""
    columns = (table.columns[name] for name in LayerCosts._fields)
    return map(LayerCosts._make, zip(*columns, strict=True))


def _wiring(table: CostTable) -> Wiring:
    return Wiring(zip(*(table.columns[name] for name in ("path", "op", "inputs")), strict=True), table.outputs)


def kernel_heads(table: CostTable, lowering: Lowering) -> dict[str, str]:
    """Return by each layer's path that of the layer that heads its kernel; views have none."""
    rows = list(rows_of(table))
    if lowering.lanes > 1:
        blocks = Blocks(_wiring(table), table.batch, DTYPES[table.dtype], lowering.lanes)
        deque(blocks.kernels(rows), 0)
        return blocks.head
    return {row.path: row.kernel if lowering.fuses else row.path for row in rows if row.kernel is not None}


def graph_kernels(
    graph: LayerGraph, batch: Number, dtype: str, lowering: Lowering, watch: Watch | None = None
) -> Iterator[tuple[str, Counts]]:
    """Yield the same from a network, without keeping rows."""
    from costmodel.pricing import rows

    streamed = map(LayerCosts._make, map(itemgetter(*LayerCosts._fields), rows(graph, batch, dtype)))
    wires = ((layer.path, layer.op.name, layer.inputs) for layer in graph.layers)
    return _kernels(streamed, Wiring(wires, graph.outputs), batch, dtype, lowering, watch)


def _kernels(
    rows: Iterable[LayerCosts],
    wiring: Wiring,
    batch: Number,
    dtype: str,
    lowering: Lowering,
    watch: Watch | None,
) -> Iterator[tuple[str, Counts]]:
    if watch is not None:
        rows = _watched(rows, watch)
    if lowering.lanes > 1:
        return Blocks(wiring, batch, DTYPES[dtype], lowering.lanes).kernels(rows)
    return _plain_kernels(rows, batch, lowering.fuses)


def _watched(rows: Iterable[LayerCosts], watch: Watch) -> Iterator[LayerCosts]:
    for row in rows:
        watch(row)
        yield row


def _plain_kernels(rows: Iterable[LayerCosts], batch: Number, fuses: bool) -> Iterator[tuple[str, Counts]]:
    products: dict[str, bool] = {}
    for row in rows:
        if row.kernel is None:
            continue
        head = row.kernel if fuses else row.path
        counts = work_counts(row, batch)
        if head == row.path:
            products[head] = computes(row)
            counts["kernels"] = 1
            if products[head]:
                counts["spilled_bytes"] = spilled_bytes(row)
        moved = row.fused_traffic_bytes - row.weights_read if fuses else row.input_bytes + row.output_bytes
        counts["compute_bytes" if products[head] else "memory_bytes"] = moved
        yield head, counts
