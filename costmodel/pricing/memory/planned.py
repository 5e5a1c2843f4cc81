"""The levels of memory that are asked for, planned: of one network, or of many one by one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from typing import Any

from costmodel.errors import CostModelError
from costmodel.graph import LayerGraph
from costmodel.measures import MEASURES, Measured, needed
from costmodel.numbers.arithmetic import Number, is_symbol
from costmodel.pricing.memory.asked import RUNTIMES, Levels, Runtime, Training
from costmodel.pricing.memory.plan import Plan
from costmodel.pricing.memory.points import at_each, shape_of

PLANNED = tuple(name for name, measure in MEASURES.items() if measure.needs in ("memory", "step"))
"""The measures that follow from plans."""


def of_runtime(graph: LayerGraph, batch: int, dtype: str, runtime: Runtime) -> Plan:
    """Return what a runtime plans for a network.

    Raises:
        CostModelError: if it cannot be known of this network or dtype.
    """
    if runtime.name == "tflm":
        from costmodel.pricing.memory import tflm

        return tflm.plan(graph, batch, dtype)
    from costmodel.pricing.memory import onnxruntime

    return onnxruntime.plan(graph, batch, dtype, runtime.lanes)


def of_step(graph: LayerGraph, batch: int, dtype: str, training: Training) -> Plan:
    """Return what a training step holds.

    Raises:
        CostModelError: if nothing can be trained at the dtype, or a pattern names no layer.
    """
    from costmodel.pricing.memory.step.plan import plan

    return plan(graph, batch, dtype, training)


def plans(graph: LayerGraph, batch: int, dtype: str, levels: Levels) -> Iterator[Plan]:
    """Yield the plan of each level that is asked for."""
    if levels.runtime is not None:
        yield of_runtime(graph, batch, dtype, levels.runtime)
    if levels.training is not None:
        yield replace(of_step(graph, batch, dtype, levels.training), about=levels.training.said)


def figures(plan: Plan) -> dict[str, int]:
    """Return the measures of a plan."""
    besides = {name: figure for name, figure in plan.parts.items() if name in PLANNED}
    if plan.level in RUNTIMES:
        return {Measured.arena_bytes.name: plan.bytes, **besides}
    return {Measured.step_peak_bytes.name: plan.bytes, Measured.recomputed_mult_adds.name: 0, **besides}


def planned(graph: LayerGraph, wanted: Collection[str], batch: Number, dtype: str, levels: Levels) -> dict[str, Number]:
    """Return the planned measures among `wanted`. Planners take plain numbers: sizes that are arrays are planned point
    by point.

    Raises:
        CostModelError: if one needs a runtime and none is named, or sizes are symbols.
    """
    levels = required(wanted, levels)
    return spread(graph, batch, lambda one, images: _figures(one, wanted, images, dtype, levels))


def required(wanted: Collection[str], levels: Levels) -> Levels:
    """Return the levels that `wanted` needs: those that are asked for, and a training step as it is by default.

    Raises:
        CostModelError: if one needs a runtime and none is named.
    """
    needs = needed(wanted)
    if "memory" in needs and levels.runtime is None:
        name = next(name for name in wanted if name in MEASURES and MEASURES[name].needs == "memory")
        raise CostModelError(f"{name} is a runtime's: add --memory {' or --memory '.join(RUNTIMES)}")
    runtime = levels.runtime if "memory" in needs else None
    return Levels(runtime, (levels.training or Training()) if "step" in needs else None)


def _figures(graph: LayerGraph, wanted: Collection[str], batch: int, dtype: str, levels: Levels) -> dict[str, int]:
    found: dict[str, int] = {}
    for plan in plans(graph, batch, dtype, levels):
        found |= figures(plan)
    for name in wanted:
        if name in PLANNED and name not in found:
            raise CostModelError(f"there is no {name} of {levels.runtime.name if levels.runtime else 'a step'}")
    return found


def spread(graph: LayerGraph, batch: Number, answer: Callable[[LayerGraph, int], dict[str, int]]) -> dict[str, Number]:
    """Return what is answered of a network, as arrays where its sizes or the batch are.

    Raises:
        CostModelError: if they are symbols.
    """
    sizes = [size for layer in graph.layers for size in layer.shape]
    if any(map(is_symbol, (batch, *sizes))):
        raise CostModelError("a plan of memory has no closed formula: it takes numbers; sweep prices many of them")
    shape = shape_of(graph, batch)
    if shape is None:
        return answer(graph, batch)
    return _gathered(list(at_each(graph, batch, shape, answer)), shape)


def _gathered(found: list[dict[str, int] | None], shape: tuple[int, ...]) -> dict[str, Any]:
    """Return answers as arrays of a shape; points that are no network have none, and hold 0."""
    import numpy as np

    from costmodel.numbers.exact import LIMIT

    names = next((one for one in found if one), {})
    if any(figure > LIMIT for one in found if one for figure in one.values()):
        raise CostModelError("at one of these points a plan passes 2**63 bytes; narrow the ranges")
    return {name: np.array([one[name] if one else 0 for one in found], "int64").reshape(shape) for name in names}
