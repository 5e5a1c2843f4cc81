"""GoogLeNet, Inception and Inception-ResNet in PyTorch, from papers and releases, against the specs' totals."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from branches import Branches, Residual, chain, conv_bn, head
from measure import measure
from torch import nn

import costmodel as cm

GOOGLENET = [  # table 1: 1x1, 3x3 reduce, 3x3, 5x5 reduce, 5x5, pool proj
    [(64, 96, 128, 16, 32, 32), (128, 128, 192, 32, 96, 64)],
    [
        (192, 96, 208, 16, 48, 64),
        (160, 112, 224, 24, 64, 64),
        (128, 128, 256, 24, 64, 64),
        (112, 144, 288, 32, 64, 64),
        (256, 160, 320, 32, 128, 128),
    ],
    [(256, 160, 320, 32, 128, 128), (384, 192, 384, 48, 128, 128)],
]


def conv_relu(inputs: int, outputs: int, kernel: int = 1, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2), nn.ReLU())


class GoogLeNet(nn.Module):
    """Table 1; `unit` and `wide` are what torchvision changes. The heads read 4a and 4d."""

    def __init__(self, unit: Callable[..., nn.Sequential], wide: int, lrn: bool, pool4: int, heads: bool) -> None:
        super().__init__()
        norm = [nn.LocalResponseNorm(5)] if lrn else []
        self.stem = nn.Sequential(
            *(unit(3, 64, 7, 2), nn.MaxPool2d(3, 2, ceil_mode=True), *norm),
            *(unit(64, 64), unit(64, 192, 3), *norm, nn.MaxPool2d(3, 2, ceil_mode=True)),
        )
        self.modules_by_stage = nn.ModuleList()
        width = 192
        for stage in GOOGLENET:
            built = nn.ModuleList()
            for c1, r3, c3, r5, c5, proj in stage:
                pool = nn.Sequential(nn.MaxPool2d(3, 1, 1), unit(width, proj))
                three, five = (
                    nn.Sequential(unit(width, r3), unit(r3, c3, 3)),
                    nn.Sequential(unit(width, r5), unit(r5, c5, wide)),
                )
                built.append(Branches(unit(width, c1), three, five, pool))
                width = c1 + c3 + c5 + proj
            self.modules_by_stage.append(built)
        self.pools = nn.ModuleList(
            [nn.MaxPool2d(3, 2, ceil_mode=True), nn.MaxPool2d(pool4, 2, ceil_mode=True), nn.Identity()]
        )
        self.last = nn.Sequential(*head(width))
        self.heads = nn.ModuleDict({"0": self.head(unit, 512), "3": self.head(unit, 528)} if heads else {})

    @staticmethod
    def head(unit: Callable[..., nn.Sequential], width: int) -> nn.Module:
        return nn.Sequential(
            nn.AvgPool2d(5, 3),
            unit(width, 128),
            nn.Flatten(),
            nn.Linear(128 * 4 * 4, 1024),
            nn.ReLU(),
            nn.Linear(1024, 1000),
        )

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        x, outputs = self.stem(x), []
        for stage, (built, pool) in enumerate(zip(self.modules_by_stage, self.pools, strict=True)):
            for index, module in enumerate(built):  # type: ignore[arg-type]
                x = module(x)
                if stage == 1 and str(index) in self.heads:
                    outputs.append(self.heads[str(index)](x))
            x = pool(x)
        return [*outputs, self.last(x)]


def bn_inception() -> nn.Module:
    """The release's widths: 1x1, 3x3 reduce, 3x3, double reduce, double, projection (0 where the stride is 2)."""

    def unit(inputs: int, outputs: int, kernel: int = 1, stride: int = 1) -> nn.Sequential:
        return conv_bn(inputs, outputs, kernel, stride, bias=True)

    rows = [
        (64, 64, 64, 64, 96, 32), (64, 64, 96, 64, 96, 64), (0, 128, 160, 64, 96, 0),
        (224, 64, 96, 96, 128, 128), (192, 96, 128, 96, 128, 128), (160, 128, 160, 128, 160, 128),
        (96, 128, 192, 160, 192, 128), (0, 128, 192, 192, 256, 0),
        (352, 192, 320, 160, 224, 128), (352, 192, 320, 192, 224, 128),
    ]  # fmt: skip
    layers: list[nn.Module] = [
        unit(3, 64, 7, 2),
        nn.MaxPool2d(3, 2, ceil_mode=True),
        unit(64, 64),
        unit(64, 192, 3),
        nn.MaxPool2d(3, 2, ceil_mode=True),
    ]
    width = 192
    for c1, r3, c3, rd, d3, proj in rows:
        stride = 1 if c1 else 2
        paths: list[nn.Module] = [
            nn.Sequential(unit(width, r3), unit(r3, c3, 3, stride)),
            nn.Sequential(unit(width, rd), unit(rd, d3, 3), unit(d3, d3, 3, stride)),
        ]
        paths += (
            [unit(width, c1), nn.Sequential(nn.AvgPool2d(3, 1, 1), unit(width, proj))]
            if c1
            else [nn.MaxPool2d(3, 2, ceil_mode=True)]
        )
        layers.append(Branches(*paths))
        width = c1 + c3 + d3 + (proj or width)
    return nn.Sequential(*layers, *head(width))


def pooled(width: int, proj: int) -> nn.Module:
    return nn.Sequential(nn.AvgPool2d(3, 1, 1), conv_bn(width, proj))


def split(inputs: int, *outputs: int) -> nn.Module:
    """1x3 and 3x1 side by side."""
    return Branches(conv_bn(inputs, outputs[0], (1, 3)), conv_bn(inputs, outputs[-1], (3, 1)))


STEM_V3 = ((32, 3, 2, False), (32, 3, 1, False), (64, 3)), ((80,), (192, 3, 1, False))


def stem_v3() -> list[nn.Module]:
    first, second = STEM_V3
    return [chain(3, *first), nn.MaxPool2d(3, 2), chain(64, *second)]


def mixed5(width: int, proj: int, first: int = 64) -> nn.Module:
    return Branches(
        conv_bn(width, first), chain(width, (48,), (64, 5)), chain(width, (64,), (96, 3), (96, 3)), pooled(width, proj)
    )


class InceptionV3(nn.Module):
    """The released form, with its auxiliary head as an option."""

    def __init__(self, auxiliary: bool) -> None:
        super().__init__()
        a = [mixed5(192, 32), mixed5(256, 64), mixed5(288, 64)]
        down = Branches(
            conv_bn(288, 384, 3, 2, False), chain(288, (64,), (96, 3), (96, 3, 2, False)), nn.MaxPool2d(3, 2)
        )
        b = [
            Branches(
                conv_bn(768, 192),
                chain(768, (c,), (c, (1, 7)), (192, (7, 1))),
                chain(768, (c,), (c, (7, 1)), (c, (1, 7)), (c, (7, 1)), (192, (1, 7))),
                pooled(768, 192),
            )
            for c in (128, 160, 160, 192)
        ]
        down2 = Branches(
            chain(768, (192,), (320, 3, 2, False)),
            chain(768, (192,), (192, (1, 7)), (192, (7, 1)), (192, 3, 2, False)),
            nn.MaxPool2d(3, 2),
        )
        c = [
            Branches(
                conv_bn(width, 320),
                nn.Sequential(conv_bn(width, 384), split(384, 384)),
                nn.Sequential(chain(width, (448,), (384, 3)), split(384, 384)),
                pooled(width, 192),
            )
            for width in (1280, 2048)
        ]
        self.body = nn.Sequential(*stem_v3(), nn.MaxPool2d(3, 2), *a, down, *b)
        self.end = nn.Sequential(down2, *c, *head(2048))
        side = [
            nn.AvgPool2d(5, 3),
            conv_bn(768, 128),
            conv_bn(128, 768, 5, pad=False),
            nn.Flatten(),
            nn.Linear(768, 1000),
        ]
        self.side = nn.Sequential(*side) if auxiliary else nn.Identity()

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = self.body(x)
        return self.end(x), self.side(x)


def stem_v4() -> list[nn.Module]:
    long = chain(160, (64,), (64, (7, 1)), (64, (1, 7)), (96, 3, 1, False))
    return [
        chain(3, (32, 3, 2, False), (32, 3, 1, False), (64, 3)),
        Branches(nn.MaxPool2d(3, 2), conv_bn(64, 96, 3, 2, False)),
        Branches(chain(160, (64,), (96, 3, 1, False)), long),
        Branches(conv_bn(192, 192, 3, 2, False), nn.MaxPool2d(3, 2)),
    ]


def reduction_a(width: int, k: int, l: int, m: int, n: int) -> nn.Module:  # noqa: E741 - the paper's letters
    return Branches(nn.MaxPool2d(3, 2), conv_bn(width, n, 3, 2, False), chain(width, (k,), (l, 3), (m, 3, 2, False)))


def inception_v4() -> nn.Module:
    def a() -> nn.Module:
        return Branches(
            pooled(384, 96), conv_bn(384, 96), chain(384, (64,), (96, 3)), chain(384, (64,), (96, 3), (96, 3))
        )

    def b() -> nn.Module:
        short = chain(1024, (192,), (224, (1, 7)), (256, (7, 1)))
        long = chain(1024, (192,), (192, (7, 1)), (224, (1, 7)), (224, (7, 1)), (256, (1, 7)))
        return Branches(pooled(1024, 128), conv_bn(1024, 384), short, long)

    def c() -> nn.Module:
        short = nn.Sequential(conv_bn(1536, 384), split(384, 256))
        long = nn.Sequential(chain(1536, (384,), (448, (3, 1)), (512, (1, 3))), split(512, 256))
        return Branches(pooled(1536, 256), conv_bn(1536, 256), short, long)

    reduction_b = Branches(
        nn.MaxPool2d(3, 2),
        chain(1024, (192,), (192, 3, 2, False)),
        chain(1024, (256,), (256, (1, 7)), (320, (7, 1)), (320, 3, 2, False)),
    )
    blocks = [
        *(a() for _ in range(4)),
        reduction_a(384, 192, 224, 256, 384),
        *(b() for _ in range(7)),
        reduction_b,
        *(c() for _ in range(3)),
    ]
    return nn.Sequential(*stem_v4(), *blocks, *head(1536))


def residual(width: int, scale: float, *paths: nn.Module, joined: int, relu: bool = True) -> nn.Module:
    """Inception branches, a linear 1x1 back to `width`, scaled and added."""
    added = Residual(nn.Sequential(Branches(*paths), nn.Conv2d(joined, width, 1)), scale)
    return nn.Sequential(added, nn.ReLU()) if relu else added


def inception_resnet(
    stem: list[nn.Module],
    width: int,
    counts: tuple[int, int, int],
    klmn: tuple[int, ...],
    a: tuple[int, ...],
    b: tuple[int, ...],
    c: tuple[int, ...],
    r: tuple[int, ...],
) -> tuple[list[nn.Module], int]:
    """The layers up to the last C block, and their width. `a`, `b`, `c`, `r`: widths that differ in v1 and v2."""
    x, y, z = width, width + klmn[3] + klmn[2], 0
    layers = list(stem)
    for _ in range(counts[0]):
        layers.append(
            residual(
                x,
                0.17,
                conv_bn(x, 32),
                chain(x, (32,), (32, 3)),
                chain(x, (32,), (a[0], 3), (a[1], 3)),
                joined=64 + a[1],
            )
        )
    layers.append(reduction_a(x, *klmn))
    for _ in range(counts[1]):
        layers.append(
            residual(y, 0.1, conv_bn(y, b[0]), chain(y, (b[1],), (b[2], (1, 7)), (b[3], (7, 1))), joined=b[0] + b[3])
        )
    ends = [
        chain(y, (256,), (384, 3, 2, False)),
        chain(y, (256,), (r[0], 3, 2, False)),
        chain(y, (256,), (r[1], 3), (r[2], 3, 2, False)),
    ]
    layers.append(Branches(nn.MaxPool2d(3, 2), *ends))
    z = y + 384 + r[0] + r[2]
    for _ in range(counts[2]):
        layers.append(block_c(z, c))
    return layers, z


def block_c(width: int, c: tuple[int, ...], relu: bool = True) -> nn.Module:
    return residual(
        width,
        0.2,
        conv_bn(width, 192),
        chain(width, (192,), (c[0], (1, 3)), (c[1], (3, 1))),
        joined=192 + c[1],
        relu=relu,
    )


def inception_resnet_v1(facenet: bool = False) -> nn.Module:
    stem = [*stem_v3(), conv_bn(192, 256, 3, 2, False)]
    layers, width = inception_resnet(
        stem, 256, (5, 10, 5), (192, 192, 256, 384), (32, 32), (128, 128, 128, 128), (192, 192), (256, 256, 256)
    )
    if not facenet:
        return nn.Sequential(*layers, *head(width))
    features = [nn.Linear(width, 512, bias=False), nn.BatchNorm1d(512), nn.Linear(512, 1000)]
    return nn.Sequential(
        *layers, block_c(width, (192, 192), relu=False), nn.AdaptiveAvgPool2d(1), nn.Flatten(), *features
    )


V2 = {"klmn": (256, 256, 384, 384), "a": (48, 64), "b": (192, 128, 160, 192), "c": (224, 256), "r": (288, 288, 320)}


def inception_resnet_v2() -> nn.Module:
    stem = [*stem_v3(), nn.MaxPool2d(3, 2), mixed5(192, 64, first=96)]
    layers, width = inception_resnet(stem, 320, (10, 20, 9), **V2)
    return nn.Sequential(*layers, block_c(width, V2["c"], relu=False), conv_bn(width, 1536), *head(1536))


def inception_resnet_v2_paper() -> nn.Module:
    layers, width = inception_resnet(stem_v4(), 384, (5, 10, 5), **V2)
    return nn.Sequential(*layers, *head(width))


NETWORKS: dict[str, tuple[Callable[[], nn.Module], int]] = {
    "googlenet": (lambda: GoogLeNet(conv_relu, 5, True, 3, False), 224),
    "googlenet_aux": (lambda: GoogLeNet(conv_relu, 5, True, 3, True), 224),
    "googlenet_bn": (lambda: GoogLeNet(conv_bn, 3, False, 2, False), 224),
    "googlenet_bn_aux": (lambda: GoogLeNet(conv_bn, 3, False, 2, True), 224),
    "bn_inception": (bn_inception, 224),
    "inception_v3": (lambda: InceptionV3(False), 299),
    "inception_v3_aux": (lambda: InceptionV3(True), 299),
    "inception_v4": (inception_v4, 299),
    "inception_resnet_v1": (inception_resnet_v1, 299),
    "inception_resnet_v2": (inception_resnet_v2, 299),
    "inception_resnet_v2_paper": (inception_resnet_v2_paper, 299),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_totals_are_those_of_the_pytorch_build(name: str) -> None:
    build, side = NETWORKS[name]
    totals = cm.price(cm.load(name)).totals
    assert (totals.params, totals.mult_adds) == measure(build, 3, side, side)


def test_the_quoted_size_of_inception_resnet_v1_is_the_face_release() -> None:
    """osmr/imgclsmob publishes 23,995,624 for it."""
    assert measure(lambda: inception_resnet_v1(facenet=True), 3, 299, 299)[0] == 23_995_624
