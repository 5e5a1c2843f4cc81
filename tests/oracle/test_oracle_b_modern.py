"""RegNet, ConvNeXt and ViT in PyTorch, from the papers, against the specs' totals."""

from __future__ import annotations

import math
from functools import partial

import pytest
import torch
from measure import measure
from test_oracle_b_mobile import Gate, nearest_multiple, unit
from torch import nn

import costmodel as cm

# Depth, w_0, w_a, w_m and group width of each net, from figures 16 and 17 of arXiv:2003.13678.
REGNETS = {
    "x_400mf": (22, 24, 24.48, 2.54, 16),
    "x_800mf": (16, 56, 35.73, 2.28, 16),
    "x_1_6gf": (18, 80, 34.01, 2.25, 24),
    "x_3_2gf": (25, 88, 26.31, 2.25, 48),
    "x_8gf": (23, 80, 49.56, 2.88, 120),
    "x_16gf": (22, 216, 55.59, 2.1, 128),
    "x_32gf": (23, 320, 69.86, 2.0, 168),
    "y_400mf": (16, 48, 27.89, 2.09, 8),
    "y_800mf": (14, 56, 38.84, 2.4, 16),
    "y_1_6gf": (27, 48, 20.71, 2.65, 24),
    "y_3_2gf": (21, 80, 42.63, 2.66, 24),
    "y_8gf": (17, 192, 76.82, 2.19, 56),
    "y_16gf": (18, 200, 106.23, 2.48, 112),
    "y_32gf": (20, 232, 115.89, 2.53, 232),
}


class RegNetBlock(nn.Module):
    def __init__(self, inputs: int, width: int, stride: int, group_width: int, gated: bool) -> None:
        super().__init__()
        gate = [Gate(width, round(inputs / 4), nn.ReLU, nn.Sigmoid)] if gated else []
        middle = unit(width, width, nn.ReLU, 3, stride, width // group_width)
        self.body = nn.Sequential(*unit(inputs, width, nn.ReLU), *middle, *gate, *unit(width, width, None))
        changes = inputs != width or stride > 1
        self.shortcut = nn.Sequential(*unit(inputs, width, None, 1, stride)) if changes else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.shortcut(x) + self.body(x))


def regnet(name: str, authors: bool) -> nn.Module:
    """Equations 2 to 4 give each block a width, which the group width must divide: rounded in one of two ways."""
    depth, w_0, w_a, w_m, group = REGNETS[name]
    steps = [round(math.log((w_0 + w_a * j) / w_0, w_m)) for j in range(depth)]
    widths = [8 * round(w_0 * w_m**step / 8) for step in steps]
    layers = unit(3, 32, nn.ReLU, 3, 2)
    seen = 32
    for index, width in enumerate(widths):
        own = min(group, width)
        out = round(width / own) * own if authors else nearest_multiple(width, own)
        first = index == 0 or widths[index - 1] != width
        layers.append(RegNetBlock(seen, out, 2 if first else 1, own, name.startswith("y")))
        seen = out
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(seen, 1000))


class PixelNorm(nn.LayerNorm):
    """Layer normalisation over the channels of each pixel."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class ConvNeXtBlock(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.depthwise, self.norm = nn.Conv2d(width, width, 7, padding=3, groups=width), nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.scale = nn.Parameter(torch.ones(width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.mlp(self.norm(self.depthwise(x).permute(0, 2, 3, 1)))
        return x + (self.scale * y).permute(0, 3, 1, 2)


def convnext(width: int, depths: tuple[int, int, int, int]) -> nn.Module:
    layers: list[nn.Module] = [nn.Conv2d(3, width, 4, 4), PixelNorm(width)]
    for stage, depth in enumerate(depths):
        if stage:
            layers += [PixelNorm(width), nn.Conv2d(width, 2 * width, 2, 2)]
            width *= 2
        layers += [ConvNeXtBlock(width) for _ in range(depth)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.LayerNorm(width), nn.Linear(width, 1000))


class EncoderLayer(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.project = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, tokens, width = x.shape
        parts = self.qkv(self.norm1(x)).reshape(batch, tokens, 3, self.heads, width // self.heads)
        q, k, v = parts.permute(2, 0, 3, 1, 4)
        mixed = torch.softmax(q @ k.transpose(-2, -1), -1) @ v
        x = x + self.project(mixed.transpose(1, 2).reshape(batch, tokens, width))
        return x + self.mlp(self.norm2(x))


class ViT(nn.Module):
    """Equations 1 to 4 of arXiv:2010.11929."""

    def __init__(self, patch: int, depth: int, width: int, heads: int) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, width, patch, patch)
        self.token = nn.Parameter(torch.zeros(1, 1, width))
        self.position = nn.Parameter(torch.zeros(1, (224 // patch) ** 2 + 1, width))
        self.encoder = nn.Sequential(*[EncoderLayer(width, heads) for _ in range(depth)], nn.LayerNorm(width))
        self.fc = nn.Linear(width, 1000)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(len(x), -1, -1), x], 1) + self.position
        return self.fc(self.encoder(x)[:, 0])


NETS = (
    {f"regnet_{name}": partial(regnet, name, authors=False) for name in REGNETS}
    | {f"regnet_{name}_pycls": partial(regnet, name, authors=True) for name in ("x_400mf", "y_800mf", "y_8gf")}
    | {
        "convnext_tiny": partial(convnext, 96, (3, 3, 9, 3)),
        "convnext_small": partial(convnext, 96, (3, 3, 27, 3)),
        "convnext_base": partial(convnext, 128, (3, 3, 27, 3)),
        "convnext_large": partial(convnext, 192, (3, 3, 27, 3)),
        "vit_b_16": partial(ViT, 16, 12, 768, 12),
        "vit_b_32": partial(ViT, 32, 12, 768, 12),
        "vit_l_16": partial(ViT, 16, 24, 1024, 16),
        "vit_l_32": partial(ViT, 32, 24, 1024, 16),
    }
)


@pytest.mark.parametrize("name", NETS)
def test_modern_net_costs_what_pytorch_counts(name: str) -> None:
    totals = cm.price(cm.load(name)).totals
    assert (totals.params, totals.mult_adds) == measure(NETS[name], 3, 224, 224)
