"""U-Net in PyTorch, from figure 1 of arXiv:1505.04597, against the spec."""

from __future__ import annotations

import pytest
import torch
from measure import measure
from torch import nn

import costmodel as cm


def double(inputs: int, outputs: int, padding: int) -> nn.Sequential:
    first, second = nn.Conv2d(inputs, outputs, 3, padding=padding), nn.Conv2d(outputs, outputs, 3, padding=padding)
    return nn.Sequential(first, nn.ReLU(), second, nn.ReLU())


class UNet(nn.Module):
    def __init__(self, channels: int, padding: int, out: int) -> None:
        super().__init__()
        self.out = out
        widths = [64, 128, 256, 512, 1024]
        self.down = nn.ModuleList(map(double, [channels, *widths], widths, [padding] * 5))
        self.up = nn.ModuleList(nn.ConvTranspose2d(2 * width, width, 2, 2) for width in widths[3::-1])
        self.mix = nn.ModuleList(double(2 * width, width, padding) for width in widths[3::-1])
        self.last = nn.Conv2d(64, 2, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        across = []
        for step in self.down:
            across.append(x := step(nn.functional.max_pool2d(x, 2) if across else x))
        for up, mix, left in zip(self.up, self.mix, across[3::-1], strict=True):
            x = up(x)
            border = [(a - b) // 2 for a, b in zip(left.shape[2:], x.shape[2:], strict=True)]
            cut = left[:, :, border[0] : border[0] + x.shape[2], border[1] : border[1] + x.shape[3]]
            x = mix(torch.cat([cut, x], 1))
        assert x.shape[2:] == (self.out, self.out)
        return self.last(x)


CASES = {"unet": (1, 0, 572, 388), "unet_same": (3, 1, 256, 256), "unet_same_grey": (1, 1, 256, 256)}


@pytest.mark.parametrize("name", CASES)
def test_unet_costs_what_pytorch_counts(name: str) -> None:
    channels, padding, size, out = CASES[name]
    graph = cm.load(name)
    totals = cm.price(graph).totals
    assert graph.shape(graph.outputs[0]) == (2, out, out)
    assert (totals.params, totals.mult_adds) == measure(lambda: UNet(channels, padding, out), channels, size, size)
