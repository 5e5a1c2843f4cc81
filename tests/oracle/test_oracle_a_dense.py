"""Xception and DenseNet in PyTorch, from their papers' figures and tables, against the specs' totals."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
from branches import Branches, Residual, head
from measure import measure
from torch import nn

import costmodel as cm


def separable(inputs: int, outputs: int) -> list[nn.Module]:
    depthwise = nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs, bias=False)
    return [depthwise, nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs)]


def flow(*widths: int, first_relu: bool = True, shrink: bool = True) -> nn.Module:
    """A residual block of figure 5: separable convolutions from width to width."""
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [nn.ReLU(), *separable(before, after)]
    body = layers if first_relu else layers[1:]
    if not shrink:
        return Residual(nn.Sequential(*body))
    shortcut = nn.Sequential(nn.Conv2d(widths[0], widths[-1], 1, 2, bias=False), nn.BatchNorm2d(widths[-1]))
    return Residual(nn.Sequential(*body, nn.MaxPool2d(3, 2, 1)), shortcut=shortcut)


def xception() -> nn.Module:
    entry = [
        nn.Conv2d(3, 32, 3, 2, bias=False),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3, bias=False),
        nn.BatchNorm2d(64),
        nn.ReLU(),
    ]
    entry += [flow(64, 128, 128, first_relu=False), flow(128, 256, 256), flow(256, 728, 728)]
    middle = [flow(728, 728, 728, 728, shrink=False) for _ in range(8)]
    end = [flow(728, 728, 1024), *separable(1024, 1536), nn.ReLU(), *separable(1536, 2048), nn.ReLU()]
    return nn.Sequential(*entry, *middle, *end, *head(2048))


def densenet(k: int, counts: tuple[int, ...]) -> nn.Module:
    width = 2 * k
    layers: list[nn.Module] = [
        nn.Conv2d(3, width, 7, 2, 3, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, 1),
    ]
    for stage, count in enumerate(counts):
        for _ in range(count):
            bottleneck = [nn.BatchNorm2d(width), nn.ReLU(), nn.Conv2d(width, 4 * k, 1, bias=False)]
            grow = [nn.BatchNorm2d(4 * k), nn.ReLU(), nn.Conv2d(4 * k, k, 3, padding=1, bias=False)]
            layers.append(Branches(nn.Identity(), nn.Sequential(*bottleneck, *grow)))
            width += k
        if stage < 3:
            layers += [nn.BatchNorm2d(width), nn.ReLU(), nn.Conv2d(width, width // 2, 1, bias=False), nn.AvgPool2d(2)]
            width //= 2
    return nn.Sequential(*layers, nn.BatchNorm2d(width), nn.ReLU(), *head(width))


NETWORKS: dict[str, tuple[Callable[[], nn.Module], int]] = {
    "xception": (xception, 299),
    "densenet": (lambda: densenet(32, (6, 12, 24, 16)), 224),
    "densenet121": (lambda: densenet(32, (6, 12, 24, 16)), 224),
    "densenet169": (lambda: densenet(32, (6, 12, 32, 32)), 224),
    "densenet201": (lambda: densenet(32, (6, 12, 48, 32)), 224),
    "densenet161": (lambda: densenet(48, (6, 12, 36, 24)), 224),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_totals_are_those_of_the_pytorch_build(name: str) -> None:
    build, side = NETWORKS[name]
    totals = cm.price(cm.load(name)).totals
    assert (totals.params, totals.mult_adds) == measure(build, 3, side, side)
