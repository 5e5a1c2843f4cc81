"""Measurements as a table: read a CSV file that somebody wrote, and turn its rows into samples to fit.

Columns: architecture (a name, or the path of a spec or an ONNX file), latency_s (of one batch) or throughput
(images a second); and where wanted batch (1 by default), resolution, parameters (`width=0.75 groups=64`), family (the
architecture's file by default). Lines that start with # are comments.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from costmodel.api import load
from costmodel.bench.fit import Sample
from costmodel.documents.text import read_text, scalar
from costmodel.errors import CostModelError, Place, Problem, SpecError, known_or_suggest
from costmodel.graph import LayerGraph
from costmodel.latency.features import Counts
from costmodel.latency.lowering import Lowering, table_kernels
from costmodel.pricing import price
from costmodel.spec.library import files

COLUMNS = ("architecture", "parameters", "resolution", "batch", "latency_s", "throughput", "family", "cpu_s", "note")
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
    if not reader.problems:
        reader.suspect_units(found)
    if reader.problems:
        raise SpecError(str(path), reader.problems, text)
    return [measurement for measurement, _ in found]


def samples_of(measurements: Iterable[Measurement], dtype: str, lowering: Lowering) -> list[Sample]:
    """Return the measurements with the features that a model is fitted on.

    Raises:
        CostModelError: if a network cannot be built.
    """
    return [
        Sample(one.network, one.family, one.batch, one.seconds, kernels_of(graph_of(one), one.batch, dtype, lowering))
        for one in measurements
    ]


def kernels_of(graph: LayerGraph, batch: int, dtype: str, lowering: Lowering) -> tuple[Counts, ...]:
    """Return the features of each kernel of a network."""
    kernels: dict[str, Counts] = {}
    for head, counts in table_kernels(price(graph, batch, dtype), lowering):
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


class _Reader:
    """Reads the rows of one table, collecting what is wrong with them."""

    def __init__(self, file: str, text: str) -> None:
        self.file, self.lines = file, text.splitlines()
        self.problems: list[Problem] = []
        self.header: list[str] = []

    def rows(self) -> list[tuple[Measurement, int]]:
        found: list[tuple[Measurement, int]] = []
        seen: dict[Any, int] = {}
        for number, line in enumerate(self.lines, 1):
            if not line.strip() or line.startswith("#"):
                continue
            cells = [cell.strip() for cell in next(csv.reader(io.StringIO(line)))]
            if not self.header:
                self.header = cells
                if not self._header_is_good(number):
                    return []
                continue
            measurement = self._measurement(number, cells)
            if measurement is None:
                continue
            key = (measurement.network, measurement.batch)
            if key in seen:
                self._complain(
                    number,
                    f"{measurement.network} at batch {measurement.batch} stands twice, here and in line {seen[key]}",
                    hint="keep one, or their lower value",
                )
            seen.setdefault(key, number)
            found.append((measurement, number))
        if not found and not self.problems:
            self.problems.append(Problem(f"there are no measurements; the columns are {', '.join(COLUMNS[:6])}"))
        return found

    def _header_is_good(self, number: int) -> bool:
        for name in self.header:
            if name not in COLUMNS:
                self._complain(number, f"unknown column {name!r}", name, known_or_suggest(name, COLUMNS))
        if "architecture" not in self.header:
            self._complain(number, "there is no column 'architecture'")
        if len({"latency_s", "throughput"} & set(self.header)) != 1:
            self._complain(
                number, "there must be one column of latency_s (seconds for a batch) or throughput (images a second)"
            )
        return not self.problems

    def _measurement(self, number: int, cells: list[str]) -> Measurement | None:
        if len(cells) != len(self.header):
            self._complain(number, f"{len(cells)} values under {len(self.header)} columns")
            return None
        row = dict(zip(self.header, cells, strict=True))
        batch = self._number(
            number, row, "batch", 1.0, lambda value: value >= 1 and value == int(value), "a whole number"
        )
        column = "latency_s" if "latency_s" in row else "throughput"
        value = self._number(number, row, column, None, lambda value: 0 < value < math.inf, "more than 0")
        parameters = self._parameters(number, row)
        architecture = row["architecture"]
        if batch is None or value is None or parameters is None or not self._builds(number, architecture, parameters):
            return None
        seconds = value if column == "latency_s" else batch / value
        family = row.get("family") or family_of(architecture)
        return Measurement(architecture, parameters, int(batch), seconds, family)

    def _number(
        self,
        line: int,
        row: Mapping[str, str],
        column: str,
        default: float | None,
        holds: Callable[[float], bool],
        wanted: str,
    ) -> float | None:
        text = row.get(column, "")
        if not text and default is not None:
            return default
        try:
            value = float(text)
        except ValueError:
            found = repr(text) if text else "missing"
            self._complain(line, f"{column} is {found}; it must be a number", text)
            return None
        if not holds(value):
            self._complain(line, f"{column} is {text}; it must be {wanted}", text)
            return None
        return value

    def _parameters(self, line: int, row: Mapping[str, str]) -> tuple[tuple[str, Any], ...] | None:
        found: dict[str, Any] = {}
        for part in row.get("parameters", "").split():
            name, equals, value = part.partition("=")
            if not equals:
                self._complain(line, f"{part!r} sets no parameter; write name=value", part)
                return None
            found[name] = scalar(value)
        if row.get("resolution"):
            found["resolution"] = scalar(row["resolution"])
        return tuple(found.items())

    def _builds(self, line: int, architecture: str, parameters: tuple[tuple[str, Any], ...]) -> bool:
        try:
            _graph(architecture, parameters)
        except CostModelError as error:
            first = error.problems[0].message if isinstance(error, SpecError) else str(error).splitlines()[0]
            self._complain(line, first, architecture)
            return False
        return True

    def _complain(self, line: int, message: str, at: str = "", hint: str = "") -> None:
        column = self.lines[line - 1].find(at) + 1 if at else 1
        self.problems.append(Problem(message, Place(line, max(column, 1), max(len(at), 1)), hint))

    def suspect_units(self, found: Sequence[tuple[Measurement, int]]) -> None:
        """Complain about latencies that are off the others by about a thousand, a slip of units."""
        from statistics import median

        if len(found) < 4:
            return
        ratios = []
        for one, _ in found:
            sums = price(graph_of(one), one.batch).totals
            ratios.append(one.seconds / (sums.mult_adds + BYTE_WORTH * sums.fused_traffic_bytes))
        usual = median(ratios)
        for (_, line), ratio in zip(found, ratios, strict=True):
            if not 1 / SUSPICIOUS < ratio / usual < SUSPICIOUS:
                times, way = (ratio / usual, "slower") if ratio > usual else (usual / ratio, "faster")
                self._complain(
                    line,
                    f"this is about {times:,.0f} times {way} than the other rows suggest",
                    hint="are these milliseconds among seconds?",
                )
