"""A device with too few measurements for a fit, from one like it: all coefficients scaled by one factor."""

from __future__ import annotations

import math
from collections.abc import Sequence

from costmodel.bench.campaign import About
from costmodel.bench.fit import Sample
from costmodel.errors import CostModelError
from costmodel.latency.device import LEVEL, Conditions, Device, Interval
from costmodel.latency.predict import Clock

FEW_POINTS = math.log(2)
"""The half width of a profile that a point or two have scaled: a factor of two either way."""


def scale(device: Device, samples: Sequence[Sample], about: About, conditions: Conditions) -> Device:
    """Return `device` with all coefficients times one factor, so that it meets the few measurements there are of
    another device.

    Args:
        device: a measured device of the same kind: runtime, dtype, generation.
        samples: the measurements, counted as `device` counts (fused or not).
        about: what the new device's file says of it.
        conditions: of the new measurements.

    Raises:
        CostModelError: if there are no measurements.
    """
    if not samples:
        raise CostModelError("there is nothing to scale by: at least one measurement is needed")
    clock = Clock(device)
    ratios = [sample.seconds / clock.total(sample.kernels) for sample in samples]
    factor = math.exp(sum(map(math.log, ratios)) / len(ratios))
    terms = [term.model_copy(update={"seconds": float(f"{term.seconds * factor:.6g}")}) for term in device.model.terms]
    width = math.hypot(device.interval.half_width, FEW_POINTS / math.sqrt(len(samples)))
    why = f"that of {device.name} ({device.interval.half_width}) and of {len(samples)} measurement(s) that scale it"
    return device.model_copy(
        update={
            **about.fields,
            "conditions": conditions,
            "model": device.model.model_copy(update={"terms": terms}),
            "error": None,
            "interval": Interval(level_percent=100 * LEVEL, half_width=float(f"{width:.3g}"), why=why),
            "residuals": [],
        }
    )
