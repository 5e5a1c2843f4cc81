"""The order of execution that needs least: against all orders of small networks, and as it is priced."""

from __future__ import annotations

from collections.abc import Sequence

import networkx as nx
import pytest
from graphs import graphs, network
from hypothesis import given, settings
from hypothesis import strategies as st

import costmodel as cm
from costmodel.graph import LayerGraph
from costmodel.ops import OPERATORS
from costmodel.pricing.memory.order import least
from costmodel.tensor import Tensor

some = settings(max_examples=60, deadline=None)


def in_order(graph: LayerGraph, paths: Sequence[str]) -> LayerGraph:
    """The same network with its layers in another order."""
    other = LayerGraph(graph.name, graph.inputs)
    for path in paths:
        layer = graph.layer(path)
        other.add(path, layer.op, layer.inputs)
    for path in graph.outputs:
        other.mark_output(path)
    return other


def peak(graph: LayerGraph, paths: Sequence[str], batch: int = 1) -> int:
    return cm.price(in_order(graph, paths), batch).totals.peak_live_bytes


@some
@given(graph=graphs(most=6), batch=st.integers(1, 3))
def test_no_order_of_a_small_network_needs_less(graph: LayerGraph, batch: int) -> None:
    digraph = graph.digraph.subgraph([layer.path for layer in graph.layers])
    best = min(peak(graph, paths, batch) for paths in nx.all_topological_sorts(digraph))
    found = least(graph, batch)
    assert (found.bytes, found.exact) == (best, True)
    assert found.written == cm.price(graph, batch).totals.peak_live_bytes
    assert peak(graph, found.paths, batch) == best


@some
@given(graph=graphs(most=14), most=st.integers(0, 3))
def test_a_good_order_is_never_worse_than_the_one_written_nor_better_than_the_best(
    graph: LayerGraph, most: int
) -> None:
    good, best = least(graph, most=most), least(graph)
    assert best.exact
    assert best.bytes <= good.bytes <= good.written == best.written
    assert peak(graph, good.paths) == good.bytes
    assert good.bytes == best.bytes or not good.exact


def test_the_branch_that_grows_most_and_leaves_least_comes_first() -> None:
    """The narrow branch run first would hold its 8 numbers while the wide one runs."""
    wide, narrow = {"out_features": 32}, {"out_features": 8}
    graph = network(
        (2,), ("narrow", "linear", "input", narrow), ("wide", "linear", "input", wide),
        ("back", "linear", "wide", {"out_features": 8}), ("sum", "add", ["narrow", "back"]),
    )  # fmt: skip
    found = least(graph, dtype="int8")
    assert (found.written, found.bytes) == (8 + 32 + 8, 2 + 32 + 8)
    assert found.paths == ("wide", "back", "narrow", "sum")


@pytest.mark.parametrize(("unread", "written", "best"), [(0, 30, 22), (5, 35, 26)])
def test_what_shrinks_comes_before_what_stays_as_large(unread: int, written: int, best: int) -> None:
    """Two inputs of 10 numbers: one is mapped to 10, one to 1. What nothing reads goes after the first step."""
    inputs = {"p": Tensor((10,)), "q": Tensor((10,))}
    graph = LayerGraph("two", inputs | ({"unread": Tensor((unread,))} if unread else {}))
    graph.add("large", OPERATORS["tanh"](), ("p",))
    graph.add("small", OPERATORS["linear"](out_features=1), ("q",))
    graph.add("both", OPERATORS["concat"](), ("large", "small"))
    found = least(graph, dtype="int8")
    assert (found.written, found.bytes, found.paths) == (written, best, ("small", "large", "both"))


@pytest.mark.parametrize(("name", "share"), [("deeplabv3", 0.86), ("regnet_x_400mf", 0.75), ("resnext101_32x8d", 0.9)])
def test_networks_that_are_better_off_in_another_order(name: str, share: float) -> None:
    graph = cm.load(name)
    found = least(graph)
    assert found.exact
    assert found.bytes / found.written == pytest.approx(share, abs=0.005)
    assert peak(graph, found.paths) == found.bytes


def test_most_networks_are_written_in_the_best_order() -> None:
    for name in ("resnet50", "googlenet", "densenet121", "inception_v4", "unet"):
        found = least(cm.load(name))
        assert (found.bytes, found.exact) == (found.written, True), name
