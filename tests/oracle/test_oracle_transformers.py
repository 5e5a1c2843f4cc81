"""GPT-2, BERT, DeiT, MLP-Mixer and Swin in PyTorch, from the papers, against the specs' totals."""

from __future__ import annotations

import pytest
import torch
from measure import measure
from torch import nn

import costmodel as cm


def attend(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, bias: torch.Tensor | None = None) -> torch.Tensor:
    """Equation 1 of arXiv:1706.03762, on (..., heads, tokens, width of a head)."""
    scores = q @ k.transpose(-2, -1) * q.shape[-1] ** -0.5
    return (scores if bias is None else scores + bias).softmax(-1) @ v


class Attention(nn.Module):
    """Section 3.2.2 of arXiv:1706.03762, the three projections in one matrix."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads, self.packed, self.out = heads, nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: torch.Tensor, bias: torch.Tensor | None = None) -> torch.Tensor:
        apart = self.packed(x).unflatten(-1, (3, self.heads, -1))
        q, k, v = (part.transpose(-3, -2) for part in apart.unbind(-3))
        return self.out(attend(q, k, v, bias).transpose(-3, -2).flatten(-2))


def perceptron(width: int, hidden: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))


class PreNorm(nn.Module):
    """A layer of GPT-2 (section 2.3 of its paper) and of the vision transformer (arXiv:2010.11929, equations 2, 3)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention, self.mlp = Attention(width, heads), perceptron(width, 4 * width)

    def forward(self, x: torch.Tensor, bias: torch.Tensor | None = None) -> torch.Tensor:
        x = x + self.attention(self.norm1(x), bias)
        return x + self.mlp(self.norm2(x))


class Gpt2(nn.Module):
    """Section 2.3 and table 2 of Radford et al. 2019; the output layer is the table of words."""

    def __init__(self, depth: int, width: int, heads: int) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(50257, width), nn.Embedding(1024, width)
        self.layers = nn.ModuleList(PreNorm(width, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(width)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        tokens = ids.shape[1]
        x = self.words(ids.long()) + self.places(torch.arange(tokens))
        unseen = torch.full((tokens, tokens), float("-inf")).triu(1)
        for layer in self.layers:
            x = layer(x, unseen)
        return self.norm(x) @ self.words.weight.T


GPT2 = {"small": (12, 768, 12), "medium": (24, 1024, 16), "large": (36, 1280, 20), "xl": (48, 1600, 25)}


@pytest.mark.parametrize("size", GPT2)
def test_gpt2(size: str) -> None:
    totals = cm.price(cm.load(f"gpt2_{size}")).totals
    assert (totals.params, totals.mult_adds) == measure(lambda: Gpt2(*GPT2[size]), 1024)


class Bert(nn.Module):
    """Section 3 of arXiv:1810.04805, as PyTorch's own encoder layers (norms after each sum)."""

    def __init__(self, depth: int, width: int, heads: int) -> None:
        super().__init__()
        self.words, self.segments = nn.Embedding(30522, width), nn.Embedding(2, width)
        self.places, self.norm = nn.Embedding(512, width), nn.LayerNorm(width)
        self.layers = nn.ModuleList(
            nn.ModuleList(
                (
                    Attention(width, heads),
                    nn.LayerNorm(width),
                    perceptron(width, 4 * width),
                    nn.LayerNorm(width),
                )
            )
            for _ in range(depth)
        )
        self.pooler = nn.Linear(width, width)

    def forward(self, both: torch.Tensor) -> torch.Tensor:
        ids, segments = both.long().unbind(1)
        x = self.norm(self.words(ids) + self.segments(segments) + self.places(torch.arange(ids.shape[1])))
        for attention, first, mlp, second in self.layers:
            x = first(x + attention(x))
            x = second(x + mlp(x))
        return self.pooler(x[:, 0]).tanh()


@pytest.mark.parametrize(("name", "how"), [("bert_base", (12, 768, 12)), ("bert_large", (24, 1024, 16))])
@pytest.mark.parametrize("tokens", [128, 512])
def test_bert(name: str, how: tuple[int, int, int], tokens: int) -> None:
    totals = cm.price(cm.load(name, tokens=tokens)).totals
    assert (totals.params, totals.mult_adds) == measure(lambda: Bert(*how), 2, tokens)


class Deit(nn.Module):
    """Section 3 and table 1 of arXiv:2012.12877; with a second token, each has a head of its own."""

    def __init__(self, width: int, heads: int, tokens: int = 1) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, width, 16, 16)
        self.tokens = nn.Parameter(torch.empty(1, tokens, width))
        self.places = nn.Parameter(torch.empty(1, 196 + tokens, width))
        self.layers = nn.Sequential(*(PreNorm(width, heads) for _ in range(12)))
        self.norm, self.heads = nn.LayerNorm(width), nn.ModuleList(nn.Linear(width, 1000) for _ in range(tokens))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = self.norm(self.layers(torch.cat((self.tokens.expand(len(x), -1, -1), x), 1) + self.places))
        return torch.stack([head(x[:, place]) for place, head in enumerate(self.heads)]).mean(0)


DEIT = {"deit_ti": (192, 3), "deit_s": (384, 6), "deit_b": (768, 12), "deit_b_distilled": (768, 12, 2)}


@pytest.mark.parametrize("name", DEIT)
def test_deit(name: str) -> None:
    totals = cm.price(cm.load(name)).totals
    assert (totals.params, totals.mult_adds) == measure(lambda: Deit(*DEIT[name]), 3, 224, 224)


class MixerLayer(nn.Module):
    """Equation 1 of arXiv:2105.01601."""

    def __init__(self, tokens: int, width: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.over_tokens, self.over_channels = perceptron(tokens, width // 2), perceptron(width, 4 * width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.over_tokens(self.norm1(x).transpose(1, 2)).transpose(1, 2)
        return x + self.over_channels(self.norm2(x))


def mixer(patch: int, depth: int, width: int) -> nn.Module:
    """Table 1 of arXiv:2105.01601."""

    class Mixer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.patches = nn.Conv2d(3, width, patch, patch)
            self.layers = nn.Sequential(*(MixerLayer((224 // patch) ** 2, width) for _ in range(depth)))
            self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, 1000)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head(self.norm(self.layers(self.patches(x).flatten(2).transpose(1, 2))).mean(1))

    return Mixer()


MIXER = {"mixer_s32": (32, 8, 512), "mixer_s16": (16, 8, 512), "mixer_b32": (32, 12, 768), "mixer_b16": (16, 12, 768)}


@pytest.mark.parametrize("name", MIXER)
def test_mixer(name: str) -> None:
    totals = cm.price(cm.load(name)).totals
    assert (totals.params, totals.mult_adds) == measure(lambda: mixer(*MIXER[name]), 3, 224, 224)


class SwinLayer(nn.Module):
    """Section 3.2 of arXiv:2103.14030 on maps with channels last: windows of 7, shifted by 3 in every second layer."""

    def __init__(self, width: int, side: int, shift: int) -> None:
        super().__init__()
        self.heads, self.side, self.shift = width // 32, side, shift
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention, self.mlp = Attention(width, self.heads), perceptron(width, 4 * width)
        self.offsets = nn.Parameter(torch.empty(13, 13, self.heads))

    def windows(self, x: torch.Tensor) -> torch.Tensor:
        number = self.side // 7
        return x.unflatten(2, (number, 7)).unflatten(1, (number, 7)).transpose(2, 3).reshape(-1, 49, x.shape[-1])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        at = torch.cartesian_prod(torch.arange(7), torch.arange(7))
        down, across = (at[:, None] - at + 6).unbind(-1)
        bias = self.offsets[down, across].permute(2, 0, 1)
        y = self.norm1(x).roll((-self.shift, -self.shift), (1, 2))
        if self.shift:
            place = torch.arange(self.side)
            region = (place >= self.side - 7).long() + (place >= self.side - self.shift).long()
            regions = self.windows((3 * region[:, None] + region)[None, :, :, None])
            bias = bias + torch.where(regions == regions.transpose(1, 2), 0.0, -100.0)[:, None]
        number = self.side // 7
        y = self.attention(self.windows(y), bias).unflatten(0, (-1, number, number)).unflatten(3, (7, 7))
        y = y.transpose(2, 3).reshape(x.shape).roll((self.shift, self.shift), (1, 2))
        x = x + y
        return x + self.mlp(self.norm2(x))


class Merging(nn.Module):
    """Patch merging: four neighbours joined, then as many channels as two of them."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm, self.reduce = nn.LayerNorm(4 * width), nn.Linear(4 * width, 2 * width, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.reduce(self.norm(torch.cat([x[:, i::2, j::2] for j in (0, 1) for i in (0, 1)], -1)))


class Swin(nn.Module):
    """Section 3.3 of arXiv:2103.14030."""

    def __init__(self, width: int, depths: tuple[int, ...]) -> None:
        super().__init__()
        self.patches, self.norm = nn.Conv2d(3, width, 4, 4), nn.LayerNorm(width)
        parts: list[nn.Module] = []
        for stage, depth in enumerate(depths):
            side = 56 >> stage
            parts += [Merging(width << (stage - 1))] if stage else []
            parts += [SwinLayer(width << stage, side, 3 * (n % 2) * (side > 7)) for n in range(depth)]
        self.layers = nn.Sequential(*parts)
        self.last, self.head = nn.LayerNorm(8 * width), nn.Linear(8 * width, 1000)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.last(self.layers(self.norm(self.patches(x).permute(0, 2, 3, 1)))).mean((1, 2)))


SWIN = {"swin_t": (96, (2, 2, 6, 2)), "swin_s": (96, (2, 2, 18, 2)), "swin_b": (128, (2, 2, 18, 2))}


@pytest.mark.parametrize("name", SWIN)
def test_swin(name: str) -> None:
    totals = cm.price(cm.load(name)).totals
    assert (totals.params, totals.mult_adds) == measure(lambda: Swin(*SWIN[name]), 3, 224, 224)
