"""Small PyTorch modules, one for each way in which modules are written: what each is called with stands beside it."""

from __future__ import annotations

import random
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - so everybody calls it
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from torch.utils.checkpoint import checkpoint

ZOO: dict[str, tuple[Callable[[], nn.Module], Any]] = {}
"""How each is built, and what it is called with: a shape, several, or a map from names."""


def called_with(given: Any) -> Callable[[type[nn.Module]], type[nn.Module]]:
    """Enter a module in the zoo."""

    def enter(kind: type[nn.Module]) -> type[nn.Module]:
        ZOO[kind.__name__] = (kind, given)
        return kind

    return enter


@called_with((1, 3, 16, 16))
class Functional(nn.Module):
    """Calls of functions on parameters of its own."""

    def __init__(self):
        super().__init__()
        self.kernel = nn.Parameter(torch.zeros(8, 3, 3, 3))
        self.bias = nn.Parameter(torch.zeros(8))
        self.head = nn.Parameter(torch.zeros(10, 8))

    def forward(self, x):
        x = F.max_pool2d(F.relu(F.conv2d(x, self.kernel, self.bias, padding=1)), 2)
        return F.linear(F.adaptive_avg_pool2d(x, 1).flatten(1), self.head)


@called_with((1, 5, 16))
class Einsum(nn.Module):
    """Attention written as sums of products."""

    def __init__(self):
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(16, 16) for _ in range(3))

    def forward(self, x):
        q, k, v = (one(x).view(len(x), 5, 4, 4) for one in (self.q, self.k, self.v))
        weights = torch.einsum("bihd,bjhd->bhij", q, k).softmax(-1)
        return torch.einsum("bhij,bjhd->bihd", weights, v).flatten(2)


@called_with((1, 5, 16))
class Products(nn.Module):
    """Products of all forms: of three, without a sum, with something added, and of what is spread before."""

    def __init__(self):
        super().__init__()
        self.one, self.two = nn.Linear(16, 8), nn.Parameter(torch.zeros(8, 6))
        self.bias, self.core = nn.Parameter(torch.zeros(6)), nn.Parameter(torch.zeros(8, 4))

    def forward(self, x):
        y = self.one(x)
        spread = y.mean(1, keepdim=True).expand(-1, 5, -1) @ y.transpose(1, 2)
        three = torch.einsum("bid,dk,bjd->bijk", y, self.core, y).sum(-1)
        apart = torch.einsum("bid,bid->bid", y, y)
        outer = torch.einsum("i,j->ij", self.bias[:5], self.bias[:5])
        added = torch.addmm(self.bias, apart.flatten(0, 1), self.two).view(len(x), 5, 6)
        return torch.baddbmm(spread + three, added, added.mT) * outer


@called_with((1, 6, 8))
class Again(nn.Module):
    """A recurrent layer that is called twice, each time from a state of zeros."""

    def __init__(self):
        super().__init__()
        self.layer = nn.LSTM(8, 4, 2, bidirectional=True, batch_first=True)

    def forward(self, x):
        return self.layer(self.layer(x)[0])[0]


@called_with((1, 7, 16))
class MultiHead(nn.Module):
    """PyTorch's own attention module, with the weights and without."""

    def __init__(self):
        super().__init__()
        self.one = nn.MultiheadAttention(16, 4, batch_first=True)
        self.two = nn.MultiheadAttention(16, 4, batch_first=True)

    def forward(self, x):
        y, weights = self.one(x, x, x)
        return self.two(y, y, y, need_weights=False)[0], weights


@called_with(((7, 1, 16), (7, 1, 8)))
class CrossAttention(nn.Module):
    """Keys and values of other widths, tokens first."""

    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(16, 4, kdim=8, vdim=8)

    def forward(self, x, memory):
        return self.attention(x, memory, memory)[0]


@called_with((1, 8, 7, 16))
class ScaledDotProduct(nn.Module):
    """One operator: causal, with a mask, and with fewer heads of keys."""

    def __init__(self):
        super().__init__()
        self.mask = nn.Parameter(torch.zeros(8, 7, 7))

    def forward(self, x):
        few = F.scaled_dot_product_attention(x, x[:, :2], x[:, :2], enable_gqa=True)
        causal = F.scaled_dot_product_attention(x, x, x, is_causal=True)
        return F.scaled_dot_product_attention(few, causal, x, attn_mask=self.mask)


@called_with(((1, 7, 16), (1, 5, 16)))
class EncoderDecoder(nn.Module):
    """PyTorch's own transformer."""

    def __init__(self):
        super().__init__()
        self.net = nn.Transformer(16, 4, 1, 1, 32, batch_first=True)

    def forward(self, source, target):
        return self.net(source, target, tgt_mask=self.net.generate_square_subsequent_mask(5))


@called_with((1, 9))
class Tied(nn.Module):
    """One table for looking up and for the head; what it is called with are indices, which nobody says."""

    def __init__(self):
        super().__init__()
        self.table, self.head = nn.Embedding(50, 16), nn.Linear(16, 50, bias=False)
        self.head.weight = self.table.weight

    def forward(self, tokens):
        x = self.table(tokens)
        return self.head(x) + F.linear(x, self.table.weight)


@called_with((1, 8))
class Thrice(nn.Module):
    """One submodule under two names, called three times."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(8, 8)
        self.again = self.first

    def forward(self, x):
        return self.again(F.relu(self.first(F.relu(self.first(x)))))


@called_with((1, 6, 8))
class Recurrent(nn.Module):
    """Recurrent layers of all kinds, one that starts from a state, and a projection."""

    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(8, 6, 2, bidirectional=True, batch_first=True)
        self.gru = nn.GRU(12, 5, batch_first=True, bias=False)
        self.rnn = nn.RNN(5, 4, 2, nonlinearity="relu", batch_first=True)
        self.small = nn.LSTM(4, 6, proj_size=3)

    def forward(self, x):
        x, _ = self.lstm(x)
        x, last = self.gru(x)
        x, _ = self.gru(torch.cat((x, x, x[..., :2]), -1), last)
        x, _ = self.rnn(x)
        return self.small(x.transpose(0, 1))[1][0][-1]


@called_with((1, 4, 8))
class Cells(nn.Module):
    """Single steps of recurrent cells."""

    def __init__(self):
        super().__init__()
        self.lstm, self.gru, self.rnn = nn.LSTMCell(8, 5), nn.GRUCell(5, 4), nn.RNNCell(4, 4)

    def forward(self, x):
        lstm = gru = rnn = None
        for step in x.unbind(1):
            lstm = self.lstm(step, lstm)
            gru = self.gru(lstm[0], gru)
            rnn = self.rnn(gru, rnn)
        return rnn


@called_with((1, 3, 16, 16))
class InPlace(nn.Module):
    """What is overwritten, whole and in part, and read again under another name."""

    def __init__(self):
        super().__init__()
        self.one, self.two = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 1)

    def forward(self, x):
        y = self.one(x)
        y += 1
        z = y.relu_()
        z *= 2
        y[:, :2] = self.two(y)[:, 2:]
        out = torch.zeros(len(x), 8, 16, 16, device=x.device)
        out[:, :4], out[:, 4:] = y, z.flip(1)
        seen = out.view(len(x), 8, -1)
        seen[:, 0] = 0
        return out.add_(1).mean((2, 3))


@called_with((1, 3, 16, 16))
class Checkpointed(nn.Module):
    """Parts that are run again for their gradients."""

    def __init__(self):
        super().__init__()
        self.one, self.two = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3)

    def forward(self, x):
        return checkpoint(self.two, checkpoint(self.one, x, use_reentrant=False), use_reentrant=True)


@called_with((1, 3, 16, 16))
class ComputedWeights(nn.Module):
    """Weights that are computed from others at every call."""

    def __init__(self):
        super().__init__()
        self.conv = nn.utils.parametrizations.weight_norm(nn.Conv2d(3, 4, 3))
        self.linear = nn.Linear(14, 5)
        self.gate = nn.Parameter(torch.zeros(5, 1))

    def forward(self, x):
        return F.linear(self.conv(x), self.linear.weight * self.gate, self.linear.bias)


@called_with(((1, 3, 8, 8), (1, 10)))
class TwoInputs(nn.Module):
    """Two inputs, by position."""

    def __init__(self):
        super().__init__()
        self.image, self.rest = nn.Conv2d(3, 4, 3), nn.Linear(10, 4)

    def forward(self, image, rest):
        return self.image(image) * self.rest(rest)[:, :, None, None]


@called_with({"image": (1, 3, 8, 8), "flag": True, "tokens": torch.zeros(1, 5, dtype=torch.int64)})
class ByName(nn.Module):
    """Inputs by their names, and one that is no tensor; what it gives is a map."""

    def __init__(self):
        super().__init__()
        self.conv, self.table = nn.Conv2d(3, 4, 3), nn.Embedding(10, 4)

    def forward(self, tokens=None, image=None, flag=False, other=None):
        return {"image": self.conv(image) if flag else other, "tokens": [self.table(tokens)]}


@called_with((2, 3, 8, 8))
class Training(nn.Module):
    """Batch norm that counts and dropout, as they train."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm, self.drop = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.3)
        self.head, self.last = nn.Linear(36 * 4, 10), nn.BatchNorm1d(10)

    def forward(self, x):
        return self.last(self.head(self.drop(self.norm(self.conv(x))).flatten(1)))


@called_with((1, 3, 16, 16))
class Maps(nn.Module):
    """Transposed, dilated and wrapped convolutions, and maps of another size."""

    def __init__(self):
        super().__init__()
        self.up = nn.ConvTranspose2d(3, 4, 3, 2, 1, 1)
        self.wrapped = nn.Conv2d(4, 4, 3, padding="same", dilation=2, padding_mode="circular")
        self.norm = nn.GroupNorm(2, 4)

    def forward(self, x):
        x = self.norm(self.wrapped(self.up(x)))
        return F.pixel_shuffle(F.pad(F.interpolate(x, scale_factor=2, mode="bilinear"), (1, 1, 2, 0)), 2)


@called_with(((1, 3, 32), (1, 2, 4, 8, 8)))
class OtherAxes(nn.Module):
    """One axis of space, and three."""

    def __init__(self):
        super().__init__()
        self.line, self.back = nn.Conv1d(3, 4, 4, padding="same"), nn.ConvTranspose1d(4, 2, 3)
        self.norm = nn.InstanceNorm1d(4, affine=True)
        self.cube, self.pool = nn.Conv3d(2, 4, 3, groups=2), nn.AvgPool3d(2)

    def forward(self, line, cube):
        return self.back(self.norm(self.line(line))), self.pool(self.cube(cube))


@called_with((1, 16, 16, 8))
class Windows(nn.Module):
    """Shifted windows with a table of biases that is looked up by fixed places."""

    def __init__(self):
        super().__init__()
        self.qkv, self.table = nn.Linear(8, 24), nn.Parameter(torch.zeros(49, 2))
        self.register_buffer("places", torch.zeros(16 * 16, dtype=torch.int64))

    def forward(self, x):
        x = torch.roll(x, (-2, -2), (1, 2)).view(len(x), 4, 4, 4, 4, 8).permute(0, 1, 3, 2, 4, 5).reshape(-1, 16, 8)
        q, k, v = self.qkv(x).reshape(len(x), 16, 3, 2, 4).permute(2, 0, 3, 1, 4)
        bias = self.table[self.places].view(16, 16, -1).permute(2, 0, 1).unsqueeze(0)
        return ((q @ k.transpose(-2, -1) + bias).softmax(-1) @ v).transpose(1, 2).reshape(len(x), 16, 8)


@called_with((2, 3, 16, 16))
class ClassToken(nn.Module):
    """A learned token before those of two images."""

    def __init__(self):
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 4, 4)
        self.token, self.places = nn.Parameter(torch.zeros(1, 1, 8)), nn.Parameter(torch.zeros(1, 17, 8))
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat((self.token.expand(len(x), -1, -1), x), 1) + self.places
        return self.head(x[:, 0])


@called_with((1, 5, 8))
class Constants(nn.Module):
    """Numbers that are no buffers, what is kept between calls, and constants that are made on the way."""

    def __init__(self):
        super().__init__()
        self.places, self.linear, self.kept = torch.ones(5, 8), nn.Linear(8, 8), {}

    def forward(self, x):
        self.last = x
        self.kept["x"] = x
        mask = torch.tensor([True, False] * 4)
        chosen = mask.nonzero().flatten().to(x.device)
        scale = torch.arange(5).max().item()
        return self.linear(x + self.places.to(x.device))[..., chosen] * scale + torch.rand(1).item()


@called_with((1, 8))
class Gates(nn.Module):
    """Single learned numbers, and a submodule that is not used."""

    def __init__(self):
        super().__init__()
        self.gate, self.shift = nn.Parameter(torch.zeros(1)), nn.Parameter(torch.tensor(0.5))
        self.linear, self.unused = nn.Linear(8, 8), nn.Linear(3, 3)

    def forward(self, x):
        return x * self.gate + self.shift * self.linear(x)


class Depth(nn.Module):
    """A block that is left out at random, written by hand; `draw` gives a number between 0 and 1."""

    def __init__(self, draw=lambda: torch.rand(1)):
        super().__init__()
        self.draw, self.block = draw, nn.Linear(8, 8)

    def forward(self, x):
        if self.draw() < 0.5:
            return x * 2
        return x + self.block(x)


class Gated(nn.Module):
    """A block that is left out while a learned number, or what follows from it, is not positive."""

    def __init__(self):
        super().__init__()
        self.gate, self.block = nn.Parameter(torch.ones(1)), nn.Linear(8, 8)

    def forward(self, x):
        return self.block(x) if (self.gate * 2 - 1) > 0 else x * self.gate


@called_with((2, 3, 8, 8))
class FineTuned(nn.Module):
    """A frozen body, and a head that is trained."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 6, 3))
        self.head = nn.Linear(6, 2)
        self.body.requires_grad_(False)

    def forward(self, x):
        return self.head(self.body(x).mean((2, 3)))


@called_with((2, 8))
class Counting(nn.Module):
    """Counts its calls in every way there is, keeps what it saw, and watches itself from then on."""

    ever = 0

    def __init__(self):
        super().__init__()
        self.linear, self.calls, self.seen, self.last = nn.Linear(8, 8), 0, False, None
        self.stats = SimpleNamespace(calls=0, means=[])
        self.caches = {"by device": {}, "pair": ([], set())}
        self.mean = torch.zeros(8)

    def forward(self, x):
        Counting.ever += 1
        self.calls += 1
        self.seen, self.last = True, x
        self.stats.calls += 1
        self.stats.means.append(x.mean())
        self.mean = x.mean(0)
        angles = self.caches["by device"].setdefault(x.device, torch.arange(8, device=x.device))
        self.caches["pair"][0].append(x)
        self.caches["pair"][1].add(len(x))
        self.linear.register_forward_hook(lambda *_: None)
        self.linear.training = not self.linear.training
        return self.linear(x + angles)


class PackedSequences(nn.Module):
    """Sequences of several lengths."""

    def __init__(self, sort=False):
        super().__init__()
        self.sort, self.layer = sort, nn.LSTM(8, 6, 2, bidirectional=True, batch_first=True)

    def forward(self, x, lengths):
        packed = pack_padded_sequence(x, lengths.cpu(), batch_first=True, enforce_sorted=self.sort)
        return pad_packed_sequence(self.layer(packed)[0], batch_first=True)[0]


class Careful(nn.Module):
    """Refuses numbers that are not finite."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(8, 8)

    def forward(self, x):
        y = self.linear(x)
        if torch.isnan(y).any() or torch.isinf(y).any():
            raise ValueError("not a number")
        if not torch.isfinite(y).all():
            raise ValueError("not finite")
        return self.linear(y)


@called_with((1, 9))
class Offset(nn.Module):
    """Indices with arithmetic before they are looked up, of which nobody says that they are whole numbers."""

    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(50, 16)

    def forward(self, tokens):
        return self.table((tokens + 2) % 50)


@called_with((2, 1, 8, 8))
class Autoencoder(nn.Module):
    """Gives its losses."""

    def __init__(self):
        super().__init__()
        self.down, self.up = nn.Linear(64, 6), nn.Linear(3, 64)

    def forward(self, x):
        mean, spread = self.down(x.flatten(1)).chunk(2, 1)
        seen = self.up(mean + torch.randn_like(mean) * spread.exp()).sigmoid().view_as(x)
        return F.binary_cross_entropy(seen, x), F.mse_loss(seen, x, reduction="none"), F.l1_loss(seen, x)


@called_with((2, 3, 8, 8))
class ComplexFilter(nn.Module):
    """Learned complex numbers, beside what is computed."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(3, 8, 4, dtype=torch.cfloat))

    def forward(self, x):
        return torch.view_as_real(torch.view_as_complex(x.view(-1, 3, 8, 4, 2)) * self.weight)


def drawn_by_python() -> float:
    return random.random()
