"""The commands about time: report --device, latency, devices, device-report, device-from, calibrate --from, export."""

import csv
import io
import json
import sys

import pytest
from latency.planted import seconds

import costmodel as cm
from cli.command import SPECS, process, run
from costmodel.bench.plan import QUICK
from costmodel.bench.tables import kernels_of
from costmodel.execute import random_images
from costmodel.latency.device import read_device
from costmodel.latency.energy import chip_energy
from costmodel.latency.find import find_device
from costmodel.latency.forms import FORMS
from costmodel.latency.lowering import Lowering
from costmodel.latency.predict import latency_of

PNG, SVG = b"\x89PNG", b"<?xml"


def table_of(path, seconds_of):
    rows = [f"{name},{batch},{seconds_of(name, batch)}" for name in (*QUICK, "googlenet", "vgg11") for batch in (1, 8)]
    path.write_text("architecture,batch,latency_s\n" + "\n".join(rows) + "\n", "utf-8")
    return path


@pytest.fixture
def measured(tmp_path):
    """A table of a machine that is known: 10 ps a mult-add, 100 ps a byte."""

    def planted(name, batch):
        return seconds(FORMS[0], [1e-11, 1e-10], kernels_of(cm.load(name), batch, "float32", Lowering()))

    return table_of(tmp_path / "measured.csv", planted)


def test_a_report_says_how_long_and_how_sure(capsys):
    code, out, _ = run(capsys, "report", "mobilenet_v1", "--device", "pi4")
    found = latency_of(cm.load("mobilenet_v1"), "pi4")
    assert code == 0
    assert f"{1e3 * found['latency_s']:.4g} ms" in out
    assert f"90 % within {1e3 * found['latency_low_s']:.3g} ms .. {1e3 * found['latency_high_s']:.3g} ms; pi4" in out
    assert f"bound by {found['bound']}" in out


def test_a_report_takes_the_dtype_that_was_measured_unless_told_otherwise(capsys):
    code, out, _ = run(capsys, "report", "mobilenet_v1", "--device", "rtx3090", "--batch", "256")
    assert code == 0
    assert "batch 256, float16" in out
    code, _, err = run(capsys, "report", "mobilenet_v1", "--device", "rtx3090", "--dtype", "float32")
    assert code == 2
    assert "rtx3090 was measured at float16" in err


def test_a_report_without_a_device_says_how_to_get_latency(capsys):
    _, out, _ = run(capsys, "report", "mobilenet_v1")
    assert "latency" not in out.partition("Latency depends")[0]
    assert "add --device NAME" in " ".join(out.split())


def test_json_and_csv_of_a_report_carry_latency(capsys):
    _, out, _ = run(capsys, "report", "mobilenet_v1", "--device", "pi4", "--format", "json")
    latency = json.loads(out)["totals"]
    assert latency["latency_low_s"] < latency["latency_s"] < latency["latency_high_s"]
    _, out, _ = run(capsys, "report", "mobilenet_v1", "vgg16", "--device", "pi4", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [float(row["latency_s"]) > 0 for row in rows] == [True, True]


def test_networks_are_compared_by_latency(capsys):
    code, out, _ = run(capsys, "report", "vgg16", "mobilenet_v1", "--device", "pi4", "--sort", "latency_s")
    assert code == 0
    assert "latency" in out
    assert out.index("vgg16") < out.index("mobilenet_v1")


def test_energy_of_operations_names_its_parts_and_its_source(capsys):
    code, out, _ = run(capsys, "report", "alexnet", "--energy")
    found = chip_energy(cm.price(cm.load("alexnet")).totals.values, "float32")
    parts = (found["energy_j"], found["mult_adds_j"], found["dram_j"])
    assert code == 0
    total, compute, memory = (f"{1e3 * joules:.{digits}g} mJ" for joules, digits in zip(parts, (4, 3, 3), strict=True))
    line = next(line for line in out.splitlines() if line.strip().startswith("energy "))
    assert total in line
    assert f"{compute} mult-adds, {memory} DRAM; at 45 nm" in line
    words = " ".join(out.split())
    assert "no measurement of a device. Horowitz, ISSCC 2014, 45 nm at 0.9 V; DRAM: Han et al. 2015" in words
    assert "add --device NAME" in words
    assert "energy" not in run(capsys, "report", "alexnet")[1]


def test_energy_on_a_device_is_its_power_times_the_time(capsys):
    words = ("report", "vgg16", "--device", "jetson-tx1", "--batch", "16", "--energy")
    code, out, _ = run(capsys, *words)
    assert code == 0
    assert "37.76 J" in out  # 11.8 W for the 3.2 s that the paper puts in words
    assert "J; at 11.8 W" in out
    assert "arXiv:1605.07678: 11.8 W above idle" in " ".join(out.split())
    totals = json.loads(run(capsys, *words, "--format", "json")[1])["totals"]
    for side in ("", "low_", "high_"):
        assert totals[f"energy_{side}j"] == 11.8 * totals[f"latency_{side}s"]


def test_energy_on_a_device_whose_power_nobody_measured_is_refused(capsys):
    code, out, err = run(capsys, "report", "vgg16", "--device", "pi4", "--energy")
    assert (code, out) == (2, "")
    assert "nobody measured the power of pi4" in err
    assert "energy without a device is that of a 45 nm chip" in err


def test_networks_are_compared_and_sorted_by_energy(capsys):
    words = ("report", "mobilenet_v1", "vgg16", "alexnet", "--energy", "--sort", "energy_j")
    _, out, _ = run(capsys, *words)
    assert out.index("vgg16") < out.index("alexnet") < out.index("mobilenet_v1")
    assert "Horowitz, ISSCC 2014" in out
    rows = list(csv.DictReader(io.StringIO(run(capsys, *words, "--format", "csv")[1])))
    for row in rows:
        assert float(row["energy_j"]) == float(row["mult_adds_j"]) + float(row["dram_j"])
        assert row["energy_source"].startswith("Horowitz")


def test_latency_over_batches_as_text_csv_and_json(capsys):
    words = ("latency", "alexnet", "mobilenet_v1", "--device", "gtx1080ti", "--batch", "16,1")
    code, out, err = run(capsys, *words)
    assert (code, err) == (0, "")
    assert out.count("alexnet") == out.count("mobilenet_v1") == 2
    assert "note: measured at batch 16 only; the interval is wider the further away" in out
    _, out, _ = run(capsys, *words, "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [(row["network"], row["batch"]) for row in rows[:2]] == [("alexnet", "1"), ("alexnet", "16")]
    assert float(rows[0]["latency_low_s"]) < float(rows[0]["latency_s"]) < float(rows[0]["latency_high_s"])
    _, out, _ = run(capsys, *words, "--format", "json")
    assert json.loads(out)[3]["network"] == "mobilenet_v1"


@pytest.mark.parametrize(("suffix", "magic"), [(".png", PNG), (".svg", SVG)])
def test_latency_is_drawn(tmp_path, capsys, suffix, magic):
    plot = tmp_path / f"figure{suffix}"
    code, *_ = run(capsys, "latency", "alexnet", "nin", "--device", "gtx1080ti", "--batch", "1,16", "--plot", plot)
    assert code == 0
    assert plot.read_bytes().startswith(magic)


def test_a_picture_of_no_known_kind_is_refused(tmp_path, capsys):
    code, _, err = run(capsys, "latency", "nin", "--device", "pi4", "--plot", tmp_path / "a.bmp")
    assert (code, "a picture is .png, .svg or .pdf" in err) == (2, True)


@pytest.mark.parametrize("batches", ["0", "1,-2", "one", "1,,2", ""])
def test_batches_that_are_none_are_refused(capsys, batches):
    code, _, err = run(capsys, "latency", "nin", "--device", "pi4", "--batch", batches)
    assert code == 2
    assert "Traceback" not in err


def test_devices_are_listed_with_what_they_are_worth(capsys):
    _, out, _ = run(capsys, "devices", "--format", "json")
    rows = {row["name"]: row for row in json.loads(out)}
    stated = find_device("rtx3090").error
    assert rows["rtx3090"]["mape_percent"] == stated.mape_percent
    assert rows["rtx3090"]["operations_only_mape_percent"] == stated.operations_only.mape_percent
    assert rows["jetson-tx1"]["mape_percent"] is None
    _, out, _ = run(capsys, "devices")
    assert all(name in out for name in rows)


def test_a_device_report_names_units_families_and_worst_cases(capsys, tmp_path):
    plot = tmp_path / "errors.png"
    code, out, _ = run(capsys, "device-report", "rtx3090", "--plot", plot)
    assert code == 0
    assert "mult-adds/s" in out
    assert "B/s" in out
    assert "error by family" in out
    assert "worst" in out
    assert plot.read_bytes().startswith(PNG)
    for form in ("markdown", "html", "json"):
        code, out, _ = run(capsys, "device-report", "rtx3090", "--format", form)
        assert code == 0
        assert "RTX 3090" in out


def test_a_device_is_made_from_another_and_can_be_used(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ("device-from", "rtx3090", "--peak", "142TFLOP/s", "--bandwidth", "1872.4GB/s", "--name", "twice")
    code, _, err = run(capsys, *words)
    assert (code, "wrote specs/devices/twice.yaml" in err) == (0, True)
    code, _, err = run(capsys, *words)
    assert (code, err) == (2, "error: specs/devices/twice.yaml exists; --force overwrites it\n")
    assert run(capsys, *words, "--force")[0] == 0
    graph = cm.load(str(SPECS / "mobilenet_v1.yaml"))
    both = [latency_of(graph, name, 512) for name in ("rtx3090", "twice")]
    assert 1.5 < both[0]["latency_s"] / both[1]["latency_s"] < 2
    assert both[1]["latency_high_s"] / both[1]["latency_s"] > both[0]["latency_high_s"] / both[0]["latency_s"]


def test_a_table_is_fitted_into_a_device_and_a_picture(measured, tmp_path, capsys):
    output, plot = tmp_path / "mine.yaml", tmp_path / "fit.svg"
    words = ("calibrate", "--from", measured, "--name", "mine", "--output", output, "--plot", plot)
    code, out, _ = run(capsys, *words)
    assert code == 0
    assert "mean error" in out
    assert read_device(output).error.mape_percent < 5
    assert plot.read_bytes().startswith(SVG)
    before = output.read_bytes()
    code, _, err = run(capsys, *words)
    assert (code, "exists; --force overwrites it" in err) == (2, True)
    assert output.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fit.svg", "measured.csv", "mine.yaml"]


@pytest.mark.parametrize("option", [["--lanes", "16"], ["--eager"], ["--dtype", "float16"]])
def test_what_says_how_others_measured_is_refused_where_this_machine_is_measured(option, capsys, tmp_path):
    given = ["--name", "here", "--log", str(tmp_path / "a.csv"), "--output", str(tmp_path / "a.yaml")]
    code, _, err = run(capsys, "calibrate", *given, *option)
    assert code == 2
    assert f"{option[0]} goes with --from only" in " ".join(err.split())
    assert not list(tmp_path.iterdir())


def test_a_device_says_the_command_without_folders_and_what_only_matters_here(measured, tmp_path, capsys, monkeypatch):
    """Whichever program calls `main` with these words."""
    monkeypatch.setattr(sys, "argv", ["another_program", "--its", "words"])
    words = f"calibrate --name x --from={measured} --title /a/b --plot {tmp_path / 'p.svg'} --force --output"
    output = tmp_path / "x.yaml"
    assert run(capsys, *words.split(), output, "--eager", "--like", measured)[0] == 0
    said = f"costmodel calibrate --name x --from={measured.name} --title /a/b --eager --like {measured.name}"
    assert read_device(output).made_by == said


def test_a_single_measurement_scales_a_device(tmp_path, capsys):
    table = tmp_path / "one.csv"
    half = latency_of(cm.load("vgg16"), "pi4")["latency_s"] / 2
    table.write_text(f"architecture,latency_s\nvgg16,{half}\n", "utf-8")
    output = tmp_path / "fast-pi.yaml"
    code, *_ = run(capsys, "calibrate", "--from", table, "--like", "pi4", "--name", "fast-pi", "--output", output)
    made = read_device(output)
    assert code == 0
    for old, new in zip(find_device("pi4").model.terms, made.model.terms, strict=True):
        assert new.seconds == pytest.approx(old.seconds / 2, rel=1e-4, abs=0)
    assert made.interval.half_width > find_device("pi4").interval.half_width
    assert made.error is None
    says = "fast-pi: it was scaled and not fitted, so there are no errors to draw"
    for words in (
        ["calibrate", "--from", table, "--like", "pi4", "--name", "fast-pi", "--output", tmp_path / "other.yaml"],
        ["device-report", output],
    ):
        code, _, err = run(capsys, *words, "--plot", tmp_path / "plot.svg")
        assert (code, says in err) == (2, True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fast-pi.yaml", "one.csv"]


def test_an_architecture_is_exported_and_never_written_over(tmp_path, capsys):
    import onnx

    path = tmp_path / "net.onnx"
    words = ("export", "nin_cifar10", "-o", path, "--batch", "2")
    assert run(capsys, *words)[0] == 0
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    assert [size.dim_value for size in model.graph.input[0].type.tensor_type.shape.dim] == [2, 3, 32, 32]
    before = path.read_bytes()
    code, _, err = run(capsys, *words)
    assert (code, "exists; --force overwrites it" in err) == (2, True)
    assert path.read_bytes() == before
    assert [found.name for found in tmp_path.iterdir()] == ["net.onnx"]


def test_an_open_batch_is_exported_by_default(tmp_path, capsys):
    import onnx

    path = tmp_path / "net.onnx"
    run(capsys, "export", "squeezenet1_1", "-o", path)
    assert onnx.load(path).graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"


@pytest.mark.parametrize(("name", "resolution"), [("shufflenet_v2", 32), ("enet", 64), ("squeezenet", 32)])
def test_an_exported_file_runs_at_any_batch_and_gives_what_the_executor_gives(tmp_path, capsys, name, resolution):
    import numpy as np
    import onnxruntime

    path = tmp_path / "net.onnx"
    assert run(capsys, "export", name, "--resolution", resolution, "--seed", "7", "-o", path)[0] == 0
    graph = cm.load(name, resolution=resolution)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    images = random_images(graph, 3)
    ours = cm.run(graph, images, seed=7)
    for node, theirs in zip(session.get_outputs(), session.run(None, {"input": images}), strict=True):
        np.testing.assert_allclose(theirs, ours[node.name], atol=1e-4 * np.abs(theirs).max())


def test_a_folder_that_is_not_there_is_said_so(tmp_path, capsys):
    code, _, err = run(capsys, "export", "nin_cifar10", "-o", tmp_path / "none" / "net.onnx")
    assert code == 2
    assert "there is no folder" in err


def test_a_machine_is_not_measured_in_a_runtime_that_is_not_there(capsys, tmp_path):
    code, _, err = run(
        capsys, "calibrate", "--name", "mine", "--runtime", "tensorrt", "--output", tmp_path / "mine.yaml"
    )
    assert code == 2
    assert "this machine is measured in onnxruntime, torch, torch-cuda only; --from takes measurements of any" in err


@pytest.mark.parametrize("runtime", ["torch", "torch-cuda"])
def test_pytorch_is_asked_for_where_it_is_missing_and_an_old_log_stays(capsys, tmp_path, monkeypatch, runtime):
    monkeypatch.setitem(sys.modules, "torch", None)
    log = tmp_path / "mine.csv"
    log.write_text("measured for hours\n", "utf-8")
    words = ("calibrate", "--name", "mine", "--runtime", runtime, "--log", log, "--output", tmp_path / "mine.yaml")
    code, _, err = run(capsys, *words, "--force")
    assert (code, err) == (2, "error: measuring in PyTorch needs it installed: pip install torch\n")
    assert log.read_text("utf-8") == "measured for hours\n"
    assert [path.name for path in tmp_path.iterdir()] == ["mine.csv"]


def test_listing_devices_loads_no_plots_and_no_onnx():
    code, out, _ = process("devices", "--format", "json")
    assert code == 0
    assert "rtx3090" in out
