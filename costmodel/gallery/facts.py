"""What claims are decided by: the prices of bundled networks, what was reported of them, measured times, devices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from costmodel.bench.log import read_log, read_setting
from costmodel.bench.quality import summarize
from costmodel.errors import CostModelError
from costmodel.graph import LayerGraph
from costmodel.latency.device import Device
from costmodel.latency.find import device_files, find_device
from costmodel.pricing import CostTable, Totals, price
from costmodel.spec import Spec, expand, find


@dataclass(frozen=True)
class Log:
    """Times that were measured on one machine.

    name: that of the file, and of the device fitted to it; setting: what it was measured with, in words; seconds: what
    a network took, by its name and batch: the lowest of all rounds.
    """

    name: str
    setting: str
    seconds: Mapping[tuple[str, int], float]

    def at(self, batch: int, networks: Iterable[str]) -> dict[str, float]:
        """Return the seconds an image of those networks that were measured at a batch, in their order."""
        return {name: self.seconds[name, batch] / batch for name in networks if (name, batch) in self.seconds}

    def batches(self, network: str) -> list[int]:
        """Return the batches that a network was measured at, the smallest first."""
        return sorted(batch for name, batch in self.seconds if name == network)


def read_logs(folder: Path) -> list[Log]:
    """Return the logs of calibrations that lie in a folder, by name.

    Raises:
        CostModelError: if there is none, or one cannot be read.
    """
    found = [_read(path) for path in sorted(folder.glob("*.csv")) if ".layers" not in path.suffixes]
    if not found:
        raise CostModelError(
            f"{folder}: there is no log of measurements (*.csv), which the claims about time are decided by\n"
            "run this in a clone of the repository, or name a folder of logs: --measurements FOLDER"
        )
    return found


def _read(path: Path) -> Log:
    setting = read_setting(path)
    measured = summarize(read_log(path), single_thread=setting.threads == 1)
    return Log(path.stem, str(setting), {(one.network, one.batch): one.seconds for one in measured})


class Facts:
    """All that a claim may be decided by. Networks are built and priced once, however many claims ask for them."""

    def __init__(self, logs: Iterable[Log] = ()) -> None:
        self.logs = tuple(logs)
        self._graphs: dict[Any, LayerGraph] = {}
        self._tables: dict[Any, CostTable] = {}
        self._devices: dict[str, Device] = {}

    def spec(self, name: str) -> Spec:
        """Return a bundled network's spec."""
        return find(name)

    def graph(self, name: str, **parameters: Any) -> LayerGraph:
        """Return a bundled network."""
        key = name, tuple(parameters.items())
        if key not in self._graphs:
            self._graphs[key] = expand(self.spec(name).set(**parameters))
        return self._graphs[key]

    def table(self, name: str, *, batch: int = 1, dtype: str = "float32", **parameters: Any) -> CostTable:
        """Return the price of a network."""
        key = name, batch, dtype, tuple(parameters.items())
        if key not in self._tables:
            self._tables[key] = price(self.graph(name, **parameters), batch, dtype)
        return self._tables[key]

    def totals(self, name: str, **parameters: Any) -> Totals:
        """Return what a whole network costs, for one image."""
        return self.table(name, **parameters).totals

    def step(self, name: str) -> Totals:
        """Return the same with the costs of training on one image."""
        return price(self.graph(name), 1, training=True).totals

    def giga(self, name: str) -> float:
        """Return the mult-adds of one image in G."""
        return float(self.totals(name).mult_adds) / 1e9

    def conv_mult_adds(self, name: str) -> int:
        """Return the mult-adds of one image without those of fully connected layers."""
        return sum(row["mult_adds"] for row in self.table(name) if row["kind"] != "linear")

    def top1(self, names: Iterable[str]) -> dict[str, float]:
        """Return the reported ImageNet top-1 accuracy in percent of those networks that have one."""
        reported = {name: self.spec(name).reported for name in names}
        return {name: float(facts["top1"]) for name, facts in reported.items() if "top1" in facts}

    def device_names(self) -> list[str]:
        """Return the devices that come with the package, by name."""
        return sorted(device_files())

    def device(self, name: str) -> Device | None:
        """Return a device, None if there is none of that name."""
        if name not in self._devices and name in device_files():
            self._devices[name] = find_device(name)
        return self._devices.get(name)


def label(spec: Spec) -> str:
    """Return what a picture calls a network: its title without what it adds in brackets or after a comma."""
    return spec.title.split(" (")[0].split(",")[0]
