"""What a neural network costs, before it is trained or run.

    >>> import costmodel as cm
    >>> table = cm.price(cm.load("mobilenet_v1", width=0.75))
    >>> table.totals.params, table.totals.mult_adds
    (2585560, 325400448)

`read` finds a spec by name or path; `load` also builds its graph; `price` returns one row a layer and the totals. Names
are imported when first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from costmodel.api import load as load
    from costmodel.api import read as read
    from costmodel.api import summary as summary
    from costmodel.errors import CostModelError as CostModelError
    from costmodel.errors import SpecError as SpecError
    from costmodel.execute import run as run
    from costmodel.execute import verify as verify
    from costmodel.graph import LayerGraph as LayerGraph
    from costmodel.judging.compare import diff as diff
    from costmodel.judging.compare import whatif as whatif
    from costmodel.latency.device import Device as Device
    from costmodel.latency.find import find_device as find_device
    from costmodel.latency.predict import time as time
    from costmodel.pricing import price as price
    from costmodel.pricing.memory.asked import Runtime as Runtime
    from costmodel.pricing.memory.asked import Training as Training
    from costmodel.pricing.table import CostTable as CostTable
    from costmodel.render.bars import plot as plot
    from costmodel.spec.document import Spec as Spec
    from costmodel.sweeps.closed import formulas as formulas
    from costmodel.sweeps.solve import Solution as Solution
    from costmodel.sweeps.verbs import solve as solve
    from costmodel.sweeps.verbs import sweep as sweep

__version__ = "0.1.0"

_WHERE = {
    "load": "costmodel.api",
    "read": "costmodel.api",
    "summary": "costmodel.api",
    "price": "costmodel.pricing",
    "time": "costmodel.latency.predict",
    "Device": "costmodel.latency.device",
    "find_device": "costmodel.latency.find",
    "run": "costmodel.execute",
    "verify": "costmodel.execute",
    "plot": "costmodel.render.bars",
    "diff": "costmodel.judging.compare",
    "whatif": "costmodel.judging.compare",
    "formulas": "costmodel.sweeps.closed",
    "sweep": "costmodel.sweeps.verbs",
    "solve": "costmodel.sweeps.verbs",
    "Solution": "costmodel.sweeps.solve",
    "CostModelError": "costmodel.errors",
    "SpecError": "costmodel.errors",
    "LayerGraph": "costmodel.graph",
    "CostTable": "costmodel.pricing.table",
    "Training": "costmodel.pricing.memory.asked",
    "Runtime": "costmodel.pricing.memory.asked",
    "Spec": "costmodel.spec.document",
}
__all__ = [*_WHERE, "__version__"]


_SHOWN = {
    "costmodel.graph.LayerGraph": {"_repr_html_": "graph_html", "whatif": "graph_whatif"},
    "costmodel.pricing.table.CostTable": {"_repr_html_": "table_html", "__str__": "table_text"},
    "costmodel.pricing.table.Totals": {"_repr_html_": "totals_html"},
}
"""What shows itself in a notebook or printed, or answers there, and the functions of `costmodel.notebook` that do it.
They are told here, at the front, because none of them knows of pages.
"""


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'costmodel' has no attribute {name!r}")
    found = getattr(import_module(_WHERE[name]), name)
    while _SHOWN:
        place, ways = _SHOWN.popitem()
        for way, drawer in ways.items():
            _show(place, way, drawer)
    return found


def _show(shown: str, way: str, drawer: str) -> None:
    """Give a class the method `way`, which asks a function of `costmodel.notebook`."""
    place, _, kind = shown.rpartition(".")

    def draw(value: Any, *asked: Any, **options: Any) -> Any:
        return getattr(import_module("costmodel.notebook"), drawer)(value, *asked, **options)

    setattr(getattr(import_module(place), kind), way, draw)


def __dir__() -> list[str]:
    return sorted(__all__)
