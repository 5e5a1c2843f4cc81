"""Pictures of time: predicted against measured, and the article's figures 3 and 7 (Canziani et al. 2016,
arXiv:1605.07678).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from costmodel.errors import CostModelError
from costmodel.latency.device import Device
from costmodel.render.labels import label_ends
from costmodel.render.latency import one_of
from costmodel.render.palette import PALETTE, lettering, name_text
from costmodel.units import short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARKERS = "os^Dv*PX"


def batch_chart(rows: Sequence[Mapping[str, Any]], title: str, said: str = "") -> Figure:
    """Draw time per image (or sample) against batch (figure 3), and the same against mult-adds at the largest batch
    (figure 7). `said` stands below the title.
    """
    rows = [row for row in rows if row["latency_s"] and row["mult_adds"]]  # both axes are logarithmic
    if not rows:
        raise CostModelError("nothing takes any time there, so there is nothing to draw")
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 5.2), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.15, 1))
    networks = list(dict.fromkeys(row["network"] for row in rows))
    left.set(xscale="log", yscale="log", xlabel="batch", ylabel=f"time per {one_of(rows)} (ms)")
    ends = []
    for place, network in enumerate(networks):
        mine = sorted((row for row in rows if row["network"] == network), key=lambda row: row["batch"])
        ends.append(_line(left, mine, place))
    label_ends(left, ends)
    batches = sorted({row["batch"] for row in rows})
    left.set_xticks(batches, [str(batch) for batch in batches])
    left.minorticks_off()
    left.set_title(f"time per {one_of(rows)} over batches, with 90 % intervals", loc="left", fontsize=10)
    _operations(right, [row for row in rows if row["batch"] == batches[-1]], networks, batches[-1])
    for axes in (left, right):
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle("\n".join(map(lettering, filter(None, (title, said)))), x=0.01, ha="left")
    return figure


def _line(axes: Axes, rows: Sequence[Mapping[str, Any]], place: int) -> tuple[float, float, str, str]:
    colour = PALETTE[place % len(PALETTE)]
    batches = [row["batch"] for row in rows]
    scale = [1e3 / row["batch"] for row in rows]
    middle, low, high = (
        [row[key] * s for row, s in zip(rows, scale, strict=True)]
        for key in ("latency_s", "latency_low_s", "latency_high_s")
    )
    axes.fill_between(batches, low, high, color=colour, alpha=0.13, linewidth=0)
    axes.plot(batches, middle, color=colour, marker=MARKERS[place % len(MARKERS)], markersize=4, linewidth=1.6)
    return batches[-1], middle[-1], name_text(rows[0]["network"]), colour


def _operations(axes: Axes, rows: Sequence[Mapping[str, Any]], networks: Sequence[str], batch: int) -> None:
    """Draw time against mult-adds, with the line of time in proportion to mult-adds."""
    for row in rows:
        place = networks.index(row["network"])
        colour = PALETTE[place % len(PALETTE)]
        x, scale = row["mult_adds"] / row["batch"], 1e3 / row["batch"]
        middle, low, high = (row[key] * scale for key in ("latency_s", "latency_low_s", "latency_high_s"))
        axes.errorbar(
            x, middle, [[middle - low], [high - middle]], color=colour, marker=MARKERS[place % len(MARKERS)], capsize=2
        )
    _name_points(axes, rows, networks)
    plain = [row for row in rows if row.get("operations_only_s")]
    if plain:
        ends = sorted((row["mult_adds"] / row["batch"], 1e3 * row["operations_only_s"] / row["batch"]) for row in plain)
        axes.plot(*zip((0, 0), ends[-1], strict=True), color="#777777", linestyle="--", linewidth=1, zorder=0)
        axes.annotate(
            "mult-adds alone", ends[-1], (-6, -12), textcoords="offset points", ha="right", fontsize=8, color="#777777"
        )
    one = one_of(rows)
    axes.set(
        xlabel=f"mult-adds of one {one}", ylabel=f"time per {one} at batch {batch} (ms)", xlim=(0, None), ylim=(0, None)
    )
    axes.xaxis.set_major_formatter(lambda value, _: short(value, digits=2))
    axes.set_title("time against mult-adds", loc="left", fontsize=10)
    axes.margins(x=0.18, y=0.1)


def _name_points(axes: Axes, rows: Sequence[Mapping[str, Any]], networks: Sequence[str]) -> None:
    """Write each network's name right of its point, those of neighbours above one another."""
    span = max(row["latency_high_s"] / row["batch"] for row in rows) * 1e3
    last = float("-inf")
    for row in sorted(rows, key=lambda row: row["latency_s"] / row["batch"]):
        x, height = row["mult_adds"] / row["batch"], 1e3 * row["latency_s"] / row["batch"]
        last = max(height, last + span / 24)
        colour = PALETTE[networks.index(row["network"]) % len(PALETTE)]
        axes.annotate(
            name_text(row["network"]),
            (x, last),
            (8, 0),
            textcoords="offset points",
            fontsize=8,
            color=colour,
            va="center",
        )


def fit_chart(device: Device, measured: Mapping[tuple[str, int], float] | None = None) -> Figure:
    """Draw predicted against measured time, each network predicted without its family; without times, the errors by
    family.

    Args:
        device: whose residuals are drawn.
        measured: seconds by network and batch, where they are at hand.

    Raises:
        CostModelError: if there are no residuals, or none of what was measured.
    """
    from matplotlib.figure import Figure

    if not [row for row in device.residuals if not measured or (row[0], row[1]) in measured]:
        why = "none of its errors is of what was measured" if device.residuals else "it was scaled and not fitted"
        raise CostModelError(f"{device.name}: {why}, so there are no errors to draw")
    families = list(dict.fromkeys(row[2] for row in device.residuals))
    figure = Figure(figsize=(8.5, 6.2 if measured else 0.32 * len(families) + 1.6), layout="constrained")
    axes = figure.add_subplot()
    (_times if measured else _errors)(axes, device, families, measured or {})
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    worth = f"mean error {device.error.mape_percent:.1f} % on families left out" if device.error else "not measured"
    axes.set_title(f"{lettering(device.title)}\n{worth}", loc="left", fontsize=10)
    return figure


def _times(axes: Axes, device: Device, families: Sequence[str], measured: Mapping[tuple[str, int], float]) -> None:
    from math import exp

    rows = [row for row in device.residuals if (row[0], row[1]) in measured]
    for place, family in enumerate(families):
        mine = [(measured[row[0], row[1]], 1 + row[4] / 100) for row in rows if row[2] == family]
        axes.scatter(
            [1e3 * seconds for seconds, _ in mine],
            [1e3 * seconds * ratio for seconds, ratio in mine],
            s=26,
            color=PALETTE[place % len(PALETTE)],
            marker=MARKERS[place // len(PALETTE) % len(MARKERS)],
            label=name_text(family),
        )
    drawn = [1e3 * measured[row[0], row[1]] for row in rows]
    ends = [min(drawn), max(drawn)]
    factor = exp(device.interval.half_width)
    axes.plot(ends, ends, color="#777777", linewidth=1)
    axes.fill_between(
        ends, [e / factor for e in ends], [e * factor for e in ends], color="#777777", alpha=0.13, linewidth=0
    )
    axes.set(
        xscale="log", yscale="log", xlabel="measured (ms a batch)", ylabel="predicted without its family (ms a batch)"
    )
    axes.legend(fontsize=7, ncol=2, frameon=False, loc="upper left")


def _errors(axes: Axes, device: Device, families: Sequence[str], _: Mapping[tuple[str, int], float]) -> None:
    from math import expm1

    width = device.interval.half_width
    axes.axvspan(100 * expm1(-width), 100 * expm1(width), color="#777777", alpha=0.13, linewidth=0)
    axes.axvline(0, color="#777777", linewidth=1)
    for place, family in enumerate(reversed(families)):
        errors = [row[4] for row in device.residuals if row[2] == family]
        axes.scatter(errors, [place] * len(errors), s=22, color=PALETTE[0], alpha=0.6)
    axes.set_yticks(range(len(families)), list(map(name_text, reversed(families))))
    axes.set_xlabel("error of the prediction made without the family (%); the band is the 90 % interval")
