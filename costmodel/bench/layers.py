"""Times of single layers: what a runtime's profiler says of a handful of networks. Nothing is fitted to them; they say
how far the time of a layer is off.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from costmodel.bench.log import MAX_LOG, Setting, head_of, lines_of
from costmodel.bench.measure import Job, LayerTimes, Runner
from costmodel.bench.plan import network_of
from costmodel.bench.tables import SECONDS
from costmodel.documents.files import read_bytes
from costmodel.documents.text import decode
from costmodel.documents.write import write_whole
from costmodel.errors import CostModelError
from costmodel.latency.cells import Record, Sheet, between, whole
from costmodel.latency.lowering import Lowering, kernel_heads
from costmodel.pricing import price
from costmodel.pricing.table import CostTable
from costmodel.units import MOST_IMAGES

PROFILED = ("efficientnet_b0", "mobilenet_v3_large", "inception_v3", "shufflenet_v2_x1_0", "convnext_tiny", "swin_t")
"""Networks that have layers of every kind between them, short ones and long."""
RUNS = 20
FIELDS = ("network", "batch", "layers", "seconds")
NO_LOG = f"this is no log of layers; its columns must be {','.join(FIELDS)}"


@dataclass(frozen=True)
class LayerTime:
    """What some layers took together, in seconds: the shortest of many runs. `layers` are those that head kernels of
    the time model, one but where the runtime computes in one kernel what the model counts as two.
    """

    network: str
    batch: int
    layers: tuple[str, ...]
    seconds: float


def log_of_layers(log: Path) -> Path:
    """Return the file of single layers' times beside a calibration's log: ``NAME.layers.csv``."""
    return log.with_name(f"{log.stem}.layers.csv")


def profiled(runner: Runner, networks: Iterable[str], batches: Iterable[int]) -> Iterator[LayerTime]:
    """Yield what a runtime takes for the layers of some networks at some batches.

    Raises:
        CostModelError: if the runtime does not say what single layers take.
    """
    profile = getattr(runner, "profile", None)
    if profile is None:
        raise CostModelError("this runtime does not say what they take")
    for network in networks:
        graph = network_of(network)
        for batch in batches:
            times = profile(Job(network, "", (batch,), partial(network_of, network)), batch, RUNS)
            table = price(graph, batch)
            yield from (LayerTime(network, batch, *unit) for unit in _units(table, runner.lowering, times))


def _units(
    table: CostTable, lowering: Lowering, times: Sequence[LayerTimes]
) -> Iterator[tuple[tuple[str, ...], float]]:
    """Yield the heads of kernels that a runtime computes together, and the seconds of the shortest run."""
    heads_of = kernel_heads(table, lowering)
    computed = [(frozenset(heads_of.get(path, path) for path in one.layers), one.seconds) for one in times]
    together: dict[str, frozenset[str]] = {}
    for heads, _ in computed:
        joined = heads.union(*(together.get(head, ()) for head in heads))
        together |= dict.fromkeys(joined, joined)
    spent: dict[frozenset[str], list[float]] = {}
    for heads, runs in computed:
        if heads:
            unit = together[min(heads)]
            spent[unit] = [a + b for a, b in zip(spent.get(unit, [0.0] * len(runs)), runs, strict=True)]
    place = {path: number for number, path in enumerate(table.columns["path"])}
    for unit, runs_of_unit in spent.items():
        yield tuple(sorted(unit, key=place.__getitem__)), min(runs_of_unit)


def write_layers(file: Path, setting: Setting, times: Iterable[LayerTime]) -> None:
    """Write a log of layers, with what it was measured with in its first line."""
    rows = [(one.network, one.batch, " ".join(one.layers), f"{one.seconds:.6f}") for one in times]
    write_whole(file, head_of(setting, FIELDS) + lines_of(rows))


def read_layers(file: Path) -> list[LayerTime]:
    """Return what a log of layers holds.

    Raises:
        CostModelError: if it cannot be read.
        SpecError: with everything that is wrong in it.
    """
    text = decode(read_bytes(file, MAX_LOG, f"a log has at most {MAX_LOG:,}"), str(file))
    sheet = Sheet(str(file), text, FIELDS)
    found = [time for row in sheet.records(_other_columns) if (time := _time_of(sheet, row)) is not None]
    sheet.finish(NO_LOG)
    return found


def _other_columns(header: list[str]) -> list[str]:
    return [] if tuple(header) == FIELDS else [NO_LOG]


def _time_of(sheet: Sheet, row: Record) -> LayerTime | None:
    batch = sheet.number(row, "batch", None, *whole(1, MOST_IMAGES))
    seconds = sheet.number(row, "seconds", None, *between(0, SECONDS[1]))
    for name, said in (("network", "the network is missing"), ("layers", "the layers are missing")):
        if not row.get(name):
            sheet.complain(said, row.places[name])
            return None
    if batch is None or seconds is None:
        return None
    return LayerTime(row.get("network"), int(batch), tuple(row.get("layers").split()), seconds)
