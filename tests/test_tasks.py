"""Tasks: what can be asked without a command, and that commands are no more than a face of them."""

import ast
import dataclasses
import inspect
from importlib import import_module
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest
from cli.command import run

import costmodel as cm
from costmodel import cli
from costmodel.latency.find import find_device
from costmodel.render.answer import FORMATS, drawn
from costmodel.render.html import fragment
from costmodel.render.screen import Screen
from costmodel.render.text import text

PACKAGE = Path(cm.__file__).parent
SHARED = {"__init__", "request", "grid", "device_file"}
"""What tasks share, and no question of its own."""
MAKERS = {"calibrate", "device_from"}
"""Those that make a device's file; their commands show it as text."""
TASKS = sorted({file.stem for file in (PACKAGE / "tasks").glob("*.py")} - SHARED - MAKERS)
LINES = 15

ASKED = {
    "report": ("nin_cifar10 --batch 4 --by layer", {"networks": ("nin_cifar10",), "batch": 4, "by": "layer"}),
    "list": ("cifar", {"words": ("cifar",)}),
    "check": ("nin --max params=1k", {"networks": ("nin",), "limits": ("params=1k",)}),
    "diff": ("nin nin_cifar10", {"a": "nin", "b": "nin_cifar10"}),
    "whatif": ("nin --set classes=5", {"network": "nin", "edits": ("set classes=5",)}),
    "formula": ("nin --set classes=9", {"network": "nin", "parameters": {"classes": 9}}),
    "sweep": ("nin --vary classes=2:5", {"network": "nin", "vary": ("classes=2:5",)}),
    "solve": (
        "nin --vary classes=2:5 --maximize params --subject-to params<9",
        {"network": "nin", "vary": ("classes=2:5",), "goal": "params", "largest": True, "constraints": ("params<9",)},
    ),
    "fit_batch": ("nin_cifar10 --fits 99MB --training", {"network": "nin_cifar10", "fits": "99MB", "training": True}),
    "suggest": ("nin_cifar10 --goal params<9", {"network": "nin_cifar10", "goal": "params<9"}),
    "latency": (
        "nin --device rtx3090 --resolution 128",
        {"networks": ("nin",), "device": "rtx3090", "resolution": (128, 128)},
    ),
    "verify": ("nin_cifar10 --layers", {"networks": ("nin_cifar10",), "layers": True}),
    "operators": ("conv", {"name": "conv"}),
    "devices": ("", {}),
    "moves": ("", {}),
    "device_report": ("pi5", {"device": "pi5"}),
}
"""Questions as a command and as a request."""
NO = {"check", "solve", "suggest"}
"""Those whose answer is a no."""


def task(name):
    return import_module(f"costmodel.tasks.{name}")


def test_every_task_is_asked():
    assert set(ASKED) == set(TASKS)


@pytest.mark.parametrize("name", TASKS)
def test_a_request_is_frozen_and_of_plain_values(name):
    request = task(name).Request(**ASKED[name][1])
    for field in dataclasses.fields(request):
        value = getattr(request, field.name)
        assert isinstance(value, (str, int, float, bool, tuple, dict, type(None))), field.name
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(request, field.name, value)
    assert request == task(name).Request(**ASKED[name][1])


@pytest.mark.parametrize("name", sorted(MAKERS))
def test_what_makes_a_device_makes_it_from_values(name, tmp_path):
    table = tmp_path / "table.csv"
    table.write_text("architecture,batch,latency_s\nvgg16,16,0.2\n")
    values = {"name": "mine", "output": tmp_path / "mine.yaml", "made_by": "a test"}
    if name == "calibrate":
        made = task(name).answer(task(name).Request(table=table, like="pi4", **values), pytest.fail)
    else:
        figures = {"peak": "165TFLOP/s", "bandwidth": "1008GB/s"}
        made = task(name).answer(task(name).Request(device="rtx3090", **figures, **values))
    assert made.yes
    assert made.data() == find_device(tmp_path / "mine.yaml").model_dump(mode="json")
    assert made.data()["made_by"] == "a test"


@pytest.mark.parametrize("name", TASKS)
def test_a_command_shows_the_answer_of_its_task(capsys, monkeypatch, name):
    monkeypatch.setenv("COLUMNS", "90")
    words, values = ASKED[name]
    answer = task(name).answer(task(name).Request(**values))
    assert answer.yes == (name not in NO)
    for form in FORMATS:
        code, out, _ = run(capsys, name.replace("_", "-"), *words.split(), "--format", form)
        assert (code, out) == (int(name in NO), drawn(answer, form, Screen(90)))


@pytest.mark.parametrize("name", [*TASKS, *sorted(MAKERS)])
def test_a_command_is_short(name):
    command = getattr(import_module(f"costmodel.cli.{name}"), f"{name}_command").callback
    (function,) = ast.parse(inspect.getsource(command)).body
    _, *body = function.body  # the docstring is help
    assert body[-1].end_lineno - body[0].lineno < LINES


def test_no_task_knows_of_a_terminal():
    for file in (PACKAGE / "tasks").glob("*.py"):
        names = {
            alias.name.split(".")[0]
            for node in ast.walk(ast.parse(file.read_text()))
            if isinstance(node, ast.Import)
            for alias in node.names
        } | {
            node.module.split(".")[0]
            for node in ast.walk(ast.parse(file.read_text()))
            if isinstance(node, ast.ImportFrom)
        }
        assert not names & {"click", "sys", "os", "shutil"}, file


def test_every_command_that_shows_an_answer_has_a_task():
    without = {"show", "watch", "export", "gallery", "schema"}
    assert set(cli.COMMANDS) == {*(name.replace("_", "-") for name in (*TASKS, *MAKERS)), *without}


def test_a_task_takes_what_load_takes():
    report = task("report")
    named = report.answer(report.Request(("nin",), parameters={"classes": 7}))
    for network in (cm.load("nin", classes=7), cm.read("nin", classes=7)):
        assert report.answer(report.Request((network,))).data() == named.data()
    changed = report.Request((cm.read("nin"),), parameters=MappingProxyType({"classes": 7}))
    assert report.answer(changed).data() == named.data()


def test_a_notebook_shows_the_page_of_the_report():
    report = task("report")
    graph = cm.load("nin")
    table = cm.time(cm.price(graph, 4096), "epyc-1t")
    assert graph._repr_html_() == fragment(report.of_tables([cm.price(graph)]).page())
    assert table._repr_html_() == fragment(report.of_tables([table]).page())


@pytest.mark.parametrize("name", TASKS)
def test_a_command_offers_every_format(name):
    command = getattr(import_module(f"costmodel.cli.{name}"), f"{name}_command")
    (chosen,) = [option.type.choices for option in command.params if option.name == "form"]
    assert [*chosen][: len(FORMATS)] == [*FORMATS]


def test_a_printed_table_is_its_report_and_its_name_is_short():
    table = cm.price(cm.load("alexnet"))
    report = import_module("costmodel.tasks.report")
    assert str(table) == text(report.of_tables([table]).page()).rstrip("\n")
    assert repr(table) == "<CostTable alexnet: 23 layers, batch 1, float32>"
    assert str(cm.price(cm.load("alexnet"), batch=np.array([1, 2]))).startswith("<CostTable alexnet")
