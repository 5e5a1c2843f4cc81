"""Which tensors are alive while each layer runs: by hand, against a reference, and by computing in them alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from graphs import graphs, network
from hypothesis import given, settings

import costmodel as cm
from costmodel.execute import random_images, run
from costmodel.graph import INPUT, Layer, LayerGraph
from costmodel.pricing.fusion import kernels
from costmodel.pricing.memory.fused import Fused
from costmodel.pricing.memory.liveness import lifetimes, storages
from costmodel.weights import RandomWeights

CHAIN = [
    ("conv", "conv", "input", {"out_channels": 8, "kernel_size": 3, "padding": 1, "bias": False}),
    ("bn", "batch_norm", "conv"),
    ("relu", "relu", "bn"),
]
many = settings(max_examples=150, deadline=None)


def live(graph: LayerGraph, column: str = "peak_live_bytes") -> dict[str, int]:
    """Numbers alive while each layer runs, one byte each."""
    table = cm.price(graph, dtype="int8")
    return dict(zip(table.values("path"), table.values(column), strict=True))


def fused(graph: LayerGraph) -> dict[str, int]:
    """Numbers alive while each layer's kernel runs, where results overwrite what nothing else needs."""
    return live(graph, "peak_fused_bytes")


def test_a_chain_holds_what_a_layer_reads_and_writes() -> None:
    graph = network((2, 4, 4), *CHAIN)
    assert live(graph) == {"conv": 32 + 128, "bn": 128 + 128, "relu": 128 + 128}
    assert fused(graph) == {"conv": 32 + 128, "bn": 32 + 128, "relu": 32 + 128}


def test_a_residual_branch_holds_the_shortcut_until_it_is_added() -> None:
    lines = [("in", "relu", "input"), *[(p, op, "in" if p == "conv" else r, *f) for p, op, r, *f in CHAIN]]
    graph = network((8, 4, 4), *lines, ("add", "add", ["relu", "in"]), ("out", "relu", "add"))
    assert live(graph) == {"in": 256, "conv": 256, "bn": 384, "relu": 384, "add": 384, "out": 256}
    # The first relu may not overwrite the image, and the convolution not what it reads; the sum overwrites either.
    assert fused(graph) == {"in": 256, "conv": 256, "bn": 256, "relu": 256, "add": 256, "out": 128}


TO_THREE = {"out_channels": 3}
TWO_PATHS = [("a", "conv", "input", TO_THREE), ("b", "conv", "input", TO_THREE), ("norm", "batch_norm", "b")]


def test_a_convolution_adds_to_the_other_branch_on_the_way() -> None:
    joined = network((1, 4, 4), *TWO_PATHS, ("add", "add", ["a", "norm"]), ("out", "relu", "add"))
    assert fused(joined) == {"a": 64, "b": 64, "norm": 64, "add": 64, "out": 48}
    through_a_view = network((1, 4, 4), *TWO_PATHS, ("drop", "dropout", "norm"), ("add", "add", ["drop", "a"]))
    assert fused(through_a_view) == {"a": 64, "b": 64, "norm": 64, "drop": 48, "add": 64}


def test_what_a_convolution_would_add_to_has_to_be_there_and_to_be_free() -> None:
    returned = network((1, 4, 4), *TWO_PATHS, ("add", "add", ["a", "norm"]), outputs=("a",))
    assert fused(returned) == {"a": 64, "b": 112, "norm": 112, "add": 96}
    read_between = network(
        (1, 4, 4), *TWO_PATHS, ("max", "max_pool", "a", {"kernel_size": 4, "stride": 4}), ("add", "add", ["a", "norm"]),
        ("end", "add", ["add", "max"]),
    )  # fmt: skip
    assert fused(read_between) == {"a": 64, "b": 112, "norm": 112, "max": 48 + 48 + 3, "add": 99, "end": 51}
    read_itself = network(
        (1, 4, 4), *TWO_PATHS, ("max", "max_pool", "norm", {"kernel_size": 4, "stride": 4}),
        ("add", "add", ["a", "norm"]), ("end", "add", ["add", "max"]),
    )  # fmt: skip
    assert fused(read_itself) == {"a": 64, "b": 112, "norm": 112, "max": 99, "add": 99, "end": 51}
    third_comes_later = network(
        (3, 4, 4), *TWO_PATHS, ("c", "tanh", "input"), ("add", "add", ["a", "norm", "c"])
    )  # fmt: skip
    assert fused(third_comes_later) == {"a": 96, "b": 144, "norm": 144, "c": 192, "add": 144}


def test_a_merge_overwrites_an_input_of_its_own_shape_and_no_gate() -> None:
    gate = [("pool", "global_avg_pool", "a", {"keep_dims": True}), ("gated", "multiply", ["pool", "a"])]
    graph = network((1, 4, 4), TWO_PATHS[0], *gate)
    assert fused(graph) == {"a": 64, "pool": 51, "gated": 51}
    kept = network((1, 4, 4), TWO_PATHS[0], *gate, outputs=("a",))
    assert fused(kept) == {"a": 64, "pool": 51, "gated": 99}
    assert fused(network((1, 4, 4), ("twice", "add", ["input", "input"]))) == {"twice": 32}


def test_what_an_activation_reads_is_kept_where_it_is_read_again_or_returned() -> None:
    lines = [("a", "max_pool", "input", {"kernel_size": 1, "stride": 1}), ("b", "relu", "a"), ("c", "relu", "b")]
    assert fused(network((1, 4, 4), *lines)) == {"a": 32, "b": 16, "c": 16}
    assert fused(network((1, 4, 4), *lines, outputs=("a",))) == {"a": 32, "b": 32, "c": 32}
    again = network((1, 4, 4), *lines, ("d", "add", ["c", "a"]))
    assert fused(again) == {"a": 32, "b": 32, "c": 32, "d": 32}


def test_a_view_lives_in_the_tensor_that_it_renames() -> None:
    graph = network(
        (2, 4, 4), ("pool", "max_pool", "input", {"kernel_size": 2, "stride": 2}), ("flat", "flatten", "pool"),
        ("fc", "linear", "flat", {"out_features": 3}), ("again", "tanh", "pool"), ("relu", "relu", "flat"),
    )  # fmt: skip
    assert live(graph) == {"pool": 32 + 8, "flat": 8, "fc": 11, "again": 16, "relu": 16}
    # `again` may not overwrite what `flat` still shows; the last reader of `flat` may.
    assert fused(graph) == {"pool": 40, "flat": 8, "fc": 11, "again": 16, "relu": 8}


def test_what_is_never_read_is_freed_and_what_is_returned_is_not() -> None:
    lines = [("dead", "tanh", "input"), ("a", "relu", "input"), ("b", "tanh", "a"), ("c", "tanh", "b")]
    assert live(network((1, 4, 4), *lines)) == {"dead": 32, "a": 32, "b": 32, "c": 32}
    assert live(network((1, 4, 4), *lines, outputs=("dead",))) == {"dead": 32, "a": 48, "b": 48, "c": 48}


def test_what_is_computed_from_sources_alone_may_be_overwritten_and_what_is_stored_may_not() -> None:
    graph = network(
        (1, 4, 4), ("table", "parameter", [], {"size": (1, 4, 4)}), ("far", "tanh", "table"),
        ("add", "add", ["table", "far"]),
    )  # fmt: skip
    assert fused(graph) == {"table": 16, "far": 16, "add": 16}


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


def reference(graph: LayerGraph) -> list[int]:
    """Numbers alive while each layer runs, found for every layer anew by asking which values are still wanted then."""
    size = {INPUT: int(np.prod(graph.input_shape))}
    tensor = {INPUT: INPUT}
    counts = []
    for index, layer in enumerate(graph.layers):
        rest = graph.layers[index + 1 :]
        tensor[layer.path] = tensor[layer.inputs[0]] if layer.op.view else layer.path
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
@given(graph=graphs())
def test_live_bytes_are_those_of_the_values_still_wanted(graph: LayerGraph) -> None:
    assert list(live(graph).values()) == reference(graph)


@many
@given(graph=graphs())
def test_a_network_can_be_computed_in_these_tensors_alone(graph: LayerGraph) -> None:
    images = random_images(graph)
    memory, home = {INPUT: images}, storages(graph)
    most = 0
    for layer, (new, freed) in zip(graph.layers, lifetimes(graph), strict=True):
        inputs = [memory[home[name]].reshape(1, *graph.shape(name)) for name in layer.inputs]
        assert (new is not None) == (home[layer.path] not in memory)
        memory[home[layer.path]] = layer.op.run(RandomWeights().of(layer), *inputs)
        most = max(most, sum(array.size for array in memory.values()))
        for path in freed:
            del memory[path]
    assert most == cm.price(graph, dtype="int8").totals.peak_live_bytes
    assert set(memory) == {home[path] for path in graph.outputs}
    for path, value in run(graph, images).items():
        np.testing.assert_array_equal(memory[home[path]].reshape(value.shape), value)


@many
@given(graph=graphs())
def test_a_network_can_be_computed_kernel_by_kernel_in_the_fused_tensors_alone(graph: LayerGraph) -> None:
    """Whatever a kernel reads is what the layer that it reads gives, wherever it lies, and nothing else is held."""
    images = random_images(graph)
    true = values_of(graph, images)
    memory, placed = {INPUT: images}, Fused(graph, kernels(graph))
    most = images.size
    for index, (new, freed) in enumerate(placed.lifetimes()):
        within: dict[str, Any] = {}  # what one kernel computes

        def value(name: str, within: dict[str, Any] = within) -> Any:
            if name in graph.inputs or not graph.layer(name).op.view:
                return within[name] if name in within else memory[placed.home[name]].reshape(1, *graph.shape(name))
            return value(graph.layer(name).inputs[0]).reshape(1, *graph.shape(name))

        for layer, at in zip(graph.layers, placed.runs, strict=True):
            if at == index and not layer.op.view:
                inputs = [value(name) for name in layer.inputs]
                for name, given in zip(layer.inputs, inputs, strict=True):
                    np.testing.assert_array_equal(given, true[name])
                within[layer.path] = layer.op.run(RandomWeights().of(layer), *inputs)
        for path, result in list(within.items())[-1:]:
            assert (new is not None) == (placed.home[path] not in memory)
            memory[placed.home[path]] = result
        most = max(most, sum(array.size for array in memory.values()))
        for path in freed:
            del memory[path]
    assert most == cm.price(graph, dtype="int8").totals.peak_fused_bytes
    for path in graph.outputs:
        np.testing.assert_array_equal(memory[placed.home[path]].reshape(true[path].shape), true[path])


def values_of(graph: LayerGraph, images: Any) -> dict[str, Any]:
    """Every value of a network, by layer."""
    values = {INPUT: images}
    for layer in graph.layers:
        values[layer.path] = layer.op.run(RandomWeights().of(layer), *[values[name] for name in layer.inputs])
    return values


@many
@given(graph=graphs())
def test_fusing_and_overwriting_never_take_more(graph: LayerGraph) -> None:
    totals = cm.price(graph).totals
    assert totals.peak_fused_bytes <= totals.peak_live_bytes


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("vgg16", 2 * 64 * 224 * 224),  # the second convolution
        ("resnet50_v1_5", 256 * 56 * 56 + 128 * 56 * 56 + 128 * 28 * 28),  # a block's input, and its 3x3
        ("resnet18", 64 * 112 * 112 + 64 * 56 * 56),  # the first pool
        ("mobilenet_v2", 96 * 112 * 112 + 96 * 56 * 56),  # the first depthwise convolution of stride 2
    ],
)
def test_the_fused_peak_of_known_networks(name: str, numbers: int) -> None:
    assert cm.price(cm.load(name)).totals.peak_fused_bytes == 4 * numbers


def test_the_peak_is_the_largest_live_bytes_and_names_the_first_layer_that_has_them() -> None:
    table = cm.price(cm.load("resnet18"))
    rows = table.values("peak_live_bytes")
    assert table.totals.peak_live_bytes == max(rows)
    assert table.totals.peak_layer == table.values("path")[rows.index(max(rows))]
    assert table.totals.peak_fused_bytes == max(table.values("peak_fused_bytes"))
