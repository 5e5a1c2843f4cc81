"""The two questions of the design loop, from Python: what if, and what differs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from costmodel import sources
from costmodel.edits.edit import Edit, Edited, edit
from costmodel.edits.lines import flow
from costmodel.judging.diff import Diff
from costmodel.judging.diff import compare as compare_tables
from costmodel.pricing import price
from costmodel.pricing.table import CostTable
from costmodel.sources import Question
from costmodel.spec import expand


@dataclass(frozen=True)
class WhatIf(Diff):
    """What edits of a spec change, with the edited spec."""

    edited: Edited


def whatif(arch: Question, *edits: str | Edit, batch: int = 1, dtype: str = "float32", **parameters: Any) -> WhatIf:
    """Return what changes if a spec is edited: ``whatif("vgg16", "move separable:conv*", resolution=192)``.

    Args:
        arch: what `read` takes.
        edits: as on the command line: ``"set ds4.repeat=4"``, ``"swap relu=hardswish"``, ``"drop ds5"``,
            ``"insert pool:drop={op: dropout}"``, ``"move separable:conv*"``; made in this order, after the parameters.
        batch: images at once.
        dtype: of weights and activations.
        parameters: new values of the spec's parameters.

    Raises:
        CostModelError: if an edit matches nothing, cannot be made or gives a network that does not fit.
    """
    spec = sources.open(arch).needed_spec()
    settings = [Edit("set", f"{name}={flow(value)}") for name, value in parameters.items()]
    edited = edit(spec, [*settings, *edits])
    tables = price(expand(spec), batch, dtype), price(edited.graph, batch, dtype)
    return WhatIf(*tables, compare_tables(*tables).rows, edited)


def diff(
    a: Question | CostTable,
    b: Question | CostTable,
    *,
    batch: int | None = None,
    dtype: str | None = None,
) -> Diff:
    """Return what differs from `a` to `b`, layer by layer and in all: ``diff("resnet50", "resnet50_v1_5").frame``.

    Args:
        a: before: a name, a path (of an ONNX file too), ``git:REVISION:PATH``, a spec, a graph, or a cost table (taken
            as it was priced).
        b: after, the same.
        batch: images at once, and
        dtype: of weights and activations; by default each network's own.

    Raises:
        CostModelError: if there is no such architecture, or it is wrong.
    """
    return compare_tables(*(_table(one, batch, dtype) for one in (a, b)))


def _table(one: Question | CostTable, batch: int | None, dtype: str | None) -> CostTable:
    if isinstance(one, CostTable):
        return one
    return price(sources.open(one).graph, batch, dtype)
