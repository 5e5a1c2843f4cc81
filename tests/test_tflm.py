"""The arena of TensorFlow Lite Micro: what it took when it loaded models, and the nodes that TensorFlow converts.

`tflm/arenas.csv` holds what its allocator printed (`print_allocations`, 64 bits, reference kernels) for the files that
the networks beside it name; `benchmarks/memory_tflm.py` loads models anew.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
from graphs import graphs, network
from hypothesis import given, settings
from hypothesis import strategies as st

import costmodel as cm
from costmodel.graph import LayerGraph
from costmodel.pricing.memory.packing import largest_first
from costmodel.pricing.memory.plan import Block
from costmodel.pricing.memory.tflite import Lowered
from costmodel.pricing.memory.tflm import ALIGN, plan

FOLDER = Path(__file__).parent / "tflm"
ARENAS = [
    (row["network"], int(row["head_bytes"]), int(row["arena_bytes"]))
    for row in csv.DictReader((FOLDER / "arenas.csv").read_text().splitlines())
]
many = settings(max_examples=100, deadline=None)


def found(name: str) -> LayerGraph:
    own = FOLDER / f"{name}.yaml"
    return cm.load(str(own) if own.exists() else name)


@pytest.mark.parametrize(("name", "head", "arena"), ARENAS, ids=[name for name, *_ in ARENAS])
def test_the_arena_is_what_the_interpreter_took(name: str, head: int, arena: int) -> None:
    planned = plan(found(name), 1, "int8")
    assert planned.bytes == head
    assert planned.parts["whole_arena_bytes"] == pytest.approx(arena, rel=0.04)
    assert planned.parts["whole_arena_bytes"] == planned.bytes + planned.parts["tail_bytes"]


def test_of_two_tensors_alike_the_later_is_laid_down_first() -> None:
    """Three channels instead of one: TensorFlow Lite Micro took a head of 73,728 for the chain that this begins with
    (96x96x3, 8 channels, the same depthwise, 16 channels), where the other order of the two alike would take 64,512.
    """
    assert plan(cm.load("mobilenet_v1", width=0.25, resolution=96, classes=2), 1, "int8").bytes == 73_728
    sizes, lives = (27_648, 18_432, 18_432, 36_864), ((0, 0), (0, 1), (1, 2), (2, 3))
    blocks = [Block("", size, *life) for size, life in zip(sizes, lives, strict=True)]
    assert largest_first(blocks, 16) == [0, 55_296, 36_864, 0]


def lowered(graph: LayerGraph, itemsize: int = 1) -> list[tuple[Any, ...]]:
    """Each node's name and the bytes that it reads and writes."""
    found = Lowered(graph, 1, itemsize)
    sizes = found.sizes
    return [(node.kernel, *(sizes[name] for name in node.reads), sizes[node.writes]) for node in found.nodes]


MAP = (4, 8, 8)
CONV = ("conv", "conv", "input", {"out_channels": 8, "kernel_size": 3, "padding": 1})


def test_norms_are_folded_and_clamps_join_what_they_follow() -> None:
    """As TensorFlow 2.21 converts them."""
    lines = [("bn", "batch_norm", "conv"), ("relu", "relu", "bn"), ("drop", "dropout", "relu")]
    assert lowered(network(MAP, CONV, *lines)) == [("CONV_2D", 256, 512)]
    pooled = network(
        MAP, CONV, *lines, ("pool", "max_pool", "drop", {"kernel_size": 2, "stride": 2}), ("again", "relu6", "pool"),
        ("sum", "add", ["again", "pool"]), ("clamped", "relu", "sum"), ("wide", "concat", ["clamped", "again"]),
        ("apart", "relu", "wide"),
    )  # fmt: skip
    assert lowered(pooled) == [
        ("CONV_2D", 256, 512), ("MAX_POOL_2D", 512, 128), ("RELU6", 128, 128), ("ADD", 128, 128, 128),
        ("CONCATENATION", 128, 128, 256), ("RELU", 256, 256),
    ]  # fmt: skip


def test_a_node_clamps_once_and_what_is_returned_stays_to_the_end() -> None:
    lines = [("relu", "relu", "conv"), ("six", "relu6", "relu"), ("bn", "batch_norm", "relu")]
    assert lowered(network(MAP, CONV, *lines[:2])) == [("CONV_2D", 256, 512), ("RELU6", 512, 512)]
    graph = network(MAP, CONV, lines[0], lines[2])
    assert [kernel for kernel, *_ in lowered(graph)] == ["CONV_2D", "MUL", "ADD"]
    chain = [("a", "tanh", "input"), ("b", "tanh", "a"), ("c", "tanh", "b")]
    assert plan(network(MAP, *chain), 1, "int8").bytes == 2 * 256
    assert plan(network(MAP, *chain, outputs=("a",)), 1, "int8").bytes == 3 * 256


def test_a_norm_that_nothing_can_take_is_a_product_and_a_sum() -> None:
    first = ("bn", "batch_norm", "input")
    assert lowered(network(MAP, first, ("relu", "relu", "bn"))) == [("MUL", 256, 256), ("ADD", 256, 256)]
    read_twice = network(MAP, CONV, ("bn", "batch_norm", "conv"), ("sum", "add", ["conv", "bn"]))
    assert [kernel for kernel, *_ in lowered(read_twice)] == ["CONV_2D", "MUL", "ADD", "ADD"]


def test_padding_is_a_node_where_it_is_not_what_same_pads() -> None:
    strided = {"out_channels": 8, "kernel_size": 3, "padding": 1, "stride": 2}
    assert lowered(network(MAP, ("conv", "conv", "input", strided))) == [("PAD", 256, 400), ("CONV_2D", 400, 128)]
    assert lowered(network((4, 9, 9), ("conv", "conv", "input", strided))) == [("CONV_2D", 324, 200)]
    pool = {"kernel_size": 3, "stride": 1, "padding": 1}
    assert lowered(network(MAP, ("max", "max_pool", "input", pool))) == [("MAX_POOL_2D", 256, 256)]
    assert lowered(network(MAP, ("mean", "avg_pool", "input", pool))) == [
        ("PAD", 256, 400),
        ("AVERAGE_POOL_2D", 400, 256),
    ]


def test_a_window_over_one_axis_is_one_of_height_one_between_reshapes() -> None:
    lines = [("conv", "conv", "input", {"out_channels": 8, "kernel_size": 3}), ("bn", "batch_norm", "conv")]
    pool = ("pool", "max_pool", "relu", {"kernel_size": 2, "stride": 2})
    graph = network((4, 16), *lines, ("relu", "relu", "bn"), pool)
    nodes = [("RESHAPE", 64, 64), ("CONV_2D", 64, 112), ("MAX_POOL_2D", 112, 56), ("RESHAPE", 56, 56)]
    assert lowered(graph) == nodes


def test_gates_are_written_with_what_there_is() -> None:
    assert lowered(network(MAP, CONV, ("gate", "hardsigmoid", "conv"))) == [("CONV_2D", 256, 512), ("MUL", 512, 512)]
    assert lowered(network(MAP, ("gate", "hardsigmoid", "input"))) == [("ADD", 256, 256), ("MUL", 256, 256)]
    assert lowered(network(MAP, ("act", "silu", "input"))) == [("LOGISTIC", 256, 256), ("MUL", 256, 256, 256)]
    three = network(MAP, ("a", "tanh", "input"), ("b", "tanh", "a"), ("sum", "add", ["a", "b", "input"]))
    assert [kernel for kernel, *_ in lowered(three)] == ["TANH", "TANH", "ADD", "ADD"]


def test_what_depends_on_no_input_is_a_constant() -> None:
    table = [
        ("table", "parameter", [], {"size": MAP}),
        ("far", "tanh", "table"),
        ("flat", "reshape", "far", {"sizes": MAP}),
    ]
    graph = network(MAP, *table, ("sum", "add", ["input", "flat"]))
    assert lowered(graph) == [("ADD", 256, 256)]
    assert plan(graph, 1, "int8").parts["flash_bytes"] == 256


def test_reductions_and_transposed_convolutions_sum_in_32_bits() -> None:
    """reduce_common.cc: a sum for each output, a place on each axis and the axes; transpose_conv.cc: the whole map."""
    pooled = plan(network(MAP, ("pool", "global_avg_pool", "input")), 1, "int8")
    assert [block.bytes for block in pooled.blocks if block.what == "scratch"] == [4 * 4, 4 * 4, 4 * 2]
    assert pooled.bytes == 256 + 16 + 16 + 16 + 16
    up = {"out_channels": 2, "kernel_size": 2, "stride": 2}
    graph = network(MAP, ("up", "conv_transpose", "input", up))
    assert plan(graph, 1, "int8").bytes == 256 + 512 + 4 * 512
    assert plan(graph, 1, "float32").bytes == 4 * (256 + 512)


def test_biases_are_of_32_bits_and_each_output_channel_has_a_scale() -> None:
    bare = {"out_channels": 8, "kernel_size": 3, "padding": 1, "bias": False}
    graph = network(MAP, ("conv", "conv", "input", bare), ("bn", "batch_norm", "conv"), ("flat", "flatten", "bn"),
                    ("fc", "linear", "flat", {"out_features": 10}))  # fmt: skip
    weights, channels = 8 * 4 * 9 + 512 * 10, 8 + 10
    assert plan(graph, 1, "int8").parts["flash_bytes"] == weights + 4 * channels + 4 * channels
    assert plan(graph, 1, "float32").parts["flash_bytes"] == 4 * (weights + channels)


def test_what_has_no_kernel_there_is_named_and_makes_a_lower_bound() -> None:
    planned = plan(network(MAP, CONV, ("act", "gelu", "conv")), 1, "int8")
    assert planned.lower_bound
    assert planned.notes[-1] == "no kernel in TensorFlow Lite Micro, each counted as one node: gelu"
    assert not plan(network(MAP, CONV), 1, "int8").lower_bound


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_a_dtype_without_kernels_is_refused(dtype: str) -> None:
    with pytest.raises(cm.CostModelError, match=f"^TensorFlow Lite Micro computes at int8 or float32, not at {dtype}$"):
        plan(network(MAP, CONV), 1, dtype)


lives = st.tuples(st.integers(1, 400), st.integers(0, 8), st.integers(0, 4))


@many
@given(drawn=st.lists(lives, max_size=12), align=st.sampled_from([1, 16]))
def test_blocks_that_are_held_together_never_lie_over_one_another(
    drawn: list[tuple[int, int, int]], align: int
) -> None:
    blocks = [Block("", size, first, first + more) for size, first, more in drawn]
    offsets = largest_first(blocks, align)
    for one, at in zip(blocks, offsets, strict=True):
        assert at % align == 0
        for other, there in zip(blocks, offsets, strict=True):
            if other is not one and one.first <= other.last and other.first <= one.last:
                assert at >= there + other.bytes or there >= at + one.bytes


@many
@given(graph=graphs(), batch=st.integers(1, 3))
def test_the_arena_holds_what_is_alive_and_grows_with_the_batch(graph: LayerGraph, batch: int) -> None:
    planned = plan(graph, batch, "int8")
    assert planned.bytes >= max(planned.held)
    assert planned.bytes % ALIGN == 0
    assert {block.what for block in planned.blocks} <= {"input", "activations", "scratch"}
    assert all(0 <= block.first <= block.last < max(len(planned.moments), 1) for block in planned.blocks)
    one = [block.bytes for block in plan(graph, 1, "int8").blocks if block.what != "scratch"]
    assert [block.bytes for block in planned.blocks if block.what != "scratch"] == [batch * size for size in one]
