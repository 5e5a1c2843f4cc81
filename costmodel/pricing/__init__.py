"""What a network costs: one row a layer, and the sums. Sizes become bytes here, once for all operators."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from costmodel.graph import LayerGraph
from costmodel.measures import names
from costmodel.numbers.arithmetic import Number
from costmodel.pricing.multiplied import by_width
from costmodel.pricing.table import COLUMNS, CostTable, Totals
from costmodel.pricing.walk import Walk

STEP = names(("training",), rows=True)
"""The columns of a table that is priced for training, besides."""

__all__ = ["CostTable", "Totals", "price", "rows", "totals"]


def price(
    graph: LayerGraph,
    batch: Number | None = None,
    dtype: str | None = None,
    *,
    in_place: bool = False,
    training: bool = False,
) -> CostTable:
    """Return what every layer costs, for `batch` images at `dtype`.

    Args:
        graph: the network.
        batch: images at once; by default as the network says itself, which is 1 but for files that fix it. Weights are
            counted, stored and moved once a batch.
        dtype: of weights and activations: float32, float16, bfloat16 or int8; by default the network's own.
        in_place: let activations overwrite their input where nothing else needs it.
        training: add the columns and totals of a training step (forward and backward).

    Raises:
        CostModelError: if the batch or the dtype cannot be.
    """
    walk = Walk(graph, batch, dtype, in_place, training)
    rows = list(walk.rows())
    columns = {name: [row[name] for row in rows] for name in (*COLUMNS, *(STEP if training else ()))}
    return CostTable(
        name=graph.name,
        title=graph.title,
        source=graph.source,
        parameters=graph.parameters,
        input_shape=graph.input_shape,
        outputs=graph.outputs,
        batch=walk.batch,
        dtype=walk.dtype,
        columns=columns,
        totals=walk.totals(),
        file=graph.file,
        notes=tuple(graph.notes),
        inputs=graph.inputs,
        unpriced=graph.unpriced,
        read=graph.read,
        widths=by_width(graph, walk.dtype, walk.widths.asked, rows),
    )


def totals(
    graph: LayerGraph,
    batch: Number | None = None,
    dtype: str | None = None,
    *,
    in_place: bool = False,
    training: bool = False,
) -> Totals:
    """Return the sums alone, without keeping the rows: for a million networks at once, whose sizes are NumPy arrays, or
    for formulas of SymPy symbols.

    Raises:
        CostModelError: if the batch or the dtype cannot be.
    """
    walk = Walk(graph, batch, dtype, in_place, training)
    for _ in walk.rows():
        pass
    return walk.totals()


def rows(graph: LayerGraph, batch: Number | None = None, dtype: str | None = None) -> Iterator[dict[str, Any]]:
    """Yield the rows of the cost table one by one, keeping none: for sums of a million networks at once.

    Raises:
        CostModelError: if the batch or the dtype cannot be.
    """
    yield from Walk(graph, batch, dtype, False, False).rows()
