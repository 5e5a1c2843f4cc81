"""What other exporters write for one operation is the operator that it means."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from test_onnx_law import read

import costmodel as cm

PYTORCH = Path(__file__).parent / "mobilenet_v3_small.onnx"


def parsed(inputs: str, outputs: str, body: str, *weights: str, opset: int = 17) -> onnx.ModelProto:
    """A model in ONNX's text form, its weights in a file that is not there."""
    held = ", ".join(one if "=" in one else f'{one} = ["location": "weights"]' for one in weights)
    return onnx.parser.parse_model(
        f'<ir_version: 8, opset_import: ["" : {opset}]> net ({inputs}) => ({outputs}) <{held}> {{ {body} }}'
    )


MAP, VECTOR, TOKENS = "float[N,8,6,6]", "float[N,8]", "float[N,5,12]"
SCALARS = ("float half = {0.5}", "float one = {1.0}", "float three = {3.0}", "float zero = {0.0}", "float six = {6.0}")
RELU6 = "a = Add(x, three) c = Clip(a, zero, six)"
# What exporters write for one operation: what it reads, nodes, weights, opset, and the operators that it is.
WRITTEN: dict[str, tuple[str, str, tuple[str, ...], int, list[str]]] = {
    "silu": (MAP, "s = Sigmoid(x) y = Mul(x, s)", (), 17, ["silu"]),
    "silu_turned": (MAP, "s = Sigmoid(x) y = Mul(s, x)", (), 17, ["silu"]),
    "a_gate_is_no_silu": (MAP, "t = Tanh(x) s = Sigmoid(x) y = Mul(t, s)", (), 17, ["tanh", "sigmoid", "multiply"]),
    "gelu_by_division": (
        MAP,
        "d = Div(x, r) e = Erf(d) p = Add(e, one) m = Mul(x, p) y = Mul(m, half)",
        (*SCALARS, "float r = {1.4142135}"),
        17,
        ["gelu"],
    ),
    "gelu_by_product": (
        MAP,
        "d = Mul(r, x) e = Erf(d) p = Add(one, e) h = Mul(half, x) y = Mul(h, p)",
        (*SCALARS, "float r = {0.70710677}"),
        17,
        ["gelu"],
    ),
    "hardswish_by_node": (MAP, "s = HardSigmoid<alpha = 0.16666667>(x) y = Mul(x, s)", (), 17, ["hardswish"]),
    "hardswish_by_clip": (MAP, f"{RELU6} m = Mul(x, c) y = Div(m, six)", SCALARS, 17, ["hardswish"]),
    "hardsigmoid_by_clip": (MAP, f"{RELU6} y = Div(c, six)", SCALARS, 17, ["hardsigmoid"]),
    "relu6_by_inputs": (MAP, "y = Clip(x, zero, six)", SCALARS, 17, ["relu6"]),
    "relu6_by_attributes": (MAP, "y = Clip<min = 0.0, max = 6.0>(x)", (), 9, ["relu6"]),
    "relu_by_clip": (MAP, "y = Clip(x, zero)", SCALARS, 17, ["relu"]),
    "dropout_by_attribute": (MAP, "y = Dropout<ratio = 0.25>(x)", (), 9, ["dropout"]),
    "layer_norm_taken_apart": (
        TOKENS,
        "m = ReduceMean<axes = [-1]>(x) d = Sub(x, m) s = Pow(d, two) v = ReduceMean<axes = [-1]>(s) p = Add(v, eps) "
        "r = Sqrt(p) n = Div(d, r) k = Mul(n, w) y = Add(k, b)",
        ("float two = {2.0}", "float eps = {0.00001}", "float[12] w", "float[12] b"),
        13,
        ["layer_norm"],
    ),
    "layer_norm_without_bias": (
        TOKENS,
        "y = LayerNormalization(x, w)",
        ("float[12] w",),
        17,
        ["layer_norm", "layer_scale"],
    ),
    "norm_and_linear_with_channels_last": (
        MAP,
        "l = Transpose<perm = [0, 2, 3, 1]>(x) n = LayerNormalization(l, b, b) m = MatMul(n, w) p = Add(m, b) "
        "y = Transpose<perm = [0, 3, 1, 2]>(p)",
        ("float[8] b", "float[8,8] w"),
        17,
        ["rearrange", "layer_norm", "linear", "rearrange"],
    ),
    "linear_by_gemm": (VECTOR, "y = Gemm<transB = 1>(x, w, b)", ("float[5,8] w", "float[5] b"), 17, ["linear"]),
    "linear_by_product_and_sum": (
        TOKENS,
        "m = MatMul(x, w) y = Add(b, m)",
        ("float[12,7] w", "float[7] b"),
        17,
        ["linear"],
    ),
    "bias_after_convolution": (
        MAP,
        "c = Conv(x, w) y = Add(c, b)",
        ("float[4,8,1,1] w", "float[1,4,1,1] b"),
        17,
        ["conv"],
    ),
    "pad_before_convolution": (
        MAP,
        "p = Pad(x, pads) y = Conv<strides = [2, 2]>(p, w)",
        ("int64[8] pads = {0, 0, 0, 1, 0, 0, 1, 1}", "float[4,8,3,3] w"),
        13,
        ["conv"],
    ),
    "pad_by_attribute": (
        MAP,
        "p = Pad<pads = [0, 0, 1, 1, 0, 0, 1, 1]>(x) y = MaxPool<kernel_shape = [3, 3]>(p)",
        (),
        9,
        ["pad", "max_pool"],
    ),
    "shuffle": (
        MAP,
        "r = Reshape(x, apart) t = Transpose<perm = [0, 2, 1, 3, 4]>(r) y = Reshape(t, together)",
        ("int64[5] apart = {0, 2, 4, 6, 6}", "int64[4] together = {0, -1, 6, 6}"),
        17,
        ["channel_shuffle"],
    ),
    "halves": (
        MAP,
        "a, b = Split<axis = 1>(x) t = Tanh(b) y = Concat<axis = 1>(a, t)",
        (),
        11,
        ["slice_channels", "slice_channels", "tanh", "concat"],
    ),
    "halves_by_sizes": (
        MAP,
        "a, b = Split<axis = 1>(x, sizes) y = Concat<axis = 1>(b, a)",
        ("int64[2] sizes = {2, 6}",),
        13,
        ["roll"],
    ),
    "pool_and_flatten": (
        MAP,
        "p = GlobalAveragePool(x) f = Flatten(p) y = Relu(f)",
        (),
        17,
        ["global_avg_pool", "relu"],
    ),
    "pool_and_squeeze": (
        MAP,
        "p = GlobalMaxPool(x) f = Squeeze(p, axes) y = Relu(f)",
        ("int64[2] axes = {-1, -2}",),
        17,
        ["global_max_pool", "relu"],
    ),
    "pool_by_mean": (MAP, "y = ReduceMean<axes = [2, 3], keepdims = 0>(x)", (), 13, ["global_avg_pool"]),
    "pool_by_mean_of_18": (
        MAP,
        "y = ReduceMean<keepdims = 0>(x, axes)",
        ("int64[2] axes = {2, 3}",),
        18,
        ["global_avg_pool"],
    ),
    "flatten_by_computed_sizes": (
        MAP,
        "s = Shape(x) n = Gather(s, first) u = Unsqueeze(n, front) t = Concat<axis = 0>(u, rest) y = Reshape(x, t)",
        ("int64 first = {0}", "int64[1] front = {0}", "int64[1] rest = {-1}"),
        17,
        ["flatten"],
    ),
    "gate_that_was_a_vector": (
        MAP,
        "p = GlobalAveragePool(x) v = Reshape(p, flat) a = Gemm<transB = 1>(v, w, b) r = Relu(a) "
        "c = Gemm<transB = 1>(r, u) s = Sigmoid(c) m = Reshape(s, map) z = Shape(x) e = Expand(m, z) y = Mul(x, e)",
        ("int64[2] flat = {-1, 8}", "int64[4] map = {-1, 8, 1, 1}", "float[2,8] w", "float[2] b", "float[8,2] u"),
        17,
        ["global_avg_pool", "linear", "relu", "linear", "sigmoid", "rearrange", "multiply"],
    ),
    "gate_whose_pool_is_asked_for_its_shape": (
        MAP,
        "p = GlobalAveragePool(x) z = Shape(p) n = Slice(z, from, to) t = Concat<axis = 0>(n, rest) v = Reshape(p, t) "
        "a = MatMul(v, w) s = Sigmoid(a) m = Unsqueeze(s, axes) y = Mul(x, m)",
        (
            "int64[1] from = {0}",
            "int64[1] to = {1}",
            "int64[1] rest = {-1}",
            "int64[2] axes = {2, 3}",
            "float[8,8] w",
        ),
        17,
        ["global_avg_pool", "linear", "sigmoid", "rearrange", "multiply"],
    ),
    "gate_spread_one_axis_at_a_time": (
        MAP,
        "p = GlobalAveragePool(x) v = Flatten(p) a = MatMul(v, w) s = Sigmoid(a) "
        "m = Unsqueeze(s, last) n = Unsqueeze(m, last) y = Mul(x, n)",
        ("int64[1] last = {-1}", "float[8,8] w"),
        17,
        ["global_avg_pool", "linear", "sigmoid", "rearrange", "multiply"],
    ),
    "attention_of_one_projection": (
        TOKENS,
        "m = MatMul(x, w) l = Add(b, m) r = Reshape(l, apart) t = Transpose<perm = [2, 0, 3, 1, 4]>(r) "
        "q = Gather<axis = 0>(t, i0) k = Gather<axis = 0>(t, i1) v = Gather<axis = 0>(t, i2) s = Mul(q, c) "
        "kt = Transpose<perm = [0, 1, 3, 2]>(k) e = MatMul(s, kt) f = Softmax<axis = -1>(e) g = MatMul(f, v) "
        "h = Transpose<perm = [0, 2, 1, 3]>(g) y = Reshape(h, together)",
        (
            "int64[5] apart = {0, 0, 3, 2, 6}",
            "int64 i0 = {0}",
            "int64 i1 = {1}",
            "int64 i2 = {2}",
            "float c = {0.408}",
            "int64[3] together = {0, 0, 12}",
            "float[12,36] w",
            "float[36] b",
        ),
        17,
        ["linear", "slice", "slice", "slice", "attention"],
    ),
    "gelu_by_tanh": (
        MAP,
        "c = Pow(x, three) k = Mul(c, bend) s = Add(x, k) l = Mul(s, slope) t = Tanh(l) p = Add(t, one) "
        "h = Mul(x, half) y = Mul(h, p)",
        (*SCALARS, "float bend = {0.044715}", "float slope = {0.7978846}"),
        17,
        ["gelu"],
    ),
    "a_half_that_is_none": (
        MAP,
        "d = Div(x, r) e = Erf(d) p = Add(e, one) m = Mul(x, p) y = Mul(m, part)",
        (*SCALARS, "float r = {1.4142135}", "float part = {0.6}"),
        17,
        ["parameter", "divide", "erf", "parameter", "add", "multiply", "layer_scale"],
    ),
    "sigmoid_taken_apart": (MAP, "n = Neg(x) e = Exp(n) p = Add(e, one) y = Reciprocal(p)", SCALARS, 17, ["sigmoid"]),
    "mish_taken_apart": (MAP, "s = Softplus(x) t = Tanh(s) y = Mul(x, t)", (), 17, ["mish"]),
    "silu_of_which_another_reads_the_gate": (
        MAP,
        "s = Sigmoid(x) m = Mul(x, s) y = Add(m, s)",
        (),
        17,
        ["sigmoid", "multiply", "add"],
    ),
    "rms_norm_taken_apart": (
        TOKENS,
        "s = Pow(x, two) m = ReduceMean<axes = [-1]>(s) p = Add(m, eps) r = Sqrt(p) i = Reciprocal(r) n = Mul(x, i) "
        "y = Mul(w, n)",
        ("float two = {2.0}", "float eps = {0.00001}", "float[12] w"),
        13,
        ["rms_norm"],
    ),
    "a_norm_of_what_was_centred_along_another_axis": (
        TOKENS,
        "m = ReduceMean<axes = [1]>(x) d = Sub(x, m) s = Pow(d, two) v = ReduceMean<axes = [-1]>(s) p = Add(v, eps) "
        "r = Sqrt(p) y = Div(d, r)",
        ("float two = {2.0}", "float eps = {0.00001}"),
        13,
        ["mean", "subtract", "rms_norm"],
    ),
    "focus_by_slices": (
        MAP,
        "a = Slice(x, o, e, h, s) b = Slice(x, i, e, h, s) a0 = Slice(a, o, e, w, s) b0 = Slice(b, o, e, w, s) "
        "a1 = Slice(a, i, e, w, s) b1 = Slice(b, i, e, w, s) y = Concat<axis = 1>(a0, b0, a1, b1)",
        (
            "int64[1] o = {0}",
            "int64[1] i = {1}",
            "int64[1] e = {2147483647}",
            "int64[1] h = {2}",
            "int64[1] w = {3}",
            "int64[1] s = {2}",
        ),
        13,
        ["focus"],
    ),
    "grouped_queries": (
        TOKENS,
        "q0 = MatMul(x, w) q1 = Reshape(q0, many) q = Transpose<perm = [0, 2, 1, 3]>(q1) k0 = MatMul(x, u) "
        "k1 = Reshape(k0, few) k2 = Transpose<perm = [0, 2, 1, 3]>(k1) k3 = Unsqueeze(k2, two) k4 = Expand(k3, each) "
        "k5 = Reshape(k4, full) k = Transpose<perm = [0, 1, 3, 2]>(k5) e = MatMul(q, k) s = Mul(e, c) "
        "f = Softmax<axis = -1>(s) g = MatMul(f, k5) h = Transpose<perm = [0, 2, 1, 3]>(g) y = Reshape(h, together)",
        (
            "int64[4] many = {0, 5, 4, 3}",
            "int64[4] few = {0, 5, 2, 3}",
            "int64[1] two = {2}",
            "int64[5] each = {1, 2, 2, 5, 3}",
            "int64[4] full = {0, 4, 5, 3}",
            "int64[3] together = {0, 5, 12}",
            "float c = {0.57735}",
            "float[12,12] w",
            "float[12,6] u",
        ),
        17,
        ["linear", "linear", "attention"],
    ),
    "class_token": (TOKENS, "y = Concat<axis = 1>(t, x)", ("float[1,1,12] t",), 17, ["class_token"]),
    "positions": (TOKENS, "y = Add(x, p)", ("float[1,5,12] p",), 17, ["position_embedding"]),
    "first_token": (TOKENS, "y = Gather<axis = 1>(x, i)", ("int64 i = {0}",), 17, ["select_token"]),
    "last_token": (
        TOKENS,
        "s = Slice(x, from, to, along) y = Squeeze(s, along)",
        ("int64[1] from = {-1}", "int64[1] to = {9223372036854775807}", "int64[1] along = {1}"),
        17,
        ["select_token"],
    ),
    "upsample_by_scales": (MAP, "y = Resize(x, , s)", ("float[4] s = {1.0, 1.0, 2.0, 2.0}",), 17, ["upsample"]),
    "upsample_by_sizes": (
        MAP,
        'y = Resize<mode = "linear">(x, , , s)',
        ("int64[4] s = {1, 8, 12, 18}",),
        17,
        ["resize"],
    ),
    "upsample_of_9": (MAP, "y = Upsample(x, s)", ("float[4] s = {1.0, 1.0, 2.0, 3.0}",), 9, ["upsample"]),
    "softmax_of_11": (VECTOR, "y = Softmax(x)", (), 11, ["softmax"]),
    "unpool": (
        MAP,
        "p, i = MaxPool<kernel_shape = [2, 2], strides = [2, 2]>(x) "
        "y = MaxUnpool<kernel_shape = [2, 2], strides = [2, 2]>(p, i)",
        (),
        11,
        ["max_pool", "max_pool_indices", "max_unpool"],
    ),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_what_other_exporters_write_is_the_operator_that_it_means(name):
    reads, body, weights, opset, wanted = WRITTEN[name]
    model = parsed(f"{reads} x", "float y", body, *weights, opset=opset)
    del model.graph.output[0].type.tensor_type.shape.dim[:]
    inferred = onnx.shape_inference.infer_shapes(model, data_prop=True).graph.output[0].type.tensor_type.shape.dim
    graph = read(model)
    assert [one.op.name for one in graph.layers] == wanted
    if inferred and all(dim.HasField("dim_value") for dim in list(inferred)[1:]):
        assert graph.shape(graph.outputs[-1]) == tuple(dim.dim_value for dim in list(inferred)[1:])


COUNTED = ("op", "output_shape", "mult_adds", "other_ops", "groups", "kind")


def test_a_file_of_pytorch_costs_what_the_spec_of_its_network_costs():
    """All but the names of layers, and arrays that were equal when it was written and are stored once:
    `oracle/test_oracle_onnx.py` says how the file was made.
    """
    ours, theirs = cm.price(cm.load("mobilenet_v3_small")), cm.price(cm.load(PYTORCH))
    assert [[row[name] for name in COUNTED] for row in theirs] == [[row[name] for name in COUNTED] for row in ours]
