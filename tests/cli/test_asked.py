"""Time as people ask for it: does it keep up, at which dtype, in which words."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace

import numpy as np
import onnx
import onnx.parser
import pytest

import costmodel as cm
from cli.command import ROOT, run
from costmodel.latency import device
from costmodel.latency.predict import latency_of
from costmodel.pricing.pace import Pace, paced
from costmodel.pricing.samples import Sample, sample_of
from costmodel.render.amounts import amount, amounts
from costmodel.render.screen import Screen
from costmodel.render.text import text
from costmodel.tasks.report import of_tables
from costmodel.tensor import Tensor

NET, ON = "mobilenet_v2", "pi4"
HALVES = "pi5"
"""A device that was measured at float16."""


@pytest.fixture
def ends():
    """The frames a second at the low and the high end of what a network takes, and by the median."""
    found = latency_of(cm.load(NET), ON)
    return [1 / found[f"latency{end}_s"] for end in ("_high", "", "_low")]


def test_it_keeps_up_where_the_whole_interval_fits_and_does_not_where_none_of_it_does(capsys, ends):
    slow, middle, fast = ends
    for fps, verdict, decides in (
        (slow * 0.999, "yes", ""),
        (slow * 1.001, "cannot be said", "measuring it there; by the median: yes"),
        (middle * 1.001, "cannot be said", "measuring it there; by the median: no"),
        (fast * 0.999, "cannot be said", "measuring it there; by the median: no"),
        (fast * 1.001, "no", ""),
    ):
        code, out, _ = run(capsys, "report", NET, "--device", ON, "--fps", repr(fps), "--format", "json")
        found = json.loads(out)["fps"]
        assert (code, found["keeps_up"], found["decides"]) == (0, verdict, decides)
        assert found["frame_s"] == found["budget_s"] == pytest.approx(1 / fps)


def test_every_format_says_whether_it_keeps_up(capsys):
    words = ("report", NET, "--device", ON, "--fps", "30")
    for form in ("text", "markdown", "html"):
        code, out, _ = run(capsys, *words, "--format", form)
        assert (code, "cannot be said" in out, "33.33 ms a frame" in out) == (0, True, True)
        assert "would decide mobilenet_v2 (by the median: no)" in " ".join(out.replace("\\_", "_").split())
    _, out, _ = run(capsys, *words, "--format", "csv")
    assert {(row["fps"], row["keeps_up"]) for row in csv.DictReader(io.StringIO(out))} == {("30.0", "cannot be said")}


def test_several_networks_are_asked_at_once(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    words = ("report", NET, "resnet18", "--device", ON, "--fps", "30")
    code, out, _ = run(capsys, *words)
    assert code == 0
    found = latency_of(cm.load(NET), ON)
    low, high = (f"{1e3 * found[f'latency_{end}_s']:.3g}" for end in ("low", "high"))
    assert re.search(rf"mobilenet_v2 .* {low} .. {high} +cannot be said", out)
    assert re.search(r"resnet18 .* no\n", out)
    _, out, _ = run(capsys, *words, "--format", "json")
    assert [one["fps"]["keeps_up"] for one in json.loads(out)] == ["cannot be said", "no"]
    _, out, _ = run(capsys, *words, "--format", "csv")
    assert [row["keeps_up"] for row in csv.DictReader(io.StringIO(out))] == ["cannot be said", "no"]


HELD, HELD_S = "shufflenet_v2_x1_0", 0.02437
"""A run that the device's own table holds, and its seconds in ncnn's published table."""


@pytest.mark.parametrize(("fps", "verdict"), [(1 / HELD_S - 0.01, "yes"), (1 / HELD_S + 0.01, "no")])
def test_what_was_measured_of_the_very_run_decides(capsys, fps, verdict):
    """In every command that is asked for a pace, and every format: within an interval that says neither."""
    asked = ("--device", ON, "--fps", repr(fps))
    found = json.loads(run(capsys, "report", HELD, *asked, "--format", "json")[1])["fps"]
    assert found["low_s"] < found["budget_s"] < found["high_s"]
    assert (found["measured_s"], found["keeps_up"], found["by"], found["decides"]) == (HELD_S, verdict, "measured", "")
    for words in (("latency", HELD), ("report", HELD, NET), ("report", HELD)):
        row, *_ = csv.DictReader(io.StringIO(run(capsys, *words, *asked, "--format", "csv")[1]))
        assert (row["keeps_up"], row["by"], row["decides"]) == (verdict, "measured", "")
        for form in ("text", "markdown", "html"):
            out = " ".join(run(capsys, *words, *asked, "--format", form)[1].split())
            assert f"what was measured there decides {HELD} (24.37 ms)" in out
            assert words == ("report", HELD) or f"{verdict}, measured" in out
            assert (f"measuring it there would decide {NET}" in out) == (NET in words)


def test_another_run_than_was_measured_is_not_decided_by_it(capsys):
    words = ("latency", HELD, "--batch", "1,2", "--device", ON, "--fps", "30")
    rows = json.loads(run(capsys, *words, "--format", "json")[1])
    assert [(row["keeps_up"], row["by"]) for row in rows] == [("yes", "measured"), ("cannot be said", "interval")]
    assert rows[1]["decides"] == "measuring it there; by the median: yes"
    out = " ".join(run(capsys, *words)[1].split())
    assert "30 fps is 33.33 ms a frame: yes where" in out
    assert f"decides {HELD} at batch 1 (24.37 ms)" in out
    assert f"would decide {HELD} at batch 2 (by the median: yes)" in out


def test_an_interval_stays_where_it_explains_a_verdict(capsys, monkeypatch):
    """On a narrow screen bars and all else that may go are gone."""
    monkeypatch.setenv("COLUMNS", "80")
    for words in (("report", NET, "resnet18"), ("latency", NET, "resnet18")):
        assert "90 % interval" in run(capsys, *words, "--device", ON, "--fps", "30")[1].partition("network  ")[2]


def test_a_batch_has_the_time_of_its_frames(capsys):
    _, out, _ = run(capsys, "report", NET, "--device", ON, "--batch", "4", "--fps", "8", "--format", "json")
    assert json.loads(out)["fps"]["budget_s"] == 0.5
    assert [Pace(8, 4, 0.1, 0.3, high).keeps_up for high in (0.5, 0.51)] == ["yes", "cannot be said"]
    assert [Pace(8, 4, low, 0.6, 0.7).keeps_up for low in (0.5, 0.51)] == ["cannot be said", "no"]


def test_what_is_priced_in_part_never_keeps_up_for_sure():
    whole = cm.time(cm.price(cm.load(NET)), ON)
    part = replace(whole, unpriced={"stem.bn": ("Strange", "nobody knows it")})
    assert [paced(table, 1).pace.keeps_up for table in (whole, part)] == ["yes", "cannot be said"]
    out = text(of_tables([paced(part, 1)]).page(), Screen(200))
    assert "mobilenet_v2 needs a whole price: this is priced in part, and takes longer" in out
    pace = Pace(1, 1, 0.1, 0.2, 0.3, bounded=True)
    assert (pace.keeps_up, pace.decides) == (
        "cannot be said",
        "a whole price: this is priced in part, and takes longer",
    )
    assert Pace(1, 1, 1.1, 1.2, 1.3, bounded=True).keeps_up == "no"


def test_latency_says_it_of_each_batch(capsys):
    code, out, _ = run(capsys, "latency", NET, "--device", ON, "--batch", "1,4", "--fps", "30", "--format", "json")
    assert (code, [row["keeps_up"] for row in json.loads(out)]) == (0, ["cannot be said"] * 2)
    assert "keeps_up" not in run(capsys, "latency", NET, "--device", ON, "--format", "json")[1]
    assert "30 fps" in run(capsys, "latency", NET, "--device", ON, "--fps", "30")[1]


def test_frames_a_second_need_a_device(capsys):
    says = "error: --fps asks how long a frame takes: add --device NAME; `costmodel devices` lists them\n"
    assert run(capsys, "report", NET, "--fps", "30")[::2] == (2, says)
    for fps, complaint in (
        ("0", "'0' frames a second cannot be kept up with; it is 0.001 to 1,000,000,000"),
        ("1e12", "'1e12' frames a second cannot be kept up with"),
        ("30 ms", "'30 ms' is in s, and belongs in samples/s; write it like 30 images/s"),
        ("nan", "'nan' is no quantity; write it like 30 images/s"),
    ):
        code, _, err = run(capsys, "report", NET, "--device", ON, "--fps", fps)
        assert (code, complaint in " ".join(err.split())) == (2, True)
    assert run(capsys, "report", NET, "--device", ON, "--fps", "30/s")[0] == 0


VARIED = (NET, "--vary", "width=0.5,1.0", "--device", HALVES)


@pytest.mark.parametrize(
    "words",
    [
        ("sweep", *VARIED, "--format", "json"),
        ("solve", *VARIED, "--maximize", "params", "--subject-to", "latency_high_s < 1", "--format", "json"),
        ("suggest", NET, "--goal", "latency_s < 1e-9", "--device", HALVES, "--top", "1", "--format", "json"),
        ("whatif", NET, "--set", "classes=1000", "--device", HALVES, "--format", "json"),
        ("diff", NET, NET, "--device", HALVES, "--format", "json"),
        ("check", NET, "--max", "weight_bytes=1G", "--device", HALVES, "--format", "json"),
    ],
    ids=lambda words: words[0],
)
def test_whoever_names_a_device_is_answered_at_its_dtype(capsys, words):
    """Weights of two bytes, and the time that `latency` says; another dtype is refused in the same words by all."""
    code, out, _ = run(capsys, *words)
    assert code in (0, 1)
    assert _found(json.loads(out), "weight_bytes") == 2 * cm.price(cm.load(NET)).totals.params
    if words[0] != "check":
        assert _found(json.loads(out), "latency_s") == pytest.approx(latency_of(cm.load(NET), HALVES)["latency_s"])
    code, _, err = run(capsys, *words, "--dtype", "float32")
    assert (code, err) == (2, "error: pi5 was measured at float16, so ask for --dtype float16, not float32\n")


def _found(answer, name):
    """Return a measure of the network itself, wherever an answer has it."""
    if "totals" in answer:
        return answer["totals"][name]["after"]
    if "budgets" in answer:
        return answer["budgets"][0]["value"]
    rows = answer if isinstance(answer, list) else answer.get("rows") or answer["best"]
    return next(row[name] for row in rows if row.get("width", 1.0) == 1.0)


def test_a_comparison_has_the_time_of_both_sides(capsys):
    _, out, _ = run(capsys, "whatif", NET, "--set", "width=0.5", "--device", ON, "--format", "json")
    totals = json.loads(out)["totals"]
    sides = [latency_of(cm.load(NET, width=width), ON)["latency_s"] for width in (1.0, 0.5)]
    assert [totals["latency_s"][side] for side in ("before", "after")] == pytest.approx(sides)
    _, out, _ = run(capsys, "diff", NET, "vgg16", "--device", ON)
    vgg16 = latency_of(cm.load("vgg16"), ON)["latency_s"]
    after, before, more = (f"{1e3 * seconds:.4g} ms" for seconds in (vgg16, sides[0], vgg16 - sides[0]))
    assert re.search(rf"latency +{before} +{after} +\+{more}", out)
    assert "batch 1, float32, pi4" in out
    found = cm.diff(NET, "vgg16", device=ON)
    assert {row["total"]: row["before"] for row in found.totals}["latency_s"] == pytest.approx(sides[0])


def test_a_way_that_is_suggested_prices_as_it_was_found(capsys):
    code, out, _ = run(capsys, "suggest", NET, "--goal", "latency_ms < 5", "--device", HALVES, "--format", "json")
    way = json.loads(out)[1]
    assert (code, way["command"].endswith(f"--device {HALVES}")) == (0, True)
    _, out, _ = run(capsys, *way["command"].split()[1:], "--format", "json")
    assert json.loads(out)["totals"]["latency_s"]["after"] == pytest.approx(way["latency_s"])


def test_no_time_is_written_with_an_exponent():
    """Ten thousand times apart in one column, and numbers that round up."""
    seconds = [0.0036124, 0.1423, 8.724e2, 82.706, 0.99999e-3, 0.0]
    texts, unit = amounts(seconds, "s")
    assert (texts, unit) == (["3.612", "142.3", "872,400", "82,710", "1", "0"], "ms")
    assert amounts([12345.0, 23456.0, 1e-9], "s") == (["12,340", "23,460", "<0.001"], "s")
    assert amounts([130080.6, 0.776, 2e6], "samples/s") == (["130,100", "0.776", "2,000,000"], "samples/s")
    assert (amount(123456.0, "s"), amount(1e-5, "samples/s")) == ("123,500 s", "<0.001 samples/s")


@pytest.mark.parametrize("value", 10.0 ** np.arange(-18, 9) * 1.2345)
def test_whatever_its_size_a_time_has_no_exponent(value):
    for said in (amount(float(value), "s"), *amounts([float(value), 1e-3, 1e-3], "s")[0]):
        assert "e" not in said


def units_of(out):
    """Return the units that stand below the names of a table's columns."""
    lines = out.splitlines()
    return lines[next(place for place, line in enumerate(lines) if line.startswith("  network")) + 1].split()


def test_tables_of_time_have_no_exponents_and_one_unit(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "150")
    _, out, _ = run(capsys, "latency", NET, "gpt2", "--device", "epyc-1t", "--batch", "1,8,64")
    assert not re.search(r"\de[+-]\d", out)
    units = units_of(out)
    assert len({unit for unit in units if unit.endswith("s") and "/" not in unit}) == 1


def test_a_time_and_its_interval_stand_under_one_prefix(capsys, monkeypatch):
    """0.98 ms, 1.9 ms and 3.7 ms: the low end by itself would be in microseconds."""
    monkeypatch.setenv("COLUMNS", "150")
    words = ("sweep", NET, "--vary", "width=0.25", "--device", HALVES, "--columns", "latency_ms,latency_low_ms")
    assert run(capsys, *words)[1].splitlines()[-2].split() == ["ms", "ms"]


PICTURE, IDS, LINE = Tensor((3, 8, 8)), Tensor((35,), "int64"), Tensor((35,))


@pytest.mark.parametrize(
    ("inputs", "sample"),
    [
        ([PICTURE], Sample("image")),
        ([Tensor((8, 8, 3), "uint8")], Sample("image")),
        ([Tensor((3, 8, 8), "bool")], Sample("sample")),
        ([Tensor((3, 16, 8, 8))], Sample("sample")),
        ([LINE], Sample("sample")),
        ([IDS], Sample("sequence", 35)),
        ([IDS, IDS, Tensor((35,), "bool")], Sample("sequence", 35)),
        ([IDS, Tensor((7,), "int64")], Sample("sample")),
        ([IDS, PICTURE], Sample("sequence", 35)),
        ([PICTURE, IDS], Sample("image")),
        ([Tensor((2, 35), "int64", batched=False)], Sample("sequence", 70)),
        ([Tensor((2, 35), "int64")], Sample("sample")),
    ],
)
def test_what_a_batch_holds_so_many_of(inputs, sample):
    assert sample_of({str(place): one for place, one in enumerate(inputs)}) == sample


def test_throughput_is_in_what_the_network_reads(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "150")
    for name, unit in ((NET, "images/s"), ("gpt2", "tokens/s"), ("r3d", "samples/s")):
        _, out, _ = run(capsys, "report", name, "--device", "epyc-1t")
        assert f"{unit}" in next(line for line in out.splitlines() if line.startswith("  throughput"))
        _, out, _ = run(capsys, "latency", name, "--device", "epyc-1t")
        assert unit in units_of(out)
    _, out, _ = run(capsys, "latency", NET, "gpt2", "--device", "epyc-1t")
    assert "samples/s" in units_of(out)
    _, out, _ = run(capsys, "sweep", NET, "--vary", "width=0.5,1.0", "--device", ON, "--columns", "fps")
    assert "images/s" in out


def test_tokens_are_as_many_as_a_sequence_has(capsys):
    _, out, _ = run(capsys, "report", "gpt2", "--device", "epyc-1t", "--format", "json")
    found = json.loads(out)
    assert (found["sample"], found["tokens"]) == ("sequence", 1024)
    assert found["totals"]["throughput_per_s"] * found["totals"]["latency_s"] == pytest.approx(1)
    _, out, _ = run(capsys, "report", "gpt2", "--device", "epyc-1t")
    told = next(line for line in out.splitlines() if line.startswith("  throughput")).split()
    assert float(told[1]) == pytest.approx(1024 * found["totals"]["throughput_per_s"], rel=1e-3)
    assert "a sample of 1,024 tokens" in out


def test_a_device_that_is_named_is_read_once(tmp_path, capsys, monkeypatch):
    """By its text: the same file with another one is another device."""
    read, parse = [], device.parse
    monkeypatch.setattr(device, "parse", lambda words, where: read.append(where) or parse(words, where))
    written, file = (ROOT / "specs/devices/pi5.yaml").read_text("utf-8"), tmp_path / "mine.yaml"
    for name, times in (("mine", 1), ("mine", 1), ("another", 2)):
        file.write_text(written.replace("name: pi5", f"name: {name}"), "utf-8")
        assert f"; {name}" in run(capsys, "report", NET, "--device", file)[1]
        assert read == [str(file)] * times


def test_a_device_that_is_not_there_is_told_all_ways_to_one(capsys):
    code, _, err = run(capsys, "report", NET, "--device", "a100-which-nobody-has")
    assert code == 2
    for way in ("costmodel devices", "costmodel calibrate --name", "costmodel device-from"):
        assert f"`{way}" in err


@pytest.mark.parametrize("form", ["text", "json", "markdown"])
def test_the_time_of_a_network_that_is_priced_in_part_says_so(form, tmp_path, capsys):
    written = (ROOT / "tests/bad/onnx/partial/another_domain.onnxtxt").read_text("utf-8")
    timed = written.replace("{ y = com.example.FusedThing(x) }", "{ z = Relu(x) y = com.example.FusedThing(z) }")
    onnx.save(onnx.parser.parse_model(timed), tmp_path / "part.onnx")
    words = ("--device", "pi4", "--fps", "0.001", "--format", form)  # slow enough, were it whole
    code, out, _ = run(capsys, "latency", tmp_path / "part.onnx", *words)
    said = " ".join(out.replace("\\", "").split())
    assert code == 0
    assert "PARTIAL: not priced: com.example.FusedThing; every total is a lower bound" in said
    assert "cannot be said" in said


def test_no_time_at_all_is_neither_a_yes_nor_a_fault(tmp_path, capsys):
    (tmp_path / "one.yaml").write_text("name: one\ninput: [3, 8, 8]\nlayers:\n  same: {op: identity}\n")
    asked = (tmp_path / "one.yaml", "--device", ON)
    assert "cannot be said" in run(capsys, "report", *asked, "--fps", "30")[1]
    assert run(capsys, "check", *asked, "--min", "fps=30")[0] == 1


def test_lines_of_no_time_are_drawn_without_a_name_and_no_picture_of_nothing(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("one", "two"):
        (tmp_path / f"{name}.yaml").write_text(f"name: {name}\ninput: [3, 8, 8]\nlayers:\n  same: {{op: identity}}\n")
    words = ("--device", "pi4", "--batch", "1,2", "--plot", "p.svg")
    assert run(capsys, "latency", "one.yaml", NET, *words)[0] == 0
    code, _, err = run(capsys, "latency", "one.yaml", "two.yaml", *words)
    assert (code, err) == (2, "error: nothing takes any time there, so there is nothing to draw\n")
