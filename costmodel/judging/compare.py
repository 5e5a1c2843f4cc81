"""The two questions of the design loop, from Python: what if, and what differs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from costmodel import sources
from costmodel.edits.edit import Edit, Edited, edit
from costmodel.edits.lines import flow
from costmodel.edits.read_graph import edited_graph
from costmodel.graph import LayerGraph
from costmodel.judging.diff import Diff
from costmodel.judging.diff import compare as compare_tables
from costmodel.latency.whole import priced
from costmodel.pricing.memory.asked import Levels, Runtime, Training, levels_of
from costmodel.pricing.table import CostTable
from costmodel.sources import Question
from costmodel.spec import expand

if TYPE_CHECKING:
    from costmodel.latency.device import Device


@dataclass(frozen=True)
class WhatIf(Diff):
    """What edits of a spec change, with the edited spec."""

    edited: Edited


def whatif(
    arch: Question,
    *edits: str | Edit,
    batch: int | None = None,
    dtype: str | None = None,
    device: str | Device | None = None,
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
        dtype: of weights and activations; by default the device's, or else the network's own.
        device: whose latency is compared too, where one is named.
        memory: the runtime whose plan is compared, and
        training: how a step trains, where one is: as for `price`.
        parameters: new values of the spec's parameters.

    Raises:
        CostModelError: if an edit matches nothing, cannot be made or gives a network that does not fit.
    """
    source = sources.open(arch)
    how = _How(batch, dtype, device, levels_of(memory, training))
    if source.spec is None and not parameters:
        return _of_graph(source.graph, edits, how)
    spec = source.needed_spec()
    settings = [Edit("set", f"{name}={flow(value)}") for name, value in parameters.items()]
    edited = edit(spec, [*settings, *edits])
    tables = how.priced(expand(spec), batch), how.priced(edited.graph, batch)
    return WhatIf(*tables, compare_tables(*tables).rows, edited)


def _of_graph(graph: LayerGraph, edits: Sequence[str | Edit], how: _How) -> Diff:
    """Return what changes if a network that was read is edited; where its tensors were seen to lie counts on neither
    side, since nobody saw the other.
    """
    before, after = graph.remade(lambda layer: layer.op), edited_graph(graph, edits)
    return compare_tables(*(how.priced(one, how.batch) for one in (before, after)))


def diff(
    a: Question | CostTable,
    b: Question | CostTable,
    *,
    batch: int | None = None,
    dtype: str | None = None,
    device: str | Device | None = None,
    memory: str | Runtime | None = None,
    training: bool | str | Training | None = None,
) -> Diff:
    """Return what differs from `a` to `b`, layer by layer and in all: ``diff("resnet50", "resnet50_v1_5").frame``.

    Args:
        a: before: a name, a path (of an ONNX file too), ``git:REVISION:PATH``, a spec, a graph, or a cost table (taken
            as it was priced).
        b: after, the same.
        batch: images at once, and
        dtype: of weights and activations; by default the device's, or else each network's own.
        device: whose latency is compared too, where one is named.
        memory: and
        training: as for `price`.

    Raises:
        CostModelError: if there is no such architecture, or it is wrong.
    """
    how = _How(batch, dtype, device, levels_of(memory, training))
    return compare_tables(*(_table(one, how) for one in (a, b)))


def _table(one: Question | CostTable, how: _How) -> CostTable:
    if isinstance(one, CostTable):
        return one
    graph, images = sources.open(one).at_batch(how.batch)
    return how.priced(graph, images)


@dataclass(frozen=True)
class _How:
    """How both sides are priced."""

    batch: int | None
    dtype: str | None
    device: str | Device | None
    levels: Levels

    def priced(self, graph: LayerGraph, batch: int | None) -> CostTable:
        """Return the cost table of a network, with its time where there is a device."""
        return priced(graph, batch, self.dtype, self.found, self.levels)

    @cached_property
    def found(self) -> Device | None:
        """The device itself."""
        if self.device is None:
            return None
        from costmodel.latency.find import find_device

        return find_device(self.device)
