"""`costmodel verify`: execute an architecture and compare with what was inferred."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import Any

import click

from costmodel.cli.arguments import ARCH, opened, resolution_option, set_option
from costmodel.cli.output import format_option, show
from costmodel.cli.progress import progress
from costmodel.execute import Check
from costmodel.graph import LayerGraph
from costmodel.numbers.arithmetic import show_shape
from costmodel.render.answer import Answer
from costmodel.render.page import Column, Page, Section

COUNTS = ("mult_adds", "performed", "params", "params_read")


@click.command("verify")
@click.argument("archs", metavar="ARCH...", nargs=-1, required=True, type=ARCH)
@set_option
@resolution_option
@click.option("--batch", type=click.IntRange(min=1), default=1, show_default=True, metavar="N", help="Images at once.")
@click.option("--seed", type=int, default=0, show_default=True, metavar="N", help="Of the random image and weights.")
@click.option("--layers", is_flag=True, help="Show every layer, not the sums alone.")
@format_option
@click.pass_context
def verify_command(
    ctx: click.Context,
    archs: tuple[str, ...],
    settings: tuple[str, ...],
    resolution: tuple[int, int] | None,
    batch: int,
    seed: int,
    layers: bool,
    form: str,
) -> None:
    """Execute a network in NumPy on a random image, and hold each layer's costs to what running it took.

    The shape of each output must be the inferred one, the multiplications performed must be its mult-adds, and the
    numbers read from its weights must be its params. The exit code is 1 if a layer differs.

    \b
    Examples:
      costmodel verify mobilenet_v1 --resolution 64
      costmodel verify resnet18 googlenet densenet121 --resolution 64
      costmodel verify my_net.yaml --layers
    """
    checked = [_verify(opened(arch, settings, resolution).graph, batch, seed) for arch in archs]
    show(Answer(lambda: _page(checked, layers), lambda: _rows(checked, layers), listing=True), form)
    if not all(check.ok for _, checks in checked for check in checks):
        ctx.exit(1)


Checked = Sequence[tuple[LayerGraph, Sequence[Check]]]


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


def _verify(graph: LayerGraph, batch: int, seed: int) -> tuple[LayerGraph, list[Check]]:
    """Verify one network, with a progress bar where a person watches."""
    from costmodel.execute import verify

    with progress("layers") as tell:
        places = count(1)
        return graph, verify(graph, batch, seed, lambda check: tell(next(places), len(graph), graph.name))


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
