"""What counts as an operation besides mult-adds, and what a layer is filed under: conventions, so each is written down
once more.
"""

from __future__ import annotations

from math import inf
from typing import Any

import pytest

from costmodel.numbers.arithmetic import Shape
from costmodel.ops import OPERATORS
from costmodel.ops.base import Operator

MAP = (4, 3, 5)  # 60 elements

OTHER_OPS: list[tuple[str, dict[str, Any], list[Shape], int]] = [
    ("relu", {}, [MAP], 60),
    ("relu6", {}, [MAP], 120),
    ("leaky_relu", {}, [MAP], 120),
    ("prelu", {}, [MAP], 120),
    ("sigmoid", {}, [MAP], 180),
    ("tanh", {}, [MAP], 60),
    ("hardsigmoid", {}, [MAP], 240),
    ("hardswish", {}, [MAP], 300),
    ("silu", {}, [MAP], 240),
    ("gelu", {}, [MAP], 300),
    ("gelu", {"approximate": "tanh"}, [MAP], 540),
    ("elu", {}, [MAP], 240),
    ("selu", {}, [MAP], 300),
    ("celu", {}, [MAP], 300),
    ("rrelu", {}, [MAP], 120),
    ("hardtanh", {}, [MAP], 120),
    ("threshold", {"threshold": 0, "value": 1}, [MAP], 60),
    ("softshrink", {}, [MAP], 180),
    ("hardshrink", {}, [MAP], 120),
    ("softplus", {}, [MAP], 180),
    ("softplus", {"beta": 2}, [MAP], 300),
    ("softsign", {}, [MAP], 180),
    ("mish", {}, [MAP], 300),
    ("logsigmoid", {}, [MAP], 180),
    ("tanhshrink", {}, [MAP], 120),
    ("softmax", {"axis": 0}, [MAP], 300),
    ("log_softmax", {"axis": 0}, [MAP], 300),
    ("softmin", {"axis": 0}, [MAP], 300),
    ("glu", {"axis": 0}, [MAP], 120),
    ("exp", {}, [MAP], 60),
    ("log", {}, [MAP], 60),
    ("sqrt", {}, [MAP], 60),
    ("rsqrt", {}, [MAP], 120),
    ("reciprocal", {}, [MAP], 60),
    ("sin", {}, [MAP], 60),
    ("cos", {}, [MAP], 60),
    ("erf", {}, [MAP], 60),
    ("abs", {}, [MAP], 60),
    ("neg", {}, [MAP], 60),
    ("square", {}, [MAP], 60),
    ("sign", {}, [MAP], 60),
    ("floor", {}, [MAP], 60),
    ("ceil", {}, [MAP], 60),
    ("round", {}, [MAP], 60),
    ("clamp", {"min": 0}, [MAP], 60),
    ("clamp", {"min": 0, "max": 1}, [MAP], 120),
    ("shift", {"amount": 1}, [MAP], 60),
    ("isnan", {}, [MAP], 60),
    ("not", {}, [MAP], 60),
    ("batch_norm", {}, [MAP], 120),
    ("layer_norm", {}, [MAP], 420),
    ("layer_norm", {"affine": False}, [MAP], 300),
    ("group_norm", {"groups": 2}, [MAP], 420),
    ("group_norm", {"groups": 2, "affine": False}, [MAP], 300),
    ("instance_norm", {}, [MAP], 300),
    ("instance_norm", {"affine": True}, [MAP], 420),
    ("rms_norm", {}, [MAP], 240),
    ("rms_norm", {"affine": False}, [MAP], 180),
    ("l2_norm", {}, [MAP], 180),
    ("grn", {}, [MAP], 360),
    ("layer_scale", {}, [MAP], 60),
    ("lrn", {"size": 5}, [MAP], 540),
    ("max_pool", {"kernel_size": (2, 3), "stride": 2}, [MAP], 4 * 1 * 2 * 6),
    ("max_pool_indices", {"kernel_size": (2, 3), "stride": 2}, [MAP], 0),
    ("avg_pool", {"kernel_size": (2, 3), "stride": 2}, [MAP], 4 * 1 * 2 * 6),
    ("global_avg_pool", {}, [MAP], 60),
    ("global_max_pool", {}, [MAP], 60),
    ("adaptive_avg_pool", {"output_size": (3, 2)}, [MAP], 4 * 3 * (3 + 3)),
    ("adaptive_max_pool", {"output_size": 2}, [MAP], 4 * (2 + 2) * (3 + 3)),
    ("max_unpool", {"kernel_size": 2, "stride": 2}, [MAP, MAP], 0),
    ("add", {}, [MAP, MAP, MAP], 120),
    ("multiply", {}, [MAP, (4, 1, 1)], 60),
    ("subtract", {}, [MAP, (4, 1, 1)], 60),
    ("divide", {}, [(3, 5), MAP], 60),
    ("power", {}, [MAP, (5,)], 60),
    ("power", {"exponent": 3}, [MAP], 60),
    ("mod", {}, [MAP, MAP], 60),
    ("minimum", {}, [MAP, MAP], 60),
    ("maximum", {}, [(4, 1, 5), (1, 3, 1)], 60),
    ("compare", {"how": "less"}, [MAP, (1, 3, 1)], 60),
    ("compare", {"how": "not_equal"}, [MAP, MAP], 60),
    ("and", {}, [MAP, (4, 1, 1)], 60),
    ("xor", {}, [MAP, (4, 1, 1)], 60),
    ("or", {}, [MAP, MAP], 60),
    ("where", {}, [MAP, MAP, (1, 1, 1)], 0),
    ("concat", {}, [MAP, MAP], 0),
    ("sum", {"axis": 1}, [MAP], 60),
    ("mean", {"axis": 1}, [MAP], 60 + 20),
    ("mean", {"axis": (1, 2), "keep_dims": True}, [MAP], 60 + 4),
    ("max", {"axis": (0, 1, 2)}, [MAP], 60),
    ("min", {"axis": -1}, [MAP], 60),
    ("prod", {"axis": 0}, [MAP], 60),
    ("argmax", {"axis": 0}, [MAP], 60),
    ("argmin", {"axis": 0}, [MAP], 60),
    ("top_k", {"k": 2, "axis": 0}, [MAP], 60),
    ("top_k", {"k": 2, "axis": 0}, [MAP, (2, 3, 5)], 0),
    ("top_k_indices", {"k": 2, "axis": 0}, [MAP], 60),
    ("cumsum", {"axis": 2}, [MAP], 60),
    ("conv", {"out_channels": 2}, [MAP], 30),
    ("conv", {"out_channels": 2, "bias": False}, [MAP], 0),
    ("conv_transpose", {"out_channels": 2, "kernel_size": 2, "stride": 2}, [MAP], 120),
    ("conv_transpose", {"out_channels": 2, "kernel_size": 2, "stride": 2, "bias": False}, [MAP], 0),
    ("linear", {"out_features": 7}, [(6, 4)], 42),
    ("linear", {"out_features": 7, "bias": False}, [(6, 4)], 0),
    ("attention", {"heads": 2}, [(3, 8), (5, 8), (5, 8)], 6 * 2 * 3 * 5),
    ("attention", {"heads": 4, "kv_heads": 2, "past": 2}, [(3, 8), (5, 4), (5, 4)], 6 * 4 * 3 * 7),
    ("attention", {"heads": 2, "causal": True}, [(5, 8), (5, 8), (5, 8)], 6 * 2 * 5 * 5),
    ("attention", {"heads": 2}, [(3, 8), (5, 8), (5, 8), (3, 5)], 7 * 2 * 3 * 5),
    ("matmul", {}, [(3, 4), (4, 5)], 0),
    ("einsum", {"equation": "i j -> i"}, [(3, 4)], 12),
    ("einsum", {"equation": "i j -> j i"}, [(3, 4)], 0),
    ("einsum", {"equation": "i j, j k -> i k"}, [(3, 4), (4, 5)], 0),
    ("rnn", {"hidden_size": 3}, [(5, 4)], 5 * 3 * (1 + 2)),
    ("rnn", {"hidden_size": 3, "bias": False, "nonlinearity": "relu"}, [(5, 4)], 5 * 3),
    ("gru", {"hidden_size": 3}, [(5, 4)], 5 * 3 * (12 + 6)),
    ("lstm", {"hidden_size": 3}, [(5, 4)], 5 * 3 * (15 + 8)),
    ("lstm", {"hidden_size": 3, "layers": 2, "bidirectional": True, "bias": False}, [(5, 4)], 5 * 3 * 4 * 15),
    ("embedding", {"num_embeddings": 9, "embedding_dim": 4}, [(5,)], 0),
    ("gather", {}, [MAP, (7,)], 0),
    ("gather_elements", {}, [(4, 3), (7, 3)], 0),
    ("gather_nd", {"axis": (0, 1)}, [MAP, (7, 2)], 0),
    ("scatter", {}, [(4, 3), (2, 3), (2, 3)], 0),
    ("scatter", {"reduction": "add"}, [(4, 3), (2, 3), (2, 3)], 6),
    ("scatter_nd", {"axis": (0, 1)}, [MAP, (7, 2), (7, 5)], 0),
    ("scatter_nd", {"axis": (0, 1), "reduction": "maximum"}, [MAP, (7, 2), (7, 5)], 35),
    ("one_hot", {"classes": 9}, [(4, 3)], 0),
    ("grid_sample", {}, [MAP, (2, 6, 2)], 7 * 4 * 2 * 6),
    ("grid_sample", {"mode": "nearest"}, [MAP, (2, 6, 2)], 0),
    ("cast", {"to": "int64"}, [MAP], 60),
    ("parameter", {"size": (3, 8)}, [], 0),
    ("constant", {"size": (3, 8)}, [], 0),
    ("arange", {"stop": 8}, [], 0),
    ("resize", {"scale": 2}, [MAP], 0),
    ("resize", {"size": 8, "mode": "linear"}, [(4, 5)], 3 * 32),
    ("resize", {"size": (6, 10), "mode": "bilinear"}, [MAP], 7 * 240),
    ("resize", {"size": 2, "mode": "trilinear"}, [(1, 3, 3, 3)], 15 * 8),
    ("resize", {"scale": 0.5, "mode": "bicubic"}, [MAP], 31 * 4 * 1 * 2),
    ("upsample", {}, [MAP], 0),
    ("upsample", {"bilinear": True}, [MAP], 7 * 240),
    ("scale", {"factor": 0.1}, [MAP], 60),
    ("position_embedding", {}, [(3, 8)], 24),
    ("identity", {}, [MAP], 0),
    ("dropout", {}, [MAP], 0),
    ("flatten", {}, [MAP], 0),
    ("reshape", {"sizes": (60,)}, [MAP], 0),
    ("flip", {"axis": 0}, [MAP], 0),
    ("tril", {}, [MAP], 0),
    ("triu", {"diagonal": 1}, [MAP], 0),
    ("rearrange", {"pattern": "c h w -> w (c h)"}, [MAP], 0),
    ("transpose", {}, [MAP], 0),
    ("squeeze", {"axis": 0}, [(1, 4)], 0),
    ("unsqueeze", {"axis": 0}, [MAP], 0),
    ("from_tokens", {"height": 3, "width": 2}, [(6, 4)], 0),
    ("pixel_shuffle", {"upscale_factor": 2}, [MAP], 0),
    ("pixel_unshuffle", {"downscale_factor": 2}, [(4, 2, 6)], 0),
    ("focus", {}, [(4, 2, 6)], 0),
    ("window_partition", {"window_size": 2}, [(4, 2, 6)], 0),
    ("window_reverse", {"window_size": 2, "height": 2, "width": 6}, [(3, 4, 4)], 0),
    ("slice", {"stop": 2}, [MAP], 0),
    ("split", {"parts": 2}, [MAP], 0),
    ("crop", {"size": 2}, [MAP], 0),
    ("pad", {"before": 2}, [MAP], 0),
    ("roll", {"shifts": 2, "axis": 1}, [MAP], 0),
    ("broadcast_to", {"sizes": (4, 3, 5)}, [MAP], 0),
    ("tile", {"repeats": 2}, [MAP], 0),
    ("stack", {}, [MAP, MAP], 0),
    ("unfold", {"kernel_size": 2}, [MAP], 0),
    ("fold", {"kernel_size": 2, "output_size": (3, 5)}, [(16, 8)], 128),
    ("quantize", {}, [MAP], 300),
    ("dequantize", {}, [MAP], 120),
    ("pad_channels", {"after": 4}, [MAP], 0),
    ("slice_channels", {"stop": 2}, [MAP], 0),
    ("channel_shuffle", {"groups": 2}, [MAP], 0),
    ("tokens", {}, [MAP], 0),
    ("class_token", {}, [(3, 8)], 0),
    ("select_token", {}, [(3, 8)], 0),
    ("opaque", {"type": "Sort", "size": (3, 8), "operations": 7}, [(3, 8)], 7),
]


@pytest.mark.parametrize(("name", "fields", "shapes", "expected"), OTHER_OPS)
def test_other_ops(name: str, fields: dict[str, Any], shapes: list[Shape], expected: int) -> None:
    assert OPERATORS[name](**fields).cost(*shapes).other_ops == expected


def test_every_operator_has_a_convention() -> None:
    assert {name for name, *_ in OTHER_OPS} == OPERATORS.keys()


@pytest.mark.parametrize(
    ("name", "fields", "shapes", "params", "buffers"),
    [
        ("conv", {"out_channels": 6, "kernel_size": (2, 3), "groups": 2}, [MAP], 72 + 6, 0),
        ("conv_transpose", {"out_channels": 6, "kernel_size": (2, 3), "groups": 2}, [MAP], 72 + 6, 0),
        ("linear", {"out_features": 7}, [(6, 4)], 28 + 7, 0),
        ("rnn", {"hidden_size": 3}, [(5, 4)], 3 * 4 + 3 * 3 + 2 * 3, 0),
        ("gru", {"hidden_size": 3, "bias": False}, [(5, 4)], 3 * (3 * 4 + 3 * 3), 0),
        ("lstm", {"hidden_size": 3}, [(5, 4)], 4 * (3 * 4 + 3 * 3 + 2 * 3), 0),
        (
            "lstm",
            {"hidden_size": 3, "layers": 3, "bidirectional": True, "proj_size": 2},
            [(5, 4)],
            2 * (48 + 24 + 24 + 6) + 2 * 2 * (48 + 24 + 24 + 6),
            0,
        ),
        ("embedding", {"num_embeddings": 9, "embedding_dim": 4}, [(5,)], 36, 0),
        ("parameter", {"size": (3, 8)}, [], 24, 0),
        ("constant", {"size": (3, 8)}, [], 0, 24),
        ("constant", {"size": (3, 8), "value": 1.5}, [], 0, 0),
        ("batch_norm", {}, [MAP], 8, 8),
        ("batch_norm", {"affine": False}, [MAP], 0, 8),
        ("layer_norm", {}, [(3, 8)], 16, 0),
        ("layer_norm", {"axis": 0}, [MAP], 8, 0),
        ("group_norm", {"groups": 2}, [MAP], 8, 0),
        ("instance_norm", {}, [MAP], 0, 0),
        ("instance_norm", {"affine": True, "axis": 1}, [MAP], 6, 0),
        ("rms_norm", {}, [(3, 8)], 8, 0),
        ("rms_norm", {"axis": (0, 2)}, [MAP], 20, 0),
        ("grn", {"axis": -1}, [MAP], 10, 0),
        ("layer_scale", {"axis": 0}, [MAP], 4, 0),
        ("layer_scale", {"shared": True}, [MAP], 1, 0),
        ("prelu", {}, [MAP], 4, 0),
        ("prelu", {"shared": True}, [MAP], 1, 0),
        ("class_token", {}, [(3, 8)], 8, 0),
        ("position_embedding", {}, [(3, 8)], 24, 0),
        ("quantize", {}, [MAP], 0, 2),
        ("dequantize", {"axis": 1}, [MAP], 0, 6),
    ],
)
def test_params_and_buffers(name: str, fields: dict[str, Any], shapes: list[Shape], params: int, buffers: int) -> None:
    cost = OPERATORS[name](**fields).price(*shapes)
    assert (cost.params, cost.buffers) == (params, buffers)


@pytest.mark.parametrize(
    ("name", "fields", "shapes", "expected"),
    [
        ("attention", {"heads": 4, "past": 2}, [(3, 8), (5, 8), (5, 8)], 3 * 7 * 16),
        ("attention", {"heads": 4, "kv_heads": 2, "causal": True}, [(3, 8), (3, 4), (3, 6)], 3 * 3 * (8 + 12)),
        ("attention", {"heads": 2}, [(3, 8), (5, 8), (5, 4), (1, 5)], 3 * 5 * 12),
        ("matmul", {}, [(2, 1, 3, 4), (6, 4, 5)], 2 * 6 * 3 * 4 * 5),
        ("matmul", {"transpose_b": True}, [(3, 4), (5, 4)], 60),
        ("einsum", {"equation": "q h d, k h d -> h q k"}, [(3, 2, 8), (5, 2, 8)], 3 * 5 * 2 * 8),
        ("einsum", {"equation": "qhd,khd->hqk"}, [(7, 3, 2, 8), (1, 5, 2, 8)], 7 * 3 * 5 * 2 * 8),
        ("einsum", {"equation": "ij,k->k"}, [(3, 4), (5,)], 60),
        ("einsum", {"equation": "i j, j k, k l -> i l"}, [(2, 3), (3, 4), (4, 5)], 2 * 3 * 4 + 2 * 4 * 5),
        ("einsum", {"equation": "i j, j k, l k -> i"}, [(2, 3), (3, 4), (5, 4)], 2 * 3 * 4 + 2 * 4 * 5),
        (
            "einsum",
            {"equation": "i j, j k, k l -> i l"},
            [(2, 3), (3, 4), (7, 4, 5)],
            2 * 3 * 4 + 7 * 2 * 4 * 5,
        ),
        ("einsum", {"equation": "i j -> j"}, [(2, 3)], 0),
        ("rnn", {"hidden_size": 3}, [(7, 5, 4)], 7 * 5 * (3 * 4 + 3 * 3)),
        ("gru", {"hidden_size": 3, "layers": 2}, [(5, 4)], 5 * 3 * (12 + 9 + 9 + 9)),
        ("lstm", {"hidden_size": 3, "bidirectional": True, "layers": 2}, [(5, 4)], 5 * 4 * 2 * (12 + 9 + 18 + 9)),
        ("lstm", {"hidden_size": 3, "proj_size": 2}, [(5, 4)], 5 * (4 * (12 + 6) + 6)),
    ],
)
def test_mult_adds(name: str, fields: dict[str, Any], shapes: list[Shape], expected: int) -> None:
    assert OPERATORS[name](**fields).cost(*shapes).mult_adds == expected


def test_what_earlier_steps_kept_is_read_once_for_each_head_of_keys_and_values() -> None:
    step = OPERATORS["attention"](heads=4, kv_heads=2, past=100)
    assert step.kept((1, 8), (1, 4), (1, 6)) == 100 * (4 + 6)
    assert step.kept((3, 1, 8), (3, 1, 4), (3, 1, 6)) == 3 * 100 * (4 + 6)


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"out_channels": 8}, "conv 1x1"),
        ({"out_channels": 8, "kernel_size": (1, 1)}, "conv 1x1"),
        ({"out_channels": 8, "kernel_size": (1, 3)}, "conv kxk"),
        ({"out_channels": 8, "kernel_size": 3, "groups": 2}, "grouped conv"),
        ({"out_channels": 8, "kernel_size": 3, "groups": 4}, "depthwise conv"),
    ],
)
def test_kinds_of_convolution(fields: dict[str, Any], kind: str) -> None:
    assert OPERATORS["conv"](**fields).kind(MAP) == kind


@pytest.mark.parametrize(
    ("name", "fields", "shape", "window"),
    [
        ("group_norm", {"groups": 2}, MAP, ((inf, 1), (inf, 1))),
        ("group_norm", {"groups": 2, "axis": 1}, (7, *MAP), ((inf, 1), (inf, 1))),
        ("instance_norm", {}, (4, 6), ((inf, 1),)),
        ("grn", {}, MAP, ((inf, 1), (inf, 1))),
        ("grn", {"axis": -1}, MAP, None),
        ("rms_norm", {"axis": 0}, MAP, ()),
        ("rms_norm", {}, MAP, None),
        ("l2_norm", {}, MAP, ()),
        ("glu", {"axis": 0}, MAP, ()),
        ("glu", {"axis": 2}, (4, 3, 6), None),
        ("mean", {"axis": (1, 2)}, MAP, ((inf, 3), (inf, 5))),
        ("mean", {"axis": 1}, MAP, None),
        ("sum", {"axis": 0, "keep_dims": True}, MAP, ()),
        ("sum", {"axis": 0}, MAP, None),
        ("top_k", {"k": 2, "axis": 0}, MAP, ()),
        ("cumsum", {"axis": 1}, MAP, None),
        ("exp", {}, MAP, ()),
    ],
)
def test_what_one_position_sees(name: str, fields: dict[str, Any], shape: Shape, window: Any) -> None:
    assert OPERATORS[name](**fields).window(shape) == window


@pytest.mark.parametrize("operator", OPERATORS.values(), ids=lambda operator: operator.name)
def test_traits_do_not_contradict_each_other(operator: type[Operator]) -> None:
    assert operator.fuses in {"", "head", "tail"}
    if operator.view is True:
        assert operator.family in ("view", "source")
        assert not operator.in_place
    if operator.fuses == "head":
        assert not operator.in_place
    assert (operator.__doc__ or "").strip().endswith((".", ":"))
