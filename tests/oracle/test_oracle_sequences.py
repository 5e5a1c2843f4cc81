"""A layer of Llama and the LSTM language model in PyTorch, from the papers, against the specs' totals."""

from __future__ import annotations

import pytest
import torch
from measure import measure
from torch import nn

import costmodel as cm


class LlamaLayer(nn.Module):
    """Table 3 of arXiv:2407.21783, the 8B column; rotary positions as complex numbers."""

    def __init__(self, width: int = 4096, hidden: int = 14336, heads: int = 32, groups: int = 8) -> None:
        super().__init__()
        self.head = width // heads
        narrow = groups * self.head
        self.wq, self.wo = nn.Linear(width, width, bias=False), nn.Linear(width, width, bias=False)
        self.wk, self.wv = nn.Linear(width, narrow, bias=False), nn.Linear(width, narrow, bias=False)
        self.w1, self.w3 = nn.Linear(width, hidden, bias=False), nn.Linear(width, hidden, bias=False)
        self.w2 = nn.Linear(hidden, width, bias=False)
        self.norm1, self.norm2 = nn.RMSNorm(width, eps=1e-5), nn.RMSNorm(width, eps=1e-5)

    def heads_of(self, x: torch.Tensor, turn: torch.Tensor | None) -> torch.Tensor:
        apart = x.unflatten(-1, (-1, self.head)).transpose(1, 2)
        if turn is None:
            return apart
        pairs = torch.view_as_complex(apart.unflatten(-1, (-1, 2)).contiguous())
        return torch.view_as_real(pairs * turn).flatten(-2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        frequency = 500_000 ** (-torch.arange(0, self.head, 2) / self.head)
        angles = torch.arange(x.shape[1])[:, None] * frequency
        turn = torch.polar(torch.ones_like(angles), angles)
        y = self.norm1(x)
        q, k, v = self.heads_of(self.wq(y), turn), self.heads_of(self.wk(y), turn), self.heads_of(self.wv(y), None)
        each = q.shape[1] // k.shape[1]
        k, v = k.repeat_interleave(each, 1), v.repeat_interleave(each, 1)
        unseen = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).triu(1)
        scores = (q @ k.transpose(-1, -2) * self.head**-0.5).masked_fill(unseen, float("-inf"))
        x = x + self.wo((scores.softmax(-1) @ v).transpose(1, 2).flatten(2))
        y = self.norm2(x)
        return x + self.w2(nn.functional.silu(self.w1(y)) * self.w3(y))


@pytest.mark.parametrize("tokens", [1, 1024])
def test_a_layer_of_llama(tokens: int) -> None:
    totals = cm.price(cm.load("llama_block", tokens=tokens)).totals
    assert (totals.params, totals.mult_adds) == measure(LlamaLayer, tokens, 4096)


class LanguageModel(nn.Module):
    """Section 4.1 of arXiv:1409.2329, cell by cell: what a fused LSTM multiplies, PyTorch's counter does not see."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.words, self.head = nn.Embedding(10000, width), nn.Linear(width, 10000)
        self.cells = nn.ModuleList(
            nn.ModuleList((nn.Linear(width, 4 * width), nn.Linear(width, 4 * width))) for _ in "12"
        )

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        x = self.words(ids.long())
        for given, kept in self.cells:
            h = c = torch.zeros_like(x[:, 0])
            outputs = []
            for now in x.unbind(1):
                i, f, g, o = (given(now) + kept(h)).chunk(4, -1)
                c = f.sigmoid() * c + i.sigmoid() * g.tanh()
                h = o.sigmoid() * c.tanh()
                outputs.append(h)
            x = torch.stack(outputs, 1)
        return self.head(x)


@pytest.mark.parametrize(("name", "width"), [("lstm_lm_medium", 650), ("lstm_lm_large", 1500)])
def test_the_lstm_language_model(name: str, width: int) -> None:
    totals = cm.price(cm.load(name)).totals
    assert (totals.params, totals.mult_adds) == measure(lambda: LanguageModel(width), 35)
