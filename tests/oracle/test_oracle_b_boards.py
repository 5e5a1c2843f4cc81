"""Networks that phones and boards are measured with, in PyTorch, from papers and tables, against the specs' totals."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import torch
from measure import measure
from torch import nn

import costmodel as cm


def unit(
    inputs: int, outputs: int, act: nn.Module | None, kernel: int = 1, stride: int = 1, groups: int = 1
) -> list[nn.Module]:
    conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
    return [conv, nn.BatchNorm2d(outputs), *([act] if act else [])]


class Inverted(nn.Module):
    """Layers that end as wide as they began are added to what they read, where `adds` says so."""

    def __init__(self, body: list[nn.Module], adds: bool) -> None:
        super().__init__()
        self.body, self.adds = nn.Sequential(*body), adds

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.body(x) if self.adds else self.body(x)


class Gate(nn.Module):
    def __init__(self, channels: int, squeezed: int) -> None:
        super().__init__()
        convs = [nn.Conv2d(channels, squeezed, 1), nn.SiLU(), nn.Conv2d(squeezed, channels, 1), nn.Sigmoid()]
        self.path = nn.Sequential(nn.AdaptiveAvgPool2d(1), *convs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.path(x)


def head(channels: int) -> list[nn.Module]:
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 1000)]


class Shuffle(nn.Module):
    """Figures 2b and 2c of arXiv:1707.01083."""

    def __init__(self, inputs: int, outputs: int, groups: int, first: int, halves: bool, narrow: bool) -> None:
        super().__init__()
        self.groups, self.halves = groups, halves
        new = outputs - inputs if halves else outputs
        wide = (new if narrow and halves else outputs) // 4
        self.reduce = nn.Sequential(*unit(inputs, wide, nn.ReLU(), groups=first))
        depthwise = unit(wide, wide, None, 3, 2 if halves else 1, wide)
        self.expand = nn.Sequential(*depthwise, *unit(wide, new, None, groups=groups))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.expand(nn.functional.channel_shuffle(self.reduce(x), self.groups))
        return torch.relu(torch.cat([nn.functional.avg_pool2d(x, 3, 2, 1), y], 1) if self.halves else x + y)


def shufflenet_v1(groups: int, stage2: int, scale: float = 1.0, narrow: bool = False) -> nn.Module:
    """Table 1."""
    seen = int(24 * scale)
    layers = [*unit(3, seen, nn.ReLU(), 3, 2), nn.MaxPool2d(3, 2, 1)]
    for stage, count in enumerate((4, 8, 4)):
        out = int(stage2 * scale) * 2**stage
        for index in range(count):
            first = 1 if (stage, index) == (0, 0) else groups
            layers.append(Shuffle(seen, out, groups, first, index == 0, narrow))
            seen = out
    return nn.Sequential(*layers, *head(seen))


def efficientnet_v2(table: str, stem: int) -> nn.Module:
    """Rows as the authors write them: r repeats, s stride, e expansion, o outputs, c: fused."""
    layers, seen = unit(3, stem, nn.SiLU(), 3, 2), stem
    for row in table.split():
        fields = {part[0]: part[1:] for part in row.split("_")}
        for index in range(int(fields["r"])):
            out, expand = int(fields["o"]), int(fields["e"])
            stride, wide = 1 if index else int(fields["s"]), seen * expand
            if "c" in fields and expand == 1:
                body = unit(seen, out, nn.SiLU(), 3, stride)
            elif "c" in fields:
                body = [*unit(seen, wide, nn.SiLU(), 3, stride), *unit(wide, out, None)]
            else:
                depthwise = unit(wide, wide, nn.SiLU(), 3, stride, wide)
                body = [*unit(seen, wide, nn.SiLU()), *depthwise, Gate(wide, seen // 4), *unit(wide, out, None)]
            layers.append(Inverted(body, stride == 1 and seen == out))
            seen = out
    return nn.Sequential(*layers, *unit(seen, 1280, nn.SiLU()), *head(1280))


SMALL = "r2_s1_e1_o24_c r4_s2_e4_o48_c r4_s2_e4_o64_c r6_s2_e4_o128 r9_s1_e6_o160 r15_s2_e6_o256"
MEDIUM = "r3_s1_e1_o24_c r5_s2_e4_o48_c r5_s2_e4_o80_c r7_s2_e4_o160 r14_s1_e6_o176 r18_s2_e6_o304 r5_s1_e6_o512"
LARGE = "r4_s1_e1_o32_c r7_s2_e4_o64_c r7_s2_e4_o96_c r10_s2_e4_o192 r19_s1_e6_o224 r25_s2_e6_o384 r7_s1_e6_o640"
BASE = "r1_s1_e1_o16_c r2_s2_e4_o32_c r2_s2_e4_o48_c r3_s2_e4_o96 r5_s1_e6_o112 r8_s2_e6_o192"

MOBILE = """
    3 5 32 2; 3 3 32 1; 3 7 40 2; 3 3 40 1; 3 5 40 1; 3 5 40 1; 6 7 80 2; 3 5 80 1; 3 5 80 1; 3 5 80 1;
    6 5 96 1; 3 5 96 1; 3 5 96 1; 3 5 96 1; 6 7 192 2; 6 7 192 1; 3 7 192 1; 3 7 192 1; 6 7 320 1
"""
"""Expansion, kernel, channels and stride of each block of figure 4 of arXiv:1812.00332, for phones."""


def proxylessnas() -> nn.Module:
    layers = [*unit(3, 32, nn.ReLU6(), 3, 2), *unit(32, 32, nn.ReLU6(), 3, 1, 32), *unit(32, 16, None)]
    seen = 16
    for row in MOBILE.split(";"):
        expand, kernel, out, stride = map(int, row.split())
        wide = seen * expand
        depthwise = unit(wide, wide, nn.ReLU6(), kernel, stride, wide)
        body = [*unit(seen, wide, nn.ReLU6()), *depthwise, *unit(wide, out, None)]
        layers.append(Inverted(body, stride == 1 and seen == out))
        seen = out
    return nn.Sequential(*layers, *unit(seen, 1280, nn.ReLU6()), *head(1280))


class Yolov4Tiny(nn.Module):
    """The sections of yolov4-tiny.cfg, by their numbers; `route` with groups=2, group_id=1 is the second half."""

    def __init__(self) -> None:
        super().__init__()
        rows = {0: (3, 32, 3, 2), 1: (32, 64, 3, 2), 26: (512, 512, 3, 1), 27: (512, 256, 1, 1), 28: (256, 512, 3, 1)}
        for start, wide in ((2, 64), (10, 128), (18, 256)):
            rows |= {start: (wide, wide, 3, 1), start + 2: (wide // 2, wide // 2, 3, 1)}
            rows |= {start + 3: (wide // 2, wide // 2, 3, 1), start + 5: (wide, wide, 1, 1)}
        rows |= {32: (256, 128, 1, 1), 35: (384, 256, 3, 1)}
        self.units = nn.ModuleDict(
            {str(number): nn.Sequential(*unit(i, o, nn.LeakyReLU(0.1), k, s)) for number, (i, o, k, s) in rows.items()}
        )
        self.large, self.small = nn.Conv2d(512, 255, 1), nn.Conv2d(256, 255, 1)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        units = self.units
        x = units["1"](units["0"](x))
        for start in (2, 10, 18):
            all_of_it = units[str(start)](x)
            first = units[str(start + 2)](all_of_it.chunk(2, 1)[1])
            mixed = units[str(start + 5)](torch.cat([units[str(start + 3)](first), first], 1))
            x = nn.functional.max_pool2d(torch.cat([all_of_it, mixed], 1), 2)
        deep = units["27"](units["26"](x))
        up = nn.functional.interpolate(units["32"](deep), scale_factor=2)
        return self.large(units["28"](deep)), self.small(units["35"](torch.cat([up, mixed], 1)))


NETS: dict[str, tuple[Callable[[], nn.Module], int]] = {
    "shufflenet_v1_g1": (partial(shufflenet_v1, 1, 144), 224),
    "shufflenet_v1_g2": (partial(shufflenet_v1, 2, 200), 224),
    "shufflenet_v1_g3": (partial(shufflenet_v1, 3, 240), 224),
    "shufflenet_v1_g4": (partial(shufflenet_v1, 4, 272), 224),
    "shufflenet_v1_g8": (partial(shufflenet_v1, 8, 384), 224),
    "shufflenet_v1_x0_5": (partial(shufflenet_v1, 3, 240, 0.5), 224),
    "shufflenet_v1_x2_0": (partial(shufflenet_v1, 3, 240, 2.0), 224),
    "efficientnet_v2_s": (partial(efficientnet_v2, SMALL, 24), 384),
    "efficientnet_v2_m": (partial(efficientnet_v2, MEDIUM, 24), 480),
    "efficientnet_v2_l": (partial(efficientnet_v2, LARGE, 32), 480),
    "efficientnet_v2_b0": (partial(efficientnet_v2, BASE, 32), 224),
    "proxylessnas": (proxylessnas, 224),
    "yolov4_tiny": (Yolov4Tiny, 416),
}


@pytest.mark.parametrize("name", NETS)
def test_a_boards_network_costs_what_pytorch_counts(name: str) -> None:
    build, resolution = NETS[name]
    totals = cm.price(cm.load(name)).totals
    assert (totals.params, totals.mult_adds) == measure(build, 3, resolution, resolution)


@pytest.mark.parametrize("name", ["shufflenet_v1_g3", "efficientnet_v2_b0", "proxylessnas"])
def test_a_size_that_halves_unevenly_costs_what_pytorch_counts(name: str) -> None:
    totals = cm.price(cm.load(name, resolution=97)).totals
    assert (totals.params, totals.mult_adds) == measure(NETS[name][0], 3, 97, 97)


def test_a_narrow_shufflenet_costs_what_pytorch_counts() -> None:
    totals = cm.price(cm.load("shufflenet_v1_g3", narrow=1)).totals
    assert (totals.params, totals.mult_adds) == measure(partial(shufflenet_v1, 3, 240, narrow=True), 3, 224, 224)
