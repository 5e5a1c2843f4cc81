"""Closed formulas: the known ones of MobileNet v1, and equal to the walk wherever they say that they hold."""

import csv
import io
import json
import sys
from fractions import Fraction

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

import costmodel as cm
from costmodel.cli import costmodel
from costmodel.errors import CostModelError
from costmodel.spec.library import files, read_file
from costmodel.spec.structure import structural
from costmodel.sweeps.closed import formulas

UNEVEN = """
name: uneven
title: Uneven
parameters: {width: 1.0}
input: [3, 32, 32]
layers:
  conv: {op: conv, out_channels: "divisible(18 * width, 8)"}
"""
"""18 channels round up to 24, all further multiples round down, so no polynomial tells both."""


def value(polynomial, **at):
    return polynomial.subs({symbol: at[symbol.name] for symbol in polynomial.free_symbols})


def test_mobilenet_v1_at_224():
    found = formulas("mobilenet_v1", ["width", "batch"])
    symbols = {symbol.name: symbol for symbol in found.mult_adds.free_symbols}
    width, batch = symbols["width"], symbols["batch"]
    assert found.mult_adds == 539492352 * width**2 * batch + 29248000 * width * batch
    assert found.params == 3139584 * width**2 + 1091392 * width + 1000
    assert found.conditions == ["width is a multiple of 1/32"]


@pytest.mark.parametrize("file", files(), ids=lambda path: path.stem)
def test_formulas_equal_the_walk_where_they_say_they_hold(file):
    spec = read_file(file)
    free = [n for n in ("width", "resolution", "growth", "base") if n in spec.parameters and n not in structural(spec)]
    if spec.name.startswith("mobilenet_v3"):
        free = ["resolution"]  # its widths' formulas take half a minute
    if spec.name == "yolov8":
        free = ["resolution"]  # its head is as wide as the greater of two numbers, which no polynomial tells
    if spec.name == "swin":
        free = ["width"]  # whole windows fit a picture of 224 and its multiples only: further apart than is looked
    found = formulas(spec, [*free, "batch"], dtype="float16")
    for times in (0, 1, 3):
        at = {step.name: step.least + times * step.step for step in found.steps}
        numbers = {name: int(x) if isinstance(spec.parameters[name], int) else float(x) for name, x in at.items()}
        table = cm.price(cm.load(spec, **numbers), batch=5, dtype="float16")
        for name, polynomial in found.total.items():
            assert value(polynomial, batch=5, **at) == getattr(table.totals, name), (name, at)
        for group in table.by("block"):
            for name, polynomial in found.blocks[group["group"]].items():
                assert value(polynomial, batch=5, **at) == group[name], (group["group"], name, at)


FOUND = formulas("mobilenet_v1", ["width", "resolution", "batch"])


@given(st.integers(1, 80), st.integers(1, 20), st.integers(1, 500))
@settings(max_examples=30, deadline=None)
def test_mobilenet_v1_anywhere(width, size, batch):
    totals = cm.price(cm.load("mobilenet_v1", width=width / 32, resolution=32 * size), batch=batch).totals
    for name, polynomial in FOUND.total.items():
        assert value(polynomial, width=Fraction(width, 32), resolution=32 * size, batch=batch) == getattr(totals, name)


def test_steps_reach_the_default_where_it_is_no_multiple():
    assert formulas("inception_v3", ["resolution"]).conditions == [
        "resolution is 11 more than a multiple of 32, at least 75"
    ]
    assert formulas("vit", ["width"]).conditions == ["width is a multiple of 12"]


def test_a_network_that_grows_unevenly_has_no_formula(tmp_path):
    (tmp_path / "uneven.yaml").write_text(UNEVEN)
    with pytest.raises(CostModelError, match="no polynomial tells its costs"):
        formulas(str(tmp_path / "uneven.yaml"), ["width"])


def test_decimals_in_a_spec_stay_exact():
    found = formulas(cm.read("mobilenet_v1", width=0.75), ["resolution", "batch"])
    assert value(found.mult_adds, resolution=224, batch=1) == 325_400_448


def run(*arguments):
    return CliRunner().invoke(costmodel, ["formula", *arguments])


def test_text_and_latex():
    text = run("mobilenet_v1").output
    assert "mult_adds     = 539492352·width²·batch + 29248000·width·batch\n" in text
    assert "params        = 3139584·width² + 1091392·width + 1000\n" in text
    assert "exact where width is a multiple of 1/32" in text
    latex = run("mobilenet_v1", "--in", "width,resolution,batch", "--format", "latex").output
    assert r"\tfrac{1125}{2} \, \mathit{width} \, \mathit{resolution}^{2} \, \mathit{batch}" in latex


def test_python_runs_and_equals_the_walk():
    code = run("mobilenet_v1", "--in", "width,resolution,batch", "--by", "block", "--format", "python").output
    made = {}
    exec(compile(code, "formulas.py", "exec"), made)
    totals = cm.price(cm.load("mobilenet_v1", width=0.75, resolution=160), batch=3).totals
    assert made["mult_adds"](Fraction(3, 4), 160, 3) == totals.mult_adds
    assert made["params"](Fraction(3, 4)) == totals.params
    blocks = cm.price(cm.load("mobilenet_v1", width=0.75, resolution=160), batch=3).by("block")
    assert made["ds4_mult_adds"](Fraction(3, 4), 160, 3) == next(b["mult_adds"] for b in blocks if b["group"] == "ds4")


def test_rows_hold_what_can_be_computed_and_where_it_is_true():
    asked = ("mobilenet_v1", "--in", "width,resolution,batch", "--by", "block")
    rows = list(csv.DictReader(io.StringIO(run(*asked, "--format", "csv").output)))
    priced = cm.price(cm.load("mobilenet_v1", width=0.75, resolution=160), batch=3)
    costs = {"": priced.totals.values} | {row["group"]: row for row in priced.by("block")}
    assert {row["block"] for row in rows} == set(costs)
    for row in rows:
        values = {"width": 0.75, "resolution": 160, "batch": 3}
        assert eval(row["formula"], values) == costs[row["block"]][row["measure"]], row
        assert row["where"] == "width is a multiple of 1/32, resolution is a multiple of 32"
    raw = json.loads(run(*asked, "--format", "json").output)
    assert [(one["block"], one["formula"]) for one in raw["formulas"]] == [(r["block"], r["formula"]) for r in rows]
    assert ", ".join(raw["where"]) == rows[0]["where"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["mobilenet_v1", "--in", "widht"], "did you mean 'width'?"),
        (["resnet", "--in", "n4"], "n4 shapes the network"),
    ],
)
def test_wrong_questions(arguments, says):
    result = run(*arguments)
    assert result.exit_code != 0
    assert says in str(result.exception)


def test_without_sympy_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sympy", None)
    with pytest.raises(CostModelError, match=r"nn-costmodel\[formula\]"):
        formulas("mobilenet_v1")
