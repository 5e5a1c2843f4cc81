"""Facts of which some are others, for tests that a claim's verdict moves with them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from costmodel.gallery.facts import Facts, Log
from costmodel.latency.device import Device
from costmodel.pricing import CostTable, Totals


class Otherwise(Facts):
    """Facts of which some are others: totals, columns of tables and accuracies by network; only these devices."""

    def __init__(
        self,
        *logs: Log,
        totals: Mapping[str, Mapping[str, Any]] | None = None,
        top1: Mapping[str, float] | None = None,
        columns: Mapping[str, Mapping[str, Any]] | None = None,
        devices: Mapping[str, Device] | None = None,
    ) -> None:
        super().__init__(logs)
        self.changed, self.said, self.columns, self.only = totals or {}, top1 or {}, columns or {}, devices

    def totals(self, name: str, **parameters: Any) -> Totals:
        return super().totals(name, **parameters).adding(self.changed.get(name, {}))

    def step(self, name: str) -> Totals:
        return super().step(name).adding(self.changed.get(name, {}))

    def table(self, name: str, **asked: Any) -> CostTable:
        table = super().table(name, **asked)
        more = {column: [value] * len(table) for column, value in self.columns.get(name, {}).items()}
        return table.with_columns(**more)

    def top1(self, names: Iterable[str]) -> dict[str, float]:
        return {name: self.said.get(name, top1) for name, top1 in super().top1(names).items()}

    def device_names(self) -> list[str]:
        return super().device_names() if self.only is None else sorted(self.only)

    def device(self, name: str) -> Device | None:
        return super().device(name) if self.only is None else self.only.get(name)
