"""The two questions of the design loop, from Python: what if, and what differs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from costmodel import sources
from costmodel.edits.edit import Edit, Edited, edit
from costmodel.edits.lines import flow
from costmodel.edits.read_graph import edited_graph
from costmodel.graph import LayerGraph
from costmodel.judging.diff import Diff
from costmodel.judging.diff import compare as compare_tables
from costmodel.pricing import price
from costmodel.pricing.memory.asked import Levels, Runtime, Training, levels_of
from costmodel.pricing.table import CostTable
from costmodel.sources import Question
from costmodel.spec import expand


@dataclass(frozen=True)
class WhatIf(Diff):
    """What edits of a spec change, with the edited spec."""

    edited: Edited


def whatif(
    arch: Question,
    *edits: str | Edit,
    batch: int | None = None,
    dtype: str | None = None,
    memory: str | Runtime | None = None,
    training: bool | str | Training | None = None,
    **parameters: Any,
) -> Diff:
    """Return what changes if a network is edited: ``whatif("vgg16", "move separable:conv*", resolution=192)``.

    Args:
        arch: what `read` takes; or what `load` takes and is no spec, such as a file or a network that was read of a
            module: its layers can be set, swapped and dropped.
        edits: as on the command line: ``"set ds4.repeat=4"``, ``"swap relu=hardswish"``, ``"drop ds5"``,
            ``"insert pool:drop={op: dropout}"``, ``"move separable:conv*"``; made in this order, after the parameters.
        batch: images at once, and
        dtype: of weights and activations; by default the network's own.
        memory: the runtime whose plan is compared, and
        training: how a step trains, where one is: as for `price`.
        parameters: new values of the spec's parameters.

    Raises:
        CostModelError: if an edit matches nothing, cannot be made or gives a network that does not fit.
    """
    source = sources.open(arch)
    levels = levels_of(memory, training)
    if source.spec is None and not parameters:
        return _of_graph(source.graph, edits, batch, dtype, levels)
    spec = source.needed_spec()
    settings = [Edit("set", f"{name}={flow(value)}") for name, value in parameters.items()]
    edited = edit(spec, [*settings, *edits])
    tables = _priced(expand(spec), batch, dtype, levels), _priced(edited.graph, batch, dtype, levels)
    return WhatIf(*tables, compare_tables(*tables).rows, edited)


def _of_graph(
    graph: LayerGraph, edits: Sequence[str | Edit], batch: int | None, dtype: str | None, levels: Levels
) -> Diff:
    """Return what changes if a network that was read is edited; where its tensors were seen to lie counts on neither
    side, since nobody saw the other.
    """
    before, after = graph.remade(lambda layer: layer.op), edited_graph(graph, edits)
    return compare_tables(*(_priced(one, batch, dtype, levels) for one in (before, after)))


def diff(
    a: Question | CostTable,
    b: Question | CostTable,
    *,
    batch: int | None = None,
    dtype: str | None = None,
    memory: str | Runtime | None = None,
    training: bool | str | Training | None = None,
) -> Diff:
    """Return what differs from `a` to `b`, layer by layer and in all: ``diff("resnet50", "resnet50_v1_5").frame``.

    Args:
        a: before: a name, a path (of an ONNX file too), ``git:REVISION:PATH``, a spec, a graph, or a cost table (taken
            as it was priced).
        b: after, the same.
        batch: images at once, and
        dtype: of weights and activations; by default each network's own.
        memory: and
        training: as for `price`.

    Raises:
        CostModelError: if there is no such architecture, or it is wrong.
    """
    levels = levels_of(memory, training)
    return compare_tables(*(_table(one, batch, dtype, levels) for one in (a, b)))


def _table(one: Question | CostTable, batch: int | None, dtype: str | None, levels: Levels) -> CostTable:
    if isinstance(one, CostTable):
        return one
    graph, images = sources.open(one).at_batch(batch)
    return _priced(graph, images, dtype, levels)


def _priced(graph: LayerGraph, batch: int | None, dtype: str | None, levels: Levels) -> CostTable:
    return price(graph, batch, dtype, training=levels.training or False, memory=levels.runtime)
