"""What the validator says of a device file or a log's setting, in our words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from costmodel.documents.faults import Fault
from costmodel.errors import quote, suggest

_SAID = {
    "greater_than_equal": "{input} is too small; it must be at least {ge}",
    "greater_than": "{input} is too small; it must be more than {gt}",
    "less_than_equal": "{input} is too large; it must be at most {le}",
    "less_than": "{input} is too large; it must be less than {lt}",
    "finite_number": "{input} is no number that can be reckoned with",
    "float_type": "{input} is no number",
    "int_type": "{input} is no whole number",
    "bool_type": "{input} is neither true nor false",
    "string_type": "{input} is no text; put it in quotes if it is meant as one",
    "list_type": "{input} is no list",
    "tuple_type": "{input} is no list",
    "dict_type": "{input} is no map",
    "model_type": "{input} is no map",
    "model_attributes_type": "{input} is no map",
    "literal_error": "{input} is not {expected}",
    "too_short": "{actual_length} value(s) where there must be {min_length}",
    "too_long": "{actual_length} values where there must be {max_length}",
}


def faults_of(entries: Iterable[Mapping[str, Any]], known: Iterable[str]) -> list[Fault]:
    """Turn the validator's complaints into ours; what stands under an unknown key is not judged."""
    found = [fault_of(entry, known) for entry in entries]
    unknown = {fault.path for fault in found if fault.on_key}
    return [fault for fault in found if fault.on_key or fault.path not in unknown]


def fault_of(entry: Mapping[str, Any], known: Iterable[str]) -> Fault:
    """Turn one complaint of the validator's into one of ours; `known` are the keys that there are."""
    path = tuple(step for step in entry["loc"] if step != "[key]")
    name = str(path[-1]) if path else ""
    if entry["type"] == "missing" and isinstance(path[-1], int):  # a list that stands for a few values
        return Fault(path[:-1], f"{_where(path[:-1])}: value {path[-1] + 1} is missing")
    if entry["type"] == "missing":
        return Fault(path[:-1], f"{name!r} is missing", on_key=len(path) > 1 and isinstance(path[-2], str))
    if entry["type"] in ("extra_forbidden", "unexpected_keyword_argument") or "[key]" in entry["loc"]:
        return Fault(path, f"unknown key {quote(name)}", suggest(name, known), on_key=True)
    if name == "seconds" and entry["type"] == "greater_than_equal":
        return Fault(path, f"a coefficient is {entry['input']}; time does not pass backwards, so it must be 0 or more")
    said = _SAID.get(entry["type"], "{message}")
    message = said.format(
        message=entry["msg"].removeprefix("Value error, "),
        input="nothing" if entry["input"] is None else quote(entry["input"]),
        **{key: value for key, value in entry.get("ctx", {}).items() if key != "error"},
    )
    return Fault(path, f"{_where(path)}: {message}" if path else message)


def _where(path: Iterable[str | int]) -> str:
    return ".".join(map(str, path))
