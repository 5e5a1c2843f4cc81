"""What a device and a prediction say to people: the fit with its coefficients in physical units, and latencies over
batches.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import mean
from typing import Any

from costmodel.latency.datasheets import Sheet
from costmodel.latency.device import Device, Errors, Model, TermModel
from costmodel.latency.features import FEATURES
from costmodel.latency.forms import MULT_ADDS
from costmodel.latency.seen import Seen
from costmodel.measures import Measured
from costmodel.pricing.samples import Sample
from costmodel.render import pace
from costmodel.render.page import Column, Fact, Page, Section
from costmodel.render.seconds import prefix_of, seconds_column, seconds_text, spans
from costmodel.render.unseen import unseen_column
from costmodel.units import plain, short

PEAKS = {"flops_per_s": "FLOP/s", "bytes_per_s": "B/s"}
RATES = {"mult-add": "mult-adds/s", "byte": "B/s", "element": "elements/s", "kernel": "kernels/s"}
WORST = 5
NOT_MEASURED = "not measured: transferred by datasheet from the device that is most like it"
DEVICE_ROW = (
    *("name", "title", "dtype", "batch"),
    *("networks", "families", "mape_percent", "within_10_percent", "spearman"),
    *("operations_only_mape_percent", "interval_half_width", "coverage_percent", "transferred_from"),
)
"""What a device is in raw numbers."""
TOO_FEW = "the most of any device; too few operators were measured here to tell"


def interval_percent(half_width: float) -> str:
    """Write the interval t * exp(-q) .. t * exp(q) as percentages: ``-13 % .. +15 %``."""
    from math import expm1

    return f"{100 * expm1(-half_width):+.0f} % .. {100 * expm1(half_width):+.0f} %"


def devices_columns(devices: Sequence[Device]) -> list[Column]:
    """Return the list of devices with what their predictions are worth."""
    errors = [device.error for device in devices]
    plain = [error and error.operations_only for error in errors]
    return [
        Column("device", [device.name for device in devices], left=True),
        Column("what", [device.title for device in devices], left=True, prose=True, rank=1),
        Column("dtype", [device.conditions.dtype for device in devices], left=True, rank=3),
        Column("networks", [str(error.networks) if error else "-" for error in errors], rank=4),
        Column("error", [f"{error.mape_percent:.1f}" if error else "-" for error in errors], "%"),
        Column("within 10 %", [f"{error.within_10_percent:.0f}" if error else "-" for error in errors], "%", rank=2),
        Column("ops only", [f"{one.mape_percent:.0f}" if one else "-" for one in plain], "% error", rank=2),
        Column("90 % interval", [interval_percent(device.interval.half_width) for device in devices], rank=1),
    ]


def devices_page(devices: Sequence[Device], sheets: Sequence[tuple[Sheet, Device | None]]) -> Page:
    """Return the measured devices, and below them those that only datasheets know with what they are scaled from."""
    known = [
        Column("device", [sheet.name for sheet, _ in sheets], left=True),
        Column("what", [sheet.title for sheet, _ in sheets], left=True, prose=True, rank=1),
        Column("year", [str(sheet.year) for sheet, _ in sheets], rank=4),
        Column("sort", [sheet.sort or "-" for sheet, _ in sheets], left=True, rank=2),
        Column("from", [made.transferred_from if made else "-" for _, made in sheets], left=True),
        Column("dtype", [made.conditions.dtype if made else "-" for _, made in sheets], left=True, rank=3),
        Column("90 % interval", [interval_percent(made.interval.half_width) if made else "-" for _, made in sheets]),
    ]
    listed = [Section("measured", devices_columns(devices)), Section(NOT_MEASURED, known)]
    return Page("", (), (), listed if sheets else listed[:1])


def devices_rows(devices: Sequence[Device]) -> list[dict[str, Any]]:
    """Return the same as raw numbers; what nobody measured is None."""
    return [_device_row(device) for device in devices]


def _device_row(device: Device) -> dict[str, Any]:
    error, plain = device.error, device.error and device.error.operations_only
    row: dict[str, Any] = {"name": device.name, "title": device.title, "dtype": device.conditions.dtype}
    row["batch"] = device.conditions.batch
    for name in ("networks", "families", "mape_percent", "within_10_percent", "spearman"):
        row[name] = getattr(error, name) if error else None
    row["operations_only_mape_percent"] = plain.mape_percent if plain else None
    row["interval_half_width"] = device.interval.half_width
    row["coverage_percent"] = device.interval.coverage_percent
    row["transferred_from"] = device.transferred_from or None
    return row


def sheets_rows(sheets: Sequence[tuple[Sheet, Device | None]]) -> list[dict[str, Any]]:
    """Return the devices that only datasheets know as raw numbers, as `devices_rows` does; without a device to scale
    from, all but the name is None.
    """
    blank = dict.fromkeys(DEVICE_ROW)
    return [_device_row(made) if made else blank | {"name": one.name, "title": one.title} for one, made in sheets]


def device_page(device: Device) -> Page:
    """Return everything that a device's file says about its fit."""
    conditions = device.conditions
    peaks = [short(rate, PEAKS[name]) for name, rate in device.peaks.items()]
    span = "-".join(map(str, dict.fromkeys(conditions.batch)))
    threads = f", {conditions.threads} thread{'s' * (conditions.threads != 1)}" if conditions.threads else ""
    lines = [
        f"{conditions.hardware}; {conditions.runtime}{threads}; {conditions.dtype}; batch {span}"
        + (f"; {conditions.date}" if conditions.date else ""),
        *([f"machine: {device.machine}"] if device.machine is not None else []),
        *([f"runtime: {conditions.options}"] if conditions.options else []),
        *([f"source: {device.source}"] if device.source else []),
        *([conditions.notes] if conditions.notes not in ("", device.source) else []),
        *([f"datasheet: {'; '.join([*peaks, *filter(None, [device.peaks_source])])}"] if peaks else []),
        f"made by: {device.made_by}",
        *([f"scaled: {device.scaled}"] if device.scaled else []),
    ]
    sections = [_coefficients(device), *([_layers(device)] if device.layers else [])]
    if device.residuals:
        sections += [_by_family(device), _worst(device)]
    if device.seen is not None:
        sections.append(_seen(device.seen))
    return Page(f"{device.name}: {device.title}", lines, list(_error_facts(device)), sections)


def _error_facts(device: Device) -> list[Fact]:
    interval = device.interval
    facts = _fit_facts(device.error) if device.error else []
    held = interval.coverage_percent
    said = [f"held {held:.0f} % of networks of unseen families"] if held is not None else []
    note = "; ".join([*said, *([interval.why] if interval.why else [])])
    facts.append(Fact("90 % interval", interval_percent(interval.half_width), note))
    told = "what leaving operators out has cost" if interval.unseen_factor else TOO_FEW
    facts.append(Fact("never measured", f"{interval.unseen:.3g} times", f"either way: {told}"))
    if interval.repeatability_percent is not None:
        note = "between two halves of the measurements"
        facts.append(Fact("repeatability", f"{interval.repeatability_percent:.1f} %", note))
    return facts


def _fit_facts(error: Errors) -> list[Fact]:
    count = f"{error.networks} measurements, {error.families} families"
    facts = [
        Fact("mean error", f"{error.mape_percent:.1f} %", f"on families left out; {count}"),
        Fact("within 10 %", f"{error.within_10_percent:.0f} %", f"rank correlation {error.spearman:.3f}"),
    ]
    if error.operations_only is not None:
        note = "mean error of time in proportion to mult-adds"
        facts.append(Fact("operations only", f"{error.operations_only.mape_percent:.1f} %", note))
    if error.mape_choice_percent is not None:
        note = "mean error where the form too was chosen without the family"
        facts.append(Fact("form chosen blind", f"{error.mape_choice_percent:.1f} %", note))
    if error.mape_prior_percent is not None:
        note = "mean error where similar devices had measured the family"
        facts.append(Fact("known elsewhere", f"{error.mape_prior_percent:.1f} %", note))
    return facts


def _coefficients(device: Device) -> Section:
    terms = device.model.terms
    title = (
        "time of a kernel: the sum of"
        if device.model.combine == "sum"
        else "time of a kernel: the longer of compute and memory, plus overhead"
    )
    return Section(
        title,
        [
            Column("each", [seconds_text(term.seconds, 3) if term.seconds else "0" for term in terms], left=True),
            Column("per", [term.unit for term in terms], left=True),
            Column("that is", [_rate(term) for term in terms], left=True),
            Column("up to", [f"{100 * term.largest_share:.0f}" for term in terms], "% of time", rank=2),
            Column("of", [_of(term) for term in terms], left=True, prose=True),
        ],
        _lowering(device.model),
    )


def _lowering(model: Model) -> str:
    if not model.fuses:
        return "nothing is fused: every layer is a kernel"
    counted = any("reordered_bytes" in term.of for term in model.terms)
    blocks = f"; maps lie in blocks of {model.lanes} channels" if counted else ""
    return f"fused kernels: norms and activations are computed within the convolution before them{blocks}"


def _layers(device: Device) -> Section:
    """Return how far off single layers were, by class."""
    return Section(
        "single layers: measured over predicted and what is added",
        [
            Column("class", [one.name for one in device.layers], left=True),
            Column("layers", [str(one.layers) for one in device.layers]),
            Column("added", [seconds_text(one.extra_s, 2) for one in device.layers]),
            Column("90 % from", [f"{one.low:.2f}" for one in device.layers]),
            Column("to", [f"{one.high:.2f}" for one in device.layers]),
        ],
        "layers of any other class have the widest of these, and are marked as guesses",
    )


def _rate(term: TermModel) -> str:
    return short(1 / term.seconds, RATES[term.unit], 3) if term.seconds else "free"


def _of(term: TermModel) -> str:
    if set(term.of) <= {*MULT_ADDS, "padding_mult_adds"}:
        missing = [name for name in MULT_ADDS if name not in term.of]
        if not missing:
            return "all mult-adds" + (", padding included" if len(term.of) > len(MULT_ADDS) else "")
        if len(missing) < len(term.of):
            return "all other mult-adds" if len(missing) > 1 else f"mult-adds, without {FEATURES[missing[0]].meaning}"
    if set(term.of) >= {"compute_bytes", "memory_bytes"}:
        return "activations read and written" + (", and weights" if "conv_weight_bytes" in term.of else "")
    if set(term.of) == {"conv_weight_bytes", "linear_weight_bytes"}:
        return "all weights, read once a batch"
    return "; ".join(FEATURES[name].meaning for name in term.of)


def _by_family(device: Device) -> Section:
    families: dict[str, list[float]] = {}
    for _, _, family, _, error in device.residuals:
        families.setdefault(family, []).append(error)
    rows = sorted(families.items(), key=lambda item: -mean(map(abs, item[1])))
    return Section(
        "error by family, when it was left out",
        [
            Column("family", [name for name, _ in rows], left=True),
            Column("measured", [str(len(errors)) for _, errors in rows]),
            Column("mean error", [f"{mean(map(abs, errors)):.1f}" for _, errors in rows], "%"),
            Column("bias", [f"{mean(errors):+.1f}" for _, errors in rows], "%"),
        ],
    )


def _worst(device: Device) -> Section:
    rows = sorted(device.residuals, key=lambda row: -abs(row[4]))[:WORST]
    return Section(
        "worst",
        [
            Column("network", [row[0] for row in rows], left=True),
            Column("batch", [str(row[1]) for row in rows]),
            Column("error", [f"{row[4]:+.1f}" for row in rows], "%"),
            Column("why", [_why(row, device) for row in rows], left=True, prose=True, rank=1),
        ],
    )


def _seen(seen: Seen) -> Section:
    """Return what was measured, the commonest first: all else has a wider interval."""
    kinds = sorted(seen.kinds.items(), key=lambda item: -item[1])
    ordered = sorted(seen.operators.items(), key=lambda item: -item[1])
    operators = ", ".join(f"{name} {count}" for name, count in ordered)
    span = " to ".join(dict.fromkeys("x".join(map(str, shape)) for shape in seen.inputs))
    return Section(
        "measured, by how many networks and chains",
        [
            Column("kind", [name for name, _ in kinds], left=True),
            Column("measured", [str(count) for _, count in kinds]),
        ],
        f"operators: {operators}; batches {', '.join(map(str, seen.batches))}; inputs of {span}",
    )


def _why(row: Sequence[Any], device: Device) -> str:
    """Say what the residuals themselves show: a whole family off to one side, or one network off its kin."""
    kin = [other[4] for other in device.residuals if other[2] == row[2]]
    if len(kin) == 1:
        return "the only one of its family"
    same = sum((error > 0) == (row[4] > 0) for error in kin)
    side = "too slow" if row[4] > 0 else "too fast"
    if same >= 0.8 * len(kin) and abs(mean(kin)) > 0.5 * abs(row[4]):
        return f"all of {row[2]} is predicted {side}: it alone has much of what it spends time on"
    return f"off its own family, whose mean is {mean(kin):+.0f} %"


def latency_columns(rows: Sequence[Mapping[str, Any]]) -> list[Column]:
    """Return predictions over batches as a table."""
    times, unit = seconds_column([row["latency_s"] for row in rows])
    _, size = prefix_of(row["latency_s"] for row in rows)
    ends, _ = spans([(row["latency_low_s"], row["latency_high_s"]) for row in rows], [row["latency_s"] for row in rows])
    samples, sample_unit = seconds_column([row["latency_per_image_s"] for row in rows])
    read = [Sample(row["sample"], row["tokens"]) for row in rows]
    asked = bool(rows) and "keeps_up" in rows[0]
    return [
        Column("network", [row["network"] for row in rows], left=True),
        Column("batch", [str(row["batch"]) for row in rows]),
        Column(Measured.latency_s.title, times, unit),
        Column("90 % interval", ends, unit, rank=int(not asked)),  # it explains the verdict, so both stay
        *_measured(rows, size, unit),
        Column("an image" if one_of(rows) == "image" else "a sample", samples, sample_unit, rank=2),
        _throughput([row["throughput_per_s"] for row in rows], read),
        *([pace.column(rows)] if asked else []),
        Column("bound", [row["bound"] for row in rows], left=True, rank=3),
        *(
            [Column("ops only", [plain(row["operations_only_s"] / size) for row in rows], unit, rank=4)]
            if all(row.get("operations_only_s") for row in rows)
            else []
        ),
        *unseen_column(rows),
    ]


def one_of(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return what predictions are of one of: an image, or a sample where not all are."""
    return "image" if all(row["sample"] == "image" for row in rows) else "sample"


def _throughput(per_s: Sequence[float], read: Sequence[Sample]) -> Column:
    """Return how many are done in a second, in what all rows read: images or tokens, else samples."""
    measure, units = Measured.throughput_per_s, {sample.rate for sample in read}
    if len(units) == 1:
        per_s = [sample.rate_of(value) for value, sample in zip(per_s, read, strict=True)]
    unit = units.pop() if len(units) == 1 else measure.unit
    return Column(measure.title, list(map(plain, per_s)), unit, rank=2)


def _measured(rows: Sequence[Mapping[str, Any]], size: float, unit: str) -> list[Column]:
    """Return what was measured of the very runs that the device's own table holds, if it holds any."""
    if not any(row.get("measured_s") for row in rows):
        return []
    texts = [plain(row["measured_s"] / size) if row.get("measured_s") else "-" for row in rows]
    return [Column("measured", texts, unit, rank=1)]
