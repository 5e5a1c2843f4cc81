"""The budgets of `costmodel check`: limits, and growth since a revision."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from costmodel.cli.arguments import MOST_IMAGES
from costmodel.cli.output import screen
from costmodel.errors import CostModelError
from costmodel.judging.budget import Budget, Judged, judge, limit, read_budget, share
from costmodel.judging.budget import growth as grown
from costmodel.judging.revisions import NotThere, at_git, network, open_any
from costmodel.pricing import price
from costmodel.pricing.table import CostTable
from costmodel.spec.library import is_onnx
from costmodel.units import DTYPES

_OPTIONS = (
    click.option("--budget", type=click.Path(path_type=Path), metavar="FILE", help="Hold to the budgets in a file."),
    click.option(
        "--max", "limits", multiple=True, metavar="NAME=LIMIT", help="Hold to a limit: params=5M. Repeatable."
    ),
    click.option("--against", metavar="git:REV", help="Fail on growth since a revision."),
    click.option("--growth", metavar="N%", help="How much growth --against lets pass; 0% by default."),
    click.option("--batch", type=click.IntRange(1, MOST_IMAGES), metavar="N", help="Images at once, for budgets."),
    click.option("--dtype", type=click.Choice(list(DTYPES)), help="Of weights and activations, for budgets."),
)


@dataclass(frozen=True)
class Gate:
    """What `costmodel check` is to hold networks to, beside what they expect."""

    budget: Budget
    against: str | None
    growth: float
    batch: int
    dtype: str

    def __bool__(self) -> bool:
        return bool(self.budget.every or self.budget.networks or self.against)


def gate_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of the gate to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def gate(
    budget: Path | None,
    limits: Sequence[str],
    against: str | None,
    growth: str | None,
    batch: int | None,
    dtype: str | None,
) -> Gate:
    """Return the gate that the options ask for.

    Raises:
        UsageError: if an option would change nothing.
        CostModelError: if a limit, the budget file or the revision cannot be.
    """
    if against is not None and not against.startswith("git:"):
        raise CostModelError(f"--against {against}: write git:REVISION, as in git:main")
    if growth is not None and against is None:
        raise CostModelError("--growth says how much growth --against lets pass; give --against as well")
    if (batch or dtype) and budget is None and not limits and against is None:
        raise click.UsageError(
            "--batch and --dtype say how budgets are priced; give --budget, --max or --against as well"
        )
    held = read_budget(budget) if budget is not None else Budget()
    every = {**held.every, **dict(map(limit, limits))}
    percent = share(growth) if growth is not None else held.growth or 0.0
    merged = Budget(every, held.networks)
    return Gate(merged, against, percent, batch or held.batch or 1, dtype or held.dtype or "float32")


@dataclass(frozen=True)
class Judgement:
    """How the networks stand to their budgets, and notes."""

    budgets: tuple[Judged, ...]
    notes: tuple[str, ...]

    @property
    def broken(self) -> bool:
        """Whether a budget is broken."""
        return not all(one.kept for one in self.budgets)


def judge_all(gate: Gate, archs: Sequence[str]) -> Judgement:
    """Return how each network stands to each budget.

    Raises:
        CostModelError: if a network cannot be read, now or at the revision.
    """
    found: list[Judged] = []
    notes = [f"batch {gate.batch}, {gate.dtype}"]
    names = set()
    for arch in archs:
        table = _priced(arch, gate)
        names.add(table.name)
        found += judge(table, gate.budget.limits(table.name))
        if gate.against is not None:
            try:
                found += grown(_priced(at_git(gate.against, arch), gate), table, gate.growth)
            except NotThere:
                notes.append(f"{arch} is new since {gate.against}")
    for name in sorted(set(gate.budget.networks) - names):
        notes.append(f"the budget of {name} was not asked for: name its file too, FILE#VARIANT for a variant")
    return Judgement(tuple(found), tuple(notes))


def _priced(arch: str, gate: Gate) -> CostTable:
    return price(network(arch), gate.batch, gate.dtype)


def file_of(arch: str) -> Path:
    """Return the file that a name or a path (with ``#VARIANT`` after it) stands for."""
    path = arch.partition("#")[0]
    return Path(path if path.endswith((".yaml", ".yml")) or "/" in path or is_onnx(path) else open_any(arch).file)


def shown(judgement: Judgement | None, faults: Sequence[str], form: str, quiet: bool) -> str:
    """Return budgets in one of the formats; json and markdown say as well what else is wrong."""
    from costmodel.render import budget as render

    budgets = judgement.budgets if judgement else ()
    if form == "json":
        kept = not faults and not (judgement and judgement.broken)
        notes = judgement.notes if judgement else ()
        return render.as_json(kept=kept, faults=list(faults), budgets=render.as_data(budgets), notes=list(notes))
    page = render.page([one for one in budgets if not (quiet and one.kept)], judgement.notes if judgement else ())
    if form == "markdown":
        from costmodel.render.markdown import markdown

        return render.faults_as_markdown(faults) + (markdown(page) if judgement else "")
    from costmodel.render.text import text

    return "" if quiet and judgement and not judgement.broken else text(page, screen())
