"""The JSON schema that editors use: current, right about every bundled spec, and against what a spec may not say."""

import json
from pathlib import Path

import jsonschema
import pytest

from costmodel.cli import main
from costmodel.documents.text import parse
from costmodel.ops import OPERATORS
from costmodel.ops.fields import REQUIRED, declared
from costmodel.spec.schema import schema, schema_text

SPECS = Path(__file__).parent.parent / "specs"
POINTER = "# yaml-language-server: $schema=schema.json\n"
VALIDATOR = jsonschema.Draft202012Validator(schema())


def faults(text):
    """Return what the schema has against a spec, the innermost reason of each."""
    return [
        jsonschema.exceptions.best_match([error]).message for error in VALIDATOR.iter_errors(parse(text, "spec.yaml"))
    ]


def test_the_committed_schema_is_current(capsys):
    """If not: costmodel schema -o specs/schema.json."""
    assert (SPECS / "schema.json").read_text("utf-8") == schema_text()
    assert main(["schema"]) in (None, 0)
    assert capsys.readouterr().out == schema_text()


def test_the_file_is_the_schema_with_a_line_for_each_operator():
    assert json.loads(schema_text()) == json.loads(json.dumps(schema()))
    rules = [line for line in schema_text().splitlines() if '{"op": {"const": ' in line]
    assert len(rules) == len(OPERATORS)


def test_it_is_a_schema():
    jsonschema.Draft202012Validator.check_schema(json.loads(schema_text()))


@pytest.mark.parametrize("file", sorted(SPECS.glob("*.yaml")), ids=lambda file: file.stem)
def test_bundled_specs_point_at_it_and_meet_it(file):
    text = file.read_text("utf-8")
    assert text.startswith(POINTER), f"{file} begins with {POINTER!r}, so that editors find the schema"
    assert faults(text) == []


SPEC = """
name: tiny
title: Tiny
input: [3, 8, 8]
expect: {params: 162}
layers:
  conv: {op: conv, out_channels: 4, kernel_size: [3, "k"], padding: same, bias: false}
"""


def test_a_small_spec_meets_it():
    assert faults(SPEC) == []
    assert faults(SPEC.replace("162", '"1_620"')) == []  # what YAML 1.2 makes of 1_620


@pytest.mark.parametrize(
    ("was", "becomes", "says"),
    [
        ("title: Tiny", "titel: Tiny", "titel"),
        ("name: tiny", "name: 3 tiny", "3 tiny"),
        ("input: [3, 8, 8]", "input: []", "[]"),
        ("out_channels: 4", "out_channel: 4", "out_channel"),
        ("out_channels: 4, ", "", "'out_channels' is a required property"),
        ("out_channels: 4", "out_channels: 0", "0"),
        ("out_channels: 4", "out_channels: 4.5", "4.5"),
        ("bias: false", "bias: 3", "3"),
        ("padding: same", "padding: [1, 1, 1, 1, 1]", "[1, 1, 1, 1, 1]"),
        ('kernel_size: [3, "k"]', "kernel_size: -1", "-1"),
        ("op: conv, ", "", "'op' is a required property"),
        ("  conv:", "  3conv:", "3conv"),
        ("params: 162", "parms: 162", "parms"),
        ("params: 162", "params: many", "many"),
    ],
)
def test_what_is_wrong_is_seen(was, becomes, says):
    assert was in SPEC
    found = faults(SPEC.replace(was, becomes))
    assert found
    assert any(says in fault for fault in found)


def test_every_operator_and_field_is_known_with_its_default():
    made = schema()
    rules = {rule["if"]["properties"]["op"]["const"]: rule["then"] for rule in made["$defs"]["LayerSpec"]["allOf"]}
    assert set(rules) == set(OPERATORS)
    for name, operator in OPERATORS.items():
        for field, (_, default) in declared(operator).items():
            known = rules[name]["properties"][field]
            section, place = known["$ref"].removeprefix("#/").split("/")
            assert made[section][place]["description"]
            assert (field in rules[name].get("required", [])) == (default is REQUIRED)
            assert default is REQUIRED or known["default"] == default
