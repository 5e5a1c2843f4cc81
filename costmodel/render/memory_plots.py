"""A picture of memory over time: where blocks lie in an arena, or what holds how much at each moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from costmodel.pricing.memory.plan import Block, Plan, over_time
from costmodel.pricing.table import CostTable
from costmodel.render.amounts import amount
from costmodel.render.memory import when
from costmodel.render.palette import PALETTE, lettering, name_text
from costmodel.units import short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

APART = 1 / 24
"""How far apart names of layers below the axis are at least, as a share of its length."""
LETTER = 1 / 150
"""How wide a letter within a box is, as a share of the picture's width."""
COLOURS = (*PALETTE[:6], "#8C564B", *PALETTE[7:], "#444444")
"""The palette with two more: a training step holds nine kinds of things."""


def memory_chart(table: CostTable, plan: Plan) -> Figure:
    """Draw what is held at each moment of a plan, stacked by what it is; of an arena, where each block lies."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 5.4), layout="constrained")
    axes = figure.add_subplot()
    packed = all(block.offset is not None for block in plan.blocks) and bool(plan.blocks)
    (_addresses if packed else _stacked)(axes, plan)
    axes.set_xlim(0, max(1, len(plan.moments)))
    axes.yaxis.set_major_formatter(lambda value, _: short(value, "B", 3))
    axes.set_ylabel("address" if packed else "held")
    _name_moments(axes, plan)
    axes.grid(axis="y", alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    said = f"{table.title}: {plan.level}, {amount(plan.bytes, 'B')}, batch {table.batch}, {table.dtype}"
    axes.set_title(lettering(said), loc="left")
    return figure


def _stacked(axes: Axes, plan: Plan) -> None:
    of_kind: dict[str, list[Block]] = {}
    for block in plan.blocks:
        of_kind.setdefault(block.what, []).append(block)
    heights = {kind: over_time(blocks, len(plan.moments)) for kind, blocks in of_kind.items()}
    kinds = sorted((kind for kind, held in heights.items() if any(held)), key=lambda kind: -min(heights[kind]))
    edges = [*range(len(plan.moments) + 1)]
    colours = [COLOURS[place % len(COLOURS)] for place in range(len(kinds))]
    if kinds:  # what is held throughout lies below
        stacks = [[*heights[kind], heights[kind][-1]] for kind in kinds]
        axes.stackplot(edges, stacks, labels=kinds, colors=colours, step="post", alpha=0.85)
    if len(kinds) > 1:
        axes.legend(fontsize=8, frameon=False, loc="upper left", reverse=True)
    _mark_peak(axes, plan)


def _mark_peak(axes: Axes, plan: Plan) -> None:
    """Point at the moment at which most is held."""
    if not plan.moments:
        return
    at, most = plan.peak, plan.held[plan.peak]
    name = name_text(when(plan.moments[at]))
    left = at < len(plan.moments) / 2
    axes.axvline(at + 0.5, color="#444444", linewidth=0.8, linestyle=":")
    axes.annotate(
        f"{amount(most, 'B')} while {name}" if name else amount(most, "B"),
        (at + 0.5, most),
        (6 if left else -6, 6),
        textcoords="offset points",
        ha="left" if left else "right",
        fontsize=8,
    )
    axes.margins(y=0.12)


def _addresses(axes: Axes, plan: Plan) -> None:
    """Draw each block as a box: as long as it is held, as high as it is large, where it lies."""
    from matplotlib.patches import Rectangle

    for place, block in enumerate(plan.blocks):
        width = block.last + 1 - block.first
        colour = PALETTE[place % (len(PALETTE) - 2)]
        box = Rectangle(
            (block.first, block.offset or 0), width, block.bytes, facecolor=colour, edgecolor="white", linewidth=0.6
        )
        box.set_alpha(0.65)
        axes.add_patch(box)
        name = name_text(block.path)
        if width > LETTER * len(name) * len(plan.moments) and block.bytes > plan.bytes / 24:
            middle = (block.first + width / 2, (block.offset or 0) + block.bytes / 2)
            axes.annotate(name, middle, ha="center", va="center", fontsize=7)
    axes.axhline(plan.bytes, color="#444444", linewidth=0.8, linestyle=":")
    axes.set_ylim(0, plan.bytes * 1.06 or 1)


def _name_moments(axes: Axes, plan: Plan) -> None:
    """Name some of the moments below the axis, at the layers where a block of the network begins."""
    starts = [
        index
        for index, moment in enumerate(plan.moments)
        if index == 0 or moment.path.split(".")[0] != plan.moments[index - 1].path.split(".")[0]
    ]
    shown: list[int] = []
    for index in starts:
        if not shown or index - shown[-1] >= APART * len(plan.moments):
            shown.append(index)
    axes.set_xticks(
        [index + 0.5 for index in shown],
        [name_text(plan.moments[index].path.split(".")[0] or plan.moments[index].phase) for index in shown],
        rotation=30,
        ha="right",
        fontsize=8,
    )
