"""How well a device's time model fits, and what it says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from costmodel.latency.find import find_device
from costmodel.render.answer import Answer
from costmodel.render.picture import check_picture, save_picture
from costmodel.tasks.device_file import of_device


@dataclass(frozen=True)
class Request:
    """A device by its name or path. plot: where its errors are drawn; measured: the log of its calibration, so that
    predicted is drawn against measured.
    """

    device: str
    plot: Path | None = None
    measured: Path | None = None


def answer(request: Request) -> Answer:
    """Return what the device's file says, and draw the picture where one is asked for.

    Raises:
        CostModelError: if there is no such device or log, or the picture cannot be put there.
    """
    check_picture(request.plot)
    device = find_device(request.device)
    if request.plot is not None:
        from costmodel.render.latency_plots import fit_chart

        times = _times(request.measured, device.conditions.threads) if request.measured else None
        save_picture(fit_chart(device, times), request.plot)
    return of_device(device)


def _times(log: Path, threads: int | None) -> dict[tuple[str, int], float]:
    from costmodel.bench.machine import read_measured

    return {(one.network, one.batch): one.seconds for one in read_measured(log, threads == 1)}
