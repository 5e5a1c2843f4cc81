"""What differs from one network to another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from costmodel.judging.compare import diff
from costmodel.judging.diff import Diff
from costmodel.render import diff as render
from costmodel.render.answer import Answer
from costmodel.sources import Question
from costmodel.tasks.request import OfMemory, found_device

TOP = 20
"""The largest changes, which people are shown."""


@dataclass(frozen=True)
class Request(OfMemory):
    """What differs from `a` to `b`: what `load` takes.

    batch, dtype: None is each network's own, or the device's dtype. device: whose latency is compared too. top: rows
    that are shown.
    """

    a: Question
    b: Question
    batch: int | None = None
    dtype: str | None = None
    device: str | None = None
    top: int | None = TOP


def answer(request: Request) -> Answer:
    """Return the comparison.

    Raises:
        CostModelError: if there is no such network, or it is wrong.
    """
    levels = request.levels()
    how: dict[str, Any] = {"memory": levels.runtime, "training": levels.training}
    device = found_device(request.device)
    found = diff(request.a, request.b, batch=request.batch, dtype=request.dtype, device=device, **how)
    named = isinstance(request.a, str) and isinstance(request.b, str)
    return of_diff(found, f"{request.a} -> {request.b}" if named else "", top=request.top)


def of_diff(
    diff: Diff,
    title: str = "",
    lines: Sequence[str] = (),
    top: int | None = TOP,
    more: Mapping[str, Any] | None = None,
) -> Answer:
    """Return a comparison that is there as an answer: CSV has every layer. `more` joins the JSON."""
    return Answer(
        lambda: render.page(diff, title, lines, top),
        lambda: diff.rows,
        lambda: {**render.as_dict(diff), **(more or {})},
        render.columns(diff),
    )
