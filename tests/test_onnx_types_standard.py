"""Nodes of windows, products, norms, recurrent layers, attention and whole numbers: every model that ONNX tests them by
is read with the shapes that it gives, and what they take is counted by hand.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx_nodes import I32, I64, U8, Case, F, cases, expected, model, read, s, stored, w, x

import costmodel as cm
from costmodel.onnx.messages import model_of
from costmodel.onnx.read import graph_of

MODULES = (
    "attention averagepool batch_normalization causal_conv_with_state col2im conv convinteger convtranspose "
    "deformconv dequantizelinear dynamicquantizelinear einsum gemm globalaveragepool globalmaxpool gridsample "
    "groupnormalization gru instance_normalization layernormalization linear_attention lpnormalization lppool lrn "
    "lstm matmul matmulinteger maxpool maxunpool meanvariancenormalization qlinearconv qlinearmatmul "
    "quantizelinear resize rmsnormalization rnn roialign rotaryembedding tensorscatter upsample"
).split()
TYPES = (
    "Attention AveragePool BatchNormalization CausalConvWithState Col2Im Conv ConvInteger ConvTranspose "
    "DeformConv DequantizeLinear DynamicQuantizeLinear Einsum Gemm GlobalAveragePool GlobalMaxPool GridSample "
    "GroupNormalization GRU InstanceNormalization LayerNormalization LinearAttention LpNormalization LpPool LRN "
    "LSTM MatMul MatMulInteger MaxPool MaxUnpool MeanVarianceNormalization QLinearConv QLinearMatMul "
    "QuantizeLinear Resize RMSNormalization RNN RoiAlign RotaryEmbedding TensorScatter Upsample"
).split()
SHAPED_BY_NUMBERS = {"Col2Im": (0,), "MaxUnpool": (0, 1), "Resize": (0,), "Upsample": (0,)}
"""Types whose outputs have sizes that inputs hold: which inputs may be computed all the same."""


def _cases() -> dict[str, Any]:
    return cases(MODULES, TYPES)


@pytest.mark.parametrize("computed", ["first", "all"])
def test_every_model_that_onnx_tests_them_by_is_read_with_its_shapes(computed: str) -> None:
    found = _cases()
    assert len(found) > 500
    wrong = {}
    for name, case in found.items():
        op_type = case.model.graph.node[0].op_type
        # Written out in simpler nodes, stored inputs would be folded: that is for the tests of those nodes.
        whole = len(case.model.graph.node) > 1
        places = (0,) if computed == "first" and not whole else SHAPED_BY_NUMBERS.get(op_type, range(99))
        result = read(stored(case, places))
        if result.shapes != expected(case) or result.partial:
            wrong[name] = (result.shapes, expected(case), result.partial)
    assert not wrong


def conv(*inputs: Any, **attributes: Any) -> Case:
    return Case("Conv", list(inputs), attributes=attributes)


TOKENS = x(2, 5, 16)
QUEUE = [TOKENS, x(2, 7, 16), x(2, 7, 16)]
LSTM = [w(1, 32, 6), w(1, 32, 8), w(1, 64)]
COUNTED = {
    # out positions x weights
    "Conv": Case("Conv", [x(2, 6, 8, 8), w(4, 3, 3, 3), w(4)], 2 * 36 * 108, attributes={"group": 2}, params=112),
    "Conv, computed weights": Case(
        "Conv", [x(2, 6, 8, 8), x(4, 3, 3, 3)], 2 * 36 * 108, attributes={"group": 2}, params=0
    ),
    "Conv, computed bias": Case("Conv", [x(2, 3, 8, 8), w(4, 3, 3, 3), x(4)], 2 * 36 * 108, params=108),
    "Conv over four axes": Case("Conv", [x(1, 2, 4, 4, 4, 4), w(3, 2, 2, 2, 2, 2)], 81 * 3 * 32),
    "Conv, padding taken off": Case(
        "Conv", [x(1, 3, 8, 8), w(4, 3, 3, 3)], 16 * 108, attributes={"pads": [-1] * 4}, by_hand=[(1, 4, 4, 4)]
    ),
    # in positions x weights
    "ConvTranspose": Case(
        "ConvTranspose", [x(2, 4, 5, 5), w(4, 3, 3, 3)], 2 * 25 * 4 * 27, attributes={"strides": [2, 2]}
    ),
    "ConvTranspose to a size": Case(
        "ConvTranspose", [x(1, 4, 5), w(4, 3, 3)], 5 * 36, attributes={"strides": [3], "output_shape": [20]}
    ),
    "ConvTranspose, computed weights": Case("ConvTranspose", [x(2, 4, 5, 5), x(4, 3, 3, 3)], 2 * 25 * 4 * 27, params=0),
    "DeformConv": Case("DeformConv", [x(1, 2, 5, 5), w(3, 2, 2, 2), x(1, 8, 4, 4)], 16 * 24, opset=22, params=24),
    "MatMul": Case("MatMul", [x(2, 3, 4), w(4, 5)], 2 * 3 * 20, params=20),
    "MatMul of a vector": Case("MatMul", [x(4), w(4, 5)], 20, params=20),
    "MatMul by a vector": Case("MatMul", [x(2, 3, 4), w(4)], 24, params=4),
    "MatMul of computed vectors": Case("MatMul", [x(4), x(4)], 4),
    "MatMul of a vector and a stack": Case("MatMul", [x(4), x(2, 4, 5)], 40),
    "MatMul from the left": Case("MatMul", [w(6, 4), x(2, 4, 5)], 2 * 6 * 20, params=24),
    "MatMul by a stack": Case("MatMul", [x(2, 3, 4), w(2, 4, 5)], 120, params=40),
    "MatMul of two": Case("MatMul", [x(2, 1, 3, 4), x(6, 4, 5)], 2 * 6 * 60),
    "Gemm": Case("Gemm", [x(3, 4), w(4, 5), w(5)], 60, params=25),
    "Gemm, all turned": Case(
        "Gemm", [x(4, 3), w(5, 4), s()], 60, attributes={"transA": 1, "transB": 1, "alpha": 2.0, "beta": 0.5}, params=21
    ),
    "Gemm, a bias for each row": Case("Gemm", [x(3, 4), w(4, 5), w(3, 5)], 60, params=35),
    "Gemm, all computed": Case("Gemm", [x(3, 4), x(5, 4), x(1, 5)], 60, attributes={"transB": 1, "beta": 2.0}),
    "Einsum": Case("Einsum", [x(2, 3, 4), w(4, 5)], 120, attributes={"equation": "bij, jk -> bik"}, params=20),
    "Einsum, no output": Case("Einsum", [x(3, 4), x(4, 5)], 60, attributes={"equation": "ij,jk"}),
    "Einsum, axes not named": Case("Einsum", [x(2, 3, 4), x(2, 4, 5)], 120, attributes={"equation": "...ij,...jk"}),
    "Einsum of three": Case("Einsum", [x(3, 4), x(4, 5), x(5, 6)], 60 + 90, attributes={"equation": "ij,jk,kl->il"}),
    "Einsum of a diagonal": Case("Einsum", [x(2, 3, 3), x(3, 4)], 24, attributes={"equation": "bii,ij->bj"}),
    # steps x (in + hidden) x gates x hidden
    "LSTM": Case("LSTM", [x(5, 2, 6), *LSTM], 10 * 32 * 14, outputs=3, attributes={"hidden_size": 8}, params=512),
    "LSTM with states and peepholes": Case(
        "LSTM",
        [x(5, 2, 6), *LSTM, None, x(1, 2, 8), x(1, 2, 8), w(1, 24)],
        10 * 32 * 14,
        outputs=3,
        attributes={"hidden_size": 8},
        params=536,
    ),
    "GRU both ways": Case(
        "GRU",
        [x(5, 2, 6), w(2, 24, 6), w(2, 24, 8), w(2, 48)],
        2 * 10 * 24 * 14,
        outputs=2,
        attributes={"hidden_size": 8, "direction": "bidirectional", "linear_before_reset": 1},
        params=2 * 24 * 14 + 96,
    ),
    "GRU, reset before the matrix": Case(
        "GRU", [x(5, 2, 6), w(1, 24, 6), w(1, 24, 8)], 10 * 24 * 14, attributes={"hidden_size": 8}, params=24 * 14
    ),
    "GRU both ways, reset before the matrix": Case(
        "GRU",
        [x(5, 2, 6), w(2, 24, 6), w(2, 24, 8)],
        2 * 10 * 24 * 14,
        attributes={"hidden_size": 8, "direction": "bidirectional"},
        params=2 * 24 * 14,
    ),
    "RNN backwards": Case(
        "RNN",
        [x(5, 2, 6), w(1, 8, 6), w(1, 8, 8)],
        10 * 8 * 14,
        outputs=2,
        attributes={"hidden_size": 8, "direction": "reverse"},
        params=8 * 14,
    ),
    # queries x keys x (width of queries + width of values)
    "Attention": Case("Attention", QUEUE, 2 * 35 * 32, attributes={"q_num_heads": 4, "kv_num_heads": 4}, opset=23),
    "Attention of groups": Case("Attention", [x(2, 4, 5, 8), x(2, 2, 7, 8), x(2, 2, 7, 8)], 2 * 4 * 35 * 16, opset=23),
    "Attention behind earlier tokens": Case(
        "Attention",
        [*QUEUE, None, x(2, 4, 3, 4), x(2, 4, 3, 4)],
        2 * 5 * 10 * 32,
        outputs=3,
        attributes={"q_num_heads": 4, "kv_num_heads": 4, "is_causal": 1, "softcap": 2.0},
        opset=23,
    ),
    # places x channels x taps, those in the padding included
    "CausalConvWithState": Case(
        "CausalConvWithState",
        [x(2, 6, 9), w(6, 1, 4), w(6)],
        2 * 9 * 6 * 4,
        outputs=2,
        attributes={"activation": "silu"},
        opset=27,
        params=30,
    ),
    "CausalConvWithState of one place": Case(
        "CausalConvWithState", [x(2, 6, 1), x(6, 1, 4), None, x(2, 6, 3)], 2 * 6 * 4, outputs=2, opset=27, params=0
    ),
    "CausalConvWithState, shorter than its kernel": Case(
        "CausalConvWithState", [x(2, 6, 2), w(6, 1, 5)], 2 * 2 * 6 * 5, outputs=2, opset=27, params=30
    ),
    # tokens x width of keys x width of values x (heads of queries + of keys, these twice where they are looked up)
    "LinearAttention": Case(
        "LinearAttention",
        [x(2, 5, 4 * 3), x(2, 5, 2 * 3), x(2, 5, 2 * 7)],
        10 * 21 * (4 + 2),
        outputs=2,
        attributes={"q_num_heads": 4, "kv_num_heads": 2, "update_rule": "linear"},
        opset=27,
    ),
    "LinearAttention, gated, with a delta": Case(
        "LinearAttention",
        [x(2, 5, 6), x(2, 5, 6), x(2, 5, 14), x(2, 2, 3, 7), x(2, 5, 2), x(2, 5, 1)],
        10 * 21 * (2 + 4),
        outputs=2,
        attributes={"q_num_heads": 2, "kv_num_heads": 2},
        opset=27,
    ),
    "QLinearConv": Case(
        "QLinearConv",
        [
            x(1, 3, 8, 8, dtype=U8),
            s(),
            s(1, U8),
            w(4, 3, 3, 3, dtype=U8),
            s(),
            s(1, U8),
            s(),
            s(1, U8),
            w(4, dtype=I32),
        ],
        36 * 108,
        params=112,
    ),
    "QLinearMatMul": Case(
        "QLinearMatMul",
        [x(2, 3, 4, dtype=U8), s(), s(1, U8), w(4, 5, dtype=U8), s(), s(1, U8), s(), s(1, U8)],
        120,
        params=20,
    ),
    "ConvInteger": Case(
        "ConvInteger", [x(1, 3, 8, 8, dtype=U8), w(4, 3, 3, 3, dtype=U8), s(1, U8)], 36 * 108, params=108
    ),
    "MatMulInteger": Case("MatMulInteger", [x(2, 3, 4, dtype=U8), w(4, 5, dtype=U8)], 120, params=20),
    "MaxRoiPool": Case(
        "MaxRoiPool", [x(1, 2, 8, 8), x(3, 5)], attributes={"pooled_shape": [2, 2]}, by_hand=[(3, 2, 2, 2)]
    ),
    "GlobalLpPool": Case("GlobalLpPool", [x(1, 2, 8, 8)], by_hand=[(1, 2, 1, 1)]),
    "LayerNormalization, no bias": Case("LayerNormalization", [x(2, 5, 8), w(8)], outputs=2, params=8),
    "LayerNormalization over two axes": Case(
        "LayerNormalization", [x(2, 5, 8), w(5, 8)], attributes={"axis": 1}, params=40
    ),
    "BatchNormalization of a vector": Case("BatchNormalization", [x(2, 8), w(8), w(8), w(8), w(8)], params=16),
    "GroupNormalization": Case(
        "GroupNormalization", [x(2, 6, 4), w(6), w(6)], attributes={"num_groups": 2}, params=12, by_hand=[(2, 6, 4)]
    ),
    "LRN over an even number": Case("LRN", [x(2, 6, 4, 4)], attributes={"size": 4}),
    "Resize down by scales": Case(
        "Resize", [x(1, 2, 9, 9), None, np.array([1, 1, 0.6, 0.6], F)], attributes={"mode": "linear"}
    ),
    "Resize of channels last": Case(
        "Resize", [x(1, 8, 8, 3), None, None, np.array([1, 5, 7, 3], I64)], attributes={"mode": "nearest"}
    ),
    "Upsample of opset 7": Case(
        "Upsample", [x(1, 2, 4, 4)], attributes={"scales": [1.0, 1.0, 2.0, 3.0]}, opset=7, by_hand=[(1, 2, 8, 12)]
    ),
    "AveragePool, rounded up": Case(
        "AveragePool",
        [x(1, 2, 7, 7)],
        attributes={"kernel_shape": [2, 2], "strides": [2, 2], "ceil_mode": 1},
    ),
    "MaxPool over three axes, and where": Case(
        "MaxPool", [x(1, 2, 6, 6, 6)], outputs=2, attributes={"kernel_shape": [2, 2, 2], "strides": [2, 2, 2]}
    ),
}


@pytest.mark.parametrize("name", COUNTED)
def test_what_a_node_takes_is_counted_and_its_shapes_are_those_of_onnx(name: str) -> None:
    case = COUNTED[name]
    whole, _ = model(case)
    found = read(whole)
    assert found.mult_adds == case.mult_adds
    assert not found.partial
    if case.params is not None:
        assert found.params == case.params
    assert found.shapes == (case.by_hand or _inferred(whole))


QKV = [x(2, 5, 6), x(2, 5, 6), x(2, 5, 14), None, x(2, 5, 2), x(2, 5, 2)]
UPDATES = {
    "linear": 10 * 2 * 7,  # the scale of each feature that comes out
    "gated": 10 * 2 * 7 + 10 * 2 * (1 + 21),  # and an exp, by which the state is multiplied
    "delta": 10 * 2 * 7 + 10 * 2 * (7 + 7),  # a subtraction and a factor for each feature of a value
    "gated_delta": 10 * 2 * 7 + 10 * 2 * (1 + 21) + 10 * 2 * (7 + 7),
}


@pytest.mark.parametrize("update", UPDATES)
def test_what_linear_attention_takes_besides_its_products(update: str) -> None:
    """2 x 5 tokens of 2 heads, keys of 3 features and values of 7."""
    for scale, fewer in ((0.0, 0), (1.0, 140)):
        how = {"q_num_heads": 2, "kv_num_heads": 2, "update_rule": update, "scale": scale}
        whole, _ = model(Case("LinearAttention", list(QKV), outputs=1, attributes=how, opset=27))
        assert sum(step.op.cost().other_ops for step in read(whole).reader.draft.steps) == UPDATES[update] - fewer


def test_a_layer_of_known_cost_takes_its_share_for_each_image() -> None:
    whole, _ = model(Case("DeformConv", [x(2, 2, 5, 5), w(3, 2, 2, 2), x(2, 8, 4, 4)], opset=22))
    whole.graph.output[0].CopyFrom(onnx.helper.make_tensor_value_info("out0", onnx.TensorProto.FLOAT, [2, 3, 4, 4]))
    graph = graph_of(model_of(whole.SerializeToString(), "one.onnx"), "one.onnx", "one")
    assert (graph.batch, graph.whole, graph.shape("it")) == (2, "", (3, 4, 4))
    assert cm.price(graph, 5).totals.mult_adds == 5 * 16 * 24


def _inferred(whole: onnx.ModelProto) -> list[tuple[int, ...]]:
    """Return the shapes that ONNX infers."""
    result = onnx.shape_inference.infer_shapes(whole, strict_mode=True, data_prop=True)
    return [tuple(size.dim_value for size in one.type.tensor_type.shape.dim) for one in result.graph.output]
