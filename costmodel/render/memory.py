"""What a report says of memory: the levels side by side, what is held over time, and what is alive at the peak."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from costmodel.pricing.memory.asked import STEP
from costmodel.pricing.memory.ideas import Idea
from costmodel.pricing.memory.plan import Block, Moment, Plan
from costmodel.pricing.memory.written import LEVEL
from costmodel.pricing.table import CostTable
from costmodel.render.amounts import amount, amounts
from costmodel.render.page import Column, Section
from costmodel.units import DTYPES

ROWS = 24
"""Rows that memory over time has at most."""
ALIVE = 8
"""Blocks at the peak that are named."""
MEANS = {
    LEVEL: "each output until its last reader",
    "fused": "kernels fused, results in place",
    "onnxruntime": "the block of ONNX Runtime",
    "tflm": "the head of TFLite Micro's arena",
    STEP: "a whole step of PyTorch",
}
"""What each level is, by the name of its plan."""


def sections(table: CostTable) -> list[Section]:
    """Return what a report shows of memory: every level that is known, and the last plan over time."""
    if not table.plans:
        return [_levels(table)]
    shown = table.plans[-1]
    return [_levels(table), _over_time(shown), _alive(shown)]


def lowered(found: Sequence[Idea], now: int, mult_adds: int) -> Section:
    """Return what would lower a peak that has `now` bytes, with what is computed again as a share of the mult-adds."""
    texts, unit = amounts([idea.bytes for idea in found], "B")
    columns = [
        Column("with", [idea.change for idea in found], left=True),
        Column("peak", texts, unit),
        Column("less", [f"{100 * (1 - idea.bytes / now):.1f}" for idea in found], "%"),
    ]
    if any(idea.again for idea in found):
        again = [f"{100 * idea.again / mult_adds:.0f}" if idea.again else "" for idea in found]
        columns.append(Column("computed again", again, "%", rank=1))
    return Section("What would lower it", columns)


def ideas_as_data(found: Sequence[Idea]) -> list[dict[str, Any]]:
    """Return ideas as plain data."""
    return [
        {"change": one.change, "bytes": one.bytes, "recomputed_mult_adds": one.again}
        | ({"order": list(one.order)} if one.order else {})
        for one in found
    ]


def _levels(table: CostTable) -> Section:
    totals = table.totals
    rows = [(LEVEL, totals.peak_live_bytes, totals.peak_layer or ""), ("fused", totals.peak_fused_bytes, "")]
    planned = [plan for plan in table.plans if plan.level != LEVEL]
    rows += [(plan.level, plan.bytes, when(plan.moments[plan.peak]) if plan.moments else "") for plan in planned]
    texts, unit = amounts([size for _, size, _ in rows], "B")
    columns = [
        Column("level", [level for level, *_ in rows], left=True),
        Column("memory", texts, unit),
        Column("", [], shares=_shares([size for _, size, _ in rows]), paint="warm", rank=4),
        Column("what it is", [MEANS.get(level, "") for level, *_ in rows], left=True, rank=1),
        Column("most while", [where for *_, where in rows], left=True, rank=2),
    ]
    weights = amount(table.totals.weight_bytes + table.totals.buffers * DTYPES[table.dtype], "B")
    notes = [f"{plan.level}: {note}" for plan in table.plans for note in plan.notes]
    apart = f"Weights and buffers, {weights}, are in none but a training step."
    return Section("Memory by level", columns, " ".join([apart, *(f"{note}." for note in notes)]))


def _shares(values: Sequence[int]) -> list[float]:
    most = max(values, default=0) or 1
    return [value / most for value in values]


def when(moment: Moment) -> str:
    """Say when something is: the layer, and the phase of a training step."""
    if not moment.path:
        return "the optimizer" if moment.phase == "optimizer" else f"the loss ({moment.phase})"
    return moment.path if moment.phase == "forward" else f"{moment.path} ({moment.phase})"


def spans(plan: Plan) -> Iterator[tuple[int, int]]:
    """Yield the first and last moment of at most `ROWS` spans of equal length."""
    count = len(plan.moments)
    rows = min(ROWS, count)
    for row in range(rows):
        yield row * count // rows, (row + 1) * count // rows - 1


def _over_time(plan: Plan) -> Section:
    """Return the most that is held in each span of moments, named by the moment at which that is."""
    most = [max(range(first, last + 1), key=plan.held.__getitem__) for first, last in spans(plan)]
    held = [plan.held[moment] for moment in most]
    columns = [
        Column("while", [when(plan.moments[moment]) for moment in most], left=True),
        Column("held", [amount(size, "B") for size in held]),
        Column("", [], shares=_shares(held), paint="warm", rank=1),
    ]
    merged = f"The most of each {-(-len(plan.moments) // max(1, len(most)))} or so of {len(plan.moments)} moments."
    return Section(f"Over time: {plan.level}", columns, merged if len(plan.moments) > len(most) else "")


def _alive(plan: Plan) -> Section:
    """Return what is held at the peak, the largest first."""
    blocks = list(plan.alive(plan.peak))
    shown, rest = blocks[:ALIVE], blocks[ALIVE:]
    sizes = [block.bytes for block in shown] + ([sum(block.bytes for block in rest)] if rest else [])
    texts, unit = amounts(sizes, "B")
    more = [f"and {len(rest)} more"] if rest else []
    columns = [
        Column("held at the peak", [_named(block) for block in shown] + more, left=True),
        Column("bytes", texts, unit),
        Column("what", [block.what for block in shown] + [""] * len(more), left=True),
    ]
    where = when(plan.moments[plan.peak]) if plan.moments else ""
    return Section(f"At the peak: {plan.level}, while {where} runs", columns)


def _named(block: Block) -> str:
    return block.path or block.what


def as_dict(plan: Plan) -> dict[str, Any]:
    """Return a plan as plain data: what is held at each moment, and each block at the peak."""
    peak = plan.moments[plan.peak] if plan.moments else Moment("")
    alive = [{"path": block.path, "what": block.what, "bytes": block.bytes} for block in plan.alive(plan.peak)]
    return {
        "level": plan.level,
        "bytes": plan.bytes,
        "lower_bound": plan.lower_bound,
        "parts": dict(plan.parts),
        "notes": list(plan.notes),
        "peak": {"path": peak.path, "phase": peak.phase, "held": alive},
        "timeline": [
            {"path": moment.path, "phase": moment.phase, "bytes": held}
            for moment, held in zip(plan.moments, plan.held, strict=True)
        ],
    }
