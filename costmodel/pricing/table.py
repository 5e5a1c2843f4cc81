"""`CostTable`: one row a layer, raw numbers, the unit in the column's name. It knows no operator classes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import reduce
from typing import TYPE_CHECKING, Any

from costmodel.errors import CostModelError, known_or_suggest
from costmodel.numbers.arithmetic import largest

if TYPE_CHECKING:
    import pandas as pd

TEXT = ("path", "op", "kind", "inputs", "input_shapes", "output_shape", "kernel")
SUMS = (
    "params",
    "matrix_params",
    "buffers",
    "mult_adds",
    "other_ops",
    "weight_bytes",
    "input_bytes",
    "output_bytes",
    "traffic_bytes",
    "fused_bytes",
)
TRAINING = ("backward_mult_adds", "saved_bytes")
COLUMNS = (*TEXT, "groups", *SUMS, "live_bytes", "arithmetic_intensity", "receptive_field", "receptive_stride")
"""What every table has; one priced for training has TRAINING as well."""


@dataclass(frozen=True)
class Totals:
    """What the whole network costs. Bytes are at the table's dtype, everything is for the table's batch.

    traffic_bytes: weights + inputs + outputs of every layer, each moved once. fused_traffic_bytes: the same with norms
    and activations fused into the convolution or product before them. peak_live_bytes: the most activation bytes alive
    at once, weights not counted, while `peak_layer` runs. arithmetic_intensity: FLOPs (2 a mult-add, plus other_ops)
    per byte of traffic. receptive_field, receptive_stride: of the last feature map with more than one position,
    (height, width) in input pixels; (inf, inf) where a global pool lies before it, as in the gates of
    squeeze-and-excitation, so that a position sees the whole input; None for networks of tokens, where attention sees
    everything.
    """

    layers: int
    params: Any
    matrix_params: Any
    buffers: Any
    mult_adds: Any
    other_ops: Any
    weight_bytes: Any
    input_bytes: Any
    output_bytes: Any
    traffic_bytes: Any
    fused_traffic_bytes: Any
    peak_live_bytes: Any
    peak_layer: str | None
    arithmetic_intensity: Any
    receptive_field: tuple[Any, Any] | None = None
    receptive_stride: tuple[Any, Any] | None = None
    training: Mapping[str, Any] | None = None
    """Of one training step: backward_mult_adds, step_mult_adds, saved_bytes, gradient_bytes, sgd_momentum_bytes and
    adam_bytes, all at the table's dtype. Mixed precision keeps float32 weights and optimiser state besides: price those
    at float32. A batch norm's statistics of the batch (two numbers a channel) are not in saved_bytes.
    """
    latency: Mapping[str, Any] | None = None
    """On a device, added by its time model: see `costmodel.latency.predict.time`."""
    energy: Mapping[str, Any] | None = None
    """Of one batch, in joules: see `costmodel.latency.energy.with_energy`."""

    def as_dict(self) -> dict[str, Any]:
        """Return the totals by name; what was not asked for (training, latency, energy) is left out."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True)
class CostTable:
    """What each layer costs. `columns` holds plain lists; `frame` is the same as a pandas frame.

    Columns: path, op, kind, inputs (paths), input_shapes, output_shape, kernel (the path that heads its fused kernel),
    groups (of a convolution's channels; 1 elsewhere), params, matrix_params (those in kernels and matrices, so without
    biases and norms), buffers, mult_adds, other_ops,
    weight_bytes, input_bytes, output_bytes, traffic_bytes, fused_bytes, live_bytes, arithmetic_intensity,
    receptive_field, receptive_stride, and when priced for training backward_mult_adds and saved_bytes.
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
    cache: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

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
        """Return the rows grouped by 'layer', 'block' (the first `depth` names of the path) or 'kind': sums, and the
        largest live_bytes.

        Groups stand in the order of their first layer. No unit is lost: each column of sums adds up to the same total.

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
        return [self._group(name, rows) for name, rows in groups.items()]

    def _group(self, name: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
        sums = [column for column in self.columns if column in SUMS + TRAINING + EXTRA_SUMS]
        group: dict[str, Any] = {"group": name, "layers": len(rows), "output_shape": rows[-1]["output_shape"]}
        group |= {column: sum(row[column] for row in rows) for column in sums}
        group["live_bytes"] = reduce(largest, (row["live_bytes"] for row in rows))
        return group

    def with_columns(self, **columns: Iterable[Any]) -> CostTable:
        """Return the table with further columns, as a time model adds them."""
        added = {name: list(values) for name, values in columns.items()}
        return replace(self, columns={**self.columns, **added}, cache={})

    def _repr_html_(self) -> str:
        import costmodel  # the table knows no views; the package's front finds the one for notebooks

        html: str = costmodel.notebook_html(self)
        return html


EXTRA_SUMS = ("latency_s",)
"""Columns of sums that other modules add."""
