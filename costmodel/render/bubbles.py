"""Accuracy against operations, bubbles sized by params, every bubble labelled where there is room."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from costmodel.render.labels import Mark, label_marks
from costmodel.render.palette import PALETTE, name_text
from costmodel.units import short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


LARGEST = 2400
"""Area of the largest bubble, in square points."""


@dataclass(frozen=True)
class Bubble:
    """One network: its label, its family (a colour each), mult-adds, params, and top-1 accuracy in percent."""

    label: str
    family: str
    mult_adds: int
    params: int
    top1: float

    def __post_init__(self) -> None:
        for field in ("label", "family"):
            object.__setattr__(self, field, name_text(getattr(self, field)))


def bubble_chart(bubbles: Sequence[Bubble], title: str) -> Figure:
    """Draw top-1 against mult-adds (log axis), area in proportion to params."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 6.6), layout="constrained")
    axes = figure.add_subplot()
    colours = family_colours(bubbles)
    largest = max(bubble.params for bubble in bubbles)
    areas = [LARGEST * bubble.params / largest for bubble in bubbles]
    for bubble, area in zip(bubbles, areas, strict=True):
        axes.scatter(
            bubble.mult_adds,
            bubble.top1,
            s=area,
            color=colours[bubble.family],
            alpha=0.45,
            edgecolor=colours[bubble.family],
        )
        axes.scatter(bubble.mult_adds, bubble.top1, s=6, color=colours[bubble.family])
    axes.set_xscale("log")
    axes.margins(x=0.1, y=0.12)
    axes.set_xlabel("mult-adds of one image")
    axes.set_ylabel("reported ImageNet top-1 accuracy (%)")
    axes.xaxis.set_major_formatter(lambda value, _: short(value, digits=1))
    axes.set_title(title, loc="left")
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    _legend(axes, colours, largest)
    marks = [
        Mark(bubble.label, bubble.mult_adds, bubble.top1, area) for bubble, area in zip(bubbles, areas, strict=True)
    ]
    label_marks(figure, axes, marks)
    return figure


def dot_chart(bubbles: Sequence[Bubble], title: str) -> Figure:
    """Draw top-1 as one dot a network, best on top, with its value."""
    from matplotlib.figure import Figure

    ordered = sorted(bubbles, key=lambda bubble: bubble.top1)
    colours = family_colours(bubbles)
    figure = Figure(figsize=(9, 0.29 * len(ordered) + 1.1), layout="constrained")
    axes = figure.add_subplot()
    for height, bubble in enumerate(ordered):
        axes.scatter(bubble.top1, height, s=60, color=colours[bubble.family], zorder=3)
        axes.annotate(
            f"{bubble.top1:.1f}", (bubble.top1, height), (8, 0), textcoords="offset points", va="center", fontsize=8.5
        )
    axes.set_yticks(range(len(ordered)), [bubble.label for bubble in ordered])
    axes.set_ylim(-0.7, len(ordered) - 0.3)
    axes.set_xlabel("reported ImageNet top-1 accuracy (%)")
    axes.set_title(title, loc="left")
    axes.grid(axis="y", alpha=0.3)
    axes.margins(x=0.08)
    axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)
    return figure


def family_colours(bubbles: Iterable[Bubble]) -> dict[str, str]:
    """Give each family a colour, in the order in which they come."""
    families = dict.fromkeys(bubble.family for bubble in bubbles)
    return {family: PALETTE[index % len(PALETTE)] for index, family in enumerate(families)}


def _legend(axes: Axes, colours: dict[str, str], largest: int) -> None:
    """Explain the colours, and the sizes of bubbles by three round examples."""
    handles = [axes.scatter([], [], s=60, color=colour, alpha=0.6, label=name) for name, colour in colours.items()]
    axes.add_artist(axes.legend(handles=handles, loc="lower right", frameon=False, fontsize=9))
    sizes = [
        axes.scatter(
            [], [], s=LARGEST * params / largest, facecolor="none", edgecolor="#555555", label=short(params, digits=1)
        )
        for params in (10**6, 10**7, 10**8)
    ]
    axes.legend(
        handles=sizes,
        loc="upper left",
        frameon=False,
        fontsize=9,
        ncols=3,
        title="params",
        borderpad=1.4,
        handletextpad=1.4,
        columnspacing=2.5,
    )
