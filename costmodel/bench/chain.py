"""A micro-benchmark: layers of one kind in a row, or beside one another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from costmodel.graph import INPUT, LayerGraph
from costmodel.numbers.arithmetic import Shape
from costmodel.ops import Operator
from costmodel.ops.merge import Add

LENGTH = 6
"""Layers in a chain: enough that what happens once a run is small beside them."""

Make: TypeAlias = Callable[[], Operator]
"""Makes an operator, when the chain is built."""


@dataclass(frozen=True)
class Chain:
    """A chain by its name, as ``conv3x3 64x56``."""

    name: str
    build: Callable[[], LayerGraph]


def in_a_row(name: str, shape: Shape, *makes: Make, links: int = LENGTH) -> Chain:
    """Return a chain of links of some layers. Each reads the one before it, as often as its operator has inputs."""

    def build() -> LayerGraph:
        graph, last = LayerGraph(name, shape), INPUT
        for link in range(links):
            for place, make in enumerate(makes):
                op = make()
                last = graph.add(f"{op.name}{link}_{place}", op, (last,) * _inputs(op)).path
        return graph

    return Chain(name, build)


def beside(name: str, shape: Shape, make: Make, links: int = LENGTH) -> Chain:
    """Return layers that all read the input, for those that change its size; their results are added up."""

    def build() -> LayerGraph:
        graph, total = LayerGraph(name, shape), ""
        for link in range(links):
            made = graph.add(f"layer{link}", make(), (INPUT,)).path
            total = graph.add(f"add{link}", Add(), (total, made)).path if total else made
        return graph

    return Chain(name, build)


def _inputs(op: Operator) -> int:
    return op.inputs if isinstance(op.inputs, int) else op.inputs[0]
