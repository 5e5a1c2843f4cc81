"""The memory of one training step, as a plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

from costmodel.errors import CostModelError
from costmodel.graph import Layer, LayerGraph
from costmodel.numbers.arithmetic import is_plain
from costmodel.ops.attention import Attention
from costmodel.ops.attention_kept import drops
from costmodel.ops.opaque import MOVES, Opaque
from costmodel.ops.recurrent import Recurrent
from costmodel.pricing.elements import own_cost
from costmodel.pricing.memory.asked import STEP, Training
from costmodel.pricing.memory.kept import trainable
from costmodel.pricing.memory.plan import Plan
from costmodel.pricing.memory.step import optimizers
from costmodel.pricing.memory.step.ledger import Ledger
from costmodel.pricing.memory.step.recurrent import registered
from costmodel.pricing.memory.step.segments import meant, segments
from costmodel.pricing.memory.step.types import WIDE, Types
from costmodel.pricing.memory.step.walk import GRADIENTS, TEMPORARY, Walk
from costmodel.pricing.memory.step.work import Work
from costmodel.pricing.memory.step.works import held_as_seen, returned, works
from costmodel.pricing.training import require_gradients

COUNTER = 8
"""Bytes of a whole number that PyTorch counts batches in."""
PARTS = (
    "weights",
    "buffers",
    "optimizer state",
    "input",
    "gradients",
    "saved",
    "activations",
    "gradients of activations",
    "temporaries",
)
"""What memory is held for."""
LOSS = "the loss is taken to be a cross-entropy of each output: it keeps one tensor of that size"
ALLOCATOR = "what the allocator of a GPU and the workspaces of its kernels add is not modelled"
MASKS = "masks of dropout are numbers, as PyTorch has them on a processor; on a GPU they take 1 byte each"
SCORES = (
    "attention that drops weights keeps its scores, what they are multiplied by and what comes of that, as PyTorch "
    "does on a processor; kernels of GPUs keep none of it"
)
RECOGNISED = "it is walked by the layers that were recognised in it, and not by the calls that PyTorch would make"
RESERVE = (
    "an LSTM keeps what its kernel on a processor lays out; a GPU's kernel lays out its own, and a tracker of tensors "
    "without numbers sees none of it"
)
STEPWISE = "under autocast a layer that goes step by step is known to some 20 % only"


def plan(graph: LayerGraph, batch: int, dtype: str, training: Training) -> Plan:
    """Return the memory of one training step of so many images, moment by moment: forward, backward, optimizer.

    `parts` are the bytes at the peak by what they are held for, which add up to it; with checkpoints also
    "recomputed_mult_adds", those of the layers that are computed again in the backward pass.

    Raises:
        CostModelError: if nothing can be trained at the dtype, autocast is asked for at another one than float32, sizes
            are open, or a pattern means no layer.
    """
    require_gradients(dtype)
    if training.amp and dtype != WIDE:
        raise CostModelError(f"autocast computes products of a {WIDE} network at bfloat16; this one is at {dtype}")
    if not all(is_plain(size) for layer in graph.layers for size in layer.shape):
        raise CostModelError(f"{graph.title}: a training step is walked at sizes that are numbers")
    if graph.ran is not None and training.keeps == "pytorch":
        graph = graph.ran()  # what eager PyTorch keeps follows from its calls, not from what they are recognised as
    frozen = meant(graph, training.freeze)
    types = Types(graph, batch, dtype, training.amp)

    def trains(layer: Layer) -> bool:
        return trainable(graph, layer) and (layer.shares or layer.path) not in frozen

    outputs = [path for path in graph.outputs if path not in graph.aside]
    wrapped = segments(graph, training.checkpoint)
    repeated = {n for first, last in wrapped for n in range(first, last + 1)}
    todo = returned(works(graph, types, training.amp, training.keeps, trains), outputs, repeated)
    if training.keeps == "pytorch" and not training.checkpoint:
        todo = held_as_seen(graph, todo)
    ledger = Ledger()
    arrays = _updated(graph, todo, training.keeps == "pytorch")
    _hold_throughout(ledger, graph, batch, types, training, list(arrays.values()))
    walk = Walk(
        ledger,
        todo,
        tuple(graph.inputs),
        outputs,
        _losses(outputs, todo, types),
        wrapped,
        training.accumulates,
    )
    if training.accumulates:
        for name, size in arrays.items():
            ledger.hold(("gradient", name), name.rpartition("/")[0], size, GRADIENTS)
    walk.run()
    ledger.begin("", "optimizer")
    ledger.spend("", optimizers.temporaries(training.optimizer, list(arrays.values()), training.foreach), TEMPORARY)
    parts = {}
    if training.checkpoint:
        again = [graph.layers[number] for number in walk.recomputed]
        parts["recomputed_mult_adds"] = _mult_adds(again, batch)
    return _plan(graph, ledger, parts, training.keeps, training.amp)


def _plan(graph: LayerGraph, ledger: Ledger, more: dict[str, int], keeps: str, amp: bool) -> Plan:
    found = Plan(STEP, 0, tuple(ledger.moments), ledger.close())
    held = dict.fromkeys(PARTS, 0)
    for block in found.alive(found.peak):
        held[block.what] += block.bytes
    notes = [LOSS, ALLOCATOR]
    if keeps == "pytorch" and any(layer.op.name == "dropout" for layer in graph.layers):
        notes.append(MASKS)
    attention = [layer.op for layer in graph.layers if isinstance(layer.op, Attention)]
    if keeps == "pytorch" and any(map(drops, attention)):
        notes.append(SCORES)
    if keeps == "pytorch" and graph.read and not graph.lies:
        notes.append(RECOGNISED)
    recurrent = [layer.op for layer in graph.layers if isinstance(layer.op, Recurrent)] if keeps == "pytorch" else []
    if any(op.by_kernel for op in recurrent):
        notes.append(RESERVE)
    if amp and not all(op.by_kernel for op in recurrent):
        notes.append(STEPWISE)
    opaque = [layer.op for layer in graph.layers if isinstance(layer.op, Opaque)]
    unknown = bool(graph.unpriced) or any(op.type not in MOVES for op in opaque)
    if unknown:
        notes.append("layers of unknown cost may keep more: this is a lower bound")
    return replace(found, bytes=found.held[found.peak], parts=held | more, notes=tuple(notes), lower_bound=unknown)


def _hold_throughout(
    ledger: Ledger, graph: LayerGraph, batch: int, types: Types, training: Training, sizes: Sequence[int]
) -> None:
    """Hold what is there during the whole step: weights, buffers, the optimizer's state and the input."""
    for name in graph.inputs:
        ledger.hold(("input", name), name, types.size(name), "input")
    for layer in graph.layers:
        ledger.hold(("weights", layer.path), layer.path, types.weights(layer), "weights")
        if layer.path not in graph.made:
            ledger.hold(("buffers", layer.path), layer.path, _buffers(layer, types), "buffers")
    trained, others = graph.idle
    ledger.hold("idle weights", "", trained, "weights")
    ledger.hold("idle buffers", "", others, "buffers")
    ledger.hold("state", "", optimizers.state(training.optimizer, sizes), "optimizer state")


def _updated(graph: LayerGraph, todo: Sequence[Work], apart: bool) -> dict[str, int]:
    """Return the trained arrays, each with its bytes, in the order in which an optimizer updates them.

    apart: whether the works of recurrent layers are those of their layers and directions.
    """
    arrays: dict[str, int] = {}
    for number, its in groupby(todo, key=lambda work: work.number):
        pairs = [pair for work in its for pair in work.arrays]
        arrays |= registered(pairs) if apart and isinstance(graph.layers[number].op, Recurrent) else dict(pairs)
    return arrays


def _buffers(layer: Layer, types: Types) -> int:
    """Return the bytes that a layer stores and does not train."""
    its = layer.op.buffers(*layer.input_shapes)
    if not its and not layer.beside:
        return 0
    counters = COUNTER * layer.op.counters if its and layer.shares is None else 0
    return types.stored(layer, int(own_cost(layer).buffers)) + counters


def _losses(outputs: Sequence[str], todo: Sequence[Work], types: Types) -> list[tuple[str, int, int]]:
    """Return the outputs that a loss is taken of, each with its bytes, and as many numbers at float32."""
    trained = {work.node for work in todo if work.active}
    return [(path, types.size(path), types.wide(path)) for path in outputs if path in trained]


def _mult_adds(layers: Sequence[Layer], batch: int) -> int:
    """Return the mult-adds of layers for a batch."""
    return sum(int(x.op.price(*x.input_shapes).mult_adds) * (batch if x.batched else 1) for x in layers)
