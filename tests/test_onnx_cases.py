"""Kinds of ONNX files that counters get wrong: right values of mult-adds and params, each by hand from its shapes.

A convolution takes its outputs x the weights of each, a transposed one its inputs x the weights of each, a product of
m x k by k x n takes m k n; params are the stored real numbers that are computed with, each once.
"""

from __future__ import annotations

from typing import Any

import onnx.parser
import pytest

import costmodel as cm
from costmodel.graph import LayerGraph
from costmodel.onnx.messages import model_of
from costmodel.onnx.read import graph_of

MAP, HERE = "float[1,3,8,8] x", 'float[8,3,3,3] w = ["location": "weights"]'
CONV = 6 * 6 * 8 * 27
"""A convolution of 3 x 3 from 3 to 8 channels, without padding, on 8 x 8: 7,776."""


def stored(kind: str) -> str:
    """An array whose numbers are not in the file."""
    return f'{kind} = ["location": "weights"]'


def read(inputs: str, body: str, *arrays: str, opset: int = 17) -> LayerGraph:
    held = f"<{', '.join(one if '=' in one else stored(one) for one in arrays)}>" if arrays else ""
    text = f'<ir_version: 8, opset_import: ["" : {opset}]> net ({inputs}) => (float[] y) {held} {{ {body} }}'
    return graph_of(model_of(onnx.parser.parse_model(text).SerializeToString(), "net.onnx"), "net.onnx", "net")


CASES: dict[str, tuple[Any, ...]] = {
    # how the batch lies, or that there is none
    "one picture without a batch": (
        16 * 16 * 8 * 27,
        216,
        "float[3,16,16] x",
        "u = Unsqueeze(x, o) y = Conv<pads = [1, 1, 1, 1]>(u, w)",
        "int64[1] o = {0}",
        HERE,
    ),
    "a spectrogram of two axes": (
        80 * 80 * 72,
        72,
        "float[80,80] x",
        "u = Unsqueeze(x, o) y = Conv<pads = [1, 1, 1, 1]>(u, w)",
        "int64[2] o = {0, 1}",
        "float[8,1,3,3] w",
    ),
    "pictures joined along the batch": (2 * CONV, 216, MAP, "c = Concat<axis = 0>(x, x) y = Conv(c, w)", HERE),
    "the batch laid into the channels": (
        2 * CONV,
        432,
        "float[2,3,8,8] x",
        "r = Reshape(x, s) y = Conv<group = 2>(r, u)",
        "int64[4] s = {1, 6, 8, 8}",
        "float[16,3,3,3] u",
    ),
    "one of a batch taken out": (
        CONV,
        216,
        "float[2,3,8,8] x",
        "s = Slice(x, a, b, a) y = Conv(s, w)",
        "int64[1] a = {0}",
        "int64[1] b = {1}",
        HERE,
    ),
    "rows before the batch": (50 * 40 * 10, 400, "float[50,1,40] x", "y = MatMul(x, u)", "float[40,10] u"),
    # space of one and three axes, and what is not usual of two
    "a sequence": (50 * 16 * 84, 1344, "float[1,28,50] x", "y = Conv<pads = [1, 1]>(x, u)", "float[16,28,3] u"),
    "a volume": (
        4 * 8 * 8 * 648,
        648,
        "float[1,3,4,8,8] x",
        "y = Conv<pads = [1, 1, 1, 1, 1, 1]>(x, u)",
        "float[8,3,3,3,3] u",
    ),
    "negative padding": (4 * 4 * 216, 216, MAP, "y = Conv<pads = [-1, -1, -1, -1]>(x, w)", HERE),
    "a transposed convolution of a given size": (
        64 * 108,
        108,
        MAP,
        "y = ConvTranspose<strides = [2, 2], output_shape = [17, 17]>(x, u)",
        "float[3,4,3,3] u",
    ),
    "a kernel that only its weights tell": (CONV, 216, MAP, "y = Conv(x, w)", HERE),
    "a kernel that is computed": (36 * 8 * 3, 24, "float[1,3,6,6] x", "r = Relu(u) y = Conv(x, u)", "float[8,3,1,1] u"),
    "maps laid out side by side": (
        2 * CONV,
        432,
        MAP,
        "a = Conv(x, w) b = Conv(x, u) y = Concat<axis = 2>(a, b)",
        HERE,
        "float[8,3,3,3] u",
    ),
    "channels last": (
        CONV + 288 * 5,
        216 + 1440,
        "float[1,8,8,3] x",
        "t = Transpose<perm = [0, 3, 1, 2]>(x) c = Conv(t, w) l = Transpose<perm = [0, 2, 3, 1]>(c) "
        "f = Flatten(l) y = MatMul(f, u)",
        HERE,
        "float[288,5] u",
    ),
    # products of all forms
    "a matrix on the left": (5 * 8 * 14, 40, "float[1,8,14] x", "y = MatMul(u, x)", "float[5,8] u"),
    "a product for each of several": (
        4 * 6 * 8 * 10,
        4 * 8 * 10,
        "float[4,6,8] x",
        "y = MatMul(x, u)",
        "float[4,8,10] u",
    ),
    "letters": (4 * 8 * 10, 80, "float[1,4,8] x", 'y = Einsum<equation = "btd,de->bte">(x, u)', "float[8,10] u"),
    "a product turned round": (80, 80, "float[8,1] x", "y = Gemm<transA = 1>(x, u)", "float[8,10] u"),
    "a bias that is one number": (80, 81, "float[1,8] x", "y = Gemm(x, u, c)", "float[8,10] u", "float[1] c"),
    "a bias of all rows": (80, 90, "float[1,8] x", "y = Gemm(x, u, c)", "float[8,10] u", "float[1,10] c"),
    # numbers among the weights
    "a number that is added": (CONV, 217, MAP, "c = Conv(x, w) y = Add(c, g)", HERE, "float[1] g"),
    "factors and offsets of the input": (
        CONV,
        222,
        MAP,
        "a = Mul(x, s) b = Add(a, t) y = Conv(b, w)",
        HERE,
        "float[1,3,1,1] s",
        "float[1,3,1,1] t",
    ),
    "a learned number": (CONV, 217, MAP, "c = Conv(x, w) y = Mul(c, g)", HERE, "float g"),
    "a table": (
        4 * 32,
        32_000 + 128,
        "int64[1,7] x",
        "e = Gather(t, x) m = ReduceMean<axes = [1], keepdims = 0>(e) y = MatMul(m, u)",
        "float[1000,32] t",
        "float[32,4] u",
    ),
    "one matrix for three layers": (
        3 * 10_000,
        10_100,
        "float[1,100] x",
        "a = Gemm(x, u, b) c = Gemm(a, u, b) y = Gemm(c, u, b)",
        "float[100,100] u",
        "float[100] b",
    ),
    "one bias for two layers": (
        64 * (32 + 16),
        32 + 16 + 4,
        "float[1,8,8,8] x",
        "a = Conv(x, u, b) y = Conv(a, v, b)",
        "float[4,8,1,1] u",
        "float[4,4,1,1] v",
        "float[4] b",
    ),
    "weights that are made of others": (CONV, 216, MAP, "m = Mul(w, s) y = Conv(x, m)", HERE, "float[8,1,1,1] s"),
    "a branch that nobody reads": (CONV, 216, MAP, "y = Conv(x, w) d = Conv(x, u)", HERE, "float[9,3,1,1] u"),
    "an array that nobody reads": (CONV, 216, MAP, "y = Conv(x, w)", HERE, "float[9,3,1,1] u"),
    # operations
    "a hard sigmoid of another slope": (CONV, 216, MAP, "c = Conv(x, w) y = HardSigmoid<alpha = 0.2>(c)", HERE),
    "a softmax over all": (CONV, 216, MAP, "c = Conv(x, w) f = Flatten(c) y = Softmax<axis = -1>(f)", HERE),
    "a root": (CONV, 216, MAP, "c = Conv(x, w) a = Abs(c) y = Sqrt(a)", HERE),
    "an instance norm": (
        CONV,
        216 + 16,
        MAP,
        "c = Conv(x, w) y = InstanceNormalization(c, s, t)",
        HERE,
        "float[8] s",
        "float[8] t",
    ),
    "a norm of vectors": (
        8 * 16,
        8 * 16 + 32,
        "float[1,8] x",
        "m = MatMul(x, u) y = BatchNormalization(m, s, t, p, q)",
        "float[8,16] u",
        "float[16] s",
        "float[16] t",
        "float[16] p",
        "float[16] q",
    ),
    "a recurrent layer": (
        10 * (64 * 8 + 64 * 16),
        64 * 8 + 64 * 16 + 128,
        "float[10,1,8] x",
        "y, h, c = LSTM<hidden_size = 16>(x, u, r, b)",
        "float[1,64,8] u",
        "float[1,64,16] r",
        "float[1,128] b",
    ),
    "two inputs": (8 * 7, 56, "float[1,8] x, float[1,7] z", "m = MatMul(x, u) y = Add(m, z)", "float[8,7] u"),
    "quantised there and back": (
        CONV,
        216,
        MAP,
        "q = QuantizeLinear(x, s, o) d = DequantizeLinear(q, s, o) e = DequantizeLinear(i, s, p) y = Conv(d, e)",
        "float s = {0.1}",
        "uint8 o = {0}",
        "int8 p = {0}",
        "int8[8,3,3,3] i",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_counts_are_right_to_the_unit(name):
    mult_adds, params, inputs, body, *arrays = CASES[name]
    graph = read(inputs, body, *arrays)
    table = cm.price(graph)
    assert graph.unpriced == {}
    assert (table.totals.mult_adds, table.totals.params) == (mult_adds, params)


SCORES = "t = Transpose<perm = [0, 1, 3, 2]>(k) s = MatMul(q, t) {} w = Softmax<axis = -1>(m) y = MatMul(w, k)"
HEADS = "float[1,4,6,8] q, float[1,4,6,8] k"
PRODUCTS = 2 * 4 * 6 * 6 * 8
"""Of 4 heads, 6 tokens and 8 features: queries by keys, and weights by values."""

UNTRAINED: dict[str, tuple[Any, ...]] = {
    "a mask": (0, ["'a'"], SCORES.format("m = Add(s, a)"), "float[6,6] a"),
    "a mask of four axes": (0, ["'a'"], SCORES.format("m = Add(s, a)"), "float[1,1,6,6] a"),
    "a mask after the scale": (
        0,
        ["'a'"],
        SCORES.format("c = Div(s, r) m = Add(c, a)"),
        "float[6,6] a",
        "float r = {2.8}",
    ),
    "a bias of each head": (144, [], SCORES.format("m = Add(s, a)"), "float[1,4,6,6] a"),
    "a bias of each head and a mask": (
        144,
        ["'c'"],
        SCORES.format("n = Add(s, a) m = Add(n, c)"),
        "float[4,6,6] a",
        "float[6,6] c",
    ),
    "what others read too": (
        36,
        [],
        SCORES.format("m = Add(s, a)").replace("y = MatMul(w, k)", "z = MatMul(w, k) y = MatMul(a, z)"),
        "float[6,6] a",
    ),
    "a bias of classes": (6, [], SCORES.format("m = Add(s, a)"), "float[6] a"),
}


@pytest.mark.parametrize("name", UNTRAINED)
def test_what_is_added_to_scores_alike_for_all_heads_is_a_mask(name):
    params, masks, body, *arrays = UNTRAINED[name]
    graph = read(HEADS, body, *arrays)
    assert cm.price(graph).totals.params == params
    assert cm.price(graph).totals.mult_adds >= PRODUCTS
    assert len(graph.notes) == len(masks)
    assert [note.partition("(")[2].partition(")")[0] for note in graph.notes if "mask" in note] == masks


NORMALISED = {
    "mean and deviation": ("a = Sub(x, m) b = Div(a, d) y = Conv(b, w)", 0, "6"),
    "mean and its factor": ("a = Sub(x, m) b = Mul(a, d) y = Conv(b, w)", 0, "6"),
    "after a cast": (
        "k = Constant<value = float {0.25}>() e = Cast<to = 1>(x) f = Mul(e, k) "
        "a = Sub(f, m) b = Div(a, d) y = Conv(b, w)",
        0,
        "6",
    ),
    "mean alone": ("a = Sub(x, m) y = Conv(a, w)", 0, "3"),
    "the other way round": ("a = Mul(x, m) b = Add(a, d) y = Conv(b, w)", 6, None),
    "after a layer": ("c = Conv<pads = [1, 1, 1, 1]>(x, v) a = Sub(c, m) b = Div(a, d) y = Conv(b, w)", 81 + 6, None),
    "of one that another layer reads": ("a = Sub(x, m) b = Div(a, d) c = Conv(b, w) y = Mul(c, m)", 3, "3"),
}


@pytest.mark.parametrize("name", NORMALISED)
def test_what_an_input_is_normalised_with_is_no_param(name):
    body, params, numbers = NORMALISED[name]
    arrays = ["float[1,3,1,1] m", "float[1,3,1,1] d", "float[3,3,3,3] v", "float[3,3,3,3] w"]
    graph = read(MAP, body, *arrays)
    assert cm.price(graph).totals.params == 81 + params
    said = [note for note in graph.notes if "normalise" in note]
    assert [note.split()[0] for note in said] == ([] if numbers is None else [numbers])


def test_a_group_norm_that_an_exporter_takes_apart_has_its_own_arrays_alone():
    """A norm of 4 instances with ones and zeros of the exporter, and 16 channels' factors and biases after it."""
    body = """i = Constant<value = float[4] {1.0, 1.0, 1.0, 1.0}>()
        o = Constant<value = float[4] {0.0, 0.0, 0.0, 0.0}>()
        r = Reshape(x, a) n = InstanceNormalization(r, i, o)
        s = Shape(x) b = Reshape(n, s) m = Mul(b, g) y = Add(m, h)"""
    graph = read("float[1,16,5,5] x", body, "int64[3] a = {0, 4, -1}", "float[16,1,1] g", "float[16,1,1] h")
    assert cm.price(graph).totals.params == 32
    assert [layer.op.name for layer in graph.layers] == ["group_norm"]


def test_an_array_of_ones_that_the_file_stores_is_a_param():
    graph = read("float[1,4,5,5] x", "y = InstanceNormalization(x, g, h)", "float[4] g", "float[4] h")
    assert cm.price(graph).totals.params == 8


def test_the_type_of_the_file_is_that_of_its_weights():
    """A file of float16 takes 2 bytes for each of 216 weights, its map 2 for each of 192 numbers."""
    graph = read("float16[1,3,8,8] x", "y = Conv(x, w)", "float16[8,3,3,3] w")
    assert (graph.dtype, cm.price(graph).totals.weight_bytes) == ("float16", 432)
    mixed = read("float[1,3,8,8] x", "c = Cast<to = 10>(x) y = Conv(c, w)", "float16[8,3,3,3] w")
    assert (mixed.dtype, mixed.inputs["x"].dtype) == ("float16", "float32")


SHARED = {
    "norms": (8, "a = InstanceNormalization(x, g, h) y = InstanceNormalization(a, g, h)", "float[4] g", "float[4] h"),
    "slopes": (4, "a = PRelu(x, g) y = PRelu(a, g)", "float[4,1,1] g"),
    "a bias": (4, "a = Conv(x, u, h) y = Conv(a, v, h)", "float[4,4,1,1] u", "float[4,4,1,1] v", "float[4] h"),
    "buffers alone": (None, "a = BatchNormalization(x, g, h, p, q) y = BatchNormalization(a, i, j, p, q)",
                      *(f"float[4] {name}" for name in "ghijpq")),
    "whole layers": (None, "a = Conv(x, u, h) y = Conv(a, u, h)", "float[4,4,1,1] u", "float[4] h"),
}  # fmt: skip


@pytest.mark.parametrize("name", SHARED)
def test_arrays_that_may_only_have_been_equal_are_said(name):
    """Each layer had its own where an exporter has laid together what was equal."""
    more, body, *arrays = SHARED[name]
    notes = read("float[1,4,5,5] x", body, *arrays).notes
    assert [note.rpartition("params are ")[2] for note in notes] == ([] if more is None else [f"{more} more"])


def test_an_output_of_another_shape_than_the_file_says_is_said():
    """PyTorch's exporter rounds the sizes of ceil_mode pools otherwise than they run (pytorch issue 71549)."""
    text = '<ir_version: 8, opset_import: ["" : 17]> net (float[1,3,8,8] x) => (float[1,3,9,8] y) { y = Relu(x) }'
    graph = graph_of(model_of(onnx.parser.parse_model(text).SerializeToString(), "net.onnx"), "net.onnx", "net")
    assert graph.notes == ["its output 'y' comes out as 1x3x8x8, where the file says 1x3x9x8"]
    assert graph.shape("y") == (3, 8, 8)


def test_arrays_of_one_number_that_were_stored_once_because_equal_are_each_layer_s_own():
    """As an exporter writes a network before it is trained: both norms have weights of ones and biases of zeros."""
    ones, zeros = (f"float[3] {name} = {{{', '.join([number] * 3)}}}" for name, number in (("o", "1.0"), ("z", "0.0")))
    body = "a = BatchNormalization(x, o, z, z, o) b = Relu(a) y = BatchNormalization(b, o, z, z, o)"
    graph = read(MAP, body, ones, zeros)
    totals = cm.price(graph).totals
    assert (totals.params, totals.buffers) == (2 * 6, 2 * 6)
    assert any(note.startswith("6 arrays of one number throughout") for note in graph.notes), graph.notes
