"""What a device never measured is named in every output that shows a latency, in every format."""

import csv
import io
import json
import re

import pytest
from latency.planted import dear_device

from cli.command import run
from costmodel.latency.device import to_yaml

SPEC = """\
name: dear
parameters: {width: 16, resolution: 224}
input: [3, resolution, resolution]
layers:
  conv: {op: conv, out_channels: width, kernel_size: 3, padding: 1}
  act:  {op: gelu}
  pool: {op: global_avg_pool}
  fc:   {op: linear, out_features: 10}
"""
ASKED = {
    "report": ("report", "dear.yaml"),
    "report of several": ("report", "dear.yaml", "mobilenet_v1"),
    "report by kind": ("report", "dear.yaml", "--by", "kind"),
    "latency": ("latency", "dear.yaml", "mobilenet_v1"),
    "sweep": ("sweep", "dear.yaml", "--vary", "width=8,16"),
    "front": ("sweep", "dear.yaml", "--vary", "width=8,16", "--pareto", "latency_s,max:params"),
    "solve": ("solve", "dear.yaml", "--vary", "width=8:32:8", "--maximize", "params", "--subject-to", "latency_s < 1"),
    "suggest": ("suggest", "dear.yaml", "--goal", "latency_s < 0.005"),
    "suggest nothing": ("suggest", "dear.yaml", "--goal", "latency_s < 10"),
    "check": ("check", "dear.yaml", "--max", "latency_s=10"),
}


@pytest.fixture(autouse=True)
def there(tmp_path, monkeypatch):
    """A folder with a network that has a GELU, and a machine that measured none, on which it may be ten times dearer
    than anything.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")
    (tmp_path / "dear.yaml").write_text(SPEC, "utf-8")
    (tmp_path / "planted.yaml").write_text(to_yaml(dear_device(unseen_factor=12.0)), "utf-8")


@pytest.mark.parametrize("form", ["text", "html", "markdown", "csv", "json"])
@pytest.mark.parametrize("words", ASKED.values(), ids=ASKED)
def test_every_output_that_shows_a_latency_names_it(capsys, words, form):
    code, out, err = run(capsys, *words, "--device", "planted.yaml", "--format", form)
    assert code == 0, err
    assert "gelu" in out.replace("dear.yaml", "").partition("By kind")[0]
    if form == "csv":
        rows = list(csv.DictReader(io.StringIO(out)))
        assert any("gelu" in row["unseen"].split("; ") for row in rows)
        assert not any(" gelu " in name for name in rows[0])
    if form == "json":
        assert "gelu" in said(json.loads(out))


def said(data):
    """Return every name that stands under `unseen` anywhere in plain data."""
    if isinstance(data, dict):
        own = data["unseen"].split("; ") if isinstance(data.get("unseen"), str) else []
        return own + [name for value in data.values() for name in said(value)]
    return [name for item in data for name in said(item)] if isinstance(data, list) else []


@pytest.mark.parametrize("words", ASKED.values(), ids=ASKED)
def test_what_was_measured_is_not_named(capsys, words, tmp_path):
    (tmp_path / "dear.yaml").write_text(SPEC.replace("gelu", "relu"), "utf-8")
    _, out, _ = run(capsys, *words, "--device", "planted.yaml", "--format", "csv")
    assert {row["unseen"] for row in csv.DictReader(io.StringIO(out))} == {""}
    assert "never measured" not in run(capsys, *words, "--device", "planted.yaml")[1]


@pytest.mark.parametrize("suffix", [".csv", ".json"])
def test_the_file_of_a_sweep_names_it_row_by_row(capsys, tmp_path, suffix):
    path = tmp_path / f"rows{suffix}"
    words = ("sweep", "dear.yaml", "--vary", "width=8,16", "--vary", "batch=8,64", "--device", "planted.yaml")
    assert run(capsys, *words, "-o", path)[0] == 0
    text = path.read_text("utf-8")
    rows = list(csv.DictReader(io.StringIO(text))) if suffix == ".csv" else json.loads(text)
    assert [row["unseen"] for row in rows] == ["gelu", "gelu; batch"] * 2


def test_a_hint_is_in_every_format_of_a_page(capsys):
    for form in ("text", "markdown", "html"):
        _, out, _ = run(capsys, "report", "dear.yaml", "--format", form)
        assert "Latency depends on the device: add --device NAME" in " ".join(out.split())


def test_what_was_measured_of_the_very_run_stands_beside_its_prediction(capsys):
    words = ("mobilenet_v1", "--device", "pi4")
    rows = json.loads(run(capsys, "latency", *words, "--batch", "1,2", "--format", "json")[1])
    assert [row["measured_s"] for row in rows] == [0.06074, None]  # of ncnn's published table
    assert json.loads(run(capsys, "report", *words, "--format", "json")[1])["totals"]["measured_s"] == 0.06074
    assert "60.74" in run(capsys, "latency", *words)[1]
    for form in ("text", "markdown", "html"):
        out = run(capsys, "report", *words, "--format", form)[1]
        assert "60.74 ms" in out
        assert "this very run there" in out
    assert "this very run" not in run(capsys, "report", *words, "--batch", "2")[1]


def test_repeatability_stands_beside_what_was_measured_here(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    out = run(capsys, "report", "resnet50", "--device", "epyc-1t")[1]
    assert re.search(r"measured .* predicted \+0\.\d %; repeatable within 2\.84 %; this very run there\n", out)
    totals = json.loads(run(capsys, "report", "resnet50", "--device", "epyc-1t", "--format", "json")[1])["totals"]
    assert totals["repeatability_percent"] == 2.84
