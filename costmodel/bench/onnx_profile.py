"""What ONNX Runtime took for each node of a network, by its own profiler."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from costmodel.bench.measure import WARM_UPS, LayerTimes, Run
from costmodel.bench.onnx_nodes import layers_of
from costmodel.graph import LayerGraph

if TYPE_CHECKING:
    import onnx

SUFFIX = "_kernel_time"
"""What the profiler appends to a node's name."""


def number_nodes(model: onnx.ModelProto) -> None:
    """Name every node of a model after its place, so that what the profiler says can be told apart."""
    for number, node in enumerate(model.graph.node):
        node.name = str(number)


def times_of(graph: LayerGraph, nodes: Sequence[onnx.NodeProto], session: Any, run: Run, runs: int) -> list[LayerTimes]:
    """Run a session whose profiler is on, and return what it says of each node.

    Args:
        graph: the network.
        nodes: of its optimised export, as they were named before they were numbered.
        session: of the numbered nodes.
        run: one run of it.
        runs: how many count, after those that warm up.
    """
    for _ in range(WARM_UPS + runs):
        run()
    file = Path(session.end_profiling())
    events = json.loads(file.read_text("utf-8"))
    file.unlink()
    found: list[list[float]] = [[] for _ in nodes]
    for number, seconds in _durations(events, len(nodes)):
        found[number].append(seconds)
    layers = layers_of(graph, nodes)
    return [LayerTimes(tuple(paths), tuple(took[WARM_UPS:])) for paths, took in zip(layers, found, strict=True) if took]


def _durations(events: Iterable[dict[str, Any]], count: int) -> Iterable[tuple[int, float]]:
    """Yield each node's number and seconds in the order of the runs; nodes within loops are part of these."""
    for event in events:
        name = event.get("name", "")
        number = name.removesuffix(SUFFIX)
        if event.get("cat") == "Node" and name.endswith(SUFFIX) and number.isdigit() and int(number) < count:
            yield int(number), event["dur"] / 1e6
