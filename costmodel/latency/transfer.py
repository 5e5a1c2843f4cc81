"""A device nobody measured, from one that was: each coefficient scaled by the ratio of the datasheet figure that
bounds it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from costmodel.documents.quantity import quantity
from costmodel.errors import CostModelError, quote
from costmodel.latency.device import RATES, Device, Peak

EARNED = 0.19
"""The half width that a transfer adds. The RTX 3090's profile, scaled by datasheet ratios, predicts 20 published
throughputs
of the RTX 4090 with a mean error of 8.6 % and of the RTX 5090 with 9.2 % (benchmarks/published/transfer.csv); with this
added to the profile's own interval, all 40 lie within.
"""
PEAK: Peak = "flops_per_s"
BANDWIDTH: Peak = "bytes_per_s"
_UNITS: dict[str, str] = {PEAK: "FLOP/s", BANDWIDTH: "B/s"}


def rates(peak: str | None, bandwidth: str | None) -> dict[Peak, float]:
    """Return the datasheet figures that --peak and --bandwidth give, those that were given.

    Raises:
        CostModelError: if one is not in its unit, or no machine's.
    """
    given: dict[Peak, tuple[str, str | None]] = {PEAK: ("--peak", peak), BANDWIDTH: ("--bandwidth", bandwidth)}
    return {of: _rate(option, text, of) for of, (option, text) in given.items() if text is not None}


def _rate(option: str, text: str, of: Peak) -> float:
    try:
        found = float(quantity(text, _UNITS[of], bare=False))
    except CostModelError as error:
        raise CostModelError(f"{option} {error}") from None
    least, most = RATES
    if not least <= found <= most:
        unit = _UNITS[of]
        raise CostModelError(f"{option}: {quote(text)} is no machine's; it lies between {least:g} and {most:g} {unit}")
    return found


def transfer(device: Device, name: str, title: str, peaks: Mapping[Peak, float], made_by: str) -> Device:
    """Return `device` scaled to another's datasheet: compute by the ratio of peaks, bytes by that of bandwidths,
    overhead kept.

    Args:
        device: a measured device whose file states its own datasheet figures.
        name: of the new device.
        title: the same in words.
        peaks: flops_per_s and bytes_per_s of the new device.
        made_by: the command.

    Raises:
        CostModelError: if `device` does not state its datasheet figures, or was itself transferred.
    """
    missing = [_UNITS[key] for key in (PEAK, BANDWIDTH) if key not in device.peaks]
    if missing:
        raise CostModelError(
            f"{device.name} does not state its datasheet's {' and '.join(missing)}; "
            "calibrate it with --peak and --bandwidth"
        )
    if not device.residuals:
        raise CostModelError(f"{device.name} was not measured itself; scale the device that it came from")
    ratios = {
        "compute": device.peaks[PEAK] / peaks[PEAK],
        "memory": device.peaks[BANDWIDTH] / peaks[BANDWIDTH],
        "overhead": 1.0,
    }
    terms = [
        term.model_copy(update={"seconds": float(f"{term.seconds * ratios[term.bound]:.6g}")})
        for term in device.model.terms
    ]
    width = math.hypot(device.interval.half_width, EARNED)
    return device.model_copy(
        update={
            "name": name,
            "title": title,
            "made_by": made_by,
            "source": f"scaled from {device.name} by datasheet ratios: compute {1 / ratios['compute']:.3g} times, "
            f"bytes {1 / ratios['memory']:.3g} times as fast; not measured",
            "conditions": device.conditions.model_copy(update={"hardware": f"{title} (not measured)"}),
            "model": device.model.model_copy(update={"terms": terms}),
            "error": None,
            "interval": device.interval.model_copy(
                update={
                    "half_width": float(f"{width:.3g}"),
                    "coverage_percent": None,
                    "why": f"that of {device.name} ({device.interval.half_width}) and of a transfer ({EARNED}), "
                    "as independent errors",
                }
            ),
            "peaks": dict(peaks),
            "power_w": None,
            "power_source": "",
            "residuals": [],
        }
    )
