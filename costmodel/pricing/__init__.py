"""What a network costs: one row a layer, and the sums. Sizes become bytes here, once for all operators."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from costmodel.graph import LayerGraph
from costmodel.measures import names
from costmodel.numbers.arithmetic import Number, same
from costmodel.pricing.memory.asked import NO_LEVELS, Levels, Runtime, Training, levels_of
from costmodel.pricing.memory.frozen import with_frozen
from costmodel.pricing.multiplied import by_width
from costmodel.pricing.table import COLUMNS, CostTable, Totals
from costmodel.pricing.walk import Walk

if TYPE_CHECKING:
    from costmodel.pricing.memory.plan import Plan

STEP = names(("training",), rows=True)
"""The columns of a table that is priced for training, besides."""

__all__ = ["CostTable", "Totals", "price", "rows", "totals"]


def price(
    graph: LayerGraph,
    batch: Number | None = None,
    dtype: str | None = None,
    *,
    training: bool | str | Training = False,
    memory: str | Runtime | None = None,
) -> CostTable:
    """Return what every layer costs, for `batch` images at `dtype`.

    Args:
        graph: the network.
        batch: images at once; by default as the network says itself, which is 1 but for files that fix it. Weights are
            counted, stored and moved once a batch.
        dtype: of weights and activations: float32, float16, bfloat16 or int8; by default the network's own.
        training: add the columns and totals of a training step (forward and backward), and walk it: an optimizer or
            `Training` says how it trains, with Adam by default. Layers that it freezes are not trained.
        memory: whose plan of memory is added: "onnxruntime", "tflm", or a `Runtime`.

    Raises:
        CostModelError: if the batch or the dtype cannot be, or there is no such runtime.
    """
    levels = levels_of(memory, training)
    graph = with_frozen(graph, levels)
    walk = Walk(graph, batch, dtype, levels.training is not None)
    rows = list(walk.rows())
    totals, plans = _planned(graph, walk, levels)
    columns = {name: [row[name] for row in rows] for name in (*COLUMNS, *(STEP if walk.training else ()))}
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
        totals=totals,
        plans=plans,
        file=graph.file,
        notes=(*graph.notes, *([] if same(walk.batch, graph.batch) or not graph.unseen else [graph.unseen])),
        inputs=graph.inputs,
        unpriced=graph.unpriced,
        read=graph.read,
        widths=by_width(graph, walk.dtype, walk.widths.asked, rows),
        frozen=sum((row["params"] for row, layer in zip(rows, graph.layers, strict=True) if not layer.trainable), 0),
    )


def _planned(graph: LayerGraph, walk: Walk, levels: Levels) -> tuple[Totals, tuple[Plan, ...]]:
    """Return the totals of a walk with those of the plans that are asked for, and the plans."""
    totals = walk.totals()
    if levels == NO_LEVELS or not walk.single:
        return totals, ()
    from costmodel.pricing.memory.planned import figures, plans

    found = tuple(plans(graph, walk.batch, walk.dtype, levels))
    for plan in found:
        more = figures(plan)
        again = more.get(Totals.recomputed_mult_adds.name)
        if again:
            more[Totals.step_mult_adds.name] = totals.step_mult_adds + again
        totals = totals.adding(more)
    return totals, found


def totals(
    graph: LayerGraph,
    batch: Number | None = None,
    dtype: str | None = None,
    *,
    training: bool = False,
) -> Totals:
    """Return the sums alone, without keeping the rows: for a million networks at once, whose sizes are NumPy arrays, or
    for formulas of SymPy symbols.

    Raises:
        CostModelError: if the batch or the dtype cannot be.
    """
    walk = Walk(graph, batch, dtype, training)
    for _ in walk.rows():
        pass
    return walk.totals()


def rows(graph: LayerGraph, batch: Number | None = None, dtype: str | None = None) -> Iterator[dict[str, Any]]:
    """Yield the rows of the cost table one by one, keeping none: for sums of a million networks at once.

    Raises:
        CostModelError: if the batch or the dtype cannot be.
    """
    yield from Walk(graph, batch, dtype, False).rows()
