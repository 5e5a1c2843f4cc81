"""`costmodel report`: figures, options, formats, widths."""

import csv
import io
import json
import subprocess
import sys

import pytest

import costmodel as cm
from cli.command import ROOT, bare, process, run
from costmodel.cli import output
from costmodel.units import DTYPES

COMPARED = ["alexnet", "googlenet", "mobilenet_v1"]


def report(capsys, *words):
    code, out, err = run(capsys, "report", *words)
    assert (code, err) == (0, "")
    return out


def as_json(capsys, *words):
    return json.loads(report(capsys, *words, "--format", "json"))


def lines_of(out, title):
    """Return the rows of a section, as lists of words."""
    section = out.split(f"{title}\n")[1].split("\n\n")[0]
    return [line.split() for line in section.splitlines()]


def test_the_shares_are_those_of_the_mobilenet_paper(capsys):
    """Howard et al. 2017, table 2, where 1.19 % for 3x3 convolutions is 1.91 mistyped: the column adds up to 99.29."""
    kinds = {" ".join(row[:2]): row for row in lines_of(report(capsys, "mobilenet_v1", "--by", "kind"), "By kind")}
    assert "94.86" in kinds["conv 1x1"]
    assert "74.59" in kinds["conv 1x1"]
    assert {"3.06", "1.06"} <= set(kinds["depthwise conv"])
    assert {"1.91", "0.02"} <= set(kinds["conv kxk"])
    linear = next(row for name, row in kinds.items() if name.startswith("linear"))
    assert {"0.18", "24.33"} <= set(linear)


def test_the_headline_gives_exact_figures(capsys):
    out = report(capsys, "mobilenet_v1")
    for figure in (
        "4,231,976 trained",
        "21,888 in buffers",
        "568,740,352",
        "ds1.pointwise.bn",
        "315 px",
        "stride 32",
        "70.6 %",
    ):
        assert figure in out


def test_json_keeps_its_promise(capsys):
    data = as_json(capsys, "mobilenet_v1", "--batch", "2")
    assert list(data)[:7] == ["name", "title", "source", "parameters", "batch", "dtype", "input"]
    assert (data["name"], data["batch"], data["dtype"], data["input"]) == ("mobilenet_v1", 2, "float32", [3, 224, 224])
    assert data["parameters"]["width"] == 1.0
    totals = data["totals"]
    wanted = ["params", "buffers", "mult_adds", "other_ops", "weight_bytes", "traffic_bytes", "fused_traffic_bytes"]
    assert all(type(totals[name]) is int for name in [*wanted, "peak_live_bytes"])
    assert (totals["params"], totals["mult_adds"]) == (4_231_976, 2 * 568_740_352)
    first = data["layers"][0]
    assert (first["path"], first["op"], first["kind"]) == ("stem.conv", "conv", "conv kxk")
    assert (first["inputs"], first["input_shapes"], first["output"]) == (["input"], [[3, 224, 224]], [32, 112, 112])
    assert (first["params"], first["mult_adds"]) == (864, 2 * 10_838_016)
    for name in ("params", "buffers", "mult_adds", "other_ops", "weight_bytes", "traffic_bytes"):
        assert sum(layer[name] for layer in data["layers"]) == totals[name]
    assert max(layer["peak_live_bytes"] for layer in data["layers"]) == totals["peak_live_bytes"]


def test_json_of_several_is_a_list(capsys):
    data = as_json(capsys, *COMPARED, "--by", "kind")
    assert [one["name"] for one in data] == COMPARED
    for one in data:
        assert sum(group["mult_adds"] for group in one["groups"]) == one["totals"]["mult_adds"]


def test_json_rows_are_sorted_and_cut_as_asked(capsys):
    layers = as_json(capsys, "vgg16", "--sort", "params", "--top", "2")["layers"]
    assert [layer["path"] for layer in layers] == ["fc6.fc", "fc7.fc"]
    by_block = as_json(capsys, "vgg16", "--by", "block", "--sort", "mult-adds", "--top", "1")
    assert [group["group"] for group in by_block["groups"]] == ["conv3"]
    assert len(by_block["layers"]) == 39


def cell(value):
    """Return what a cell of the table is in CSV."""
    if value is None:
        return ""
    if isinstance(value, tuple) and value and isinstance(value[0], str):
        return " ".join(value)
    if isinstance(value, tuple) and value and isinstance(value[0], tuple):
        return " ".join("x".join(map(str, shape)) for shape in value)
    return "x".join(map(str, value)) if isinstance(value, tuple) else str(value)


@pytest.mark.parametrize("arch", ["googlenet", "resnet20"])
def test_csv_read_again_equals_the_table(capsys, arch):
    table = cm.price(cm.load(arch), batch=3, dtype="float16", training=True)
    out = report(capsys, arch, "--batch", "3", "--dtype", "float16", "--training", "--format", "csv")
    read = list(csv.DictReader(io.StringIO(out)))
    assert list(read[0]) == list(table.columns)
    assert read == [{name: cell(value) for name, value in row.items()} for row in table]
    assert [float(row["arithmetic_intensity"]) for row in read] == table.values("arithmetic_intensity")


def test_csv_of_several_holds_totals(capsys):
    read = list(
        csv.DictReader(io.StringIO(report(capsys, *COMPARED, "--format", "csv", "--sort", "params", "--top", "2")))
    )
    assert [row["name"] for row in read] == ["alexnet", "googlenet"]
    assert int(read[0]["params"]) == 60_965_224


def test_csv_by_kind_loses_no_unit(capsys):
    read = list(csv.DictReader(io.StringIO(report(capsys, "googlenet", "--by", "kind", "--format", "csv"))))
    assert sum(int(row["params"]) for row in read) == 6_998_552
    assert sum(int(row["layers"]) for row in read) == len(cm.load("googlenet"))


def test_parameters_are_set_as_numbers_names_and_truths(capsys):
    data = as_json(capsys, "mobilenet_v1", "--set", "width=0.5", "--set", "unit=full", "--resolution", "160")
    assert data["parameters"] | {"width": 0.5, "unit": "full", "resolution": 160} == data["parameters"]
    assert data["totals"]["params"] == cm.price(cm.load("mobilenet_v1", width=0.5, unit="full")).totals.params


def test_a_path_is_reported_like_a_name(capsys, tiny):
    data = as_json(capsys, tiny, "--dtype", "int8", "--batch", "4")
    assert data["totals"]["params"] == data["totals"]["weight_bytes"] == 162
    assert data["totals"]["mult_adds"] == 4 * 6_952
    assert as_json(capsys, f"{tiny}#tiny_two")["totals"]["params"] == 122


@pytest.mark.parametrize("dtype", DTYPES)
def test_bytes_follow_the_dtype(capsys, dtype):
    totals = as_json(capsys, "alexnet", "--dtype", dtype)["totals"]
    assert totals["weight_bytes"] == totals["params"] * DTYPES[dtype]


def test_kernels_that_are_fused_need_less_memory(capsys, tiny):
    totals = as_json(capsys, tiny)["totals"]
    assert (totals["peak_layer"], totals["peak_live_bytes"]) == ("act", 4 * (4 + 4) * 8 * 8)
    assert totals["peak_fused_bytes"] == 4 * (3 + 4) * 8 * 8
    out = report(capsys, tiny)
    assert all(f"  {level} " in out for level in ("peak live", "peak fused"))


def test_training_adds_a_step(capsys):
    out = report(capsys, "alexnet", "--training")
    assert all(label in out for label in ("step mult-adds", "saved", "gradients", "Adam"))
    step = as_json(capsys, "alexnet", "--training")["totals"]
    assert step["adam_bytes"] == 2 * step["sgd_momentum_bytes"] == 8 * 60_965_224


def test_blocks_are_cut_at_the_depth_asked_for(capsys):
    names = [row[0] for row in lines_of(report(capsys, "mobilenet_v1", "--by", "block", "--depth", "2"), "Blocks")]
    assert "ds4.5" in names
    assert "ds4" not in names
    kept = [row[0] for row in lines_of(report(capsys, "mobilenet_v1", "--depth", "9"), "Blocks")]
    assert "ds4.5.pointwise.conv" in kept


def test_rows_that_are_not_shown_stand_as_one(capsys):
    rows = lines_of(report(capsys, "vgg16", "--by", "layer", "--sort", "params", "--top", "3"), "Layers")
    assert [row[0] for row in rows[2:]] == ["fc6.fc", "fc7.fc", "fc8", "and"]
    shares = [float(row[-2]) if row[-1].strip("▏▎▍▌▋▊▉█") == "" else float(row[-1]) for row in rows[2:]]
    assert sum(shares) == pytest.approx(100, abs=0.05)


def test_paths_rise_and_numbers_fall(capsys):
    paths = [layer["path"] for layer in as_json(capsys, "alexnet", "--sort", "path")["layers"]]
    assert paths == sorted(paths) != cm.price(cm.load("alexnet")).values("path")
    values = [
        layer["arithmetic_intensity"]
        for layer in as_json(capsys, "alexnet", "--sort", "arithmetic_intensity")["layers"]
    ]
    assert values == sorted(values, reverse=True)


@pytest.mark.parametrize("column", ["output_shape", "kernel", "receptive_field", "inputs", "kind", "nothing"])
def test_what_has_no_order_sorts_nothing(capsys, column):
    code, out, err = run(capsys, "report", "alexnet", "--by", "layer", "--sort", column)
    assert (code, out) == (2, "")
    assert f"cannot sort by '{column}'" in err
    for shape in {"output_shape", "kernel", "receptive_field", "inputs"} - {column}:
        assert shape not in err


@pytest.mark.parametrize("column", ["mult_adds", "params", "peak_live_bytes"])
def test_the_columns_that_help_names_can_be_sorted_by(capsys, column):
    assert column in run(capsys, "report", "--help")[1]
    values = [layer[column] for layer in as_json(capsys, "alexnet", "--sort", column)["layers"]]
    assert values == sorted(values, reverse=True)


@pytest.mark.parametrize(
    "words",
    [
        ["alexnet", "vgg16"],
        ["alexnet", "--by", "kind"],
        ["alexnet", "--by", "layer"],
        ["alexnet", "--format", "csv"],
        ["alexnet", "vgg16", "--format", "json"],
    ],
)
def test_depth_is_refused_where_it_would_change_nothing(capsys, words):
    code, out, err = run(capsys, "report", *words, "--depth", "2")
    assert (code, out) == (2, "")
    assert "--depth says what a block is" in err


def test_a_spec_comes_from_standard_input(tiny):
    text = tiny.read_text()
    piped = [sys.executable, "-m", "costmodel", "report", "-", "--set", "classes=2", "--format", "json"]

    def ran(given):
        return subprocess.run(piped, cwd=ROOT, input=given, capture_output=True, text=True)

    assert json.loads(ran(text).stdout)["totals"]["params"] == 122
    broken = ran(text.replace("op: conv,", "op: cnov,"))
    assert broken.returncode == 2
    assert "standard input:7:14" in broken.stderr
    assert "did you mean 'conv'?" in broken.stderr
    endless = ran("#" * 2_000_000)
    assert endless.returncode == 2
    assert "more than 1,000,000 bytes" in endless.stderr


def test_a_batch_beyond_all_measure_is_refused_and_the_largest_is_readable(capsys):
    code, _, err = run(capsys, "report", "vgg16", "--batch", str(10**20))
    assert code == 2
    assert "--batch" in err
    assert "15.47 E" in report(capsys, "vgg16", "--batch", str(10**9))


def test_a_field_without_bounds_is_the_whole_input(capsys):
    def not_json(word):
        raise AssertionError(f"{word} is no JSON")

    assert "  receptive field  whole input   stride 32" in report(capsys, "efficientnet_b0")
    data = json.loads(report(capsys, "efficientnet_b0", "--format", "json"), parse_constant=not_json)
    assert data["totals"]["receptive_field"] == data["layers"][-7]["receptive_field"] == "whole input"
    assert data["totals"]["receptive_stride"] == [32, 32]
    rows = list(csv.DictReader(io.StringIO(report(capsys, "efficientnet_b0", "alexnet", "--format", "csv"))))
    assert [row["receptive_field"] for row in rows] == ["whole input", "195x195"]
    assert "whole input" in report(capsys, "efficientnet_b0", "alexnet", "--format", "markdown")


def test_a_comparison_is_sorted_and_cut(capsys):
    out = report(capsys, *COMPARED, "--sort", "params", "--top", "2")
    names = [line.split()[0] for line in out.splitlines() if line.startswith("  ") and line.split()[0] in COMPARED]
    assert names == ["alexnet", "googlenet"]
    assert "and 1 more" in out


@pytest.mark.parametrize("form", ["text", "json", "csv", "markdown", "html"])
def test_a_file_gets_what_the_screen_would(capsys, tmp_path, form):
    shown = report(capsys, "alexnet", "--format", form)
    file = tmp_path / "report"
    assert report(capsys, "alexnet", "--format", form, "-o", file) == ""
    assert file.read_text("utf-8") == shown
    assert [path.name for path in tmp_path.iterdir()] == ["report"]


def test_html_is_one_whole_file(capsys):
    out = report(capsys, "alexnet", "vgg16", "--format", "html")
    assert out.startswith("<!doctype html>")
    assert out.endswith("</html>\n")
    assert out.count("<table>") == out.count("</table>") == 1
    assert "138.4" in out


def test_a_notebook_shows_headline_kinds_and_blocks():
    html = cm.price(cm.load("mobilenet_v1"))._repr_html_()
    assert "4,231,976 trained" in html
    assert html.count("<table>") == 3
    assert "94.86" in html


WIDE_CASES = [
    ["mobilenet_v1", "--training", "--batch", "100000"],
    ["googlenet", "--depth", "9"],
    ["inception_v4", "--by", "layer", "--training"],
    ["resnet56", "--by", "kind"],
    [*COMPARED, "--training", "--batch", "64"],
]


@pytest.mark.parametrize("width", [80, 93, 120, 200])
@pytest.mark.parametrize("words", WIDE_CASES, ids=lambda words: " ".join(words))
def test_no_line_is_wider_than_the_screen(capsys, monkeypatch, width, words):
    monkeypatch.setenv("COLUMNS", str(width))
    plain = report(capsys, *words)
    assert max(map(len, plain.splitlines())) <= width
    monkeypatch.setenv("FORCE_COLOR", "1")
    coloured = report(capsys, *words)
    assert "\x1b[" in coloured
    assert bare(coloured).replace(" ", "") == plain.replace(" ", "")


def test_a_wider_screen_shows_more_columns(capsys, monkeypatch):
    narrow = report(capsys, "mobilenet_v1")
    monkeypatch.setenv("COLUMNS", "160")
    wide = report(capsys, "mobilenet_v1")
    assert "traffic  " not in narrow.split("Blocks")[1]
    assert all(title in wide.split("Blocks")[1] for title in ("traffic", "fused", "other ops"))


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["mobilenet_v1", "--set", "widht=1"], "did you mean 'width'?"),
        (["mobilenet_v1", "--set", "width=wide"], "takes a number"),
        (["mobilenet_v1", "--set", "unit=3"], "the name of an operator or block"),
        (["mobilenet_v1", "--set", "unit=nothing"], "'nothing'"),
        (["mobilenet_v1", "--set", "width"], "write NAME=VALUE"),
        (["mobilenet_v1", "--set", "=1"], "write NAME=VALUE"),
        (["mobilenet_v1", "--set", "width="], "write NAME=VALUE"),
        (["mobilenet_v1", "--set", "ds4.repeat=3"], "costmodel whatif"),
        (["mobilenet_v1", "--set", "resolution=96", "--resolution", "128"], "differ"),
        (["mobilenet"], "no architecture 'mobilenet'"),
        (["no_such.yaml"], "no such file"),
        (["mobilenet_v1", "--sort", "parms"], "did you mean 'params'?"),
        (["mobilenet_v1", "vgg16", "--sort", "parms"], "did you mean 'params'?"),
        (["mobilenet_v1", "vgg16", "--by", "kind"], "--by"),
        (["mobilenet_v1", "--dtype", "float64"], "float64"),
        (["mobilenet_v1", "--batch", "0"], "--batch"),
        (["mobilenet_v1", "--resolution", "1.5"], "--resolution"),
        (["mobilenet_v1", "--top", "0"], "--top"),
        (["mobilenet_v1", "-o", "no_such_folder/report"], "there is no folder"),
        ([], "ARCH"),
    ],
)
def test_a_wrong_question_exits_with_2(capsys, words, says):
    code, out, err = run(capsys, "report", *words)
    assert (code, out) == (2, "")
    assert says in err
    assert "Traceback" not in err


def test_a_write_that_fails_leaves_the_old_file(capsys, tmp_path, monkeypatch):
    file = tmp_path / "report.txt"
    file.write_text("old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(output.os, "replace", full)
    code, _, err = run(capsys, "report", "alexnet", "-o", file)
    assert code == 2
    assert "No space left on device" in err
    assert file.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["report.txt"]


def test_a_file_keeps_its_permissions(capsys, tmp_path):
    file = tmp_path / "report.txt"
    file.write_text("old")
    file.chmod(0o640)
    report(capsys, "alexnet", "-o", file)
    assert file.stat().st_mode & 0o777 == 0o640


def test_characters_that_an_encoding_lacks_become_plain_ones():
    code, out, err = process("report", "mobilenet_v1", PYTHONIOENCODING="ascii")
    assert (code, err) == (0, "")
    assert out.isascii()
    assert "##" in out
    assert max(map(len, out.splitlines())) <= 80


def test_a_report_says_which_file_it_read_where_that_is_not_the_bundled_one(capsys, tiny, tmp_path, monkeypatch):
    theirs = tmp_path / "specs" / "resnet18.yaml"
    theirs.parent.mkdir()
    theirs.write_text(tiny.read_text("utf-8").replace("name: tiny", "name: resnet18"), "utf-8")
    for form in ("text", "markdown", "html"):
        assert "read from" not in run(capsys, "report", "resnet18", "--format", form)[1]
    assert "file" not in json.loads(run(capsys, "report", "resnet18", "--format", "json")[1])
    monkeypatch.chdir(tmp_path)
    for form in ("text", "markdown", "html"):
        head = run(capsys, "report", "resnet18", "--format", form)[1].partition("mult-adds")[0]
        assert "read from specs/resnet18.yaml" in head
        assert (
            "resnet18: read from specs/resnet18.yaml" in run(capsys, "report", "resnet18", "nin", "--format", form)[1]
        )
    assert json.loads(run(capsys, "report", "resnet18", "--format", "json")[1])["file"] == "specs/resnet18.yaml"
    assert "specs" not in run(capsys, "report", "resnet18", "--format", "csv")[1]
