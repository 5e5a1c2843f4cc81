"""`CostTable`: one row a layer, raw numbers, the unit in the column's name. It knows no operator classes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import reduce
from typing import TYPE_CHECKING, Any

from costmodel.documents.safe_text import one_line
from costmodel.errors import CostModelError, known_or_suggest
from costmodel.measures import MEASURES, Measured, names
from costmodel.numbers.arithmetic import largest
from costmodel.pricing.samples import Sample, sample_of
from costmodel.tensor import Tensor
from costmodel.units import DTYPES

if TYPE_CHECKING:
    import pandas as pd

    from costmodel.pricing.memory.plan import Plan
    from costmodel.pricing.pace import Pace

TEXT = ("path", "op", "kind", "inputs", "input_shapes", "output_shape", "kernel")
COLUMNS = (*TEXT, "groups", *names(rows=True), "receptive_field", "receptive_stride")
"""What every table has; one priced for training has its measures of a step as well."""
UNSEEN = "unseen"
"""The column in which a timed table says what the device never measured, between semicolons."""
GUESS = "guess"
"""The column in which a timed table says why a layer's interval was not earned on layers like it; "" where it was."""


@dataclass(frozen=True)
class Totals(Measured):
    """What the whole network costs, and what is said with it. Bytes are at the table's dtype, everything is for the
    table's batch.

    `values` holds the measures by name, and each is an attribute: ``totals.mult_adds``; `costmodel.measures` lists them
    with their units. peak_layer: the layer during which peak_live_bytes is reached. receptive_field, receptive_stride:
    of the last feature map with more than one position, (height, width) in input pixels; (inf, inf) where a global pool
    lies before it, as in the gates of squeeze-and-excitation, so that a position sees the whole input; None for
    networks of tokens, where attention sees everything. device, bound (compute, memory or overhead), unseen (what the
    device never measured, in words) and notes come with latency; where the device's own table holds this very run,
    measured_s and how far two measurements there differ (repeatability_percent) too; energy_source with energy.
    """

    values: Mapping[str, Any]
    peak_layer: str | None = None
    receptive_field: tuple[Any, Any] | None = None
    receptive_stride: tuple[Any, Any] | None = None
    device: str | None = None
    bound: Any = None
    unseen: Any = None
    measured_s: float | None = None
    repeatability_percent: float | None = None
    notes: tuple[str, ...] | None = None
    energy_source: str | None = None

    def __contains__(self, name: str) -> bool:
        """Say whether a measure is known: one that needs a device is not until the table is timed."""
        return name in self.values

    def adding(self, values: Mapping[str, Any], **facts: Any) -> Totals:
        """Return the totals with further measures, and what is said with them."""
        together = {**self.values, **values}
        return replace(self, values={name: together[name] for name in MEASURES if name in together}, **facts)

    def as_dict(self) -> dict[str, Any]:
        """Return measures and facts by name; what was not asked for (training, latency, energy) is left out."""
        facts = {one.name: getattr(self, one.name) for one in fields(self) if one.name != "values"}
        return {**self.values, **{name: value for name, value in facts.items() if value is not None}}


@dataclass(frozen=True, repr=False)
class CostTable:
    """What each layer costs. `columns` holds plain lists; `frame` is the same as a pandas frame.

    Columns: path, op, kind, inputs (paths), input_shapes, output_shape, kernel (the path that heads its fused kernel),
    groups (of a convolution's channels; 1 elsewhere), the measures that a layer has (see `costmodel.measures`; those of
    a training step when priced for it), receptive_field, receptive_stride.
    """

    name: str
    title: str
    source: str
    parameters: Mapping[str, Any]
    input_shape: tuple[Any, ...]
    outputs: tuple[str, ...]
    """The paths whose values the network returns."""
    batch: Any
    dtype: str
    columns: Mapping[str, list[Any]]
    totals: Totals
    file: str = ""
    """What it was read from, as the person named it; empty for a network built in Python."""
    notes: tuple[str, ...] = ()
    inputs: Mapping[str, Tensor] = field(default_factory=dict)
    """What the network reads, by name; `input_shape` is the first."""
    unpriced: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """The layers whose cost is not known: what each is, and why. Where there are any, every total is a lower bound."""
    read: bool = False
    """Whether the network was read from what others wrote."""
    widths: Mapping[str, int] = field(default_factory=dict)
    """Its mult-adds by the dtype that is multiplied, the most first; empty where all are of the table's dtype."""
    plans: tuple[Plan, ...] = ()
    """The plans of memory that were asked for."""
    frozen: int = 0
    """Those of its params that are not trained."""
    pace: Pace | None = None
    """Whether it keeps up with so many frames a second, where that was asked."""
    cache: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def sample(self) -> Sample:
        """What the batch holds so many of."""
        return sample_of(self.inputs or {"": Tensor(self.input_shape)})

    @property
    def partial(self) -> bool:
        """Whether the cost of a layer is not known, so that every total is a lower bound."""
        return bool(self.unpriced)

    def __repr__(self) -> str:
        return f"<CostTable {one_line(self.name)}: {len(self)} layers, batch {self.batch}, {self.dtype}>"

    def __len__(self) -> int:
        return len(self.columns["path"])

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield each row as a dict."""
        names = list(self.columns)
        return (dict(zip(names, row, strict=True)) for row in zip(*self.columns.values(), strict=True))

    @property
    def frame(self) -> pd.DataFrame:
        """The table as a pandas frame, one row a layer, indexed 0, 1, ... in the order of execution."""
        if "frame" not in self.cache:
            import pandas as pd

            self.cache["frame"] = pd.DataFrame(dict(self.columns))
        frame: pd.DataFrame = self.cache["frame"]
        return frame

    def __getitem__(self, column: str) -> pd.Series[Any]:
        """Return one column as a pandas series.

        Raises:
            CostModelError: if there is no such column.
        """
        self.values(column)
        return self.frame[column]

    def values(self, column: str) -> list[Any]:
        """Return one column as a plain list.

        Raises:
            CostModelError: if there is no such column.
        """
        if column not in self.columns:
            raise CostModelError(f"there is no column {column!r}; {known_or_suggest(column, self.columns)}")
        return self.columns[column]

    def by(self, key: str = "block", depth: int = 1) -> list[dict[str, Any]]:
        """Return the rows grouped by 'layer', 'block' (the first `depth` names of the path) or 'kind', with the
        measures of each group.

        Groups stand in the order of their first layer. No unit is lost: what adds up does so to the same total.

        Raises:
            CostModelError: if `key` is none of these.
        """
        keys: dict[str, Callable[[dict[str, Any]], str]] = {
            "layer": lambda row: row["path"],
            "block": lambda row: ".".join(row["path"].split(".")[:depth]),
            "kind": lambda row: row["kind"],
        }
        if key not in keys:
            raise CostModelError(f"cannot group by {key!r}; {known_or_suggest(key, keys)}")
        groups: dict[str, list[dict[str, Any]]] = {}
        for row in self:
            groups.setdefault(keys[key](row), []).append(row)
        return [self.group(name, rows) for name, rows in groups.items()]

    def group(self, name: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
        """Return what several layers cost together, under a name."""
        group: dict[str, Any] = {"group": name, "layers": len(rows), "output_shape": rows[-1]["output_shape"]}
        if UNSEEN in self.columns:
            said = (word for row in rows for word in row[UNSEEN].split("; ") if word)
            group[UNSEEN] = "; ".join(dict.fromkeys(said))
        if GUESS in self.columns:
            group[GUESS] = _guess(rows)
        for measure in (MEASURES[column] for column in self.columns if column in MEASURES):
            values = [row[measure.name] for row in rows]
            if measure.adds == "derived":
                group[measure.name] = measure.of({**group, "batch": self.batch, "itemsize": DTYPES[self.dtype]})
            else:
                group[measure.name] = sum(values) if measure.adds == "sum" else reduce(largest, values)
        return group

    def with_columns(self, **columns: Iterable[Any]) -> CostTable:
        """Return the table with further columns, as a time model adds them."""
        added = {name: list(values) for name, values in columns.items()}
        return replace(self, columns={**self.columns, **added}, cache={})


def _guess(rows: list[dict[str, Any]]) -> str:
    """Return why the interval of a group is a guess: those of layers that have at least half of its time are."""
    guessed = [row for row in rows if row[GUESS]]
    total, part = (sum(row["latency_s"] for row in own) for own in (rows, guessed))
    return guessed[0][GUESS] if guessed and 2 * part >= total else ""
