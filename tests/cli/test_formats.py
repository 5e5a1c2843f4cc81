"""Every command that answers answers in every format, and all from one list."""

import csv
import io
import json

import pytest

from cli.command import run
from costmodel.render import answer

COMMANDS = {
    "report": "report nin_cifar10",
    "report several": "report nin nin_cifar10",
    "diff": "diff nin nin_cifar10",
    "whatif": "whatif nin_cifar10 --set classes=5",
    "moves": "moves",
    "operators": "operators",
    "one operator": "operators conv",
    "list": "list cifar",
    "devices": "devices",
    "device-report": "device-report rtx3090",
    "latency": "latency nin --device rtx3090 --batch 1,2",
    "sweep": "sweep nin_cifar10 --vary classes=2:9",
    "sweep to a front": "sweep nin_cifar10 --vary classes=2:9 --pareto params,max:mult_adds",
    "solve": "solve nin_cifar10 --vary classes=2:9 --maximize params --subject-to mult_adds<1G",
    "suggest": "suggest nin_cifar10 --goal params<900000 --top 2",
    "formula": "formula nin_cifar10",
    "formula of blocks": "formula mobilenet_v1 --by block",
    "check": "check nin_cifar10 --max params=5M",
    "verify": "verify nin_cifar10",
    "verify --layers": "verify nin_cifar10 --layers",
}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_answers_in_every_format(capsys, command):
    said = {}
    for form in answer.FORMATS:
        code, said[form], err = run(capsys, *COMMANDS[command].split(), "--format", form)
        assert code == 0, (form, err)
    assert json.loads(said["json"])
    rows = list(csv.DictReader(io.StringIO(said["csv"])))
    assert rows
    assert all(None not in row and None not in row.values() for row in rows)
    assert "\n| " in f"\n{said['markdown']}"
    assert said["html"].startswith("<!doctype html>")
    assert said["html"].rstrip().endswith("</html>")
    assert said["text"].strip()
    assert "<h3></h3>" not in said["html"]


def test_numbers_are_raw_in_csv_as_in_json(capsys):
    raw = json.loads(run(capsys, *"verify nin_cifar10 --format json".split())[1])
    (row,) = csv.DictReader(io.StringIO(run(capsys, *"verify nin_cifar10 --format csv".split())[1]))
    assert row == {name: str(value) for name, value in raw[0].items()}
    assert raw[0]["performed"] == raw[0]["mult_adds"] > 10**6
