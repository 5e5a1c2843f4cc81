"""Modules after what people asked of other counters: the right figures stand beside each."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - so everybody calls it
from torch import nn

import costmodel as cm


class DeepLabUp(nn.Module):
    """Classes of pixels, brought back to the size of the picture."""

    def __init__(self):
        super().__init__()
        one, two = nn.Conv2d(3, 8, 3, 2, 1), nn.Conv2d(8, 8, 3, 2, 1)
        self.b = nn.Sequential(one, nn.ReLU(), two, nn.ReLU(), nn.Conv2d(8, 5, 3, padding=2, dilation=2))

    def forward(self, x):
        return F.interpolate(self.b(x), size=x.shape[2:], mode="bilinear", align_corners=False)


class Eca(nn.Module):
    """A gate: a convolution along the channels' means."""

    def __init__(self):
        super().__init__()
        self.c = nn.Conv1d(1, 1, 3, padding=1, bias=False)

    def forward(self, x):
        gate = self.c(x.mean((2, 3)).unsqueeze(1)).sigmoid()
        return x * gate.transpose(1, 2).unsqueeze(-1)


class Focus(nn.Module):
    """A picture's pixels by fours, as channels."""

    def __init__(self):
        super().__init__()
        self.c = nn.Conv2d(12, 16, 3, 1, 1)

    def forward(self, x):
        parts = x[..., ::2, ::2], x[..., 1::2, ::2], x[..., ::2, 1::2], x[..., 1::2, 1::2]
        return self.c(torch.cat(parts, 1))


class CausalHeads(nn.Module):
    """Attention of four heads to what came before."""

    def __init__(self):
        super().__init__()
        self.qkv, self.o = nn.Linear(64, 192), nn.Linear(64, 64)

    def forward(self, x):
        q, k, v = self.qkv(x).view(*x.shape[:2], 3, 4, 16).permute(2, 0, 3, 1, 4)
        return self.o(F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(x.shape))


class Experts(nn.Module):
    """Six experts for two tasks, each with a gate over all of them."""

    def __init__(self):
        super().__init__()
        self.ex = nn.ModuleList(nn.Sequential(nn.Linear(100, 32), nn.ReLU(), nn.Linear(32, 16)) for _ in range(6))
        self.g = nn.ParameterList(nn.Parameter(torch.zeros(100, 6)) for _ in range(2))
        self.t = nn.ModuleList(nn.Linear(16, 1) for _ in range(2))

    def forward(self, x):
        made = torch.stack([one(x) for one in self.ex], 1)
        gates = [(x @ one).softmax(-1).unsqueeze(-1) for one in self.g]
        return [tower((gate * made).sum(1)) for tower, gate in zip(self.t, gates, strict=True)]


class NonLocal(nn.Module):
    """Every place of a map looks at every other."""

    def __init__(self):
        super().__init__()
        self.q, self.k, self.v = (nn.Conv2d(16, 8, 1) for _ in range(3))
        self.o = nn.Conv2d(8, 16, 1)

    def forward(self, x):
        q, k, v = (one(x).flatten(2) for one in (self.q, self.k, self.v))
        seen = (q.transpose(1, 2) @ k).softmax(-1) @ v.transpose(1, 2)
        return self.o(seen.transpose(1, 2).reshape(-1, 8, *x.shape[2:])) + x


class PreNorm(nn.Module):
    """A picture less a mean by a deviation, both fixed."""

    def __init__(self):
        super().__init__()
        self.register_buffer("m", torch.zeros(1, 3, 1, 1))
        self.register_buffer("sd", torch.ones(1, 3, 1, 1))
        self.c = nn.Conv2d(3, 8, 3, padding=1)

    def forward(self, x):
        return self.c((x - self.m) / self.sd)


class ReZero(nn.Module):
    """A residue with one learned scale."""

    def __init__(self):
        super().__init__()
        self.g = nn.Parameter(torch.zeros(1))
        self.b = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), nn.ReLU())

    def forward(self, x):
        return x + self.g * self.b(x)


class SharedHead(nn.Module):
    """One head on two levels."""

    def __init__(self):
        super().__init__()
        self.c1, self.c2 = nn.Conv2d(3, 8, 3, 2, 1), nn.Conv2d(8, 8, 3, 2, 1)
        self.h = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 5, 3, padding=1))

    def forward(self, x):
        one = self.c1(x)
        return self.h(one), self.h(self.c2(one))


class Encoding(nn.Module):
    """A layer of torchvision's encoder."""

    def __init__(self):
        super().__init__()
        self.ln_1, self.self_attention = nn.LayerNorm(64), nn.MultiheadAttention(64, 4, batch_first=True)
        self.ln_2, self.mlp = nn.LayerNorm(64), nn.Sequential(nn.Linear(64, 128), nn.GELU(), nn.Linear(128, 64))

    def forward(self, x):
        y = self.ln_1(x)
        x = x + self.self_attention(y, y, y, need_weights=False)[0]
        return x + self.mlp(self.ln_2(x))


class VisionTransformer(nn.Module):
    """Patches, a class token, learned positions, two layers."""

    def __init__(self):
        super().__init__()
        self.conv_proj = nn.Conv2d(3, 64, 8, 8)
        self.class_token, self.pos = nn.Parameter(torch.zeros(1, 1, 64)), nn.Parameter(torch.zeros(1, 17, 64))
        self.layers, self.ln = nn.Sequential(Encoding(), Encoding()), nn.LayerNorm(64)
        self.head = nn.Linear(64, 10)

    def forward(self, x):
        x = self.conv_proj(x).reshape(len(x), 64, -1).permute(0, 2, 1)
        x = torch.cat((self.class_token.expand(len(x), -1, -1), x), 1)
        return self.head(self.ln(self.layers(x + self.pos))[:, 0])


class Windows(nn.Module):
    """Attention inside windows of 4x4, with a learned bias."""

    def __init__(self):
        super().__init__()
        self.b, self.qkv, self.o = nn.Parameter(torch.zeros(2, 16, 16)), nn.Linear(32, 96), nn.Linear(32, 32)

    def forward(self, x):
        n, c, h, w = x.shape
        x = x.view(n, c, h // 4, 4, w // 4, 4).permute(0, 2, 4, 3, 5, 1).reshape(-1, 16, c)
        q, k, v = self.qkv(x).view(-1, 16, 3, 2, 16).permute(2, 0, 3, 1, 4).unbind(0)
        x = ((q @ k.transpose(-2, -1)) * 0.25 + self.b).softmax(-1) @ v
        x = self.o(x.transpose(1, 2).reshape(-1, 16, c))
        return x.view(n, h // 4, w // 4, 4, 4, c).permute(0, 5, 1, 3, 2, 4).reshape(n, c, h, w)


class SharedLinear(nn.Module):
    """One layer on each third of a vector."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(100, 100)

    def forward(self, x):
        return torch.cat([self.fc(one) for one in x.chunk(3, -1)], -1)


def conv1d_chain() -> nn.Module:
    return nn.Sequential(
        nn.Conv1d(6, 16, 3, bias=False), nn.ReLU(), nn.Conv1d(16, 32, 3, stride=2, dilation=4, bias=False)
    )


def espcn() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 16, 5, padding=2), nn.Tanh(), nn.Conv2d(16, 9, 3, padding=1), nn.PixelShuffle(3))


def group_norm() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.GroupNorm(4, 16), nn.SiLU(), nn.Conv2d(16, 8, 1))


def pools_upward() -> nn.Module:
    pools = nn.MaxPool2d(3, 2, 1, ceil_mode=True), nn.AvgPool2d(2, 2, 1, ceil_mode=True, count_include_pad=False)
    return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), *pools)


def encoder() -> nn.Module:
    return nn.TransformerEncoderLayer(64, 4, 128, activation="gelu", batch_first=True, norm_first=True)


def two_prelu() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.PReLU(8), nn.Conv2d(8, 8, 3, padding=1), nn.PReLU(8))


REPORTS: list[tuple[Any, tuple[int, ...], int, int, list[tuple[int, ...]]]] = [
    (conv1d_chain, (1, 6, 400), 1824, 414_144, [(32, 195)]),
    (DeepLabUp, (1, 3, 65, 97), 1173, 747_072, [(5, 65, 97)]),
    (Eca, (1, 16, 10, 10), 3, 48, [(16, 10, 10)]),
    (espcn, (1, 1, 17, 30), 1721, 864_960, [(1, 51, 90)]),
    (Focus, (1, 3, 32, 48), 1744, 663_552, [(16, 16, 24)]),
    (group_norm, (1, 3, 20, 20), 616, 224_000, [(8, 20, 20)]),
    (pools_upward, (1, 3, 64, 57), 224, 787_968, [(8, 17, 15)]),
    (CausalHeads, (1, 30, 64), 16_640, 606_720, [(30, 64)]),
    (Experts, (1, 100), 23_794, 23_504, [(1,), (1,)]),
    (encoder, (1, 30, 64), 33_472, 1_098_240, [(30, 64)]),
    (NonLocal, (1, 16, 9, 11), 552, 207_504, [(16, 9, 11)]),
    (PreNorm, (1, 3, 32, 32), 224, 221_184, [(8, 32, 32)]),
    (ReZero, (1, 8, 16, 16), 585, 147_456, [(8, 16, 16)]),
    (SharedHead, (1, 3, 64, 64), 1757, 1_566_720, [(5, 32, 32), (5, 16, 16)]),
    (VisionTransformer, (1, 3, 32, 32), 81_226, 1_385_344, [(10,)]),
    (two_prelu, (1, 3, 16, 16), 824, 202_752, [(8, 16, 16)]),
    (Windows, (1, 32, 12, 16), 4736, 983_040, [(32, 12, 16)]),
    (SharedLinear, (1, 300), 10_100, 30_000, [(300,)]),
]


@pytest.mark.parametrize(
    ("build", "given", "params", "mult_adds", "outputs"), REPORTS, ids=[build.__name__ for build, *_ in REPORTS]
)
def test_what_people_reported_of_other_counters_is_right_of_a_module(build, given, params, mult_adds, outputs):
    graph = cm.load(build().eval(), given)
    assert not graph.unpriced
    totals = cm.price(graph).totals
    assert (totals.params, totals.mult_adds) == (params, mult_adds)
    shapes = [graph.layer(path).shape for path in graph.outputs]  # the batch of one stands before, or is not written
    assert [shape[-len(one) :] for shape, one in zip(shapes, outputs, strict=True)] == outputs
