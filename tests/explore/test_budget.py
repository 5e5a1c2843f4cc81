"""Budgets and growth, as a continuous integration asks for them."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess

import pytest

import costmodel as cm
from costmodel.errors import CostModelError
from costmodel.judging.budget import growth, judge
from costmodel.judging.limits import limit, read_budget, share
from costmodel.latency.predict import latency_of
from costmodel.measures import MEASURES, names

LAYERS = "  one: {op: conv, out_channels: 8}\n  two: {op: conv, out_channels: 4}\n"
FAMILY = (
    "name: net\ntitle: Net\nparameters: {c: 4}\ninput: [3, 8, 8]\nlayers:\n"
    f"{LAYERS.replace('4}', 'c}')}variants: {{wide: {{parameters: {{c: 9}}}}}}\n"
)
NET = f"name: net\ntitle: Net\ninput: [3, 8, 8]\nlayers:\n{LAYERS}"


def test_shares():
    assert (share("5%"), share("2.5 %"), share("10")) == (5, 2.5, 10)
    with pytest.raises(CostModelError, match="is no percentage"):
        share("-5%")
    with pytest.raises(CostModelError, match="is beyond reason: at most 1,000,000 %"):
        share("9" * 400 + "%")


def test_what_is_stored_in_flash_is_weights_and_not_what_is_computed():
    table = cm.price(cm.load("mobilenet_v1", width=0.25), dtype="int8", memory="tflm")
    (over,) = judge(table, {"flash_bytes": 100_000})
    assert [one.path for one in over.why] == [
        "fc (weights)",
        "ds5.1.pointwise.conv (weights)",
        "ds5.0.pointwise.conv (weights)",
    ]
    assert over.why[0].amount == 256 * 1000


def test_every_total_can_be_limited():
    table = cm.price(cm.load("resnet18"))
    kept = judge(table, {name: table.totals.values[name] for name in names()})
    assert [(one.kept, one.margin, one.why) for one in kept] == [(True, 0, ())] * len(names())
    broken = judge(table, {name: table.totals.values[name] - 1 for name in names(rows=True)})
    for one in broken:
        assert (one.kept, one.margin) == (False, -1)
        assert one.why[0].amount == max(table.values(one.metric))
        assert [heavy.amount for heavy in one.why] == sorted((heavy.amount for heavy in one.why), reverse=True)
        assert (one.why[0].share is None) == (MEASURES[one.metric].adds != "sum")


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


def test_what_a_device_knows_too_little_of_stands_beside_the_budget(net, command):
    budget = net.parent / "budget.yaml"
    budget.write_text("device: epyc-1t\nmax: {latency_ms: 20}\n")
    ran = command("check", "net.yaml", "--budget", "budget.yaml", "--max", "latency_high_s=20 ms", "--batch", "4096")
    assert ran.code == 0
    assert "net.yaml: measured at batch 1 to 16 only" in ran.out
    assert "2 budgets, all kept" in ran.out


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
        (["--max", "params=9e999999G"], "'9e999999G' is beyond reason"),
        (["--max", "params=5 MB"], "'5 MB' is in B, and belongs without one: it is a count"),
        (["--against", "git:"], "write git:REVISION"),
        (["--against", "git:HEAD:foo"], "no path belongs here, each FILE has its own; write git:HEAD"),
        (["--allow-new"], "give --against as well"),
        (["--max", "params=abc"], "--max params: 'abc' is no quantity"),
        (["--against", "git:main"], "is not in a git repository"),
    ],
)
def test_questions_that_are_wrong_end_with_2(net, command, asked, says):
    ran = command("check", "net.yaml", *asked)
    assert ran.code == 2
    assert says in ran.err


def git(*arguments):
    subprocess.run(["git", "-c", "user.name=n", "-c", "user.email=n@example.org", *arguments], check=True)


@pytest.fixture
def committed(net):
    git("init", "-q", "-b", "main")
    git("add", ".")
    git("commit", "-qm", "A network")
    return net


def test_growth_since_a_commit_fails_beyond_the_given_share(committed, command):
    net = committed
    assert command("check", "net.yaml", "--against", "git:main").code == 0
    net.write_text(NET.replace("4}", "5}"))  # 68 params become 77: 13.2 % more
    assert command("check", "net.yaml", "--against", "git:main", "--growth", "10%").code == 1
    grown = command("check", "net.yaml", "--against", "git:main", "--growth", "20%", "--format", "markdown")
    assert grown.code == 0
    assert "| ok | net | params growth | 77 | 81 | +4 | +4.9 % |" in grown.out
    assert "git knows no revision 'none'" in command("check", "net.yaml", "--against", "git:none").err


def test_a_new_network_fails_unless_it_may_be_new(committed, command):
    (committed.parent / "new.yaml").write_text(NET)
    fresh = command("check", "new.yaml", "net.yaml", "--against", "git:main")
    assert fresh.code == 1
    assert "4 budgets, all kept; 1 network could not be compared" in fresh.out
    assert "fails: new.yaml is new since git:main: git has no new.yaml in main" in fresh.out
    raw = json.loads(command("check", "new.yaml", "--against", "git:main", "--format", "json").out)
    assert (raw["kept"], len(raw["unheld"]), raw["budgets"]) == (False, 1, [])
    allowed = command("check", "new.yaml", "--against", "git:main", "--allow-new")
    assert allowed.code == 0
    assert "new.yaml is new since git:main" in allowed.out


def test_a_new_variant_is_a_new_network(committed, command):
    committed.write_text(FAMILY)
    grown = command("check", "net.yaml#wide", "--against", "git:main")
    assert grown.code == 1
    assert "net.yaml had no variant 'wide' in main" in grown.out


def test_a_renamed_file_is_compared_with_what_it_was(committed, command):
    (committed.parent / "nets").mkdir()
    git("mv", "net.yaml", "nets/other.yaml")
    other = committed.parent / "nets" / "other.yaml"
    other.write_text(NET.replace("4}", "5}"))  # 68 params become 77
    grown = command("check", "nets/other.yaml", "--against", "git:main", "--growth", "10%")
    assert grown.code == 1
    assert "nets/other.yaml was net.yaml in git:main" in grown.out
    assert "4 budgets, 2 broken" in grown.out
    assert command("check", "nets/other.yaml", "--against", "git:main", "--growth", "30%").code == 0


def test_what_git_cannot_show_is_not_taken_for_new(committed, command):
    blob = subprocess.run(["git", "rev-parse", "main:net.yaml"], capture_output=True, text=True, check=True).stdout
    stored = committed.parent / ".git" / "objects" / blob[:2] / blob[2:].strip()
    stored.unlink()
    lost = command("check", "net.yaml", "--against", "git:main", "--allow-new")
    assert lost.code == 2
    assert "git cat-file failed in" in lost.err


def test_a_budget_of_no_network_is_a_wrong_question(net, command):
    budget = net.parent / "budget.yaml"
    budget.write_text("networks:\n  nte: {params: 5}\n  rest18: {params: 5}\n  resnet18: {params: 5}\n")
    ran = command("check", "net.yaml", "--budget", "budget.yaml")
    assert ran.code == 2
    assert "budget.yaml:2:3: there is no network 'nte'" in ran.err
    assert "did you mean 'net'?" in ran.err
    assert "budget.yaml:3:3: there is no network 'rest18'" in ran.err
    assert "resnet18" not in ran.err.replace("did you mean 'resnet18'", "")
    budget.write_text("networks: {resnet18: {params: 5}}\n")
    ran = command("check", "net.yaml", "--budget", "budget.yaml")
    assert ran.code == 0
    assert "no budget holds for what was asked for" in ran.out
    assert "the budget of resnet18 was not asked for" in ran.out


def test_a_budget_that_limits_nothing_is_a_wrong_question(net, command):
    budget = net.parent / "budget.yaml"
    for text in ("batch: 2\n", "max: {}\nnetworks: {net: {}}\n", "growth: 5%\n"):
        budget.write_text(text)
        ran = command("check", "net.yaml", "--budget", "budget.yaml")
        assert ran.code == 2
        assert "there is no limit in it" in ran.err


def test_a_budget_of_a_variant_holds_where_its_file_is_named(net, command):
    net.write_text(FAMILY)
    (net.parent / "budget.yaml").write_text("networks: {wide: {params: 112}, net: {params: 68}}\n")
    ran = command("check", "net.yaml", "--budget", "budget.yaml")
    assert ran.code == 1
    assert "2 budgets, 1 broken" in ran.out  # 8 * 4 of the first layer and 9 * 9 of the second are 113


def test_a_limit_reads_as_it_is_written():
    assert limit("peak_live_bytes = 8 MB") == ("peak_live_bytes", 8_000_000)


@pytest.fixture
def timed():
    """What MobileNet v2 takes on a device: the low end, the median and the high end, in seconds."""
    found = latency_of(cm.load("mobilenet_v2"), "pi4")
    return tuple(found[f"latency{end}_s"] for end in ("_low", "", "_high"))


ON = ("check", "mobilenet_v2", "--device", "pi4", "--format", "json")


def verdicts(ran):
    return [(one["by"], one["kept"], one["other"], one["other_kept"]) for one in json.loads(ran.out)["budgets"]]


def test_time_is_held_to_a_limit_by_the_upper_end_of_its_interval(timed, command):
    low, median, high = timed
    for seconds, verdict in (
        (high * 1.001, ("upper end", True, "median", True)),
        (high * 0.999, ("upper end", False, "median", True)),
        (median * 0.999, ("upper end", False, "median", False)),
    ):
        for words in (("--max", f"latency_s={seconds!r}"), ("--min", f"fps={1 / seconds!r}")):
            ran = command(*ON, *words)
            assert verdicts(ran)[0][1:] == verdict[1:]
            assert ran.code == (0 if verdict[1] else 1)
    assert verdicts(command(*ON, "--max", f"latency_s={low!r}", "--min", "fps=30")) == [
        ("upper end", False, "median", False), ("lower end", False, "median", False)
    ]  # fmt: skip


HELD = ("check", "shufflenet_v2_x1_0", "--device", "pi4")
HELD_S = 0.02437
"""The seconds of that run in ncnn's published table, which the device's own holds."""


def test_what_was_measured_of_the_very_run_decides_in_place_of_the_end(command):
    limits = (
        "--max",
        "latency_ms=33",
        "--max",
        "latency_per_image_s=0.024",
        "--min",
        "fps=40",
        "--max",
        "latency_high_s=1",
    )
    ran = command(*HELD, *limits, "--format", "json")
    told = json.loads(ran.out)["budgets"]
    assert [(one.get("by"), one["kept"], one.get("other"), one.get("other_kept")) for one in told] == [
        ("measured", True, "upper end", False),
        ("measured", False, "upper end", False),
        (None, True, None, None),
        ("measured", True, "lower end", False),
    ]  # fmt: skip
    values = [one["value"] for one in told]
    assert [values[0], values[1], 1 / values[3]] == pytest.approx([HELD_S] * 3)
    assert HELD_S < 1 / told[3]["other_value"] == pytest.approx(values[2])
    for form in ("text", "markdown", "html"):
        assert "measured 24.37 ms: ok" in command(*HELD, "--max", "latency_ms=33", "--format", form).out
    rows = csv.DictReader(io.StringIO(command(*HELD, "--max", "latency_ms=33", "--format", "csv").out))
    assert [row["by"] for row in rows if row["budget"]] == ["measured"]


def test_the_median_is_held_where_it_is_asked_for_though_the_run_was_measured(command):
    ran = command(*HELD, "--max", "latency_ms=25", "--at", "median", "--format", "json")
    assert (ran.code, verdicts(ran)) == (1, [("median", False, "upper end", False)])
    assert command(*HELD, "--max", "latency_ms=25").code == 0
    assert command(*HELD, "--max", "latency_ms=25", "--batch", "2").code == 1


def test_the_median_decides_where_it_is_asked_to(timed, command):
    _, median, high = timed
    between = f"latency_s={(median + high) / 2!r}"
    ran = command(*ON, "--max", between, "--at", "median")
    assert (ran.code, verdicts(ran)) == (0, [("median", True, "upper end", False)])
    (told,) = json.loads(ran.out)["budgets"]
    assert (told["value"], told["other_value"]) == pytest.approx((median, high))
    assert command(*ON, "--max", between, "--at", "end").code == 1


def test_a_budget_says_by_which_end_in_every_format(timed, command):
    _, median, high = timed
    words = ("check", "mobilenet_v2", "--device", "pi4", "--max", f"latency_s={(median + high) / 2!r}", "--format")
    for form in ("text", "markdown", "html"):
        out = command(*words, form).out
        assert f"upper end {1e3 * high:.4g} ms: over" in out
        assert f"median {1e3 * median:.4g} ms: ok" in out
    (row,) = [row for row in csv.DictReader(io.StringIO(command(*words, "csv").out)) if row["budget"]]
    assert (row["by"], row["other"], row["kept"], row["other_kept"]) == ("upper end", "median", "False", "True")


def test_the_layers_that_take_the_time_explain_a_pace_that_is_missed(command):
    ran = command(*ON, "--min", "fps=1000")
    (heaviest, *_) = json.loads(ran.out)["budgets"][0]["heaviest"]
    rows = cm.time(cm.price(cm.load("mobilenet_v2")), "pi4")
    assert (heaviest["path"], heaviest["amount"]) == max(
        zip(rows.values("path"), rows.values("latency_s"), strict=True), key=lambda row: row[1]
    )
    assert (
        f"{1e3 * heaviest['amount']:.4g} ms"
        in command("check", "mobilenet_v2", "--device", "pi4", "--min", "fps=1000").out
    )


def test_what_is_limited_twice_is_refused(net, command):
    twice = ("--max", "latency_ms=60", "--max", "latency_s=1")
    assert "--max limits latency_s twice" in command("check", "mobilenet_v2", "--device", "pi4", *twice).err
    assert "--min limits throughput_per_s twice" in command(*ON, "--min", "fps=30", "--min", "fps=1").err
    (net.parent / "budget.yaml").write_text("max: {latency_ms: 60, latency_s: 1}\n")
    ran = command("check", "mobilenet_v2", "--device", "pi4", "--budget", "budget.yaml")
    assert (ran.code, "latency_s is limited here twice; keep one" in ran.err) == (2, True)


def test_what_has_no_interval_is_held_as_it_is(command):
    ran = command(*ON, "--max", "params=1", "--max", "latency_high_ms=1", "--min", "params=1")
    assert [(one["kind"], one["kept"], "by" in one) for one in json.loads(ran.out)["budgets"]] == [
        ("max", False, False), ("max", False, False), ("min", True, False)
    ]  # fmt: skip


def test_a_budget_file_says_at_which_of_an_interval_and_the_least_there_may_be(timed, net, command):
    _, median, high = timed
    budget = net.parent / "budget.yaml"
    between = (median + high) / 2
    own = f"networks: {{mobilenet_v2: {{fps: {1 / between!r}}}}}\n"
    for at, code in (("", 1), ("at: end\n", 1), ("at: median\n", 0)):
        for limits in (f"max: {{latency_s: {between!r}}}\n", f"min: {{fps: {1 / between!r}}}\n", own):
            budget.write_text(f"device: pi4\n{at}{limits}")
            assert command("check", "mobilenet_v2", "--budget", "budget.yaml").code == code
    assert command("check", "mobilenet_v2", "--budget", "budget.yaml", "--at", "end").code == 1


def test_a_time_that_looks_like_its_limit_is_written_out(timed, command):
    _, median, _ = timed
    out = command(
        "check", "mobilenet_v2", "--device", "pi4", "--at", "median", "--max", f"latency_s={median + 1e-9!r}"
    ).out
    assert re.search(rf"{1e3 * median:.10g} ms +{1e3 * (median + 1e-9):.10g} ms +\+1 ns".replace(".", r"\."), out)
    frames = command(
        "check", "mobilenet_v2", "--device", "pi4", "--at", "median", "--min", f"fps={1 / median + 1e-6!r}"
    ).out
    pace = f"{1 / median:.6g}"[:7].replace(".", r"\.")
    assert re.search(rf"under .* {pace}\d+ images/s +at least {pace}\d+ images/s", frames)


MORE = "the more of it the better: limit the least there may be, --min fps=30 (`min` in a file)"
NO_INTERVAL = (
    "at median: this says by which of an interval a limit is held, and nothing that is limited has one; "
    "time has, as in --max latency_ms=33"
)


def test_what_cannot_be_limited_so_says_how(net, command):
    for words, says in (
        (("--max", "fps=30"), f"--max fps: {MORE}"),
        (("--max", "params=5M", "--at", "median"), NO_INTERVAL),
        (("--min", "params"), "--min params: write NAME=LIMIT, as in fps=30"),
        (("--min", "fps=30"), "throughput_per_s needs a device: add --device NAME; `costmodel devices` lists them"),
    ):
        ran = command("check", "net.yaml", *words)
        assert (ran.code, ran.err) == (2, f"error: {says}\n")
    (net.parent / "budget.yaml").write_text("device: pi4\nmax: {fps: 30}\nat: middle\n")
    ran = command("check", "net.yaml", "--budget", "budget.yaml")
    assert f"budget.yaml:2:12: {MORE}" in ran.err
    assert "budget.yaml:3:5: unknown name 'middle'" in ran.err
    assert "give --budget, --max, --min or --against" in command("check", "net.yaml", "--at", "median").err
