"""What a report says of a cost table: the headline, where the cost goes by kind, and the blocks. Lines and columns are
data, to be added to.

Shares by kind are of the params in kernels and matrices, as table 2 of the MobileNet paper counts them
(arXiv:1704.04861): biases and the params of normalisation, which take part in no mult-add, stand in their own column.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from costmodel.pricing.table import CostTable
from costmodel.render.page import Column, Fact, Page, Section
from costmodel.render.rows import Row, View, cut, grouped, ordered
from costmodel.render.seconds import seconds_column, seconds_text
from costmodel.spec.library import is_bundled
from costmodel.units import column, short


def shape_text(shape: Sequence[Any] | None) -> str:
    """Write sizes as people do: ``64x112x112``; nothing for None."""
    return "x".join(str(size) for size in shape or ())


WHOLE_INPUT = "whole input"


def _field_text(field: Sequence[Any]) -> str:
    """Write a receptive field, without its unit."""
    return WHOLE_INPUT if math.inf in field else _square(field)


def _square(sizes: Sequence[Any]) -> str:
    """Write a height and width, once where they are equal."""
    return str(sizes[0]) if len(set(sizes)) == 1 else shape_text(sizes)


def _params(table: CostTable) -> Fact:
    totals = table.totals
    return Fact("params", short(totals.params), f"{totals.params:,} trained; {totals.buffers:,} in buffers")


def _mult_adds(table: CostTable) -> Fact:
    totals = table.totals
    images = f" for {table.batch} images" if table.batch != 1 else ""
    note = f"{totals.mult_adds:,}{images}; {short(totals.other_ops)} other operations"
    return Fact("mult-adds", short(totals.mult_adds), note)


def _weights(table: CostTable) -> Fact:
    return Fact("weight memory", short(table.totals.weight_bytes, "B"), f"all params as {table.dtype}")


def _peak(table: CostTable) -> Fact:
    where = table.totals.peak_layer
    return Fact("peak activations", short(table.totals.peak_live_bytes, "B"), f"while {where} runs" if where else "")


def _traffic(table: CostTable) -> Fact:
    fused = short(table.totals.fused_traffic_bytes, "B")
    return Fact("memory traffic", short(table.totals.traffic_bytes, "B"), f"{fused} with norms and activations fused")


def _intensity(table: CostTable) -> Fact:
    return Fact("intensity", f"{table.totals.arithmetic_intensity:.4g} FLOP/B", "FLOPs per byte moved, unfused")


def _field(table: CostTable) -> Fact | None:
    totals = table.totals
    if totals.receptive_field is None or totals.receptive_stride is None:
        return None
    whole = math.inf in totals.receptive_field
    return Fact(
        "receptive field",
        _field_text(totals.receptive_field) + ("" if whole else " px"),
        f"stride {_square(totals.receptive_stride)}, of the last map",
    )


def _step(table: CostTable) -> Fact | None:
    step = table.totals.training
    note = f"a training step; {short(step['backward_mult_adds'])} of them backward" if step else ""
    return Fact("step mult-adds", short(step["step_mult_adds"]), note) if step else None


def _saved(table: CostTable) -> Fact | None:
    step = table.totals.training
    return Fact("saved activations", short(step["saved_bytes"], "B"), "kept for the backward pass") if step else None


def _state(table: CostTable) -> Fact | None:
    step = table.totals.training
    if not step:
        return None
    note = f"SGD with momentum adds {short(step['sgd_momentum_bytes'], 'B')}, Adam {short(step['adam_bytes'], 'B')}"
    return Fact("gradients", short(step["gradient_bytes"], "B"), note)


def _latency(table: CostTable) -> Fact | None:
    found = table.totals.latency
    if not found:
        return None
    low, high = (seconds_text(found[f"latency_{side}_s"], 3) for side in ("low", "high"))
    return Fact("latency", seconds_text(found["latency_s"]), f"90 % within {low} .. {high}; {found['device']}")


def _throughput(table: CostTable) -> Fact | None:
    found = table.totals.latency
    note = f"{seconds_text(found['latency_per_image_s'])} an image; bound by {found['bound']}" if found else ""
    return (
        Fact("throughput", f"{short(found['throughput_per_s'])} images/s".replace("  ", " "), note) if found else None
    )


def _energy(table: CostTable) -> Fact | None:
    found = table.totals.energy
    if not found:
        return None
    if "power_w" in found:
        low, high = (seconds_text(found[f"energy_{side}_j"], 3, "J") for side in ("low", "high"))
        note = f"90 % within {low} .. {high}; at {found['power_w']:.4g} W"
    else:
        compute, memory = (seconds_text(found[name], 3, "J") for name in ("mult_adds_j", "dram_j"))
        note = f"{compute} mult-adds, {memory} DRAM; at 45 nm"
    return Fact("energy", seconds_text(found["energy_j"], base="J"), note)


HEADLINE: tuple[Callable[[CostTable], Fact | None], ...] = (
    _params,
    _mult_adds,
    _weights,
    _peak,
    _traffic,
    _intensity,
    _field,
    _step,
    _saved,
    _state,
    _latency,
    _throughput,
    _energy,
)
"""The lines of the headline in order; one that has nothing to say returns None."""


@dataclass(frozen=True)
class Measure:
    """A column of sums: its name in the cost table, its title and unit, and how far back it stands where room is short.

    `base`: the column whose total its share is of; a share brings a column of percent. `paint`: it brings a bar of that
    role.
    """

    key: str
    title: str
    unit: str = ""
    rank: int = 0
    base: str = ""
    paint: str = ""


MULT_ADDS = Measure("mult_adds", "mult-adds", base="mult_adds", paint="cool")
KINDS = (
    Measure("layers", "layers", rank=6),
    MULT_ADDS,
    Measure("matrix_params", "weights", base="matrix_params", paint="warm"),
    Measure("vector_params", "biases, norms", rank=4),
    Measure("latency_s", "latency", "s", base="latency_s", paint="good"),
    Measure("backward_mult_adds", "backward", rank=5),
    Measure("saved_bytes", "saved", "B", rank=5),
    Measure("traffic_bytes", "traffic", "B", rank=7),
    Measure("other_ops", "other ops", rank=9),
)
BLOCKS = (
    MULT_ADDS,
    Measure("params", "params", base="params", paint="warm"),
    Measure("latency_s", "latency", "s", base="latency_s", paint="good"),
    Measure("live_bytes", "peak", "B", rank=4),
    Measure("backward_mult_adds", "backward", rank=5),
    Measure("saved_bytes", "saved", "B", rank=5),
    Measure("traffic_bytes", "traffic", "B", rank=7),
    Measure("fused_bytes", "fused", "B", rank=8),
    Measure("other_ops", "other ops", rank=9),
)
MEASURES = {"kind": KINDS, "block": BLOCKS, "layer": BLOCKS}
USUAL_ORDER = {"kind": "mult_adds"}
"""The column that rows are sorted by where nobody says; otherwise they stand in the order of execution."""
TITLES = {"kind": "By kind", "block": "Blocks", "layer": "Layers"}
KIND_NOTE = "weights: the params in kernels and matrices; those of biases and norms stand apart and are in no share."


def page(table: CostTable, view: View | None = None, extra: Iterable[Fact] = (), hint: str = "") -> Page:
    """Return the report of one network. `extra` lines end the headline.

    Raises:
        CostModelError: if the view names an unknown grouping or column.
    """
    view = view or View()
    facts = [fact for line in HEADLINE if (fact := line(table)) is not None]
    if view.by is not None:
        sections = [section(table, view.by, view)]
    else:
        sections = [section(table, "kind", View()), section(table, "block", view)]
    return Page(table.title, _subtitle(table), [*facts, *extra], sections, hint)


def _subtitle(table: CostTable) -> list[str]:
    given = (
        f"{table.name}: input {shape_text(table.input_shape)}, batch {table.batch}, {table.dtype}, {len(table)} layers"
    )
    values = " ".join(f"{name}={_plain(value)}" for name, value in table.parameters.items())
    notes = [f"note: {note}" for note in table.notes]
    lines = (table.source, given, f"parameters: {values}" if values else "", origin(table), *notes)
    return [line for line in lines if line]


def origin(table: CostTable) -> str:
    """Say which file a network was read from, where that is not the package's own of that name."""
    return f"read from {table.file}" if table.file and not is_bundled(table.file) else ""


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def section(table: CostTable, by: str, view: View) -> Section:
    """Return a table of the network's cost by kind, block or layer.

    Raises:
        CostModelError: if the grouping or the column to sort by is unknown.
    """
    rows = [_with_vectors(row) for row in grouped(table, by, view.depth)]
    sums = {m.base: sum(row[m.base] for row in rows) for m in MEASURES[by] if m.base and rows and m.base in rows[0]}
    shown, rest = cut(ordered(rows, view.sort or USUAL_ORDER.get(by)), view.top)
    columns = [*_names(by, shown, rest), *_measured(MEASURES[by], shown, rest, sums)]
    return Section(TITLES[by], columns, KIND_NOTE if by == "kind" else "")


def _with_vectors(row: Row) -> Row:
    """Add the params that lie in no matrix."""
    return row | {"vector_params": row["params"] - row["matrix_params"]}


def _names(by: str, shown: Sequence[Row], rest: Sequence[Row]) -> list[Column]:
    """Return the columns that say which row is which."""
    last = [""] if rest else []
    more = [f"and {len(rest)} more"] if rest else []
    columns = [Column(by, [row["group"] for row in shown] + more, left=True)]
    if by == "layer":
        columns.append(Column("kind", [row["kind"] for row in shown] + last, left=True, rank=2))
    if by != "kind":
        columns.append(Column("output", [shape_text(row["output_shape"]) for row in shown] + last, left=True, rank=3))
    return columns


def _measured(measures: Iterable[Measure], shown: Sequence[Row], rest: Sequence[Row], sums: Row) -> list[Column]:
    """Return the columns of numbers that the rows have, with their shares and bars."""
    columns = []
    for measure in measures:
        if not shown or measure.key not in shown[0]:
            continue
        values = [row[measure.key] for row in shown]
        if rest:
            left_out = [row[measure.key] for row in rest]
            values.append(max(left_out) if measure.key == "live_bytes" else sum(left_out))
        texts, unit = written(measure, values)
        columns.append(Column(measure.title, texts, unit, rank=measure.rank))
        if measure.base:
            columns += _shares(values, sums[measure.base], measure, bool(rest))
    return columns


def written(measure: Measure, values: Sequence[Any]) -> tuple[list[str], str]:
    """Return a column's cells under one prefix, and its unit."""
    return seconds_column(values, base=measure.unit) if measure.unit in ("s", "J") else column([*values], measure.unit)


def _shares(values: Sequence[Any], total: Any, measure: Measure, has_rest: bool) -> list[Column]:
    """Return the shares of a total in percent and as bars, the longest of which is the largest row's."""
    percents = [f"{100 * value / total:.2f}" if total and value else "" for value in values]
    own = values[:-1] if has_rest else values
    most = max(own, default=0)
    bars = [value / most if most else 0.0 for value in own] + ([0.0] if has_rest else [])
    return [
        Column("share", percents, "%", rank=1 if measure.base != "mult_adds" else 0),
        Column("", [], shares=bars, paint=measure.paint, rank=1),
    ]


COMPARED = (
    Measure("mult_adds", "mult-adds", paint="cool"),
    Measure("params", "params", paint="warm"),
    Measure("latency_s", "latency", "s"),
    Measure("energy_j", "energy", "J", rank=1),
    Measure("step_mult_adds", "step", rank=3),
    Measure("saved_bytes", "saved", "B", rank=3),
    Measure("peak_live_bytes", "peak", "B", rank=2),
    Measure("weight_bytes", "weights", "B", rank=5),
    Measure("traffic_bytes", "traffic", "B", rank=4),
    Measure("fused_traffic_bytes", "fused", "B", rank=6),
)
"""The columns of a comparison, by their names among the totals."""


def totals_row(table: CostTable) -> Row:
    """Return a network in one row: what was asked, then its totals, those of a training step among them."""
    totals = table.totals.as_dict()
    step: Mapping[str, Any] = totals.pop("training", {})
    latency: Mapping[str, Any] = totals.pop("latency", {})
    energy = {"energy_source" if key == "source" else key: value for key, value in totals.pop("energy", {}).items()}
    return (
        {
            "name": table.name,
            "title": table.title,
            "input": table.input_shape,
            "batch": table.batch,
            "dtype": table.dtype,
        }
        | totals
        | dict(step)
        | dict(latency)
        | energy
    )


def compare(tables: Sequence[CostTable], view: View | None = None, hint: str = "") -> Page:
    """Return a comparison of networks, a row each; `hint` stands below.

    Raises:
        CostModelError: if the view sorts by an unknown column.
    """
    view = view or View()
    rows, rest = cut(ordered([totals_row(table) for table in tables], view.sort), view.top)
    columns = [
        Column("network", [row["name"] for row in rows], left=True),
        Column("input", [shape_text(row["input"]) for row in rows], left=True, rank=3),
    ]
    for measure in COMPARED:
        if rows and measure.key in rows[0]:
            values = [row[measure.key] for row in rows]
            texts, unit = written(measure, values)
            columns.append(Column(measure.title, texts, unit, rank=measure.rank))
            if measure.paint:
                columns.append(
                    Column("", [], shares=[value / (max(values) or 1) for value in values], paint=measure.paint, rank=1)
                )
    intensity = [f"{row['arithmetic_intensity']:.4g}" for row in rows]
    columns.append(Column("intensity", intensity, "FLOP/B", rank=7))
    fields = [_field_text(row["receptive_field"]) if row.get("receptive_field") else "-" for row in rows]
    columns.append(Column("field", fields, "px", rank=8))
    note = f"and {len(rest)} more" if rest else ""
    dtypes = list(dict.fromkeys(table.dtype for table in tables))
    if len(dtypes) > 1:
        columns.insert(2, Column("dtype", [row["dtype"] for row in rows], left=True, rank=1))
    asked = f"batch {tables[0].batch}, {' or '.join(dtypes)}" if tables else ""
    origins = [f"{table.name}: {where}" for table in tables if (where := origin(table))]
    notes = [f"note: {table.name}: {text}" for table in tables for text in table.notes]
    return Page(f"{len(tables)} networks", [asked, *origins, *notes], (), [Section("", columns, note)], hint)
