"""A training step in PyTorch: what autograd multiplies on the way back, and the tensors that it keeps for it."""

from __future__ import annotations

import torch
from graphs import network
from torch import nn
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.flop_counter import FlopCounterMode

import costmodel as cm

BATCH = 3


class Branches(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem, self.norm = nn.Conv2d(2, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8)
        self.left, self.right = nn.Conv2d(8, 8, 3, padding=1), nn.Conv2d(8, 8, 1)
        self.other = nn.Conv2d(2, 8, 1)
        self.drop, self.fc = nn.Dropout(), nn.Linear(8 * 4 * 4, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        a = torch.relu(self.norm(self.stem(x)))
        b = self.left(a) + self.right(a) + a + self.other(x)
        return torch.tanh(self.fc(self.drop(nn.functional.max_pool2d(torch.relu(b), 2).flatten(1))))


GRAPH = network(
    (2, 8, 8),
    ("stem", "conv", "input", {"out_channels": 8, "kernel_size": 3, "padding": 1, "bias": False}),
    ("norm", "batch_norm", "stem"),
    ("a", "relu", "norm"),
    ("left", "conv", "a", {"out_channels": 8, "kernel_size": 3, "padding": 1}),
    ("right", "conv", "a", {"out_channels": 8}),
    ("other", "conv", "input", {"out_channels": 8}),
    ("sum", "add", ["left", "right", "a", "other"]),
    ("b", "relu", "sum"),
    ("pool", "max_pool", "b", {"kernel_size": 2, "stride": 2}),
    ("flat", "flatten", "pool"),
    ("drop", "dropout", "flat"),
    ("fc", "linear", "drop", {"out_features": 5}),
    ("out", "tanh", "fc"),
)


def test_backward_mult_adds_are_those_that_autograd_performs() -> None:
    model, images = Branches(), torch.randn(BATCH, 2, 8, 8)
    with FlopCounterMode(display=False) as counter:
        out = model(images)
        forward = counter.get_total_flops()
        out.sum().backward()
    step = cm.price(GRAPH, BATCH, training=True).totals
    assert forward == 2 * step.mult_adds
    assert counter.get_total_flops() == 2 * step.step_mult_adds


def test_saved_bytes_are_those_that_autograd_keeps() -> None:
    """To the byte: the statistics of batch norm, the noise of dropout and the places of max pooling are among them."""
    model, images = Branches(), torch.randn(BATCH, 2, 8, 8)
    weights = {value.untyped_storage().data_ptr() for value in [*model.parameters(), *model.buffers()]}
    kept: dict[int, torch.Tensor] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        kept.setdefault(tensor.untyped_storage().data_ptr(), tensor)
        return tensor

    with saved_tensors_hooks(keep, lambda tensor: tensor):
        out = model(images)
    assert out.requires_grad
    total = sum(tensor.untyped_storage().nbytes() for place, tensor in kept.items() if place not in weights)
    training = cm.price(GRAPH, BATCH, training=True).totals
    assert training is not None
    assert training.saved_bytes == total
