"""R3D-18 in PyTorch, from table 1 of arXiv:1711.11248, against the spec."""

from __future__ import annotations

import pytest
from branches import Residual
from measure import measure
from torch import nn

import costmodel as cm


def conv_bn(inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    conv = nn.Conv3d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm3d(outputs))


def r3d_18() -> nn.Module:
    first = nn.Conv3d(3, 64, (3, 7, 7), (1, 2, 2), (1, 3, 3), bias=False)
    layers: list[nn.Module] = [first, nn.BatchNorm3d(64), nn.ReLU()]
    seen = 64
    for width in (64, 64, 128, 128, 256, 256, 512, 512):
        stride = 1 if width == seen else 2
        body = nn.Sequential(conv_bn(seen, width, 3, stride), nn.ReLU(), conv_bn(width, width))
        layers += [Residual(body, shortcut=None if stride == 1 else conv_bn(seen, width, 1, stride)), nn.ReLU()]
        seen = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(512, 400))


@pytest.mark.parametrize("frames", [16, 8])
def test_r3d_18_costs_what_pytorch_counts(frames: int) -> None:
    graph = cm.load("r3d_18", frames=frames)
    totals = cm.price(graph).totals
    assert graph.shape("conv5_x.1.relu2") == (512, frames // 8, 7, 7)
    assert (totals.params, totals.mult_adds) == measure(r3d_18, 3, frames, 112, 112)
