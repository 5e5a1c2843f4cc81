"""ONNX Runtime's own vocabulary: shapes as ONNX Runtime itself gives them, mult-adds by hand."""

from __future__ import annotations

from functools import partial

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx_nodes import I8, I32, I64, U8, Case, model, read, s, w, x

Microsoft = partial(Case, domain="com.microsoft")
U = s(3, U8)
QKV = [x(2, 5, 16)] * 3
CASES = {
    "FusedConv": Microsoft(
        "FusedConv",
        [x(2, 3, 8, 8), w(4, 3, 3, 3), w(4)],
        2 * 4 * 36 * 27,
        attributes={"activation": "Relu"},
        params=112,
    ),
    "FusedConv with a sum": Microsoft("FusedConv", [x(1, 3, 8, 8), w(4, 3, 3, 3), w(4), x(1, 4, 6, 6)], 4 * 36 * 27),
    "FusedConv clipped": Microsoft(
        "FusedConv",
        [x(1, 3, 8, 8), w(4, 3, 3, 3)],
        4 * 36 * 27,
        attributes={"activation": "Clip", "activation_params": [0.0, 6.0]},
    ),
    "FusedGemm": Microsoft(
        "FusedGemm", [x(2, 6), w(6, 5), w(5)], 60, attributes={"activation": "LeakyRelu", "activation_alpha": 0.1}
    ),
    "FusedMatMul": Microsoft(
        "FusedMatMul", [x(2, 6, 4), x(2, 6, 5)], 2 * 4 * 6 * 5, attributes={"transA": 1, "alpha": 0.5}
    ),
    "FusedMatMul with batches behind": Microsoft(
        "FusedMatMul", [x(2, 4, 3), x(4, 3, 6)], 4 * 2 * 3 * 6, attributes={"transBatchA": 1}
    ),
    "MatMulNBits": Microsoft(
        "MatMulNBits",
        [x(2, 3, 64), w(8, 2, 16, dtype=U8), w(16)],
        2 * 3 * 64 * 8,
        attributes={"K": 64, "N": 8, "bits": 4, "block_size": 32},
        params=512,
    ),
    "MatMulIntegerToFloat": Microsoft(
        "MatMulIntegerToFloat", [x(2, 6, dtype=U8), w(6, 5, dtype=U8), s(), s(), U, U], 60
    ),
    "DynamicQuantizeMatMul": Microsoft("DynamicQuantizeMatMul", [x(2, 6), w(6, 5, dtype=I8), s(), s(0, I8), w(5)], 60),
    "QLinearAdd": Microsoft(
        "QLinearAdd", [x(2, 3, 4, dtype=U8), s(), U, x(2, 3, 4, dtype=U8), s(), U, s(), U], params=0
    ),
    "QLinearMul": Microsoft("QLinearMul", [x(2, 3, 4, dtype=U8), s(), U, x(4, dtype=U8), s(), U, s(), U]),
    "QLinearConcat": Microsoft(
        "QLinearConcat", [s(), U, x(2, 3, dtype=U8), s(), U, x(2, 4, dtype=U8), s(0.25), U], attributes={"axis": 1}
    ),
    "QLinearGlobalAveragePool": Microsoft("QLinearGlobalAveragePool", [x(2, 3, 5, 5, dtype=U8), s(), U, s(), U]),
    "QLinearAveragePool": Microsoft(
        "QLinearAveragePool",
        [x(2, 3, 7, 7, dtype=U8), s(), U, s(), U],
        attributes={"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]},
    ),
    "QLinearLeakyRelu": Microsoft("QLinearLeakyRelu", [x(2, 3, dtype=U8), s(), U, s(), U]),
    "QLinearSigmoid": Microsoft("QLinearSigmoid", [x(2, 3, dtype=U8), s(), U, s(), U]),
    "QLinearSoftmax": Microsoft(
        "QLinearSoftmax", [x(2, 3, dtype=U8), s(), U, s(1 / 256), s(0, U8)], attributes={"axis": -1, "opset": 13}
    ),
    "QLinearWhere": Microsoft(
        "QLinearWhere", [x(2, 3, dtype=bool), x(2, 3, dtype=U8), s(), U, x(2, 3, dtype=U8), s(), U, s(), U]
    ),
    "QGemm": Microsoft(
        "QGemm",
        [x(2, 6, dtype=U8), s(), U, w(6, 5, dtype=U8), s(), U, w(5, dtype=I32), s(), U],
        60,
        params=35,
    ),
    "QAttention": Microsoft(
        "QAttention",
        [x(2, 5, 12, dtype=U8), w(12, 48, dtype=U8), w(48), s(), s(), None, U, U],
        2 * 5 * 12 * 48 + 2 * 25 * 16 * 2,
        attributes={"num_heads": 4},
        params=12 * 48 + 48,
    ),
    "Attention": Microsoft(
        "Attention",
        [x(2, 5, 12), w(12, 48), w(48)],
        2 * 5 * 12 * 48 + 2 * 25 * 16 * 2,
        outputs=2,
        attributes={"num_heads": 4},
        params=12 * 48 + 48,
    ),
    "Attention behind earlier tokens": Microsoft(
        "Attention",
        [x(2, 5, 12), w(12, 48), w(48), None, x(2, 2, 4, 3, 4)],
        2 * 5 * 12 * 48 + 2 * 5 * 8 * 16 * 2,
        outputs=2,
        attributes={"num_heads": 4, "unidirectional": 1},
    ),
    "Attention of other widths": Microsoft(
        "Attention",
        [x(2, 5, 12), w(12, 40), w(40)],
        2 * 5 * 12 * 40 + 2 * 25 * (16 + 8),
        attributes={"num_heads": 4, "qkv_hidden_sizes": [16, 16, 8]},
    ),
    "Attention with a mask": Microsoft(
        "Attention",
        [x(2, 5, 12), w(12, 48), w(48), x(2, 5, dtype=I32)],
        2 * 5 * 12 * 48 + 2 * 25 * 16 * 2,
        attributes={"num_heads": 4},
    ),
    "MultiHeadAttention": Microsoft("MultiHeadAttention", QKV, 2 * 25 * 32, attributes={"num_heads": 4}),
    "MultiHeadAttention with biases": Microsoft(
        "MultiHeadAttention", [*QKV, w(48)], 2 * 25 * 32, attributes={"num_heads": 4}, params=48
    ),
    "MultiHeadAttention packed": Microsoft(
        "MultiHeadAttention", [x(2, 5, 4, 3, 4)], 2 * 25 * 32, attributes={"num_heads": 4}, by_hand=[(2, 5, 16)]
    ),
    "MultiHeadAttention of keys packed": Microsoft(
        "MultiHeadAttention",
        [x(2, 5, 16), x(2, 7, 4, 2, 4)],
        2 * 35 * 32,
        attributes={"num_heads": 4},
        by_hand=[(2, 5, 16)],
    ),
    "MultiHeadAttention behind earlier tokens": Microsoft(
        "MultiHeadAttention",
        [*QKV, None, None, None, x(2, 4, 3, 4), x(2, 4, 3, 4)],
        2 * 5 * 8 * 32,
        outputs=3,
        attributes={"num_heads": 4},
    ),
    "MultiHeadAttention to kept keys": Microsoft(
        "MultiHeadAttention", [x(2, 5, 16), x(2, 4, 7, 4), x(2, 4, 7, 4)], 2 * 35 * 32, attributes={"num_heads": 4}
    ),
    "MultiHeadAttention with a bias of scores": Microsoft(
        "MultiHeadAttention", [*QKV, None, None, x(2, 4, 5, 5)], 2 * 25 * 32, attributes={"num_heads": 4}
    ),
    "GroupQueryAttention": Microsoft(
        "GroupQueryAttention",
        [x(1, 5, 32), x(1, 5, 16), x(1, 5, 16), None, None, np.array([4], I32), s(5, I32)],
        25 * 64,
        outputs=3,
        attributes={"num_heads": 4, "kv_num_heads": 2},
    ),
    "GroupQueryAttention packed": Microsoft(
        "GroupQueryAttention",
        [x(1, 5, 64), None, None, None, None, np.array([4], I32), s(5, I32)],
        25 * 64,
        outputs=3,
        attributes={"num_heads": 4, "kv_num_heads": 2},
    ),
    "GroupQueryAttention behind earlier tokens": Microsoft(
        "GroupQueryAttention",
        [x(1, 1, 32), x(1, 1, 16), x(1, 1, 16), x(1, 2, 6, 8), x(1, 2, 6, 8), np.array([6], I32), s(7, I32)],
        7 * 64,
        outputs=3,
        attributes={"num_heads": 4, "kv_num_heads": 2},
    ),
    "DecoderMaskedMultiHeadAttention": Microsoft(
        "DecoderMaskedMultiHeadAttention",
        [x(2, 1, 16), x(2, 1, 16), x(2, 1, 16), None, None, x(2, 4, 7, 4), x(2, 4, 7, 4), s(3, I32)],
        2 * 7 * 32,
        outputs=3,
        attributes={"num_heads": 4, "past_present_share_buffer": 1},
    ),
    "EmbedLayerNormalization": Microsoft(
        "EmbedLayerNormalization",
        [x(2, 5, dtype=I32), x(2, 5, dtype=I32), w(9, 8), w(7, 8), w(2, 8), w(8), w(8)],
        outputs=2,
        params=9 * 8 + 7 * 8 + 2 * 8 + 16,
    ),
    "SkipLayerNormalization": Microsoft(
        "SkipLayerNormalization", [x(2, 5, 8), x(2, 5, 8), w(8), w(8), w(8)], outputs=1, params=24
    ),
    "SkipLayerNormalization and its sum": Microsoft(
        "SkipLayerNormalization", [x(2, 5, 8), x(2, 5, 8), w(8)], outputs=4
    ),
    "SkipSimplifiedLayerNormalization": Microsoft("SkipSimplifiedLayerNormalization", [x(2, 5, 8), x(2, 5, 8), w(8)]),
    "SimplifiedLayerNormalization": Microsoft("SimplifiedLayerNormalization", [x(2, 5, 8), w(8)], domain="", params=8),
    "FastGelu": Microsoft("FastGelu", [x(2, 5, 8), w(8)]),
    "BiasGelu": Microsoft("BiasGelu", [x(2, 5, 8), w(8)]),
    "QuickGelu": Microsoft("QuickGelu", [x(2, 5, 8)]),
    "Gelu": Microsoft("Gelu", [x(2, 5, 8)]),
    "RotaryEmbedding": Microsoft(
        "RotaryEmbedding",
        [x(2, 5, 16), np.zeros((2, 5), I64), w(10, 2), w(10, 2)],
        attributes={"num_heads": 4},
        params=0,
    ),
    "GatherBlockQuantized": Microsoft(
        "GatherBlockQuantized",
        [w(6, 16, dtype=U8), x(2, 3, dtype=I64), w(6, 2)],
        attributes={"block_size": 16, "bits": 4, "quantize_axis": 1},
        params=6 * 32,
    ),
    "Inverse": Microsoft("Inverse", [x(2, 4, 4)], 2 * 64),
    "CropAndResize": Microsoft(
        "CropAndResize", [x(2, 3, 8, 8), w(3, 4), np.array([0, 1, 1], I32), np.array([4, 5], I32)]
    ),
    "NhwcMaxPool": Microsoft(
        "NhwcMaxPool", [x(1, 8, 8, 3, dtype=U8)], attributes={"kernel_shape": [3, 3], "strides": [2, 2]}
    ),
    "ExpandDims": Microsoft("ExpandDims", [x(2, 3), s(1, I32)]),
    "QuantizeLinear": Microsoft("QuantizeLinear", [x(2, 3), s(), U]),
    "GroupNorm": Microsoft(
        "GroupNorm",
        [x(2, 4, 4, 6), w(6), w(6)],
        attributes={"groups": 3, "activation": 1},
        params=12,
        by_hand=[(2, 4, 4, 6)],
    ),
    "SkipGroupNorm": Microsoft(
        "SkipGroupNorm",
        [x(2, 4, 4, 6), w(6), w(6), x(2, 4, 4, 6), w(6)],
        outputs=2,
        attributes={"groups": 3, "activation": 0},
        params=18,
        by_hand=[(2, 4, 4, 6)] * 2,
    ),
    "BiasAdd": Microsoft("BiasAdd", [x(2, 4, 6), w(6), x(2, 4, 6)], params=6, by_hand=[(2, 4, 6)]),
    "BiasSplitGelu": Microsoft("BiasSplitGelu", [x(2, 4, 6), w(6)], params=6, by_hand=[(2, 4, 3)]),
    "NhwcConv": Microsoft(
        "NhwcConv", [x(2, 8, 8, 3), w(4, 3, 3, 3), w(4)], 2 * 4 * 36 * 27, params=112, by_hand=[(2, 6, 6, 4)]
    ),
    "MatMulBnb4": Microsoft(
        "MatMulBnb4",
        [x(3, 64), w(256, dtype=U8), w(8)],
        3 * 64 * 8,
        attributes={"K": 64, "N": 8, "block_size": 64, "quant_type": 1},
        params=512,
        by_hand=[(3, 8)],
    ),
    "GemmFastGelu": Microsoft("GemmFastGelu", [x(2, 6), w(6, 5), w(5)], 60, params=35, by_hand=[(2, 5)]),
    "DequantizeLinear": Microsoft("DequantizeLinear", [x(2, 3, dtype=U8), s(), U]),
}


def in_onnx_runtime(whole: onnx.ModelProto, given: dict[str, np.ndarray]) -> list[tuple[int, ...]]:
    """Return the shapes that a model gives when it is run."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(whole.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return [np.shape(one) for one in session.run(None, given)]


@pytest.mark.parametrize("name", CASES)
def test_a_node_of_onnx_runtime_gives_the_shapes_that_it_gives_there(name: str) -> None:
    case = CASES[name]
    whole, given = model(case)
    found = read(whole)
    assert found.shapes == (case.by_hand or in_onnx_runtime(whole, given))
    assert not found.partial
    assert found.mult_adds == case.mult_adds
    if case.params is not None:
        assert found.params == case.params
