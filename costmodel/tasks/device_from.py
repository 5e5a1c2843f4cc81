"""A device that nobody measured, scaled from one that was."""

from __future__ import annotations

from dataclasses import dataclass

from costmodel.latency.find import find_device
from costmodel.latency.transfer import rates, transfer
from costmodel.render.answer import Answer
from costmodel.tasks.device_file import OfNewDevice, of_device, write


@dataclass(frozen=True, kw_only=True)
class Request(OfNewDevice):
    """The measured device (its name or path), and the new one's figures: ``165TFLOP/s`` and ``1008GB/s``; sort: which
    of `costmodel.latency.datasheets` it is, that its interval is known.
    """

    device: str
    peak: str
    bandwidth: str
    sort: str | None = None


def answer(request: Request) -> Answer:
    """Return what the new device's file says, and write it.

    Raises:
        CostModelError: if there is no such device, a figure cannot be, or the file cannot be written there.
    """
    request.check()
    found = rates(request.peak, request.bandwidth)
    title = request.title or request.name
    made = transfer(find_device(request.device), request.name, title, found, request.made_by, sort=request.sort)
    write(made, request.path)
    return of_device(made)
