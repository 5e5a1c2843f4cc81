"""ONNX files where a name or the path of a spec could stand."""

import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

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
        ("whatif", "--drop", "ds1", "--save", "edited.yaml"),
        ("formula",),
        ("suggest", "--goal", "params < 1M"),
    ],
    ids=lambda words: words[0],
)
def test_commands_that_need_a_spec_say_that_there_is_none(capsys, file, words):
    code, out, err = run(capsys, words[0], file, *words[1:])
    assert (code, out) == (2, "")
    assert err == (
        f"error: {file}: an ONNX file has no spec to show, edit or take formulas of\n"
        "  report, whatif, latency, diff, check, verify, export and show --graph take ONNX files; sweep and solve "
        "those that leave sizes open\n"
    )


def test_what_is_no_size_of_the_file_is_not_set(capsys, file):
    """The batch alone is open in it; its height and width are 64."""
    wanted = f"error: {file}: it has no open size 'width'; known: batch\n"
    assert run(capsys, "report", file, "--set", "width=1") == (2, "", wanted)
    larger, theirs = (
        json.loads(run(capsys, "report", *words, "--resolution", "96", "--format", "json")[1])
        for words in ((file,), ("mobilenet_v1", "--set", "width=0.25"))
    )
    assert larger["totals"] == theirs["totals"]


def test_a_file_that_is_none_is_an_error(capsys, tmp_path):
    assert run(capsys, "check", tmp_path / "none.onnx") == (2, "", f"error: {tmp_path / 'none.onnx'}: no such file\n")


def written(path, kind, *, batch=1, weights=None, factor=None):
    """A convolution of 3 to 4 channels, and a factor stored beside its weights."""
    weights = kind if weights is None else weights
    held = [numpy_helper.from_array(np.zeros((4, 3, 1, 1), np.float32), "w")]
    nodes = [helper.make_node("Conv", ["x", "w"], ["y"], name="conv")]
    if factor is not None:
        held.append(numpy_helper.from_array(np.asarray(factor, np.float32), "g"))
        nodes.append(helper.make_node("Mul", ["y", "g"], ["z"], name="times"))
    size = {TensorProto.FLOAT: 4, TensorProto.DOUBLE: 8}.get(weights, 2)
    for array in held:
        array.data_type = weights
        array.raw_data = bytes(size * len(array.raw_data) // 4)
    ends = [("x", [batch, 3, 5, 5]), (nodes[-1].output[0], [batch, 4, 5, 5])]
    reads, gives = (helper.make_tensor_value_info(name, kind, shape) for name, shape in ends)
    model = helper.make_model(
        helper.make_graph(nodes, "net", [reads], [gives], held), opset_imports=[helper.make_opsetid("", 18)]
    )
    path.write_bytes(model.SerializeToString())
    return path


def test_a_file_is_priced_at_the_type_of_its_numbers(capsys, tmp_path):
    """12 weights of 2 bytes; at float32, asked for, of 4."""
    half = written(tmp_path / "half.onnx", TensorProto.FLOAT16)
    data = json.loads(run(capsys, "report", half, "--format", "json")[1])
    assert (data["dtype"], data["totals"]["weight_bytes"]) == ("float16", 24)
    data = json.loads(run(capsys, "report", half, "--format", "json", "--dtype", "float32")[1])
    assert (data["dtype"], data["totals"]["weight_bytes"]) == ("float32", 48)
    assert "half: input 3x5x5, batch 1, float16, 1 layers" in run(capsys, "report", half)[1]
    brain = written(tmp_path / "brain.onnx", TensorProto.BFLOAT16)
    assert cm.price(cm.load(brain)).dtype == "bfloat16"
    assert cm.price(cm.load(brain)).totals.weight_bytes == 24


def test_every_command_takes_the_type_of_the_file(capsys, tmp_path):
    half, single = (
        written(tmp_path / f"{name}.onnx", kind)
        for name, kind in (("half", TensorProto.FLOAT16), ("single", TensorProto.FLOAT))
    )
    code, out, _ = run(capsys, "check", half, "--max", "weight_bytes=24B")
    assert (code, "batch 1, float16" in out) == (0, True)
    assert run(capsys, "check", half, "--max", "weight_bytes=24B", "--dtype", "float32")[0] == 1
    out = run(capsys, "diff", half, single)[1]
    assert "batch 1, float16 -> batch 1, float32" in out
    data = json.loads(run(capsys, "diff", half, single, "--format", "json")[1])
    assert [data[side]["dtype"] for side in ("before", "after")] == ["float16", "float32"]
    out = run(capsys, "report", half, single)[1]
    assert "batch 1, float16 or float32" in out


def test_a_type_that_is_not_priced_is_named(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    double = written(tmp_path / "double.onnx", TensorProto.DOUBLE)
    wanted = (
        "error: double.onnx: its numbers are of type float64, which is not priced; ask for it at one of float32, "
        "float16, bfloat16, int8 (--dtype)\n"
    )
    assert run(capsys, "report", "double.onnx") == (2, "", wanted)
    assert run(capsys, "check", "double.onnx") == (2, "", wanted)
    assert cm.price(cm.load(double), dtype="float32").totals.weight_bytes == 48


def test_weights_of_another_type_than_the_input_have_their_own(capsys, tmp_path):
    """The map of 75 numbers read, and that of 100 given, are of 4 bytes, the 12 weights of 2."""
    mixed = written(tmp_path / "mixed.onnx", TensorProto.FLOAT, weights=TensorProto.FLOAT16)
    totals = cm.price(cm.load(mixed)).totals
    assert (totals.params, totals.weight_bytes, totals.peak_live_bytes) == (12, 24, 175 * 4)


def test_a_batch_that_the_file_fixes_is_its_batch(capsys, tmp_path):
    fixed = written(tmp_path / "fixed.onnx", TensorProto.FLOAT, batch=10)
    data = json.loads(run(capsys, "report", fixed, "--format", "json")[1])
    assert (data["batch"], data["totals"]["mult_adds"]) == (10, 3000)
    assert data["notes"] == ["batch 10 of the file; --batch N asks for another"]
    data = json.loads(run(capsys, "report", fixed, "--format", "json", "--batch", "1")[1])
    assert (data["batch"], data["totals"]["mult_adds"]) == (1, 300)
    assert cm.load(written(tmp_path / "one.onnx", TensorProto.FLOAT)).notes == []


@pytest.mark.parametrize("factor", [0.5, [0.5], [[[0.5]]]], ids=["number", "vector", "map"])
def test_a_factor_among_the_weights_is_a_param(tmp_path, factor):
    graph = cm.load(written(tmp_path / "net.onnx", TensorProto.FLOAT, factor=factor))
    assert cm.price(graph).totals.params == 12 + 1


def test_a_factor_that_several_layers_read_counts_once(tmp_path):
    path = written(tmp_path / "net.onnx", TensorProto.FLOAT, factor=0.5)
    model = onnx.load(path)
    model.graph.node.append(helper.make_node("Mul", ["z", "g"], ["q"], name="again"))
    model.graph.output[0].name = "q"
    onnx.save(model, path)
    table = cm.price(cm.load(path))
    assert (table.totals.params, table.values("op")) == (13, ["conv", "layer_scale", "layer_scale"])
