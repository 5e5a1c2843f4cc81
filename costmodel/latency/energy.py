"""Energy of one batch, two ways: operations and bytes at energies of a 45 nm chip, and measured power times predicted
time.

The first is a comparison between networks on an idealised chip (no leakage, no control, every byte from DRAM once),
not a wattmeter; the second is as good as the power that somebody measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from costmodel.errors import CostModelError, known_or_suggest
from costmodel.latency.device import Device
from costmodel.pricing.table import CostTable


@dataclass(frozen=True)
class OperationEnergy:
    """Joules of a multiplication and an addition, with where they stand."""

    multiply_j: float
    add_j: float
    source: str


HOROWITZ = "Horowitz, ISSCC 2014, 45 nm at 0.9 V"
OPERATIONS: Mapping[str, OperationEnergy] = {
    "float32": OperationEnergy(3.7e-12, 0.9e-12, HOROWITZ),
    "float16": OperationEnergy(1.1e-12, 0.4e-12, HOROWITZ),
    "int8": OperationEnergy(0.2e-12, 0.1e-12, f"{HOROWITZ}; 8-bit product, 32-bit sum"),
}
DRAM_J_PER_BYTE = 640e-12 / 4
DRAM_SOURCE = "Han et al. 2015, arXiv:1506.02626, figure 1"
"""640 pJ for 32 bits, the low end of Horowitz's 1.3 to 2.6 nJ for 64
bits.
"""


def chip_energy(table: CostTable) -> dict[str, Any]:
    """Return the joules of a batch on a 45 nm chip: mult-adds, DRAM traffic with norms and activations fused, and
    their sum.

    Raises:
        CostModelError: if there is no published energy for the table's dtype.
    """
    if table.dtype not in OPERATIONS:
        raise CostModelError(f"no published energy for {table.dtype}; {known_or_suggest(table.dtype, OPERATIONS)}")
    unit = OPERATIONS[table.dtype]
    compute = table.totals.mult_adds * (unit.multiply_j + unit.add_j)
    memory = table.totals.fused_traffic_bytes * DRAM_J_PER_BYTE
    return {
        "mult_adds_j": compute,
        "dram_j": memory,
        "energy_j": compute + memory,
        "source": f"{unit.source}; DRAM: {DRAM_SOURCE}",
    }


def device_energy(timed: CostTable, device: Device) -> dict[str, Any]:
    """Return the joules of a batch: the power that the device draws above idle times the predicted time, with its
    interval.

    Raises:
        CostModelError: if nobody measured the device's power, or the table carries no time.
    """
    latency = timed.totals.latency
    if device.power_w is None:
        raise CostModelError(
            f"nobody measured the power of {device.name}; its file states none\n"
            "energy without a device is that of a 45 nm chip"
        )
    if latency is None:
        raise CostModelError("the table carries no time; time(table, device) adds it")
    return {
        "energy_j": device.power_w * latency["latency_s"],
        "energy_low_j": device.power_w * latency["latency_low_s"],
        "energy_high_j": device.power_w * latency["latency_high_s"],
        "power_w": device.power_w,
        "source": device.power_source,
    }


def with_energy(table: CostTable, device: Device | None = None) -> CostTable:
    """Return the table with `totals.energy`: of a 45 nm chip, or of `device`, on which the table was timed.

    Raises:
        CostModelError: as `chip_energy` and `device_energy` do.
    """
    found = device_energy(table, device) if device else chip_energy(table)
    return replace(table, totals=replace(table.totals, energy=found))
