"""The devices that latency can be predicted for, and how far predictions are off."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from costmodel.errors import CostModelError
from costmodel.latency.datasheets import Sheet
from costmodel.latency.device import Device, read_device
from costmodel.latency.find import device_files, unmeasured
from costmodel.latency.transfer import of_sheet
from costmodel.render.answer import Answer
from costmodel.render.latency import devices_page, devices_rows, sheets_rows


@dataclass(frozen=True)
class Request:
    """All of them."""


def answer(request: Request) -> Answer:
    """Return the list, a row each; those that only datasheets know stand apart.

    Raises:
        CostModelError: if the file of one is wrong.
    """
    devices = {name: read_device(path) for name, path in sorted(device_files().items())}
    sheets = [(sheet, _transferred(sheet, devices)) for sheet in unmeasured()]
    return Answer(
        lambda: devices_page([*devices.values()], sheets),
        lambda: [*devices_rows([*devices.values()]), *sheets_rows(sheets)],
        listing=True,
    )


def _transferred(sheet: Sheet, devices: Mapping[str, Device]) -> Device | None:
    """Return what a datasheet makes of the measured device most like it, or None where it makes nothing."""
    with suppress(CostModelError):
        return of_sheet(devices[sheet.like], sheet) if sheet.like in devices else None
    return None
