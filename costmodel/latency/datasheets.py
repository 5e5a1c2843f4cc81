"""What datasheets say of devices nobody measured here: the list in `datasheets.yaml`, each figure with its source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from costmodel.documents.quantity import quantity
from costmodel.documents.text import parse, read_text
from costmodel.units import DTYPES

LIST = Path(__file__).with_name("datasheets.yaml")


@dataclass(frozen=True)
class Sort:
    """Devices that are scaled with the same trust.

    what: which they are. half_width: what scaling adds to a profile's interval, and earned: on which measured devices
    that was found.
    """

    name: str
    what: str
    half_width: float
    earned: str


@dataclass(frozen=True)
class Sheet:
    """One device's datasheet.

    name, also: what it is called; title: the same in words; sort, like: what it is scaled as, and from which measured
    device; refused: why it cannot be, where it cannot. flops_per_s: dense rates by dtype, and bytes_per_s: the
    memory's, those that the document gives. threads: of a processor. facts: what rates come from (cores, clock_mhz,
    bus_bits, pin_gbit_per_s), and int8_per_s. source: the document.
    """

    name: str
    title: str
    year: int
    source: str
    sort: str = ""
    like: str = ""
    refused: str = ""
    also: tuple[str, ...] = ()
    flops_per_s: Mapping[str, float] = field(default_factory=dict)
    bytes_per_s: float | None = None
    memory_bytes: float | None = None
    threads: int | None = None
    facts: Mapping[str, float] = field(default_factory=dict)


@cache
def sorts() -> dict[str, Sort]:
    """Return the sorts of devices by name."""
    return {name: Sort(name, **values) for name, values in _document()["sorts"].items()}


@cache
def sheets() -> dict[str, Sheet]:
    """Return every datasheet by its name and by what it is called besides."""
    found: dict[str, Sheet] = {}
    for group in _document()["groups"]:
        common = {key: value for key, value in group.items() if key != "sheets"}
        for name, values in group["sheets"].items():
            sheet = _sheet(name, common, values)
            found |= dict.fromkeys((name, *sheet.also), sheet)
    return found


@cache
def _document() -> Any:
    return parse(read_text(LIST, "list of datasheets"), LIST.name)


def _sheet(name: str, common: Mapping[str, str], values: Mapping[str, Any]) -> Sheet:
    rest = dict(values)
    return Sheet(
        name=name,
        **common,
        title=rest.pop("title"),
        year=rest.pop("year"),
        also=tuple(rest.pop("also", ())),
        flops_per_s={dtype: float(quantity(rest.pop(dtype), "FLOP/s")) for dtype in DTYPES if dtype in rest},
        bytes_per_s=float(quantity(rest.pop("bandwidth"), "B/s")) if "bandwidth" in rest else None,
        memory_bytes=float(quantity(rest.pop("memory"), "B")) if "memory" in rest else None,
        threads=rest.pop("threads", None),
        facts=rest,
    )
