"""What every bundled network cost, layer by layer, on the day it was frozen: float32, batch 1, inference.

`frozen/totals.csv` has a line a network, `frozen/layers.csv.gz` a line a layer (`zcat` reads it). Their columns keep
these names whatever the table's come to be called: `COLUMNS` and `TOTALS` say where each value is found today.

    python tests/frozen_rows.py     # writes both anew: only where a change says which values change, and why
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import costmodel as cm
from costmodel.spec.library import names

FOLDER = Path(__file__).parent / "frozen"
COLUMNS = {
    "path": "path",
    "operator": "op",
    "output": "output_shape",
    "params": "params",
    "buffers": "buffers",
    "mult_adds": "mult_adds",
    "other_ops": "other_ops",
    "weight_bytes": "weight_bytes",
    "input_bytes": "input_bytes",
    "output_bytes": "output_bytes",
    "traffic_bytes": "traffic_bytes",
    "fused_bytes": "fused_traffic_bytes",
    "live_bytes": "peak_live_bytes",
    "fused_live_bytes": "peak_fused_bytes",
}
TOTALS = {
    "layers": "layers",
    "params": "params",
    "matrix_params": "matrix_params",
    "buffers": "buffers",
    "mult_adds": "mult_adds",
    "other_ops": "other_ops",
    "weight_bytes": "weight_bytes",
    "input_bytes": "input_bytes",
    "output_bytes": "output_bytes",
    "traffic_bytes": "traffic_bytes",
    "fused_bytes": "fused_traffic_bytes",
    "live_bytes": "peak_live_bytes",
    "live_layer": "peak_layer",
    "fused_live_bytes": "peak_fused_bytes",
    "intensity": "arithmetic_intensity",
    "receptive_field": "receptive_field",
    "receptive_stride": "receptive_stride",
}

Lines = list[list[str]]


def today() -> Iterator[tuple[str, list[str], Lines]]:
    """Yield every bundled network with its totals and its layers, as they are written."""
    for name in names():
        table = cm.price(cm.load(name))
        columns = [table.columns[column] for column in COLUMNS.values()]
        totals = [written(getattr(table.totals, total)) for total in TOTALS.values()]
        yield name, totals, [[written(value) for value in row] for row in zip(*columns, strict=True)]


def frozen() -> dict[str, tuple[list[str], Lines]]:
    """Return the totals and the layers of every network, as they were frozen."""
    with (FOLDER / "totals.csv").open(newline="") as file:
        kept: dict[str, tuple[list[str], Lines]] = {name: (totals, []) for name, *totals in list(csv.reader(file))[1:]}
    with gzip.open(FOLDER / "layers.csv.gz", "rt", newline="") as file:
        for name, *layer in list(csv.reader(file))[1:]:
            kept[name][1].append(layer)
    return kept


def written(value: Any) -> str:
    """Write a size as 64x112x112, anything else as it is."""
    return "x".join(map(str, value)) if isinstance(value, tuple) else "" if value is None else str(value)


def freeze() -> None:
    """Write both files anew."""
    found = list(today())
    totals = _csv(["network", *TOTALS], ([name, *totals] for name, totals, _ in found))
    layers = _csv(["network", *COLUMNS], ([name, *layer] for name, _, rows in found for layer in rows))
    (FOLDER / "totals.csv").write_text(totals)
    (FOLDER / "layers.csv.gz").write_bytes(gzip.compress(layers.encode(), mtime=0))


def _csv(header: list[str], rows: Iterator[list[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    return text.getvalue()


if __name__ == "__main__":
    freeze()
