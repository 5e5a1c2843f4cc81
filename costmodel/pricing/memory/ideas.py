"""What would lower a peak of memory: each idea tried, with what it comes to."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

from costmodel.errors import CostModelError
from costmodel.graph import LayerGraph
from costmodel.pricing.memory import written
from costmodel.pricing.memory.asked import Levels, Training
from costmodel.pricing.memory.order import least
from costmodel.pricing.memory.planned import of_runtime, of_step
from costmodel.units import DTYPES

EVERY = "*"
MOST = 6
"""Ideas that are shown: those that save most."""


@dataclass(frozen=True)
class Idea:
    """One change, the bytes that the peak then has, the mult-adds that it computes again, and the order of layers that
    it means, where it is one.
    """

    change: str
    bytes: int
    again: int = 0
    order: tuple[str, ...] = ()


def ideas(graph: LayerGraph, batch: int, dtype: str, levels: Levels, now: int) -> list[Idea]:
    """Return what would lower the peak of a training step, of a runtime's plan, or as written: below `now` bytes, the
    most saving first.
    """
    if levels.training is not None:
        tried = _of_training(graph, batch, dtype, levels.training)
    else:
        tried = _of_inference(graph, batch, dtype, levels)
    return sorted((idea for idea in tried if idea.bytes < now), key=lambda idea: idea.bytes)[:MOST]


def _of_training(graph: LayerGraph, batch: int, dtype: str, training: Training) -> Iterator[Idea]:
    options = {
        "--amp": replace(training, amp=True),
        **{f"--checkpoint {shlex.quote(name)}": _again(training, name) for name in _blocks(graph)},
    }
    if training.optimizer.startswith("adam"):
        options["--optimizer momentum"] = replace(training, optimizer="momentum")
    for option, changed in options.items():
        if changed == training:
            continue
        with suppress(CostModelError):  # what cannot be had at this dtype is no idea
            plan = of_step(graph, batch, dtype, changed)
            yield Idea(option, plan.bytes, plan.parts.get("recomputed_mult_adds", 0))
    if batch > 1:
        yield Idea(f"--batch {batch // 2}", of_step(graph, batch // 2, dtype, training).bytes)


def _again(training: Training, name: str) -> Training:
    return replace(training, checkpoint=(*training.checkpoint, name))


def _blocks(graph: LayerGraph) -> list[str]:
    """Return the blocks of a network that hold several layers, and the pattern of all."""
    names = Counter(layer.path.partition(".")[0] for layer in graph.layers)
    return [EVERY, *(name for name, layers in names.items() if layers > 1)]


def _of_inference(graph: LayerGraph, batch: int, dtype: str, levels: Levels) -> Iterator[Idea]:
    def held(images: int, kind: str) -> int:
        runtime = levels.runtime
        return (of_runtime(graph, images, kind, runtime) if runtime else written.plan(graph, images, kind)).bytes

    if levels.runtime is None and not graph.lies:
        found = least(graph, batch, dtype)
        best = "" if found.exact else ", of those that were tried"
        yield Idea(f"the best order of layers{best}", found.bytes, order=found.paths)
    for narrow in ("float16", "int8"):
        if DTYPES[narrow] < DTYPES[dtype]:
            with suppress(CostModelError):
                yield Idea(f"--dtype {narrow}", held(batch, narrow))
    if batch > 1 and not graph.whole:
        yield Idea(f"--batch {batch // 2}", held(batch // 2, dtype))
