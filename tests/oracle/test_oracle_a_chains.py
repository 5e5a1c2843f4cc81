"""AlexNet, Network in Network, VGG and SqueezeNet in PyTorch, from their papers' tables, against the specs' totals."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from branches import Branches
from measure import measure
from torch import nn

import costmodel as cm


def classifier(features: int) -> list[nn.Module]:
    return [nn.Flatten(), nn.Linear(features, 4096), nn.ReLU(), nn.Linear(4096, 4096), nn.ReLU(), nn.Linear(4096, 1000)]


def alexnet(widths: tuple[int, ...], groups: int, pad: int, lrn: bool) -> nn.Module:
    a, b, c, d, e = widths
    norm = [nn.LocalResponseNorm(5)] if lrn else []
    return nn.Sequential(
        *(nn.Conv2d(3, a, 11, 4, pad), nn.ReLU(), *norm, nn.MaxPool2d(3, 2)),
        *(nn.Conv2d(a, b, 5, padding=2, groups=groups), nn.ReLU(), *norm, nn.MaxPool2d(3, 2)),
        *(nn.Conv2d(b, c, 3, padding=1), nn.ReLU()),
        *(nn.Conv2d(c, d, 3, padding=1, groups=groups), nn.ReLU()),
        *(nn.Conv2d(d, e, 3, padding=1, groups=groups), nn.ReLU(), nn.MaxPool2d(3, 2)),
        *classifier(e * 6 * 6),
    )


def mlpconv(inputs: int, first: int, kernel: int, stride: int, padding: int, *widths: int) -> list[nn.Module]:
    layers: list[nn.Module] = [nn.Conv2d(inputs, first, kernel, stride, padding), nn.ReLU()]
    for before, after in zip((first, *widths), widths, strict=False):
        layers += [nn.Conv2d(before, after, 1), nn.ReLU()]
    return layers


def nin() -> nn.Module:
    def pool() -> nn.Module:
        return nn.MaxPool2d(3, 2, ceil_mode=True)

    return nn.Sequential(
        *(*mlpconv(3, 96, 11, 4, 0, 96, 96), pool()),
        *(*mlpconv(96, 256, 5, 1, 2, 256, 256), pool()),
        *(*mlpconv(256, 384, 3, 1, 1, 384, 384), pool()),
        *(*mlpconv(384, 1024, 3, 1, 1, 1024, 1000), nn.AdaptiveAvgPool2d(1)),
    )


def nin_cifar(classes: int) -> nn.Module:
    return nn.Sequential(
        *(*mlpconv(3, 192, 5, 1, 2, 160, 96), nn.MaxPool2d(3, 2, 1)),
        *(*mlpconv(96, 192, 5, 1, 2, 192, 192), nn.AvgPool2d(3, 2, 1)),
        *(*mlpconv(192, 192, 3, 1, 1, 192, classes), nn.AvgPool2d(8)),
    )


VGG = {  # table 1, column by column: widths, 'M' for pooling, 'L' for LRN, a negative width for 1x1
    "vgg11": "64 M 128 M 256 256 M 512 512 M 512 512 M",
    "vgg11_lrn": "64 L M 128 M 256 256 M 512 512 M 512 512 M",
    "vgg13": "64 64 M 128 128 M 256 256 M 512 512 M 512 512 M",
    "vgg16_c": "64 64 M 128 128 M 256 256 -256 M 512 512 -512 M 512 512 -512 M",
    "vgg16": "64 64 M 128 128 M 256 256 256 M 512 512 512 M 512 512 512 M",
    "vgg19": "64 64 M 128 128 M 256 256 256 256 M 512 512 512 512 M 512 512 512 512 M",
}


def vgg(column: str, bn: bool = False) -> nn.Module:
    layers: list[nn.Module] = []
    inputs = 3
    for entry in column.split():
        if entry == "M":
            layers.append(nn.MaxPool2d(2))
        elif entry == "L":
            layers.append(nn.LocalResponseNorm(5))
        else:
            width = abs(int(entry))
            conv = nn.Conv2d(inputs, width, 1) if entry.startswith("-") else nn.Conv2d(inputs, width, 3, padding=1)
            layers += [conv, nn.BatchNorm2d(width), nn.ReLU()] if bn else [conv, nn.ReLU()]
            inputs = width
    return nn.Sequential(*layers, *classifier(512 * 7 * 7))


def fire(inputs: int, squeeze: int, expand: int) -> nn.Module:
    wide = Branches(nn.Conv2d(squeeze, expand, 1), nn.Conv2d(squeeze, expand, 3, padding=1))
    return nn.Sequential(nn.Conv2d(inputs, squeeze, 1), nn.ReLU(), wide, nn.ReLU())


def squeezenet(first: nn.Module, width: int, pools_after: tuple[int, int]) -> nn.Module:
    rows = [(16, 64), (16, 64), (32, 128), (32, 128), (48, 192), (48, 192), (64, 256), (64, 256)]
    layers: list[nn.Module] = [first, nn.ReLU(), nn.MaxPool2d(3, 2, ceil_mode=True)]
    for number, (squeeze, expand) in enumerate(rows, start=2):
        layers.append(fire(width, squeeze, expand))
        width = 2 * expand
        if number in pools_after:
            layers.append(nn.MaxPool2d(3, 2, ceil_mode=True))
    return nn.Sequential(*layers, nn.Conv2d(width, 1000, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1))


def alexnet_bn() -> nn.Module:
    """The Torch release's alexnetowtbn: one batch norm after every layer but the classifier."""
    layers: list[nn.Module] = []
    for layer in alexnet((64, 192, 384, 256, 256), 1, 2, False).children():
        layers.append(layer)
        if isinstance(layer, nn.Conv2d):
            layers.append(nn.BatchNorm2d(layer.out_channels))
        if isinstance(layer, nn.Linear) and layer.out_features == 4096:
            layers.append(nn.BatchNorm1d(4096))
    return nn.Sequential(*layers)


def nin_bn() -> nn.Module:
    """The Torch release's ninbn."""
    layers: list[nn.Module] = []
    inputs = 3
    for width, kernel, stride, padding in [(96, 11, 4, 5), (256, 5, 1, 2), (384, 3, 1, 1), (1024, 3, 1, 1)]:
        for layer in mlpconv(inputs, width, kernel, stride, padding, width, width):
            layers += [layer, nn.BatchNorm2d(width)] if isinstance(layer, nn.Conv2d) else [layer]
        layers.append(nn.AvgPool2d(7) if width == 1024 else nn.MaxPool2d(3, 2, 1))
        inputs = width
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(1024, 1000))


NETWORKS: dict[str, tuple[Callable[[], nn.Module], int]] = {
    "alexnet": (lambda: alexnet((96, 256, 384, 384, 256), 2, 0, True), 227),
    "alexnet_ungrouped": (lambda: alexnet((96, 256, 384, 384, 256), 1, 0, True), 227),
    "alexnet_owt": (lambda: alexnet((64, 192, 384, 256, 256), 1, 2, False), 224),
    "alexnet_bn": (alexnet_bn, 224),
    "nin": (nin, 224),
    "nin_bn": (nin_bn, 224),
    "nin_cifar10": (lambda: nin_cifar(10), 32),
    "nin_cifar100": (lambda: nin_cifar(100), 32),
    "squeezenet": (lambda: squeezenet(nn.Conv2d(3, 96, 7, 2), 96, (4, 8)), 224),
    "squeezenet1_1": (lambda: squeezenet(nn.Conv2d(3, 64, 3, 2), 64, (3, 5)), 224),
    "vgg": (lambda: vgg(VGG["vgg16"]), 224),
    **{name: (lambda column=column: vgg(column), 224) for name, column in VGG.items()},
    **{f"{name}_bn": (lambda name=name: vgg(VGG[name], bn=True), 224) for name in ("vgg11", "vgg13", "vgg16", "vgg19")},
}


@pytest.mark.parametrize("name", NETWORKS)
def test_totals_are_those_of_the_pytorch_build(name: str) -> None:
    build, side = NETWORKS[name]
    totals = cm.price(cm.load(name)).totals
    assert (totals.params, totals.mult_adds) == measure(build, 3, side, side)
