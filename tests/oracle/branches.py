"""What Inception-like networks are made of: convolutions with what follows them, and paths side by side."""

from __future__ import annotations

import torch
from torch import nn


class Branches(nn.Module):
    """Paths from one input, joined along the channels."""

    def __init__(self, *paths: nn.Module) -> None:
        super().__init__()
        self.paths = nn.ModuleList(paths)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([path(x) for path in self.paths], 1)


class Residual(nn.Module):
    """x + scale * body(x), or shortcut(x) in place of x."""

    def __init__(self, body: nn.Module, scale: float = 1.0, shortcut: nn.Module | None = None) -> None:
        super().__init__()
        self.body, self.scale, self.shortcut = body, scale, shortcut or nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.shortcut(x) + self.scale * self.body(x)


def conv_bn(
    inputs: int, outputs: int, kernel: int | tuple[int, int] = 1, stride: int = 1, pad: bool = True, bias: bool = False
) -> nn.Sequential:
    """Convolution (half padding, or none), batch norm, relu."""
    high, wide = kernel if isinstance(kernel, tuple) else (kernel, kernel)
    padding = (high // 2, wide // 2) if pad else 0
    conv = nn.Conv2d(inputs, outputs, (high, wide), stride, padding, bias=bias)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.ReLU())


def chain(inputs: int, *steps: tuple[object, ...]) -> nn.Sequential:
    """Several `conv_bn`, each step (outputs, kernel, stride, pad) reading the one before."""
    layers = []
    for outputs, *rest in steps:
        layers.append(conv_bn(inputs, outputs, *rest))  # type: ignore[arg-type]
        inputs = outputs  # type: ignore[assignment]
    return nn.Sequential(*layers)


def head(channels: int, classes: int = 1000) -> list[nn.Module]:
    """Global average pooling and a linear classifier."""
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes)]
