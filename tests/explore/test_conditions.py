"""Conditions: what they mean, and that nothing but arithmetic gets through."""

import numpy as np
import pytest

from costmodel.errors import CostModelError
from costmodel.sweeps.conditions import parse_condition

COLUMNS = (
    "width",
    "params",
    "mult_adds",
    "traffic_bytes",
    "peak_live_bytes",
    "latency_s",
    "energy_j",
    "power_w",
    "throughput_per_s",
)
ROW = {
    "width": 0.5,
    "params": 4,
    "mult_adds": 100,
    "traffic_bytes": 5_000_000,
    "peak_live_bytes": 4_100_000,
    "latency_s": 0.02,
    "energy_j": 0.5,
    "power_w": 25.0,
    "throughput_per_s": 50.0,
}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("mult_adds < 300e6", True),
        ("mult_adds < 100", False),
        ("mult_adds <= 100", True),
        ("mult_adds = 100", True),
        ("mult_adds != 100", False),
        ("peak_live_bytes <= 4 MB", False),
        ("peak_live_bytes <= 4MiB", True),
        ("peak_live_bytes <= 4.1 MB", True),
        ("params < 5M and mult_adds > 0.1k", False),
        ("params < 5M or mult_adds > 0.1k", True),
        ("not params > 5 and width < 1", True),
        ("not (params < 5 and width < 1)", False),
        ("latency_ms <= 20", True),
        ("latency_s < 20 ms", False),
        ("latency_s < 20000.5 us", True),
        ("energy_j < 501 mJ", True),
        ("energy_j < 499 mJ and params < 5", False),
        ("power_w <= 25 W", True),
        ("throughput_per_s > 49 images/s", True),
        ("fps > 51 images/s", False),
        ("2 * (params + 1) == 10", True),
        ("not not params < 5", True),
        ("((params < 5) and ((width) < 1))", True),
        ("not params < 5 or width < 1", True),
        ("params / (mult_adds - 100) > 1e18", True),
        ("-params / (mult_adds - 100) < 0", True),
        ("(params - 4) / (mult_adds - 100) >= 0", False),
        ("(params + 1) * 2 == 10", True),
        ("(2 + params) > 5 and (width > 0.4)", True),
        ("mult_adds / traffic_bytes > 1", False),
        ("2 < params < 5", True),
        ("2 < params < 4", False),
        ("10 - 4 - 3 == 3", True),
        ("8 / 4 / 2 == 1", True),
        ("-params < -3", True),
        ("1 < 2 or 1 < 2 and 1 > 2", True),
    ],
)
def test_what_a_condition_means(text, holds):
    assert bool(parse_condition(text, COLUMNS).holds(ROW)) is holds
    many = {name: np.asarray([value, value]) for name, value in ROW.items()}
    assert np.broadcast_to(parse_condition(text, COLUMNS).holds(many), 2).tolist() == [holds, holds]


def test_it_knows_its_names_and_comparisons():
    condition = parse_condition("mult_adds < 3e6 and (params > 2 and latency_ms < 5)", COLUMNS)
    assert condition.names == ("mult_adds", "params", "latency_s")
    assert [part.text for part in condition.comparisons] == ["mult_adds < 3e6", "params > 2", "latency_ms < 5"]
    assert condition.conjunction
    assert not parse_condition("params < 1 or width < 1", COLUMNS).conjunction
    assert not parse_condition("not params < 1", COLUMNS).conjunction


def test_a_complaint_points_at_what_is_wrong():
    with pytest.raises(CostModelError) as error:
        parse_condition("width < 1 and param < 3", COLUMNS)
    assert str(error.value).splitlines()[1:] == ["  width < 1 and param < 3", "                ^^^^^"]
    with pytest.raises(CostModelError) as error:
        parse_condition("width and params < 3", COLUMNS)
    assert str(error.value).splitlines()[1:] == ["  width and params < 3", "        ^"]
    with pytest.raises(CostModelError) as error:
        parse_condition("width < 1 and params + 2 < 3 MB", COLUMNS)
    assert str(error.value).splitlines()[1:] == [
        "  width < 1 and params + 2 < 3 MB",
        "                ^^^^^^^^^^^^^^^^^",
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("mult_add < 3", "there is no column 'mult_add'; did you mean 'mult_adds'?"),
        ("params", "a comparison (<, <=, >, >=, ==, !=) is missing here"),
        ("params <", "a number or a name is missing here; a condition compares columns"),
        ("", "a number or a name is missing here"),
        ("params < 3 4", "a sign is missing before '4'"),
        ("params 4 < 3", "a sign is missing before '4'"),
        ("params(4) < 3", "a sign is missing before '('"),
        ("params.__class__ < 3", "'.' is not part of it"),
        ("__import__('os') < 3", "there is no column '__import__'"),
        ("params < (lambda: 3)", "there is no column 'lambda'"),
        ("params[0] < 3", "'[' is not part of it"),
        ("params ** 2 < 3", "'*' does not belong here"),
        ("(params < 3", "')' is missing here"),
        ("params < 3 and width", "a comparison (<, <=, >, >=, ==, !=) is missing here"),
        ("width and params < 3", "a comparison (<, <=, >, >=, ==, !=) is missing here"),
        ("not width", "a comparison (<, <=, >, >=, ==, !=) is missing here"),
        ("(params < 3) + 1 < 2", "'+' does not belong here"),
        ("1 + (params < 3) < 2", "'+' does not belong here"),
        ("(params < 3) < 4", "'<' does not belong here"),
        ("3 < (params < 4)", "'<' does not belong here"),
        ("-(params < 3)", "'-' does not belong here"),
        ("3 + not params < 4", "'not' does not belong here"),
        ("params % 8 = 0", "'%' is not part of it; a condition compares columns"),
        ("min(params, 3) < 4", "there is no column 'min'"),
        ("latency_s < 20 B", "compares bytes with a column that is not in bytes"),
        ("latency_s < 20 ms and params < 4 ms", "compares seconds with a column that is not in seconds"),
        ("energy_j < 3 W", "compares watts with a column that is not in watts"),
        ("params < 3mB", "parts of a whole are for seconds, joules and watts"),
        ("params < 1e99", "is beyond reason"),
        ("mult_adds < 4 MB", "compares bytes with a column that is not in bytes"),
        ("latency_ms < 4 ms", "compares seconds with a column that is not in seconds"),
        ("not " * 40 + "params < 3", "nested more than"),
        ("(" * 40 + "params" + ")" * 40 + " < 3", "nested more than"),
        ("-" * 40 + "params < 3", "nested more than"),
        ("params < " + "1" * 1000, "longer than 1000 characters"),
    ],
)
def test_wrong_conditions(text, says):
    with pytest.raises(CostModelError) as error:
        parse_condition(text, COLUMNS)
    assert says in str(error.value)
