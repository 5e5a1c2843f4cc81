"""Weights stored at widths of their own: what they come to in bytes, in tables and in sums."""

from __future__ import annotations

from typing import Any

import pytest
from graphs import graphs
from hypothesis import given, settings
from hypothesis import strategies as st

import costmodel as cm
from costmodel.graph import LayerGraph
from costmodel.ops import OPERATORS
from costmodel.pricing.sums import sums
from costmodel.tensor import Tensor

STORED = ["int8", "uint8", "int4", "float16", "int32"]


def stored_as(graph: LayerGraph, draw: Any) -> LayerGraph:
    """Return the same network, some of its arrays stored in other dtypes, with scales beside them."""
    found = LayerGraph(graph.name, graph.inputs)
    for layer in graph.layers:
        names = layer.op.weights(*layer.input_shapes)
        stored = tuple((name, draw(st.sampled_from(STORED))) for name in names if draw(st.booleans()))
        beside = draw(st.integers(0, 3)) if names else 0
        more = {"shares": layer.shares, "trainable": layer.trainable, "stored": stored, "beside": beside}
        found.add(layer.path, layer.op, layer.inputs, **more)
    return found


@settings(max_examples=60, deadline=None)
@given(graphs(), st.data())
def test_sums_are_those_of_the_table_whatever_width_weights_are_stored_at(
    graph: LayerGraph, data: st.DataObject
) -> None:
    kept = stored_as(graph, data.draw)
    for dtype in (None, "float16"):
        table = cm.price(kept, 3, dtype)
        assert sums(kept, 3, dtype) == dict(table.totals.values)
        assert sum(table.values("weight_bytes")) == table.totals.weight_bytes
        assert sum(group["weight_bytes"] for group in table.by("kind")) == table.totals.weight_bytes


def linear(**stored: str) -> LayerGraph:
    """Return a layer of 5 x 3 weights and 5 biases, its arrays stored so."""
    graph = LayerGraph("one", (3,))
    graph.add(
        "fc", OPERATORS["linear"](out_features=5), ("input",), stored=tuple(stored.items()), beside=2 * len(stored)
    )
    return graph


@pytest.mark.parametrize(
    ("stored", "dtype", "weights", "buffers"),
    [
        ({}, None, 4 * 20, 0),
        ({"weight": "int8", "bias": "int32"}, None, 15 + 4 * 5, 4),
        ({"weight": "int4"}, None, 8 + 4 * 5, 2),  # 15 numbers of half a byte fill eight
        ({"weight": "uint2"}, None, 4 + 4 * 5, 2),
        ({"weight": "float16"}, None, 2 * 15 + 4 * 5, 2),
        ({"weight": "int8"}, "float16", 15 + 2 * 5, 2),
        ({"weight": "float16"}, "float32", 4 * 20, 2),  # who asks for a dtype asks for it for all real numbers
    ],
)
def test_weights_take_the_bytes_that_they_are_stored_in(stored: Any, dtype: Any, weights: int, buffers: int) -> None:
    totals = cm.price(linear(**stored), 2, dtype).totals
    assert totals.weight_bytes == weights
    assert totals.buffers == buffers
    own = 2 if dtype == "float16" else 4
    assert totals.traffic_bytes == weights + 2 * own * (3 + 5)


def test_layers_alike_but_for_the_width_of_their_weights_are_not_taken_for_one() -> None:
    graph = LayerGraph("two", (4,))
    for name, kind in (("a", "int8"), ("b", "int4"), ("c", "int4")):
        graph.add(name, OPERATORS["linear"](out_features=4, bias=False), ("input",), stored=(("weight", kind),))
    assert sums(graph)["weight_bytes"] == cm.price(graph).totals.weight_bytes == 16 + 8 + 8


def test_tensors_take_the_bytes_of_their_own_dtype() -> None:
    graph = LayerGraph("one", {"x": Tensor((3,), "uint8")})
    graph.add("up", OPERATORS["dequantize"](), ("x",), gives=Tensor((3,), None))
    graph.add("half", OPERATORS["relu"](), ("up",), gives=Tensor((3,), "float16"))
    graph.add("packed", OPERATORS["relu"](), ("half",), gives=Tensor((3,), "int4"))
    assert cm.price(graph).values("output_bytes") == [12, 6, 2]
    assert cm.price(graph, dtype="float16").values("output_bytes") == [6, 6, 2]
    assert cm.price(graph, dtype="float32").values("output_bytes") == [12, 12, 2]
    assert cm.price(graph).values("input_bytes") == [3, 12, 6]
    assert sums(graph, 2) == dict(cm.price(graph, 2).totals.values)


def quantised(given: str | None, weights: str) -> LayerGraph:
    """Return a linear layer on what is real, whole or turned back from whole, its weights stored so, and a real one."""
    graph = LayerGraph("two", {"x": Tensor((3,), None if given is None else "int8")})
    last = "x"
    if given == "turned back":
        graph.add("up", OPERATORS["dequantize"](), ("x",), gives=Tensor((3,), None))
        last = "up"
    graph.add("narrow", OPERATORS["linear"](out_features=5), (last,), stored=(("weight", weights),), gives=Tensor((5,)))
    graph.add("wide", OPERATORS["linear"](out_features=2), ("narrow",))
    return graph


@pytest.mark.parametrize(
    ("given_as", "weights", "widths"),
    [
        ("turned back", "int8", {"int8": 15, "float32": 10}),
        ("whole", "uint8", {"int8": 15, "float32": 10}),
        (None, "int8", {}),  # narrow weights that meet real numbers are multiplied as such
        ("turned back", "float32", {}),
    ],
)
def test_mult_adds_are_told_by_what_is_multiplied(given_as: str | None, weights: str, widths: dict[str, int]) -> None:
    assert cm.price(quantised(given_as, weights)).widths == widths
