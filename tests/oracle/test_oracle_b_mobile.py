"""Networks of depthwise convolutions in PyTorch, from the papers' tables, against the specs' totals."""

from __future__ import annotations

import math
from functools import partial

import pytest
import torch
from measure import measure
from torch import nn

import costmodel as cm

Act = type[nn.Module]


def nearest_multiple(value: float, divisor: int = 8) -> int:
    """Return the multiple of `divisor` that the MobileNets' authors take for a width."""
    near = max(divisor, math.floor(value / divisor + 0.5) * divisor)
    return near if near >= 0.9 * value else near + divisor


def unit(
    inputs: int, outputs: int, act: Act | None, kernel: int = 1, stride: int = 1, groups: int = 1
) -> list[nn.Module]:
    layers: list[nn.Module] = [
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
    ]
    return [*layers, act()] if act else layers


class Gate(nn.Module):
    """Squeeze-and-excitation."""

    def __init__(self, channels: int, squeezed: int, act: Act, gate: Act) -> None:
        super().__init__()
        self.path = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(channels, squeezed, 1), act(), nn.Conv2d(squeezed, channels, 1), gate()
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.path(x)


class Inverted(nn.Module):
    """Expand, depthwise, perhaps a gate, project; added to the input where the sizes allow."""

    def __init__(
        self, inputs: int, hidden: int, outputs: int, kernel: int, stride: int, act: Act, gate: nn.Module | None = None
    ) -> None:
        super().__init__()
        expand = unit(inputs, hidden, act) if hidden != inputs else []
        depthwise = unit(hidden, hidden, act, kernel, stride, hidden)
        self.body = nn.Sequential(*expand, *depthwise, *([gate] if gate else []), *unit(hidden, outputs, None))
        self.adds = stride == 1 and inputs == outputs

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.body(x) if self.adds else self.body(x)


def head(channels: int, classes: int = 1000) -> list[nn.Module]:
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes)]


def mobilenet_v1(width: float, wide_blocks: int = 6, full: bool = False) -> nn.Module:
    """Table 1 of arXiv:1704.04861."""
    rows = (
        [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)]
        + [(512, 1)] * (wide_blocks - 1)
        + [(1024, 2), (1024, 1)]
    )
    seen = int(32 * width)
    layers = unit(3, seen, nn.ReLU, 3, 2)
    for channels, stride in rows:
        out = int(channels * width)
        if full:
            layers += unit(seen, out, nn.ReLU, 3, stride)
        else:
            layers += unit(seen, seen, nn.ReLU, 3, stride, seen) + unit(seen, out, nn.ReLU)
        seen = out
    return nn.Sequential(*layers, *head(seen))


def mobilenet_v2(width: float) -> nn.Module:
    """Table 2 of arXiv:1801.04381."""
    seen = nearest_multiple(32 * width)
    layers = unit(3, seen, nn.ReLU6, 3, 2)
    for t, c, n, s in [
        (1, 16, 1, 1),
        (6, 24, 2, 2),
        (6, 32, 3, 2),
        (6, 64, 4, 2),
        (6, 96, 3, 1),
        (6, 160, 3, 2),
        (6, 320, 1, 1),
    ]:
        for index in range(n):
            out = nearest_multiple(c * width)
            layers.append(Inverted(seen, seen * t, out, 3, 1 if index else s, nn.ReLU6))
            seen = out
    last = nearest_multiple(1280 * max(1.0, width))
    return nn.Sequential(*layers, *unit(seen, last, nn.ReLU6), *head(last))


# Kernel, expansion, output, gate, non-linearity and stride of each row.
LARGE = """
    3 16 16 - RE 1; 3 64 24 - RE 2; 3 72 24 - RE 1; 5 72 40 SE RE 2; 5 120 40 SE RE 1;
    5 120 40 SE RE 1; 3 240 80 - HS 2; 3 200 80 - HS 1; 3 184 80 - HS 1; 3 184 80 - HS 1;
    3 480 112 SE HS 1; 3 672 112 SE HS 1; 5 672 160 SE HS 2; 5 960 160 SE HS 1; 5 960 160 SE HS 1
"""
SMALL = """
    3 16 16 SE RE 2; 3 72 24 - RE 2; 3 88 24 - RE 1; 5 96 40 SE HS 2; 5 240 40 SE HS 1;
    5 240 40 SE HS 1; 5 120 48 SE HS 1; 5 144 48 SE HS 1; 5 288 96 SE HS 2; 5 576 96 SE HS 1;
    5 576 96 SE HS 1
"""


def mobilenet_v3(table: str, wide: int) -> nn.Module:
    """Tables 1 and 2 of arXiv:1905.02244, row by row; the layer before pooling is 6 times as wide as the last block."""
    seen = 16
    layers = unit(3, seen, nn.Hardswish, 3, 2)
    for row in table.split(";"):
        kernel, hidden, out, se, act, stride = row.split()
        gate = Gate(int(hidden), nearest_multiple(int(hidden) // 4), nn.ReLU, nn.Hardsigmoid) if se == "SE" else None
        kind = nn.ReLU if act == "RE" else nn.Hardswish
        layers.append(Inverted(seen, int(hidden), int(out), int(kernel), int(stride), kind, gate))
        seen = int(out)
    tail = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6 * seen, wide), nn.Hardswish(), nn.Linear(wide, 1000)]
    return nn.Sequential(*layers, *unit(seen, 6 * seen, nn.Hardswish), *tail)


def efficientnet(width: float, depth: float) -> nn.Module:
    """Table 1 of arXiv:1905.11946, scaled."""
    seen = nearest_multiple(32 * width)
    layers = unit(3, seen, nn.SiLU, 3, 2)
    rows = [
        (1, 3, 16, 1, 1),
        (6, 3, 24, 2, 2),
        (6, 5, 40, 2, 2),
        (6, 3, 80, 3, 2),
        (6, 5, 112, 3, 1),
        (6, 5, 192, 4, 2),
        (6, 3, 320, 1, 1),
    ]
    for expand, kernel, channels, count, stride in rows:
        for index in range(math.ceil(count * depth)):
            out = nearest_multiple(channels * width)
            gate = Gate(seen * expand, seen // 4, nn.SiLU, nn.Sigmoid)
            layers.append(Inverted(seen, seen * expand, out, kernel, 1 if index else stride, nn.SiLU, gate))
            seen = out
    last = nearest_multiple(1280 * width)
    return nn.Sequential(*layers, *unit(seen, last, nn.SiLU), *head(last))


def mnasnet(width: float) -> nn.Module:
    """MnasNet-B1: a separable block, then rows of (expansion, kernel, channels, count, stride)."""
    seen = nearest_multiple(32 * width)
    layers = unit(3, seen, nn.ReLU, 3, 2)
    layers.append(Inverted(seen, seen, nearest_multiple(16 * width), 3, 1, nn.ReLU))
    seen = nearest_multiple(16 * width)
    for expand, kernel, channels, count, stride in [
        (3, 3, 24, 3, 2), (3, 5, 40, 3, 2), (6, 5, 80, 3, 2), (6, 3, 96, 2, 1), (6, 5, 192, 4, 2), (6, 3, 320, 1, 1),
    ]:  # fmt: skip
        for index in range(count):
            out = nearest_multiple(channels * width)
            layers.append(Inverted(seen, seen * expand, out, kernel, 1 if index else stride, nn.ReLU))
            seen = out
    return nn.Sequential(*layers, *unit(seen, 1280, nn.ReLU), *head(1280))


class Shuffle(nn.Module):
    """Figure 3c and 3d of arXiv:1807.11164."""

    def __init__(self, inputs: int, outputs: int, halves: bool) -> None:
        super().__init__()
        half = outputs // 2
        read, stride = (inputs, 2) if halves else (inputs // 2, 1)
        self.halves = halves
        self.right = nn.Sequential(
            *unit(read, half, nn.ReLU), *unit(half, half, None, 3, stride, half), *unit(half, half, nn.ReLU)
        )
        if halves:
            self.left = nn.Sequential(*unit(inputs, inputs, None, 3, 2, inputs), *unit(inputs, half, nn.ReLU))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.halves:
            both = torch.cat([self.left(x), self.right(x)], 1)
        else:
            left, right = x.chunk(2, 1)
            both = torch.cat([left, self.right(right)], 1)
        return nn.functional.channel_shuffle(both, 2)


def shufflenet_v2(widths: tuple[int, int, int], last: int) -> nn.Module:
    layers = [*unit(3, 24, nn.ReLU, 3, 2), nn.MaxPool2d(3, 2, 1)]
    seen = 24
    for out, count in zip(widths, (4, 8, 4), strict=True):
        for index in range(count):
            layers.append(Shuffle(seen, out, index == 0))
            seen = out
    return nn.Sequential(*layers, *unit(seen, last, nn.ReLU), *head(last))


NETS = {
    "mobilenet_v1": (partial(mobilenet_v1, 1.0), 224),
    "mobilenet_v1_075": (partial(mobilenet_v1, 0.75), 224),
    "mobilenet_v1_050_160": (partial(mobilenet_v1, 0.5), 160),
    "mobilenet_v1_025_128": (partial(mobilenet_v1, 0.25), 128),
    "mobilenet_v1_shallow": (partial(mobilenet_v1, 1.0, wide_blocks=1), 224),
    "conv_mobilenet": (partial(mobilenet_v1, 1.0, full=True), 224),
    "mobilenet_v2": (partial(mobilenet_v2, 1.0), 224),
    "mobilenet_v2_140": (partial(mobilenet_v2, 1.4), 224),
    "mobilenet_v2_075": (partial(mobilenet_v2, 0.75), 224),
    "mobilenet_v2_050": (partial(mobilenet_v2, 0.5), 224),
    "mobilenet_v2_035": (partial(mobilenet_v2, 0.35), 224),
    "mobilenet_v3_large": (partial(mobilenet_v3, LARGE, 1280), 224),
    "mobilenet_v3_small": (partial(mobilenet_v3, SMALL, 1024), 224),
    "mobilenet_v3_small_1280": (partial(mobilenet_v3, SMALL, 1280), 224),
    "mnasnet0_5": (partial(mnasnet, 0.5), 224),
    "mnasnet1_0": (partial(mnasnet, 1.0), 224),
    "mnasnet1_3": (partial(mnasnet, 1.3), 224),
    "shufflenet_v2_x0_5": (partial(shufflenet_v2, (48, 96, 192), 1024), 224),
    "shufflenet_v2_x1_0": (partial(shufflenet_v2, (116, 232, 464), 1024), 224),
    "shufflenet_v2_x1_5": (partial(shufflenet_v2, (176, 352, 704), 1024), 224),
    "shufflenet_v2_x2_0": (partial(shufflenet_v2, (244, 488, 976), 2048), 224),
    "efficientnet_b0": (partial(efficientnet, 1.0, 1.0), 224),
    "efficientnet_b1": (partial(efficientnet, 1.0, 1.1), 240),
    "efficientnet_b2": (partial(efficientnet, 1.1, 1.2), 260),
    "efficientnet_b3": (partial(efficientnet, 1.2, 1.4), 300),
    "efficientnet_b4": (partial(efficientnet, 1.4, 1.8), 380),
    "efficientnet_b5": (partial(efficientnet, 1.6, 2.2), 456),
    "efficientnet_b6": (partial(efficientnet, 1.8, 2.6), 528),
    "efficientnet_b7": (partial(efficientnet, 2.0, 3.1), 600),
}


@pytest.mark.parametrize("name", NETS)
def test_mobile_net_costs_what_pytorch_counts(name: str) -> None:
    build, resolution = NETS[name]
    totals = cm.price(cm.load(name)).totals
    assert (totals.params, totals.mult_adds) == measure(build, 3, resolution, resolution)


@pytest.mark.parametrize(
    "name",
    ["mobilenet_v1", "mobilenet_v2", "mobilenet_v3_small", "mnasnet1_0", "shufflenet_v2_x1_0", "efficientnet_b0"],
)
def test_a_size_that_halves_unevenly_costs_what_pytorch_counts(name: str) -> None:
    totals = cm.price(cm.load(name, resolution=97)).totals
    assert (totals.params, totals.mult_adds) == measure(NETS[name][0], 3, 97, 97)
