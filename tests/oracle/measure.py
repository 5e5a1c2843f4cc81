"""Count a PyTorch module by PyTorch's own means: `numel` for parameters, `FlopCounterMode` for what is multiplied."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode


def measure(build: Callable[[], nn.Module], *shape: int) -> tuple[int, int]:
    """Return (params, mult-adds for one image of `shape`) of the module that `build()` gives; no value is computed."""
    with torch.device("meta"), torch.no_grad():
        module = build().eval()
        counter = FlopCounterMode(display=False)
        with counter:
            module(torch.empty(1, *shape))
    flops = counter.get_total_flops()
    assert flops % 2 == 0
    return sum(p.numel() for p in module.parameters()), flops // 2
