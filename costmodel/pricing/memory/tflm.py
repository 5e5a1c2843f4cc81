"""The arena of TensorFlow Lite Micro: where it lays the tensors between nodes, and what stands behind them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from costmodel.errors import CostModelError
from costmodel.graph import LayerGraph
from costmodel.pricing.memory.packing import largest_first
from costmodel.pricing.memory.plan import Block, Moment, Plan
from costmodel.pricing.memory.tflite import Lowered
from costmodel.units import DTYPES

LEVEL = "tflm"
TAKES = ("int8", "float32")
ALIGN = 16
"""Tensors begin at multiples of so many bytes."""
A_TENSOR, A_NODE, A_CHANNEL, AT_ALL = 24, 140, 8, 1010
"""Bytes of the arena's tail. A tensor's structure, and a multiplier and a shift of 32 bits a quantised channel, are
its own; what a node takes with its operator's data, and what is there in any case, are fitted to six models on 64 bits.
"""
FIT = "within 1 % of models that TensorFlow Lite Micro loaded on 64 bits (4 % of one of 8 kB); less on 32 bits"


def plan(graph: LayerGraph, batch: int, dtype: str) -> Plan:
    """Return the arena that TensorFlow Lite Micro needs with its reference kernels.

    Args:
        graph: the network, all sizes plain integers.
        batch: images at a time.
        dtype: int8 or float32.

    A moment is a node in the order of the layers. `bytes` is the arena's head: all tensors that are no constants, the
    network's inputs and outputs among them, and what kernels need besides, packed the largest first. `parts` are
    tail_bytes, a fit; whole_arena_bytes, both together; and flash_bytes, the constants: weights, biases of 32 bits
    where folded norms leave some too, and at int8 a float32 scale for each output channel of a product.

    Raises:
        CostModelError: for any other dtype: there are no kernels for it.
    """
    if dtype not in TAKES:
        raise CostModelError(f"TensorFlow Lite Micro computes at {' or '.join(TAKES)}, not at {dtype}")
    lowered = Lowered(graph, batch, DTYPES[dtype])
    held = list(_blocks(lowered))
    offsets = largest_first(held, ALIGN)
    blocks = tuple(replace(one, offset=offset) for one, offset in zip(held, offsets, strict=True))
    head = max((offset - (-one.bytes // ALIGN) * ALIGN for one, offset in zip(held, offsets, strict=True)), default=0)
    tail = _tail(lowered)
    return Plan(
        LEVEL,
        head,
        tuple(Moment(node.path) for node in lowered.nodes) or (Moment(""),),
        blocks,
        {"tail_bytes": tail, "whole_arena_bytes": head + tail, "flash_bytes": lowered.stored},
        _notes(lowered),
        bool(graph.unpriced or lowered.unknown),
    )


def _blocks(lowered: Lowered) -> Iterator[Block]:
    """Yield tensors in the order in which the file lists them, then what kernels need besides."""
    graph, nodes = lowered.graph, lowered.nodes
    end = max(len(nodes) - 1, 0)
    first = {node.writes: index for index, node in enumerate(nodes)}
    last = {name: first.get(name, 0) for name in lowered.sizes}
    last |= {name: index for index, node in enumerate(nodes) for name in node.reads}
    last |= {lowered.home[path]: end for path in graph.outputs if path in lowered.home}
    layers = {node.writes: node.path for node in nodes}
    for name, size in lowered.sizes.items():
        what = "input" if name in graph.inputs else "activations"
        yield Block(layers.get(name, name), size, first.get(name, 0), last[name], what)
    for index, node in enumerate(nodes):
        for size in node.scratch:
            yield Block(node.path, size, index, index, "scratch")


def _tail(lowered: Lowered) -> int:
    """Return the bytes of the arena's other end: structures, and what kernels keep from their preparation."""
    nodes = lowered.nodes
    tensors = len(lowered.sizes) + sum(node.constants for node in nodes)
    channels = sum(node.channels for node in nodes) if lowered.quantised else 0
    return A_TENSOR * tensors + A_NODE * len(nodes) + A_CHANNEL * channels + AT_ALL


def _notes(lowered: Lowered) -> tuple[str, ...]:
    """Say what a reader has to know."""
    notes = [
        f"the arena's tail is a fit, the whole arena {FIT}",
        "reference kernels: others may ask for buffers besides",
    ]
    if lowered.unknown:
        notes.append(f"no kernel in TensorFlow Lite Micro, each counted as one node: {', '.join(lowered.unknown)}")
    return tuple(notes)
