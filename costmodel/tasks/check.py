"""Whether networks cost what they expect, and keep to their budgets."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from costmodel.errors import CostModelError
from costmodel.judging.expected import Verdict, hold
from costmodel.judging.gate import gate, judge_all
from costmodel.judging.limits import read_budget
from costmodel.render import verdicts as render
from costmodel.render.answer import Answer
from costmodel.spec.library import files
from costmodel.tasks.request import OfMemory, OfNetworks, Tell, unheard


@dataclass(frozen=True)
class Request(OfMemory, OfNetworks):
    """Whether networks can be built, are what they expect, and keep to budgets.

    networks: what `load` takes; none are all that have a name. quiet: whether only what is wrong is shown. The rest is
    as `costmodel.judging.gate.gate` takes it.
    """

    networks: tuple[str, ...] = ()
    quiet: bool = False
    budget: Path | None = None
    limits: tuple[str, ...] = ()
    floors: tuple[str, ...] = ()
    against: str | None = None
    allow_new: bool = False
    allow_partial: bool = False
    growth: str | None = None
    batch: int | None = None
    dtype: str | None = None
    device: str | None = None
    at: str | None = None

    @property
    def judges(self) -> bool:
        """Whether it names a budget."""
        return self.budget is not None or bool(self.limits or self.floors) or self.against is not None

    @property
    def sets(self) -> bool:
        """Whether something of the networks is set."""
        return bool(self.parameters or self.resolution or self.inputs or self.keywords or self.in_eval)


def device_of(budget: Path) -> str | None:
    """Return the device that a budget's file names, None where it names none or cannot be read."""
    try:
        return read_budget(budget).device
    except CostModelError:
        return None


def answer(request: Request, tell: Tell = unheard) -> Answer:
    """Return what the files and budgets came to; a no where one fails. Budgets are looked at where every file is right.

    Raises:
        CostModelError: if a file cannot be read at all, or the budgets cannot be, or sizes are set of one side of a
            comparison.
    """
    if request.against is not None and request.sets:
        raise CostModelError(
            "--against compares files as they are; --set, --resolution, --input, --arg and --eval change one side alone"
        )
    held = gate(
        request.budget,
        request.limits,
        request.floors,
        request.against,
        request.allow_new,
        request.allow_partial,
        request.growth,
        request.batch,
        request.dtype,
        request.device,
        request.at,
        request.levels(),
    )
    asked = request.networks or tuple(map(str, files()))
    verdicts: dict[str, Verdict] = {}
    found = []
    for place, network in enumerate(asked):
        tell(place, len(asked), network)
        if (source := hold(network, verdicts, request.opened)) is not None:
            found.append(source)
    unbuilt = any(verdict.unbuilt for verdict in verdicts.values())
    judged = judge_all(held, found) if held and not unbuilt else None
    return Answer(
        lambda: render.page(verdicts, judged, request.quiet),
        lambda: render.rows(verdicts, judged),
        lambda: render.data(verdicts, judged),
        render.COLUMNS,
        own={"text": lambda screen: render.as_text(verdicts, judged, request.quiet, screen)},
        yes=not render.faults(verdicts) and not (judged is not None and judged.broken),
    )
