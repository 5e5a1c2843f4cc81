"""What one or several networks cost, and where."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from costmodel.errors import CostModelError
from costmodel.pricing import price
from costmodel.pricing.memory.asked import EVERY_LEVEL, RUNTIMES
from costmodel.pricing.pace import NEEDS_DEVICE, paced
from costmodel.pricing.table import CostTable
from costmodel.render.answer import Answer
from costmodel.render.page import Fact, Page
from costmodel.render.rows import Selection
from costmodel.sources import Question, Source
from costmodel.tasks.request import OfMemory, OfNetworks, found_device

if TYPE_CHECKING:
    from costmodel.graph import LayerGraph
    from costmodel.latency.device import Device
    from costmodel.pricing.memory.ideas import Idea
    from costmodel.pricing.memory.plan import Plan
    from costmodel.spec import Spec

HINT = "Latency depends on the device: add --device NAME; `costmodel devices` lists them."


@dataclass(frozen=True)
class Request(OfMemory, OfNetworks):
    """What networks cost: one gets a report of its own, several are compared, a row each.

    networks: what `load` takes. batch: images at once; None is each network's own. dtype: of weights and activations;
    None is the device's, or else each network's own. strict: whether what can be priced in part only is refused.
    device: whose latency is added. fps: the frames a second that networks are to keep up with there. energy, training:
    whether those costs are added. plot: where a picture is drawn: of memory over time where that is asked for, else of
    mult-adds by module. by, depth, sort, top: which rows are shown, as `costmodel.render.rows` says.
    """

    networks: tuple[Question, ...]
    batch: int | None = None
    dtype: str | None = None
    device: str | None = None
    fps: float | None = None
    energy: bool = False
    training: bool = False
    strict: bool = False
    by: str | None = None
    depth: int | None = None
    sort: str | None = None
    top: int | None = None
    plot: Path | None = None


def answer(request: Request) -> Answer:
    """Return the report.

    Raises:
        CostModelError: if a network or device cannot be had, or not so.
        SpecError: with everything that is wrong in a network's file.
    """
    networks = [request.opened(network) for network in request.networks]
    if request.strict:
        _require_all_priced(network.graph for network in networks)
    device = found_device(request.device)
    if request.fps is not None and device is None:
        raise CostModelError(NEEDS_DEVICE)
    if request.plot is not None:
        from costmodel.render.picture import check_picture

        check_picture(request.plot)
    tables = [_priced(network, request, device) for network in networks]
    selection = Selection(request.by, request.depth, request.sort, request.top, request.memory is not None)
    lower = partial(_ideas, networks[0], tables[0], request)
    if request.plot is not None:
        _draw(tables, request.plot)
    return of_tables(
        tables,
        selection,
        tuple(_reported(networks[0].spec)),
        HINT,
        lower if selection.memory and len(tables) == 1 else tuple,
    )


def of_tables(
    tables: Sequence[CostTable],
    selection: Selection | None = None,
    facts: Sequence[Fact] = (),
    hint: str = "",
    lower: Callable[[], Sequence[Idea]] = lambda: (),
) -> Answer:
    """Return the report of tables that are there; `facts` end the headline of one, `hint` a report without time, and
    `lower` is what would lower its memory.
    """
    shown = selection or Selection()

    def rows() -> Any:
        from costmodel.render.data import rows_of

        return rows_of(tables, shown)

    def data() -> Any:
        from costmodel.render.data import as_data

        found = as_data(tables, shown)
        if not shown.memory or len(tables) > 1:
            return found
        from costmodel.render.memory import ideas_as_data

        return found | {"lower": ideas_as_data(lower())}

    def page() -> Page:
        made = _page(facts, tables, shown, hint)
        if not (found := lower()):
            return made
        from costmodel.render.memory import lowered

        section = lowered(found, _shown_peak(tables[0]), tables[0].totals.mult_adds)
        return replace(made, sections=[*made.sections, section])

    return Answer(page, rows, data)


def _require_all_priced(graphs: Iterable[LayerGraph]) -> None:
    from costmodel.reading.partial import require_all_priced

    for graph in graphs:
        require_all_priced(graph.title, graph.unpriced)


def _priced(network: Source, request: Request, device: Device | None) -> CostTable:
    graph, images = network.at_batch(request.batch)
    levels = request.levels(request.training)
    dtype = device.dtype_for(request.dtype) if device else request.dtype
    table = price(graph, images, dtype, training=levels.training or False, memory=levels.runtime)
    if request.memory == EVERY_LEVEL:
        table = replace(table, plans=(*_every_level(graph, table, request), *table.plans))
    if device is not None:
        from costmodel.latency.predict import time

        table = time(table, device)
    if request.fps is not None:
        table = paced(table, request.fps)
    if request.energy:
        from costmodel.latency.energy import with_energy

        table = with_energy(table, device)
    return table


def _every_level(graph: LayerGraph, table: CostTable, request: Request) -> Iterator[Plan]:
    """Yield the plans of all runtimes that can be known, and memory as written."""
    from costmodel.pricing.memory import written
    from costmodel.pricing.memory.planned import of_runtime

    for name in RUNTIMES:
        with suppress(CostModelError):  # what a runtime cannot do at this dtype stands in no row
            yield of_runtime(graph, table.batch, table.dtype, request.runtime(name))
    yield written.plan(graph, table.batch, table.dtype)


def _ideas(network: Source, table: CostTable, request: Request) -> Sequence[Idea]:
    """Return what would lower the peak that is shown."""
    from costmodel.pricing.memory.ideas import ideas

    graph, _ = network.at_batch(request.batch)
    return ideas(graph, table.batch, table.dtype, request.levels(request.training), _shown_peak(table))


def _shown_peak(table: CostTable) -> int:
    """Return the bytes of the plan that is shown over time."""
    peak: int = table.plans[-1].bytes if table.plans else table.totals.peak_live_bytes
    return peak


def _draw(tables: Sequence[CostTable], path: Path) -> None:
    """Draw the last plan of memory over time, or mult-adds by module.

    Raises:
        CostModelError: if there are several networks, or the picture cannot be written.
    """
    if len(tables) > 1:
        raise CostModelError("--plot draws one network; sweep and gallery draw several")
    table = tables[0]
    if table.plans:
        from costmodel.render.memory_plots import memory_chart
        from costmodel.render.picture import save_picture

        save_picture(memory_chart(table, table.plans[-1]), path)
    else:
        from costmodel.render.bars import plot

        plot(table).save(path)


def _page(facts: Sequence[Fact], tables: Sequence[CostTable], selection: Selection, untimed: str) -> Page:
    from costmodel.render import report

    energy = _energy_hint(tables[0])
    if len(tables) > 1:
        return report.compare(tables, selection, energy)
    latency = untimed if tables[0].totals.device is None else ""
    hint = " ".join(text for text in (latency and f"{latency.rstrip('.')}.", energy) if text) if energy else latency
    return report.page(tables[0], selection, facts, hint)


def _energy_hint(table: CostTable) -> str:
    """Say where the joules come from."""
    source = table.totals.energy_source
    if source is None:
        return ""
    if "power_w" in table.totals:
        return f"Energy: measured power times predicted time, the interval that of the time. {source}."
    return f"Energy: a comparison at published energies of operations, no measurement of a device. {source}."


def _reported(spec: Spec | None) -> Iterator[Fact]:
    """Yield what people measured of the network, as lines of the headline."""
    if spec is None:
        return
    source = spec.reported.get("source")
    where = f"reported: {source}" if source else "reported"
    for name, value in spec.reported.items():
        if isinstance(value, (int, float)):
            label = re.sub(r"top(\d)", r"top-\1", name).replace("_", " ")
            yield Fact(label, f"{value} %" if "top-" in label else str(value), where)
