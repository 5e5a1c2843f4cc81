"""Law 7: what is written to ONNX comes back as the same rows, and recognising what was read loses nothing."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
import onnx
import pytest
from graphs import WITH_INDICES, graphs
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from meanings import meaning
from onnx import TensorProto, numpy_helper
from ops.strategies import CASES
from small import FAMILY

import costmodel as cm
from costmodel.graph import INPUT, Layer, LayerGraph
from costmodel.onnx import read as reading
from costmodel.onnx.export import to_onnx
from costmodel.onnx.messages import model_of
from costmodel.onnx.read import graph_of
from costmodel.ops import OPERATORS
from costmodel.ops.base import axes_of
from costmodel.ops.cast import dtype_of
from costmodel.pricing import STEP, totals
from costmodel.pricing.table import COLUMNS, Totals
from costmodel.pricing.walk import Walk
from costmodel.reading.network import Network
from costmodel.spec.library import names
from costmodel.tensor import Tensor


class NoWeights:
    """Arrays of the right shapes that take no memory."""

    def of(self, layer: Any) -> dict[str, Any]:
        shapes = layer.op.weights(*layer.input_shapes) | layer.op.buffers(*layer.input_shapes)
        return {name: np.broadcast_to(np.float32(1), shape) for name, shape in shapes.items()}


def elsewhere(array: Any, name: str) -> TensorProto:
    """A tensor whose numbers would be in another file, which is not there."""
    return TensorProto(dims=array.shape, data_type=TensorProto.FLOAT, name=name, data_location=TensorProto.EXTERNAL)


def read(model: onnx.ModelProto) -> LayerGraph:
    return graph_of(model_of(model.SerializeToString(), "net.onnx"), "net.onnx", "net")


def without_weights(graph: LayerGraph, monkeypatch: Any) -> onnx.ModelProto:
    """A network as a file that holds no weights."""
    whole = numpy_helper.from_array
    with monkeypatch.context() as patched:
        patched.setattr(
            numpy_helper, "from_array", lambda array, name="": elsewhere(array, name) if name else whole(array, name)
        )
        return to_onnx(graph, "batch", NoWeights())


def sums(graph: LayerGraph) -> tuple[Any, ...]:
    return summed(totals(graph, batch=1))


def summed(totals: Totals) -> tuple[Any, ...]:
    """Which of its arrays were trained, a file does not say."""
    return totals.params + totals.buffers, totals.mult_adds, totals.other_ops


def priced(graph: LayerGraph, batch: int, training: bool) -> tuple[list[dict[str, Any]], Totals]:
    """The rows of a cost table and their sums, without the plan of a whole step, which nobody compares."""
    walk = Walk(graph, batch, None, training)
    columns = (*COLUMNS, *(STEP if training else ()))
    return [{name: row[name] for name in columns} for row in walk.rows()], walk.totals()


def computed(graph: LayerGraph) -> list[Layer]:
    """The layers that depend on an input, but for those that do nothing: the others are computed once, beforehand."""
    return [one for one in graph.layers if one.batched and one.op.name != "identity"]


def said(graph: LayerGraph) -> list[Any]:
    """What is to come back of each layer: its path, what it does, what it reads that is computed, and what it gives."""
    kept = {one.path for one in computed(graph)} | set(graph.inputs)
    through = {one.path: one.inputs[0] for one in graph.layers if one.op.name == "identity"}
    rows = []
    for one in computed(graph):
        reads = [through.get(name, name) for name in one.inputs]
        shapes = one.input_shapes[: 1 if one.op.name == "crop" and len(one.input_shapes) == 1 else None]
        rows.append((one.path, meaning(one.op, *shapes), [name for name in reads if name in kept], one.shape))
    return rows


FOLDED = {"bert", "llama_block", "swin"}
"""Networks with tables that are looked up at known places, or angles: those are computed beforehand, and what they cost
is said apart.
"""
NOT_SAID = FOLDED | {"gpt2", "lstm_lm", "mobilenet_ssd", "squeezenet_ssd", "unet", "yolov8"}
"""And those of which a file says too little for all that is moved: which map another is cropped to, whether numbers
that are added to a map are trained, what a table holds that is looked up at known places, where the batch is between
nodes that have it on another axis, and that a map of one place was moved when its channels were put in rows.
"""
PADDED = {"nin_cifar10"}
"""And those of which a file says padding where the spec says `ceil_mode`: PyTorch pads a map before it pools it, where
one side alone is padded, and keeps the padded one.
"""
COUNTED = ("path", "mult_adds", "other_ops", "groups")


ONE_OF_EACH = {family: name for name, family in FAMILY.items()}.values()


@pytest.mark.parametrize("name", names())
def test_every_network_comes_back_layer_by_layer(name, monkeypatch):
    """Paths, what each layer does, wiring, shapes and each column of the cost table of all that is computed. Of one
    network of each family: counts before and after it is recognised, part by part.
    """
    graph = cm.load(name)
    model = without_weights(graph, monkeypatch)
    if name in ONE_OF_EACH:
        back, before, after = recognised(model)
        assert before == after
        assert before[0] > 0
    else:
        back = read(model)
    ours, theirs = said(graph), said(back)
    if FAMILY[name] in NOT_SAID:
        ours, theirs = (
            [(row[0], prod(row[3]), row[1][0] == "attention" and row[1]) for row in rows] for rows in (ours, theirs)
        )
    assert theirs == ours
    assert set(back.outputs) == set(graph.outputs)
    for batch, training in ((1, True),) if back.whole else ((2, False), (1, True)):
        (ours, our_sums), (theirs, their_sums) = (
            ([columns(row, FAMILY[name]) for row in rows if row["path"] in kept], summed(totals))
            for one in (graph, back)
            for kept in [{layer.path for layer in computed(one)}]
            for rows, totals in [priced(one, batch, training)]
        )
        assert theirs == ours
        assert FAMILY[name] in FOLDED or their_sums == our_sums


def columns(row: dict[str, Any], family: str) -> dict[str, Any]:
    """A row without the names that mean the same and what follows from them, or only what is counted."""
    left_out = ["op", "operator", "inputs", "kind", "input", "kernel", "dtype", *["saved_bytes"][: family in PADDED]]
    every = family not in NOT_SAID
    return {name: value for name, value in row.items() if (name not in left_out if every else name in COUNTED)}


@settings(max_examples=120, deadline=None, phases=[Phase.generate])
@given(graphs(ops=WITH_INDICES), st.sampled_from([1, "batch"]))
def test_random_networks_come_back_with_their_costs(graph, batch):
    for path, readers in graph.readers().items():
        if not readers and path != INPUT:
            graph.mark_output(path)
    arrays = [
        shape
        for one in graph.layers
        for shape in {**one.op.weights(*one.input_shapes), **one.op.buffers(*one.input_shapes)}.values()
    ]
    assume(all(prod(shape) > 1 for shape in arrays))
    assume(
        not any("pool" in one.op.name and prod(one.input_shapes[0][1:]) == 1 for one in graph.layers)
    )  # of one place
    back = read(to_onnx(graph, batch))
    assert sums(back) == sums(graph)
    assert {back.shape(path) for path in back.outputs} <= {graph.shape(path) for path in graph.outputs}


def case_of(name: str, data: Any) -> Any:
    """A case of an operator without sizes of 1, of which a file does not say what they were."""
    case = data.draw(CASES[name])
    arrays = {**case.op.weights(*case.shapes), **case.op.buffers(*case.shapes)}
    assume(all(prod(shape) > 1 for shape in arrays.values()))
    assume(not (name == "softshrink" and case.op.lambd == 0))
    assume(not (name == "cast" and dtype_of(case.op.to) == case.dtypes[0]))  # of what it is already no node makes it
    if name in ("mean", "max"):  # over all of space they are pools, which have no division of their own
        own = axes_of(case.shapes[0], case.op.axis, "axis")
        assume(own != tuple(range(1, len(case.shapes[0]))))
    return case


def alone(case: Any) -> LayerGraph:
    """An operator as a network."""
    inputs = {
        f"x{at}": Tensor(shape, kind) for at, (shape, kind) in enumerate(zip(case.shapes, case.dtypes, strict=True))
    }
    graph = LayerGraph("one", {**inputs, "other": Tensor((3,))})
    graph.add("stored", OPERATORS["layer_scale"](), ("other",))  # so that the file has weights, and knows what is none
    graph.mark_output("stored")
    graph.add("one", case.op, tuple(inputs))
    return graph


@pytest.mark.parametrize("name", sorted(CASES))
@settings(max_examples=12, deadline=None, phases=[Phase.generate], suppress_health_check=[HealthCheck.filter_too_much])
@given(data=st.data(), batch=st.sampled_from([1, "batch"]))
def test_every_operator_comes_back_with_its_costs(name, data, batch):
    """Of what is mixed with the batch, such as axes before its own, a file says no more than that."""
    graph = alone(case_of(name, data))
    back = read(to_onnx(graph, batch))
    assert sums(back) == sums(graph)
    own = [one for one in back.layers if one.path != "stored"]
    if own:
        assert prod(own[-1].shape) == prod(graph.shape("one"))


NAMES = {*"flip gather gather_elements gather_nd isnan max_unpool scatter_nd tril triu".split()}
"""What is read at its cost, but is not yet called what it is."""


KIN = {
    "adaptive_avg_pool": "global_avg_pool avg_pool",
    "adaptive_max_pool": "global_max_pool max_pool",
    "attention": "",
    "broadcast_to": "",
    "group_norm": "instance_norm",
    "grid_sample": "",
    "constant": "parameter",
    "matmul": "",
    "pad": "pad_channels",
    "tile": "",
    "unfold": "",
}
"""Operators whose fields may say the same in several ways, and what else may be said of their simplest forms."""
SIZED = ("squeeze", "unsqueeze", "flatten", "rearrange", "reshape", "crop")


@pytest.mark.parametrize("name", [name for name in sorted(CASES) if name not in NAMES])
@settings(max_examples=12, deadline=None, phases=[Phase.generate], suppress_health_check=[HealthCheck.filter_too_much])
@given(data=st.data())
def test_every_operator_comes_back_as_itself(name, data):
    """Where no axis is of size 1; what stands before an operator's own axes is laid to the batch, and apart again."""
    case = case_of(name, data)
    out = case.op.shape(*case.shapes)
    assume(name in SIZED or all(size > 1 for shape in (*case.shapes, out) for size in shape))
    assume(
        name != "top_k" or len(case.shapes) == 1
    )  # values at places are gathered, of which it is not said where from
    layers = [one for one in read(to_onnx(alone(case), "batch")).layers if one.path != "stored"]
    if not layers:
        assert out == case.shapes[0]
    elif name in KIN:
        assert layers[-1].op.name in (name, *KIN[name].split()) or len(layers) > 1
    elif len(layers) == 1:
        assert meaning(layers[0].op, *layers[0].input_shapes) == meaning(case.op, *case.shapes)
    else:
        assert name in LEADING


LEADING = (
    "batch_norm",
    "instance_norm",
    "lstm",
    "gru",
    "rnn",
    "conv",
    "conv_transpose",
    "max_pool",
    "avg_pool",
    "fold",
)
"""What ONNX's nodes know no axes but the batch before."""


TOP = {
    "values": ("top_k",),
    "places": ("top_k_indices",),
    "values of the places": ("top_k_indices", "top_k of them"),
    "each by itself": ("top_k", "top_k_indices"),
}
"""What is asked of the largest elements, and by whom."""


@pytest.mark.parametrize("case", TOP)
def test_who_finds_the_largest_makes_the_comparisons(case):
    """Of 12 numbers each is compared once with the smallest that is kept; values of known places are only taken."""
    graph = LayerGraph("one", {"x": Tensor((3, 4))})
    for name in TOP[case]:
        op, _, of_them = name.partition(" ")
        graph.add(name, OPERATORS[op](k=2, axis=0), ("x", "top_k_indices") if of_them else ("x",))
        graph.mark_output(name)
    back = read(to_onnx(graph, "batch"))
    wanted = [12, 0] if "of" in case else [12] * len(TOP[case])
    assert [row["other_ops"] for row in cm.price(back)] == [row["other_ops"] for row in cm.price(graph)] == wanted


TOP_NODE = {
    "values": (["values"], [("top_k", 12, ["x"])]),
    "places": (["places"], [("top_k_indices", 12, ["x"])]),
    "both": (["values", "places"], [("top_k_indices", 12, ["x"]), ("top_k", 0, ["x", "0"])]),
}
"""What is read of one node that gives values and places: each layer, its comparisons, and what it reads."""


@pytest.mark.parametrize("case", TOP_NODE)
def test_one_node_that_finds_the_largest_compares_once(case):
    names, wanted = TOP_NODE[case]
    node = onnx.helper.make_node("TopK", ["x", "k"], ["values", "places"], "top", axis=1)
    kinds = {"values": TensorProto.FLOAT, "places": TensorProto.INT64}
    graph = onnx.helper.make_graph(
        [node],
        "one",
        [onnx.helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 3, 4])],
        [onnx.helper.make_tensor_value_info(name, kinds[name], None) for name in names],
        [numpy_helper.from_array(np.array([2]), "k")],
    )
    back = read(onnx.helper.make_model(graph))
    at = {one.path: str(place) for place, one in enumerate(back.layers)}
    rows = zip(back.layers, cm.price(back), strict=True)
    assert [(one.op.name, row["other_ops"], [at.get(n, n) for n in one.inputs]) for one, row in rows] == wanted


def of_type(body: Any, op_type: str) -> list[Any]:
    return [node for node in body.node if node.op_type == op_type]


def turned_gates(body: Any) -> None:
    """The gate of what enters, and that of what is forgotten, the other way round."""
    first, second, _ = of_type(body, "Sigmoid")
    first.input[0], second.input[0] = second.input[0], first.input[0]


OTHER_CELLS: dict[str, Any] = {
    "another nonlinearity": lambda body: of_type(body, "Tanh")[0].MergeFrom(onnx.NodeProto(op_type="Relu")),
    "a difference": lambda body: of_type(body, "Add")[-1].MergeFrom(onnx.NodeProto(op_type="Sub")),
    "gates in another order": turned_gates,
    "another result": lambda body: body.output[2].CopyFrom(body.output[1]),
}


@pytest.mark.parametrize("case", [None, *OTHER_CELLS])
def test_only_the_steps_of_a_projected_lstm_are_one(case):
    """Of 7 tokens with 5 features: (5 + 3) * 4 * 4 + 4 * 3 mult-adds each."""
    graph = LayerGraph("one", {"x": Tensor((7, 5))})
    graph.add("one", OPERATORS["lstm"](hidden_size=4, proj_size=3, bias=False), ("x",))
    model = to_onnx(graph)
    (node,) = of_type(model.graph, "Scan")
    (body,) = (one.g for one in node.attribute if one.name == "body")
    if case:
        OTHER_CELLS[case](body)
    back = read(model)
    assert ("lstm" in {one.op.name for one in back.layers}) == (case is None)
    assert case or cm.price(back).totals.mult_adds == 7 * 140


SOURCES: dict[str, tuple[dict[str, Any], str | None, str, tuple[int, int]]] = {
    "parameter": ({"size": (4, 5)}, None, "maximum", (20, 0)),
    "constant": ({"size": (4, 5), "value": 0.5}, None, "", (0, 0)),
    "constant, indices": ({"size": (4, 5), "below": 7}, "int64", "maximum", (0, 20)),
    "constant, a mask": ({"size": (4, 5), "mask": True}, "bool", "and", (0, 20)),
    "arange": ({"start": 2, "stop": 6}, "int64", "maximum", (0, 0)),
}
"""Fields of a source, its kind, what reads it, and its params and buffers."""


@pytest.mark.parametrize("output", [False, True])
@pytest.mark.parametrize("case", SOURCES)
def test_sources_come_back_where_they_are_read_or_given(case, output):
    """What they hold, its size, whether it is trained; there once, not once for each image."""
    fields, kind, reader, stored = SOURCES[case]
    op = OPERATORS[case.partition(",")[0]](**fields)
    graph = LayerGraph("one", {"x": Tensor(op.shape(), kind)})
    graph.add("held", op, ())
    graph.add("both", OPERATORS[reader or "abs"](), ("x", "held") if reader else ("x",))
    if output or not reader:
        graph.mark_output("held")
    back = read(to_onnx(graph, "batch"))
    (held,) = (one for one in back.layers if not one.inputs)
    assert (held.op.name, held.shape, held.batched) == (op.name, op.shape(), False)
    assert held.op == op or case in ("constant, indices", "constant, a mask")
    assert (held.path in back.outputs) == (output or not reader)
    totals, ours = (cm.price(one, batch=3).totals for one in (back, graph))
    assert (totals.params, totals.buffers, totals.input_bytes) == (*stored, ours.input_bytes)


def counts(network: Network) -> tuple[int, int]:
    """The mult-adds and stored numbers of all parts, each array once."""
    arrays = {}
    mult_adds = 0
    for part in network.parts.values():
        shapes = [network.shape(source) for source in part.inputs]
        mult_adds += int(part.op.cost(*shapes).mult_adds)
        assert tuple(part.op.shape(*shapes)) == part.shape
        values = [*part.arrays.values(), *(one for one in part.inputs if not isinstance(one, str))]
        arrays |= {array.name: array.size for value in values for array in value.arrays}
    return mult_adds, sum(arrays.values())


def recognised(model: onnx.ModelProto) -> tuple[LayerGraph, tuple[int, int], tuple[int, int]]:
    """Return the network in a file, and its counts before and after it is recognised, which leaves its parts in the
    order of running.
    """
    found: list[Any] = []
    whole = reading.recognised

    def watched(network: Network) -> None:
        found.append(counts(network))
        whole(network)
        found.append(counts(network))
        places = {path: at for at, path in enumerate(network.parts)}
        reads = [(one, part.path) for part in network.parts.values() for one in network.sources(part)]
        assert all(places.get(one, -1) < places[path] for one, path in reads)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(reading, "recognised", watched)
        graph = read(model)
    before, after = found
    return graph, before, after


@settings(max_examples=60, deadline=None, phases=[Phase.generate])
@given(graphs(ops=WITH_INDICES))
def test_recognition_keeps_mult_adds_and_params_of_random_networks(graph):
    _, before, after = recognised(to_onnx(graph, 1))
    assert before == after


def test_many_parts_of_one_name_are_told_apart():
    graph = LayerGraph("one", (4, 5, 5))
    last = INPUT
    for at in range(30):
        last = graph.add(f"a.{at}", OPERATORS["relu"](), (last,)).path
    model = to_onnx(graph)
    for node in model.graph.node:
        node.name = "same"
    back = read(model)
    assert [one.path for one in back.layers] == ["same", *(f"same_{n}" for n in range(2, 31))]
