"""Measurements as a table: read a CSV file that somebody wrote, and turn its rows into samples to fit.

Columns: architecture (a name, or the path of a spec or an ONNX file), latency_s (of one batch) or throughput
(images a second); and where wanted batch (1 by default), resolution, parameters (`width=0.75 groups=64`), family (the
architecture's file by default). Lines that start with # are comments.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from costmodel.api import load
from costmodel.bench.fit import Alone, Sample
from costmodel.documents.scalars import scalar
from costmodel.documents.text import read_text
from costmodel.errors import CostModelError, SpecError, quote
from costmodel.graph import LayerGraph
from costmodel.latency.cells import Record, Sheet, between, whole
from costmodel.latency.features import Counts, LayerCosts, alone_counts
from costmodel.latency.lowering import Lowering, Watch, table_kernels
from costmodel.pricing import price
from costmodel.spec.library import files
from costmodel.units import MOST_IMAGES

COLUMNS = ("architecture", "parameters", "resolution", "batch", "latency_s", "throughput", "family", "cpu_s", "note")
SECONDS = (1e-9, 1e6)
"""What a run can take: from a nanosecond to eleven days."""
SUSPICIOUS = 150
"""A latency so many times off what mult-adds and bytes suggest is a matter of units: 1000 is the usual slip."""
BYTE_WORTH = 10
"""Mult-adds that take about as long as moving one byte, on machines of all kinds within a factor of a few."""


@dataclass(frozen=True)
class Measurement:
    """One row: a network as it was run, and the seconds that one batch took."""

    architecture: str
    parameters: tuple[tuple[str, Any], ...]
    batch: int
    seconds: float
    family: str

    @property
    def network(self) -> str:
        """The network as one writes it: name and parameters."""
        return " ".join([self.architecture, *(f"{name}={value}" for name, value in self.parameters)])


def read_table(path: Path) -> list[Measurement]:
    """Return the measurements in a CSV file.

    Raises:
        CostModelError: if the file cannot be read.
        SpecError: with everything that is wrong in it.
    """
    text = read_text(path, "table of measurements")
    reader = _Reader(str(path), text)
    found = reader.rows()
    if not reader.sheet.problems:
        reader.suspect_units(found)
    if reader.sheet.problems:
        raise reader.sheet.error()
    return [measurement for measurement, _ in found]


def samples_of(measurements: Iterable[Measurement], dtype: str, lowering: Lowering) -> list[Sample]:
    """Return the measurements with the features that a model is fitted on.

    Raises:
        CostModelError: if a network cannot be built.
    """
    return [
        sample_of(graph_of(one), one.network, one.family, one.batch, one.seconds, dtype, lowering)
        for one in measurements
    ]


def sample_of(
    graph: LayerGraph, network: str, family: str, batch: int, seconds: float, dtype: str, lowering: Lowering
) -> Sample:
    """Return a network that was measured, with the features of its kernels and layers."""
    layers: list[Alone] = []

    def watch(row: LayerCosts) -> None:
        if row.kernel is not None:
            layers.append(Alone(row.op, row.kind, alone_counts(row, batch)))

    kernels = kernels_of(graph, batch, dtype, lowering, watch)
    return Sample(network, family, batch, seconds, kernels, tuple(layers), graph.input_shape)


def kernels_of(
    graph: LayerGraph, batch: int, dtype: str, lowering: Lowering, watch: Watch | None = None
) -> tuple[Counts, ...]:
    """Return the features of each kernel of a network; `watch` is told each row."""
    kernels: dict[str, Counts] = {}
    for head, counts in table_kernels(price(graph, batch, dtype), lowering, watch):
        kernel = kernels.setdefault(head, {})
        for name, count in counts.items():
            kernel[name] = kernel.get(name, 0) + count
    return tuple(kernels.values())


def graph_of(one: Measurement) -> LayerGraph:
    """Return the network of a measurement."""
    return _graph(one.architecture, one.parameters)


@lru_cache(maxsize=256)
def _graph(architecture: str, parameters: tuple[tuple[str, Any], ...]) -> LayerGraph:
    return load(architecture, **dict(parameters))


@lru_cache(maxsize=1)
def _families() -> Mapping[str, str]:
    from costmodel.spec.library import read_file

    return {name: path.stem for path in files() for name in (path.stem, *read_file(path).variants)}


def family_of(architecture: str) -> str:
    """Return the family of an architecture: the name of the file that describes it."""
    return _families().get(architecture) or Path(architecture.partition("#")[0]).stem


def _missing_columns(header: list[str]) -> Iterator[str]:
    if "architecture" not in header:
        yield "there is no column 'architecture'"
    if len({"latency_s", "throughput"} & set(header)) != 1:
        yield "there must be one column of latency_s (seconds for a batch) or throughput (images a second)"


class _Reader:
    """Reads the rows of one table, collecting what is wrong with them."""

    def __init__(self, file: str, text: str) -> None:
        self.sheet = Sheet(file, text, COLUMNS)

    def rows(self) -> list[tuple[Measurement, Record]]:
        found: list[tuple[Measurement, Record]] = []
        seen: dict[Any, int] = {}
        for row in self.sheet.records(_missing_columns):
            measurement = self._measurement(row)
            if measurement is None:
                continue
            key = (measurement.network, measurement.batch)
            if key in seen:
                self._complain(
                    row,
                    f"{measurement.network} at batch {measurement.batch} stands twice, here and in line {seen[key]}",
                    hint="keep one, or their lower value",
                )
            seen.setdefault(key, row.number)
            found.append((measurement, row))
        if not found and not self.sheet.problems:
            self.sheet.complain(f"there are no measurements; the columns are {', '.join(COLUMNS[:6])}", None)
        return found

    def _measurement(self, row: Record) -> Measurement | None:
        batch = self.sheet.number(row, "batch", 1.0, *whole(1, MOST_IMAGES))
        least, most = SECONDS
        column, fits = "latency_s", between(least, most)
        if column not in row.cells:
            column, fits = "throughput", between((batch or 1) / most, (batch or 1) / least)
        value = self.sheet.number(row, column, None, *fits)
        if row.get("cpu_s"):
            self.sheet.number(row, "cpu_s", None, *between(0, SECONDS[1]))
        parameters = self._parameters(row)
        architecture = row.get("architecture")
        if batch is None or value is None or parameters is None or not self._builds(row, architecture, parameters):
            return None
        seconds = value if column == "latency_s" else batch / value
        family = row.get("family") or family_of(architecture)
        return Measurement(architecture, parameters, int(batch), seconds, family)

    def _parameters(self, row: Record) -> tuple[tuple[str, Any], ...] | None:
        found: dict[str, Any] = {}
        for part in row.get("parameters").split():
            name, equals, value = part.partition("=")
            if not equals or not name or not value:
                self._complain(row, f"{quote(part)} sets no parameter; write name=value", "parameters")
                return None
            if name in found:
                self._complain(row, f"{quote(name)} is set twice", "parameters")
                return None
            found[name] = scalar(value)
        if row.get("resolution"):
            if "resolution" in found:
                self._complain(row, "the resolution stands among the parameters already", "resolution")
                return None
            found["resolution"] = scalar(row.get("resolution"))
        return tuple(found.items())

    def _builds(self, row: Record, architecture: str, parameters: tuple[tuple[str, Any], ...]) -> bool:
        try:
            _graph(architecture, parameters)
        except CostModelError as error:
            first = error.problems[0].message if isinstance(error, SpecError) else str(error).splitlines()[0]
            self._complain(row, first)
            return False
        return True

    def _complain(self, row: Record, message: str, column: str = "architecture", hint: str = "") -> None:
        self.sheet.complain(message, row.places[column], hint)

    def suspect_units(self, found: Sequence[tuple[Measurement, Record]]) -> None:
        """Complain about latencies that are off the others by about a thousand, a slip of units."""
        from statistics import median

        if len(found) < 4:
            return
        ratios = []
        for one, _ in found:
            sums = price(graph_of(one), one.batch).totals
            ratios.append(one.seconds / max(sums.mult_adds + BYTE_WORTH * sums.fused_traffic_bytes, 1))
        usual = median(ratios)
        for (_, row), ratio in zip(found, ratios, strict=True):
            if not 1 / SUSPICIOUS < ratio / usual < SUSPICIOUS:
                times, way = (ratio / usual, "slower") if ratio > usual else (usual / ratio, "faster")
                self._complain(
                    row,
                    f"this is about {times:,.0f} times {way} than the other rows suggest",
                    hint="are these milliseconds among seconds?",
                )
