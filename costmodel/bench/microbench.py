"""Chains of one kind of layer, which show what each kind costs without a network around it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from costmodel.bench.chain import LENGTH, Chain, in_a_row
from costmodel.bench.rare_chains import rare_chains
from costmodel.graph import INPUT, LayerGraph
from costmodel.ops.activation import Relu
from costmodel.ops.conv import Conv
from costmodel.ops.linear import Linear
from costmodel.ops.merge import Add
from costmodel.ops.pool import MaxPool

MAPS = ((32, 112), (64, 56), (128, 28), (256, 28), (512, 14), (512, 7))
"""Channels and side of the maps that networks are made of."""


def chains() -> Iterator[Chain]:
    """Yield the micro-benchmarks, somewhat more than a hundred: those of common layers first."""
    for channels, side in MAPS:
        shape = f"{channels}x{side}"
        yield _conv(f"conv3x3 {shape}", channels, side, 3, 1)
        yield _conv(f"conv1x1 {shape}", channels, side, 1, 1)
        yield _conv(f"depthwise3x3 {shape}", channels, side, 3, channels)
        yield _conv(f"grouped3x3 {shape}", channels, side, 3, 8)
        pool = partial(MaxPool, kernel_size=3, stride=1, padding=1)
        yield in_a_row(f"max_pool {shape}", (channels, side, side), pool)
        yield Chain(f"add {shape}", partial(_adds, f"add {shape}", channels, side))
    for features in (1024, 2048, 4096):
        yield in_a_row(f"linear {features}", (features,), partial(Linear, out_features=features), Relu)
    yield from rare_chains()


def is_rare(name: str) -> bool:
    """Say whether a chain is made of layers that few networks have."""
    return name in {chain.name for chain in rare_chains()}


def _conv(name: str, channels: int, side: int, kernel: int, groups: int) -> Chain:
    convolution = partial(Conv, out_channels=channels, kernel_size=kernel, padding=kernel // 2, groups=groups)
    return in_a_row(name, (channels, side, side), convolution, Relu)


def _adds(name: str, channels: int, side: int) -> LayerGraph:
    graph, before, last = LayerGraph(name, (channels, side, side)), INPUT, INPUT
    for step in range(LENGTH):
        before, last = last, graph.add(f"layer{step}", Add(), (before, last)).path
    return graph
