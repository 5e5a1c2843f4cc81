"""Attributes that a node's type does not have: a misspelt stride is no stride, and that is said."""

from __future__ import annotations

import onnx.parser
import pytest

import costmodel as cm
from costmodel.onnx.attributes import attributes
from costmodel.onnx.messages import model_of
from costmodel.onnx.read import graph_of


def test_the_attributes_of_each_type_are_those_that_onnx_says() -> None:
    said: dict[str, set[str]] = {}
    for schema in onnx.defs.get_all_schemas_with_history():
        if not schema.domain:
            said.setdefault(schema.name, set()).update(schema.attributes)
    assert attributes() == said


FIRST = "attributes that ONNX's types do not have are not looked at: "
SAID = {
    "y = Conv<strides = [1, 1]>(x, w)": [],
    "a = own.Conv<stride = [2, 2]>(x, w) y = Conv(x, w)": [],
    "[it] y = Conv<stride = [2, 2]>(x, w)": [f"{FIRST}'stride' of Conv (node 'it')"],
    "[a] a = Relu<slope = 1>(x) [b] b = Relu<slope = 2>(a) [y] y = Conv<kernel = 3, stride = 2>(b, w)": [
        f"{FIRST}'slope' of Relu (node 'a' and 1 more), 'kernel' of Conv (node 'y'), 'stride' of Conv (node 'y')"
    ],
    "[it] y = Conv<" + ", ".join(f"a{n} = {n}" for n in range(10)) + ">(x, w)": [
        FIRST + ", ".join(f"'a{n}' of Conv (node 'it')" for n in range(8)) + ", and 2 kinds more"
    ],
}


@pytest.mark.parametrize("nodes", SAID)
def test_attributes_that_a_type_does_not_have_are_named(nodes: str) -> None:
    held = '<float[4,3,3,3] w = ["location": "w"]>'
    net = f"net (float[N,3,8,8] x) => (float[N,4,6,6] y) {held} {{ {nodes} }}"
    model = onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["" : 17, "own" : 1]> {net}')
    graph = graph_of(model_of(model.SerializeToString(), "net.onnx"), "net.onnx", "net")
    assert graph.notes == SAID[nodes]
    assert cm.price(graph).totals.mult_adds == 36 * 108
