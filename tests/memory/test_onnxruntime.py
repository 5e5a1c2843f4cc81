"""What ONNX Runtime plans: its own blocks, the kernels that it runs, and what must hold of any plan."""

from dataclasses import replace
from math import prod

import pytest
from graphs import graphs, network
from hypothesis import given, settings
from latency.onnx_runtime import Halves
from ops.strategies import CASES

import costmodel as cm
from costmodel.bench.onnx_runner import BLOCKED, OnnxRuntime
from costmodel.errors import CostModelError
from costmodel.graph import LayerGraph
from costmodel.onnx.export import to_onnx
from costmodel.ops import OPERATORS
from costmodel.pricing.memory.onnxruntime import optimised, plan
from costmodel.pricing.memory.onnxruntime.buffers import VIEWS
from costmodel.pricing.memory.onnxruntime.record import LOOP, _Recorder, record
from costmodel.tensor import Tensor
from memory.onnx_runtime import build, facts, over

FACTS = facts()
BY_ADDRESS = {("efficientnet_b3", 1, 16)}
"""Where ONNX Runtime's own block depends on the addresses at which its values happen to lie: it lists the maps that it
turns back in the order of a hash map of pointers, and runs them in that order. (For fcn_resnet50 it has planned
77,875,200 bytes and 112,486,400 in turn.)
"""
ALIVE = ("squeezenet", "resnet20", "mobilenet_v1_025", "densenet121", "deit_ti", "ds_cnn")
"""Networks in which no two maps wait to be turned back for one kernel: their order does not depend on addresses."""
FUSED = {"FusedGemm": "Gemm"}
IMAGES = 64
"""So many that every tensor fills whole 256 bytes."""
many = settings(max_examples=40, deadline=None)


@pytest.mark.parametrize("fact", FACTS, ids=[f"{name} x {batch} in {lanes}" for name, batch, lanes, _ in FACTS])
def test_the_block_is_what_onnx_runtime_planned(fact):
    name, batch, lanes, size = fact
    found = plan(build(name), batch, "float32", lanes).bytes
    assert (found == size) is (fact[:3] not in BY_ADDRESS), (found, size)


def test_what_was_measured():
    measured = {(name, batch, lanes) for name, batch, lanes, _ in FACTS}
    assert measured >= BY_ADDRESS
    assert {name for name, *_ in measured} >= set(over())
    assert len({name for name, batch, _ in measured if batch == 1}) > 50
    assert len({name for name, batch, _ in measured if batch == 8}) > 12
    assert len({name for name, _, lanes in measured if lanes == 8}) > 12


@pytest.fixture(scope="module")
def lanes(tmp_path_factory):
    """The channels of a block on this processor."""
    return OnnxRuntime(1, tmp_path_factory.mktemp("models")).lowering.lanes


def reads(names):
    """How many inputs are not left out."""
    return sum(map(bool, names))


def on_blocks(node):
    return "lanes" in node.attributes or node.kind == "ReorderOutput"


@pytest.mark.parametrize("name", ALIVE)
def test_kernels_are_those_that_onnx_runtime_runs_on_this_processor_in_its_order(name, lanes, tmp_path):
    import onnx
    import onnxruntime as ort

    if lanes == 1:
        return  # this processor has no blocks
    options = ort.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    graph = build(name)
    ort.InferenceSession(to_onnx(graph, 1, Halves()).SerializeToString(), options, providers=["CPUExecutionProvider"])
    theirs = [
        (FUSED.get(node.op_type, node.op_type), node.domain == BLOCKED, reads(node.input) * ("Conv" in node.op_type))
        for node in onnx.load(options.optimized_model_filepath).graph.node
    ]
    ours = [
        (node.kind, on_blocks(node), reads(node.inputs) * ("Conv" in node.kind))
        for node in optimised(graph, 1, lanes).ordered()
    ]
    assert ours == theirs


@many
@given(graphs(most=14))
def test_blocks_that_live_together_do_not_overlap_and_all_lie_within(graph):
    made = plan(graph, 3, "float32")
    for moment in range(len(made.moments)):
        end = 0
        for block in sorted(made.alive(moment), key=lambda block: block.offset):
            assert end <= block.offset
            end = block.offset + block.bytes
        assert end <= made.bytes
    assert max(made.held, default=0) <= made.bytes


@many
@given(graphs(most=14))
def test_what_a_kernel_reads_is_held_while_it_runs(graph):
    made, nodes = plan(graph, 2, "float32"), optimised(graph, 2)
    order = nodes.ordered()
    home = {}
    for node in order:
        source = node.inputs[0] if node.kind in VIEWS else ""
        home |= {name: home.get(source, source) or name for name in node.outputs}
    callers = {home.get(name, name) for name in (*graph.inputs, *graph.outputs)}
    for moment, node in enumerate(order):
        read = {home.get(name, name) for name in node.inputs if name and not nodes.stored(name)}
        sizes = [4 * prod(nodes.values[name].shape) for name in read - callers]
        assert sum(sizes) <= made.held[moment]


@many
@given(graphs(most=14))
def test_a_batch_takes_as_many_times_the_memory(graph):
    one = plan(graph, IMAGES, "float32")
    three = plan(graph, 3 * IMAGES, "float32")
    assert three.bytes == 3 * one.bytes
    assert three.held == tuple(3 * held for held in one.held)


@pytest.mark.parametrize("name", sorted(OPERATORS.keys() - {"opaque"}))
def test_nodes_give_what_the_operator_gives(name, monkeypatch):
    """Every node that a page writes is known, and its shape and dtype follow."""
    found = []
    finish = _Recorder._finish

    def watched(self, result, whole):
        found.append((self.nodes.values[result], whole))
        finish(self, result, whole)

    monkeypatch.setattr(_Recorder, "_finish", watched)

    @settings(max_examples=8, deadline=None, database=None)
    @given(CASES[name])
    def law(case):
        reads = [Tensor(shape, dtype) for shape, dtype in zip(case.shapes, case.dtypes, strict=True)]
        graph = LayerGraph("case", {f"x{place}": tensor for place, tensor in enumerate(reads)} or (1,))
        graph.add("op", case.op, tuple(f"x{place}" for place in range(len(reads))))
        found.clear()
        record(graph, 2)
        made, whole = found[0]
        assert (made.shape, made.dtype) == (whole.shape, whole.dtype)

    law()


def test_a_layer_of_unknown_cost_makes_a_lower_bound():
    graph = network((2, 4, 4), ("a", "tanh", "input"))
    graph.add("b", OPERATORS["opaque"](type="Strange", size=(3, 4)), ("a",))
    graph.add("c", OPERATORS["tanh"](), ("b",))
    made = plan(graph, 1, "float32")
    assert made.lower_bound
    assert made.notes[1] == "layers of unknown cost are taken as one kernel each, that needs nothing besides its result"
    assert [(block.path, block.bytes) for block in made.blocks] == [("a", 128), ("b", 48)]


def test_a_loop_over_steps_makes_a_lower_bound():
    graph = LayerGraph("loop", (5, 6))
    graph.add("lstm", OPERATORS["lstm"](hidden_size=4, proj_size=2), ("input",))
    graph.add("out", OPERATORS["tanh"](), ("lstm",))
    made = plan(graph, 1, "float32")
    assert made.lower_bound
    assert made.notes[1] == "what a loop over steps needs within it is not counted"
    assert LOOP in {node.kind for node in optimised(graph, 1).ordered()}


def test_other_dtypes_are_refused():
    with pytest.raises(CostModelError) as refused:
        plan(network((2, 4, 4), ("a", "tanh", "input")), 1, "int8")
    assert str(refused.value) == (
        "the memory that ONNX Runtime plans is known at float32, not at int8: "
        "on a processor it computes that by casts or by other kernels"
    )


def test_what_the_caller_holds_is_not_in_the_block():
    made = plan(network((2, 4, 4), ("a", "tanh", "input"), outputs=("a",)), 1, "float32")
    assert (made.bytes, made.blocks, len(made.moments)) == (0, (), 1)
    assert not made.lower_bound


def test_a_plan_says_for_which_layer_each_kernel_runs():
    graph = cm.load("resnet18")
    made = plan(graph, 1, "float32")
    assert {moment.path for moment in made.moments} <= {layer.path for layer in graph.layers}
    assert made.held[made.peak] == max(made.held)
    assert replace(made, blocks=()).held == (0,) * len(made.moments)


def test_layers_between_int8_numbers_are_remarked_on():
    graph = network((2, 4, 4), ("a", "quantize", "input"), ("b", "dequantize", "a"), ("c", "tanh", "b"))
    note = "kernels that ONNX Runtime would make of layers between int8 numbers are not known here"
    assert plan(graph, 1, "float32").notes[1] == note
