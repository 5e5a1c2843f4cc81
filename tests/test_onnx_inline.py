"""Local functions of ONNX files: what is written in the place of their calls computes the same, and is bounded."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import AttributeProto, TensorProto, helper, numpy_helper

import costmodel as cm
from costmodel.onnx import inline
from costmodel.onnx.inline import inlined
from costmodel.onnx.messages import model_of
from costmodel.onnx.model import Graph
from costmodel.onnx.stored import DTYPES, Stored

OPSETS = [helper.make_opsetid("", 18), helper.make_opsetid("own", 1)]


def node(op, reads, gives, domain="", name=None, **attributes):
    return helper.make_node(
        op, reads.split(" "), gives.split(" "), name=gives.split()[0] if name is None else name, domain=domain,
        **attributes,
    )  # fmt: skip


def function(name, *nodes, reads=("a",), gives=("b",), attributes=(), defaults=(), version=18):
    opsets = [helper.make_opsetid("", version), helper.make_opsetid("own", 1)]
    return helper.make_function("own", name, reads, gives, nodes, opsets, list(attributes), list(defaults))


def taken(attribute, name, kind):
    """Return an attribute that takes the value of the function's own."""
    return AttributeProto(name=attribute, ref_attr_name=name, type=kind)


def model_with(*nodes, functions=(), gives=("y",), arrays=()):
    reads = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 3])]
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2, 3]) for name in gives]
    graph = helper.make_graph(nodes, "net", reads, outputs, arrays)
    return helper.make_model(graph, opset_imports=OPSETS, functions=functions, ir_version=10)


def read(model):
    return inlined(model_of(model.SerializeToString(), "net.onnx"), "net.onnx")


def written(graph):
    """Write a graph that was read as ONNX's own message."""
    nodes = []
    for one in graph.nodes:
        attributes = {name: value_of(value) for name, value in one.attributes.items()}
        nodes.append(helper.make_node(one.op_type, one.inputs, one.outputs, domain=one.domain, **attributes))
    infos = [list(map(info_of, some)) for some in (graph.inputs, graph.outputs)]
    arrays = [numpy_helper.from_array(array.values(), name) for name, array in graph.arrays.items()]
    return helper.make_graph(nodes, "net", *infos, arrays)


def info_of(info):
    return helper.make_tensor_value_info(info.name, DTYPES.index(info.dtype) + 1, info.shape)


def value_of(value):
    if isinstance(value, Graph):
        return written(value)
    return numpy_helper.from_array(value.values()) if isinstance(value, Stored) else value


def computed(model, x):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options).run(None, {"x": x})


def computes_the_same(model):
    """Compute a model in ONNX Runtime, with its functions, and what was made of it without."""
    after = read(model)
    assert not after.functions
    whole = helper.make_model(written(after.graph), opset_imports=OPSETS, ir_version=10)
    onnx.checker.check_model(whole)
    x = np.array([[1, -2, 3], [-4, 5, -6]], np.float32)
    for one, other in zip(computed(model, x), computed(whole, x), strict=True):
        assert np.array_equal(one, other)
    return after


def test_a_function_called_twice_is_written_twice_under_names_of_its_own():
    twice = function("F", node("Relu", "a", "t"), node("Neg", "t", "b"))
    model = model_with(node("F", "x", "m", "own", "one"), node("F", "m", "y", "own", "two"), functions=[twice])
    after = computes_the_same(model)
    assert [one.path for one in after.graph.nodes] == ["one.t", "one.b", "two.t", "two.b"]


def test_names_of_the_function_do_not_meet_those_around_it():
    made = function("F", node("Relu", "x", "t"), node("Sub", "x t", "y"), reads=["x"], gives=["y"])
    model = model_with(
        node("Neg", "x", "t"), node("F", "t", "t__1", "own"), node("Add", "t__1 t", "y"), functions=[made]
    )
    computes_the_same(model)


def test_functions_in_functions_take_attributes_from_the_call_or_by_default():
    inner = node("LeakyRelu", "a", "b")
    inner.attribute.append(taken("alpha", "slope", AttributeProto.FLOAT))
    leaky = function("Leaky", inner, attributes=[], defaults=[helper.make_attribute("slope", 0.5)])
    call = node("Leaky", "a", "b", "own")
    call.attribute.append(taken("slope", "outer", AttributeProto.FLOAT))
    outer = function("Outer", call, attributes=["outer"])
    nodes = [node("Outer", "x", "m", "own", outer=0.25), node("Leaky", "m", "n", "own"), node("Outer", "n", "y", "own")]
    after = read(model_with(*nodes, functions=[leaky, outer]))
    assert [one.attributes for one in after.graph.nodes] == [{"alpha": 0.25}, {"alpha": 0.5}, {"alpha": 0.5}]
    computes_the_same(model_with(*nodes[:2], node("Neg", "n", "y"), functions=[leaky, outer]))


def test_what_is_left_out_stays_left_out():
    """An input that a call leaves out is empty within; an output that nobody wants has a name that nothing has."""
    clip = function("F", node("Clip", "a low high", "b"), node("Neg", "b", "c"), reads=["a", "low", "high"],
                    gives=["b", "c"])  # fmt: skip
    one = numpy_helper.from_array(np.float32(1), "one")
    model = model_with(node("F", "x  one", "y ", "own"), functions=[clip], arrays=[one])
    first, second = computes_the_same(model).graph.nodes
    assert (first.inputs, first.outputs) == (["x", "", "one"], ["y"])
    assert second.outputs[0] not in ("", "y", "c")


def test_an_input_that_is_an_output_and_an_output_that_is_two():
    hand = function("F", node("Relu", "a", "b"), reads=["a"], gives=["a", "b", "b"])
    model = model_with(node("F", "x", "p q r", "own"), functions=[hand], gives=["p", "q", "r"])
    after = read(model)
    assert sorted(one.op_type for one in after.graph.nodes) == ["Identity", "Identity", "Relu"]
    given = {name for one in after.graph.nodes for name in one.outputs}
    assert given == {"p", "q", "r"}


def branches(then, other):
    make = helper.make_tensor_value_info
    return {
        "then_branch": helper.make_graph(then, "then", [], [make(then[-1].output[0], TensorProto.FLOAT, [2, 3])]),
        "else_branch": helper.make_graph(other, "else", [], [make(other[-1].output[0], TensorProto.FLOAT, [2, 3])]),
    }


def test_graphs_within_functions_read_names_around_them_and_have_their_own():
    call = node("G", "a", "u", "own")
    choice = node("If", "c", "b", **branches([node("Relu", "a", "t"), node("Add", "t k", "u")], [call]))
    nodes = [
        node("Neg", "a", "k"),
        node("ReduceSum", "a", "s", keepdims=0),
        node("Constant", "", "z", value_float=0.0),
        node("Greater", "s z", "c"),
        choice,
    ]
    nodes[2] = helper.make_node("Constant", [], ["z"], value_float=0.0)
    deep = function("F", *nodes)
    model = model_with(node("F", "x", "u", "own", "call"), node("F", "u", "y", "own"),
                       functions=[deep, function("G", node("Neg", "a", "t"), node("Exp", "t", "b"))])  # fmt: skip
    after = computes_the_same(model)
    inside = next(one for one in after.graph.nodes if one.op_type == "If").attributes["else_branch"]
    assert [one.path for one in inside.nodes] == ["call.u.t", "call.u.b"]


def test_a_graph_that_is_handed_to_a_function_stays_in_the_graph_that_it_is_written_in():
    chosen = helper.make_node("If", ["c"], ["b"])
    for name in ("then_branch", "else_branch"):
        chosen.attribute.append(taken(name, name, AttributeProto.GRAPH))
    pick = function("Pick", chosen, reads=["c"], attributes=["then_branch", "else_branch"])
    nodes = [
        helper.make_node("Constant", [], ["c"], value=numpy_helper.from_array(np.array(True))),
        node("Neg", "x", "b"),
        node("Pick", "c", "y", "own", **branches([node("Relu", "b", "p")], [node("Abs", "b", "q")])),
    ]
    after = read(model_with(*nodes, functions=[pick]))
    (relu,) = after.graph.nodes[-1].attributes["then_branch"].nodes
    assert (after.graph.nodes[-1].op_type, relu.inputs) == ("If", ["b"])


def test_nodes_keep_the_version_of_their_function():
    old = function("F", node("Relu", "a", "b"), version=13)
    after = read(model_with(node("F", "x", "m", "own"), node("Relu", "m", "y"), functions=[old]))
    assert [one.opset for one in after.graph.nodes] == [13, 18]


def test_where_pytorch_says_which_module_calls_a_function_its_nodes_are_called_after_that():
    call = node("F", "x", "y", "own", "node_7")
    call.metadata_props.add(key="pkg.torch.onnx.name_scopes", value="['', 'mlp', 'mlp.act', 'gelu']")
    after = read(model_with(call, functions=[function("F", node("Neg", "a", "t"), node("Exp", "t", "b"))]))
    assert [one.path for one in after.graph.nodes] == ["mlp.act.Neg", "mlp.act.Exp"]


# -- what is refused


def said(*nodes, functions):
    with pytest.raises(cm.CostModelError) as error:
        read(model_with(*nodes, functions=functions))
    return str(error.value).splitlines()[0]


def test_functions_that_double():
    """Forty functions of two calls each are a million million nodes."""
    first = function("F0", node("Relu", "a", "t"), node("Relu", "t", "b"))
    rest = [
        function(f"F{number}", node(f"F{number - 1}", "a", "t", "own"), node(f"F{number - 1}", "t", "b", "own"))
        for number in range(1, 40)
    ]
    assert said(node("F39", "x", "y", "own"), functions=[first, *rest]) == (
        "net.onnx: node 'y' (own.F39): its local functions are more than 150,000 nodes, or 100,000,000 bytes of them"
    )


def test_a_function_that_writes_what_it_is_called_with_many_times():
    taking = []
    for number in range(19_000):
        taking.append(helper.make_node("Constant", [], [f"c{number}"]))
        taking[-1].attribute.append(taken("value", "v", AttributeProto.TENSOR))
    many = function("Many", *taking, node("Relu", "a", "b"), attributes=["v"])
    call = node("Many", "x", "y", "own", v=numpy_helper.from_array(np.zeros(2000, np.float32)))
    assert "bytes of them" in said(call, functions=[many])


def test_functions_that_call_themselves():
    itself = function("F", node("F", "a", "b", "own"))
    assert said(node("F", "x", "y", "own"), functions=[itself]) == (
        "net.onnx: node 'y' (own.F): the local function 'own.F' calls itself"
    )
    around = function("F", node("G", "a", "b", "own")), function("G", node("F", "a", "b", "own"))
    assert "calls itself" in said(node("F", "x", "y", "own"), functions=around)


@pytest.mark.parametrize("within", [False, True])
def test_functions_too_deep_in_each_other_whatever_order_they_stand_in(within):
    """The graphs within nodes that they stand in count too."""
    names = [f"F{number}" for number in range(70 if not within else 40)]
    functions = []
    for one, other in pairwise(names):
        call = node(other, "a", "b", "own")
        if within:
            call = node("If", "a", "b", **branches([node(other, "a", "p", "own")], [node("Neg", "a", "q")]))
        functions.append(function(one, call))
    functions.append(function(names[-1], node("Relu", "a", "b")))
    wanted = f"net.onnx: node 'y' (own.F0): {inline.TOO_DEEP}"
    assert said(node("F0", "x", "y", "own"), functions=functions) == wanted
    assert said(node("F0", "x", "y", "own"), functions=functions[::-1]) == wanted
    calls = [node(name, "x", "y", "own") for name in reversed(names)]
    assert inline.TOO_DEEP in said(*calls, functions=functions)


def test_a_function_that_is_no_function():
    nothing = function("F", node("Relu", "outside", "b"))
    assert said(node("F", "x", "outside", "own"), functions=[nothing]) == (
        "net.onnx: node 'outside' (own.F): its local function reads 'outside', which nothing in it gives"
    )
    twice = function("F", node("Relu", "a", "b"), node("Neg", "a", "b"))
    wanted = "net.onnx: node 'y' (own.F): its local function gives or takes one name twice"
    assert said(node("F", "x", "y", "own"), functions=[twice]) == wanted


def test_two_functions_of_one_name():
    both = [function("F", node("Relu", "a", "b")), function("F", node("Neg", "a", "b"))]
    assert said(node("F", "x", "y", "own"), functions=both) == "net.onnx: two of its local functions have one name"
