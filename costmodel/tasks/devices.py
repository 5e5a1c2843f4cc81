"""The devices that latency can be predicted for, and how far predictions are off."""

from __future__ import annotations

from dataclasses import dataclass

from costmodel.latency.device import device_files, read_device
from costmodel.render.answer import Answer, listing
from costmodel.render.latency import devices_columns, devices_rows


@dataclass(frozen=True)
class Request:
    """All of them."""


def answer(request: Request) -> Answer:
    """Return the list, a row each.

    Raises:
        CostModelError: if the file of one is wrong.
    """
    devices = [read_device(path) for _, path in sorted(device_files().items())]
    return listing(lambda: devices_columns(devices), devices_rows(devices))
