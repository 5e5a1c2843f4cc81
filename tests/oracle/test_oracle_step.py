"""The memory of a training step: what PyTorch's MemTracker sees while a network runs layer by layer, to 16 bytes."""

from __future__ import annotations

from typing import Any

import pytest
from graphs import network

import costmodel as cm
from costmodel.bench.torch_training import Network, given_to, most_held
from costmodel.graph import LayerGraph
from costmodel.pricing.memory.asked import Training
from costmodel.pricing.memory.step import plan
from costmodel.pricing.memory.step.segments import segments

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


def measured(graph: LayerGraph, batch: int, how: Training) -> int:
    return most_held(
        lambda: Network(graph, segments(graph, how.checkpoint)), lambda: given_to(graph, batch), how,
        last=len(graph.shape(graph.outputs[0])) == 2,
    )  # fmt: skip


@pytest.mark.parametrize("name", SAMPLES)
def test_the_peak_of_a_step(name: str) -> None:
    batch, how = SAMPLES[name]
    graph = cm.load(name, **({"tokens": 128} if name == "gpt2" else {}))
    assert 0 <= measured(graph, batch, how) - plan(graph, batch, "float32", how).bytes <= SCALARS


def test_recurrent_layers_go_back_through_all_their_steps_at_one_moment() -> None:
    """PyTorch goes step by step, and frees some of what it kept on the way: it holds a little less."""
    lines = [("a", "gru", "input", {"hidden_size": 24, "layers": 2}), ("b", "rnn", "a", {"hidden_size": 16})]
    graph = network((9, 12), *lines, ("c", "linear", "b", {"out_features": 5}))
    how = Training("sgd")
    assert 1 <= plan(graph, 3, "float32", how).bytes / measured(graph, 3, how) < 1.1


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
