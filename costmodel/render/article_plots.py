"""The article's figures 3 and 7 (Canziani et al. 2016, arXiv:1605.07678), drawn from what was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil
from typing import TYPE_CHECKING

from costmodel.gallery.timing import BATCH, Course, Linearity, spoken
from costmodel.render.labels import Mark, label_ends, label_marks
from costmodel.render.palette import PALETTE, lettering, name_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PLAIN, ODD, GREY = PALETTE[0], PALETTE[1], "#777777"
MARK = 46
"""Area of a point, in square points."""
STEPS = 40
"""Points of a line that labels keep off."""


def operations_chart(found: Sequence[Linearity]) -> Figure:
    """Draw figure 7, a panel a log: time of an image against mult-adds, the line with and without what is dear."""
    from matplotlib.figure import Figure

    wide = min(2, len(found))
    high = ceil(len(found) / wide)
    figure = Figure(figsize=(6.6 * wide, 5.4 * high + 0.4), layout="constrained")
    panels = list(figure.subplots(high, wide, squeeze=False).flat)
    title = f"Figure 7, measured. Time of an image against its mult-adds at batch {BATCH}"
    figure.suptitle(title, x=0.01, ha="left")
    drawn = list(zip(panels, found, strict=False))
    for axes, one in drawn:
        _frame(axes, one)
    for axes, one in drawn:
        _name_points(figure, axes, one)
    for axes in panels[len(found) :]:
        axes.set_visible(False)
    return figure


def _frame(axes: Axes, one: Linearity) -> None:
    """Draw points, lines and legend."""
    plain = [point for point in one.points if not point.dear]
    for points, colour, marker in ((plain, PLAIN, "o"), (one.dear, ODD, "D")):
        xs, ys = [point.giga for point in points], [1e3 * point.seconds for point in points]
        axes.scatter(xs, ys, s=MARK, color=colour, marker=marker, zorder=3)
    right = 1.12 * max(point.giga for point in one.points)
    ends = (0.0, right)
    rule = f"{1e3 * one.plain.slope:.1f} ms for each G of mult-adds"
    both = bool(one.dear)
    axes.plot(
        ends,
        [1e3 * one.plain.at(x) for x in ends],
        color=PLAIN,
        label=f"the {len(plain)} {'others' if both else 'networks'}: R² {one.plain.r2:.3f}, {rule}",
    )
    if both:
        label = f"all {len(one.points)}: R² {one.all.r2:.2f}"
        axes.plot(ends, [1e3 * one.all.at(x) for x in ends], color=GREY, linestyle="--", linewidth=1, label=label)
    if both:
        what = "dear by the element: time as a multiple of the line's, and what is dear"
        axes.plot([], [], color=ODD, marker="D", linestyle="", label=what)
    top = 1e3 * max(point.seconds for point in one.points)
    axes.set(xlim=(0, right), ylim=(0, 1.38 * top), xlabel="mult-adds of an image (G)", ylabel="time of an image (ms)")
    axes.set_title(lettering(f"{one.log.setting} ({one.log.name})", 70), loc="left", fontsize=9)
    axes.legend(loc="upper right", frameon=False, fontsize=9)
    _tidy(axes)


def _name_points(figure: Figure, axes: Axes, one: Linearity) -> None:
    marks = []
    for point in one.points:
        text = name_text(point.label)
        if point.dear:
            text += f" x{one.times(point):.1f}\n{spoken(point.dear)}"
        colour = ODD if point.dear else PLAIN
        marks.append(Mark(text, point.giga, 1e3 * point.seconds, 1.6 * MARK, colour, first=bool(point.dear)))
    right = axes.get_xlim()[1]
    xs = [right * step / STEPS for step in range(STEPS + 1)]
    label_marks(figure, axes, marks, [(x, 1e3 * one.plain.at(x)) for x in xs], size=8.5, backed=True)


def batches_chart(runs: Mapping[str, Sequence[Course]]) -> Figure:
    """Draw figure 3, a panel a log, named by what it was measured with: time of an image over batches."""
    from matplotlib.figure import Figure

    wide = min(2, len(runs))
    high = ceil(len(runs) / wide)
    figure = Figure(figsize=(6.6 * wide, 5.6 * high + 0.4), layout="constrained")
    panels = list(figure.subplots(high, wide, squeeze=False).flat)
    figure.suptitle("Figure 3, measured. Time of an image over batches", x=0.01, ha="left")
    for axes, (setting, courses) in zip(panels, runs.items(), strict=False):
        _courses(axes, courses)
        axes.set_title(lettering(setting, 70), loc="left", fontsize=9)
    for axes in panels[len(runs) :]:
        axes.set_visible(False)
    handles = [
        panels[0].plot([], [], color=colour, marker=marker, label=label)[0]
        for colour, marker, label in (
            (ODD, "D", "fully connected layers hold most of the params"),
            (PLAIN, "o", "they do not"),
        )
    ]
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=2,
        frameon=False,
        fontsize=9,
        title="behind each name: the time of an image at the largest batch, as a multiple of its time alone",
        title_fontsize=9,
    )
    return figure


def _courses(axes: Axes, courses: Sequence[Course]) -> None:
    axes.set(xscale="log", yscale="log", xlabel="batch", ylabel="time of an image (ms)")
    ends = []
    for run in courses:
        colour = ODD if run.heavy else PLAIN
        batches, times = [batch for batch, _ in run.seconds], [1e3 * seconds for _, seconds in run.seconds]
        axes.plot(
            batches,
            times,
            color=colour,
            marker="D" if run.heavy else "o",
            markersize=4,
            linewidth=2.2 if run.heavy else 1.2,
        )
        gain = "" if run.gain is None else f"  x{1 / run.gain:.2f}"
        ends.append((batches[-1], times[-1], f"{name_text(run.label)}{gain}", colour))
    ticks = sorted({batch for run in courses for batch, _ in run.seconds})
    axes.set_xticks(ticks, [str(batch) for batch in ticks])
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.yaxis.set_minor_formatter(lambda value, _: f"{value:g}" if str(value)[0] in "25" else "")
    axes.xaxis.minorticks_off()
    label_ends(axes, ends)
    _tidy(axes)


def _tidy(axes: Axes) -> None:
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
