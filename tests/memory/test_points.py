"""Plans take plain numbers: of a graph of arrays, each point is the network that stands there."""

from __future__ import annotations

import numpy as np
import pytest

import costmodel as cm
from costmodel.graph import LayerGraph
from costmodel.pricing.memory import written
from costmodel.pricing.memory.planned import spread
from costmodel.sources import open as opened


def alive(graph: LayerGraph, batch: int) -> dict[str, int]:
    return {"alive": written.plan(graph, batch, None).bytes, "layers": len(graph)}


@pytest.mark.parametrize("name", ["mobilenet_v1", "mobilenet_v2"])
def test_every_point_is_the_network_at_its_values(name: str) -> None:
    widths, sizes, batches = np.array([0.5, 0.75, 1.0]), np.array([128, 224]), np.array([1, 3])
    axes = {"width": widths.reshape(3, 1, 1), "resolution": sizes.reshape(1, 2, 1), "batch": batches}
    found = spread(*opened(name).parametric().at(axes), alive)
    for place in np.ndindex(3, 2, 2):
        width, size, batch = float(widths[place[0]]), int(sizes[place[1]]), int(batches[place[2]])
        totals = cm.price(cm.load(name, width=width, resolution=size), batch).totals
        assert found["alive"][place] == totals.peak_live_bytes
        assert found["layers"][place] == totals.layers


def test_a_plain_network_is_answered_plainly() -> None:
    graph = cm.load("alexnet")
    assert spread(graph, 2, alive) == {"alive": cm.price(graph, 2).totals.peak_live_bytes, "layers": len(graph)}


def test_symbols_have_no_plan() -> None:
    import sympy

    size = sympy.Symbol("n", integer=True, positive=True)
    graph = LayerGraph("symbols", (3, size, size))
    with pytest.raises(cm.CostModelError, match="has no closed formula"):
        spread(graph, size, alive)
