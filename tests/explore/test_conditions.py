"""Conditions: what they mean, and that nothing but arithmetic gets through."""

import numpy as np
import pytest

from costmodel.errors import CostModelError
from costmodel.sweeps.conditions import parse_condition

COLUMNS = ("width", "params", "mult_adds", "traffic_bytes", "peak_live_bytes", "latency_s")
ROW = {
    "width": 0.5,
    "params": 4,
    "mult_adds": 100,
    "traffic_bytes": 5_000_000,
    "peak_live_bytes": 4_100_000,
    "latency_s": 0.02,
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
        ("2 * (params + 1) == 10", True),
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


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("mult_add < 3", "there is no column 'mult_add'; did you mean 'mult_adds'?"),
        ("params", "a comparison (<, <=, >, >=, ==, !=) is missing here"),
        ("params <", "something is missing here"),
        ("", "something is missing here"),
        ("params < 3 4", "'4' does not belong here"),
        ("params.__class__ < 3", "'.' does not belong here"),
        ("__import__('os') < 3", "there is no column '__import__'"),
        ("params < (lambda: 3)", "there is no column 'lambda'"),
        ("params[0] < 3", "'[' does not belong here"),
        ("params ** 2 < 3", "'*' does not belong here"),
        ("(params < 3", "')' is missing here"),
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
