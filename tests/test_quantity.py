"""Written quantities: what they mean, in which unit, and that nothing beyond reason gets through."""

import pytest

from costmodel.documents.quantity import quantity
from costmodel.errors import CostModelError
from costmodel.judging.limits import limit
from costmodel.measures import MEASURES
from costmodel.sweeps.conditions import parse_condition


@pytest.mark.parametrize(
    ("written", "unit", "means"),
    [
        ("5M", "", 5_000_000),
        ("1P", "", 1_000_000_000_000_000),
        ("2E", "", 2_000_000_000_000_000_000),
        ("2E3", "", 2000),
        ("600e6", "", 600_000_000),
        ("1e-3", "", 0.001),
        ("138_357_544", "", 138_357_544),
        ("9223372036854775807", "", 9_223_372_036_854_775_807),
        ("0.5k", "", 500),
        (".5K", "", 500),
        ("4Ki", "", 4096),
        (7, "", 7),
        (0, "B", 0),
        ("8 MB", "B", 8_000_000),
        ("8", "B", 8),
        ("1KiB", "B", 1024),
        ("8MiB", "B", 8_388_608),
        ("1.5 GiB", "B", 1_610_612_736),
        ("1 TiB", "B", 1_099_511_627_776),
        ("33 ms", "s", 0.033),
        ("20us", "s", 0.00002),
        ("20 µs", "s", 0.00002),
        ("20 μs", "s", 0.00002),
        ("7ns", "s", 0.000000007),
        ("3 mJ", "J", 0.003),
        ("2kJ", "J", 2000),
        ("7 uJ", "J", 0.000007),
        ("350 W", "W", 350),
        ("250mW", "W", 0.25),
        ("30 images/s", "samples/s", 30),
        ("30 samples/s", "samples/s", 30),
        ("30 frames/s", "samples/s", 30),
        ("1.5k/s", "samples/s", 1500),
        ("10 FLOP/B", "FLOP/B", 10),
        ("71TFLOP/s", "FLOP/s", 71_000_000_000_000),
        ("936.2GB/s", "B/s", 936_200_000_000),
    ],
)
def test_what_a_quantity_means(written, unit, means):
    found = quantity(written, unit)
    assert found == means
    assert isinstance(found, int) is isinstance(means, int)


@pytest.mark.parametrize(
    "written",
    ["", "M", "5X", "-3", "5 M B x", "1e", "0x10", "five", "nan", "inf", "٣", True, None, -1, [1], float("nan")],
)
def test_what_is_no_quantity(written):
    with pytest.raises(CostModelError, match="is no quantity"):
        quantity(written)


@pytest.mark.parametrize(
    "written",
    [
        "1e28",
        "9e999999G",
        "1e99999999999999999999",
        "1e-99999999999999999999",
        "9" * 5000,
        "1e27k",
        float("inf"),
        10**28,
    ],
)
def test_what_is_beyond_reason(written):
    with pytest.raises(CostModelError, match="is beyond reason: at most 1e\\+27, in at most 40 characters"):
        quantity(written)


@pytest.mark.parametrize(
    ("written", "unit", "says"),
    [
        ("5 MB", "", "'5 MB' is in B, and belongs without one: it is a count; write it like 5M"),
        ("5 s", "B", "'5 s' is in s, and belongs in B; write it like 8 MB"),
        ("5m", "", "'5m': parts of a whole are for seconds, joules and watts, as in 33 ms; a million is M"),
        ("5mB", "B", "a million is M"),
        ("30/s", "s", "'30/s' is in samples/s, and belongs in s; write it like 33 ms"),
        ("5 KiJ", "J", "binary prefixes are for bytes, as in 4 KiB"),
        ("5 Kis", "s", "binary prefixes are for bytes, as in 4 KiB"),
    ],
)
def test_units_and_prefixes_that_do_not_belong(written, unit, says):
    with pytest.raises(CostModelError) as error:
        quantity(written, unit)
    assert says in str(error.value)


@pytest.mark.parametrize("written", ["1P", "3 E", "5M", "4 Ki", ".5k", "2e3", "1_000"])
def test_a_limit_and_a_condition_read_alike(written):
    most = limit(f"params={written}")[1]
    for params, holds in ((most, True), (most + 1, False)):
        assert parse_condition(f"params <= {written}", ("params",)).holds({"params": params}) is holds


@pytest.mark.parametrize(
    ("written", "seconds"), [("latency_s=20 ms", 0.02), ("latency_s=0.02", 0.02), ("latency_ms=20", 0.02)]
)
def test_a_limit_may_say_its_unit_or_leave_it_to_the_name(written, seconds):
    assert limit(written) == ("latency_s", pytest.approx(seconds))


def test_a_unit_that_is_written_counts_and_not_the_one_in_the_name():
    assert limit("latency_ms=20 ms") == limit("latency_ms=20000us") == ("latency_s", 0.02)
    assert limit("energy_mj=3 mJ") == ("energy_j", 0.003)
    assert limit("fps=30/s", least=True) == ("throughput_per_s", 30)


@pytest.mark.parametrize("name", MEASURES)
def test_whatever_is_counted_is_limited_in_the_unit_that_it_is_shown_in(name):
    unit = MEASURES[name].unit
    assert limit(f"{name}=7 {unit}", least=MEASURES[name].more) == (name, 7)
    assert parse_condition(f"{name} <= 7 {unit}", (name,)).holds({name: 7}) is True
