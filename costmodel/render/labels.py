"""Names beside the points of a picture: none on another, on a point or on a line, as far as there is room."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.transforms import Bbox

Circle: TypeAlias = tuple[float, float, float]
"""Centre and radius, in pixels."""
NEAR = 8
"""Points up to which a label needs no line to its mark."""


@dataclass(frozen=True)
class Mark:
    """What is to be named: its text, where it stands in data, its area in square points, and the text's colour; first:
    its label finds a place before those that are not.
    """

    text: str
    x: float
    y: float
    area: float = 0.0
    colour: str = "black"
    first: bool = False


def label_marks(
    figure: Figure,
    axes: Axes,
    marks: Sequence[Mark],
    around: Sequence[tuple[float, float]] = (),
    size: float = 9,
    backed: bool = False,
) -> None:
    """Put each label at the nearest spot around its mark that is free; lead a line to those further off.

    Args:
        figure: whose other parts stand already.
        axes: where the marks are.
        marks: what is to be named.
        around: further points, in data, that labels keep off: those of lines.
        size: of the letters, in points.
        backed: lay something white between the letters and what they may stand on.
    """
    back = {"boxstyle": "square,pad=0.1", "facecolor": "white", "edgecolor": "none", "alpha": 0.85} if backed else None
    figure.draw_without_rendering()
    scale = figure.dpi / 72
    places = axes.transData.transform([(mark.x, mark.y) for mark in marks])
    circles = [
        (float(x), float(y), math.sqrt(mark.area / math.pi) * scale) for (x, y), mark in zip(places, marks, strict=True)
    ]
    lines = [(float(x), float(y), 2 * scale) for x, y in axes.transData.transform(around)] if around else []
    legends = [child for child in axes.get_children() if type(child).__name__ == "Legend"]
    taken: list[Bbox] = [legend.get_window_extent() for legend in legends]
    inside = axes.get_window_extent()
    for index in sorted(range(len(marks)), key=lambda i: (marks[i].first, _crowd(circles, i)), reverse=True):
        text = axes.text(0, 0, marks[index].text, fontsize=size)
        extent = text.get_window_extent()
        text.remove()
        width, height = extent.width + 4, extent.height + 3
        spots = list(_spots(circles[index], width, height))
        good = (  # where there is no room beside lines, a label stands on one, or its leader crosses another
            spot
            for keep_off, crosses in (([*circles, *lines], False), (circles, False), (circles, True))
            for spot in spots
            if _free(_box(*spot[:2], width, height), taken, keep_off, inside)
            and (
                crosses
                or not any(_touches(box, point) for box in taken for point in _leader(circles[index], spot, scale))
            )
        )
        x, y, away = next(good, spots[0])
        lines += _leader(circles[index], (x, y, away), scale)
        taken.append(_box(x, y, width, height))
        line = {"arrowstyle": "-", "color": "#777777", "lw": 0.7, "shrinkA": 0, "shrinkB": 0}
        axes.annotate(
            marks[index].text,
            (marks[index].x, marks[index].y),
            xytext=((x - circles[index][0]) / scale, (y - circles[index][1]) / scale),
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=size,
            color=marks[index].colour,
            arrowprops=line if away > NEAR * scale else None,
            bbox=back,
        )


def label_ends(axes: Axes, ends: Sequence[tuple[float, float, str, str]]) -> None:
    """Write the name (third) of each line in its colour (fourth) at its end, apart from one another."""
    last = float("-inf")
    low, high = axes.get_ylim()
    room = math.log(high / low) / 26
    for x, height, name, colour in sorted((end for end in ends if end[1] > 0), key=lambda end: end[1]):
        at = max(math.log(height), last + room)
        last = at
        axes.annotate(
            name, (x, height), (1.1 * x, math.exp(at)), textcoords="data", color=colour, fontsize=8, va="center"
        )
    if ends:
        first, latest = axes.get_xlim()[0], max(x for x, *_ in ends)
        axes.set_xlim(right=latest * (latest / first) ** 0.3)  # room for the names


def _leader(mark: Circle, spot: Circle, scale: float) -> list[Circle]:
    """Return points of the line that leads from a mark to its label, none where the label stands near."""
    (x, y, _), (to_x, to_y, away) = mark, spot
    if away <= NEAR * scale:
        return []
    steps = 24
    return [(x + (to_x - x) * n / steps, y + (to_y - y) * n / steps, scale) for n in range(1, steps)]


def _crowd(circles: Sequence[Circle], index: int) -> float:
    """Say how crowded a mark's surroundings are: those with the least room choose first."""
    x, y, _ = circles[index]
    return sum(1 / (1 + math.hypot(x - a, y - b)) for a, b, _ in circles)


def _spots(circle: Circle, width: float, height: float) -> Iterator[Circle]:
    """Yield places for a label's centre, nearest rings first, with the distance between label and mark."""
    x, y, radius = circle
    for away in (2, 6, 12, 20, 30, 42, 56, 72, 90, 110, 140, 180):
        for step in range(24):
            angle = math.pi / 2 - step * math.pi / 12
            across, up = math.cos(angle), math.sin(angle)
            yield x + across * (radius + away + width / 2), y + up * (radius + away + height / 2), float(away)


def _touches(box: Bbox, circle: Circle) -> bool:
    """Say whether a box and a mark overlap."""
    x, y, radius = circle
    near_x, near_y = min(max(x, box.x0), box.x1), min(max(y, box.y0), box.y1)
    return math.hypot(x - near_x, y - near_y) < radius


def _box(x: float, y: float, width: float, height: float) -> Bbox:
    from matplotlib.transforms import Bbox

    return Bbox.from_bounds(x - width / 2, y - height / 2, width, height)


def _free(box: Bbox, taken: list[Bbox], circles: Sequence[Circle], inside: Any) -> bool:
    """Say whether a box lies inside the axes and on nothing."""
    if any(_touches(box, circle) for circle in circles):
        return False
    within = inside.x0 <= box.x0 and box.x1 <= inside.x1 and inside.y0 <= box.y0 and box.y1 <= inside.y1
    return within and not any(box.overlaps(other) for other in taken)
