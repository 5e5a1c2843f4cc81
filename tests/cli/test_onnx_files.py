"""ONNX files where a name or the path of a spec could stand."""

import json

import pytest

import costmodel as cm
from cli.command import run
from costmodel.onnx.file import save_onnx


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """A network of a fixed size, written and read without its spec."""
    path = tmp_path_factory.mktemp("onnx") / "mine.onnx"
    save_onnx(cm.load("mobilenet_v1", width=0.25, resolution=64), path)
    return path


SMALL = ("--set", "width=0.25", "--resolution", "64")


def test_a_report_says_what_that_of_the_spec_says(capsys, file):
    code, out, err = run(capsys, "report", file, "--format", "json", "--batch", "4", "--dtype", "float16")
    theirs = json.loads(
        run(capsys, "report", "mobilenet_v1", *SMALL, "--format", "json", "--batch", 4, "--dtype", "float16")[1]
    )
    ours = json.loads(out)
    assert (code, err) == (0, "")
    assert ours["totals"] == theirs["totals"]
    assert (ours["name"], ours["title"], ours["parameters"]) == ("mine", "mine.onnx", {})
    assert ours["source"] == "an ONNX file of opset 22, written by costmodel"


def test_a_file_stands_beside_names(capsys, file):
    code, out, _ = run(capsys, "report", file, "alexnet", "--format", "csv")
    assert code == 0
    assert [line.split(",")[0] for line in out.splitlines()[1:]] == ["mine", "alexnet"]


def test_latency_is_that_of_the_spec(capsys, file):
    given = ("--device", "rtx3090", "--batch", "1,8", "--format", "json")
    ours = json.loads(run(capsys, "latency", file, *given)[1])
    theirs = json.loads(run(capsys, "latency", "mobilenet_v1", *SMALL, *given)[1])
    assert [row["latency_s"] for row in ours] == [row["latency_s"] for row in theirs]
    assert {row["network"] for row in ours} == {"mine"}


def test_a_difference_from_the_spec_is_seen_and_nothing_where_there_is_none(capsys, file, tmp_path):
    wider = tmp_path / "wider.onnx"
    save_onnx(cm.load("mobilenet_v1", width=0.5, resolution=64), wider)
    same = cm.diff(str(file), cm.load("mobilenet_v1", width=0.25, resolution=64))
    assert {row["status"] for row in same.rows} == {"same"}
    code, out, _ = run(capsys, "diff", file, wider)
    assert code == 0
    assert "params" in out


def test_a_budget_holds_a_file(capsys, file):
    assert run(capsys, "check", file, "--max", "params=1M")[0] == 0
    assert run(capsys, "check", file, "--max", "params=100k")[0] == 1
    code, _, err = run(capsys, "check", file, "--against", "git:HEAD")
    assert (code, err) == (
        2,
        f"error: {file}: ONNX files are not read from git; `costmodel diff` compares two that are at hand\n",
    )


def test_its_layers_are_shown(capsys, file):
    code, out, _ = run(capsys, "show", file, "--graph")
    assert code == 0
    assert "ds1.depthwise.conv" in out


def test_it_is_verified_and_written_again(capsys, file, tmp_path):
    code, out, _ = run(capsys, "verify", file)
    assert (code, "all agree" in out) == (0, True)
    assert run(capsys, "export", file, "-o", tmp_path / "again.onnx")[0] == 0
    assert cm.price(cm.load(tmp_path / "again.onnx")).totals == cm.price(cm.load(file)).totals


@pytest.mark.parametrize(
    "words",
    [
        ("show",),
        ("whatif", "--drop", "ds1"),
        ("sweep", "--vary", "width=0.5,1"),
        ("solve", "--vary", "width=0.5,1", "--maximize", "params", "--subject-to", "params < 1M"),
        ("formula",),
        ("suggest", "--goal", "params < 1M"),
    ],
    ids=lambda words: words[0],
)
def test_commands_that_need_a_spec_say_that_there_is_none(capsys, file, words):
    code, out, err = run(capsys, words[0], file, *words[1:])
    assert (code, out) == (2, "")
    assert err == (
        f"error: {file}: an ONNX file is a network of fixed sizes: it has no parameters to set, no spec to show or "
        "edit\n"
        "  report, latency, diff, check, verify, export and show --graph take ONNX files\n"
    )


@pytest.mark.parametrize("option", [("--set", "width=1"), ("--resolution", "32")], ids=lambda option: option[0])
def test_nothing_can_be_set(capsys, file, option):
    wanted = f"error: {file}: an ONNX file has no parameters; --set and --resolution are for specs\n"
    assert run(capsys, "report", file, *option) == (2, "", wanted)


def test_a_file_that_is_none_is_an_error(capsys, tmp_path):
    assert run(capsys, "check", tmp_path / "none.onnx") == (2, "", f"error: {tmp_path / 'none.onnx'}: no such file\n")
