"""What questions about a grid of networks share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from costmodel.errors import CostModelError
from costmodel.render.page import Section
from costmodel.tasks.request import OfMemory, OfNetworks, found_device

if TYPE_CHECKING:
    from costmodel.sources import Question as Network
    from costmodel.sweeps.question import LeftOut, Question

MANY = 10**9
"""Points from which on somebody has to say that so many are meant."""


@dataclass(frozen=True)
class OfGrid(OfMemory, OfNetworks):
    """A network (what `load` takes: a spec, or an ONNX file of open sizes), and the values of its parameters and of
    batch that make a grid.

    vary: each as ``width=0.25:1.5:0.05`` or ``batch=1,8``. workers: processes to use; cluster: or else the address of a
    Dask scheduler. yes: go ahead with more than `MANY` points.
    """

    network: Network
    vary: tuple[str, ...]
    dtype: str | None = None
    device: str | None = None
    workers: int = 1
    cluster: str | None = None
    yes: bool = False

    def question(self, **asked: Any) -> Question:
        """Return the question that a sweep answers; `asked` is what `costmodel.sweeps.question.ask` takes besides.

        Raises:
            CostModelError: if the network, a value or something asked cannot be.
        """
        from costmodel.sweeps.question import ask
        from costmodel.sweeps.ranges import parse_vary

        device = found_device(self.device)
        network = self.opened(self.network).parametric()
        axes = [parse_vary(text) for text in self.vary]
        return ask(network, axes, dtype=self.dtype, device=device, levels=self.levels(), **asked)

    def refuse_too_many(self, question: Question) -> None:
        """Raise a CostModelError unless there are few enough points, or so many are meant."""
        if question.points.count > MANY and not self.yes:
            raise CostModelError(
                f"these ranges make {question.points.count:,} points; narrow them, or add --yes to go ahead"
            )


def left_out_rows(entries: Iterable[LeftOut]) -> list[dict[str, Any]]:
    """Return what is no network as plain data."""
    return [{"count": entry.count, "reason": entry.reason, "example": dict(entry.example)} for entry in entries]


def noted(rows: Sequence[dict[str, Any]], notes: Sequence[str]) -> list[dict[str, Any]]:
    """Return rows for a format that has no other place for notes, with these in each, where there are any."""
    return [{**row, "notes": list(notes)} if notes else row for row in rows]


def left_out_line(entry: LeftOut) -> str:
    """Say how many points are no network and why."""
    at = ", ".join(f"{name} = {value}" for name, value in entry.example.items())
    return f"{entry.count:,} left out, {entry.what}: {entry.reason} (first at {at})"


def table(title: str, rows: list[dict[str, Any]], question: Question, note: str = "") -> Section:
    """Return points as a table: parameters, then measures."""
    from costmodel.render.pareto import columns_of

    return Section(title, columns_of(rows, question.measures, question.sample(rows[0])), note)
