"""Memory as the network is written: each tensor from the layer that writes it to its last reader."""

from __future__ import annotations

from dataclasses import replace

from costmodel.graph import NOTHING_SEEN, LayerGraph
from costmodel.numbers.arithmetic import product
from costmodel.pricing.elements import Widths
from costmodel.pricing.memory.liveness import lifetimes
from costmodel.pricing.memory.plan import Block, Moment, Plan, over_time
from costmodel.units import DTYPES

LEVEL = "as written"


def plan(graph: LayerGraph, batch: int, dtype: str | None) -> Plan:
    """Return what is alive while each layer runs, in the order written: `peak_live_bytes`, tensor by tensor."""
    widths = Widths(DTYPES[dtype or graph.dtype], dtype is not None)

    def size(path: str) -> int:
        tensor = graph.tensor(path)
        beyond = graph.lies[path].more if path in graph.lies else 0
        return int(widths.of(replace(tensor, shape=(product(tensor.shape) + beyond,)), batch))

    first = dict.fromkeys(graph.inputs, 0)
    blocks: list[Block] = []

    def held(path: str, last: int) -> Block:
        return Block(path, size(path), first[path], last, "input" if path in graph.inputs else "activations")

    for moment, (new, freed) in enumerate(alive := lifetimes(graph)):
        if new is not None:
            first[new] = moment
        blocks += [held(path, moment) for path in freed]
        path = graph.layers[moment].path
        if besides := graph.lies.get(path, NOTHING_SEEN).besides(batch):
            blocks.append(Block(path, besides, moment, moment, "within the kernel"))
    ended = {block.path for block in blocks}
    blocks += [held(path, len(alive.allocated) - 1) for path in first if path not in ended]
    moments = tuple(Moment(layer.path) for layer in graph.layers)
    most = max(over_time(blocks, len(moments)), default=0)
    return Plan(LEVEL, most, moments, tuple(blocks), lower_bound=bool(graph.unpriced))
