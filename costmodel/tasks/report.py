"""What one or several networks cost, and where."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from costmodel.pricing import price
from costmodel.pricing.table import CostTable
from costmodel.render.answer import Answer
from costmodel.render.page import Fact, Page
from costmodel.render.rows import Selection
from costmodel.sources import Question
from costmodel.tasks.request import OfNetworks, found_device

if TYPE_CHECKING:
    from costmodel.graph import LayerGraph
    from costmodel.latency.device import Device
    from costmodel.spec import Spec

HINT = "Latency depends on the device: add --device NAME; `costmodel devices` lists them."


@dataclass(frozen=True)
class Request(OfNetworks):
    """What networks cost: one gets a report of its own, several are compared, a row each.

    networks: what `load` takes. batch: images at once; None is each network's own. dtype: of weights and activations;
    None is the device's, or else each network's own. strict: whether what can be priced in part only is refused.
    device: whose latency is added. energy, training: whether those costs are. in_place: whether activations overwrite
    an input that nothing else reads. by, depth, sort, top: which rows are shown, as `costmodel.render.rows` says.
    """

    networks: tuple[Question, ...]
    batch: int | None = None
    dtype: str | None = None
    device: str | None = None
    energy: bool = False
    training: bool = False
    in_place: bool = False
    strict: bool = False
    by: str | None = None
    depth: int | None = None
    sort: str | None = None
    top: int | None = None


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
    tables = [_priced(network.graph, request, device) for network in networks]
    selection = Selection(request.by, request.depth, request.sort, request.top)
    return of_tables(tables, selection, tuple(_reported(networks[0].spec)), HINT)


def of_tables(
    tables: Sequence[CostTable], selection: Selection | None = None, facts: Sequence[Fact] = (), hint: str = ""
) -> Answer:
    """Return the report of tables that are there; `facts` end the headline of one, and `hint` a report without time."""
    shown = selection or Selection()

    def rows() -> Any:
        from costmodel.render.data import rows_of

        return rows_of(tables, shown)

    def data() -> Any:
        from costmodel.render.data import as_data

        return as_data(tables, shown)

    return Answer(lambda: _page(facts, tables, shown, hint), rows, data)


def _require_all_priced(graphs: Iterable[LayerGraph]) -> None:
    from costmodel.reading.partial import require_all_priced

    for graph in graphs:
        require_all_priced(graph.title, graph.unpriced)


def _priced(graph: LayerGraph, request: Request, device: Device | None) -> CostTable:
    dtype = device.conditions.dtype if device is not None and request.dtype is None else request.dtype
    table = price(graph, request.batch, dtype, training=request.training, in_place=request.in_place)
    if device is not None:
        from costmodel.latency.predict import time

        table = time(table, device)
    if request.energy:
        from costmodel.latency.energy import with_energy

        table = with_energy(table, device)
    return table


def _page(facts: Sequence[Fact], tables: Sequence[CostTable], selection: Selection, untimed: str) -> Page:
    from costmodel.render import report

    energy = _energy_hint(tables[0])
    if len(tables) > 1:
        return report.compare(tables, selection, energy)
    notes = tables[0].totals.notes
    latency = untimed if notes is None else "; ".join(notes)
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
