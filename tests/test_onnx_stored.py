"""What a file stores is what counts as params: tables of few bits, constants of functions, arrays that are enlarged."""

from __future__ import annotations

from typing import Any

import onnx.parser
import pytest

import costmodel as cm
from costmodel.graph import LayerGraph
from costmodel.onnx.messages import model_of
from costmodel.onnx.read import graph_of


def read(text: str, functions: str = "") -> LayerGraph:
    opsets = '"" : 21, "own" : 1, "com.microsoft" : 1'
    model = onnx.parser.parse_model(f"<ir_version: 10, opset_import: [{opsets}]> net {text} {functions}")
    return graph_of(model_of(model.SerializeToString(), "net.onnx"), "net.onnx", "net")


def stored(graph: LayerGraph) -> tuple[int, int, int]:
    """Return params, buffers, and the bytes of the params."""
    totals = cm.price(graph, batch=1).totals
    return totals.params, totals.buffers, totals.weight_bytes


TABLE = 'int8[100,8] t = ["location": "t"]'
LINEAR = 'float[8,4] w = ["location": "w"], float s = {0.5}, int8 z = {3}'
ROWS = 'float[100,1] r = ["location": "r"]'
LOOKED_UP: dict[str, tuple[str, tuple[int, int, int]]] = {
    # 100 x 8 bytes; a scale and a zero point; 8 x 4 x 4 bytes of the linear layer
    "made real first": ("d = DequantizeLinear(t, s, z) e = Gather(d, i) y = MatMul(e, w)", (832, 2, 928)),
    "made real afterwards": ("g = Gather(t, i) e = DequantizeLinear(g, s, z) y = MatMul(e, w)", (832, 2, 928)),
    "without a zero point": ("g = Gather(t, i) e = DequantizeLinear(g, s) y = MatMul(e, w)", (832, 1, 928)),
    "cast and scaled": ("g = Gather(t, i) c = Cast<to = 1>(g) e = Mul(c, s) y = MatMul(e, w)", (832, 1, 928)),
    "scales of each row": (
        "g = Gather(t, i) c = Cast<to = 1>(g) q = Gather(r, i) e = Mul(c, q) y = MatMul(e, w)",
        (832, 100, 928),
    ),
    "after its axes were moved": (
        "g = Gather(t, i) h = Transpose<perm = [0, 1, 2]>(g) e = DequantizeLinear(h, s, z) y = MatMul(e, w)",
        (832, 2, 928),
    ),
    "columns of it": (
        "g = Gather<axis = 1>(t, i) e = DequantizeLinear(g, s, z) f = Transpose<perm = [1, 2, 0]>(e) y = Softmax(f)",
        (800, 2, 800),
    ),
    "that is multiplied with too": (
        "g = Gather(t, i) e = DequantizeLinear(g, s, z) d = DequantizeLinear(t, s, z) k = Transpose(d) "
        "y = MatMul(e, k)",
        (800, 2, 800),
    ),
    "never made real": ("g = Gather(t, i) c = Cast<to = 7>(g) y = Abs(c)", (0, 800, 0)),
}


@pytest.mark.parametrize("case", LOOKED_UP)
def test_tables_of_few_bits_that_are_looked_up_are_params_of_their_width(case: str) -> None:
    nodes, wanted = LOOKED_UP[case]
    assert stored(read(f"(int64[N,5] i) => (float[N,5,M] y) <{TABLE}, {LINEAR}, {ROWS}> {{ {nodes} }}")) == wanted


NUMBERS = ",".join(map(str, range(1, 17)))
FUNCTIONS: dict[str, tuple[str, str, tuple[int, int, int]]] = {
    "a matrix": ("", f"w = Constant<value = float[4,4] {{{NUMBERS}}}>() y = MatMul(x, w)", (16, 0, 64)),
    "factors": ("", "w = Constant<value = float[4] {1, 2, 3, 4}>() y = Mul(x, w)", (4, 0, 16)),
    "numbers beside arrays of the file": (
        "b = MatMul(x, v)",
        "w = Constant<value = float[4] {1, 2, 3, 4}>() y = Add(x, w)",
        (16, 4, 64),
    ),
}


@pytest.mark.parametrize("case", FUNCTIONS)
def test_a_constant_of_a_function_is_stored_once_however_often_it_is_called(case: str) -> None:
    before, body, wanted = FUNCTIONS[case]
    first = "b" if before else "x"
    held = f"<float[4,4] v = {{{NUMBERS}}}>" if before else ""
    calls = f"(float[N,4] x) => (float[N,4] y) {held} {{ {before} a = own.F({first}) y = own.F(a) }}"
    function = f'<domain: "own", opset_import: ["" : 21]> F (x) => (y) {{ {body} }}'
    assert stored(read(calls, function)) == wanted


ARRAY = 'float[3,8] a = ["location": "a"], float[3,8] b = ["location": "b"]'
ENLARGED: dict[str, tuple[str, Any, int]] = {
    "put beside itself": ("e = Concat<axis = 0>(a, a) y = Mul(e, x)", (6, 8), 24),
    "put beside another": ("e = Concat<axis = 0>(a, b) y = Mul(e, x)", (6, 8), 48),
    "put beside zeros": (
        "k = Constant<value = int64[2] {1, 8}>() z = ConstantOfShape(k) e = Concat<axis = 0>(z, a) y = Mul(e, x)",
        (4, 8),
        24,
    ),
    "padded": ("k = Constant<value = int64[4] {1, 0, 1, 0}>() e = Pad(a, k) y = Mul(e, x)", (5, 8), 24),
    "looked up again and again": (
        "k = Constant<value = int64[2,2] {1, 0, 1, 2}>() e = Gather(a, k) y = Mul(e, x)",
        (2, 2, 8),
        24,
    ),
    "and turned": (
        "k = Constant<value = int64[2,2] {1, 0, 1, 2}>() e = Gather(a, k) t = Transpose<perm = [2, 0, 1]>(e) "
        "y = Add(t, x)",
        (8, 2, 2),
        24,
    ),
    "repeated": ("k = Constant<value = int64[3] {5, 3, 8}>() e = Expand(a, k) y = Mul(e, x)", (5, 3, 8), 24),
    "in two ways": (
        "k = Constant<value = int64[2] {2, 1}>() t = Tile(a, k) e = Concat<axis = 0>(a, a) f = Mul(e, x) y = Mul(f, t)",
        (6, 8),
        24,
    ),
    "a part of it": ("k = Constant<value = int64[2] {1, 0}>() e = Gather(a, k) y = Mul(e, x)", (2, 8), 16),
}


@pytest.mark.parametrize("case", ENLARGED)
def test_an_array_that_is_enlarged_counts_as_it_is_stored(case: str) -> None:
    nodes, shape, params = ENLARGED[case]
    sizes = ",".join(map(str, shape))
    graph = read(f"(float[N,{sizes}] x) => (float[N,{sizes}] y) <{ARRAY}> {{ {nodes} }}")
    assert stored(graph) == (params, 0, 4 * params)
    assert (graph.batch, graph.whole, graph.unpriced) == (1, "", {})
    assert not graph.notes or case == "a part of it"
