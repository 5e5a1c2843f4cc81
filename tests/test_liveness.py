"""Which tensors are alive while each layer runs: by hand, against a reference, and by computing in them alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from graphs import graphs, network
from hypothesis import given, settings
from hypothesis import strategies as st

import costmodel as cm
from costmodel.execute import random_images, run
from costmodel.graph import INPUT, Layer, LayerGraph
from costmodel.pricing.memory.liveness import lifetimes, storages
from costmodel.weights import RandomWeights

CHAIN = [
    ("conv", "conv", "input", {"out_channels": 8, "kernel_size": 3, "padding": 1, "bias": False}),
    ("bn", "batch_norm", "conv"),
    ("relu", "relu", "bn"),
]
many = settings(max_examples=150, deadline=None)


def live(graph: LayerGraph, **options: bool) -> dict[str, int]:
    """Numbers alive while each layer runs, one byte each."""
    table = cm.price(graph, dtype="int8", **options)
    return dict(zip(table.values("path"), table.values("peak_live_bytes"), strict=True))


def test_a_chain_holds_what_a_layer_reads_and_writes() -> None:
    graph = network((2, 4, 4), *CHAIN)
    assert live(graph) == {"conv": 32 + 128, "bn": 128 + 128, "relu": 128 + 128}
    assert live(graph, in_place=True) == {"conv": 32 + 128, "bn": 128, "relu": 128}


def test_a_residual_branch_holds_the_shortcut_until_it_is_added() -> None:
    lines = [("in", "relu", "input"), *[(p, op, "in" if p == "conv" else r, *f) for p, op, r, *f in CHAIN]]
    graph = network((8, 4, 4), *lines, ("add", "add", ["relu", "in"]), ("out", "relu", "add"))
    assert live(graph) == {"in": 256, "conv": 256, "bn": 384, "relu": 384, "add": 384, "out": 256}
    # The first relu may not overwrite the image; bn and both relus may overwrite theirs, the shortcut stays.
    assert live(graph, in_place=True) == {"in": 256, "conv": 256, "bn": 256, "relu": 256, "add": 384, "out": 128}


def test_what_an_activation_reads_is_kept_where_it_is_read_again_or_returned() -> None:
    lines = [("a", "conv", "input", {"out_channels": 1}), ("b", "relu", "a"), ("c", "relu", "b")]
    assert live(network((1, 4, 4), *lines), in_place=True) == {"a": 32, "b": 16, "c": 16}
    assert live(network((1, 4, 4), *lines, outputs=("a",)), in_place=True) == {"a": 32, "b": 32, "c": 32}
    again = network((1, 4, 4), *lines, ("d", "add", ["c", "a"]))
    assert live(again, in_place=True) == {"a": 32, "b": 32, "c": 32, "d": 48}


def test_a_view_lives_in_the_tensor_that_it_renames() -> None:
    graph = network(
        (2, 4, 4), ("pool", "max_pool", "input", {"kernel_size": 2, "stride": 2}), ("flat", "flatten", "pool"),
        ("fc", "linear", "flat", {"out_features": 3}), ("again", "tanh", "pool"), ("relu", "relu", "flat"),
    )  # fmt: skip
    assert live(graph) == {"pool": 32 + 8, "flat": 8, "fc": 11, "again": 16, "relu": 16}
    # `again` may not overwrite what `flat` still shows; the last reader of `flat` may.
    assert live(graph, in_place=True) == {"pool": 40, "flat": 8, "fc": 11, "again": 16, "relu": 8}


def test_what_is_never_read_is_freed_and_what_is_returned_is_not() -> None:
    lines = [("dead", "tanh", "input"), ("a", "relu", "input"), ("b", "tanh", "a"), ("c", "tanh", "b")]
    assert live(network((1, 4, 4), *lines)) == {"dead": 32, "a": 32, "b": 32, "c": 32}
    assert live(network((1, 4, 4), *lines, outputs=("dead",))) == {"dead": 32, "a": 48, "b": 48, "c": 48}


def test_indices_take_eight_bytes_at_any_dtype() -> None:
    pool = {"kernel_size": 2, "stride": 2}
    graph = network(
        (2, 4, 4), ("down", "max_pool", "input", pool), ("where", "max_pool_indices", "input", pool),
        ("same", "identity", "where"), ("up", "max_unpool", ["down", "same"], pool),
    )  # fmt: skip
    table = cm.price(graph, dtype="float16")
    assert table.values("output_bytes") == [8 * 2, 8 * 8, 0, 32 * 2]
    assert table.values("input_bytes") == [64, 64, 0, 8 * 2 + 8 * 8]
    assert table.values("peak_live_bytes") == [64 + 16, 64 + 16 + 64, 16 + 64, 16 + 64 + 64]


def reference(graph: LayerGraph, in_place: bool) -> list[int]:
    """Numbers alive while each layer runs, found for every layer anew by asking which values are still wanted then."""
    size = {INPUT: int(np.prod(graph.input_shape))}
    tensor = {INPUT: INPUT}
    counts = []
    for index, layer in enumerate(graph.layers):
        rest = graph.layers[index + 1 :]
        source = tensor[layer.inputs[0]]
        spoilt = in_place and layer.op.in_place and source != INPUT and not wanted(source, rest, graph, tensor)
        tensor[layer.path] = source if layer.op.view or spoilt else layer.path
        size.setdefault(tensor[layer.path], int(np.prod(layer.shape)))
        alive = {tensor[name] for name in (*layer.inputs, layer.path)}
        alive |= {name for name in size if wanted(name, rest, graph, tensor)}
        counts.append(sum(size[name] for name in alive))
    return counts


def wanted(name: str, rest: Sequence[Layer], graph: LayerGraph, tensor: dict[str, str]) -> bool:
    """Whether a value in the tensor `name` is read by one of the layers that are left, or returned."""
    values = {value for value, home in tensor.items() if home == name}
    return not values.isdisjoint(graph.outputs) or any(not values.isdisjoint(layer.inputs) for layer in rest)


@many
@given(graph=graphs(), in_place=st.booleans())
def test_live_bytes_are_those_of_the_values_still_wanted(graph: LayerGraph, in_place: bool) -> None:
    assert list(live(graph, in_place=in_place).values()) == reference(graph, in_place)


@many
@given(graph=graphs(), in_place=st.booleans())
def test_a_network_can_be_computed_in_these_tensors_alone(graph: LayerGraph, in_place: bool) -> None:
    images = random_images(graph)
    memory, home = {INPUT: images}, storages(graph, in_place)
    most = 0
    for layer, (new, freed) in zip(graph.layers, lifetimes(graph, in_place), strict=True):
        inputs = [memory[home[name]].reshape(1, *graph.shape(name)) for name in layer.inputs]
        assert (new is not None) == (home[layer.path] not in memory)
        memory[home[layer.path]] = layer.op.run(RandomWeights().of(layer), *inputs)
        most = max(most, sum(array.size for array in memory.values()))
        for path in freed:
            del memory[path]
    assert most == cm.price(graph, dtype="int8", in_place=in_place).totals.peak_live_bytes
    assert set(memory) == {home[path] for path in graph.outputs}
    for path, value in run(graph, images).items():
        np.testing.assert_array_equal(memory[home[path]].reshape(value.shape), value)


@many
@given(graph=graphs())
def test_overwriting_never_takes_more(graph: LayerGraph) -> None:
    apart, together = live(graph), live(graph, in_place=True)
    assert all(together[path] <= apart[path] for path in apart)


@pytest.mark.parametrize("in_place", [False, True])
def test_the_peak_is_the_largest_live_bytes_and_names_the_first_layer_that_has_them(in_place: bool) -> None:
    table = cm.price(cm.load("resnet18"), in_place=in_place)
    rows = table.values("peak_live_bytes")
    assert table.totals.peak_live_bytes == max(rows)
    assert table.totals.peak_layer == table.values("path")[rows.index(max(rows))]
