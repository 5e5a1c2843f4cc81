"""The memory of a training step of modules that were read: what PyTorch's MemTracker sees of the very module."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812, PyTorch's own custom

from costmodel.bench.torch_training import most_held
from costmodel.modules.read import read_module
from costmodel.pricing.memory.asked import Training
from costmodel.pricing.memory.plan import Plan
from costmodel.pricing.memory.step import plan

SCALARS = 16
"""Bytes of the loss and its gradient, which are not counted."""
TOKENS, WIDTH = 120, 48


class Attention(nn.Module):
    """One projection of queries, keys and values, and attention as one call: dropping weights, masked, or causal."""

    def __init__(self, dropout: float = 0.0, mask: bool = False, causal: bool = False, bias: bool = False) -> None:
        super().__init__()
        self.qkv, self.out, self.head = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, 5)
        self.dropout, self.causal = dropout, causal
        self.register_buffer("seen", torch.ones(TOKENS, TOKENS, dtype=torch.bool).tril() if mask else None)
        self.bias = nn.Parameter(torch.zeros(1, 4, TOKENS, TOKENS)) if bias else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        q, k, v = self.qkv(x).view(*x.shape[:2], 3, 4, WIDTH // 4).permute(2, 0, 3, 1, 4).unbind(0)
        mask = self.seen if self.bias is None else self.bias
        mixed = F.scaled_dot_product_attention(q, k, v, mask, self.dropout if self.training else 0.0, self.causal)
        return self.head(self.out(mixed.transpose(1, 2).reshape(x.shape)).mean(1))


class Wide(Attention):
    """A wide head after it, so that the peak is there and all of the attention is kept then."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Sequential(nn.Linear(WIDTH, 40 * WIDTH), nn.GELU(), nn.Linear(40 * WIDTH, 5))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        q, k, v = self.qkv(x).view(*x.shape[:2], 3, 4, WIDTH // 4).permute(2, 0, 3, 1, 4).unbind(0)
        mixed = F.scaled_dot_product_attention(q, k, v)
        return self.head(self.out(mixed.transpose(1, 2).reshape(x.shape))).mean(1)


class Products(nn.Module):
    """Attention written in products and a softmax."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv, self.out, self.head = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, 5)
        self.drop = nn.Dropout(0.1)
        self.register_buffer("seen", torch.ones(TOKENS, TOKENS).tril())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        q, k, v = (one.unflatten(2, (4, -1)).transpose(1, 2) for one in self.qkv(x).split(WIDTH, 2))
        scores = (q @ k.transpose(-2, -1) * 0.3).masked_fill(self.seen == 0, float("-inf"))
        mixed = self.drop(scores.softmax(-1)) @ v
        return self.head(self.out(mixed.transpose(1, 2).reshape(x.shape)).mean(1))


class Own(nn.Module):
    """PyTorch's own attention, with the weights or without."""

    def __init__(self, weights: bool) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(WIDTH, 4, dropout=0.1, batch_first=True)
        self.head, self.weights = nn.Linear(WIDTH, 5), weights

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.attention(x, x, x, need_weights=self.weights)[0].mean(1))


class Decoder(nn.Module):
    """A decoder's layer, which multiplies by parts of one weight."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.head = nn.TransformerDecoderLayer(WIDTH, 4, 96, batch_first=True), nn.Linear(WIDTH, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.layer(x, x).mean(1))


class Unused(nn.Module):
    """Parameters that nothing reads: they are held, and have neither gradients nor a state of Adam's."""

    def __init__(self) -> None:
        super().__init__()
        self.used, self.left = nn.Linear(WIDTH, 5), nn.Linear(100, 100)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.used(x.mean(1))


ATTENTION: dict[str, Callable[[], nn.Module]] = {
    "one kernel": Attention,
    "a wide head": Wide,
    "causal": partial(Attention, causal=True),
    "masked": partial(Attention, mask=True),
    "a bias that is trained": partial(Attention, bias=True),
    "dropping": partial(Attention, dropout=0.1),
    "masked and dropping": partial(Attention, dropout=0.1, mask=True),
    "products": Products,
    "PyTorch's own": partial(Own, weights=False),
    "with its weights": partial(Own, weights=True),
    "a decoder": Decoder,
    "unused": Unused,
}


def walked(build: Callable[[], nn.Module], shape: tuple[int, ...], how: Training) -> Plan:
    graph = read_module(build(), shape)
    return plan(graph, graph.batch if graph.whole else shape[0], "float32", how)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("name", ATTENTION)
def test_attention_of_modules_to_the_byte(name: str, optimizer: str) -> None:
    shape, how = (2, TOKENS, WIDTH), Training(optimizer)
    measured = most_held(ATTENTION[name], lambda: [torch.zeros(shape)], how)
    assert 0 <= measured - walked(ATTENTION[name], shape, how).bytes <= SCALARS


@pytest.mark.parametrize("act", [nn.SiLU, nn.Hardswish, nn.ReLU6, nn.Mish, nn.ReLU, nn.LeakyReLU, nn.ELU, nn.CELU])
def test_what_is_written_over_is_copied_first(act: Callable[..., nn.Module]) -> None:
    """Where the gradient needs what stood there before; else the result tells it."""

    def build() -> nn.Module:
        layers = (nn.Conv2d(3, 16, 3, padding=1), act(inplace=True), nn.Conv2d(16, 8, 1), nn.Dropout2d(0.2))
        return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5))

    shape, how = (2, 3, 40, 40), Training("sgd")
    measured = most_held(build, lambda: [torch.zeros(shape)], how)
    assert 0 <= measured - walked(build, shape, how).bytes <= SCALARS


class Apart(nn.Module):
    """Twelve layers that read one tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.parts = nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in range(12))
        self.head = nn.Linear(WIDTH, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(torch.stack([part(x) for part in self.parts]).sum(0).mean(1))


def test_each_call_under_autocast_copies_what_it_reads() -> None:
    """To 1 %, where one copy for all would be much less."""
    shape, how = (2, TOKENS, WIDTH), Training("sgd", amp=True)
    measured = most_held(Apart, lambda: [torch.zeros(shape)], how)
    assert 0.99 < walked(Apart, shape, how).bytes / measured < 1.01


def test_that_scores_are_kept_is_said_where_weights_are_dropped() -> None:
    for name, said in (("dropping", True), ("one kernel", False)):
        notes = walked(ATTENTION[name], (2, TOKENS, WIDTH), Training("sgd")).notes
        assert any("drops weights keeps its scores" in note for note in notes) is said
