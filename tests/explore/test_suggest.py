"""Suggest: every way shown reaches the goal when its own command line is run; fewest edits first."""

import json
import shlex

import pytest
from click.testing import CliRunner

import costmodel as cm
from costmodel.cli import costmodel
from costmodel.edits import uses
from costmodel.edits.suggest import suggest
from costmodel.errors import CostModelError
from costmodel.measures import names
from costmodel.pricing.sums import sums
from costmodel.spec import expand
from costmodel.sweeps.conditions import parse_condition

NAMES = names()


def search(arch, goal, tell=lambda tried, planned: None):
    return suggest(cm.read(arch), parse_condition(goal, NAMES), lambda graph, _: sums(graph, wanted=NAMES), tell)


def ways_of(arch, goal):
    """The ways that are found, of a spec that is no other afterwards."""
    spec = cm.read(arch)
    before, layers = spec.text, expand(spec).layers
    now, ways, tried, left_out = search(spec, goal)
    assert tried > 0
    assert left_out == 0
    assert spec.text == before
    assert [(one.path, one.op, one.shape) for one in expand(spec).layers] == [
        (one.path, one.op, one.shape) for one in layers
    ]
    assert now["params"] == cm.price(cm.load(arch)).totals.params
    return ways


@pytest.mark.parametrize(
    ("arch", "goal"),
    [
        ("conv_mobilenet", "mult_adds < 600M"),
        ("mobilenet_v1", "mult_adds < 100M and params < 3M"),
        ("mobilenet_v1_050", "params > 3M"),
    ],
)
def test_ways_reach_the_goal_as_their_commands_say(arch, goal):
    ways = ways_of(arch, goal)
    condition = parse_condition(goal, NAMES)
    assert [len(way.edits) for way in ways] == sorted(len(way.edits) for way in ways)
    assert len(ways[-1].edits) > 1
    for way in [*ways[:2], *ways[-2:]]:
        _, *arguments = shlex.split(way.command(arch))
        result = CliRunner().invoke(costmodel, [*arguments, "--format", "json"])
        assert result.exit_code == 0, result.output
        totals = json.loads(result.output)["totals"]
        found = {name: totals[name]["after"] for name in NAMES if name in totals}
        assert {"params", "mult_adds", "peak_live_bytes"} <= set(found)
        assert found == {name: way.row[name] for name in found}
        assert condition.holds(way.row)
    if arch == "conv_mobilenet":  # it is told to become MobileNet
        real = cm.price(cm.load("mobilenet_v1")).totals
        assert any((way.row["params"], way.row["mult_adds"]) == (real.params, real.mult_adds) for way in ways)


def test_out_of_reach_shows_the_nearest():
    (nearest,) = ways_of("mobilenet_v1", "params < 10")
    assert not nearest.reached
    assert nearest.row["params"] < cm.price(cm.load("mobilenet_v1", width=0.25)).totals.params


def test_what_a_large_network_leaves_no_time_for_is_counted(monkeypatch):
    """Every network counts with its layers: where they come to too many, the rest is left out, and that is said."""
    everything = search("alexnet", "params < 10")
    layers = len(cm.load("alexnet"))
    monkeypatch.setattr("costmodel.edits.suggest.MOST_LAYERS", layers * 7)
    told = []
    found = search("alexnet", "params < 10", lambda *counts: told.append(counts))
    assert (found.tried, found.left_out > 0) == (7, True)
    assert found.tried + found.left_out < everything.tried
    assert told == [(tried, 7) for tried in range(1, 8)]
    result = run("alexnet", "--goal", "params < 10")
    assert f"7 networks were tried; {found.left_out} more were left out" in result.output


def test_a_text_is_expanded_once_however_often_it_is_asked(monkeypatch):
    """A network costs one expansion before the edit, one after it, and one where what nothing uses is tidied away."""
    expanded = []
    trace = uses.trace
    monkeypatch.setattr("costmodel.edits.uses.trace", lambda spec: expanded.append(spec.text) or trace(spec))
    found = search("alexnet", "params < 1M")
    assert len(expanded) < 1.6 * found.tried


def test_or_has_no_distance():
    with pytest.raises(CostModelError, match="no distance"):
        ways_of("mobilenet_v1", "params < 3 or mult_adds < 2")


def run(*arguments):
    return CliRunner().invoke(costmodel, ["suggest", *arguments])


def test_the_command():
    result = run("nin_cifar10", "--goal", "mult_adds < 150M", "--top", "2")
    assert result.exit_code == 0
    assert "costmodel whatif nin_cifar10 --" in result.output
    assert run("mobilenet_v1", "--goal", "params < 5M").output == "mobilenet_v1 meets params < 5M as it is\n"
    assert run("nin_cifar10", "--goal", "params < 10").exit_code == 1
    wrong = run("mobilenet_v1", "--goal", "parms < 10")
    assert "did you mean 'params'?" in str(wrong.exception)
    assert "add --device NAME" in str(run("mobilenet_v1", "--goal", "latency_ms < 10").exception)
