"""What a comparison says, and that it adds up."""

from __future__ import annotations

import csv
import io
import json
import subprocess
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import costmodel as cm
from costmodel import measures
from costmodel.errors import CostModelError
from costmodel.spec.library import names

SMALL = [name for name in names() if name not in ("resnet1202", "preresnet1001", "plain110")]
SUMS = [name for name in measures.names(rows=True) if measures.MEASURES[name].adds == "sum"]


@pytest.mark.parametrize("name", ["mobilenet_v1", "resnet18", "googlenet"])
def test_a_network_does_not_differ_from_itself(name):
    same = cm.diff(name, name)
    assert same.changes() == []
    assert {row["status"] for row in same.rows} == {"same"}
    assert {row["matched"] for row in same.rows} == {"path"}
    assert all(row["change"] == 0 for row in same.totals)


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(SMALL), st.sampled_from(SMALL))
def test_changes_add_up_lose_no_layer_and_turn_round(a, b):
    there, back = cm.diff(a, b), cm.diff(b, a)
    for column in SUMS:
        change = there.after.totals.values[column] - there.before.totals.values[column]
        assert sum(row[f"{column}_change"] for row in there.rows) == change
        assert sum(row[f"{column}_change"] for row in back.rows) == -change
    assert [row["path"] for row in there.rows if row["op_after"]] == there.after.values("path")
    assert Counter(row["path_before"] for row in there.rows if row["op_before"]) == Counter(there.before.values("path"))
    pairs = {(row["path_before"], row["path"]) for row in there.rows if row["matched"]}
    assert pairs == {(row["path"], row["path_before"]) for row in back.rows if row["matched"]}
    for row, turned in zip(there.totals, back.totals, strict=True):
        assert (row["before"], row["after"]) == (turned["after"], turned["before"])


def test_where_the_stride_of_resnet50_moves_twelve_layers_change():
    moved = cm.diff("resnet50", "resnet50_v1_5")
    assert [row["path"] for row in moved.changes()[:3]] == [f"conv{n}_x.0.conv1.conv" for n in (3, 4, 5)]
    assert len(moved.changes()) == 12
    assert sum(row["mult_adds_change"] for row in moved.rows) == 4_089_184_256 - 3_857_973_248


def test_layers_that_moved_are_matched_by_shape_and_operator(spec):
    head = "name: n\ntitle: N\ninput: [4, 8, 8]\nlayers:\n"
    a = spec(head + "  one: {op: conv, out_channels: 4}\n  two: {op: relu}\n  gone: {op: dropout}\n", "a.yaml")
    b = spec(head + "  uno: {op: conv, out_channels: 4}\n  two: {op: tanh}\n  new: {op: batch_norm}\n", "b.yaml")
    found = {(row["path_before"], row["path"], row["matched"], row["status"]) for row in cm.diff(a, b).rows}
    assert found == {
        ("one", "uno", "shape and operator", "moved"),
        ("two", "two", "path", "changed"),
        ("gone", "gone", "", "removed"),
        (None, "new", "", "added"),
    }


def test_frames():
    changed = cm.whatif("mobilenet_v1", width=0.5)
    assert list(changed.totals_frame.loc["params", ["before", "after"]]) == [4_231_976, 1_331_592]
    assert changed.frame["params_change"].sum() == 1_331_592 - 4_231_976
    assert changed.edited.spec.parameters["width"] == 0.5
    assert "<table" in changed._repr_html_()


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A repository whose committed network has 8 channels and whose file now has 16."""
    monkeypatch.chdir(tmp_path)
    text = "name: net\ntitle: Net\ninput: [3, 8, 8]\nlayers:\n  conv: {op: conv, out_channels: 8}\n"
    (tmp_path / "net.yaml").write_text(text)
    git = ["git", "-c", "user.name=n", "-c", "user.email=n@example.org"]
    for command in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-qm", "A network"]):
        subprocess.run([*git, *command], check=True)
    (tmp_path / "net.yaml").write_text(text.replace("8}", "16}"))
    return tmp_path


def test_a_file_against_its_last_commit(repository, command):
    grown = cm.diff("git:main:net.yaml", "net.yaml")
    assert (grown.before.totals.params, grown.after.totals.params) == (32, 64)
    shown = command("diff", "git:main:net.yaml", "net.yaml")
    assert shown.code == 0
    assert "+100.00 %" in shown.out


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("git:nowhere:net.yaml", "git knows no revision 'nowhere'"),
        ("git:main:other.yaml", "git has no other.yaml in main"),
        ("git:main", "write git:REVISION:PATH"),
        ("git:--help:net.yaml", "'--help' is no revision"),
        ("git:main:missing/net.yaml", "missing: no such folder"),
    ],
)
def test_what_git_cannot_show(repository, name, says):
    with pytest.raises(CostModelError, match=says):
        cm.diff(name, "net.yaml")


def test_formats(command):
    raw = json.loads(command("diff", "vgg11", "vgg13", "--format", "json").out)
    assert raw["totals"]["params"]["change"] == 133_047_848 - 132_863_336
    assert sum(row["params_change"] for row in raw["changes"]) == raw["totals"]["params"]["change"]
    lines = list(csv.DictReader(io.StringIO(command("diff", "vgg11", "vgg13", "--format", "csv").out)))
    assert sum(int(line["mult_adds_change"]) for line in lines) == 11_308_466_176 - 7_609_090_048
    assert (
        "| mult-adds | 7.609 G | 11.31 G | +3.699 G | +48.62 % |"
        in command("diff", "vgg11", "vgg13", "--format", "markdown").out
    )
    assert "No layer changed." in command("diff", "vgg11", "vgg11").out


def test_an_edit_is_shown_saved_and_read_again(command, tmp_path):
    saved = tmp_path / "net.yaml"
    asked = ["whatif", "vgg16", "--move", "separable:conv*", "--set", "resolution=192", "--drop", "fc7"]
    shown = command(*asked, "--save", saved)
    assert shown.code == 0
    order = [shown.out.index(part) for part in ("--move separable:conv*", "--set resolution=192", "--drop fc7")]
    assert order == sorted(order)
    raw = json.loads(command(*asked, "--format", "json").out)
    again = cm.price(cm.load(str(saved))).totals
    assert (again.params, again.mult_adds) == tuple(raw["totals"][name]["after"] for name in ("params", "mult_adds"))
    assert list(tmp_path.iterdir()) == [saved]
    dry = command(*asked, "--dry-run", "--save", tmp_path / "not.yaml")
    assert "-  fc7:     {op: hidden, out_features: 4096}" in dry.out or "-  fc7:" in dry.out
    assert not (tmp_path / "not.yaml").exists()


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (["vgg16"], "no edit is given"),
        (["vgg16", "--drop", "nothing"], "--drop nothing: 'nothing' matches no layer"),
        (["vgg16", "--set", "resolution=225", "--save", "missing/net.yaml"], "there is no folder missing"),
        (["vgg61", "--drop", "fc7"], "no architecture 'vgg61'; did you mean"),
    ],
)
def test_what_cannot_be_done_ends_with_2_and_leaves_no_file(command, tmp_path, monkeypatch, asked, says):
    monkeypatch.chdir(tmp_path)
    ran = command("whatif", *asked)
    assert ran.code == 2
    assert says in ran.err
    assert list(tmp_path.iterdir()) == []


def test_saving_writes_over_the_edited_file_but_no_other_unless_forced(command, tmp_path):
    mine, other = tmp_path / "mine.yaml", tmp_path / "other.yaml"
    assert command("whatif", "vgg16", "--set", "classes=10", "--save", mine).code == 0
    other.write_text("precious")
    refused = command("whatif", mine, "--drop", "fc7", "--save", other)
    assert (refused.code, refused.out, other.read_text()) == (2, "", "precious")
    assert "--force" in refused.err
    assert command("whatif", mine, "--drop", "fc7", "--save", mine).code == 0
    assert command("whatif", mine, "--set", "classes=5", "--save", other, "--force").code == 0
    assert "precious" not in other.read_text()


def test_edits_of_a_saved_file_join_its_one_first_line(command, tmp_path):
    mine = tmp_path / "mine.yaml"
    command("whatif", "vgg16", "--set", "classes=10", "--save", mine)
    command("whatif", mine, "--drop", "fc7", "--save", mine)
    first, rest = mine.read_text().split("\n", 1)
    assert first == "# vgg16 after --set classes=10 --drop fc7"
    assert "after --" not in rest
    assert "$schema" not in rest  # there is none beside it
    (tmp_path / "schema.json").write_text(command("schema").out)
    command("whatif", "vgg16", "--set", "classes=10", "--save", tmp_path / "with.yaml")
    assert "$schema=schema.json" in (tmp_path / "with.yaml").read_text()


def test_columns_of_changes_say_so_and_one_row_is_no_rows(command):
    out = command("whatif", "vgg16", "--drop", "conv1.0", "--top", "1").out
    assert all(f"{name} change" in out for name in ("mult-adds", "params", "traffic"))
    assert "and 1 more row;" in out


def test_the_hint_on_a_move_without_a_pattern_keeps_its_number(command):
    assert "width(0.25):PATTERN" in command("whatif", "vgg16", "--move", "width(0.25)").err
