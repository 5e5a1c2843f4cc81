"""Chains of one kind of layer, which show what each kind costs without a network around it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from costmodel.graph import INPUT, LayerGraph
from costmodel.ops import OPERATORS, Operator
from costmodel.ops.activation import Relu
from costmodel.ops.conv import Conv
from costmodel.ops.linear import Linear
from costmodel.ops.merge import Add
from costmodel.ops.pool import MaxPool, MaxPoolIndices, MaxUnpool

LENGTH = 6
"""Layers in a chain: enough that what happens once a run is small beside them."""
MAPS = ((32, 112), (64, 56), (128, 28), (256, 28), (512, 14), (512, 7))
"""Channels and side of the maps that networks are made of."""
FEW_MAPS = ((64, 56), (128, 28))
RARE: dict[str, type[Operator]] = {
    name: op
    for name, op in OPERATORS.items()
    if (op.effort == "window" or (op.effort and op.fuses == "tail")) and "product" not in op.joins
}
"""Operators that cost more than what they move, and that no other kernel hides."""
UNPOOL = "max_unpool"


@dataclass(frozen=True)
class Chain:
    """A chain by its name, as ``conv3x3 64x56``."""

    name: str
    build: Callable[[], LayerGraph]


def chains() -> Iterator[Chain]:
    """Yield the micro-benchmarks, a few dozen."""
    for channels, side in MAPS:
        shape = f"{channels}x{side}"
        yield _conv(f"conv3x3 {shape}", channels, side, 3, 1)
        yield _conv(f"conv1x1 {shape}", channels, side, 1, 1)
        yield _conv(f"depthwise3x3 {shape}", channels, side, 3, channels)
        yield _conv(f"grouped3x3 {shape}", channels, side, 3, 8)
        yield _chain_of(f"max_pool {shape}", channels, side, lambda: MaxPool(kernel_size=3, stride=1, padding=1))
        yield _adds(f"add {shape}", channels, side)
    for channels, side in FEW_MAPS:
        for name, operator in RARE.items():
            yield _chain_of(f"{name} {channels}x{side}", channels, side, operator)
        yield _unpools(f"{UNPOOL} {channels}x{side}", channels, side)
    for features in (1024, 2048, 4096):
        yield _linear(f"linear {features}", features)


def is_rare(name: str) -> bool:
    """Say whether a chain is made of an operator that few networks have."""
    return name.split()[0] in {*RARE, UNPOOL}


def _conv(name: str, channels: int, side: int, kernel: int, groups: int) -> Chain:
    def layer() -> Operator:
        return Conv(out_channels=channels, kernel_size=kernel, padding=kernel // 2, groups=groups)

    return _chain_of(name, channels, side, layer, relu=True)


def _chain_of(name: str, channels: int, side: int, layer: Callable[[], Operator], relu: bool = False) -> Chain:
    def build() -> LayerGraph:
        graph, last = LayerGraph(name, (channels, side, side)), INPUT
        for step in range(LENGTH):
            last = graph.add(f"layer{step}", layer(), (last,)).path
            if relu:
                last = graph.add(f"relu{step}", Relu(), (last,)).path
        return graph

    return Chain(name, build)


def _adds(name: str, channels: int, side: int) -> Chain:
    def build() -> LayerGraph:
        graph, before, last = LayerGraph(name, (channels, side, side)), INPUT, INPUT
        for step in range(LENGTH):
            before, last = last, graph.add(f"layer{step}", Add(), (before, last)).path
        return graph

    return Chain(name, build)


def _unpools(name: str, channels: int, side: int) -> Chain:
    def build() -> LayerGraph:
        graph, last = LayerGraph(name, (channels, side, side)), INPUT
        for step in range(LENGTH // 2):
            places = graph.add(f"places{step}", MaxPoolIndices(kernel_size=2, stride=2), (last,)).path
            pooled = graph.add(f"pool{step}", MaxPool(kernel_size=2, stride=2), (last,)).path
            last = graph.add(f"layer{step}", MaxUnpool(kernel_size=2, stride=2), (pooled, places)).path
        return graph

    return Chain(name, build)


def _linear(name: str, features: int) -> Chain:
    def build() -> LayerGraph:
        graph, last = LayerGraph(name, (features,)), INPUT
        for step in range(LENGTH):
            last = graph.add(f"layer{step}", Linear(out_features=features), (last,)).path
            last = graph.add(f"relu{step}", Relu(), (last,)).path
        return graph

    return Chain(name, build)
