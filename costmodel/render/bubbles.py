"""Accuracy against operations, bubbles sized by params, every bubble labelled where there is room."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from costmodel.render.palette import PALETTE, name_text
from costmodel.units import short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.transforms import Bbox


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
    _label(figure, axes, bubbles, areas)
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


def _label(figure: Figure, axes: Axes, bubbles: Sequence[Bubble], areas: Sequence[float]) -> None:
    """Put each label at the nearest spot around its bubble that is free; lead a line to those further off."""
    figure.draw_without_rendering()
    scale = figure.dpi / 72
    centres = [axes.transData.transform((bubble.mult_adds, bubble.top1)) for bubble in bubbles]
    radii = [math.sqrt(area / math.pi) * scale for area in areas]
    circles = [(float(x), float(y), radius) for (x, y), radius in zip(centres, radii, strict=True)]
    legends = [child for child in axes.get_children() if type(child).__name__ == "Legend"]
    taken: list[Bbox] = [legend.get_window_extent() for legend in legends]
    inside = axes.get_window_extent()
    for index in sorted(range(len(bubbles)), key=lambda i: _crowd(circles, i), reverse=True):
        text = axes.text(0, 0, bubbles[index].label, fontsize=9)
        size = text.get_window_extent()
        text.remove()
        width, height = size.width + 4, size.height + 3
        spots = list(_spots(circles[index], width, height))
        x, y, away = next(
            (spot for spot in spots if _free(_box(*spot[:2], width, height), taken, circles, inside)), spots[0]
        )
        taken.append(_box(x, y, width, height))
        line = {"arrowstyle": "-", "color": "#777777", "lw": 0.7, "shrinkA": 0, "shrinkB": 0}
        axes.annotate(
            bubbles[index].label,
            (bubbles[index].mult_adds, bubbles[index].top1),
            xytext=((x - circles[index][0]) / scale, (y - circles[index][1]) / scale),
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=9,
            arrowprops=line if away > 8 * scale else None,
        )


def _crowd(circles: Sequence[tuple[float, float, float]], index: int) -> float:
    """Say how crowded a bubble's surroundings are: those with the least room choose first."""
    x, y, _ = circles[index]
    return sum(1 / (1 + math.hypot(x - a, y - b)) for a, b, _ in circles)


def _spots(circle: tuple[float, float, float], width: float, height: float) -> Iterator[tuple[float, float, float]]:
    """Yield places for a label's centre, nearest rings first, with the distance between label and bubble."""
    x, y, radius = circle
    for away in (2, 6, 12, 20, 30, 42, 56, 72, 90, 110, 140, 180):
        for step in range(24):
            angle = math.pi / 2 - step * math.pi / 12
            across, up = math.cos(angle), math.sin(angle)
            yield x + across * (radius + away + width / 2), y + up * (radius + away + height / 2), float(away)


def _touches(box: Bbox, circle: tuple[float, float, float]) -> bool:
    """Say whether a box and a bubble overlap."""
    x, y, radius = circle
    near_x, near_y = min(max(x, box.x0), box.x1), min(max(y, box.y0), box.y1)
    return math.hypot(x - near_x, y - near_y) < radius


def _box(x: float, y: float, width: float, height: float) -> Bbox:
    from matplotlib.transforms import Bbox

    return Bbox.from_bounds(x - width / 2, y - height / 2, width, height)


def _free(box: Bbox, taken: list[Bbox], circles: Sequence[tuple[float, float, float]], inside: Any) -> bool:
    """Say whether a box lies inside the axes and on nothing."""
    if any(_touches(box, circle) for circle in circles):
        return False
    within = inside.x0 <= box.x0 and box.x1 <= inside.x1 and inside.y0 <= box.y0 and box.y1 <= inside.y1
    return within and not any(box.overlaps(other) for other in taken)
