"""Budgets and growth, as a continuous integration asks for them."""

from __future__ import annotations

import json
import subprocess

import pytest

import costmodel as cm
from costmodel.errors import CostModelError
from costmodel.judging.budget import METRICS, growth, judge, limit, quantity, read_budget, share

LAYERS = "  one: {op: conv, out_channels: 8}\n  two: {op: conv, out_channels: 4}\n"
NET = f"name: net\ntitle: Net\ninput: [3, 8, 8]\nlayers:\n{LAYERS}"


@pytest.mark.parametrize(
    ("written", "means"),
    [
        ("5M", 5_000_000),
        ("8 MB", 8_000_000),
        ("8MiB", 8_388_608),
        ("1.5 GiB", 1_610_612_736),
        ("600e6", 600_000_000),
        ("138_357_544", 138_357_544),
        ("0.5k", 500),
        ("2K", 2000),
        (7, 7),
    ],
)
def test_quantities(written, means):
    assert quantity(written) == means


@pytest.mark.parametrize("written", ["", "M", "5X", "-3", "5 M B x", "1e", "0x10", "five", True, None, -1, [1]])
def test_what_is_no_quantity(written):
    with pytest.raises(CostModelError, match="is no quantity"):
        quantity(written)


def test_shares():
    assert (share("5%"), share("2.5 %"), share("10")) == (5, 2.5, 10)
    with pytest.raises(CostModelError, match="is no percentage"):
        share("-5%")


def test_every_total_can_be_limited():
    table = cm.price(cm.load("resnet18"))
    kept = judge(table, {name: getattr(table.totals, name) for name in METRICS})
    assert [(one.kept, one.margin, one.why) for one in kept] == [(True, 0, ())] * len(METRICS)
    broken = judge(table, {name: getattr(table.totals, name) - 1 for name in METRICS if name != "layers"})
    for one in broken:
        column = METRICS[one.metric][0]
        assert (one.kept, one.margin) == (False, -1)
        assert one.why[0].amount == max(table.values(column))
        assert [heavy.amount for heavy in one.why] == sorted((heavy.amount for heavy in one.why), reverse=True)


def test_growth_counts_from_what_was_and_names_the_layers_that_grew():
    before, after = (cm.price(cm.load("mobilenet_v1", classes=count)) for count in (1000, 1500))
    params = growth(before, after, 5)[0]
    assert (params.before, params.value, params.limit) == (4_231_976, 4_744_476, 4_443_574)
    assert not params.kept
    assert [(heavy.path, heavy.amount) for heavy in params.why] == [("fc", 500 * 1025)]
    assert all(one.kept for one in growth(before, after, 13))
    assert all(one.kept for one in growth(after, before, 0))


@pytest.fixture
def net(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.yaml").write_text(NET)
    return tmp_path / "net.yaml"


def test_one_line_a_budget_and_1_where_one_is_broken(net, command):
    kept = command("check", "net.yaml", "--max", "params=68", "--max", "mult_adds=10k")
    assert kept.code == 0
    assert "2 budgets, all kept" in kept.out
    broken = command("check", "net.yaml", "--max", "params=67", "--max", "mult_adds=10k")
    assert broken.code == 1
    assert "2 budgets, 1 broken" in broken.out
    assert [line.split()[0] for line in broken.out.splitlines() if " net " in line][:2] == ["over", "ok"]
    assert "two" in broken.out.partition("Where it goes")[2]


def test_a_budget_file_holds_limits_for_all_and_for_one(net, command):
    budget = net.parent / "budget.yaml"
    budget.write_text("dtype: int8\nmax: {params: 10, weight_bytes: 68}\nnetworks:\n  net: {params: 68}\n")
    ran = command("check", "net.yaml", "--budget", "budget.yaml", "--format", "json")
    raw = json.loads(ran.out)
    assert (ran.code, raw["kept"]) == (0, True)
    assert {one["budget"]: (one["value"], one["limit"]) for one in raw["budgets"]} == {
        "params": (68, 68),
        "weight_bytes": (68, 68),
    }
    assert command("check", "net.yaml", "--budget", "budget.yaml", "--max", "weight_bytes=60").code == 1


def test_what_is_wrong_with_a_budget_file_is_said_all_at_once(tmp_path):
    file = tmp_path / "budget.yaml"
    file.write_text("max: {parms: 5M, mult_adds: much}\nnetworks: 3\nbatch: 0\ndtype: int9\ngrowth: x\nelse: 1\n")
    with pytest.raises(CostModelError) as caught:
        read_budget(file)
    said = str(caught.value)
    for part in (
        "did you mean 'params'?",
        "'much' is no quantity",
        "a map of names",
        "at least 1",
        "'int9'",
        "'x' is no percentage",
        "'else'",
    ):
        assert part in said
    assert "budget.yaml:1:7" in said


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (["--max", "parms=5M"], "did you mean 'params'?"),
        (["--max", "params"], "write NAME=LIMIT"),
        (["--max", "params=5X"], "'5X' is no quantity"),
        (["--budget", "none.yaml"], "none.yaml: no such file"),
        (["--growth", "5%"], "give --against as well"),
        (["--against", "main"], "write git:REVISION"),
        (["--max", "params=abc"], "--max params=abc: 'abc' is no quantity"),
        (["--against", "git:main"], "is not in a git repository"),
    ],
)
def test_questions_that_are_wrong_end_with_2(net, command, asked, says):
    ran = command("check", "net.yaml", *asked)
    assert ran.code == 2
    assert says in ran.err


def test_growth_since_a_commit_fails_beyond_the_given_share(net, command):
    git = ["git", "-c", "user.name=n", "-c", "user.email=n@example.org"]
    for arguments in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-qm", "A network"]):
        subprocess.run([*git, *arguments], check=True)
    assert command("check", "net.yaml", "--against", "git:main").code == 0
    net.write_text(NET.replace("4}", "5}"))  # 68 params become 77: 13.2 % more
    assert command("check", "net.yaml", "--against", "git:main", "--growth", "10%").code == 1
    grown = command("check", "net.yaml", "--against", "git:main", "--growth", "20%", "--format", "markdown")
    assert grown.code == 0
    assert "| ok | net | params growth | 77 | 81 | +4 | +4.9 % |" in grown.out
    assert "git knows no revision 'none'" in command("check", "net.yaml", "--against", "git:none").err
    (net.parent / "new.yaml").write_text(NET)
    fresh = command("check", "new.yaml", "--against", "git:main")
    assert fresh.code == 0
    assert "new.yaml is new since git:main" in fresh.out


def test_a_limit_reads_as_it_is_written():
    assert limit("peak_live_bytes = 8 MB") == ("peak_live_bytes", 8_000_000)
