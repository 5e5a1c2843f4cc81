"""What questions that make a device share: where its file is put, and how it looks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from costmodel.documents.safe_text import safe
from costmodel.documents.write import make_folder, write_whole
from costmodel.errors import CostModelError
from costmodel.latency.device import Device, check_name, to_yaml
from costmodel.render.answer import Answer
from costmodel.render.latency import device_page, devices_rows


@dataclass(frozen=True, kw_only=True)
class OfNewDevice:
    """A device that is made: its name, the same in words, the command that makes it, and where its file goes.

    output: specs/devices/NAME.yaml where it is not given. force: write over what is there.
    """

    name: str
    title: str | None = None
    made_by: str = ""
    output: Path | None = None
    force: bool = False

    @property
    def path(self) -> Path:
        """The device's file."""
        return self.output or Path("specs/devices") / f"{self.name}.yaml"

    def check(self) -> None:
        """Raise a CostModelError if the name cannot be one, or its file is there and may not be written over."""
        check_name(self.name)
        if self.path.exists() and not self.force:
            raise CostModelError(f"{self.path} exists; --force overwrites it")


def write(device: Device, path: Path) -> None:
    """Write a device's file, and the folder that it is to lie in.

    Raises:
        CostModelError: if either cannot be written.
    """
    make_folder(path.parent)
    write_whole(path, safe(to_yaml(device)))


def of_device(device: Device) -> Answer:
    """Return everything that a device's file says of its fit."""
    return Answer(lambda: device_page(device), lambda: devices_rows([device]), lambda: device.model_dump(mode="json"))
