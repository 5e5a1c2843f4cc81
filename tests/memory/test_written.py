"""Memory as written: the plan is the liveness of the cost table, tensor by tensor."""

from __future__ import annotations

from graphs import graphs, network
from hypothesis import given, settings
from hypothesis import strategies as st

import costmodel as cm
from costmodel.graph import LayerGraph
from costmodel.pricing.memory import written


@settings(max_examples=100, deadline=None)
@given(graphs(), st.integers(1, 5))
def test_what_is_held_while_a_layer_runs_is_what_the_table_says(graph: LayerGraph, batch: int) -> None:
    plan, table = written.plan(graph, batch, None), cm.price(graph, batch)
    assert list(plan.held) == table.values("peak_live_bytes")
    assert plan.bytes == table.totals.peak_live_bytes
    if plan.moments:
        assert plan.moments[plan.peak].path == table.totals.peak_layer
        assert sum(block.bytes for block in plan.alive(plan.peak)) == plan.bytes


def test_blocks_are_the_tensors_by_name() -> None:
    graph = network(
        (2, 4, 4), ("a", "conv", "input", {"out_channels": 4, "kernel_size": 1}), ("b", "relu", "a"),
        ("c", "add", ["b", "a"]), ("d", "flatten", "c"),
    )  # fmt: skip
    held = {
        block.path: (block.first, block.last, block.bytes, block.what) for block in written.plan(graph, 2, None).blocks
    }
    assert held == {
        "input": (0, 0, 2 * 4 * 32, "input"),
        "a": (0, 2, 2 * 4 * 64, "activations"),
        "b": (1, 2, 2 * 4 * 64, "activations"),
        "c": (2, 3, 2 * 4 * 64, "activations"),
    }
