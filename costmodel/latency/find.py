"""A device by its name: from its file, or from a datasheet, which scales the measured device most like it."""

from __future__ import annotations

from pathlib import Path

from costmodel.errors import CostModelError, known_or_suggest
from costmodel.latency.datasheets import Sheet, sheets
from costmodel.latency.device import Device, read_device
from costmodel.latency.transfer import of_sheet
from costmodel.spec.library import folders

WAYS = (
    "`costmodel devices` shows all, those of datasheets too",
    "`costmodel calibrate --name NAME` makes one of this machine",
    "`costmodel device-from DEVICE --peak 165TFLOP/s --bandwidth 1008GB/s --name NAME` makes one of a datasheet",
)
"""How to come by a device, a line each, for those who name one that is not there."""


def device_folders() -> list[Path]:
    """Return the folders in which devices are looked for by name, first come first served."""
    return [folder / "devices" for folder in folders()]


def device_files() -> dict[str, Path]:
    """Return the file of every device that has a name."""
    found: dict[str, Path] = {}
    for folder in device_folders():
        for path in sorted(folder.glob("*.yaml")):
            found.setdefault(path.stem, path)
    return found


def find_device(device: str | Path | Device) -> Device:
    """Return the device of a name or of the path of a file; a name that has no file may be one of the list of
    datasheets, where what was measured goes before what a datasheet says, by whichever of its names.

    Raises:
        CostModelError: if there is none, with the nearest names, or nothing like it was measured.
        SpecError: if its file is wrong.
    """
    if isinstance(device, Device):
        return device
    text = str(device)
    if isinstance(device, Path) or text.endswith((".yaml", ".yml")) or "/" in text:
        return read_device(Path(device))
    files = device_files()
    if text in files:
        return read_device(files[text])
    if text in sheets():
        sheet = sheets()[text]
        return read_device(files[sheet.name]) if sheet.name in files else device_of(sheet)
    raise CostModelError("\n".join([f"no device {text!r}; {known_or_suggest(text, [*files, *sheets()])}", *WAYS]))


def how_to_name(path: Path) -> str:
    """Return what names the device of a file: its name where that finds this file, else its path."""
    found = device_files().get(path.stem)
    if found is not None and found.resolve() == path.resolve():
        return path.stem
    text = str(path)
    return text if text.endswith((".yaml", ".yml")) or "/" in text else f"./{text}"


def device_of(sheet: Sheet) -> Device:
    """Return the device that a datasheet makes of the measured one most like it.

    Raises:
        CostModelError: if nothing like it was measured, at no dtype that it has.
    """
    if sheet.refused:
        raise CostModelError(f"{sheet.name} ({sheet.title}, known by its datasheet only): {sheet.refused}")
    return of_sheet(find_device(sheet.like), sheet)


def unmeasured() -> list[Sheet]:
    """Return the datasheets of devices that have no file of their own, each once."""
    files = device_files()
    return [sheet for name, sheet in sheets().items() if name == sheet.name and name not in files]
