"""What a device's own table holds of a network: the seconds measured of the very run that a prediction is asked of.

A network is the same by what it is, not by how it was asked for: a bundled spec with the same parameters, and the same
layers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from costmodel.documents.bundled import is_bundled
from costmodel.documents.scalars import scalar
from costmodel.graph import LayerGraph
from costmodel.latency.device import Device
from costmodel.numbers.arithmetic import Number, Shape, is_array

if TYPE_CHECKING:
    from costmodel.pricing.table import CostTable
    from costmodel.spec import Spec

Looks = Sequence[tuple[str, Shape]]
"""The operator and output of each layer."""


def words_of(network: str) -> tuple[str, dict[str, Any]]:
    """Return the architecture and the parameters of a text like ``mobilenet_v1 width=0.5``."""
    architecture, *parts = network.split()
    return architecture, {name: scalar(value) for name, _, value in (part.partition("=") for part in parts)}


def measured_of_table(device: Device, table: CostTable) -> float | None:
    """Return the seconds that the device's table holds of a priced network; None where it does not."""
    looks = list(zip(table.columns["op"], table.columns["output_shape"], strict=True))
    return _measured(device, table.file, table.parameters, table.batch, looks)


def measured_of_graph(device: Device, graph: LayerGraph, batch: Number) -> float | None:
    """Return the seconds that the device's table holds of a network at a batch; None where it does not."""
    return _measured(device, graph.file, graph.parameters, batch, _looks(graph))


def _measured(device: Device, file: str, parameters: Mapping[str, Any], batch: Number, looks: Looks) -> float | None:
    one_network = not any(map(is_array, (batch, *parameters.values())))
    if not device.residuals or not one_network or not file.endswith((".yaml", ".yml")) or not is_bundled(file):
        return None
    spec = _spec(file)
    for network, at, _, seconds, _ in device.residuals:
        if at != batch:
            continue
        architecture, values = words_of(network)
        if architecture not in (spec.name, *spec.variants):
            continue
        one = _chosen(spec, architecture, values)
        if dict(one.parameters) == dict(parameters) and _expanded(one) == looks:
            return seconds
    return None


def _looks(graph: LayerGraph) -> Looks:
    return [(layer.op.name, layer.shape) for layer in graph.layers]


def _expanded(spec: Spec) -> Looks:
    from costmodel.spec import expand

    return _looks(expand(spec))


def _chosen(spec: Spec, architecture: str, values: Mapping[str, Any]) -> Spec:
    chosen = spec.choose(architecture) if architecture in spec.variants else spec
    return chosen.set(**values)


@lru_cache(maxsize=8)
def _spec(file: str) -> Spec:
    from costmodel.spec.library import read_file

    return read_file(Path(file))
