"""DeepLabV3 and FCN on a dilated ResNet in PyTorch, after arXiv:1706.05587 and torchvision, against the spec."""

from __future__ import annotations

import pytest
import torch
from measure import measure
from torch import nn
from torch.nn import functional

import costmodel as cm


def unit(inputs: int, outputs: int, kernel: int = 1, stride: int = 1, rate: int = 1, act: bool = True) -> nn.Sequential:
    conv = nn.Conv2d(inputs, outputs, kernel, stride, rate * (kernel // 2), rate, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs), *([nn.ReLU()] if act else []))


class Bottleneck(nn.Module):
    def __init__(self, inputs: int, width: int, stride: int, rate: int) -> None:
        super().__init__()
        wide = 4 * width
        self.body = nn.Sequential(
            unit(inputs, width), unit(width, width, 3, stride, rate), unit(width, wide, act=False)
        )
        self.shortcut = unit(inputs, wide, 1, stride, act=False) if inputs != wide else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.body(x) + self.shortcut(x))


def stage(inputs: int, width: int, count: int, stride: int, first: int, rate: int) -> nn.Sequential:
    """`count` bottlenecks; the first takes the stride, and a dilation of its own."""
    rest = [Bottleneck(4 * width, width, 1, rate) for _ in range(count - 1)]
    return nn.Sequential(Bottleneck(inputs, width, stride, first), *rest)


class Pyramid(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.paths = nn.ModuleList([unit(2048, 256), *(unit(2048, 256, 3, rate=rate) for rate in (12, 24, 36))])
        self.image = unit(2048, 256)
        self.rest = nn.Sequential(unit(5 * 256, 256), nn.Dropout(), unit(256, 256, 3), nn.Conv2d(256, 21, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        image = self.image(x.mean((2, 3), keepdim=True)).expand(-1, -1, *x.shape[2:])
        return self.rest(torch.cat([*(path(x) for path in self.paths), image], 1))


def fcn_head(inputs: int) -> nn.Sequential:
    return nn.Sequential(unit(inputs, inputs // 4, 3), nn.Dropout(0.1), nn.Conv2d(inputs // 4, 21, 1))


class Segmentation(nn.Module):
    def __init__(self, pyramid: bool, auxiliary: bool, blocks: int) -> None:
        super().__init__()
        self.low = nn.Sequential(
            unit(3, 64, 7, 2), nn.MaxPool2d(3, 2, 1), stage(64, 64, 3, 1, 1, 1), stage(256, 128, 4, 2, 1, 1)
        )
        self.middle, self.high = stage(512, 256, blocks, 1, 1, 2), stage(1024, 512, 3, 1, 2, 4)
        self.head = Pyramid() if pyramid else fcn_head(2048)
        self.auxiliary = fcn_head(1024) if auxiliary else None

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        size = x.shape[2:]
        middle = self.middle(self.low(x))
        scores = [self.head(self.high(middle)), *([self.auxiliary(middle)] if self.auxiliary else [])]
        return [functional.interpolate(score, size, mode="bilinear") for score in scores]


CASES = {
    "deeplabv3_resnet50": (True, True, 6),
    "deeplabv3_resnet50_no_aux": (True, False, 6),
    "deeplabv3_resnet101": (True, True, 23),
    "fcn_resnet50": (False, True, 6),
    "fcn_resnet50_no_aux": (False, False, 6),
}


@pytest.mark.parametrize("name", CASES)
def test_a_segmentation_network_costs_what_pytorch_counts(name: str) -> None:
    graph = cm.load(name)
    totals = cm.price(graph).totals
    assert {graph.shape(path) for path in graph.outputs} == {(21, 520, 520)}
    assert (totals.params, totals.mult_adds) == measure(lambda: Segmentation(*CASES[name]), 3, 520, 520)
