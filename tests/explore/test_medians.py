"""What goes by the median of an interval says so, where `check` would hold the end: in every command and format."""

import csv
import io
import json

import pytest
from cli.command import run

import costmodel as cm
from costmodel.sweeps.medians import by_median

SAYS = {
    "fps": "fps goes by the median of its 90 % interval; fps_low goes by the worse end, as budgets do",
    "latency_ms": "latency_ms goes by the median of its 90 % interval; latency_high_ms goes by the worse end, "
    "as budgets do",
}
GRID = ("mobilenet_v2", "--vary", "resolution=128,160")
ASKED = {
    "solve": (
        "fps",
        ("solve", *GRID, "--maximize", "resolution", "--subject-to", "params < 5M", "--subject-to", "fps >= 20"),
    ),
    "solve for it": ("latency_ms", ("solve", *GRID, "--minimize", "latency_ms", "--subject-to", "params < 5M")),
    "nothing meets it": ("fps", ("solve", *GRID, "--maximize", "params", "--subject-to", "fps > 1M")),
    "sweep": ("latency_ms", ("sweep", *GRID, "--where", "params < 5M and 2 * latency_ms < 100")),
    "front": ("latency_ms", ("sweep", *GRID, "--pareto", "latency_ms,max:resolution")),
    "suggest": ("latency_ms", ("suggest", "mobilenet_v2", "--goal", "latency_ms < 40", "--top", "1")),
    "met as it is": ("fps", ("suggest", "mobilenet_v2", "--goal", "fps > 1")),
}


@pytest.mark.parametrize("form", ["text", "markdown", "html", "csv", "json"])
@pytest.mark.parametrize(("word", "words"), ASKED.values(), ids=ASKED)
def test_every_format_says_what_goes_by_the_median(capsys, word, words, form):
    code, out, err = run(capsys, *words, "--device", "pi4", "--format", form)
    assert code in (0, 1), err
    if form == "csv":
        rows = list(csv.DictReader(io.StringIO(out)))
        assert rows
        assert {row["notes"] for row in rows} == {SAYS[word]}
    elif form == "json":
        found = json.loads(out)
        assert all(SAYS[word] in one["notes"] for one in (found if isinstance(found, list) else [found]))
    else:
        assert SAYS[word] in " ".join(out.split())


def test_what_asks_for_the_end_or_for_what_has_none_is_told_nothing(capsys):
    conditions = ("fps_low >= 5", "latency_high_ms < 900", "params < 5M")
    words = ("--maximize", "resolution", *(part for text in conditions for part in ("--subject-to", text)))
    assert "goes by" not in run(capsys, "solve", *GRID, *words, "--device", "pi4", "--format", "json")[1]
    assert (
        "notes" not in run(capsys, "sweep", *GRID, "--columns", "latency_ms", "--device", "pi4", "--format", "csv")[1]
    )


def test_python_is_told_as_well():
    frame = cm.sweep("mobilenet_v2", resolution=[128], device="pi4", where="latency_ms < 100")
    assert SAYS["latency_ms"] in frame.attrs["notes"]
    assert cm.sweep("mobilenet_v2", resolution=[128], device="pi4").attrs["notes"] == []


def test_an_end_is_named_in_the_unit_that_was_asked_in():
    asked = {"energy_j": "energy_mj", "latency_s": "latency_s", "throughput_per_s": "FPS", "resolution": "resolution"}
    assert [note.split("; ")[1].split()[0] for note in by_median(asked)] == [
        "energy_high_mj",
        "latency_high_s",
        "fps_low",
    ]
