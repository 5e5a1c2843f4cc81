"""ResNets in PyTorch, from the papers' text, against the specs' totals."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from measure import measure
from torch import nn
from torch.nn import functional

import costmodel as cm


def conv(inputs: int, outputs: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)


def conv_bn(*args: int, **kwargs: int) -> nn.Sequential:
    layer = conv(*args, **kwargs)
    return nn.Sequential(layer, nn.BatchNorm2d(layer.out_channels))


class OptionA(nn.Module):
    """Every second pixel, new channels zero."""

    def __init__(self, extra: int, stride: int) -> None:
        super().__init__()
        self.extra, self.stride = extra, stride

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.extra))


class Residual(nn.Module):
    def __init__(self, body: nn.Module, shortcut: nn.Module | None) -> None:
        super().__init__()
        self.body, self.shortcut = body, shortcut or nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.body(x) + self.shortcut(x))


class ImageNetResNet(nn.Module):
    """Table 1 of arXiv:1512.03385; `base` and `groups` are ResNeXt's and the wide nets' middle width."""

    def __init__(
        self,
        counts: list[int],
        deep: bool,
        option: str = "B",
        stride_in_3x3: bool = False,
        base: int = 64,
        groups: int = 1,
    ) -> None:
        super().__init__()
        stages: list[nn.Module] = [conv_bn(3, 64, 7, 2), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
        seen = 64
        for stage, count in enumerate(counts):
            width = 64 << stage
            out = 4 * width if deep else width
            for block in range(count):
                stride = 2 if stage and not block else 1
                if deep:
                    middle = width * base // 64 * groups
                    first, second = (1, stride) if stride_in_3x3 else (stride, 1)
                    body = nn.Sequential(
                        conv_bn(seen, middle, 1, first),
                        nn.ReLU(),
                        conv_bn(middle, middle, 3, second, groups=groups),
                        nn.ReLU(),
                        conv_bn(middle, out),
                    )
                else:
                    body = nn.Sequential(conv_bn(seen, width, 3, stride), nn.ReLU(), conv_bn(width, width, 3))
                shortcut: nn.Module | None = None
                if seen != out:
                    shortcut = conv_bn(seen, out, 1, stride) if option == "B" else OptionA(out - seen, stride)
                stages.append(Residual(body, shortcut))
                seen = out
        self.net = nn.Sequential(*stages, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(seen, 1000))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.net(x)


class CifarNet(nn.Module):
    """Section 4.2: 3x3, then 2n layers of 16 channels at 32x32, of 32 at 16x16 and of 64 at 8x8."""

    def __init__(self, depth: int, residual: bool) -> None:
        super().__init__()
        layers: list[nn.Module] = [conv_bn(3, 16, 3), nn.ReLU()]
        seen = 16
        for width in (16, 32, 64):
            for _ in range((depth - 2) // 6):
                stride = width // seen
                body = nn.Sequential(conv_bn(seen, width, 3, stride), nn.ReLU(), conv_bn(width, width, 3))
                if residual:
                    layers.append(Residual(body, OptionA(width - seen, stride) if stride > 1 else None))
                else:
                    layers += [body, nn.ReLU()]
                seen = width
        self.net = nn.Sequential(*layers, nn.AvgPool2d(8), nn.Flatten(), nn.Linear(64, 10))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.net(x)


class PreActivation(nn.Module):
    """The bottleneck of arXiv:1603.05027, figure 1b; where it widens, the shortcut reads the activated input."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        middle = outputs // 4
        self.act = nn.Sequential(nn.BatchNorm2d(inputs), nn.ReLU())
        self.body = nn.Sequential(
            conv(inputs, middle, 1, stride),
            nn.BatchNorm2d(middle),
            nn.ReLU(),
            conv(middle, middle, 3),
            nn.BatchNorm2d(middle),
            nn.ReLU(),
            conv(middle, outputs),
        )
        self.shortcut = conv(inputs, outputs, 1, stride) if inputs != outputs else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        activated = self.act(x)
        return self.body(activated) + (self.shortcut(activated) if self.shortcut else x)


class PreActivationNet(nn.Module):
    def __init__(self, depth: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [conv(3, 16, 3)]
        seen = 16
        for outputs in (64, 128, 256):
            for block in range((depth - 2) // 9):
                layers.append(PreActivation(seen, outputs, 2 if outputs > 64 and not block else 1))
                seen = outputs
        tail = [nn.BatchNorm2d(seen), nn.ReLU(), nn.AvgPool2d(8), nn.Flatten(), nn.Linear(seen, 10)]
        self.net = nn.Sequential(*layers, *tail)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.net(x)


IMAGENET = {
    "resnet18": partial(ImageNetResNet, [2, 2, 2, 2], deep=False),
    "resnet18_a": partial(ImageNetResNet, [2, 2, 2, 2], deep=False, option="A"),
    "resnet34": partial(ImageNetResNet, [3, 4, 6, 3], deep=False),
    "resnet34_a": partial(ImageNetResNet, [3, 4, 6, 3], deep=False, option="A"),
    "resnet50": partial(ImageNetResNet, [3, 4, 6, 3], deep=True),
    "resnet101": partial(ImageNetResNet, [3, 4, 23, 3], deep=True),
    "resnet152": partial(ImageNetResNet, [3, 8, 36, 3], deep=True),
    "resnet50_v1_5": partial(ImageNetResNet, [3, 4, 6, 3], deep=True, stride_in_3x3=True),
    "resnet101_v1_5": partial(ImageNetResNet, [3, 4, 23, 3], deep=True, stride_in_3x3=True),
    "resnet152_v1_5": partial(ImageNetResNet, [3, 8, 36, 3], deep=True, stride_in_3x3=True),
    "resnext50_32x4d": partial(ImageNetResNet, [3, 4, 6, 3], deep=True, stride_in_3x3=True, base=4, groups=32),
    "resnext101_32x8d": partial(ImageNetResNet, [3, 4, 23, 3], deep=True, stride_in_3x3=True, base=8, groups=32),
    "wide_resnet50_2": partial(ImageNetResNet, [3, 4, 6, 3], deep=True, stride_in_3x3=True, base=128),
    "wide_resnet101_2": partial(ImageNetResNet, [3, 4, 23, 3], deep=True, stride_in_3x3=True, base=128),
}

CIFAR = (
    {f"resnet{depth}": partial(CifarNet, depth, True) for depth in (20, 32, 44, 56, 110, 1202)}
    | {f"plain{depth}": partial(CifarNet, depth, False) for depth in (20, 32, 44, 56, 110)}
    | {f"preresnet{depth}": partial(PreActivationNet, depth) for depth in (164, 1001)}
)


@pytest.mark.parametrize("name", IMAGENET)
def test_imagenet_net_costs_what_pytorch_counts(name: str) -> None:
    totals = cm.price(cm.load(name)).totals
    assert (totals.params, totals.mult_adds) == measure(IMAGENET[name], 3, 224, 224)


@pytest.mark.parametrize("name", ["resnet18_a", "resnet34", "resnet50", "resnet50_v1_5", "resnext50_32x4d"])
def test_a_size_that_halves_unevenly_costs_what_pytorch_counts(name: str) -> None:
    totals = cm.price(cm.load(name, resolution=97)).totals
    assert (totals.params, totals.mult_adds) == measure(IMAGENET[name], 3, 97, 97)


@pytest.mark.parametrize("name", CIFAR)
def test_cifar_net_costs_what_pytorch_counts(name: str) -> None:
    totals = cm.price(cm.load(name)).totals
    assert (totals.params, totals.mult_adds) == measure(CIFAR[name], 3, 32, 32)
