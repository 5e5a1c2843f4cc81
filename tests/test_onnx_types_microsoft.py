"""ONNX Runtime's own vocabulary: shapes as ONNX Runtime itself gives them, mult-adds by hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper, numpy_helper
from onnx_nodes import read

F, U8, I8, I32, I64 = np.float32, np.uint8, np.int8, np.int32, np.int64


@dataclass
class Case:
    """One node: shapes of what it reads, arrays that are stored, and what it takes."""

    op_type: str
    inputs: list[Any]
    mult_adds: int = 0
    outputs: int = 1
    domain: str = "com.microsoft"
    attributes: dict[str, Any] = field(default_factory=dict)
    params: int | None = None
    by_hand: list[tuple[int, ...]] | None = None
    """The shapes that its documentation gives, where its processor kernels do not have the form."""


def x(*shape: int, dtype: Any = F) -> tuple[tuple[int, ...], Any]:
    """Return an input that is computed."""
    return shape, dtype


def w(*shape: int, dtype: Any = F) -> np.ndarray:
    """Return an array that is stored."""
    if dtype == F:
        return np.random.default_rng(0).standard_normal(shape, np.float32)
    return np.ones(shape, dtype)


def s(number: float = 0.5, dtype: Any = F) -> np.ndarray:
    """Return a single stored number."""
    return np.array(number, dtype)


U = s(3, U8)
QKV = [x(2, 5, 16)] * 3
CASES = {
    "FusedConv": Case(
        "FusedConv",
        [x(2, 3, 8, 8), w(4, 3, 3, 3), w(4)],
        2 * 4 * 36 * 27,
        attributes={"activation": "Relu"},
        params=112,
    ),
    "FusedConv with a sum": Case("FusedConv", [x(1, 3, 8, 8), w(4, 3, 3, 3), w(4), x(1, 4, 6, 6)], 4 * 36 * 27),
    "FusedConv clipped": Case(
        "FusedConv",
        [x(1, 3, 8, 8), w(4, 3, 3, 3)],
        4 * 36 * 27,
        attributes={"activation": "Clip", "activation_params": [0.0, 6.0]},
    ),
    "FusedGemm": Case(
        "FusedGemm", [x(2, 6), w(6, 5), w(5)], 60, attributes={"activation": "LeakyRelu", "activation_alpha": 0.1}
    ),
    "FusedMatMul": Case("FusedMatMul", [x(2, 6, 4), x(2, 6, 5)], 2 * 4 * 6 * 5, attributes={"transA": 1, "alpha": 0.5}),
    "FusedMatMul with batches behind": Case(
        "FusedMatMul", [x(2, 4, 3), x(4, 3, 6)], 4 * 2 * 3 * 6, attributes={"transBatchA": 1}
    ),
    "MatMulNBits": Case(
        "MatMulNBits",
        [x(2, 3, 64), w(8, 2, 16, dtype=U8), w(16)],
        2 * 3 * 64 * 8,
        attributes={"K": 64, "N": 8, "bits": 4, "block_size": 32},
        params=512,
    ),
    "MatMulIntegerToFloat": Case("MatMulIntegerToFloat", [x(2, 6, dtype=U8), w(6, 5, dtype=U8), s(), s(), U, U], 60),
    "DynamicQuantizeMatMul": Case("DynamicQuantizeMatMul", [x(2, 6), w(6, 5, dtype=I8), s(), s(0, I8), w(5)], 60),
    "QLinearAdd": Case("QLinearAdd", [x(2, 3, 4, dtype=U8), s(), U, x(2, 3, 4, dtype=U8), s(), U, s(), U], params=0),
    "QLinearMul": Case("QLinearMul", [x(2, 3, 4, dtype=U8), s(), U, x(4, dtype=U8), s(), U, s(), U]),
    "QLinearConcat": Case(
        "QLinearConcat", [s(), U, x(2, 3, dtype=U8), s(), U, x(2, 4, dtype=U8), s(0.25), U], attributes={"axis": 1}
    ),
    "QLinearGlobalAveragePool": Case("QLinearGlobalAveragePool", [x(2, 3, 5, 5, dtype=U8), s(), U, s(), U]),
    "QLinearAveragePool": Case(
        "QLinearAveragePool",
        [x(2, 3, 7, 7, dtype=U8), s(), U, s(), U],
        attributes={"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]},
    ),
    "QLinearLeakyRelu": Case("QLinearLeakyRelu", [x(2, 3, dtype=U8), s(), U, s(), U]),
    "QLinearSigmoid": Case("QLinearSigmoid", [x(2, 3, dtype=U8), s(), U, s(), U]),
    "QLinearSoftmax": Case(
        "QLinearSoftmax", [x(2, 3, dtype=U8), s(), U, s(1 / 256), s(0, U8)], attributes={"axis": -1, "opset": 13}
    ),
    "QLinearWhere": Case(
        "QLinearWhere", [x(2, 3, dtype=bool), x(2, 3, dtype=U8), s(), U, x(2, 3, dtype=U8), s(), U, s(), U]
    ),
    "QGemm": Case(
        "QGemm",
        [x(2, 6, dtype=U8), s(), U, w(6, 5, dtype=U8), s(), U, w(5, dtype=I32), s(), U],
        60,
        params=35,
    ),
    "QAttention": Case(
        "QAttention",
        [x(2, 5, 12, dtype=U8), w(12, 48, dtype=U8), w(48), s(), s(), None, U, U],
        2 * 5 * 12 * 48 + 2 * 25 * 16 * 2,
        attributes={"num_heads": 4},
        params=12 * 48 + 48,
    ),
    "Attention": Case(
        "Attention",
        [x(2, 5, 12), w(12, 48), w(48)],
        2 * 5 * 12 * 48 + 2 * 25 * 16 * 2,
        outputs=2,
        attributes={"num_heads": 4},
        params=12 * 48 + 48,
    ),
    "Attention behind earlier tokens": Case(
        "Attention",
        [x(2, 5, 12), w(12, 48), w(48), None, x(2, 2, 4, 3, 4)],
        2 * 5 * 12 * 48 + 2 * 5 * 8 * 16 * 2,
        outputs=2,
        attributes={"num_heads": 4, "unidirectional": 1},
    ),
    "Attention of other widths": Case(
        "Attention",
        [x(2, 5, 12), w(12, 40), w(40)],
        2 * 5 * 12 * 40 + 2 * 25 * (16 + 8),
        attributes={"num_heads": 4, "qkv_hidden_sizes": [16, 16, 8]},
    ),
    "Attention with a mask": Case(
        "Attention",
        [x(2, 5, 12), w(12, 48), w(48), x(2, 5, dtype=I32)],
        2 * 5 * 12 * 48 + 2 * 25 * 16 * 2,
        attributes={"num_heads": 4},
    ),
    "MultiHeadAttention": Case("MultiHeadAttention", QKV, 2 * 25 * 32, attributes={"num_heads": 4}),
    "MultiHeadAttention with biases": Case(
        "MultiHeadAttention", [*QKV, w(48)], 2 * 25 * 32, attributes={"num_heads": 4}, params=48
    ),
    "MultiHeadAttention packed": Case(
        "MultiHeadAttention", [x(2, 5, 4, 3, 4)], 2 * 25 * 32, attributes={"num_heads": 4}, by_hand=[(2, 5, 16)]
    ),
    "MultiHeadAttention of keys packed": Case(
        "MultiHeadAttention",
        [x(2, 5, 16), x(2, 7, 4, 2, 4)],
        2 * 35 * 32,
        attributes={"num_heads": 4},
        by_hand=[(2, 5, 16)],
    ),
    "MultiHeadAttention behind earlier tokens": Case(
        "MultiHeadAttention",
        [*QKV, None, None, None, x(2, 4, 3, 4), x(2, 4, 3, 4)],
        2 * 5 * 8 * 32,
        outputs=3,
        attributes={"num_heads": 4},
    ),
    "MultiHeadAttention to kept keys": Case(
        "MultiHeadAttention", [x(2, 5, 16), x(2, 4, 7, 4), x(2, 4, 7, 4)], 2 * 35 * 32, attributes={"num_heads": 4}
    ),
    "MultiHeadAttention with a bias of scores": Case(
        "MultiHeadAttention", [*QKV, None, None, x(2, 4, 5, 5)], 2 * 25 * 32, attributes={"num_heads": 4}
    ),
    "GroupQueryAttention": Case(
        "GroupQueryAttention",
        [x(1, 5, 32), x(1, 5, 16), x(1, 5, 16), None, None, np.array([4], I32), s(5, I32)],
        25 * 64,
        outputs=3,
        attributes={"num_heads": 4, "kv_num_heads": 2},
    ),
    "GroupQueryAttention packed": Case(
        "GroupQueryAttention",
        [x(1, 5, 64), None, None, None, None, np.array([4], I32), s(5, I32)],
        25 * 64,
        outputs=3,
        attributes={"num_heads": 4, "kv_num_heads": 2},
    ),
    "GroupQueryAttention behind earlier tokens": Case(
        "GroupQueryAttention",
        [x(1, 1, 32), x(1, 1, 16), x(1, 1, 16), x(1, 2, 6, 8), x(1, 2, 6, 8), np.array([6], I32), s(7, I32)],
        7 * 64,
        outputs=3,
        attributes={"num_heads": 4, "kv_num_heads": 2},
    ),
    "DecoderMaskedMultiHeadAttention": Case(
        "DecoderMaskedMultiHeadAttention",
        [x(2, 1, 16), x(2, 1, 16), x(2, 1, 16), None, None, x(2, 4, 7, 4), x(2, 4, 7, 4), s(3, I32)],
        2 * 7 * 32,
        outputs=3,
        attributes={"num_heads": 4, "past_present_share_buffer": 1},
    ),
    "EmbedLayerNormalization": Case(
        "EmbedLayerNormalization",
        [x(2, 5, dtype=I32), x(2, 5, dtype=I32), w(9, 8), w(7, 8), w(2, 8), w(8), w(8)],
        outputs=2,
        params=9 * 8 + 7 * 8 + 2 * 8 + 16,
    ),
    "SkipLayerNormalization": Case(
        "SkipLayerNormalization", [x(2, 5, 8), x(2, 5, 8), w(8), w(8), w(8)], outputs=1, params=24
    ),
    "SkipLayerNormalization and its sum": Case("SkipLayerNormalization", [x(2, 5, 8), x(2, 5, 8), w(8)], outputs=4),
    "SkipSimplifiedLayerNormalization": Case("SkipSimplifiedLayerNormalization", [x(2, 5, 8), x(2, 5, 8), w(8)]),
    "SimplifiedLayerNormalization": Case("SimplifiedLayerNormalization", [x(2, 5, 8), w(8)], domain="", params=8),
    "FastGelu": Case("FastGelu", [x(2, 5, 8), w(8)]),
    "BiasGelu": Case("BiasGelu", [x(2, 5, 8), w(8)]),
    "QuickGelu": Case("QuickGelu", [x(2, 5, 8)]),
    "Gelu": Case("Gelu", [x(2, 5, 8)]),
    "RotaryEmbedding": Case(
        "RotaryEmbedding",
        [x(2, 5, 16), np.zeros((2, 5), I64), w(10, 2), w(10, 2)],
        attributes={"num_heads": 4},
        params=0,
    ),
    "GatherBlockQuantized": Case(
        "GatherBlockQuantized",
        [w(6, 16, dtype=U8), x(2, 3, dtype=I64), w(6, 2)],
        attributes={"block_size": 16, "bits": 4, "quantize_axis": 1},
        params=6 * 32,
    ),
    "Inverse": Case("Inverse", [x(2, 4, 4)], 2 * 64),
    "CropAndResize": Case("CropAndResize", [x(2, 3, 8, 8), w(3, 4), np.array([0, 1, 1], I32), np.array([4, 5], I32)]),
    "NhwcMaxPool": Case(
        "NhwcMaxPool", [x(1, 8, 8, 3, dtype=U8)], attributes={"kernel_shape": [3, 3], "strides": [2, 2]}
    ),
    "ExpandDims": Case("ExpandDims", [x(2, 3), s(1, I32)]),
    "QuantizeLinear": Case("QuantizeLinear", [x(2, 3), s(), U]),
    "GroupNorm": Case(
        "GroupNorm",
        [x(2, 4, 4, 6), w(6), w(6)],
        attributes={"groups": 3, "activation": 1},
        params=12,
        by_hand=[(2, 4, 4, 6)],
    ),
    "SkipGroupNorm": Case(
        "SkipGroupNorm",
        [x(2, 4, 4, 6), w(6), w(6), x(2, 4, 4, 6), w(6)],
        outputs=2,
        attributes={"groups": 3, "activation": 0},
        params=18,
        by_hand=[(2, 4, 4, 6)] * 2,
    ),
    "BiasAdd": Case("BiasAdd", [x(2, 4, 6), w(6), x(2, 4, 6)], params=6, by_hand=[(2, 4, 6)]),
    "BiasSplitGelu": Case("BiasSplitGelu", [x(2, 4, 6), w(6)], params=6, by_hand=[(2, 4, 3)]),
    "NhwcConv": Case(
        "NhwcConv", [x(2, 8, 8, 3), w(4, 3, 3, 3), w(4)], 2 * 4 * 36 * 27, params=112, by_hand=[(2, 6, 6, 4)]
    ),
    "MatMulBnb4": Case(
        "MatMulBnb4",
        [x(3, 64), w(256, dtype=U8), w(8)],
        3 * 64 * 8,
        attributes={"K": 64, "N": 8, "block_size": 64, "quant_type": 1},
        params=512,
        by_hand=[(3, 8)],
    ),
    "GemmFastGelu": Case("GemmFastGelu", [x(2, 6), w(6, 5), w(5)], 60, params=35, by_hand=[(2, 5)]),
    "DequantizeLinear": Case("DequantizeLinear", [x(2, 3, dtype=U8), s(), U]),
}


def model(case: Case) -> tuple[onnx.ModelProto, dict[str, np.ndarray]]:
    """Return a model of one node, and something that it can be run on."""
    names, inputs, arrays, given = [], [], [], {}
    for place, one in enumerate(case.inputs):
        name = f"in{place}" if one is not None else ""
        names.append(name)
        if isinstance(one, tuple):
            shape, dtype = one
            kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
            inputs.append(helper.make_tensor_value_info(name, kind, shape))
            given[name] = (
                np.ones(shape, dtype)
                if dtype != F
                else w(*shape) + (np.eye(shape[-1], dtype=F) * 9 if shape[-2:] == (4, 4) else 0)
            )
        elif one is not None:
            arrays.append(numpy_helper.from_array(one, name))
    outputs = [f"out{place}" for place in range(case.outputs)]
    node = helper.make_node(case.op_type, names, outputs, "it", domain=case.domain, **case.attributes)
    kinds = [helper.make_empty_tensor_value_info(name) for name in outputs]
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)]
    graph = helper.make_graph([node], "one", inputs, kinds, arrays)
    return helper.make_model(graph, opset_imports=opsets, ir_version=10), given


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
