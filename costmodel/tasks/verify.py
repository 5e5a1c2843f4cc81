"""Whether executing a network takes what was inferred of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any, TypeAlias

from costmodel.graph import LayerGraph
from costmodel.numbers.arithmetic import show_shape
from costmodel.render.answer import Answer
from costmodel.render.page import Column, Page, Section
from costmodel.sources import Question
from costmodel.tasks.request import OfNetworks, Tell, unheard

if TYPE_CHECKING:
    from costmodel.execute import Check

COUNTS = ("mult_adds", "performed", "params", "params_read")


@dataclass(frozen=True)
class Request(OfNetworks):
    """Whether networks (what `load` takes) do what was inferred, on random images. layers: whether each is shown."""

    networks: tuple[Question, ...]
    batch: int = 1
    seed: int = 0
    layers: bool = False


def answer(request: Request, tell: Tell = unheard) -> Answer:
    """Return what executing took, beside what was inferred; a no where a layer differs.

    Raises:
        CostModelError: if a network cannot be had or executed.
    """
    from costmodel.execute import verify

    graphs = [request.opened(network).graph for network in request.networks]
    places, layers = count(1), sum(map(len, graphs))
    checked = []
    for graph in graphs:
        heard = partial(_tell_layer, tell, places, layers, graph.name)
        checked.append((graph, verify(graph, request.batch, request.seed, heard)))
    return Answer(
        lambda: _page(checked, request.layers),
        lambda: _rows(checked, request.layers),
        listing=True,
        yes=all(check.ok for _, checks in checked for check in checks),
    )


Checked: TypeAlias = "Sequence[tuple[LayerGraph, Sequence[Check]]]"


def _tell_layer(tell: Tell, places: Iterator[int], layers: int, network: str, check: Check) -> None:
    """Tell that one more layer is done."""
    tell(next(places), layers, network)


def _page(checked: Checked, layers: bool) -> Page:
    sections = [Section(graph.title, _layer_columns(checks)) for graph, checks in checked if layers]
    wrong = [
        f"{graph.name}: {check.path} ({check.op}): {'; '.join(check.problems)}"
        for graph, checks in checked
        for check in checks
        if not check.ok
    ]
    told = [Section("", [Column("what differs", wrong, left=True, prose=True)])] if wrong else []
    return Page("", sections=[*sections, Section("", _sums(checked)), *told])


def _rows(checked: Checked, layers: bool) -> list[dict[str, Any]]:
    """Return raw numbers: a row for each layer, or for each network with its sums."""
    every = [
        {"network": graph.name, "layer": check.path, "op": check.op}
        | {name: getattr(check, name) for name in ("inferred_shape", "executed_shape", *COUNTS, "ok")}
        for graph, checks in checked
        for check in checks
    ]
    if layers:
        return every
    return [
        {"network": graph.name, "layers": len(checks)}
        | {name: sum(getattr(check, name) for check in checks) for name in COUNTS}
        | {"ok": all(check.ok for check in checks)}
        for graph, checks in checked
    ]


def _layer_columns(checks: Sequence[Check]) -> list[Column]:
    return [
        Column("layer", [check.path for check in checks], left=True),
        Column("operator", [check.op for check in checks], left=True),
        Column("inferred", [show_shape(check.inferred_shape) for check in checks], left=True),
        Column("executed", [show_shape(check.executed_shape) for check in checks], left=True),
        Column("mult-adds", [f"{check.mult_adds:,}" for check in checks]),
        Column("performed", [f"{check.performed:,}" for check in checks]),
        Column("params", [f"{check.params:,}" for check in checks]),
        Column("read", [f"{check.params_read:,}" for check in checks]),
        Column("", ["ok" if check.ok else "differs" for check in checks], left=True),
    ]


def _sums(checked: Checked) -> list[Column]:
    """Return a table with a row for each network."""

    def total(name: str) -> list[str]:
        return [f"{sum(getattr(check, name) for check in checks):,}" for _, checks in checked]

    wrong = [sum(not check.ok for check in checks) for _, checks in checked]
    return [
        Column("network", [graph.name for graph, _ in checked], left=True),
        Column("input", [show_shape(graph.input_shape) for graph, _ in checked], left=True, rank=1),
        Column("layers", [f"{len(checks):,}" for _, checks in checked], rank=2),
        Column("mult-adds", total("mult_adds")),
        Column("performed", total("performed")),
        Column("params", total("params")),
        Column("read", total("params_read")),
        Column("", [f"{count} differ" if count else "all agree" for count in wrong], left=True),
    ]
