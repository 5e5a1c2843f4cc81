"""DS-CNN and WaveNet in PyTorch, from arXiv:1711.07128 and arXiv:1609.03499, against the specs."""

from __future__ import annotations

import torch
from measure import measure
from torch import nn
from torch.nn import functional

import costmodel as cm


def ds_cnn() -> nn.Module:
    layers: list[nn.Module] = [nn.ZeroPad2d((1, 1, 4, 5)), nn.Conv2d(1, 64, (10, 4), 2, bias=False)]
    for _ in range(4):
        layers += [nn.BatchNorm2d(64), nn.ReLU(), nn.Conv2d(64, 64, 3, padding=1, groups=64, bias=False)]
        layers += [nn.BatchNorm2d(64), nn.ReLU(), nn.Conv2d(64, 64, 1, bias=False)]
    last = [nn.BatchNorm2d(64), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 12)]
    return nn.Sequential(*layers, *last)


class WaveNet(nn.Module):
    """Every layer's 1x1 convolution is added to the chain and to the sum of the skips, as in figure 4."""

    def __init__(self) -> None:
        super().__init__()
        self.causal = nn.Conv1d(1, 64, 2)
        self.both = nn.ModuleList(nn.Conv1d(64, 128, 2, dilation=2**n) for n in range(8))
        self.mix = nn.ModuleList(nn.Conv1d(64, 64, 1) for _ in range(8))
        self.end = nn.Sequential(nn.ReLU(), nn.Conv1d(64, 256, 1), nn.ReLU(), nn.Conv1d(256, 256, 1), nn.Softmax(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.causal(functional.pad(x, (1, 0)))
        skips = torch.zeros_like(x)
        for n, (both, mix) in enumerate(zip(self.both, self.mix, strict=True)):
            content, gate = both(functional.pad(x, (2**n, 0))).chunk(2, 1)
            new = mix(torch.tanh(content) * torch.sigmoid(gate))
            x, skips = x + new, skips + new
        return self.end(skips)


def test_ds_cnn_costs_what_pytorch_counts() -> None:
    totals = cm.price(cm.load("ds_cnn")).totals
    assert (totals.params, totals.mult_adds) == measure(ds_cnn, 1, 49, 10)


def test_wavenet_costs_what_pytorch_counts() -> None:
    totals = cm.price(cm.load("wavenet")).totals
    assert (totals.params, totals.mult_adds) == measure(WaveNet, 1, 16_000)
