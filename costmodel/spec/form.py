"""What the validator says of a document's form, in our words: what is unknown, what is missing, what belongs where."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from costmodel.documents.faults import MAX_FAULTS, Fault
from costmodel.documents.text import KeyPath
from costmodel.errors import known_or_suggest, quote
from costmodel.ops.fields import MOST_AXES
from costmodel.spec.parts import MAX_READ, BlockSpec, Document, Expect, InputSpec, Part, Variant, keys

if TYPE_CHECKING:
    from pydantic import TypeAdapter
    from pydantic_core import ErrorDetails


@cache
def validator() -> TypeAdapter[Document]:
    """Return what validates a document, made when it is first needed: that takes as long as the rest of a report."""
    from pydantic import TypeAdapter

    return TypeAdapter(Document)


def validated(data: dict[str, Any]) -> tuple[Document | None, list[Fault]]:
    """Return the document that plain data is, or None and everything that is wrong with its form."""
    from pydantic import ValidationError

    twice = inputs_faults(data)
    try:
        return validator().validate_python(data), twice
    except ValidationError as error:
        found = [_fault(entry, data) for entry in error.errors()[:MAX_FAULTS]]
    around = {fault.path[:end] for fault in found for end in range(len(fault.path))}
    return None, twice + [fault for fault in found if fault.on_key or fault.path not in around]


ULTRALYTICS = (
    "`backbone` and `head` are the words of an Ultralytics model file, which is no spec",
    "export the model to ONNX, or write its table as `input` and `layers`: specs/yolov8.yaml is one",
)
"""What is said of such a file, and what to do."""


def of_ultralytics(data: dict[str, Any]) -> bool:
    """Say whether a document is a model file of Ultralytics': two lists of rows, and none of our words for them."""
    return all(isinstance(data.get(key), list) for key in ("backbone", "head")) and "layers" not in data


def inputs_faults(data: dict[str, Any]) -> list[Fault]:
    """Return the complaint if a document does not say what its network reads, or says it twice."""
    if "input" in data and "inputs" in data:
        return [Fault(("inputs",), "`input` is there already", "write one image as `input`, or all as `inputs`", True)]
    if "input" in data or "inputs" in data:
        return []
    return [Fault((), f"'input' is missing: {_BELONGS['input']} belongs here", on_key=True)]


def _fault(entry: ErrorDetails, data: Any) -> Fault:
    """Turn one complaint of the validator's into one of ours."""
    path, found = _follow(entry["loc"], data)
    kind, last = entry["type"], str(entry["loc"][-1])
    if kind == "missing":
        inside = f" in {'.'.join(map(str, path))}" if path else ""
        return Fault(path, f"{last!r} is missing{inside}: {_BELONGS[last]} belongs here", on_key=True)
    if kind == "unexpected_keyword_argument":
        return Fault(path, f"unknown key {quote(path[-1])}", known_or_suggest(str(path[-1]), _known(path)), on_key=True)
    if last == "[key]" or (path == ("name",) and isinstance(found, str)):
        name = path[-1] if last == "[key]" else found
        hint = "names are letters, digits and _, at most 60, and do not start with a digit"
        return Fault(path, f"{quote(name)} is no name", hint, on_key=last == "[key]")
    return Fault(path, f"{_belongs(path)} belongs here, not {shown(found)}")


def _known(path: KeyPath) -> list[str]:
    """Return the keys that may stand where the unknown key that ends `path` stands."""
    kind: type[Part] = Document
    if path[-2:-1] == ("expect",):
        kind = Expect
    elif len(path) == 3:
        parts: dict[str, type[Part]] = {"blocks": BlockSpec, "inputs": InputSpec}
        kind = parts.get(str(path[0]), Variant)
    return list(keys(kind))


def _follow(location: tuple[str | int, ...], data: Any) -> tuple[KeyPath, Any]:
    """Return the steps of a validator's location that exist in the document, and what stands there.

    The validator also names types (`int`, `[key]`) among its steps.
    """
    path: KeyPath = ()
    for step in location:
        inside = isinstance(data, dict) and step in data
        if inside or (isinstance(data, list) and isinstance(step, int) and step < len(data)):
            path, data = (*path, step), data[step]
    return path, data


_BELONGS = {
    "name": "the name that people type, as `name: my_net`,",
    "title": "a text",
    "source": "a text",
    "year": "a whole number",
    "parameters": "a map of names to values",
    "input": f"a list of 1 to {MOST_AXES} sizes, as `input: [3, 224, 224]`,",
    "inputs": "a map of names to sizes, as `inputs: {words: {shape: [128], dtype: index}}`,",
    "shape": f"a list of 1 to {MOST_AXES} sizes",
    "dtype": "index or mask",
    "blocks": "a map of names to blocks",
    "takes": "a map of names to 'required' or a default",
    "layers": "a map of at least one layer, as `pool: {op: global_avg_pool}`,",
    "op": "the name of an operator or block, as `op: conv`,",
    "from": f"the name of a layer, or a list of 1 to {MAX_READ} names,",
    "repeat": "a whole number, or arithmetic,",
    "first": "a map of fields",
    "output": "true or false",
    "shares": "the name of a layer",
    "trainable": "true or false",
    "expect": "a map with params and mult_adds",
    "params": "a whole number",
    "mult_adds": "a whole number",
    "reported": "a map of names to measured figures",
    "variants": "a map of names to variants",
}
"""What may stand under each key of the language."""
_SIZE = "a whole number, or arithmetic,"
_ITEM_BELONGS = {
    "parameters": "a number, true, false, the name of an operator or block, or a word,",
    "input": _SIZE,
    "inputs": "a list of sizes, or `{shape: [...], dtype: index}`,",
    "shape": _SIZE,
    "blocks": "a block, as `{takes: {...}, layers: {...}}`,",
    "layers": "a layer, as `{op: relu}`,",
    "variants": "a variant, as `{parameters: {...}}`,",
    "from": "the name of a layer",
}
"""What may stand in the maps and lists whose keys are the writer's own."""


def _belongs(path: KeyPath) -> str:
    if path[0] == "inputs" and isinstance(path[-1], int):
        return _SIZE
    if len(path) > 1 and str(path[-2]) in _ITEM_BELONGS and not (len(path) > 2 and path[-3] == "parameters"):
        return _ITEM_BELONGS[str(path[-2])]
    return _BELONGS.get(str(path[-1]), "something else")


def shown(value: Any) -> str:
    """Name what was found, as a person would."""
    if isinstance(value, dict):
        return "a map" if value else "an empty map"
    if isinstance(value, list):
        return f"a list of {len(value)}" if value else "an empty list"
    if value is None:
        return "nothing"
    return str(value).lower() if isinstance(value, bool) else quote(value)
