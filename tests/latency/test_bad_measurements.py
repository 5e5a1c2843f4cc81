"""What a wrong table of measurements, or a wrong device file, says. Each file of `bad/` stands beside its exact
message.

After a change of wording, ``python -m latency.test_bad_measurements`` (in tests/) writes the messages anew, to be read
in the diff.
"""

import re
from pathlib import Path

import pytest

import costmodel as cm
from costmodel.bench.layers import read_layers
from costmodel.bench.log import read_log, read_setting
from costmodel.bench.tables import graph_of, read_table
from costmodel.cli import main
from costmodel.latency.device import read_device
from costmodel.onnx.file import save_onnx

BAD = Path(__file__).parent / "bad"
FILES = [path for path in sorted(BAD.iterdir()) if path.suffix in (".csv", ".yaml")]
ROWS = "architecture,batch,latency_s\n"


def complaint(name):
    try:
        _reader(name)(Path(name))
    except cm.CostModelError as error:
        return f"{error}\n"
    raise AssertionError(f"{name} is not bad")


def _reader(name):
    if name.startswith("setting_"):
        return read_setting
    if name.startswith("log_"):
        return read_log
    if name.startswith("layers_"):
        return read_layers
    return read_table if name.endswith(".csv") else read_device


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_each_bad_file_gives_exactly_its_message(file, monkeypatch):
    monkeypatch.chdir(BAD)
    assert complaint(file.name) == file.with_suffix(".txt").read_text("utf-8")


def run(capsys, *words):
    with pytest.raises(SystemExit) as leaving:
        main([str(word) for word in words])
    return leaving.value.code, capsys.readouterr().err


@pytest.mark.parametrize("file", [file for file in FILES if file.suffix == ".csv"], ids=lambda file: file.name)
def test_a_bad_table_writes_no_device(file, tmp_path, capsys):
    output = tmp_path / "mine.yaml"
    code, err = run(capsys, "calibrate", "--from", file, "--name", "mine", "--output", output)
    assert code == 2
    assert "error:" in err
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


def test_too_few_measurements_say_how_many_are_needed(tmp_path, capsys):
    table = tmp_path / "few.csv"
    table.write_text(ROWS + "alexnet,1,0.1\nresnet18,1,0.2\n", "utf-8")
    code, err = run(capsys, "calibrate", "--from", table, "--name", "mine", "--output", tmp_path / "mine.yaml")
    assert (code, err) == (
        2,
        "error: 2 networks of 2 families are too few to fit: at least 6 of 3 families are needed; with fewer, "
        "--like DEVICE scales one that is there\n",
    )


def test_a_missing_table_is_said_so(tmp_path, capsys):
    code, err = run(
        capsys, "calibrate", "--from", tmp_path / "none.csv", "--name", "mine", "--output", tmp_path / "a.yaml"
    )
    assert (code, err) == (2, f"error: {tmp_path / 'none.csv'}: no such file\n")


@pytest.mark.parametrize("name", ["My Laptop", "../up", "", "a" * 65, "-x", "café"])
def test_a_name_that_cannot_be_a_file_is_refused(name, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, err = run(capsys, "calibrate", "--from", "x.csv", f"--name={name}")
    assert code == 2
    assert "is no name of a device; use small letters, digits, - and _" in err


def test_a_table_good_in_every_way_is_read(tmp_path):
    table = tmp_path / "good.csv"
    table.write_text(
        "# by hand\narchitecture,parameters,resolution,batch,throughput,family\n"
        'mobilenet_v1,"width=0.5",160,4,100,mine\nalexnet,,,1,8,\n',
        "utf-8",
    )
    first, second = read_table(table)
    assert (first.network, first.batch, first.seconds, first.family) == (
        "mobilenet_v1 width=0.5 resolution=160",
        4,
        0.04,
        "mine",
    )
    assert (second.network, second.seconds, second.family) == ("alexnet", 0.125, "alexnet")


def test_a_table_may_name_onnx_files(tmp_path):
    file, table = tmp_path / "mine.onnx", tmp_path / "good.csv"
    save_onnx(cm.load("mobilenet_v1", width=0.25, resolution=32), file)
    table.write_text(f"{ROWS}{file},4,0.1\n", "utf-8")
    (one,) = read_table(table)
    assert (one.network, one.family, one.batch) == (str(file), "mine", 4)
    assert cm.price(graph_of(one)).totals.params == cm.price(cm.load("mobilenet_v1", width=0.25)).totals.params
    table.write_text(f"architecture,latency_s,resolution\n{file},0.1,64\n", "utf-8")
    (larger,) = read_table(table)
    wanted = cm.price(cm.load("mobilenet_v1", width=0.25, resolution=64)).totals.mult_adds
    assert cm.price(graph_of(larger)).totals.mult_adds == wanted


BOX = """\
name: mine
title: My machine
made_by: hand
conditions: {hardware: a box, runtime: none, dtype: float32, batch: [1, 8]}
model: {fuses: true, terms: [{of: [mult_adds_kxk], seconds: 1.0e-11}]}
interval: {half_width: 0.2}
"""


@pytest.mark.parametrize(
    "number", ["nan", ".inf", "-1", "1e999", "9" * 39, "9" * 400, "true", "'1'", "[1]", "", "{a: 1}"]
)
@pytest.mark.parametrize(
    "place", ["batch: [1, ", "seconds: ", "half_width: ", "threads: ", "power_w: ", "bytes_per_s: "]
)
def test_no_number_of_a_device_file_is_taken_on_trust(place, number, tmp_path):
    text = BOX.replace("dtype:", "threads: 1, dtype:") + "power_w: 5\npeaks: {flops_per_s: 1e12, bytes_per_s: 1e9}\n"
    file = tmp_path / "mine.yaml"
    file.write_text(text, "utf-8")
    assert read_device(file).conditions.threads == 1
    before, _, after = text.partition(place)
    value = re.match(r"[^,}\]\n]+", after)[0]
    file.write_text(f"{before}{place}{number}{after[len(value) :]}", "utf-8")
    if place in ("threads: ", "power_w: ") and not number:
        assert read_device(file)  # nothing is said, as where the key is left out
        return
    with pytest.raises(cm.SpecError) as refused:
        read_device(file)
    assert re.match(rf"{re.escape(str(file))}:\d+:\d+: ", str(refused.value))


@pytest.mark.parametrize(
    "cell", ["nan", "inf", "-1", "0", "1e300", "1e999", "9" * 400, "1,", '"1', "one", "true", "\x00"]
)
@pytest.mark.parametrize("column", ["batch", "latency_s", "throughput", "cpu_s"])
def test_no_number_of_a_table_is_taken_on_trust(column, cell, tmp_path):
    table, others = tmp_path / "mine.csv", {"latency_s": "", "throughput": ""}.get(column, ",latency_s")
    value = ",0.1" if others else ""
    table.write_text(f"architecture,{column}{others}\nalexnet,1{value}\n", "utf-8")
    assert len(read_table(table)) == 1
    table.write_text(f"architecture,{column}{others}\nalexnet,{cell}{value}\n", "utf-8")
    if (column, cell) == ("cpu_s", "0"):
        assert read_table(table)  # a clock may be coarse
        return
    with pytest.raises(cm.SpecError, match=r"mine\.csv:2:\d+: "):
        read_table(table)


def test_what_is_complained_of_is_underlined_where_it_stands(tmp_path):
    table = tmp_path / "mine.csv"
    table.write_text('architecture,parameters,batch,latency_s\n"resnet50", "width=1, 2",0,5e9\n', "utf-8")
    with pytest.raises(cm.SpecError) as refused:
        read_table(table)
    places = [(problem.place.line, problem.place.column, problem.place.width) for problem in refused.value.problems]
    assert places[:2] == [(2, 26, 1), (2, 28, 3)]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("936GB/s", "71TFLOP/s"), "error: --peak '936GB/s' is in B/s, and belongs in FLOP/s"),
        (("71TFLOP/s", "71TFLOP/s"), "error: --bandwidth '71TFLOP/s' is in FLOP/s, and belongs in B/s"),
        (("71", "936GB/s"), "error: --peak '71' is without a unit"),
        (("71FLOP/s", "936GB/s"), "error: --peak: '71FLOP/s' is no machine's"),
        (("71TFLOP/s", "9" * 400 + "B/s"), "error: --bandwidth '999"),
    ],
)
@pytest.mark.parametrize("command", ["calibrate", "device-from"])
def test_a_peak_is_in_flops_and_a_bandwidth_in_bytes(command, given, said, tmp_path, capsys):
    table, output = tmp_path / "one.csv", tmp_path / "swapped.yaml"
    table.write_text(ROWS + "vgg16,16,3.2\n", "utf-8")
    words = ["--peak", given[0], "--bandwidth", given[1], "--name", "swapped", "--output", output]
    scaled = ["calibrate", "--from", table, "--like", "rtx3090", "--dtype", "float16"]
    code, err = run(capsys, *(scaled if command == "calibrate" else ["device-from", "rtx3090"]), *words)
    assert (code, err[: len(said)]) == (2, said)
    assert not output.exists()


def test_a_folder_that_cannot_be_made_is_said_so(tmp_path, capsys):
    (tmp_path / "file").write_text("", "utf-8")
    words = ["--peak", "165TFLOP/s", "--bandwidth", "1008GB/s", "--name", "x", "--output", tmp_path / "file/x/y.yaml"]
    code, err = run(capsys, "device-from", "rtx3090", *words)
    assert (code, err) == (2, f"error: {tmp_path / 'file/x'}: this folder cannot be made: Not a directory\n")


if __name__ == "__main__":
    import os

    os.chdir(BAD)
    for path in FILES:
        path.with_suffix(".txt").write_text(complaint(path.name), "utf-8")
