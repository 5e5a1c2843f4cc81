"""The memory that ONNX Runtime plans for a network on a processor.

The network is written down as the nodes of the ONNX file that is made of it (`record`), changed as ONNX Runtime changes
it (`simplify`, `products`, `transposes`, `fuse`, `blocks`), put in its order (`nodes`), and given buffers (`buffers`)
that are packed into one block. Each step follows that runtime's own, so that the block is its own to the byte.
"""

from __future__ import annotations

from dataclasses import replace

from costmodel.errors import CostModelError
from costmodel.graph import LayerGraph
from costmodel.pricing.elements import Widths
from costmodel.pricing.memory.onnxruntime import blocks, fuse, products, simplify, transposes
from costmodel.pricing.memory.onnxruntime.buffers import buffers
from costmodel.pricing.memory.onnxruntime.nodes import Nodes
from costmodel.pricing.memory.onnxruntime.record import LOOP, UNKNOWN, record
from costmodel.pricing.memory.packing import best_fit
from costmodel.pricing.memory.plan import Block, Moment, Plan
from costmodel.units import DTYPES

LEVEL = "onnxruntime"
DTYPE = "float32"
ALIGN = 256
"""Sizes are rounded up to multiples of so many bytes."""


def plan(graph: LayerGraph, batch: int, dtype: str, lanes: int = 8) -> Plan:
    """Return the memory that ONNX Runtime 1.32 plans on a processor, beside weights and what its caller holds: the
    network's inputs and outputs.

    Args:
        graph: the network, all sizes plain integers.
        batch: images at a time.
        dtype: float32.
        lanes: channels in a block: 8 on processors with AVX2, 16 with AVX-512.

    A moment is a kernel in the order in which they run. `bytes` is the block that it lays out after the first run.

    Raises:
        CostModelError: for any other dtype: what ONNX Runtime makes of it is not known here.
    """
    if dtype != DTYPE:
        raise CostModelError(
            f"the memory that ONNX Runtime plans is known at {DTYPE}, not at {dtype}: "
            "on a processor it computes that by casts or by other kernels"
        )
    nodes = optimised(graph, batch, lanes)
    order = nodes.ordered()
    found = buffers(nodes, order, Widths(DTYPES[dtype], asked=True))
    held = [Block(nodes.made_by[one.value].path, one.bytes, one.first, one.last) for one in found]
    offsets = best_fit(held, ALIGN)
    ends = (offset - (-one.bytes // ALIGN) * ALIGN for one, offset in zip(held, offsets, strict=True))
    notes, opaque = _notes(nodes)
    return Plan(
        LEVEL,
        max(ends, default=0),
        tuple(Moment(node.path) for node in order),
        tuple(replace(one, offset=offset) for one, offset in zip(held, offsets, strict=True)),
        notes=notes,
        lower_bound=opaque or bool(graph.unpriced),
    )


def optimised(graph: LayerGraph, batch: int, lanes: int = 8) -> Nodes:
    """Return the nodes that ONNX Runtime runs for a network."""
    nodes = record(graph, batch)
    before = -1, -1
    while before != (before := (nodes.counter, len(nodes.by_index))):
        simplify.simplify(nodes)
        products.with_bias(nodes)
        products.join_reshapes(nodes)
        transposes.push(nodes)
    fuse.apart(nodes)
    fuse.activations(nodes, "Gemm", fuse.BEHIND_GEMM, "Gemm")
    fuse.activations(nodes, "Conv", fuse.BEHIND_CONV, "FusedConv")
    products.with_bias(nodes, all_of_them=True)
    fuse.splits(nodes)
    products.norms(nodes)
    fuse.gates(nodes)
    products.scaled(nodes)
    blocks.lay(nodes, lanes)
    fuse.sums(nodes)
    return nodes


def _notes(nodes: Nodes) -> tuple[tuple[str, ...], bool]:
    """Return what a reader has to know, and whether there are kernels that may need more."""
    notes = [
        "the block that ONNX Runtime lays out after its first run, which takes more; what the network reads and "
        "returns is the caller's, and not in it"
    ]
    kinds = {node.kind for node in nodes.by_index.values()}
    if UNKNOWN in kinds:
        notes.append("layers of unknown cost are taken as one kernel each, that needs nothing besides its result")
    if "QuantizeLinear" in kinds or "DequantizeLinear" in kinds:
        notes.append("kernels that ONNX Runtime would make of layers between int8 numbers are not known here")
    if LOOP in kinds:
        notes.append("what a loop over steps needs within it is not counted")
    return tuple(notes), not kinds.isdisjoint((UNKNOWN, LOOP))
