"""Raw numbers for programs: JSON and CSV, never rounded."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from costmodel.documents.safe_text import cell
from costmodel.measures import Row
from costmodel.pricing.table import CostTable
from costmodel.render.report import WHOLE_INPUT, origin, shape_text, totals_row
from costmodel.render.rows import Selection, cut, ordered, selected

_RENAMED = {"output_shape": "output"}


def as_dict(table: CostTable, selection: Selection | None = None) -> dict[str, Any]:
    """Return a cost table as plain data. `layers` is every layer; a selection by block or kind adds `groups`.

    A receptive field is (height, width), or "whole input" where it is not bounded.

    Raises:
        CostModelError: if the selection names an unknown grouping or column.
    """
    selection = selection or Selection()
    by_layer = selection.by in (None, "layer")
    data: dict[str, Any] = {
        "name": table.name,
        "title": table.title,
        "source": table.source,
        "parameters": dict(table.parameters),
        "batch": table.batch,
        "dtype": table.dtype,
        "input": table.input_shape,
        **({"inputs": {name: given.shape for name, given in table.inputs.items()}} if len(table.inputs) > 1 else {}),
        **({"notes": table.notes} if table.notes else {}),
        **({"partial": table.partial} if table.read else {}),
        **({"unpriced": [_unpriced(path, *what) for path, what in table.unpriced.items()]} if table.partial else {}),
        **table.sample.as_data(),
        **({"fps": table.pace.as_data()} if table.pace else {}),
        "totals": table.totals.as_dict(),
        **({"mult_adds_by_dtype": dict(table.widths)} if table.widths else {}),
        "layers": [_layer(row) for row in selected(table, selection if by_layer else Selection())],
    }
    if selection.memory:
        from costmodel.render.memory import as_dict as planned

        data["memory"] = [planned(plan) for plan in table.plans]
    if origin(table):
        data["file"] = table.file
    if not by_layer:
        data["groups"] = selected(table, selection)
    return {name: _finite(value) for name, value in data.items()}


def _unpriced(path: str, what: str, why: str) -> dict[str, str]:
    return {"path": path, "is": what, "why": why}


def _finite(value: Any) -> Any:
    """Return data without infinite sizes, which JSON cannot write."""
    if isinstance(value, dict):
        return {name: _finite(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return WHOLE_INPUT if isinstance(value, tuple) and math.inf in value else value


def _layer(row: Row) -> dict[str, Any]:
    """Return one layer: every column of the table under its name, the output's shape under the shorter one."""
    return {_RENAMED.get(key, key): value for key, value in row.items() if key not in ("group", "layers")}


def as_json(data: Any) -> str:
    """Return plain data as JSON, a line for each of its rows."""
    if isinstance(data, Mapping):
        return _object(data) + "\n"
    if any(isinstance(value, list) for row in data for value in row.values()):
        return "[\n" + ",\n".join(map(_object, data)) + "\n]\n"
    return rows_json(data)


def as_data(tables: Sequence[CostTable], selection: Selection | None = None) -> Any:
    """Return one table as plain data, or several as a list."""
    found = [as_dict(table, selection) for table in tables]
    return found[0] if len(found) == 1 else found


def _object(data: Mapping[str, Any]) -> str:
    """Write an object with a line for each of its values, and for each row of a list of rows."""
    lines = [f"  {json.dumps(name)}: {_value(value)}" for name, value in data.items()]
    return "{\n" + ",\n".join(lines) + "\n}"


def _value(value: Any) -> str:
    if isinstance(value, list) and value:
        return "[\n" + ",\n".join(f"    {json.dumps(row, ensure_ascii=False)}" for row in value) + "\n  ]"
    return json.dumps(value, ensure_ascii=False)


def rows_of(tables: Sequence[CostTable], selection: Selection | None = None) -> list[Row]:
    """Return the rows of one table (its layers, blocks or kinds), or the totals of several, a row each.

    Raises:
        CostModelError: if the selection names an unknown grouping or column.
    """
    selection = selection or Selection()
    if len(tables) == 1:
        rows = selected(tables[0], selection)
        asked = tables[0].pace.as_row() if tables[0].pace else {}
        hidden = ("group", "layers") if selection.by in (None, "layer") else ()
        return [{key: value for key, value in row.items() if key not in hidden} | asked for row in rows]
    return cut(ordered([totals_row(table) for table in tables], selection.sort), selection.top)[0]


def rows_json(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows as a list of objects, a line each."""
    return "[\n" + ",\n".join(f"  {json.dumps(row, ensure_ascii=False)}" for row in rows) + "\n]\n"


def rows_csv(rows: Sequence[Mapping[str, Any]], names: Sequence[str] = ()) -> str:
    """Return rows as CSV under `names`, by default those of their keys. No text in it is a spreadsheet's formula."""
    out = io.StringIO()
    names = names or list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(map(_csv_cell, names))
    writer.writerows([_csv_cell(row.get(name)) for name in names] for row in rows)
    return out.getvalue()


def _csv_cell(value: Any) -> Any:
    value = _finite(value)
    if value is None:
        return ""
    if isinstance(value, (tuple, list)):
        texts = all(isinstance(item, str) for item in value) or any(isinstance(item, tuple) for item in value)
        sentences = any(isinstance(item, str) and " " in item for item in value)
        value = ("; " if sentences else " ").join(map(_joined, value)) if texts else shape_text(value)
    return cell(value) if isinstance(value, str) else value


def _joined(item: Iterable[Any] | str) -> str:
    return item if isinstance(item, str) else shape_text(list(item))
