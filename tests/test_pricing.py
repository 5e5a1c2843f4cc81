"""The cost table: sums, groups, batches, dtypes, arrays and symbols, fusion, training and receptive fields."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy
from graphs import WITH_INDICES, graphs, network
from hypothesis import assume, given, reject, settings
from hypothesis import strategies as st

import costmodel as cm
from costmodel.errors import CostModelError, ShapeError
from costmodel.execute import random_images, run
from costmodel.graph import INPUT, Layer, LayerGraph
from costmodel.measures import MEASURES, names
from costmodel.ops import OPERATORS
from costmodel.ops.arrays import counting
from costmodel.pricing import totals
from costmodel.pricing.memory.planned import PLANNED
from costmodel.pricing.receptive import START, _merged
from costmodel.pricing.sums import PRICED, sums
from costmodel.pricing.table import COLUMNS
from costmodel.tensor import Tensor
from costmodel.units import DTYPES, TRAINED
from costmodel.weights import RandomWeights

some = settings(max_examples=60, deadline=None)
ROWS = names(rows=True)
SUMS = tuple(name for name in ROWS if MEASURES[name].adds == "sum")
TRAINING = names(("training",), rows=True)
BYTES = [name for name in SUMS if name.endswith("_bytes")]
PEAKS = ("peak_live_bytes", "peak_fused_bytes")
PER_IMAGE = ["mult_adds", "other_ops", "input_bytes", "output_bytes", "im2col_bytes", *PEAKS]
PER_IMAGE += [name for name in TRAINING if name not in ("saved_bytes", "trained_bytes")]
ONCE = ["params", "matrix_params", "vector_params", "buffers", "weight_bytes"]


# --- sums and groups -------------------------------------------------------------------------------------------------


@some
@given(graph=graphs())
def test_totals_are_the_sums_of_rows_and_no_group_loses_a_unit(graph: LayerGraph) -> None:
    table = cm.price(graph, training=True)
    assert len(table) == table.totals.layers == len(graph)
    assert table.values("path") == [layer.path for layer in graph.layers]
    for column in (*SUMS, *TRAINING):
        rows = [row[column] for row in table]
        assert sum(rows) == table.totals.values[column]
        for key in ("layer", "block", "kind"):
            assert sum(group[column] for group in table.by(key)) == sum(rows)
    for peak in PEAKS:
        assert max(table.values(peak)) == table.totals.values[peak]


def test_blocks_are_the_first_names_of_the_path_in_order() -> None:
    table = cm.price(cm.load("mobilenet_v1"))
    blocks = [group["group"] for group in table.by("block")]
    assert blocks == ["stem", "ds1", "ds2", "ds3", "ds4", "ds5", "pool", "fc"]
    deeper = [group["group"] for group in table.by("block", depth=2)]
    assert deeper[3:8] == ["ds1.depthwise", "ds1.pointwise", "ds2.0", "ds2.1", "ds3.0"]
    for depth in (1, 2, 3, 9):
        assert sum(group["layers"] for group in table.by("block", depth)) == len(table)
    with pytest.raises(CostModelError, match="cannot group by 'blok'; did you mean 'block'"):
        table.by("blok")


def test_the_frame_and_the_columns_are_the_same_table() -> None:
    table = cm.price(cm.load("resnet20"), training=True)
    assert list(table.frame) == list(table.columns) == [*COLUMNS, *TRAINING]
    assert table["params"].tolist() == table.values("params")
    assert table.frame.to_dict("records") == list(table)
    with pytest.raises(CostModelError, match="no column 'parms'; did you mean 'params'"):
        table["parms"]


def test_a_network_without_layers_costs_nothing() -> None:
    table = cm.price(LayerGraph("empty", (3, 8, 8)), training=True)
    assert len(table) == 0
    assert list(table.frame) == [*COLUMNS, *TRAINING]
    assert table.by("kind") == []
    assert table.totals.params == table.totals.mult_adds == table.totals.traffic_bytes == 0
    assert table.totals.peak_live_bytes == 4 * 3 * 8 * 8


def test_a_title_is_text_in_a_notebook() -> None:
    graph = LayerGraph("x", (1, 2, 2), title="<script>alert(1)</script>")
    graph.add("a", OPERATORS["relu"](), (INPUT,))
    html = cm.price(graph)._repr_html_()
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


@some
@given(graph=graphs(most=12), data=st.data())
def test_splitting_a_network_in_two_adds_up(graph: LayerGraph, data: st.DataObject) -> None:
    cuts = [n for n in range(1, len(graph)) if only_way_through(graph, n)]
    assume(cuts)
    cut = data.draw(st.sampled_from(cuts))
    whole, parts = cm.price(graph).totals, [cm.price(part).totals for part in split(graph, cut)]
    for column in ("layers", *ONCE, "mult_adds", "other_ops", "input_bytes", "output_bytes", "traffic_bytes"):
        assert getattr(whole, column) == sum(getattr(part, column) for part in parts), column


def only_way_through(graph: LayerGraph, cut: int) -> bool:
    """Whether the layers from `cut` on read nothing before it but the layer just before it."""
    inside = {layer.path for layer in graph.layers[cut:]} | {graph.layers[cut - 1].path}
    return all(inside.issuperset(layer.inputs) for layer in graph.layers[cut:])


def split(graph: LayerGraph, cut: int) -> Iterator[LayerGraph]:
    start, shape = INPUT, graph.input_shape
    for layers in (graph.layers[:cut], graph.layers[cut:]):
        part = LayerGraph("part", shape)
        for layer in layers:
            part.add(layer.path, layer.op, tuple(INPUT if name == start else name for name in layer.inputs))
        yield part
        start, shape = layers[-1].path, layers[-1].shape


# --- batch and dtype -------------------------------------------------------------------------------------------------


@some
@given(graph=graphs(), batch=st.integers(2, 40))
def test_a_batch_costs_its_images_and_the_weights_once(graph: LayerGraph, batch: int) -> None:
    one, many = cm.price(graph, training=True), cm.price(graph, batch, training=True)
    for column in PER_IMAGE:
        assert many.values(column) == [batch * value for value in one.values(column)]
    for column in (*ONCE, "trained_bytes"):
        assert many.values(column) == one.values(column)
    for layer, a, b in zip(graph.layers, one, many, strict=True):
        statistics = 2 * 4 * layer.shape[0] if layer.op.name == "batch_norm" and b["saved_bytes"] else 0  # of the batch
        assert b["saved_bytes"] - statistics == batch * (a["saved_bytes"] - statistics)
        assert b["traffic_bytes"] == b["weight_bytes"] + batch * (a["input_bytes"] + a["output_bytes"])
    assert many.totals.peak_live_bytes == batch * one.totals.peak_live_bytes
    assert many.totals.peak_layer == one.totals.peak_layer
    assert many.totals.arithmetic_intensity >= one.totals.arithmetic_intensity


@some
@given(graph=graphs())
def test_a_dtype_scales_bytes_and_nothing_else(graph: LayerGraph) -> None:
    single = cm.price(graph, dtype="int8")
    for dtype, size in DTYPES.items():
        table = cm.price(graph, dtype=dtype)
        for column in (*BYTES, *PEAKS):
            assert table.values(column) == [size * value for value in single.values(column)]
        for column in set(SUMS) - set(BYTES):
            assert table.values(column) == single.values(column)


@pytest.mark.parametrize("batch", [0, -3, 1.5, math.nan, math.inf, np.array([1, 0]), np.array([1.5])])
def test_a_batch_that_cannot_be_is_refused(batch: Any) -> None:
    with pytest.raises(CostModelError, match="whole number of at least 1"):
        cm.price(cm.load("resnet20"), batch)


def test_a_batch_may_be_any_whole_number() -> None:
    assert cm.price(cm.load("resnet20"), 4.0).totals == cm.price(cm.load("resnet20"), 4).totals
    assert cm.price(cm.load("resnet20"), np.int32(4)).totals == cm.price(cm.load("resnet20"), 4).totals
    assert isinstance(cm.price(cm.load("resnet20"), 4.0).totals.mult_adds, int)
    with pytest.raises(CostModelError, match="unknown dtype 'float8'"):
        cm.price(cm.load("resnet20"), dtype="float8")


# --- the papers' formulas --------------------------------------------------------------------------------------------


def plain_and_separable(channels: int, filters: int, kernel: int, size: int) -> tuple[Any, Any]:
    conv = {"out_channels": filters, "kernel_size": kernel, "padding": "same", "bias": False}
    depthwise = conv | {"out_channels": channels, "groups": channels}
    plain = network((channels, size, size), ("conv", "conv", "input", conv))
    pointwise = {"out_channels": filters, "bias": False}
    two = network((channels, size, size), ("dw", "conv", "input", depthwise), ("pw", "conv", "dw", pointwise))
    return cm.price(plain).totals, cm.price(two).totals


def test_the_articles_worked_example() -> None:
    plain, separable = plain_and_separable(channels=3, filters=16, kernel=3, size=32)
    assert (plain.params, plain.mult_adds) == (432, 442_368)
    assert (separable.params, separable.mult_adds) == (75, 76_800)


@some
@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 7), st.integers(1, 64))
def test_a_separable_convolution_costs_1_over_n_plus_1_over_k_squared(c: int, n: int, k: int, size: int) -> None:
    """Howard et al. 2017, section 3.1: the ratio of mult-adds, and of weights."""
    plain, separable = plain_and_separable(c, n, k, size)
    for column in ("mult_adds", "params"):
        assert getattr(separable, column) * n * k * k == getattr(plain, column) * (k * k + n)


@pytest.mark.parametrize("spec", ["mobilenet_v1", "conv_mobilenet"])
def test_width_scales_pointwise_cost_by_its_square_and_the_rest_by_itself(spec: str) -> None:
    """Howard et al. 2017, section 3.3: all but the first layer's input and the last layer's output are scaled."""
    one, half = (cm.price(cm.load(spec, width=width)) for width in (1.0, 0.5))
    for a, b in zip(one, half, strict=True):
        both_sides = a["kind"] in ("conv 1x1", "conv kxk") and a["path"] != "stem.conv"
        assert a["mult_adds"] == (4 if both_sides else 2) * b["mult_adds"]


def test_resolution_scales_cost_by_its_square_and_leaves_params() -> None:
    one, half = (cm.price(cm.load("mobilenet_v1", resolution=size)) for size in (256, 128))
    for a, b in zip(one, half, strict=True):
        assert a["mult_adds"] == (1 if a["kind"] == "linear" else 4) * b["mult_adds"]
        assert a["params"] == b["params"]


# --- arrays and symbols ----------------------------------------------------------------------------------------------

NUMBERS = (*SUMS, *PEAKS, "arithmetic_intensity", *TRAINING)


def at(value: Any, place: int) -> Any:
    return value[place] if isinstance(value, np.ndarray) else value


@pytest.mark.parametrize("options", [{}, {"training": True, "dtype": "float16"}])
def test_arrays_equal_the_walk_over_single_networks(options: dict[str, Any]) -> None:
    widths = np.array([0.25, 0.5, 0.75, 1.0, 1.25, 0.29])
    sizes, batches = np.array([128, 160, 192, 224, 33, 100]), np.array([1, 2, 3, 5, 8, 64])
    many = cm.price(cm.load("mobilenet_v1", width=widths, resolution=sizes), batches, **options)
    groups = many.by("kind")
    for n, (width, size, batch) in enumerate(zip(widths.tolist(), sizes.tolist(), batches.tolist(), strict=True)):
        one = cm.price(cm.load("mobilenet_v1", width=width, resolution=size), batch, **options)
        for column in NUMBERS:
            if column in one.columns:
                assert [at(value, n) for value in many.values(column)] == one.values(column), column
        equal_totals(many.totals, one.totals, n)
        for group, expected in zip(groups, one.by("kind"), strict=True):
            assert all(at(group[column], n) == expected[column] for column in (*SUMS, *PEAKS))


def equal_totals(many: Any, one: Any, n: int) -> None:
    for name, value in one.as_dict().items():
        if name in ("peak_layer", "receptive_field", "receptive_stride", *PLANNED):
            continue
        assert at(getattr(many, name), n) == value, name


@some
@given(graph=graphs(ops=WITH_INDICES), batch=st.integers(1, 9), dtype=st.sampled_from(sorted(DTYPES)))
def test_the_sums_without_a_table_are_the_totals_of_the_table(graph: LayerGraph, batch: int, dtype: str) -> None:
    training = dtype in TRAINED
    wanted = PRICED if training else names()
    totals = cm.price(graph, batch, dtype, training=training).totals.values
    assert sums(graph, batch, dtype, wanted) == {name: totals[name] for name in totals if name not in PLANNED}


def test_arrays_may_enter_by_any_of_several_inputs() -> None:
    """The second input has many sizes, and no layer's output shows them."""

    def gated(size: Any) -> LayerGraph:
        graph = LayerGraph("gated", {"image": Tensor((3, 8, 8)), "gate": Tensor((3, size, size))})
        graph.add("pool", OPERATORS["global_avg_pool"](keep_dims=True), ("gate",))
        graph.add("multiply", OPERATORS["multiply"](), ("image", "pool"))
        return graph

    sizes = np.array([8, 16, 32])
    many = totals(gated(sizes))
    for n, size in enumerate(sizes.tolist()):
        equal_totals(many, totals(gated(size)), n)


@pytest.mark.parametrize("name", ["resnet50", "squeezenet", "mobilenet_v3_small"])
def test_a_sweep_over_resolution_equals_single_networks(name: str) -> None:
    sizes = np.array([64, 97, 128, 224])
    many = totals(cm.load(name, resolution=sizes))
    for n, size in enumerate(sizes.tolist()):
        equal_totals(many, totals(cm.load(name, resolution=size)), n)


TWO: Any = np.array([1, 2])
PAST_INT64 = {
    "the sizes": lambda price: price(cm.load("mobilenet_v1", resolution=np.array([224, 200_000])), 10**7),
    "the batches": lambda price: price(cm.load("mobilenet_v1"), TWO * 10**16),
    "a number no array holds": lambda price: price(cm.load("mobilenet_v1", width=TWO), 10**20),
    "a network made by hand": lambda price: price(network((2, TWO * 10**8, 10**9), HEAD), 10**4),
}


@pytest.mark.parametrize("price", [cm.price, totals, sums])
@pytest.mark.parametrize("asked", PAST_INT64.values(), ids=list(PAST_INT64))
def test_counts_of_arrays_past_int64_are_refused_and_never_wrap(asked: Any, price: Any) -> None:
    with pytest.raises(cm.CostModelError, match=r"a count passes 2\*\*63, which an array cannot hold"):
        asked(price)


def test_arithmetic_of_a_spec_past_int64_is_refused_for_arrays(tmp_path: Path) -> None:
    file = tmp_path / "net.yaml"
    size = f"resolution * {10**17} // {10**17}"
    head = "name: net\ntitle: Net\nparameters: {resolution: 8}\n"
    file.write_text(f"{head}input: [3, {size}, 8]\nlayers: {{a: {{op: relu}}}}\n")
    assert cm.load(file, resolution=TWO).input_shape[1].tolist() == [1, 2]
    with pytest.raises(cm.CostModelError, match=r"passes 2\*\*63"):
        cm.load(file, resolution=TWO * 112)


def test_counts_of_arrays_just_below_int64_are_exact() -> None:
    batches = np.array([1, 10**9])
    many = totals(cm.load("mobilenet_v1"), batches)
    assert many.mult_adds.tolist() == [totals(cm.load("mobilenet_v1"), batch).mult_adds for batch in batches.tolist()]
    assert repr(many.params * TWO) == "array([4231976, 8463952])"


def test_symbols_give_the_formula_of_the_paper() -> None:
    a, b = sympy.symbols("a b", positive=True)
    many = totals(cm.load("mobilenet_v1", width=a), b)
    formula = sympy.expand(many.mult_adds.replace(sympy.floor, lambda x: x))
    assert sympy.expand(formula - (539_492_352 * a**2 + 29_248_000 * a) * b) == 0
    for width, batch in [(1, 1), (sympy.Rational(3, 4), 4), (sympy.Rational(29, 100), 7)]:
        one = totals(cm.load("mobilenet_v1", width=float(width)), batch)
        for name in ("params", "mult_adds", "other_ops", "traffic_bytes", "fused_traffic_bytes", *PEAKS):
            assert getattr(many, name).subs({a: width, b: batch}) == getattr(one, name), name


# --- fusion ----------------------------------------------------------------------------------------------------------

HEAD = ("conv", "conv", "input", {"out_channels": 8, "kernel_size": 3, "padding": 1})  # 2x4x4 -> 8x4x4, 152 params
TAIL = (("bn", "batch_norm", "conv"), ("act", "relu6", "bn"))


def kernels_of(graph: LayerGraph) -> dict[str, Any]:
    table = cm.price(graph, dtype="int8")
    return dict(zip(table.values("path"), table.values("kernel"), strict=True))


def test_norm_and_activation_join_the_convolution_before_them() -> None:
    table = cm.price(network((2, 4, 4), HEAD, *TAIL), dtype="int8")
    assert table.values("kernel") == ["conv"] * 3
    assert table.totals.traffic_bytes == (32 + 152 + 128) + (128 + 16 + 128) + (128 + 128)
    assert table.values("fused_traffic_bytes") == [32 + 152, 16, 128]


def test_what_is_read_elsewhere_or_returned_must_be_written() -> None:
    twice = network((2, 4, 4), HEAD, *TAIL, ("add", "add", ["bn", "act"]))
    assert kernels_of(twice) == {"conv": "conv", "bn": "conv", "act": "act", "add": "add"}
    returned = network((2, 4, 4), HEAD, *TAIL, outputs=("conv",))
    assert kernels_of(returned) == {"conv": "conv", "bn": "bn", "act": "act"}


def test_views_need_no_kernel_and_pools_and_merges_have_their_own() -> None:
    graph = network(
        (2, 4, 4), ("act", "relu", "input"), ("pool", "max_pool", "act", {"kernel_size": 2, "stride": 2}),
        ("relu", "relu", "pool"), ("flat", "flatten", "relu"), ("fc", "linear", "flat", {"out_features": 3}),
        ("out", "tanh", "fc"), ("share", "softmax", "out"),
    )  # fmt: skip
    assert list(kernels_of(graph).values()) == ["act", "pool", "relu", None, "fc", "fc", "share"]
    assert cm.price(graph, dtype="int8").values("traffic_bytes")[3] == 0


@pytest.mark.parametrize("view", ["dropout", "identity"])
def test_a_view_passes_the_kernel_on(view: str) -> None:
    after = ("act", "relu", "view")
    graph = network((2, 4, 4), HEAD, ("view", view, "conv"), after)
    assert kernels_of(graph) == {"conv": "conv", "view": None, "act": "conv"}
    assert cm.price(graph, dtype="int8").values("fused_traffic_bytes") == [32 + 152, 0, 128]
    assert sums(graph, dtype="int8")["fused_traffic_bytes"] == 32 + 152 + 128
    for name in ("conv", "view"):
        returned = network((2, 4, 4), HEAD, ("view", view, "conv"), after, outputs=(name,))
        assert kernels_of(returned)["act"] == "act"
        read = network((2, 4, 4), HEAD, ("view", view, "conv"), after, ("end", "add", ["act", name]))
        assert kernels_of(read)["act"] == "act"


@some
@given(graph=graphs(ops=WITH_INDICES))
def test_fused_traffic_is_what_goes_in_and_out_of_kernels(graph: LayerGraph) -> None:
    table = cm.price(graph, dtype="int8")
    kernel = {row["path"]: row["kernel"] for row in table}
    tensor, size = {INPUT: INPUT}, {INPUT: math.prod(graph.input_shape)}
    for layer in graph.layers:
        tensor[layer.path] = tensor[layer.inputs[0]] if layer.op.view else layer.path
        size[layer.path] = math.prod(layer.shape) * (8 if layer.dtype == "int64" else 1)
    priced = [layer for layer in graph.layers if not layer.op.view]
    moved = 0
    for head in {kernel[layer.path] for layer in priced}:
        members = [layer for layer in priced if kernel[layer.path] == head]
        assert [layer.op.fuses for layer in members[1:]] == ["tail"] * (len(members) - 1)
        inside = {layer.path for layer in members}
        for layer in members:
            moved += sum(size[tensor[name]] for name in layer.inputs if tensor[name] not in inside)
            readers = [other for other in priced if layer.path in (tensor[name] for name in other.inputs)]
            returned = layer.path in (tensor[name] for name in graph.outputs)
            if returned or not readers or any(other.path not in inside for other in readers):
                moved += size[layer.path]
    assert table.totals.fused_traffic_bytes == table.totals.weight_bytes + moved
    assert table.totals.fused_traffic_bytes <= table.totals.traffic_bytes


# --- training --------------------------------------------------------------------------------------------------------

FC = {"out_features": 5}


def test_the_first_product_costs_one_backward_product_and_later_ones_two() -> None:
    graph = network(
        (2, 4, 4), ("tanh", "tanh", "input"), ("conv", "conv", "tanh", {"out_channels": 8}),
        ("relu", "relu", "conv"), ("next", "conv", "relu", {"out_channels": 3}), ("pool", "global_avg_pool", "next"),
        ("fc", "linear", "pool", FC),
    )  # fmt: skip
    table = cm.price(graph, batch=2, training=True)
    forward = {"conv": 2 * 256, "next": 2 * 384, "fc": 2 * 15}
    assert dict(zip(table.values("path"), table.values("mult_adds"), strict=True)).items() >= forward.items()
    assert table.values("backward_mult_adds") == [0, forward["conv"], 0, 2 * forward["next"], 0, 2 * forward["fc"]]
    step = table.totals
    assert step.step_mult_adds == 2 * 512 + 3 * 768 + 3 * 30
    params, one = table.totals.params, 4
    assert (step.gradient_bytes, step.sgd_momentum_bytes, step.adam_bytes) == (
        params * one, params * one, 2 * params * one,
    )  # fmt: skip
    with pytest.raises(AttributeError, match="no step_mult_adds; price with training=True"):
        _ = cm.price(graph).totals.step_mult_adds


def test_products_of_activations_need_both_gradients() -> None:
    tokens = ("tokens", "tokens", "input")
    attention = ("mix", "attention", ["tokens"] * 3, {"heads": 2})
    untrained = cm.price(network((4, 3, 3), tokens, attention), training=True)
    assert untrained.values("backward_mult_adds") == [0, 0]
    embedded = network(
        (4, 3, 3), tokens, ("at", "position_embedding", "tokens"), ("mix", "attention", ["at"] * 3, {"heads": 2})
    )
    table = cm.price(embedded, training=True)
    assert table.values("backward_mult_adds") == [0, 0, 2 * table.values("mult_adds")[2]]


LINEAR = (
    "conv",
    "conv_transpose",
    "batch_norm",
    "avg_pool",
    "global_avg_pool",
    "flatten",
    "identity",
    "linear",
    "scale",
)
"""What lets every change through; relu and prelu do not where no number, or every number, is negative."""


@some
@given(graph=graphs(ops=LINEAR))
def test_backward_products_are_those_of_the_factors_that_training_moves(graph: LayerGraph) -> None:
    """Whether a layer's input needs a gradient is tried: do other weights before the layer change it?"""
    images = random_images(graph, batch=2)
    names = [INPUT, *(layer.path for layer in graph.layers)]
    now, then = (run(graph, images, seed=seed, keep=names) for seed in (1, 2))
    table = cm.price(graph, batch=2, training=True)
    for layer, row in zip(graph.layers, table, strict=True):
        moves = any(not np.array_equal(now[name], then[name]) for name in layer.inputs)
        with counting() as forward:
            layer.op.run(RandomWeights(1).of(layer), *(now[name] for name in layer.inputs))
        factors = bool(layer.op.weights(*layer.input_shapes)) + moves
        assert row["backward_mult_adds"] == forward.multiplications * factors


def test_saved_activations_of_a_chain() -> None:
    """As PyTorch saves them: a convolution, norm or product its input, relu its output, dropout a number an element,
    and batch norm the mean and deviation of the batch.
    """
    graph = network(
        (2, 4, 4), ("conv", "conv", "input", {"out_channels": 8}), ("bn", "batch_norm", "conv"), ("relu", "relu", "bn"),
        ("flat", "flatten", "relu"), ("drop", "dropout", "flat"), ("fc", "linear", "drop", FC),
    )  # fmt: skip
    table = cm.price(graph, batch=3, dtype="float16", training=True)
    half = 3 * 2
    assert table.values("saved_bytes") == [32 * half, 128 * half + 2 * 8 * 2, 128 * half, 0, 128 * half, 128 * half]
    # bn's own output is not kept: relu's output says where the gradient passes.
    assert table.totals.saved_bytes == (32 + 4 * 128) * half + 2 * 8 * 2


def test_a_tensor_is_saved_once_and_nothing_is_saved_for_what_is_not_trained() -> None:
    graph = network(
        (2, 4, 4), ("still", "relu", "input"), ("noise", "dropout", "still"),
        ("a", "conv", "still", {"out_channels": 2}), ("b", "conv", "still", {"out_channels": 2}),
        ("sum", "add", ["a", "b"]), ("out", "relu", "sum"),
        ("square", "multiply", ["out", "out"]),
    )  # fmt: skip
    saved = cm.price(graph, dtype="float16", training=True).values("saved_bytes")
    assert saved == [0, 0, 64, 0, 0, 64, 0]


def test_a_max_pool_keeps_its_input_and_its_places_once() -> None:
    """8 bytes a place; max_pool_indices gives the same places, so they are not kept again."""
    window = {"kernel_size": 2, "stride": 2}
    graph = network(
        (2, 4, 4), ("conv", "conv", "input", {"out_channels": 8}), ("pool", "max_pool", "conv", window),
        ("places", "max_pool_indices", "conv", window), ("back", "max_unpool", ["pool", "places"], window),
    )  # fmt: skip
    assert cm.price(graph, dtype="float16", training=True).values("saved_bytes") == [64, 256 + 8 * 32, 0, 0]


def test_what_cannot_be_trained_is_refused() -> None:
    with pytest.raises(cm.CostModelError, match="int8 has no gradients to train with; train at float32, float16"):
        cm.price(cm.load("alexnet"), dtype="int8", training=True)


# --- the front door ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch", ["2", 1.5, 0, -1, True, [1, 2], float("nan"), np.array([1, 0]), np.array(["2"])])
def test_a_batch_that_is_no_number_of_images_is_refused(batch: Any) -> None:
    for price in (cm.price, totals):
        with pytest.raises(cm.CostModelError, match=r"batch is .*; it is a whole number of at least 1"):
            price(network((2, 4, 4), HEAD), batch)


def test_numbers_of_numpy_are_batches_too() -> None:
    counted = [cm.price(network((2, 4, 4), HEAD), batch).totals for batch in (3, 3.0, np.int32(3), np.float64(3))]
    assert counted == counted[:1] * 4


@pytest.mark.parametrize("given", ["mobilenet_v1", None, cm.read("mobilenet_v1")])
def test_what_is_not_loaded_yet_is_refused(given: Any) -> None:
    with pytest.raises(cm.CostModelError, match="is no network; load it first: price"):
        cm.price(given)


def test_a_path_is_loaded_as_its_text_is(tmp_path: Path) -> None:
    file = tmp_path / "net.yaml"
    file.write_text("name: net\ntitle: Net\ninput: [3, 8, 8]\nlayers:\n  conv: {op: conv, out_channels: 4}\n")
    assert cm.price(cm.load(file)).totals == cm.price(cm.load(str(file))).totals
    assert cm.read(file).name == "net"


# --- receptive fields ------------------------------------------------------------------------------------------------


class Ones:
    """Weights that let every change through: all ones."""

    def of(self, layer: Layer) -> dict[str, Any]:
        shapes = layer.op.weights(*layer.input_shapes) | layer.op.buffers(*layer.input_shapes)
        return {name: np.ones(shape, np.float32) for name, shape in shapes.items()}


def seen_along(graph: LayerGraph, axis: int, path: str) -> list[tuple[int, int]]:
    """For each output along an axis, the first and last line of the input whose change it shows."""
    length = graph.input_shape[axis]
    images = np.zeros((length + 1, *graph.input_shape), np.float32)
    for line in range(length):
        np.moveaxis(images[line], axis, 0)[line] = 1
    out = run(graph, images, weights=Ones(), keep=[path])[path]
    changed = (out[:-1] != out[-1:]).any(axis=tuple(n for n in (1, 2, 3) if n != axis + 1))
    return [(int(where[0]), int(where[-1])) for column in changed.T if len(where := np.flatnonzero(column))]


def check_fields(graph: LayerGraph, path: str, exact: bool = True) -> None:
    row = next(row for row in cm.price(graph) if row["path"] == path)
    for axis in (1, 2):
        size, stride = row["receptive_field"][axis - 1], row["receptive_stride"][axis - 1]
        spans = seen_along(graph, axis, path)
        widest = max(last - first + 1 for first, last in spans)
        assert widest == size if exact else widest <= size
        inner = [first for first, last in spans if last - first + 1 == size]
        if len(inner) > 1 and exact:
            assert {b - a for a, b in pairwise(inner)} == {stride}


LENGTH = 48
DOWN, UP = ("conv", "max_pool", "avg_pool", "batch_norm"), ("conv_transpose", "upsample", "bilinear")


@settings(max_examples=80, deadline=None)
@given(data=st.data(), upsampling=st.booleans())
def test_receptive_fields_of_chains_are_those_of_changing_every_line(data: st.DataObject, upsampling: bool) -> None:
    """After upsampling no output sees more; a later stride may step over the one that sees most."""
    small = st.integers(1, 3)
    graph = LayerGraph("chain", (1, LENGTH, LENGTH + 3))
    for n in range(data.draw(st.integers(1, 4))):
        name = data.draw(st.sampled_from(DOWN + UP if upsampling else DOWN))
        window = {"kernel_size": (data.draw(small), data.draw(small)), "stride": (data.draw(small), data.draw(small))}
        if name == "conv":
            window |= {"out_channels": 1, "dilation": (data.draw(small), data.draw(small))}
        if name == "conv_transpose":
            window |= {"out_channels": 1}
        if name in ("upsample", "bilinear"):
            window = {"scale": data.draw(small), "bilinear": name == "bilinear"}
        op = OPERATORS["upsample" if name == "bilinear" else name](**({} if name == "batch_norm" else window))
        try:
            graph.add(f"l{n}", op, (INPUT if n == 0 else f"l{n - 1}",))
        except ShapeError:
            reject()  # the window is larger than what is left of the map
    last = graph.layers[-1]
    field = cm.price(graph).values("receptive_field")[-1]
    assume(max(field) <= LENGTH // 2)
    check_fields(graph, last.path, exact=not any(layer.op.name in ("upsample", *UP) for layer in graph.layers))


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_receptive_fields_of_branches_are_the_largest(data: st.DataObject) -> None:
    """Odd kernels and half padding, so that all branches have one centre."""
    graph = LayerGraph("branches", (1, LENGTH, LENGTH))
    top = INPUT
    for n in range(data.draw(st.integers(1, 2))):
        stride = data.draw(st.integers(1, 2))
        ends = []
        for branch in range(data.draw(st.integers(2, 3))):
            kernel, dilation = data.draw(st.sampled_from([1, 3, 5])), data.draw(st.integers(1, 2))
            fields = {"kernel_size": kernel, "dilation": dilation, "padding": kernel // 2 * dilation, "stride": stride}
            ends.append(f"l{n}.{branch}")
            graph.add(ends[-1], OPERATORS["conv"](out_channels=1, **fields), (top,))
        top = f"l{n}.join"
        graph.add(top, OPERATORS[data.draw(st.sampled_from(["add", "concat"]))](), tuple(ends))
    check_fields(graph, top)


@pytest.mark.parametrize("kernel", [2, 3, 4, 5, 6, 7])
@pytest.mark.parametrize("stride", [2, 3])
def test_a_transposed_convolution_sees_as_many_inputs_as_its_kernel_covers(kernel: int, stride: int) -> None:
    fields = {"out_channels": 1, "kernel_size": kernel, "stride": stride}
    graph = network((1, 12, 12), ("up", "conv_transpose", "input", fields))
    spans = seen_along(graph, 1, "up")
    assert cm.price(graph).values("receptive_field") == [(max(b - a + 1 for a, b in spans),) * 2]


@pytest.mark.parametrize("bilinear", [False, True])
@pytest.mark.parametrize("scale", [1, 2, 3])
def test_upsampling_sees_one_input_or_the_two_it_lies_between(scale: int, bilinear: bool) -> None:
    graph = network((1, 12, 12), ("up", "upsample", "input", {"scale": scale, "bilinear": bilinear}))
    spans = seen_along(graph, 1, "up")
    table = cm.price(graph)
    assert table.values("receptive_field") == [(max(b - a + 1 for a, b in spans),) * 2]
    assert table.values("receptive_stride") == [(pytest.approx(12 / (12 * scale)),) * 2]


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_receptive_fields_of_an_encoder_and_decoder_are_those_of_changing_every_line(data: st.DataObject) -> None:
    """Strides first, then upsampling and windows of stride 1, as in ENet and U-Net, whose skips join on the way up."""
    small = st.integers(1, 3)
    graph, top = LayerGraph("decoder", (1, LENGTH, LENGTH)), INPUT
    downs = data.draw(st.lists(st.integers(1, 3), max_size=2))
    for n, kernel in enumerate(downs):
        fields = {"out_channels": 1, "kernel_size": kernel, "stride": 2, "padding": "same"}
        graph.add(f"down{n}", OPERATORS["conv"](**fields), (top,))
        top = f"down{n}"
    for n in range(data.draw(st.integers(1, 2))):
        kernel, stride, odd = data.draw(st.integers(1, 5)), data.draw(st.integers(2, 3)), data.draw(st.booleans())
        fields = {"out_channels": 1, "kernel_size": max(kernel, stride), "stride": stride}
        graph.add(f"up{n}", OPERATORS["upsample"](scale=2) if odd else OPERATORS["conv_transpose"](**fields), (top,))
        graph.add(f"conv{n}", OPERATORS["conv"](out_channels=1, kernel_size=data.draw(small)), (f"up{n}",))
        top = f"conv{n}"
    assume(max(cm.price(graph).values("receptive_field")[-1]) <= LENGTH // 2)
    widest = max(last - first + 1 for first, last in seen_along(graph, 1, top))
    assert cm.price(graph).values("receptive_field")[-1] == (widest, widest)


@pytest.mark.parametrize("last", ["conv", "upsample"])
@pytest.mark.parametrize(("scale", "stride"), [(2, 2), (3, 2), (2, 3), (4, 2), (4, 3), (3, 3)])
def test_a_stride_over_upsampled_positions_steps_over_what_one_of_them_sees_at_most(
    scale: int, stride: int, last: str
) -> None:
    """Every output of a map long enough to hold all ways in which windows and repeats can meet."""
    for kernel in range(stride, 6):
        graph = network(
            (1, 20, 20), ("up", "upsample", "input", {"scale": scale}),
            ("down", "conv", "up", {"out_channels": 1, "kernel_size": kernel, "stride": stride}),
            ("last", last, "down", {"scale": 3} if last == "upsample" else {"out_channels": 1, "kernel_size": 4}),
            ("end", "conv", "last", {"out_channels": 1, "kernel_size": 3}),
        )  # fmt: skip
        widest = max(b - a + 1 for a, b in seen_along(graph, 1, "end"))
        assert widest <= cm.price(graph).values("receptive_field")[-1][0] <= widest + 1


def test_a_gate_sees_everything_and_leaves_the_stride() -> None:
    """Squeeze-and-excitation (Hu et al. 2018): every pixel now depends on the whole map, however large that is."""
    graph = network(
        (1, 30, 20), ("conv", "conv", "input", {"out_channels": 2, "kernel_size": 3, "stride": 2, "padding": 1}),
        ("pool", "global_avg_pool", "conv", {"keep_dims": True}), ("gate", "conv", "pool", {"out_channels": 2}),
        ("out", "multiply", ["gate", "conv"]), ("after", "conv", "out", {"out_channels": 1, "kernel_size": 3}),
    )  # fmt: skip
    rows = {row["path"]: row for row in cm.price(graph)}
    assert rows["conv"]["receptive_field"] == (3, 3)
    for path in ("pool", "gate", "out", "after"):
        assert rows[path]["receptive_field"] == (math.inf, math.inf)
    assert rows["out"]["receptive_stride"] == (2, 2)
    assert seen_along(graph, 1, "out") == [(0, 29)] * 15
    assert rows["after"]["receptive_stride"] == (2, 2)


@pytest.mark.parametrize(
    "up", [("conv_transpose", {"out_channels": 2, "kernel_size": 4, "stride": 2}), ("upsample", {})]
)
def test_what_is_spread_from_a_global_pool_still_sees_everything(up: tuple[str, dict[str, Any]]) -> None:
    graph = network(
        (1, 30, 20), ("pool", "global_max_pool", "input", {"keep_dims": True}), ("up", up[0], "pool", up[1]),
        ("end", "conv", "up", {"out_channels": 1, "kernel_size": 2}),
    )  # fmt: skip
    assert cm.price(graph).values("receptive_field") == [(math.inf, math.inf)] * 3
    assert seen_along(graph, 1, "end")[0] == (0, 29)


def test_a_global_pool_at_the_end_leaves_the_field_of_the_map_before_it() -> None:
    graph = network(
        (1, 30, 20), ("conv", "conv", "input", {"out_channels": 2, "kernel_size": 3}),
        ("pool", "global_avg_pool", "conv", {"keep_dims": True}), ("end", "conv", "pool", {"out_channels": 2}),
    )  # fmt: skip
    assert cm.price(graph).totals.receptive_field == (3, 3)


def test_vectors_and_tokens_have_no_receptive_field() -> None:
    conv = ("patches", "conv", "input", {"out_channels": 4, "kernel_size": 4, "stride": 4})
    flat = network((3, 8, 8), conv, ("flat", "flatten", "patches"), ("fc", "linear", "flat", FC))
    table = cm.price(flat)
    assert table.values("receptive_field") == [(4, 4), None, None]
    assert (table.totals.receptive_field, table.totals.receptive_stride) == ((4, 4), (4, 4))
    tokens = network((3, 8, 8), conv, ("t", "tokens", "patches"), ("mix", "attention", ["t"] * 3, {"heads": 1}))
    assert cm.price(tokens).totals.receptive_field is None


def test_the_whole_network_is_seen_from_its_last_layer_not_from_a_head_beside_it() -> None:
    graph = network(
        (3, 16, 16), ("a", "conv", "input", {"out_channels": 4, "kernel_size": 3}),
        ("side", "conv", "a", {"out_channels": 4, "kernel_size": 9}), ("pool", "global_avg_pool", "a"),
        ("fc", "linear", "pool", FC), outputs=("side",),
    )  # fmt: skip
    assert cm.price(graph).totals.receptive_field == (3, 3)


def test_groups_are_those_of_convolutions_only():
    graph = LayerGraph("grouped", (8, 4, 4))
    graph.add("conv", OPERATORS["conv"](out_channels=8, groups=4), (INPUT,))
    graph.add("shuffle", OPERATORS["channel_shuffle"](groups=2), ("conv",))
    graph.add("up", OPERATORS["conv_transpose"](out_channels=8, kernel_size=2, stride=2, groups=8), ("shuffle",))
    assert cm.price(graph).columns["groups"] == [4, 1, 8]


# --- what earlier steps kept -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch", [1, 3])
def test_a_step_of_decoding_reads_the_keys_and_values_of_the_tokens_before(batch: int) -> None:
    def step(past: int) -> LayerGraph:
        graph = LayerGraph("step", (1, 12))
        for name, width in (("q", 12), ("k", 6), ("v", 4)):
            graph.add(name, OPERATORS["linear"](out_features=width), ("input",))
            if name != "q":
                graph.mark_output(name)
        graph.add("mix", OPERATORS["attention"](heads=4, kv_heads=2, past=past), ("q", "k", "v"))
        return graph

    none, some = (cm.price(step(past), batch=batch, dtype="float16") for past in (0, 7))
    kept = 7 * (6 + 4) * 2 * batch  # tokens, features of a key and a value, bytes
    assert some.columns["input_bytes"][-1] - none.columns["input_bytes"][-1] == kept
    for name in ("input_bytes", "traffic_bytes", "fused_traffic_bytes"):
        assert getattr(some.totals, name) - getattr(none.totals, name) == kept
        assert sums(step(7), batch, "float16", [name])[name] == getattr(some.totals, name)
    assert some.totals.output_bytes == none.totals.output_bytes


class Compared(int):
    """A size that counts how often it is compared."""

    times = 0

    def __lt__(self, other):
        Compared.times += 1
        return int(self) < int(other)

    def __gt__(self, other):
        Compared.times += 1
        return int(self) > int(other)

    def __eq__(self, other):
        Compared.times += 1
        return int(self) == int(other)

    __hash__ = int.__hash__


def test_the_view_of_a_merge_takes_work_in_proportion_to_its_inputs():
    inputs = 500
    _merged([START] * inputs, [(3, Compared(8))] * inputs, 1)
    assert 0 < Compared.times <= 5 * inputs
