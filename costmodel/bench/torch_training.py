"""Training steps in eager PyTorch: any network as a module that trains, and the most memory that its step holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any, TypeAlias

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.distributed._tools.mem_tracker import MemTracker
from torch.nn import functional as F  # noqa: N812, PyTorch's own custom
from torch.utils.checkpoint import checkpoint

from costmodel.bench.torch_layers import KINDS, Arrays, Step, recurrent_module, run_recurrent, step_of
from costmodel.graph import Layer, LayerGraph
from costmodel.ops.base import axis_of
from costmodel.pricing.memory.asked import Training

Tensor: TypeAlias = Any


def training_step_of(layer: Layer, arrays: Arrays) -> Step:
    """Return the function that runs a layer as it is while the network trains: batch norm by the batch's statistics,
    with dropout.

    Raises:
        CostModelError: if PyTorch does not know the operator.
    """
    op: Any = layer.op
    if op.name == "dropout":
        return lambda x: F.dropout(x, op.rate, training=True)
    if op.name == "rrelu":
        return lambda x: F.rrelu(x, op.lower, op.upper, training=True)
    if op.name == "batch_norm":
        return _batch_norm(layer, arrays)
    return step_of(layer, arrays)


def _batch_norm(layer: Layer, arrays: Arrays) -> Step:
    op: Any = layer.op
    axis = 1 + axis_of(layer.input_shapes[0], op.axis)
    running, affine = ((arrays.get(a), arrays.get(b)) for a, b in (("mean", "variance"), ("weight", "bias")))

    def norm(x: Tensor) -> Tensor:
        flat = x if axis == 1 else x.flatten(0, axis - 1)
        out = F.batch_norm(flat, *running, *affine, training=True, eps=op.eps)
        return out if axis == 1 else out.unflatten(0, x.shape[:axis])

    return norm


class Network(nn.Module):  # type: ignore[misc]
    """A network that runs layer by layer, with parameters as the graph says which are trained. Numbers are not set.

    `segments` are the layers that torch.utils.checkpoint computes again, as (first, last) places in the network.
    """

    def __init__(self, graph: LayerGraph, segments: Sequence[tuple[int, int]] = ()) -> None:
        super().__init__()
        self.graph = graph
        self._arrays: dict[str, dict[str, Tensor]] = {}
        self._steps = [self._step(layer) for layer in graph.layers]
        self._last = {name: number for number, layer in enumerate(graph.layers) for name in layer.inputs}
        self._last |= dict.fromkeys(graph.outputs, len(graph))
        ends = dict(segments)
        self._parts: list[tuple[int, int]] = []
        number = 0
        while number < len(graph):
            self._parts.append((number, ends.get(number, number)))
            number = self._parts[-1][1] + 1
        self._checkpointed = set(segments)

    def _step(self, layer: Layer) -> Step:
        if layer.op.family != "recurrent":
            return training_step_of(layer, self._made(layer))
        module = recurrent_module(layer).requires_grad_(layer.trainable)
        self.add_module(layer.path.replace(".", "/"), module)
        return lambda x: run_recurrent(module.forward, x)

    def _made(self, layer: Layer) -> dict[str, Tensor]:
        """Return a layer's arrays, those of another where it shares them, each registered once."""
        if layer.shares is not None:
            return self._arrays[layer.shares]
        found = self._arrays[layer.path] = {}
        own = nn.Module()
        self.add_module(layer.path.replace(".", "/"), own)  # an optimizer goes from layer to layer
        for name, shape in layer.op.weights(*layer.input_shapes).items():
            found[name] = nn.Parameter(torch.zeros(shape), requires_grad=layer.trainable)
            own.register_parameter(name, found[name])
        kind = KINDS[layer.op.stored()[0] or "float"]
        for name, shape in layer.op.buffers(*layer.input_shapes).items():
            found[name] = torch.zeros(shape, dtype=kind)
            own.register_buffer(name, found[name])
        for n in range(layer.op.counters if layer.op.buffers(*layer.input_shapes) else 0):
            own.register_buffer(f"counter{n}", torch.zeros((), dtype=torch.int64))
        return found

    def forward(self, *given: Tensor) -> list[Tensor]:
        alive = dict(zip(self.graph.inputs, given, strict=True))
        for first, last in self._parts:
            read = [n for layer in self.graph.layers[first : last + 1] for n in layer.inputs if n in alive]
            names = list(dict.fromkeys(read))
            run = partial(self._run, names, first, last)
            if (first, last) in self._checkpointed:
                alive |= checkpoint(run, *[alive[name] for name in names], use_reentrant=False)
            else:
                alive |= run(*[alive[name] for name in names])
            for name in names:
                if self._last[name] <= last:
                    del alive[name]
        return [alive[path] for path in self.graph.outputs]

    def _run(self, names: Sequence[str], first: int, last: int, *given: Tensor) -> dict[str, Tensor]:
        """Run some layers on what they read of others; return what others read of them."""
        alive = dict(zip(names, given, strict=True))
        del given
        own = []
        for number in range(first, last + 1):
            layer = self.graph.layers[number]
            alive[layer.path] = self._steps[number](*[alive[name] for name in layer.inputs])
            own.append(layer.path)
            for name in [name for name in alive if self._last.get(name, 0) <= number]:
                del alive[name]
        return {path: alive[path] for path in own if path in alive}


def optimizer_of(training: Training, module: nn.Module) -> torch.optim.Optimizer:
    """Return the optimizer of a module's trained parameters that a question asks for."""
    trained = [parameter for parameter in module.parameters() if parameter.requires_grad]
    if training.optimizer in ("sgd", "momentum"):
        momentum = 0.9 * (training.optimizer == "momentum")
        return torch.optim.SGD(trained, 0.1, momentum=momentum, foreach=training.foreach)
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[training.optimizer]
    return kind(trained, foreach=training.foreach)


def loss_of(outputs: Sequence[Tensor], classes_last: bool = False) -> Tensor:
    """Return the sum of the cross-entropies of outputs, with a label for each row where the classes stand last, else
    one an image, whose classes are all its numbers.
    """
    losses = []
    for output in outputs:
        if output.requires_grad:
            scores = output.flatten(0, -2) if classes_last else output.flatten(1)
            losses.append(F.cross_entropy(scores, torch.zeros(len(scores), dtype=torch.long)))
    return sum(losses)


def train(
    module: nn.Module, optimizer: torch.optim.Optimizer, given: Sequence[Tensor], training: Training, last: bool = False
) -> None:
    """Do one step of training, without or under autocast; gradients stay where it `accumulates`.

    The tracker cannot watch a module that is called and holds something frozen: this one's `forward` is.
    """
    with torch.autocast("cpu", torch.bfloat16, enabled=training.amp):
        outputs = module.forward(*given)
        loss = loss_of(outputs if isinstance(outputs, list) else [outputs], last)
    loss.backward()
    optimizer.step()
    if not training.accumulates:
        optimizer.zero_grad()


def most_held(
    build: Callable[[], nn.Module],
    given: Callable[[], list[Tensor]],
    training: Training,
    last: bool = False,
    computed: bool = False,
) -> int:
    """Return the most bytes that are held in the second of two steps, as PyTorch's MemTracker sees it. Tensors have no
    numbers, so that nothing is computed: under FakeTensorMode. That does not know what an LSTM's kernel reserves, whose
    step has to be `computed`.
    """
    with nullcontext() if computed else FakeTensorMode():
        module, tensors = build(), given()
        optimizer = optimizer_of(training, module)
        tracker = MemTracker()
        tracker.track_external(module, optimizer, *tensors)
        with tracker:
            for second in (False, True):
                if second:
                    tracker.reset_mod_stats()
                train(module, optimizer, tensors, training, last)
        (peak,) = tracker.get_tracker_snapshot("peak").values()
    return int(peak["Total"])


def given_to(graph: LayerGraph, batch: int) -> list[Tensor]:
    """Return zeros that a network reads."""
    kinds = {None: torch.float32, "int64": torch.int64, "bool": torch.bool}
    return [torch.zeros(batch if x.batched else 1, *x.shape, dtype=kinds[x.dtype]) for x in graph.inputs.values()]
