"""What a wrong table of measurements, or a wrong device file, says. Each file of `bad/` stands beside its exact
message.

After a change of wording, ``python -m latency.test_bad_measurements`` (in tests/) writes the messages anew, to be read
in the diff.
"""

from pathlib import Path

import pytest

import costmodel as cm
from costmodel.bench.tables import graph_of, read_table
from costmodel.cli import main
from costmodel.latency.device import read_device
from costmodel.onnx.file import save_onnx

BAD = Path(__file__).parent / "bad"
FILES = [path for path in sorted(BAD.iterdir()) if path.suffix in (".csv", ".yaml")]
ROWS = "architecture,batch,latency_s\n"


def complaint(name):
    try:
        read_table(Path(name)) if name.endswith(".csv") else read_device(Path(name))
    except cm.CostModelError as error:
        return f"{error}\n"
    raise AssertionError(f"{name} is not bad")


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
        "error: 2 networks of 2 families are too few to fit: at least 6 of 3 families are needed\n",
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
    with pytest.raises(cm.SpecError, match="an ONNX file has no parameters, so no resolution to set"):
        read_table(table)


if __name__ == "__main__":
    import os

    os.chdir(BAD)
    for path in FILES:
        path.with_suffix(".txt").write_text(complaint(path.name), "utf-8")
