"""The memory of a training step: what PyTorch's MemTracker sees while a network runs layer by layer, to 16 bytes."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from graphs import network

import costmodel as cm
from costmodel.bench.torch_training import Network, given_to, most_held
from costmodel.graph import LayerGraph
from costmodel.ops.reserve import reserve
from costmodel.pricing.memory.asked import Training
from costmodel.pricing.memory.step import plan
from costmodel.pricing.memory.step.segments import meant, segments

SGD = Training("sgd")
SCALARS = 16
"""Bytes of the loss and its gradient, which are not counted."""
SAMPLES = {
    "mobilenet_v2": (4, Training("momentum")),
    "resnet50_v1_5": (2, Training("momentum", checkpoint=("conv3_x", "conv4_x"))),
    "shufflenet_v2": (4, Training("sgd", accumulates=True)),
    "gpt2": (2, Training("adam")),
    "unet_same": (1, Training("adam", foreach=True)),
    "resnet18": (16, Training("momentum", amp=True)),
}


def without(graph: LayerGraph, patterns: tuple[str, ...]) -> LayerGraph:
    """Return a network whose layers that patterns mean are not trained."""
    frozen, (shape,) = meant(graph, patterns), (given.shape for given in graph.inputs.values())
    result = LayerGraph(graph.name, shape)
    for layer in graph.layers:
        trainable = layer.trainable and layer.path not in frozen
        result.add(layer.path, layer.op, layer.inputs, trainable=trainable, shares=layer.shares)
    return result


def measured(graph: LayerGraph, batch: int, how: Training, computed: bool = False) -> int:
    trained = without(graph, how.freeze) if how.freeze else graph
    return most_held(
        lambda: Network(trained, segments(graph, how.checkpoint)), lambda: given_to(graph, batch), how,
        last=len(graph.shape(graph.outputs[0])) == 2, computed=computed,
    )  # fmt: skip


@pytest.mark.parametrize("name", SAMPLES)
def test_the_peak_of_a_step(name: str) -> None:
    batch, how = SAMPLES[name]
    graph = cm.load(name, **({"tokens": 128} if name == "gpt2" else {}))
    assert 0 <= measured(graph, batch, how) - plan(graph, batch, "float32", how).bytes <= SCALARS


SORTS: dict[str, tuple[str, dict[str, Any]]] = {
    "kernel": ("lstm", {}),
    "rnn": ("rnn", {}),
    "gru": ("gru", {}),
    "projected": ("lstm", {"proj_size": 10}),
}
HOW: dict[str, dict[str, Any]] = {
    "plain": {},
    "two": {"layers": 2},
    "both": {"bidirectional": True},
    "four": {"layers": 2, "bidirectional": True},
}


def recurrent(sort: str, how: str, features: int, units: int) -> LayerGraph:
    """A recurrent layer and a small head, so that the layer's own moments are the peak."""
    kind, fields = SORTS[sort]
    given = {"hidden_size": units, **fields, **HOW[how]}
    return network((9, features), ("a", kind, "input", given), ("c", "linear", "a", {"out_features": 5}))


@pytest.mark.parametrize(("features", "units"), [(150, 20), (12, 90)])
@pytest.mark.parametrize("batch", [1, 7])
@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
def test_recurrent_layers_to_the_byte(sort: str, how: str, batch: int, features: int, units: int) -> None:
    """Projected ones to 0.5 %: which of several small tensors of a step are there together decides."""
    graph = recurrent(sort, how, features, units)
    held = measured(graph, batch, SGD, computed=sort == "kernel")
    error = held - plan(graph, batch, "float32", SGD).bytes
    assert abs(error) < 0.005 * held if sort == "projected" else 0 <= error <= SCALARS


@pytest.mark.parametrize("optimizer", ["adam", "adamw"])
@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
def test_an_update_of_recurrent_layers_to_the_byte(sort: str, how: str, optimizer: str) -> None:
    """Adam takes memory for an array while that for the one before it is there: their order decides."""
    graph = recurrent(sort, how, 150, 60)
    training = Training(optimizer)
    error = measured(graph, 1, training, computed=sort == "kernel") - plan(graph, 1, "float32", training).bytes
    assert 0 <= error <= SCALARS


@pytest.mark.parametrize("sort", ["kernel", "gru"])
def test_frozen_recurrent_layers_below_and_above_what_is_trained(sort: str) -> None:
    """Weights of a frozen layer get no gradients; its input does, where something below is trained."""
    kind, fields = SORTS[sort]
    lines = [(name, kind, below, {"hidden_size": 90, **fields}) for name, below in (("a", "input"), ("b", "a"))]
    graph = network((9, 70), *lines, ("c", "linear", "b", {"out_features": 5}))
    for frozen in ("a", "b"):
        how = Training("adam", freeze=(frozen,))
        held = measured(graph, 4, how, computed=sort == "kernel")
        assert 0 <= held - plan(graph, 4, "float32", how).bytes <= SCALARS


class Aside(torch.nn.Module):
    """Computes a branch, or returns it too."""

    def __init__(self, told: bool) -> None:
        super().__init__()
        self.a, self.b, self.c = (torch.nn.Conv2d(n, m, 3, padding=1) for n, m in ((3, 32), (32, 256), (32, 32)))
        self.norm, self.fc, self.told = torch.nn.BatchNorm2d(256), torch.nn.Linear(32, 10), told

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        y = self.a(x)
        aside = self.norm(self.b(y)).tanh().mean((2, 3))
        out = self.fc(self.c(y).mean((2, 3)))
        return [out, aside] if self.told else [out]


@pytest.mark.parametrize("told", [False, True])
def test_a_branch_that_a_module_computes_and_does_not_return(told: bool) -> None:
    """It has no loss; what its layers keep goes with the last of them. To 5 %: a
    tensor of the first step is there or not as Python collects its garbage."""
    held = most_held(lambda: Aside(told), lambda: [torch.zeros(4, 3, 64, 64)], Training("adam"))
    found = cm.price(cm.load(Aside(told), (4, 3, 64, 64)), batch=4, training="adam").totals.step_peak_bytes
    assert 0.95 < found / held <= 1


def test_an_lstm_under_autocast() -> None:
    """To 1 %: biases and states are copied at bfloat16 too."""
    graph, how = recurrent("kernel", "four", 150, 90), Training("momentum", amp=True)
    assert 0.99 < plan(graph, 7, "float32", how).bytes / measured(graph, 7, how, computed=True) < 1.01


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_what_a_kernel_of_an_lstm_reserves(dtype: torch.dtype) -> None:
    """To the byte, for sizes of all kinds."""
    several = ((35, 20, 650, 650), (1, 1, 1, 1), (10, 4, 64, 100), (7, 3, 512, 256), (40, 8, 256, 256))
    for tokens, rows, features, units in several:
        weights = ((4 * units, features), (4 * units, units), (4 * units,), (4 * units,))
        sizes = ((tokens, rows, features), *weights, (1, rows, units), (1, rows, units))
        arrays = [torch.zeros(size, dtype=dtype) for size in sizes]
        *_, kept = torch.ops.aten.mkldnn_rnn_layer(*arrays, False, [], 2, units, 1, True, False, False, True)
        assert reserve(tokens, rows, features, units, dtype.itemsize) == kept.nbytes


PLAIN = (
    "abs sqrt rsqrt sin cos erf exp square reciprocal softsign tanhshrink gelu hardswish relu6 rms_norm l2_norm grn "
    "lrn instance_norm elu log_softmax"
)
ALONE: dict[str, dict[str, Any]] = {
    **{name: {} for name in PLAIN.split()},
    "clamp": {"min": 0.0, "max": 1.0},
    "power": {"exponent": 3.0},
    "cumsum": {"axis": 1},
    "prod": {"axis": 1},
    "top_k": {"k": 3, "axis": 1},
    "max": {"axis": 2},
    "min": {"axis": (1, 2), "keep_dims": True},
    "global_max_pool": {"keep_dims": True},
}
PAIRED = ("add", "multiply", "divide", "maximum", "minimum", "mod")


@pytest.mark.parametrize("name", [*ALONE, *PAIRED])
def test_what_a_backward_pass_makes_and_drops(name: str) -> None:
    """One operator between convolutions and a head, so that its moment is the peak, to 1 %."""
    maps = ["a", "b"] if name in PAIRED else ["a"]
    convolve = {"out_channels": 16, "kernel_size": 3, "padding": 1}
    lines = [*((one, "conv", "input", convolve) for one in maps), ("x", name, maps, ALONE.get(name, {}))]
    head = [("pool", "global_avg_pool", "x"), ("fc", "linear", "pool", {"out_features": 5})]
    if name == "prod":
        head = [("flat", "flatten", "x"), ("fc", "linear", "flat", {"out_features": 5})]
    graph = network((3, 32, 32), *lines, *head)
    how = Training("sgd")
    assert 0.99 < plan(graph, 4, "float32", how).bytes / measured(graph, 4, how) < 1.01
