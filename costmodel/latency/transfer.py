"""A device nobody measured, from one that was: each coefficient scaled by the ratio of the datasheet figure that
bounds it.

How far that is off depends on the sort of device, and was found between devices that were both measured
(benchmarks/published/transfers.py), each network's family left out of the profile. GeForce cards scaled to one another:
mean error 8 to 15 %, the whole card off by up to 14 %. A workstation card bound by power: 18 to 29 %, always too fast,
as if its datasheet's clock were not held. GPUs of 2016 and 2017: 15 to 20 %, which is what their profiles are off by
themselves. GPUs of two vendors: 46 to 102 %. Boards with one design of core: 14 to 71 %. Two desktop processors: 14 and
31 %. What a transfer adds to a profile's interval is chosen for each sort so that 90 % of those rows lie within; asked
of GeForce cards that it was not chosen by, 88 % do.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping

from costmodel.documents.quantity import quantity
from costmodel.errors import CostModelError, known_or_suggest, quote
from costmodel.latency.datasheets import Sheet, Sort, sorts
from costmodel.latency.device import RATES, Device, Interval, Peak

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


def of_sheet(device: Device, sheet: Sheet) -> Device:
    """Return a measured device scaled to a datasheet, at the dtype that was measured.

    Raises:
        CostModelError: if either does not state a figure that this takes.
    """
    dtype = device.conditions.dtype
    if dtype not in sheet.flops_per_s or sheet.bytes_per_s is None:
        raise CostModelError(
            f"{sheet.name} can only be scaled from {device.name}, which was measured at {dtype}, and its datasheet "
            f"gives no rate at {dtype}"
        )
    return transfer(
        device,
        sheet.name,
        sheet.title,
        {PEAK: sheet.flops_per_s[dtype], BANDWIDTH: sheet.bytes_per_s},
        _command(device, sheet, dtype),
        sort=sheet.sort,
        peaks_source=sheet.source,
        threads=sheet.threads,
    )


def _command(device: Device, sheet: Sheet, dtype: str) -> str:
    """Return the command that makes the same device by hand."""
    words = ["costmodel", "device-from", device.name, "--peak", f"{sheet.flops_per_s[dtype] / 1e12:.10g}TFLOP/s"]
    words += ["--bandwidth", f"{(sheet.bytes_per_s or 0) / 1e9:.10g}GB/s"]
    return shlex.join([*words, "--name", sheet.name, "--title", sheet.title, "--sort", sheet.sort])


def transfer(
    device: Device,
    name: str,
    title: str,
    peaks: Mapping[Peak, float],
    made_by: str,
    *,
    sort: str | None = None,
    peaks_source: str = "",
    threads: int | None = None,
) -> Device:
    """Return `device` scaled to another's datasheet: compute by the ratio of peaks, bytes by that of bandwidths,
    overhead kept.

    Args:
        device: a measured device whose file states its own datasheet figures.
        name: of the new device.
        title: the same in words.
        peaks: flops_per_s and bytes_per_s of the new device.
        made_by: the command.
        sort: of `costmodel.latency.datasheets`; the least trusted where it is not said.
        peaks_source: where `peaks` are from.
        threads: of the new device, where it is a processor.

    Raises:
        CostModelError: if `device` does not state its datasheet figures, or was itself transferred; if there is no such
            sort.
    """
    _can_be_scaled(device)
    ratios = {
        "compute": device.peaks[PEAK] / peaks[PEAK],
        "memory": device.peaks[BANDWIDTH] / peaks[BANDWIDTH],
        "overhead": 1.0,
    }
    terms = [
        term.model_copy(update={"seconds": float(f"{term.seconds * ratios[term.bound]:.6g}")})
        for term in device.model.terms
    ]
    trusted = _sort(sort)
    how = (
        f"scaled from {device.name} by datasheet ratios: compute {1 / ratios['compute']:.3g} times, bytes "
        f"{1 / ratios['memory']:.3g} times as fast; not measured"
    )
    return device.model_copy(
        update={
            "name": name,
            "title": f"{title} (transferred from {device.name}, not measured)",
            "made_by": made_by,
            "source": how,
            "transferred_from": device.name,
            "machine": None,
            "conditions": device.conditions.model_copy(
                update={
                    "hardware": f"{title} (not measured)",
                    "threads": threads or device.conditions.threads,
                    "date": "",
                    "notes": how,
                }
            ),
            "model": device.model.model_copy(update={"terms": terms}),
            "error": None,
            "interval": _interval(device, trusted),
            "peaks": dict(peaks),
            "peaks_source": peaks_source,
            "power_w": None,
            "power_source": "",
            "layers": [],
            "residuals": [],
        }
    )


def _can_be_scaled(device: Device) -> None:
    """Raise a CostModelError unless the device was measured, and states what it is scaled by."""
    if not device.residuals:
        raise CostModelError(f"{device.name} was not measured itself; scale the device that it came from")
    missing = [_UNITS[key] for key in (PEAK, BANDWIDTH) if key not in device.peaks]
    if missing:
        why = f" ({device.peaks_source})" if device.peaks_source else ""
        raise CostModelError(
            f"{device.name} does not state its datasheet's {' and '.join(missing)}{why}; "
            "calibrate it with --peak and --bandwidth"
        )


def _sort(name: str | None) -> Sort:
    """Return the sort of a name, or the one that is trusted least."""
    if name is None:
        return max(sorts().values(), key=lambda sort: sort.half_width)
    if name not in sorts():
        raise CostModelError(f"no sort {quote(name)} of device; {known_or_suggest(name, sorts())}")
    return sorts()[name]


def _interval(device: Device, sort: Sort) -> Interval:
    """Return the interval of a transfer: the profile's own and what scaling adds, as independent errors."""
    own = device.interval.half_width
    return Interval(
        level_percent=device.interval.level_percent,
        half_width=float(f"{math.hypot(own, sort.half_width):.3g}"),
        unseen_factor=device.interval.unseen_factor,
        transferred=sort.half_width,
        why=f"that of {device.name} ({own}) and of a transfer to {sort.what} ({sort.half_width}: {sort.earned})",
    )
