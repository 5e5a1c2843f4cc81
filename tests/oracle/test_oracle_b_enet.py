"""ENet in PyTorch, from table 1 and figure 2 of arXiv:1606.02147 with the authors' biases, against the spec."""

from __future__ import annotations

import pytest
import torch
from measure import measure
from torch import nn
from torch.nn import functional

import costmodel as cm


def projection(inputs: int, outputs: int, act: type[nn.Module], size: int = 1) -> list[nn.Module]:
    return [nn.Conv2d(inputs, outputs, size, size, bias=False), *norm_act(outputs, act)]


def norm_act(channels: int, act: type[nn.Module]) -> list[nn.Module]:
    return [nn.BatchNorm2d(channels), act(channels) if act is nn.PReLU else act()]


def main_conv(kind: str, width: int, dilation: int) -> list[nn.Module]:
    if kind == "asymmetric":
        return [
            nn.Conv2d(width, width, (5, 1), padding=(2, 0), bias=False),
            nn.Conv2d(width, width, (1, 5), padding=(0, 2)),
        ]
    if kind == "up":
        return [nn.ConvTranspose2d(width, width, 3, 2, 1, output_padding=1)]
    return [nn.Conv2d(width, width, 3, padding=dilation, dilation=dilation)]


class Bottleneck(nn.Module):
    """One module of figure 2b. `kind`: regular, asymmetric, down or up."""

    def __init__(
        self, inputs: int, outputs: int, act: type[nn.Module], kind: str = "regular", dilation: int = 1
    ) -> None:
        super().__init__()
        width = outputs // 4
        self.kind, self.extra = kind, outputs - inputs
        self.branch = nn.Sequential(
            *projection(inputs, width, act, 2 if kind == "down" else 1),
            *main_conv(kind, width, dilation),
            *norm_act(width, act),
            nn.Conv2d(width, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        if kind == "up":
            self.main = nn.Sequential(nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs))
        self.act = norm_act(outputs, act)[1]

    def forward(self, x: torch.Tensor, indices: torch.Tensor | None = None) -> torch.Tensor:
        main = x
        if self.kind == "down":
            pooled, self.indices = functional.max_pool2d(x, 2, 2, return_indices=True)
            main = functional.pad(pooled, (0, 0, 0, 0, 0, self.extra))
        if self.kind == "up":
            assert indices is not None
            main = self.main(x)
            assert main.shape == indices.shape
            main = main.repeat_interleave(2, 2).repeat_interleave(
                2, 3
            )  # the size that unpooling gives; it multiplies nothing
        return self.act(self.branch(x) + main)


class ENet(nn.Module):
    def __init__(self, classes: int, decoder: type[nn.Module]) -> None:
        super().__init__()
        act = nn.PReLU
        self.conv, self.first = nn.Conv2d(3, 13, 3, 2, 1), nn.Sequential(*norm_act(16, act))
        self.down1, self.down2 = Bottleneck(16, 64, act, "down"), Bottleneck(64, 128, act, "down")
        self.stage1 = nn.Sequential(*[Bottleneck(64, 64, act) for _ in range(4)])
        kinds = [(1, ""), (2, ""), (1, "asymmetric"), (4, ""), (1, ""), (8, ""), (1, "asymmetric"), (16, "")]
        self.stage23 = nn.Sequential(*[Bottleneck(128, 128, act, kind or "regular", step) for step, kind in kinds * 2])
        self.up4, self.up5 = Bottleneck(128, 64, decoder, "up"), Bottleneck(64, 16, decoder, "up")
        self.stage4 = nn.Sequential(Bottleneck(64, 64, decoder), Bottleneck(64, 64, decoder))
        self.stage5 = Bottleneck(16, 16, decoder)
        self.fullconv = nn.ConvTranspose2d(16, classes, 2, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        size = x.shape[2:]
        x = self.first(torch.cat([self.conv(x), functional.max_pool2d(x, 2, 2)], 1))
        x = self.stage23(self.down2(self.stage1(self.down1(x))))
        x = self.stage4(self.up4(x, self.down2.indices))
        x = self.fullconv(self.stage5(self.up5(x, self.down1.indices)))
        assert x.shape[2:] == size
        return x


CASES = {
    "enet": (19, nn.PReLU, 512, 512),
    "enet_camvid": (12, nn.PReLU, 360, 480),
    "enet_released": (19, nn.ReLU, 512, 512),
    "enet_640x360": (19, nn.PReLU, 360, 640),
}


@pytest.mark.parametrize("name", CASES)
def test_enet_costs_what_pytorch_counts(name: str) -> None:
    classes, decoder, height, width = CASES[name]
    totals = cm.price(cm.load(name)).totals
    assert (totals.params, totals.mult_adds) == measure(lambda: ENet(classes, decoder), 3, height, width)
