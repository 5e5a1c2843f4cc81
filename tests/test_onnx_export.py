"""Small networks, written by hand, as ONNX models: checked by ONNX, run by ONNX Runtime, compared layer by layer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx.shape_inference import infer_shapes

from costmodel.graph import INPUT, LayerGraph
from costmodel.onnx.export import model, to_onnx
from costmodel.ops import OPERATORS
from costmodel.weights import RandomWeights

Lines = Iterable[tuple[str, str, list[str], dict[str, Any]]]


def network(name: str, shape: tuple[int, ...], lines: Lines) -> LayerGraph:
    graph = LayerGraph(name, shape)
    for path, op, reads, fields in lines:
        graph.add(path, OPERATORS[op](**fields), tuple(reads))
    return graph


RESIDUAL: Lines = [
    (
        "stem.conv",
        "conv",
        ["input"],
        {"out_channels": 8, "kernel_size": 3, "stride": 2, "padding": "same", "bias": False},
    ),
    ("stem.bn", "batch_norm", ["stem.conv"], {}),
    ("stem.relu", "relu", ["stem.bn"], {}),
    ("gate.pool", "global_avg_pool", ["stem.relu"], {"keep_dims": True}),
    ("gate.conv", "conv", ["gate.pool"], {"out_channels": 8}),
    ("gate.act", "hardsigmoid", ["gate.conv"], {}),
    ("gate.out", "multiply", ["stem.relu", "gate.act"], {}),
    ("twice", "add", ["gate.out", "gate.out"], {}),
    ("sum", "add", ["stem.relu", "twice"], {}),
    ("both", "concat", ["sum", "stem.bn"], {}),
    ("pool", "avg_pool", ["both"], {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True}),
    ("flat", "flatten", ["pool"], {}),
    ("drop", "dropout", ["flat"], {"rate": 0.4}),
    ("fc", "linear", ["drop"], {"out_features": 5}),
    ("softmax", "softmax", ["fc"], {}),
]
UNPOOLED: Lines = [
    ("down", "max_pool", ["input"], {"kernel_size": 2, "stride": 2}),
    ("where", "max_pool_indices", ["input"], {"kernel_size": 2, "stride": 2}),
    ("act", "prelu", ["down"], {}),
    ("up", "max_unpool", ["act", "where"], {"kernel_size": 2, "stride": 2, "output_padding": (0, 1)}),
    (
        "grow",
        "conv_transpose",
        ["up"],
        {"out_channels": 4, "kernel_size": 3, "stride": 2, "padding": 1, "output_padding": 1},
    ),
]
TRANSFORMER: Lines = [
    ("patches", "conv", ["input"], {"out_channels": 12, "kernel_size": 4, "stride": 4}),
    ("tokens", "tokens", ["patches"], {}),
    ("class", "class_token", ["tokens"], {}),
    ("where", "position_embedding", ["class"], {}),
    ("norm", "layer_norm", ["where"], {}),
    *[(name, "linear", ["norm"], {"out_features": 12}) for name in ("query", "key", "value")],
    ("mix", "attention", ["query", "key", "value"], {"heads": 3}),
    ("add", "add", ["where", "mix"], {}),
    ("gelu", "gelu", ["add"], {}),
    ("first", "select_token", ["gelu"], {}),
]
NETWORKS = [
    network("residual", (3, 11, 14), RESIDUAL),
    network("unpooled", (3, 6, 9), UNPOOLED),
    network("transformer", (3, 8, 12), TRANSFORMER),
]
EVERY_NETWORK = pytest.mark.parametrize("graph", NETWORKS, ids=lambda graph: graph.name)


def executed(graph: LayerGraph, image: Any) -> dict[str, Any]:
    values = {INPUT: image}
    for layer in graph.layers:
        values[layer.path] = layer.op.run(RandomWeights().of(layer), *(values[name] for name in layer.inputs))
    return values


@EVERY_NETWORK
def test_every_layer_agrees_with_onnx_runtime(graph: LayerGraph) -> None:
    """To 1e-5 of the largest value of a layer: float32 sums of at most a few hundred terms, a few layers deep."""
    paths = [layer.path for layer in graph.layers]
    exported = model(graph.name, graph.layers, graph.inputs, paths, batch="batch")
    onnx.checker.check_model(exported, full_check=True)
    session = onnxruntime.InferenceSession(exported.SerializeToString(), providers=["CPUExecutionProvider"])
    image = np.random.default_rng(3).standard_normal((2, *graph.input_shape), dtype=np.float32)
    ours = executed(graph, image)
    for path, theirs in zip(paths, session.run(paths, {INPUT: image}), strict=True):
        np.testing.assert_allclose(
            theirs, ours[path], rtol=0, atol=1e-5 * max(1.0, np.abs(ours[path]).max()), err_msg=path
        )


@EVERY_NETWORK
def test_onnx_infers_the_shape_of_every_layer(graph: LayerGraph) -> None:
    inferred = infer_shapes(to_onnx(graph, batch=4), strict_mode=True, data_prop=True).graph
    shapes = {
        value.name: tuple(dim.dim_value for dim in value.type.tensor_type.shape.dim)
        for value in [*inferred.value_info, *inferred.output]
    }
    assert {layer.path: shapes[layer.path] for layer in graph.layers} == {
        layer.path: (4, *layer.shape) for layer in graph.layers
    }


@EVERY_NETWORK
def test_the_file_holds_exactly_the_params_and_buffers(graph: LayerGraph) -> None:
    stored = [a for a in to_onnx(graph).graph.initializer if "/constant" not in a.name]
    priced = [layer.op.price(*layer.input_shapes) for layer in graph.layers]
    assert sum(int(np.prod(array.dims)) for array in stored) == sum(cost.params + cost.buffers for cost in priced)


def test_weights_depend_on_seed_path_and_name_alone() -> None:
    first, second = NETWORKS[0], network("residual", (3, 30, 30), RESIDUAL)
    conv, other = first.layer("stem.conv"), second.layer("stem.conv")
    assert np.array_equal(RandomWeights(7).of(conv)["weight"], RandomWeights(7).of(other)["weight"])
    assert not np.array_equal(RandomWeights(7).of(conv)["weight"], RandomWeights(8).of(conv)["weight"])
    query, key = (RandomWeights(7).of(NETWORKS[2].layer(path)) for path in ("query", "key"))
    assert not np.array_equal(query["weight"], key["weight"])
    norm = RandomWeights(7).of(first.layer("stem.bn"))
    assert not np.array_equal(norm["mean"], norm["bias"])
    assert (norm["variance"] > 0).all()


def test_kernels_have_the_spread_that_keeps_a_signal_alive() -> None:
    """He et al. 2015: after a convolution and a ReLU the mean square of a normal signal is what it was."""
    graph = network(
        "deep",
        (64, 12, 12),
        [
            (
                f"conv{n}",
                "conv",
                ["input" if n == 0 else f"relu{n - 1}"],
                {"out_channels": 64, "kernel_size": 3, "padding": 0, "bias": False},
            )
            if half == 0
            else (f"relu{n}", "relu", [f"conv{n}"], {})
            for n in range(4)
            for half in (0, 1)
        ],
    )
    image = np.random.default_rng(0).standard_normal((1, 64, 12, 12), dtype=np.float32)
    values = executed(graph, image)
    assert 0.25 < float((values["conv3"] ** 2).mean()) / 2 < 4
