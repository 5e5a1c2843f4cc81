"""What --vary means: exact decimals, ends included, wrong ranges refused."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmodel.errors import CostModelError
from costmodel.sweeps.ranges import axis_of, parse_vary


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("width=0.25:0.5:0.05", [0.25, 0.3, 0.35, 0.4, 0.45, 0.5]),
        ("width=0.1:0.35:0.1", [0.1, 0.2, 0.3]),
        ("n=1:4", [1, 2, 3, 4]),
        ("width=0.8:1.0", [0.8, 0.9, 1.0]),
        ("n=8:2:-3", [8, 5, 2]),
        ("resolution=128, 160,192", [128, 160, 192]),
        ("width=1,0.5,1", [1, 0.5]),
        ("n=1:3,10", [1, 2, 3, 10]),
        ("classes=1e3", [1000]),
    ],
)
def test_ranges_and_lists(text, values):
    axis = parse_vary(text)
    assert axis.listed() == values
    assert axis.count == len(values)
    assert [axis.value(i) for i in range(axis.count)] == values


def test_whole_numbers_stay_whole_and_names_stay_names():
    assert {type(value) for value in parse_vary("n=1:3").listed()} == {int}
    assert parse_vary("block=basic,bottleneck").listed() == ["basic", "bottleneck"]


@given(start=st.integers(-300, 300), step=st.integers(1, 40), count=st.integers(1, 60), places=st.integers(0, 6))
def test_every_value_is_the_float_nearest_to_its_decimal(start, step, count, places):
    decimals = [Decimal(start + i * step).scaleb(-places) for i in range(count)]
    axis = parse_vary(f"x={decimals[0]:f}:{decimals[-1]:f}:{Decimal(step).scaleb(-places):f}")
    assert axis.listed() == [float(value) for value in decimals]
    assert axis.values(count // 2, count).tolist() == [float(value) for value in decimals[count // 2 :]]


def test_a_range_of_a_million_million_values_is_never_written_out():
    axis = parse_vary("width=0:1:0.000000000001")
    assert axis.count == 10**12 + 1
    assert axis.values(5 * 10**11, 5 * 10**11 + 1).tolist() == [0.5]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("width=0:1:0", "the step of '0:1:0' is zero"),
        ("width=1:0:0.1", "its step leads away from 0"),
        ("width=0:1:-0.1", "its step leads away from 1"),
        ("width", "write NAME=VALUES"),
        ("width=", "write NAME=VALUES"),
        ("width=1,,2", "missing between the commas"),
        ("width=1:2:3:4", "too many colons"),
        ("width=1,x", "'x' is no number"),
        ("width=nan", "'nan' is no number"),
        ("width=1e400", "more digits"),
        ("width=0.12345678901234567", "more digits"),
    ],
)
def test_wrong_ranges(text, says):
    with pytest.raises(CostModelError) as error:
        parse_vary(text)
    assert says in str(error.value)


@pytest.mark.parametrize("values", [[], [None], [float("nan")], ["a", 1], [[1, 2]], object()])
def test_wrong_values_from_python(values):
    with pytest.raises((CostModelError, TypeError)):
        axis_of("width", values)
