"""ONNX files that ask for more than is there: refused before anything of that size is made, with the file and the
node; and files whose attributes or constants are of the wrong kind.

The files are made here, for they are small only as bytes.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import costmodel as cm
from costmodel.onnx import walk
from costmodel.onnx.read import graph_of

OPSETS = [helper.make_opsetid("", 18), helper.make_opsetid("own", 1)]


def node(op, reads, gives, domain="", **attributes):
    return helper.make_node(op, reads.split(), gives.split(), name=gives.split()[0], domain=domain, **attributes)


def function(name, *nodes, attributes=()):
    return helper.make_function("own", name, ["a"], ["b"], nodes, OPSETS, list(attributes))


def said(*nodes, arrays=(), functions=(), size=(1, 3, 8, 8)):
    """What is said of a graph from x to y."""
    reads = helper.make_tensor_value_info("x", TensorProto.FLOAT, size)
    gives = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    held = [numpy_helper.from_array(array, name) if array is not None else name for name, array in arrays]
    graph = helper.make_graph(nodes, "net", [reads], [gives], held)
    model = helper.make_model(graph, opset_imports=OPSETS, functions=functions)
    with pytest.raises(cm.CostModelError) as error:
        graph_of(onnx.ModelProto.FromString(model.SerializeToString()), "net.onnx", "net")
    return str(error.value).splitlines()[0]


def chain(op, count, **attributes):
    names = ["x", *(f"v{number}" for number in range(count - 1)), "y"]
    return [node(op, one, other, **attributes) for one, other in pairwise(names)]


def ones(*shape):
    return np.ones(shape, np.int64)


def test_functions_that_double():
    """Thirty functions of two calls each are a billion nodes."""
    first = function("F0", node("Relu", "a", "t"), node("Relu", "t", "b"))
    rest = [
        function(f"F{number}", node(f"F{number - 1}", "a", "t", "own"), node(f"F{number - 1}", "t", "b", "own"))
        for number in range(1, 30)
    ]
    assert said(node("F29", "x", "y", "own"), functions=[first, *rest]) == (
        "net.onnx: node 'y' (own.F29): its local functions are more than 20,000 nodes, or 100,000,000 bytes of them"
    )


def test_a_function_that_writes_what_it_is_called_with_many_times():
    """A kilobyte of numbers, which each of many nodes takes over; and the call's long name likewise."""
    taking = []
    for number in range(19_000):
        taking.append(helper.make_node("Constant", [], [f"c{number}"]))
        kind = onnx.AttributeProto.TENSOR
        taking[-1].attribute.append(onnx.AttributeProto(name="value", type=kind, ref_attr_name="v"))
    many = function("Many", *taking, node("Relu", "a", "b"), attributes=["v"])
    call = node("Many", "x", "y", "own", v=numpy_helper.from_array(np.zeros(2000, np.float32)))
    assert "bytes of them" in said(call, functions=[many])


def test_functions_in_functions_without_end_or_too_deep():
    itself = function("F", node("F", "a", "b", "own"))
    assert said(node("F", "x", "y", "own"), functions=[itself]) == (
        "net.onnx: node 'y' (own.F): the local function 'own.F' calls itself"
    )
    deep = [function("F0", node("Relu", "a", "b"))]
    deep += [function(f"F{number}", node(f"F{number - 1}", "a", "b", "own")) for number in range(1, 3000)]
    wanted = "local functions stand in each other more than 64 deep"
    assert wanted in said(node("F2999", "x", "y", "own"), functions=deep)
    upwards = [node(f"F{number}", "x", f"y{number}" if number < 99 else "y", "own") for number in range(100)]
    assert wanted in said(*upwards, functions=deep)


def test_what_functions_are_is_read_as_ever():
    pair = function("Pair", node("Relu", "a", "t"), node("Tanh", "t", "b"))
    reads, gives = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3, 8, 8]) for name in "xy")
    calls = [node("Pair", "x", "m", "own"), node("Pair", "m", "y", "own")]
    graph = helper.make_graph(calls, "net", [reads], [gives])
    model = helper.make_model(graph, opset_imports=OPSETS, functions=[pair])
    assert [layer.op.name for layer in graph_of(model, "net.onnx", "net").layers] == ["relu", "tanh", "relu", "tanh"]


TOO_MANY = "it depends on numbers that are not in the file, or on too many"
UNFIT = "its inputs or attributes do not fit its type"
REFUSED = {
    "split": (
        [node("Split", "x", "y", axis=1, num_outputs=2**62)],
        [],
        f"node 'y' (Split): it has 1 outputs, and its num_outputs is {2**62:,}",
    ),
    "broadcast": (
        [node("Max", "a b c", "s"), node("Reshape", "x s", "y")],
        [("a", ones(1024, 1, 1)), ("b", ones(1024, 1)), ("c", ones(1024))],
        f"node 's' (Max): {TOO_MANY}",
    ),
    "gather": (
        [node("Gather", "a i", "s", axis=0), node("Reshape", "x s", "y")],
        [("a", ones(1, 1024)), ("i", 0 * ones(1024))],
        f"node 's' (Gather): {TOO_MANY}",
    ),
    "concat": (
        [node("Concat", "a a", "s", axis=0), node("Reshape", "x s", "y")],
        [("a", ones(1024))],
        f"node 's' (Concat): {TOO_MANY}",
    ),
    "words": (
        [node("Add", "a a", "s"), node("Reshape", "x s", "y")],
        [("a", np.array([b"word"], object))],
        f"node 's' (Add): {TOO_MANY}",
    ),
    "axes": (
        chain("Unsqueeze", 40, axes=[0]),
        [],
        "node 'v28' (Unsqueeze): a tensor of 33 axes; at most 32 are read",
    ),
    "expand": (
        [node("Expand", "a s", "e"), node("Mul", "x e", "y")],
        [("a", np.float32(1).reshape(1)), ("s", 2**40 * ones(4))],
        f"node 'e' (Expand): {'x'.join([str(2**40)] * 4)} is no shape of a tensor",
    ),
    "array": (
        [node("Relu", "x", "y")],
        [(TensorProto(name="w", data_type=1, dims=[-3, 2]), None)],
        "its array 'w': -3x2 is no shape of a tensor",
    ),
    "nodes": (
        chain("Relu", 20_001),
        [],
        "20,001 nodes with 40,002 inputs, outputs and attributes; at most 20,000 and 100,000 are read",
    ),
    "edges": (
        [node("Concat", "x " * 100_001, "y", axis=1)],
        [],
        "1 nodes with 100,003 inputs, outputs and attributes; at most 20,000 and 100,000 are read",
    ),
    "name": (
        [node("Relu", "x", "v"), helper.make_node("Relu", ["v"], ["y"], name="/n" * 251)],
        [],
        f"the name '{'/n' * 27}/...' has 502 characters, and at most 500 are read",
    ),
    "followed": (
        [
            node("GlobalAveragePool", "x", "p"),
            *(node("Flatten", "p", f"f{number}") for number in range(1001)),
            node("Add", "f0 f1", "a1"),
            *(node("Add", f"a{number} f{number + 1}", f"a{number + 1}") for number in range(1, 1000)),
            node("Relu", "a1000", "y"),
        ],
        [],
        "node 'f931' (Flatten): what reads it, and what reads that, is too much to follow",
    ),
    "words_for_a_number": (
        [node("HardSigmoid", "x", "h", alpha="text"), node("Mul", "x h", "y")],
        [],
        f"node 'h' (HardSigmoid): {UNFIT}",
    ),
    "a_number_for_axes": (
        [node("GlobalAveragePool", "x", "p"), node("Squeeze", "p", "y", axes="text")],
        [],
        f"node 'y' (Squeeze): {UNFIT}",
    ),
    "no_number_for_an_axis": (
        [node("ReduceMean", "x a", "m"), node("Sub", "x m", "d"), node("Pow", "d two", "s"),
         node("ReduceMean", "s a", "v"),
         node("Add", "v two", "p"), node("Sqrt", "p", "r"), node("Div", "d r", "n"), node("Mul", "n two", "k"),
         node("Add", "k two", "y")],
        [("a", np.float32("nan")), ("two", np.float32(2))],
        f"node 'm' (ReduceMean): {UNFIT}",
    ),
    "a_number_for_an_order": ([node("Transpose", "x", "y", perm=1)], [], f"node 'y' (Transpose): {UNFIT}"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_too_much_or_of_the_wrong_kind_is_refused_by_name(name):
    nodes, arrays, wanted = REFUSED[name]
    assert said(*nodes, arrays=arrays) == f"net.onnx: {wanted}"


def test_a_split_may_not_make_more_layers_than_a_network_may_have(monkeypatch):
    monkeypatch.setattr(walk, "MOST_NODES", 50)
    gives = " ".join(f"o{number}" for number in range(51))
    nodes = [node("Split", "x", gives, axis=1), node("Concat", gives, "y", axis=1)]
    wanted = "net.onnx: node 'o0' (Split): with it the network has more than 50 layers"
    assert said(*nodes, size=(1, 51, 1, 1)) == wanted


def test_nodes_of_one_name_are_told_apart():
    """Each gets the next free number; looking for it from 1 on took the square of their number."""
    reads, gives = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3]) for name in "xy")
    nodes = chain("Relu", 4)
    for one, name in zip(nodes, ["a", "a", "a_2", "a"], strict=True):
        one.name = name
    graph = graph_of(
        helper.make_model(helper.make_graph(nodes, "net", [reads], [gives]), opset_imports=OPSETS), "net.onnx", "net"
    )
    assert [layer.path for layer in graph.layers] == ["a", "a_2", "a_2_2", "a_3"]
