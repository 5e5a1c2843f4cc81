"""`costmodel report`: what one or several networks cost."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from costmodel.cli.arguments import (
    ARCH,
    input_option,
    opened,
    own_batch_option,
    own_dtype_option,
    resolution_option,
    set_option,
)
from costmodel.cli.output import format_option, output_option, show
from costmodel.pricing import price
from costmodel.pricing.table import CostTable
from costmodel.render.answer import Answer
from costmodel.render.page import Fact, Page
from costmodel.render.rows import View
from costmodel.spec import Spec

if TYPE_CHECKING:
    from costmodel.graph import LayerGraph
    from costmodel.latency.device import Device

HINT = "Latency depends on the device: add --device NAME; `costmodel devices` lists them."


@click.command("report")
@click.argument("archs", metavar="ARCH...", nargs=-1, required=True, type=ARCH)
@set_option
@resolution_option
@input_option
@own_batch_option
@own_dtype_option
@click.option("--device", metavar="NAME", help="Add latency on a device (see `costmodel devices`), at its dtype.")
@click.option("--energy", is_flag=True, help="Add joules: on a 45 nm chip; with --device, its measured power x time.")
@click.option(
    "--by",
    type=click.Choice(["layer", "block", "kind", "tree"]),
    help="Show this table alone instead of kinds and blocks (of what others wrote, kinds and the tree of its modules).",
)
@click.option("--tree", "by", flag_value="tree", help="Short for --by tree: subtotals by the names in the paths.")
@click.option(
    "--depth",
    type=click.IntRange(min=1),
    metavar="N",
    help="How many names of a path make a block (1 by default), or how deep a tree goes (as deep as fits).",
)
@click.option(
    "--sort", metavar="COLUMN", help="Sort by path, or by a measure, largest first: params, peak_live_bytes, ..."
)
@click.option("--top", type=click.IntRange(min=1), metavar="N", help="Show the first N rows, and the rest as one.")
@click.option("--training", is_flag=True, help="Add the costs of a training step.")
@click.option("--strict", is_flag=True, help="Refuse what can be priced in part only.")
@click.option("--in-place", is_flag=True, help="Let activations overwrite their input where nothing else reads it.")
@format_option
@output_option
def report_command(
    archs: tuple[str, ...],
    settings: tuple[str, ...],
    resolution: tuple[int, int] | None,
    inputs: tuple[tuple[str, list[int]], ...],
    batch: int | None,
    dtype: str | None,
    device: str | None,
    energy: bool,
    by: str | None,
    depth: int | None,
    sort: str | None,
    top: int | None,
    training: bool,
    strict: bool,
    in_place: bool,
    form: str,
    output: Path | None,
) -> None:
    """What a network costs, and where: params, mult-adds, memory and traffic.

    ARCH is a name (see `costmodel list`), the path of a spec (FILE#VARIANT) or of an ONNX file, git:REVISION:PATH, or -
    for a spec on standard input. One gets a report of its own; several are compared, a row each.

    \b
    Examples:
      costmodel report mobilenet_v1
      costmodel report mobilenet_v1 --set width=0.75 --resolution 192
      costmodel report resnet50 --batch 16 --dtype float16 --training
      costmodel report vgg16 --by layer --sort params --top 5
      costmodel report googlenet --depth 2
      costmodel report resnet50 --device pi5
      costmodel report alexnet googlenet --energy
      costmodel report my_net.yaml --format markdown -o costs.md
      costmodel report model.onnx
      costmodel report alexnet vgg16 resnet50 --sort mult_adds
      costmodel report resnet50 --format json | jq .totals
      costmodel show mobilenet_v1 | costmodel report -
    """
    _sensible(len(archs) > 1, by, form)
    networks = [opened(arch, settings, resolution, inputs) for arch in archs]
    if strict:
        for network in networks:
            _require_all_priced(network.graph)
    found = _device(device) if device else None
    if found is not None and dtype is None:
        dtype = found.conditions.dtype
    tables = [price(network.graph, batch, dtype, training=training, in_place=in_place) for network in networks]
    if found is not None:
        tables = [_timed(table, found) for table in tables]
    if energy:
        tables = [_with_energy(table, found) for table in tables]
    facts = reported(networks[0].spec) if networks[0].spec else ()
    show(_answer(tuple(facts), tables, View(by, depth, sort, top)), form, output)


def _sensible(several: bool, by: str | None, form: str) -> None:
    """Raise where an option would change nothing."""
    if several and by is not None and form != "json":
        raise click.UsageError("--by shows the inside of one network; several are compared by their totals")
    blocks = by in ("block", "tree") or (by is None and not several and form not in ("json", "csv"))
    if _given("depth") and not blocks:
        raise click.UsageError("--depth says what a block is, and no blocks are shown here; --by block shows them")


def _answer(facts: Sequence[Fact], tables: Sequence[CostTable], view: View) -> Answer:
    def rows() -> Any:
        from costmodel.render.data import rows_of

        return rows_of(tables, view)

    def data() -> Any:
        from costmodel.render.data import as_data

        return as_data(tables, view)

    return Answer(lambda: _page(facts, tables, view), rows, data)


def _page(facts: Sequence[Fact], tables: Sequence[CostTable], view: View) -> Page:
    from costmodel.render import report

    energy = _energy_hint(tables[0])
    if len(tables) > 1:
        return report.compare(tables, view, energy)
    notes = tables[0].totals.notes
    latency = HINT if notes is None else "; ".join(notes)
    hint = " ".join(text for text in (latency and f"{latency.rstrip('.')}.", energy) if text) if energy else latency
    return report.page(tables[0], view, facts, hint)


def _energy_hint(table: CostTable) -> str:
    """Say where the joules come from."""
    source = table.totals.energy_source
    if source is None:
        return ""
    if "power_w" in table.totals:
        return f"Energy: measured power times predicted time, the interval that of the time. {source}."
    return f"Energy: a comparison at published energies of operations, no measurement of a device. {source}."


def _given(option: str) -> bool:
    """Say whether a person gave the option."""
    source = click.get_current_context().get_parameter_source(option)
    return source is not None and source.name == "COMMANDLINE"


def _require_all_priced(graph: LayerGraph) -> None:
    from costmodel.reading.partial import require_all_priced

    require_all_priced(graph.title, graph.unpriced)


def _device(name: str) -> Device:
    from costmodel.latency.device import find_device

    return find_device(name)


def _timed(table: CostTable, device: Device) -> CostTable:
    from costmodel.latency.predict import time

    return time(table, device)


def _with_energy(table: CostTable, device: Device | None) -> CostTable:
    from costmodel.latency.energy import with_energy

    return with_energy(table, device)


def reported(spec: Spec) -> Iterator[Fact]:
    """Yield what people measured of the network, as lines of the headline."""
    source = spec.reported.get("source")
    where = f"reported: {source}" if source else "reported"
    for name, value in spec.reported.items():
        if isinstance(value, (int, float)):
            label = re.sub(r"top(\d)", r"top-\1", name).replace("_", " ")
            yield Fact(label, f"{value} %" if "top-" in label else str(value), where)
