"""The graph: order, wiring and shapes."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from graphs import graphs, network
from hypothesis import given, settings

from costmodel.errors import ShapeError
from costmodel.graph import INPUT, LayerGraph
from costmodel.ops import OPERATORS

CONV, RELU, ADD = OPERATORS["conv"], OPERATORS["relu"], OPERATORS["add"]


@settings(max_examples=40, deadline=None)
@given(graph=graphs())
def test_layers_stand_in_an_order_in_which_they_can_run(graph: LayerGraph) -> None:
    known = {INPUT}
    for layer in graph.layers:
        assert known.issuperset(layer.inputs)
        assert layer.input_shapes == tuple(graph.shape(name) for name in layer.inputs)
        assert graph.shape(layer.path) == layer.shape == layer.op.shape(*layer.input_shapes)
        assert graph.layer(layer.path) is layer
        known.add(layer.path)
    assert nx.is_directed_acyclic_graph(graph.digraph)
    assert set(graph.digraph) == known
    assert set(graph.digraph.edges) == {(name, layer.path) for layer in graph.layers for name in layer.inputs}


def test_a_layer_may_read_one_tensor_twice() -> None:
    graph = network((2, 4, 4), ("a", "relu", "input"), ("b", "add", ["a", "a"]))
    assert graph.layer("b").inputs == ("a", "a")
    assert list(graph.digraph.edges) == [("input", "a"), ("a", "b")]


def test_outputs_are_the_marked_layers_and_the_last() -> None:
    lines = [("a", "relu", "input"), ("b", "relu", "a"), ("c", "relu", "a")]
    assert network((2, 4, 4), *lines).outputs == ("c",)
    assert network((2, 4, 4), *lines, outputs=("a",)).outputs == ("a", "c")
    assert network((2, 4, 4), *lines, outputs=("c", "b")).outputs == ("c", "b")
    assert LayerGraph("empty", (2, 4, 4)).outputs == (INPUT,)


def test_one_question_is_asked_of_an_operator_once_and_answered_for_each_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    rule = CONV.shape
    monkeypatch.setattr(CONV, "shape", lambda self, x: asked.append(x) or rule(self, x))
    graph = LayerGraph("twins", (4, 8, 8))
    for path, reads in [("a", "input"), ("b", "a"), ("c", "b")]:
        graph.add(path, CONV(out_channels=4, kernel_size=3), (reads,))
    graph.add("d", CONV(out_channels=4, kernel_size=3), ("input",))
    assert asked == [(4, 8, 8), (4, 6, 6), (4, 4, 4)]
    assert graph.shape("d") == (4, 6, 6)


def test_array_sizes_are_inferred_together() -> None:
    graph = LayerGraph("many", (3, np.array([8, 32]), np.array([8, 16])))
    layer = graph.add("a", CONV(out_channels=4, kernel_size=3, stride=2), ("input",))
    assert layer.shape[0] == 4
    assert layer.shape[1].tolist() == [3, 15]
    assert layer.shape[2].tolist() == [3, 7]


def test_what_cannot_be_added_is_refused_and_leaves_the_graph_as_it_was() -> None:
    graph = network((3, 8, 8), ("a", "relu", "input"))
    with pytest.raises(ValueError, match="there is a layer 'a' already"):
        graph.add("a", RELU(), ("input",))
    with pytest.raises(ValueError, match="there is a layer 'input' already"):
        graph.add("input", RELU(), ("a",))
    with pytest.raises(ValueError, match="b reads 'c', which is not above it"):
        graph.add("b", RELU(), ("c",))
    with pytest.raises(ShapeError, match="add takes two or more inputs, but reads 1"):
        graph.add("b", ADD(), ("a",))
    with pytest.raises(ShapeError, match="relu takes 1 input, but reads 2"):
        graph.add("b", RELU(), ("a", "a"))
    with pytest.raises(ShapeError, match="window of 9x9 is larger"):
        graph.add("b", CONV(out_channels=1, kernel_size=9), ("a",))
    with pytest.raises(KeyError):
        graph.layer("b")
    with pytest.raises(KeyError):
        graph.layer("input")
    assert len(graph) == 1
    assert set(graph.digraph) == {"input", "a"}
