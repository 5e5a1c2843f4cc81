"""The measures of a whole network by name, wherever they come from: prices, a training step, a device, energy."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from costmodel.errors import CostModelError
from costmodel.graph import LayerGraph
from costmodel.measures import MEASURES, names, needed
from costmodel.numbers.arithmetic import Number
from costmodel.pricing import price
from costmodel.pricing.memory.asked import NO_LEVELS, Levels
from costmodel.pricing.memory.frozen import with_frozen
from costmodel.pricing.memory.planned import planned, required
from costmodel.pricing.sums import PRICED, sums
from costmodel.pricing.table import CostTable

if TYPE_CHECKING:
    from costmodel.latency.device import Device

CHIP = ("mult_adds", "fused_traffic_bytes")
"""What energy on a 45 nm chip follows from."""


def askable(dtype: str, device: Device | None = None) -> tuple[str, ...]:
    """Return the names of the measures that a network has, on a device or on none."""
    from costmodel.latency.energy import OPERATIONS
    from costmodel.units import TRAINED

    energy = device.power_w is not None if device else dtype in OPERATIONS
    return names(
        {
            "",
            "memory",
            *(["training", "step"] if dtype in TRAINED else []),
            *(["device"] if device else []),
            *(["energy"] if energy else []),
        }
    )


def measured(
    graph: LayerGraph,
    wanted: Collection[str],
    batch: Number = 1,
    dtype: str | None = None,
    device: Device | None = None,
    levels: Levels = NO_LEVELS,
) -> dict[str, Number]:
    """Return the measures called `wanted` of a whole network, whose sizes may be arrays, without its table.

    Raises:
        CostModelError: if one needs a device or a runtime and there is none, or cannot be had of this one or at this
            dtype.
    """
    dtype = device.dtype_for(dtype) if device else dtype
    needs = needed(wanted)
    graph = with_frozen(graph, levels)
    reads = CHIP if "energy" in needs and device is None else ()
    found: dict[str, Any] = sums(graph, batch, dtype, [*dict.fromkeys((*(n for n in wanted if n in PRICED), *reads))])
    if not needs.isdisjoint({"memory", "step"}):
        found |= planned(graph, wanted, batch, dtype or graph.dtype, levels)
    if device is not None and needs & {"device", "energy"}:
        from costmodel.latency.predict import latency_of

        found |= latency_of(graph, device, batch)
    if "energy" in needs:
        from costmodel.latency.energy import chip_energy, device_energy

        found |= device_energy(found, device) if device else chip_energy(found, dtype or graph.dtype)
    return {name: _had(found, name, device) for name in wanted}


def table(
    graph: LayerGraph,
    wanted: Collection[str],
    batch: int | None = None,
    dtype: str | None = None,
    device: Device | None = None,
    levels: Levels = NO_LEVELS,
) -> CostTable:
    """Return the cost table of a network with all that `wanted` asks for, and its time where there is a device.

    Raises:
        CostModelError: as `measured` does.
    """
    require_device(wanted, device)
    found = priced(graph, batch, dtype, device, required(wanted, levels), "training" in needed(wanted))
    if "energy" in needed(wanted):
        from costmodel.latency.energy import with_energy

        found = with_energy(found, device)
    for name in wanted:
        _had(found.totals.values, name, device)
    return found


def priced(
    graph: LayerGraph,
    batch: int | None,
    dtype: str | None,
    device: Device | None,
    levels: Levels,
    training: bool = False,
) -> CostTable:
    """Return the cost table of a network at some levels, and its time where there is a device.

    Raises:
        CostModelError: if it cannot be priced so, or was measured there at another dtype.
    """
    dtype = device.dtype_for(dtype) if device else dtype
    found = price(graph, batch, dtype, training=levels.training or training, memory=levels.runtime)
    if device is None:
        return found
    from costmodel.latency.predict import time

    return time(found, device)


def require_device(wanted: Collection[str], device: Device | None) -> None:
    """Raise a CostModelError if a measure needs a device and there is none."""
    timed = [name for name in wanted if name in MEASURES and MEASURES[name].needs == "device"]
    if timed and device is None:
        raise CostModelError(f"{timed[0]} needs a device: add --device NAME; `costmodel devices` lists them")


def _had(values: Any, name: str, device: Device | None) -> Any:
    if name not in values:
        where = f"on {device.name}" if device else "without a device"
        raise CostModelError(f"there is no {name} {where}")
    return values[name]
