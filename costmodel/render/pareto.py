"""Rows of a sweep as a table, and the Pareto front as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from costmodel.measures import MEASURES
from costmodel.pricing.samples import Sample
from costmodel.pricing.table import UNSEEN
from costmodel.render.amounts import amounts
from costmodel.render.page import Column
from costmodel.render.palette import lettering
from costmodel.render.unseen import unseen_column
from costmodel.units import short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.legend import Legend

CLOUD, FRONT = "#56B4E9", "#D55E00"
"""Of Okabe and Ito's palette, which colour-blind readers can tell apart; the front has a line and larger marks too."""
LABELS = 7


def label_of(name: str) -> str:
    """Return a column's title: that of a measure, or a parameter's name."""
    return MEASURES[name].title if name in MEASURES else name.replace("_", " ")


def columns_of(
    rows: Sequence[Mapping[str, Any]], measures: Sequence[str], sample: Sample | None = None
) -> list[Column]:
    """Return the columns of a table of rows: parameters as they are, measures under one prefix each, in words of the
    `sample` that they are of.
    """
    columns = []
    for name in (name for name in rows[0] if name != UNSEEN):
        values = [row[name] for row in rows]
        if name in measures:
            cells, unit = amounts(values, MEASURES[name].unit, _ones_like(rows, MEASURES[name].unit))
            first = MEASURES[name].needs == "device"  # whoever names a device wants to see the time
            rank = MEASURES[name].rank if first else measures.index(name)
            title, unit = (sample.said(words) if sample else words for words in (label_of(name), unit))
            columns.append(Column(title, cells, unit, rank=rank + 1))
        else:
            columns.append(Column(name, [str(value) for value in values], left=isinstance(values[0], str)))
    return [*columns, *unseen_column(rows)]


def _ones_like(rows: Sequence[Mapping[str, Any]], unit: str) -> list[Any]:
    """Return all of a table's values in a unit, of which people compare one column with the next."""
    return [row[name] for row in rows for name in row if name in MEASURES and MEASURES[name].unit == unit]


def limit_columns(limits: Sequence[tuple[str, float, float, float]]) -> list[Column]:
    """Return the columns of a table of constraints: (text, value, limit, share over the limit)."""
    return [
        Column("constraint", [text for text, *_ in limits], left=True),
        Column("value", [short(value) for _, value, _, _ in limits]),
        Column("limit", [short(limit) for _, _, limit, _ in limits]),
        Column("", [f"{abs(over):.2%} {'over' if over > 0 else 'to spare'}" for *_, over in limits]),
    ]


def picture(
    cloud: Mapping[str, Any],
    front: Mapping[str, Any],
    goals: Sequence[tuple[str, int]],
    names: Sequence[str],
    title: str,
    note: str = "",
) -> Figure:
    """Draw points by their first two goals, with the Pareto front over them and some of its points labelled.

    Args:
        cloud: columns of the goals, a row a point.
        front: all columns of the points on the front.
        goals: column and direction (1: small is good, -1: large) of the axes, in that order.
        names: the parameters that labels tell.
        title: what stands above.
        note: what stands below, small.
    """
    from matplotlib.figure import Figure

    (x, _), (y, _) = goals[:2]
    figure = Figure(figsize=(8.5, 5.6), layout="constrained")
    axes = figure.add_subplot()
    axes.scatter(cloud[x], cloud[y], s=9, color=CLOUD, alpha=0.45, linewidths=0, label="all points", rasterized=True)
    order = sorted(range(len(front[x])), key=lambda i: (front[x][i], front[y][i]))
    xs, ys = [float(front[x][i]) for i in order], [float(front[y][i]) for i in order]
    step = "steps-post" if goals[0][1] > 0 else "steps-pre"
    if len(goals) == 2:
        axes.plot(xs, ys, color=FRONT, linewidth=1.3, drawstyle=step, zorder=3)
    axes.scatter(xs, ys, s=26, color=FRONT, edgecolor="white", linewidth=0.6, zorder=4, label=_front_label(goals))
    _axis(axes, "x", x, cloud[x])
    _axis(axes, "y", y, cloud[y])
    axes.set_title(lettering(title), loc="left", fontsize=12)
    axes.grid(alpha=0.25, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    legend = axes.legend(frameon=False, loc="lower right" if goals[1][1] < 0 else "upper right", fontsize=9)
    if note:
        figure.supxlabel(lettering(note), fontsize=8, color="#555555", x=0.01, ha="left")
    _label(figure, axes, legend, [[front[name][i] for name in names] for i in order], xs, ys, names)
    return figure


def _front_label(goals: Sequence[tuple[str, int]]) -> str:
    words = ", ".join(f"{'least' if sign > 0 else 'most'} {label_of(name)}" for name, sign in goals)
    return f"Pareto front: {words}"


def _axis(axes: Axes, which: str, name: str, values: Any) -> None:
    """Name an axis with its unit, logarithmic where the values span more than a factor of 30."""
    low, high = float(min(values)), float(max(values))
    unit = MEASURES[name].unit if name in MEASURES else ""
    if low > 0 and high / low > 30:
        getattr(axes, f"set_{which}scale")("log")
    getattr(axes, f"{which}axis").set_major_formatter(lambda value, _: _tick(value, unit))
    getattr(axes, f"set_{which}label")(label_of(name))


def _tick(value: float, unit: str) -> str:
    """Return a round number without the zeros after its point: 2 MB, 0.5 M."""
    if unit == "s" and abs(value) < 1:
        value, unit = value * 1000, "ms"
    number, _, tail = short(value, unit, digits=3).partition(" ")
    return f"{number.rstrip('0').rstrip('.') if '.' in number else number} {tail}".strip()


def _label(
    figure: Figure,
    axes: Axes,
    legend: Legend,
    settings: Sequence[Sequence[Any]],
    xs: list[float],
    ys: list[float],
    names: Sequence[str],
) -> None:
    """Write the parameters beside points spread evenly along the front, ends first, where there is room."""
    figure.draw_without_rendering()
    renderer = figure.canvas.get_renderer() if hasattr(figure.canvas, "get_renderer") else None
    inside, taken = axes.get_window_extent(renderer), [legend.get_window_extent(renderer)]
    count = min(LABELS, len(xs))
    spread = [round(k * (len(xs) - 1) / max(count - 1, 1)) for k in range(count)]
    for i in dict.fromkeys([*spread[:1], *spread[-1:], *spread]):
        text = lettering(", ".join(map(_setting, names, settings[i])))
        for across, up in ((9, -11), (9, 5), (-9, 5), (-9, -11)):
            label = axes.annotate(
                text,
                (xs[i], ys[i]),
                (across, up),
                textcoords="offset points",
                fontsize=8,
                zorder=5,
                ha="left" if across > 0 else "right",
                bbox={"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none", "alpha": 0.75},
            )
            label.set_in_layout(False)
            box = label.get_window_extent(renderer)
            if inside.x0 <= box.x0 and box.x1 <= inside.x1 and not any(box.overlaps(other) for other in taken):
                taken.append(box)
                break
            label.remove()


def _setting(name: str, value: Any) -> str:
    value = _as_python(value)
    return f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}"


def _as_python(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value
