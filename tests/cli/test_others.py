"""`costmodel list`, `show`, `verify`, `check`, `operators` and `schema`."""

import csv
import html
import io
import json
import re
import shlex
from dataclasses import replace

import pytest

import costmodel as cm
from cli.command import SPECS, process, run
from costmodel.cli import COMMANDS
from costmodel.ops import OPERATORS
from costmodel.spec.check import check
from costmodel.spec.document import read_spec


def answer(capsys, *words):
    code, out, err = run(capsys, *words)
    assert (code, err) == (0, "")
    return out


def test_list_gives_what_price_computes(capsys):
    rows = json.loads(answer(capsys, "list", "mobilenet_v1_050", "--format", "json"))
    assert [row["name"] for row in rows] == [f"mobilenet_v1_050{size}" for size in ("", "_192", "_160", "_128")]
    for row in rows:
        totals = cm.price(cm.load(row["name"])).totals
        assert list(row) == ["name", "also", "year", *totals.values, "title", "source"]
        assert {name: row[name] for name in totals.values} == dict(totals.values)
        assert row["year"] == 2017


def test_list_holds_every_word(capsys):
    rows = json.loads(answer(capsys, "list", "SIMONYAN", "VGG-16", "--format", "json"))
    assert "vgg16" in {row["name"] for row in rows}
    assert all("Simonyan" in row["source"] and "VGG-16" in row["title"] for row in rows)


@pytest.mark.parametrize("form", ["text", "json"])
def test_list_says_that_there_is_none(capsys, form):
    code, out, err = run(capsys, "list", "zzz", "2017", "--format", form)
    assert (code, out) == (2, "")
    assert "no architecture has 'zzz' and '2017' in its name" in err


def test_list_shows_a_file_that_is_its_own_variant_once(capsys):
    rows = json.loads(answer(capsys, "list", "--format", "json"))
    names = [row["name"] for row in rows]
    also = {row["also"]: row["name"] for row in rows if row["also"]}
    assert also["vgg"] == "vgg16"
    assert also["convnext"] == "convnext_tiny"
    assert not set(also) & set(names)
    for file, variant in also.items():
        assert cm.read(file).parameters == cm.read(variant).parameters
    assert "vgg16 (vgg)" in answer(capsys, "list", "vgg16")


@pytest.mark.parametrize("column", ["name", "year", "params", "mult_adds"])
def test_list_is_sorted(capsys, column):
    read = list(csv.DictReader(io.StringIO(answer(capsys, "list", "densenet", "--sort", column, "--format", "csv"))))
    values = [row[column] if column == "name" else int(row[column]) for row in read]
    assert len(values) > 3
    assert values == sorted(values, reverse=column != "name")


def test_list_in_markdown_goes_to_a_file(capsys, tmp_path):
    file = tmp_path / "list.md"
    assert answer(capsys, "list", "xception", "--format", "markdown", "-o", file) == ""
    assert file.read_text("utf-8").startswith("| name | year | params (M) | mult-adds (")


def test_list_finds_the_specs_of_the_folder_one_stands_in(tiny, tmp_path):
    folder = tmp_path / "specs"
    folder.mkdir()
    tiny.rename(folder / "tiny.yaml")
    code, out, _ = process("list", "tiny", "nobody", "--format", "csv", cwd=tmp_path)
    assert code == 0
    assert [line.split(",")[0] for line in out.splitlines()] == ["name", "tiny", "tiny_two"]


def test_show_gives_the_file_as_it_is(capsys, tmp_path):
    text = (SPECS / "mobilenet_v1.yaml").read_text("utf-8")
    assert answer(capsys, "show", "mobilenet_v1") == text
    file = tmp_path / "mine.yaml"
    assert answer(capsys, "show", "mobilenet_v1", "-o", file) == ""
    assert cm.price(cm.load(str(file))).totals == cm.price(cm.load("mobilenet_v1")).totals


def test_show_says_which_values_make_a_variant(capsys):
    first, _, rest = answer(capsys, "show", "mobilenet_v1_050_160").partition("\n")
    assert first == "# mobilenet_v1_050_160 is this file with width: 0.5, resolution: 160"
    assert rest == (SPECS / "mobilenet_v1.yaml").read_text("utf-8")


def test_show_expands_every_layer(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    out = answer(capsys, "show", "mobilenet_v1", "--graph", "--set", "width=0.5", "--resolution", "32")
    lines = out.splitlines()
    assert len(lines) == 1 + len(cm.load("mobilenet_v1"))
    assert lines[1].split() == [
        "stem.conv",
        "conv",
        "out_channels=16",
        "kernel_size=3",
        "stride=2",
        "padding=same",
        "bias=false",
        "16x16x16",
    ]
    branch = [line for line in answer(capsys, "show", "resnet18", "--graph").splitlines() if "conv2_x.0.add" in line]
    assert branch[0].split()[-2:] == ["conv2_x.0.conv2.bn", "maxpool"]


def test_show_sets_nothing_in_a_text(capsys):
    code, _, err = run(capsys, "show", "mobilenet_v1", "--set", "width=0.5")
    assert code == 2
    assert "--graph" in err


def test_verify_agrees(capsys, tiny):
    out = answer(capsys, "verify", tiny, f"{tiny}#tiny_two", "--batch", "2", "--seed", "7", "--resolution", "6")
    assert out.count("all agree") == 2
    assert out.count(" 7,856") == 2  # two images of 6*6*4*27 + 4*10 mult-adds, and as many performed


def test_verify_shows_layers(capsys, tiny, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    lines = answer(capsys, "verify", tiny, "--layers", "--set", "classes=3").splitlines()
    fully_connected = next(line for line in lines if line.startswith("  fc "))
    assert fully_connected.split() == ["fc", "linear", "3", "3", "12", "12", "15", "15", "ok"]


def test_verify_exits_with_1_where_a_layer_differs(capsys, tiny, monkeypatch):
    honest = OPERATORS["linear"].cost

    def dearer(self, x):
        cost = honest(self, x)
        return replace(cost, mult_adds=cost.mult_adds + 5)

    monkeypatch.setattr(OPERATORS["linear"], "cost", dearer)
    code, out, err = run(capsys, "verify", tiny, "mobilenet_v1", "--resolution", "32")
    assert (code, err) == (1, "")
    assert out.count("1 differ") == 2
    assert "tiny: fc (linear): 40 multiplications done, but 45 priced" in out


def test_check_holds_each_variant(capsys, tiny):
    assert answer(capsys, "check", tiny) == f"{tiny}: 2 networks as expected\n2 networks in 1 file: all as expected\n"
    assert answer(capsys, "check", "--quiet", tiny) == ""


def test_check_says_computed_and_expected(capsys, tiny):
    tiny.write_text(tiny.read_text().replace("params: 122", "params: 100"))
    code, out, err = run(capsys, "check", tiny, SPECS / "alexnet.yaml")
    assert (code, err) == (1, "")
    assert f"{tiny}: tiny_two: params are 122, but 100 is expected (+22)" in out
    assert "alexnet.yaml: 4 networks as expected" in out
    assert "1 file fails" in out


def test_check_gives_a_row_for_each_thing_it_looked_at(capsys, tiny):
    tiny.write_text(tiny.read_text().replace("params: 122", "params: 100"))
    code, out, err = run(capsys, "check", tiny, "alexnet", "--max", "params=200", "--format", "csv")
    assert (code, err) == (1, "")
    found = [(row["kind"], row["kept"], row["value"], row["says"]) for row in csv.DictReader(io.StringIO(out))]
    assert found == [
        ("file", "False", "", "1 fault"),
        ("fault", "False", "", f"{tiny}: tiny_two: params are 122, but 100 is expected (+22)"),
        ("file", "True", "", "4 networks as expected"),
        ("max", "True", "162", ""),
        ("max", "False", str(cm.price(cm.load("alexnet")).totals.params), ""),
    ]


def test_check_shows_a_complaint_as_it_is_said_on_a_page(capsys, tiny):
    tiny.write_text(tiny.read_text().replace("op: conv,", "op: cnov,"))
    said = run(capsys, "check", tiny)[1].partition("\n1 network")[0].rpartition("\n0 networks")[0]
    assert "^" in said
    code, out, err = run(capsys, "check", tiny, "--format", "html")
    assert (code, err) == (1, "")
    assert f"<pre>{html.escape(said)}</pre>" in out
    assert f"\n{said}\n" in run(capsys, "check", tiny, "--format", "markdown")[1]


def test_check_goes_on_after_a_broken_file(capsys, tiny):
    broken = tiny.with_name("broken.yaml")
    broken.write_text(tiny.read_text().replace("op: conv,", "op: cnov,"))
    code, out, _ = run(capsys, "check", broken, tiny)
    assert code == 1
    assert "did you mean 'conv'?" in out
    assert f"{tiny}: 2 networks as expected" in out


def test_check_exits_with_2_where_there_is_no_file(capsys):
    code, _, err = run(capsys, "check", "no_such.yaml")
    assert code == 2
    assert "no_such.yaml: no such file" in err


def test_check_of_everything_passes(capsys):
    lines = answer(capsys, "check").splitlines()
    assert lines[-1].endswith("all as expected")
    assert len(lines) == 1 + len(list(SPECS.glob("*.yaml")))


def test_operators_shows_all_with_what_they_take(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    lines = answer(capsys, "operators").splitlines()[1:]
    assert [line.split()[0] for line in lines] == list(OPERATORS)
    conv = next(line for line in lines if line.split()[0] == "conv")
    assert "out_channels, kernel_size=1, stride=1, padding=0, dilation=1, groups=1, bias=true" in conv


def test_operators_in_markdown_go_to_a_file(capsys, tmp_path):
    file = tmp_path / "operators.md"
    assert answer(capsys, "operators", "--format", "markdown", "-o", file) == ""
    rows = file.read_text("utf-8").splitlines()
    assert rows[0] == "| operator | kind | takes | what it is |"
    assert len(rows) == 2 + len(OPERATORS)


@pytest.mark.parametrize("name", OPERATORS)
def test_operators_describes_each(capsys, name):
    out = answer(capsys, "operators", name)
    first, *rest = out.splitlines()
    assert first.startswith(f"{name}: ")
    assert len(first) > len(name) + 5
    assert any(line.startswith("reads ") for line in rest)


def test_operators_knows_no_other(capsys):
    code, _, err = run(capsys, "operators", "cnov")
    assert code == 2
    assert "did you mean 'conv'?" in err


@pytest.mark.parametrize("option", [["--batch", "8"], ["--dtype", "int8"]])
def test_check_prices_at_a_batch_for_budgets_only(capsys, tiny, option):
    code, out, err = run(capsys, "check", tiny, *option)
    assert (code, out) == (2, "")
    assert "give --budget, --max, --min or --against" in err
    assert run(capsys, "check", tiny, *option, "--max", "params=1k")[0] == 0


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_shows_examples_on_lines_of_their_own(capsys, name):
    code, out, err = run(capsys, name, "--help")
    assert (code, err) == (0, "")
    assert "\\b" not in out
    block = re.split(r"Examples?:\n", out)[1].partition("\n\n")[0]
    examples = [line.strip() for line in block.splitlines() if line.startswith("    costmodel ")]
    assert examples
    assert block.count("costmodel ") == len(examples) + block.count("| costmodel ")
    for example in examples:
        words = shlex.split(example.removesuffix("\\"))
        assert words[words.index("costmodel") + 1] in COMMANDS


@pytest.mark.parametrize("name", OPERATORS)
def test_the_example_of_an_operator_is_a_line_that_can_be_written(capsys, name):
    example = answer(capsys, "operators", name).splitlines()[-1]
    layers = "".join(f"  {above}: {{op: relu}}\n" for above in "abc")
    text = f"input: [8, 8, 8]\nlayers:\n{layers}{example}\n"
    faults = [fault.message for fault in check(read_spec(text, "net.yaml"))]
    assert [message for message in faults if not message.startswith("nothing reads layer")] == []


def test_a_resolution_of_two_numbers_is_height_and_width(capsys, tiny):
    wide = json.loads(answer(capsys, "report", tiny, "--resolution", "6x12", "--format", "json"))
    assert (wide["input"], "resolution" in wide["parameters"]) == ([3, 6, 12], False)
    assert wide["totals"]["mult_adds"] == 6 * 12 * 4 * 27 + 4 * 10
    assert wide == json.loads(answer(capsys, "report", tiny, "--set", "input=[3, 6, 12]", "--format", "json"))
    square = json.loads(answer(capsys, "report", tiny, "--resolution", "6x6", "--format", "json"))
    assert (square["input"], square["parameters"]["resolution"]) == ([3, 6, 6], 6)


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (["report", "enet", "--resolution", "320x640"], "it reads input=[3, resolution, resolution + wider]"),
        (["report", "resnet18", "--resolution", "320x"], "'320x' is no resolution"),
        (["report", "resnet18", "--resolution", "0"], "'0' is no resolution"),
        (["report", "resnet18", "--resolution", "32x64", "--set", "input=[3,32,65]"], "--set input=[3, 32, 65] differ"),
        (["report", "resnet18", "--resolution", "32x64", "--set", "resolution=32"], "nothing reads resolution"),
        (["report", "resnet18", "--set", "inputs=[3,32,64]"], "did you mean 'input'?"),
    ],
)
def test_inputs_that_a_network_cannot_have(capsys, asked, says):
    code, _, err = run(capsys, *asked)
    assert code == 2
    assert says in err


def test_bundled_specs_are_asked_for_title_and_source(capsys, tmp_path, monkeypatch):
    mine = tmp_path / "specs" / "mine.yaml"
    mine.parent.mkdir()
    mine.write_text("input: [3]\nlayers: {a: {op: relu}}\n")
    assert "1 network as expected" in answer(capsys, "check", mine)
    monkeypatch.setattr("costmodel.documents.bundled.bundled", lambda: mine.parent.resolve())
    code, out, _ = run(capsys, "check", mine)
    assert code == 1
    assert f"{mine}: a bundled spec has a title\n{mine}: a bundled spec has a source\n" in out


@pytest.mark.parametrize(
    ("size", "says"),
    [("[3, 8, 8]", ["for 2 images", "3 px "]), ("[3, 8]", ["for 2 samples", "3 positions "])],
)
def test_a_report_speaks_of_what_the_network_reads(capsys, tmp_path, size, says):
    file = tmp_path / "net.yaml"
    file.write_text(f"input: {size}\nlayers:\n  a: {{op: conv, out_channels: 2, kernel_size: 3}}\n")
    out = answer(capsys, "report", file, "--batch", "2")
    assert all(part in out for part in says)


def test_a_report_names_several_inputs(capsys, tmp_path):
    file = tmp_path / "net.yaml"
    file.write_text("inputs: {x: [3, 4], y: [4]}\nlayers: {a: {op: add, from: [x, y]}}\n")
    assert "net: inputs x 3x4, y 4, batch 1" in answer(capsys, "report", file)
    assert json.loads(answer(capsys, "report", file, "--format", "json"))["inputs"] == {"x": [3, 4], "y": [4]}
