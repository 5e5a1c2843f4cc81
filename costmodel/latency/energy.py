"""Energy of one batch, two ways: operations and bytes at energies of a 45 nm chip, and measured power times predicted
time.

The first is a comparison between networks on an idealised chip (no leakage, no control, every byte from DRAM once),
not a wattmeter; the second is as good as the power that somebody measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from costmodel.errors import CostModelError, known_or_suggest
from costmodel.numbers.arithmetic import Number
from costmodel.pricing.table import CostTable

if TYPE_CHECKING:
    from costmodel.latency.device import Device


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
"""640 pJ for 32 bits, the low end of Horowitz's 1.3 to 2.6 nJ for 64 bits."""


def chip_energy(totals: Mapping[str, Number], dtype: str) -> dict[str, Number]:
    """Return the joules of a batch on a 45 nm chip: mult-adds, DRAM traffic with norms and activations fused, and
    their sum, by measure.

    Raises:
        CostModelError: if there is no published energy for the dtype.
    """
    unit = _operation(dtype)
    compute = totals["mult_adds"] * (unit.multiply_j + unit.add_j)
    memory = totals["fused_traffic_bytes"] * DRAM_J_PER_BYTE
    return {"mult_adds_j": compute, "dram_j": memory, "energy_j": compute + memory}


def device_energy(totals: Mapping[str, Number], device: Device) -> dict[str, Number]:
    """Return the joules of a batch: the power that the device draws above idle times the predicted time, with its
    interval, by measure.

    Raises:
        CostModelError: if nobody measured the device's power, or the totals carry no time.
    """
    if device.power_w is None:
        raise CostModelError(
            f"nobody measured the power of {device.name}; its file states none\n"
            "energy without a device is that of a 45 nm chip"
        )
    if "latency_s" not in totals:
        raise CostModelError("the table carries no time; time(table, device) adds it")
    joules = {f"energy{side}_j": device.power_w * totals[f"latency{side}_s"] for side in ("", "_low", "_high")}
    return {**joules, "power_w": device.power_w}


def with_energy(table: CostTable, device: Device | None = None) -> CostTable:
    """Return the table with the energy of its totals: of a 45 nm chip, or of `device`, on which the table was timed.

    Raises:
        CostModelError: as `chip_energy` and `device_energy` do.
    """
    totals = table.totals
    if device is not None:
        found, source = device_energy(totals.values, device), device.power_source
    else:
        found = chip_energy(totals.values, table.dtype)
        source = f"{_operation(table.dtype).source}; DRAM: {DRAM_SOURCE}"
    return replace(table, totals=totals.adding(found, energy_source=source))


def _operation(dtype: str) -> OperationEnergy:
    if dtype not in OPERATIONS:
        raise CostModelError(f"no published energy for {dtype}; {known_or_suggest(dtype, OPERATIONS)}")
    return OPERATIONS[dtype]
