"""Memory on the command line: every level in every question, over time, and the largest batch that fits."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from graphs import network

import costmodel as cm
from cli.command import run
from costmodel.pricing.memory.asked import Levels, Runtime, Training

STEP = Training("momentum")


def asked(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> Any:
    found, out, err = run(capsys, *words, "--format", "json")
    assert (found, err) == (code, "")
    return json.loads(out)


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    code, out, err = run(capsys, *words)
    assert (code, out) == (2, "")
    return err


def test_a_report_has_the_plan_of_a_runtime_and_the_peak_of_a_step(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("report", "mobilenet_v2", "--memory", "onnxruntime", "--training", "--optimizer", "momentum")
    data = asked(capsys, *words)
    table = cm.price(cm.load("mobilenet_v2"), training=STEP, memory="onnxruntime")
    assert data["totals"]["arena_bytes"] == table.totals.arena_bytes == table.plans[0].bytes
    assert data["totals"]["step_peak_bytes"] == table.totals.step_peak_bytes == table.plans[1].bytes
    for told, plan in zip(data["memory"], table.plans, strict=True):
        assert (told["level"], told["bytes"]) == (plan.level, plan.bytes)
        assert [row["bytes"] for row in told["timeline"]] == list(plan.held)
        held = sum(block["bytes"] for block in told["peak"]["held"])
        assert held == max(row["bytes"] for row in told["timeline"])


def test_alone_the_option_shows_every_level_side_by_side(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "report", "mobilenet_v2", "--memory")
    levels = out.split("Memory by level\n")[1].split("\n\n")[0]
    assert code == 0
    assert [line.split()[0] for line in levels.splitlines()[2:6]] == ["as", "fused", "onnxruntime", "tflm"]
    for title in ("Over time: as written", "At the peak: as written", "What would lower it"):
        assert title in out
    assert "What would lower it" not in run(capsys, "report", "mobilenet_v2", "--training")[1]


def test_memory_over_time_is_drawn(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    drawn = {}
    for name, words in {"step": ["--training"], "arena": ["--memory", "onnxruntime"], "bars": []}.items():
        picture = tmp_path / f"{name}.svg"
        assert run(capsys, "report", "resnet20", *words, "--plot", str(picture))[0] == 0
        drawn[name] = picture.read_text()
    assert len(set(drawn.values())) == 3
    err = refused(capsys, "report", "resnet20", "alexnet", "--plot", str(tmp_path / "two.svg"))
    assert "--plot draws one network" in err


@pytest.mark.parametrize(
    ("words", "measure", "levels"),
    [
        (("--memory", "onnxruntime"), "arena_bytes", Levels(Runtime("onnxruntime"))),
        (("--memory", "onnxruntime", "--lanes", "16"), "arena_bytes", Levels(Runtime("onnxruntime", 16))),
        (("--optimizer", "momentum"), "step_peak_bytes", Levels(training=STEP)),
        ((), "step_peak_bytes", Levels(training=Training())),
        (
            ("--amp", "--checkpoint", "bottleneck2"),
            "step_peak_bytes",
            Levels(training=Training(amp=True, checkpoint=("bottleneck2",))),
        ),
    ],
)
def test_every_question_takes_every_level(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], measure: str, levels: Levels
) -> None:
    graph = cm.load("mobilenet_v2")
    table = cm.price(graph, training=levels.training or False, memory=levels.runtime)
    right = table.totals.values[measure]
    (budget,) = asked(capsys, "check", "mobilenet_v2", "--max", f"{measure}={right}", *words)["budgets"]
    assert (budget["value"], budget["kept"]) == (right, True)
    (budget,) = asked(capsys, "check", "mobilenet_v2", "--max", f"{measure}={right - 1}", *words, code=1)["budgets"]
    assert budget["kept"] is False
    vary = ("mobilenet_v2", "--vary", "width=0.5,1.0")
    swept = asked(capsys, "sweep", *vary, "--columns", measure, *words)["rows"]
    assert [row[measure] for row in swept][1] == right
    assert swept[0][measure] < right
    (best,) = asked(capsys, "solve", *vary, "--maximize", "params", "--subject-to", f"{measure} < {right}", *words)[
        "best"
    ]
    assert best["width"] == 0.5
    if words or measure == "arena_bytes":
        changed = asked(capsys, "whatif", "mobilenet_v2", "--set", "width=0.5", *words)["totals"][measure]
        assert (changed["before"], changed["after"]) == (right, swept[0][measure])
        same = asked(capsys, "diff", "mobilenet_v2", "mobilenet_v2", *words)["totals"][measure]
        assert (same["before"], same["change"]) == (right, 0)


def test_sweeps_from_python_plan_point_by_point() -> None:
    frame = cm.sweep(
        "resnet20",
        measures=["step_peak_bytes", "params"],
        training=STEP,
        batch=[1, 4],
        resolution=[16, 32, 64],
    )
    for row in frame.to_dict("records"):
        graph = cm.load("resnet20", resolution=row["resolution"])
        assert row["step_peak_bytes"] == cm.price(graph, row["batch"], training=STEP).totals.step_peak_bytes
    assert len(frame) == 6


def test_a_budget_file_names_runtime_and_optimizer(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    budget = tmp_path / "budget.yaml"
    budget.write_text("max: {arena_bytes: 8 MB, step_peak_bytes: 1 GB}\nmemory: onnxruntime\noptimizer: momentum\n")
    found = {
        one["budget"]: one["value"]
        for one in asked(capsys, "check", "mobilenet_v2", "--budget", str(budget))["budgets"]
    }
    totals = cm.price(cm.load("mobilenet_v2"), training=STEP, memory="onnxruntime").totals
    assert found == {"arena_bytes": totals.arena_bytes, "step_peak_bytes": totals.step_peak_bytes}
    budget.write_text("max: {arena_bytes: 8 MB}\nmemory: onnxruntim\noptimizer: sdg\n")
    err = refused(capsys, "check", "mobilenet_v2", "--budget", str(budget))
    for wrong, meant in (("onnxruntim", "onnxruntime"), ("sdg", "sgd")):
        assert re.search(rf"unknown name '{wrong}'\n.*\n.*\n  did you mean '{meant}'\?", err)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("check", "alexnet", "--max", "arena_bytes=1MB"),
            "arena_bytes is a runtime's: add --memory onnxruntime or --memory tflm",
        ),
        (("sweep", "alexnet", "--vary", "batch=1,2", "--columns", "flash_bytes"), "flash_bytes is a runtime's"),
        (("check", "alexnet", "--max", "flash_bytes=1", "--memory", "onnxruntime"), "there is no flash_bytes"),
        (("report", "alexnet", "--lanes", "16"), "--lanes are of ONNX Runtime's blocks: add --memory onnxruntime"),
        (("report", "--memory", "alexnet"), "there is no runtime 'alexnet'"),
        (("report", "alexnet", "--training", "--dtype", "int8"), "int8 has no gradients to train with"),
        (("report", "alexnet", "--training", "--checkpoint", "konv*"), "'konv*' matches no layer"),
        (("report", "alexnet", "--training", "--freeze", "konv*"), "'konv*' matches no layer"),
        (("report", "alexnet", "--optimizer", "adamax"), "'adamax' is not one of 'sgd', 'momentum', 'adam', 'adamw'"),
        (("fit-batch", "alexnet", "--fits", "0"), "--fits 0: a memory holds something; write 8GB"),
        (("fit-batch", "alexnet", "--fits", "8 parsecs"), "8 parsecs"),
        (("fit-batch", "alexnet", "--fits", "8GB", "--training", "--memory", "tflm"), "leave one out"),
    ],
)
def test_what_cannot_be_says_so(capsys: pytest.CaptureFixture[str], words: tuple[str, ...], message: str) -> None:
    assert message in " ".join(refused(capsys, *words).split())


@pytest.mark.parametrize(
    ("words", "measure", "levels"),
    [
        ((), "held_bytes", Levels()),
        (("--training",), "step_peak_bytes", Levels(training=Training())),
        (("--optimizer", "adamw", "--amp"), "step_peak_bytes", Levels(training=Training("adamw", amp=True))),
    ],
)
def test_the_largest_batch_fits_and_the_next_does_not(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], measure: str, levels: Levels
) -> None:
    found = asked(capsys, "fit-batch", "resnet20", "--fits", "100MB", *words)
    graph = cm.load("resnet20")
    held = {
        batch: cm.price(graph, batch, training=levels.training or False).totals.values[measure]
        for batch in (found["batch"], found["batch"] + 1)
    }
    assert held[found["batch"]] <= 100e6 < held[found["batch"] + 1]
    assert (found["bytes"], found["left"]) == (held[found["batch"]], 100_000_000 - held[found["batch"]])
    near = range(max(1, found["batch"] - 3), found["batch"] + 4)
    solved = cm.solve(
        "resnet20", maximize="batch", subject_to=f"{measure} <= 100 MB", training=levels.training, batch=list(near)
    )
    assert solved.best[0]["batch"] == found["batch"]


def test_solve_varies_the_batch_by_itself_where_it_is_the_goal(capsys: pytest.CaptureFixture[str]) -> None:
    """And says how far; the answer is that of the other command."""
    fitted = asked(capsys, "fit-batch", "resnet20", "--fits", "100MB")
    limit = ("--subject-to", "held_bytes <= 100 MB")
    solved = asked(capsys, "solve", "resnet20", "--maximize", "batch", *limit)
    assert [row["batch"] for row in solved["best"]] == [fitted["batch"]]
    assert any("batch=1:512 was tried" in note for note in solved["notes"])
    code, _, error = run(capsys, "solve", "resnet20", "--maximize", "params", *limit)
    assert (code, "nothing varies" in error) == (2, True)


def test_the_largest_batch_there_is_has_no_next(capsys: pytest.CaptureFixture[str]) -> None:
    code, text, _ = run(capsys, "fit-batch", "resnet20", "--fits", "1e18")
    assert (code, "1,000,000,000" in text, "was not asked about" in text, "too much" in text) == (0, True, True, False)


def test_where_not_one_image_fits_the_answer_is_no(capsys: pytest.CaptureFixture[str]) -> None:
    found = asked(capsys, "fit-batch", "alexnet", "--fits", "10MB", code=1)
    assert (found["batch"], found["left"] < 0) == (0, True)
    assert found["bytes"] == cm.price(cm.load("alexnet")).totals.held_bytes


def test_the_arena_and_the_weights_are_to_fit_together(capsys: pytest.CaptureFixture[str]) -> None:
    found = asked(capsys, "fit-batch", "mobilenet_v2", "--fits", "50MB", "--memory", "onnxruntime")
    totals = cm.price(cm.load("mobilenet_v2"), found["batch"], memory="onnxruntime").totals
    assert found["bytes"] == totals.weight_bytes + 4 * totals.buffers + totals.arena_bytes
    assert found["batch"] == (50_000_000 - totals.weight_bytes - 4 * totals.buffers) // (
        totals.arena_bytes // found["batch"]
    )


def test_suggest_proposes_what_to_compute_again(capsys: pytest.CaptureFixture[str]) -> None:
    now = cm.price(cm.load("resnet20"), 16, training=Training()).totals.step_peak_bytes
    words = (
        "resnet20",
        "--batch",
        "16",
        "--goal",
        f"step_peak_bytes < {now * 3 // 4} and params > 260000",
        "--top",
        "40",
    )
    commands = [row["command"] for row in asked(capsys, "suggest", *words)]
    again = [command for command in commands if "--checkpoint" in command and command.startswith("costmodel report")]
    assert again
    for command in again[:3]:
        data = asked(capsys, *shlex.split(command)[1:], "--batch", "16")
        assert data["totals"]["step_peak_bytes"] < now * 3 // 4


def test_python_takes_names_and_what_they_stand_for() -> None:
    graph = cm.load("resnet20")
    named, said = cm.price(graph, training="adamw", memory="onnxruntime"), cm.Runtime("onnxruntime")
    meant = cm.price(graph, training=cm.Training("adamw", checkpoint=()), memory=said)
    assert named.totals == meant.totals
    assert cm.Training(freeze="stage1").freeze == ("stage1",)
    assert cm.price(graph, training="sgd").totals.step_peak_bytes < named.totals.step_peak_bytes
    for wrong in ({"memory": True}, {"training": 3}, {"training": "adamax"}, {"memory": "onnxruntim"}):
        with pytest.raises(cm.CostModelError):
            cm.price(graph, **wrong)


def test_what_is_frozen_or_computed_again_changes_every_figure_that_it_should() -> None:
    graph = cm.load("resnet20")
    plain, frozen = cm.price(graph, training=True).totals, cm.price(graph, training=cm.Training(freeze="*")).totals
    assert (frozen.gradient_bytes, frozen.backward_mult_adds, frozen.saved_bytes) == (0, 0, 0)
    assert frozen.params == plain.params
    part = cm.price(graph, training=cm.Training(freeze="stage*")).totals
    assert 0 < part.gradient_bytes < plain.gradient_bytes
    again = cm.price(graph, training=cm.Training(checkpoint="*")).totals
    assert again.step_mult_adds == plain.step_mult_adds + again.recomputed_mult_adds
    assert again.recomputed_mult_adds > 0


def test_what_is_frozen_is_so_by_every_door() -> None:
    graph, training = cm.load("resnet20"), cm.Training(freeze="stage*")
    wanted = ["gradient_bytes", "saved_bytes", "backward_mult_adds", "step_peak_bytes"]
    totals = cm.price(graph, 2, training=training).totals
    (row,) = cm.sweep("resnet20", measures=wanted, training=training, batch=[2]).to_dict("records")
    assert {name: row[name] for name in wanted} == {name: totals.values[name] for name in wanted}


def test_a_sum_with_nothing_takes_no_memory_of_its_own() -> None:
    convolve = {"out_channels": 4, "kernel_size": 3, "padding": 1}
    ends = ("a", "conv", "s", convolve), ("b", "conv", "a", convolve)
    between = ("identity", {}), ("shift", {"amount": 0.0}), ("scale", {"factor": 1.0}), ("shift", {"amount": 1.0})
    graphs = [network((3, 16, 16), ("s", op, "input", fields), *ends) for op, fields in between]
    nothing, plus, times, one = [cm.price(graph, memory="onnxruntime").totals.arena_bytes for graph in graphs]
    assert nothing == plus == times < one


def test_a_broken_budget_says_what_is_held_at_the_peak(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("check", "vgg16", "--max", "step_peak_bytes=1MB", "--max", "arena_bytes=1MB", "--memory", "onnxruntime")
    code, out, _ = run(capsys, *words)
    where = out.split("Where it goes\n")[1]
    assert code == 1
    assert "optimizer state" in where
    assert "conv1.0.conv (activations)" in where
