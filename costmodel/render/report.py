"""What a report says of a cost table: the headline, where the cost goes by kind, and the blocks. Lines and columns are
data, to be added to.

Shares by kind are of the params in kernels and matrices, as table 2 of the MobileNet paper counts them
(arXiv:1704.04861): biases and the params of normalisation, which take part in no mult-add, stand in their own column.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from costmodel.documents.bundled import is_bundled
from costmodel.documents.scalars import written
from costmodel.measures import MEASURES, Measure, Row, shown
from costmodel.pricing.memory.asked import RUNTIMES, STEP
from costmodel.pricing.table import CostTable
from costmodel.render import pace as pace_text
from costmodel.render.amounts import amount, amounts
from costmodel.render.guesses import guess_columns, guess_note
from costmodel.render.page import Column, Fact, Page, Section
from costmodel.render.rows import Selection, cut, grouped, ordered
from costmodel.render.seconds import seconds_text, spans
from costmodel.render.tree import branches
from costmodel.render.unseen import unseen_column
from costmodel.units import DTYPES, short


def shape_text(shape: Sequence[Any] | None) -> str:
    """Write sizes as people do: ``64x112x112``; nothing for None."""
    return "x".join(str(size) for size in shape or ())


SAID = 5
"""Kinds of what is not priced that are named."""
WHOLE_INPUT = "whole input"


def _field_text(field: Sequence[Any]) -> str:
    """Write a receptive field, without its unit."""
    return WHOLE_INPUT if math.inf in field else _square(field)


def _square(sizes: Sequence[Any]) -> str:
    """Write a height and width, once where they are equal."""
    return str(sizes[0]) if len(set(sizes)) == 1 else shape_text(sizes)


def _fact(table: CostTable, name: str, note: str) -> Fact:
    """Return the line of a measure."""
    measure = MEASURES[name]
    return Fact(measure.title, amount(table.totals.values[name], measure.unit), note)


def _reads_image(table: CostTable) -> bool:
    return table.sample.noun == "image"


def _params(table: CostTable) -> Fact:
    params, frozen = table.totals.params, table.frozen
    still = f", {frozen:,} not" if frozen else ""
    return _fact(table, "params", f"{params - frozen:,} trained{still}; {table.totals.buffers:,} in buffers")


def _mult_adds(table: CostTable) -> Fact:
    totals = table.totals
    images = f" for {table.batch} {table.sample.counted}s" if table.batch != 1 else ""
    note = f"{totals.mult_adds:,}{images}; {short(totals.other_ops)} other operations"
    return _fact(table, "mult_adds", note)


def _widths(table: CostTable) -> Fact | None:
    total = sum(table.widths.values())
    if not total:
        return None
    shares = [f"{100 * number / total:.3g} % {dtype}" for dtype, number in table.widths.items()]
    return Fact("of these", ", ".join(shares), "by what is multiplied")


def _weights(table: CostTable) -> Fact:
    each = table.totals.weight_bytes == table.totals.params * DTYPES[table.dtype]
    return _fact(table, "weight_bytes", f"all params as {table.dtype}" if each else "each array as the file stores it")


def _peak(table: CostTable) -> Fact:
    where = table.totals.peak_layer
    return _fact(table, "peak_live_bytes", f"activations{f', while {where} runs' if where else ''}")


def _fused(table: CostTable) -> Fact:
    return _fact(table, "peak_fused_bytes", "with kernels fused and results in place")


def _traffic(table: CostTable) -> Fact:
    fused = short(table.totals.fused_traffic_bytes, "B")
    return _fact(table, "traffic_bytes", f"{fused} with norms and activations fused")


def _intensity(table: CostTable) -> Fact:
    return _fact(table, "arithmetic_intensity", "FLOPs per byte moved, unfused")


def _field(table: CostTable) -> Fact | None:
    totals = table.totals
    if totals.receptive_field is None or totals.receptive_stride is None:
        return None
    whole = math.inf in totals.receptive_field
    return Fact(
        "receptive field",
        _field_text(totals.receptive_field) + ("" if whole else f" {'px' if _reads_image(table) else 'positions'}"),
        f"stride {_square(totals.receptive_stride)}, of the last map",
    )


def _step(table: CostTable) -> Fact | None:
    if "step_mult_adds" not in table.totals:
        return None
    backward = short(table.totals.backward_mult_adds)
    return _fact(table, "step_mult_adds", f"a training step; {backward} of them backward")


def _saved(table: CostTable) -> Fact | None:
    if "saved_bytes" not in table.totals:
        return None
    return _fact(table, "saved_bytes", "activations kept for the backward pass")


def _state(table: CostTable) -> Fact | None:
    if "gradient_bytes" not in table.totals:
        return None
    sgd, adam = (short(size, "B") for size in (table.totals.sgd_momentum_bytes, table.totals.adam_bytes))
    return _fact(table, "gradient_bytes", f"SGD with momentum adds {sgd}, Adam {adam}")


def _step_peak(table: CostTable) -> Fact | None:
    plan = next((plan for plan in table.plans if plan.level == STEP), None)
    if plan is None:
        return None
    held = [(what, size) for what, size in plan.parts.items() if what not in MEASURES and size]
    largest = sorted(held, key=lambda part: -part[1])[:SAID]
    parts = ", ".join(f"{short(size, 'B', 3)} {what}" for what, size in largest)
    return _fact(table, "step_peak_bytes", f"{plan.about}: {parts}")


def _part(name: str) -> str:
    """Return what people call a part of an arena."""
    return MEASURES[name].title if name in MEASURES else name.removesuffix("_bytes").replace("_", " ")


def _arena(table: CostTable) -> Fact | None:
    plan = next((plan for plan in table.plans if plan.level in RUNTIMES), None)
    if plan is None or "arena_bytes" not in table.totals:
        return None
    besides = [f"{short(size, 'B')} {_part(name)}" for name, size in plan.parts.items() if size != plan.bytes]
    return _fact(table, "arena_bytes", "; ".join([f"planned by {plan.level}", *besides]))


def _latency(table: CostTable) -> Fact | None:
    if "latency_s" not in table.totals:
        return None
    return _fact(table, "latency_s", f"{_within(table, 'latency_low_s', 'latency_high_s')}; {table.totals.device}")


def _measured_there(table: CostTable) -> Fact | None:
    """Show what was measured of this very run beside its prediction."""
    totals = table.totals
    if totals.measured_s is None:
        return None
    over = 100 * (totals.latency_s / totals.measured_s - 1)
    differs = totals.repeatability_percent
    repeats = "" if differs is None else f"; repeatable within {differs:.3g} %"
    note = f"predicted {over:+.1f} %{repeats}; this very run there"
    return Fact("measured", amount(totals.measured_s, "s"), note)


def _throughput(table: CostTable) -> Fact | None:
    if "throughput_per_s" not in table.totals:
        return None
    sample, totals = table.sample, table.totals
    note = f"{seconds_text(totals.latency_per_image_s)} {sample.each}; bound by {totals.bound}"
    return Fact("throughput", amount(sample.rate_of(totals.throughput_per_s), sample.rate), note)


def _pace(table: CostTable) -> Fact | None:
    pace = table.pace
    if pace is None:
        return None
    within = _within(table, "latency_low_s", "latency_high_s")
    by = within if pace.measured_s is None else f"by what was measured: {amount(pace.measured_s, 's')}"
    note = f"{pace_text.budget(pace)}; {by}"
    return Fact(pace_text.asked(pace.fps), pace.keeps_up, note)


def _energy(table: CostTable) -> Fact | None:
    totals = table.totals
    if "energy_j" not in totals:
        return None
    if "power_w" in totals:
        note = f"{_within(table, 'energy_low_j', 'energy_high_j')}; at {totals.power_w:.4g} W"
    else:
        compute, memory = (seconds_text(joules, 3, "J") for joules in (totals.mult_adds_j, totals.dram_j))
        note = f"{compute} mult-adds, {memory} DRAM; at 45 nm"
    return _fact(table, "energy_j", note)


def _within(table: CostTable, low: str, high: str) -> str:
    """Say in which interval a measure is expected."""
    ends = (amount(table.totals.values[name], MEASURES[name].unit, 3) for name in (low, high))
    return f"90 % within {' .. '.join(ends)}"


HEADLINE: tuple[Callable[[CostTable], Fact | None], ...] = (
    _params,
    _mult_adds,
    _widths,
    _weights,
    _peak,
    _fused,
    _traffic,
    _intensity,
    _field,
    _step,
    _saved,
    _state,
    _step_peak,
    _arena,
    _latency,
    _measured_there,
    _throughput,
    _pace,
    _energy,
)
"""The lines of the headline in order; one that has nothing to say returns None."""


LEAD = "mult_adds"
"""What a table of costs begins with."""
PAINT = {LEAD: "cool", "params": "warm", "matrix_params": "warm", "latency_s": "good"}
"""The measures that bring a bar, in the role of a colour; in the inside of a network a share in percent as well."""


def columns_of(page: str, row: Row) -> list[Measure[Any]]:
    """Return the measures that a page shows and a row has: what leads, then by rank."""
    found = [measure for measure in shown(page) if measure.name in row]
    return sorted(found, key=lambda measure: (measure.name != LEAD, measure.rank))


USUAL_ORDER = {"kind": "mult_adds"}
"""The column that rows are sorted by where nobody says; otherwise they stand in the order of execution."""
TITLES = {"kind": "By kind", "block": "Blocks", "layer": "Layers", "tree": "Tree"}
KIND_NOTE = "matrices: the params in kernels and matrices; those of biases and norms stand apart and are in no share."


def page(table: CostTable, selection: Selection | None = None, extra: Iterable[Fact] = (), hint: str = "") -> Page:
    """Return the report of one network. `extra` lines end the headline.

    Raises:
        CostModelError: if the selection names an unknown grouping or column.
    """
    selection = selection or Selection()
    facts = [fact for line in HEADLINE if (fact := line(table)) is not None]
    if selection.by is not None:
        sections = [section(table, selection.by, selection)]
    else:
        sections = [section(table, "kind", Selection()), section(table, "tree" if table.read else "block", selection)]
    if selection.memory:
        from costmodel.render import memory

        sections += memory.sections(table)
    return Page(table.title, _subtitle(table), [*facts, *extra], sections, hint)


def _subtitle(table: CostTable) -> list[str]:
    given = f"{table.name}: {_inputs(table)}, batch {table.batch}, {table.dtype}, {len(table)} layers"
    values = " ".join(f"{name}={written(value)}" for name, value in table.parameters.items())
    notes = [*partly(table.unpriced), *(f"note: {note}" for note in (*table.notes, *(table.totals.notes or ())))]
    asked = pace_text.of_tables([table])
    lines = (table.source, given, f"parameters: {values}" if values else "", origin(table), *asked, *notes)
    return [line for line in lines if line]


def partly(unpriced: Mapping[str, Sequence[str]]) -> list[str]:
    """Say first what is not priced, where something is not."""
    if not unpriced:
        return []
    kinds = Counter(what for what, _ in unpriced.values())
    said = ", ".join(f"{count} x {what}" if count > 1 else what for what, count in kinds.most_common(SAID))
    more = f" and {len(kinds) - SAID} other kinds" if len(kinds) > SAID else ""
    return [f"PARTIAL: not priced: {said}{more}; every total is a lower bound"]


def _inputs(table: CostTable) -> str:
    if len(table.inputs) < 2:
        return f"input {shape_text(table.input_shape)}"
    return "inputs " + ", ".join(f"{name} {shape_text(given.shape)}" for name, given in table.inputs.items())


def origin(table: CostTable) -> str:
    """Say which file a network was read from, where that is not the package's own of that name."""
    return f"read from {table.file}" if table.file and not is_bundled(table.file) else ""


def section(table: CostTable, by: str, selection: Selection) -> Section:
    """Return a table of the network's cost by kind, block or layer.

    Raises:
        CostModelError: if the grouping or the column to sort by is unknown.
    """
    if by == "tree":
        shown, rest = branches(table, selection.depth)
        rows = [*shown, *rest]
    else:
        rows = grouped(table, by, selection.depth or 1)
        shown, rest = cut(ordered(rows, selection.sort or USUAL_ORDER.get(by)), selection.top)
    measures = columns_of("kind" if by == "kind" else "block", rows[0]) if rows else []
    sums = {m.name: sum(table.values(m.name)) for m in measures if m.name in PAINT}
    columns = [*_names(by, shown, rest), *_measured(measures, shown, rest, sums)]
    columns += guess_columns(shown, int(bool(rest)))
    notes = [KIND_NOTE if by == "kind" else "", guess_note(shown)]
    return Section(TITLES[by], columns, " ".join(filter(None, notes)))


def _names(by: str, shown: Sequence[Row], rest: Sequence[Row]) -> list[Column]:
    """Return the columns that say which row is which."""
    last = [""] if rest else []
    more = [f"and {len(rest)} more"] if rest else []
    columns = [Column("part" if by == "tree" else by, [row["group"] for row in shown] + more, left=True)]
    if by == "layer":
        columns.append(Column("kind", [row["kind"] for row in shown] + last, left=True, rank=2))
    if by != "kind":
        columns.append(Column("output", [shape_text(row["output_shape"]) for row in shown] + last, left=True, rank=3))
    return columns


def _measured(measures: Iterable[Measure[Any]], first: Sequence[Row], rest: Sequence[Row], sums: Row) -> list[Column]:
    """Return the columns of numbers, with their shares and bars; the rest of the rows stand as one."""
    columns = []
    for measure in measures:
        values = [row[measure.name] for row in first]
        if rest:
            left_out = [row[measure.name] for row in rest]
            values.append(max(left_out) if measure.adds == "peak" else sum(left_out))
        texts, unit = amounts(values, measure.unit)
        columns.append(Column(measure.title, texts, unit, rank=measure.rank))
        if measure.name in sums:
            columns += _shares(values, sums[measure.name], measure, bool(rest))
    return columns


def _shares(values: Sequence[Any], total: Any, measure: Measure[Any], has_rest: bool) -> list[Column]:
    """Return the shares of a total in percent and as bars, the longest of which is the largest row's."""
    percents = [f"{100 * value / total:.2f}" if total and value else "" for value in values]
    own = values[:-1] if has_rest else values
    most = max(own, default=0)
    bars = [value / most if most else 0.0 for value in own] + ([0.0] if has_rest else [])
    return [
        Column("share", percents, "%", rank=int(measure.name != LEAD)),
        Column("", [], shares=bars, paint=PAINT[measure.name], rank=1),
    ]


def totals_row(table: CostTable) -> Row:
    """Return a network in one row: what was asked, then its totals."""
    return {
        "name": table.name,
        "title": table.title,
        "input": table.input_shape,
        "batch": table.batch,
        "dtype": table.dtype,
        **(table.pace.as_row() if table.pace else {}),
        **table.totals.as_dict(),
    }


def _intervals(rows: Sequence[Row]) -> list[Column]:
    """Return the columns of the interval of each network's time, and whether it keeps up, where that was asked."""
    ends = [(row["latency_low_s"], row["latency_high_s"]) for row in rows]
    texts, unit = spans(ends, [row["latency_s"] for row in rows])
    if "keeps_up" not in rows[0]:
        return [Column("90 % interval", texts, unit, rank=1)]
    return [Column("90 % interval", texts, unit), pace_text.column(rows)]  # it explains the verdict, so both stay


def compare(tables: Sequence[CostTable], selection: Selection | None = None, hint: str = "") -> Page:
    """Return a comparison of networks, a row each; `hint` stands below.

    Raises:
        CostModelError: if the selection sorts by an unknown column.
    """
    selection = selection or Selection()
    rows, rest = cut(ordered([totals_row(table) for table in tables], selection.sort), selection.top)
    columns = [
        Column("network", [row["name"] for row in rows], left=True),
        Column("input", [shape_text(row["input"]) for row in rows], left=True, rank=3),
    ]
    for measure in columns_of("network", rows[0]) if rows else []:
        values = [row[measure.name] for row in rows]
        texts, unit = amounts(values, measure.unit)
        columns.append(Column(measure.title, texts, unit, rank=measure.rank))
        if measure.name in PAINT:
            bars = [value / (max(values) or 1) for value in values]
            columns.append(Column("", [], shares=bars, paint=PAINT[measure.name], rank=1))
    if any("latency_s" in row for row in rows):
        columns += _intervals(rows)
    fields = [_field_text(row["receptive_field"]) if row.get("receptive_field") else "-" for row in rows]
    columns.append(Column("field", fields, "px", rank=11))
    columns += unseen_column(rows)
    note = f"and {len(rest)} more" if rest else ""
    dtypes = list(dict.fromkeys(table.dtype for table in tables))
    if len(dtypes) > 1:
        columns.insert(2, Column("dtype", [row["dtype"] for row in rows], left=True, rank=1))
    asked = f"batch {tables[0].batch}, {' or '.join(dtypes)}" if tables else ""
    origins = [f"{table.name}: {where}" for table in tables if (where := origin(table))]
    notes = [f"{table.name}: {text}" for table in tables for text in partly(table.unpriced)]
    notes += [f"note: {table.name}: {text}" for table in tables for text in (*table.notes, *(table.totals.notes or ()))]
    return Page(
        f"{len(tables)} networks",
        [asked, *origins, *pace_text.of_tables(tables), *notes],
        (),
        [Section("", columns, note)],
        hint,
    )
