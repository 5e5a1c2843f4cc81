"""YOLOv8 in PyTorch, built row by row from the table of its release, against the spec."""

from __future__ import annotations

import math

import pytest
import torch
from measure import measure
from torch import nn

import costmodel as cm

ROWS = (  # (reads, module, repeats, channels); -1 reads the row before
    *((-1, "conv", 1, 64), (-1, "conv", 1, 128), (-1, "c2f+", 3, 128), (-1, "conv", 1, 256), (-1, "c2f+", 6, 256)),
    *((-1, "conv", 1, 512), (-1, "c2f+", 6, 512), (-1, "conv", 1, 1024), (-1, "c2f+", 3, 1024), (-1, "sppf", 1, 1024)),
    *((-1, "up", 1, 0), ((-1, 6), "cat", 1, 0), (-1, "c2f", 3, 512)),
    *((-1, "up", 1, 0), ((-1, 4), "cat", 1, 0), (-1, "c2f", 3, 256)),
    *((-1, "conv", 1, 256), ((-1, 12), "cat", 1, 0), (-1, "c2f", 3, 512)),
    *((-1, "conv", 1, 512), ((-1, 9), "cat", 1, 0), (-1, "c2f", 3, 1024)),
)
HEADS = (15, 18, 21)
SCALES = {
    "n": (0.33, 0.25, 1024),
    "s": (0.33, 0.5, 1024),
    "m": (0.67, 0.75, 768),
    "l": (1, 1, 512),
    "x": (1, 1.25, 512),
}


def unit(inputs: int, outputs: int, kernel: int = 1, stride: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.SiLU())


class C2f(nn.Module):
    def __init__(self, inputs: int, outputs: int, count: int, shortcut: bool) -> None:
        super().__init__()
        half = outputs // 2
        self.shortcut, self.first = shortcut, unit(inputs, outputs)
        self.chain = nn.ModuleList(nn.Sequential(unit(half, half, 3), unit(half, half, 3)) for _ in range(count))
        self.last = unit((2 + count) * half, outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        kept = [*self.first(x).chunk(2, 1)]
        for pair in self.chain:
            made = pair(kept[-1])
            kept.append(kept[-1] + made if self.shortcut else made)
        return self.last(torch.cat(kept, 1))


class Sppf(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first, self.last = unit(channels, channels // 2), unit(2 * channels, channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        kept = [self.first(x)]
        kept += [nn.functional.max_pool2d(kept[0], 4 * n + 1, 1, 2 * n) for n in (1, 2, 3)]
        return self.last(torch.cat(kept, 1))


class Yolo(nn.Module):
    def __init__(self, depth: float, width: float, most: int) -> None:
        super().__init__()
        seen, self.rows = [], nn.ModuleList()
        for reads, kind, repeats, channels in ROWS:
            before = seen[-1] if seen else 3
            out = math.ceil(min(channels, most) * width / 8) * 8
            if kind == "conv":
                row = unit(before, out, 3, 2)
            elif kind.startswith("c2f"):
                row = C2f(before, out, max(round(repeats * depth), 1), kind == "c2f+")
            else:
                row = Sppf(before) if kind == "sppf" else nn.Upsample(scale_factor=2)
                out = before if kind != "cat" else before + seen[reads[1]]
            self.rows.append(row)
            seen.append(out)
        ends = [seen[row] for row in HEADS]
        sides, names = max(16, ends[0] // 4, 64), max(ends[0], 80)
        self.sides = nn.ModuleList(self.tower(end, sides, 64) for end in ends)
        self.names = nn.ModuleList(self.tower(end, names, 80) for end in ends)
        self.mean = nn.Conv2d(16, 1, 1, bias=False)

    @staticmethod
    def tower(inputs: int, width: int, outputs: int) -> nn.Sequential:
        return nn.Sequential(unit(inputs, width, 3), unit(width, width, 3), nn.Conv2d(width, outputs, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        made: list[torch.Tensor] = []
        for (reads, kind, _, _), row in zip(ROWS, self.rows, strict=True):
            x = torch.cat([made[-1], made[reads[1]]], 1) if kind == "cat" else row(x)
            made.append(x)
        ends = [made[row] for row in HEADS]
        sides = torch.cat([tower(end).flatten(2) for tower, end in zip(self.sides, ends, strict=True)], 2)
        names = torch.cat([tower(end).flatten(2) for tower, end in zip(self.names, ends, strict=True)], 2)
        far = self.mean(sides.view(1, 4, 16, -1).transpose(1, 2).softmax(1)).squeeze(1)
        return torch.cat([far, names.sigmoid()], 1)  # turning distances into boxes multiplies no matrices


@pytest.mark.parametrize("size", SCALES)
def test_yolov8_costs_what_pytorch_counts(size: str) -> None:
    graph = cm.load(f"yolov8{size}")
    totals = cm.price(graph).totals
    assert graph.shape(graph.outputs[0]) == (84, 8400)
    assert (totals.params, totals.mult_adds) == measure(lambda: Yolo(*SCALES[size]), 3, 640, 640)
