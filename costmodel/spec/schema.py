"""The JSON schema of the spec language, made from the document's models and from the operators' declared fields.

It knows the form of a spec, every operator and its fields. What only a whole file shows (names in scope, unread layers)
is left to `costmodel check`.
"""

from __future__ import annotations

import json
from typing import Any

from costmodel.ops import OPERATORS, Operator
from costmodel.ops.fields import FIELD_TYPES, REQUIRED, declared
from costmodel.spec.form import validator
from costmodel.spec.parts import WIRING

Schema = dict[str, Any]

_WIRING = f"^({'|'.join(WIRING)})$"
_WHERE = {id(kind): f"#/$defs/{name}" for name, kind in FIELD_TYPES.items()}
"""Where the schema says what a field of a type takes: once for all operators."""
GROUPED: Schema = {"type": "string", "pattern": "^[0-9][0-9_]*$"}
"""4_231_976 is a whole number here, but a text to the YAML 1.2 that editors read."""


def schema() -> Schema:
    """Return the JSON schema (draft 2020-12) of a spec."""
    made = validator().json_schema(by_alias=True)
    layer = made["$defs"]["LayerSpec"]
    del layer["properties"]["fields"]  # they stand among the keys of the line
    layer["additionalProperties"] = True
    layer["properties"]["op"] = {
        "anyOf": [{"enum": sorted(OPERATORS)}, {"type": "string"}],
        "description": layer["properties"]["op"]["description"],
    }
    layer["allOf"] = [_rule(operator) for _, operator in sorted(OPERATORS.items())]
    made["$defs"] |= {name: kind.schema() for name, kind in FIELD_TYPES.items()}
    for figure in made["$defs"]["Expect"]["properties"].values():
        figure["anyOf"].insert(1, GROUPED)
    made["oneOf"] = [{"required": ["input"]}, {"required": ["inputs"]}]
    made["required"].remove("name")
    tidied: Schema = _tidied(made)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "costmodel spec"} | tidied


def _rule(operator: type[Operator]) -> Schema:
    """Return what holds of a layer that names this operator: its fields, those required, and no others."""
    fields = declared(operator)
    known = {name: {"$ref": _WHERE[id(takes)]} | _default(default) for name, (takes, default) in fields.items()}
    rule: Schema = {"properties": known, "patternProperties": {_WIRING: True}, "additionalProperties": False}
    required = [name for name, (_, default) in fields.items() if default is REQUIRED]
    if required:
        rule["required"] = required
    return {"if": {"properties": {"op": {"const": operator.name}}, "required": ["op"]}, "then": rule}


def _default(value: Any) -> Schema:
    return {} if value is REQUIRED else {"default": value}


def _tidied(node: Any) -> Any:
    """Leave out the titles that the models give, which repeat the keys, and refuse keys that are no names."""
    if isinstance(node, list):
        return [_tidied(item) for item in node]
    if not isinstance(node, dict):
        return node
    tidy = {key: _tidied(value) for key, value in node.items() if not (key == "title" and isinstance(value, str))}
    return tidy | {"additionalProperties": False} if "patternProperties" in tidy else tidy


def schema_text() -> str:
    """Return the schema as the text of a file, the rule of each operator on a line of its own."""
    made = schema()
    layer = made["$defs"]["LayerSpec"]
    rules = {f"@{place}": rule for place, rule in enumerate(layer["allOf"])}
    text = json.dumps(made | {"$defs": made["$defs"] | {"LayerSpec": layer | {"allOf": [*rules]}}}, indent=1)
    for mark, rule in rules.items():
        text = text.replace(f'"{mark}"', json.dumps(rule))
    return text + "\n"
