"""Solve: the best point of a grid, held against looking at all rows; what binds; what is nearest where nothing fits."""

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

import costmodel as cm
from costmodel.cli import costmodel
from costmodel.errors import CostModelError
from costmodel.sources.parametric import OfSpec
from costmodel.sweeps.conditions import parse_condition
from costmodel.sweeps.pareto import Goal
from costmodel.sweeps.points import grid
from costmodel.sweeps.question import COLUMNS, Question
from costmodel.sweeps.ranges import parse_vary
from costmodel.sweeps.solve import Solver

SPEC = cm.read("mobilenet_v1")
NETWORK = OfSpec(SPEC)
AXES = [parse_vary(text) for text in ("width=0.1:1.5:0.05", "resolution=0,96:288:32", "batch=1,4", "deep=1,6")]
ROWS = cm.sweep(
    SPEC,
    deep=[1, 6],
    width=AXES[0].listed(),
    resolution=AXES[1].listed(),
    batch=[1, 4],
).to_dict("records")


def solve(goal, *constraints, chunk=97):
    question = Question(NETWORK, grid(NETWORK, AXES, chunk), measures=COLUMNS)
    solver = Solver(question, goal, [parse_condition(text, question.columns) for text in constraints])
    return solver, solver.run()


@given(
    params=st.integers(50_000, 10_000_000),
    memory=st.integers(50_000, 20_000_000),
    column=st.sampled_from(["params", "mult_adds", "traffic_bytes", "resolution"]),
    sign=st.sampled_from([1, -1]),
)
@settings(max_examples=25, deadline=None)
def test_it_is_what_looking_at_every_row_finds(params, memory, column, sign):
    _, answer = solve(Goal(column, sign), f"params <= {params}", f"peak_live_bytes < {memory}")
    good = [row for row in ROWS if row["params"] <= params and row["peak_live_bytes"] < memory]
    assert answer.met == len(good)
    assert answer.seen == len(ROWS) * 8 // 7
    if not good:
        over = {id(row): max(row["params"] / params, row["peak_live_bytes"] / memory) for row in ROWS}
        nearest = answer.nearest
        assert max(nearest["params"] / params, nearest["peak_live_bytes"] / memory) == pytest.approx(min(over.values()))
        return
    values = sorted({row[column] * sign for row in good})
    assert [row[column] * sign for row in answer.best] == values[:1] * len(answer.best)
    assert answer.ties == sum(row[column] * sign == values[0] for row in good)
    assert all(row in good for row in answer.best)
    if len(values) > 1:
        assert answer.next_best[column] * sign == values[1]
        assert answer.next_best in good
    better = [row for row in ROWS if row[column] * sign < values[0]]
    assert (answer.beyond is None) == (not better)
    if better:
        assert answer.beyond in better
        assert answer.beyond not in good


def test_equally_good_points_are_counted_over_all_chunks():
    _, answer = solve(Goal("resolution", -1), "params < 3M", chunk=30)
    assert answer.ties == sum(row["resolution"] == 288 and row["params"] < 3e6 for row in ROWS)
    assert answer.ties > len(answer.best) == 10


def test_limits_say_what_is_to_spare_and_what_is_broken():
    solver, answer = solve(Goal("mult_adds", -1), "params <= 5M and batch < 2", "4 MB >= peak_live_bytes")
    params, batch, memory = solver.limits(answer.best[0])
    row = answer.best[0]
    assert (params.value, params.limit) == (row["params"], 5_000_000)
    assert params.over == pytest.approx(row["params"] / 5e6 - 1)
    assert (batch.value, batch.limit, batch.kept) == (1, 2, True)
    assert memory.over == pytest.approx((row["peak_live_bytes"] - 4e6) / row["peak_live_bytes"])
    assert not all(limit.kept for limit in solver.limits(answer.beyond))


def test_or_has_no_distance():
    with pytest.raises(CostModelError, match="no distance"):
        solve(Goal("params"), "params < 3 or batch < 2")


def run(*arguments):
    grid = ["--vary", "width=0.25:1.0:0.25", "--vary", "resolution=128,160,192,224"]
    return CliRunner().invoke(costmodel, ["solve", "mobilenet_v1", *grid, *arguments])


def test_the_command():
    result = run("--maximize", "mult_adds", "--subject-to", "mult_adds <= 186_400_768", "--subject-to", "params < 5M")
    assert result.exit_code == 0
    best = result.output.split("Best: max mult_adds")[1].splitlines()[3].split()
    assert best[:2] == ["1.0", "128"]
    assert "0.00% to spare" in result.output
    assert "Nearest better one, out of reach" in result.output


def test_no_point_is_exit_1_with_the_nearest():
    result = run("--minimize", "params", "--subject-to", "params < 235036")
    assert result.exit_code == 1
    assert "No point meets the constraints" in result.output
    assert "100.00% over" in result.output


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--maximize", "params", "--subject-to", "latency_ms < 20"], "add --device NAME"),
        (["--maximize", "latency_s", "--subject-to", "params < 20"], "add --device NAME"),
        (["--maximize", "parms", "--subject-to", "params < 20"], "did you mean 'params'?"),
        (["--maximize", "params", "--subject-to", "parms < 20"], "did you mean 'params'?"),
        (["--maximize", "params", "--minimize", "params", "--subject-to", "params < 20"], "--minimize"),
        (["--maximize", "params"], "--subject-to"),
    ],
)
def test_wrong_questions(arguments, says):
    result = run(*arguments)
    assert result.exit_code not in (0,)
    assert says in f"{result.output}{result.exception}"
