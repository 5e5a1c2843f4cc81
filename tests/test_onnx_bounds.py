"""ONNX files that ask for more than is there: refused before anything of that size is made, with the file and the
node; and files whose attributes or constants are of the wrong kind.

The files are made here, for they are small only as bytes.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

import costmodel as cm
from costmodel.graph import LayerGraph
from costmodel.onnx import reader
from costmodel.onnx.messages import model_of
from costmodel.onnx.read import graph_of
from costmodel.reading.draft import Draft

OPSETS = [helper.make_opsetid("", 18), helper.make_opsetid("own", 1)]


def node(op, reads, gives, domain="", **attributes):
    return helper.make_node(op, reads.split(), gives.split(), name=gives.split()[0], domain=domain, **attributes)


def said(*nodes, arrays=(), size=(1, 3, 8, 8)):
    """What is said of a graph from x to y."""
    reads = helper.make_tensor_value_info("x", TensorProto.FLOAT, size)
    gives = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    held = [numpy_helper.from_array(array, name) if array is not None else name for name, array in arrays]
    graph = helper.make_graph(nodes, "net", [reads], [gives], held)
    model = helper.make_model(graph, opset_imports=OPSETS)
    with pytest.raises(cm.CostModelError) as error:
        read(model)
    return str(error.value).splitlines()[0]


def read(model) -> LayerGraph:
    return graph_of(model_of(model.SerializeToString(), "net.onnx"), "net.onnx", "net")


def chain(op, count, **attributes):
    names = ["x", *(f"v{number}" for number in range(count - 1)), "y"]
    return [node(op, one, other, **attributes) for one, other in pairwise(names)]


def ones(*shape):
    return np.ones(shape, np.int64)


TOO_MANY = "it depends on numbers that are not in the file, or too many to look at"
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
        f"node 'y' (Reshape): {TOO_MANY}",
    ),
    "gather": (
        [node("Gather", "a i", "s", axis=0), node("Reshape", "x s", "y")],
        [("a", ones(1, 1024)), ("i", 0 * ones(1024))],
        "node 'y' (Reshape): a tensor of 1048576 axes; at most 32 are read",
    ),
    "concat": (
        [node("Concat", "a a", "s", axis=0), node("Reshape", "x s", "y")],
        [("a", ones(1024))],
        "node 'y' (Reshape): a tensor of 2048 axes; at most 32 are read",
    ),
    "words": (
        [node("Add", "a a", "s"), node("Reshape", "x s", "y")],
        [("a", np.array([b"word"], object))],
        f"node 'y' (Reshape): {TOO_MANY}",
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
    monkeypatch.setattr(reader, "Draft", lambda: Draft(50))
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
    graph = read(helper.make_model(helper.make_graph(nodes, "net", [reads], [gives]), opset_imports=OPSETS))
    assert [layer.path for layer in graph.layers] == ["a", "a_3", "a_2", "a_4"]
