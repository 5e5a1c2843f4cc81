"""Closed formulas of what a network costs."""

from __future__ import annotations

from dataclasses import dataclass

from costmodel.render import formula as render
from costmodel.render.answer import Answer
from costmodel.sources import Question
from costmodel.sweeps.closed import formulas
from costmodel.tasks.request import OfNetworks

OWN = ("latex", "python")
"""Formats that only formulas have."""


@dataclass(frozen=True)
class Request(OfNetworks):
    """Formulas of a network that is written as a spec (what `load` takes).

    names: what stays a symbol; none are width, or else resolution, and batch. blocks: whether each block has formulas
    too.
    """

    network: Question
    names: tuple[str, ...] = ()
    blocks: bool = False
    dtype: str = "float32"


def answer(request: Request) -> Answer:
    """Return the formulas, a row each.

    Raises:
        CostModelError: if SymPy is not installed, a name is unknown or shapes the network, or no polynomial is found.
    """
    spec = request.opened(request.network).needed_spec()
    found = formulas(spec, request.names or None, dtype=request.dtype)
    groups = {"": found.terms(found.total)}
    if request.blocks:
        groups |= {name: found.terms(measures) for name, measures in found.blocks.items()}
    sheet = render.Sheet(found.title, found.names, found.conditions, groups)
    return Answer(
        lambda: render.page(sheet),
        lambda: render.rows(sheet),
        lambda: render.data(sheet),
        own={
            "text": lambda screen: render.text(sheet),
            "latex": lambda screen: render.latex(sheet),
            "python": lambda screen: render.python(sheet),
        },
    )
