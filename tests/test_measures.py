"""The one list of measures: a name, a title and a unit each, and every question can be asked of every one."""

from __future__ import annotations

import json

import pytest
from cli.command import run
from graphs import network

import costmodel as cm
from costmodel.judging.budget import judge
from costmodel.judging.limits import limit
from costmodel.latency.find import find_device
from costmodel.latency.whole import measured, table
from costmodel.measures import MEASURES, meant, names
from costmodel.pricing.memory.asked import Levels, Runtime
from costmodel.sweeps.conditions import parse_condition

ENDINGS = {"_bytes": "B", "_s": "s", "_j": "J", "_w": "W", "_per_s": "samples/s", "_intensity": "FLOP/B"}
ON = "jetson-tx1"
"""A device whose power somebody measured."""
ARENA = Levels(Runtime("tflm"))
"""A runtime whose plan has every measure of memory."""


def everything(**parameters: int) -> cm.CostTable:
    """Return a network with whatever can be asked of it."""
    graph = cm.load("mobilenet_v1", **parameters)
    return table(graph, [*MEASURES_OF_A_DEVICE], 4, "float32", find_device(ON), ARENA)


CHIP = {"mult_adds_j", "dram_j"}
MEASURES_OF_A_DEVICE = [name for name in MEASURES if name not in CHIP]


def test_a_name_ends_in_its_unit() -> None:
    for name, measure in MEASURES.items():
        endings = [ending for ending in ENDINGS if name.endswith(ending)]
        assert measure.unit == (ENDINGS[max(endings, key=len)] if endings else ""), name


def test_no_title_stands_for_two_measures() -> None:
    titles = [measure.title for measure in MEASURES.values()]
    assert sorted(titles) == sorted(set(titles))


def test_every_measure_of_a_network_is_an_attribute_and_the_others_say_how_to_get_them() -> None:
    totals = everything().totals
    assert {name: getattr(totals, name) for name in MEASURES_OF_A_DEVICE} == dict(totals.values)
    plain = cm.price(cm.load("mobilenet_v1")).totals
    assert list(plain.values) == list(names())
    with pytest.raises(AttributeError, match=r"no latency_s; time\(table, device\) adds it"):
        _ = plain.latency_s
    with pytest.raises(AttributeError, match=r"no energy_j; with_energy\(table\) adds it"):
        _ = plain.energy_j


def test_a_group_of_all_layers_has_the_measures_of_the_network() -> None:
    graph = network(
        (3, 8, 8), ("all.conv", "conv", "input", {"out_channels": 4}), ("all.act", "relu", "all.conv"),
        ("all.pool", "global_avg_pool", "all.act"),
    )  # fmt: skip
    found = cm.price(graph, 3, training=True)
    (group,) = found.by("block")
    of_rows = names(("", "training"), rows=True)
    assert {name: group[name] for name in of_rows} == {name: found.totals.values[name] for name in of_rows}
    for group, row in zip(found.by("layer"), found, strict=True):
        assert {name: group[name] for name in of_rows} == {name: row[name] for name in of_rows}


def test_a_measure_that_needs_a_device_is_not_zero_without_one() -> None:
    for ask in (measured, table):
        with pytest.raises(cm.CostModelError, match=r"latency_s (without|needs) a device"):
            ask(cm.load("mobilenet_v1"), ["params", "latency_s"])
    with pytest.raises(cm.CostModelError, match="there is no dram_j on jetson-tx1"):
        measured(cm.load("mobilenet_v1"), ["dram_j"], device=find_device(ON))


def test_a_sweep_of_every_measure_gives_what_single_networks_have() -> None:
    sizes = [96, 160]
    frame = cm.sweep(
        "mobilenet_v1", measures=MEASURES_OF_A_DEVICE, device=ON, memory="tflm", resolution=sizes, batch=[4]
    )
    for row, size in zip(frame.to_dict("records"), sizes, strict=True):
        assert {name: row[name] for name in MEASURES_OF_A_DEVICE} == pytest.approx(
            dict(everything(resolution=size).totals.values)
        )
    chip = cm.sweep("mobilenet_v1", measures=["energy_j", *CHIP], resolution=[96])
    assert chip["energy_j"][0] == pytest.approx(chip["mult_adds_j"][0] + chip["dram_j"][0])


def test_every_measure_can_be_limited_compared_with_and_differed() -> None:
    whole = everything()
    most, least = (
        dict(limit(f"{name}=1", least=more) for name in MEASURES_OF_A_DEVICE if MEASURES[name].more == more)
        for more in (False, True)
    )
    assert {one.metric: one.value for one in judge(whole, most, least, "median")} == dict(whole.totals.values)
    for name, value in whole.totals.values.items():
        assert parse_condition(f"{name} == {value!r}", MEASURES).holds(whole.totals.values), name
    changes = {row["total"]: (row["before"], row["unit"]) for row in cm.diff(whole, whole).totals}
    assert changes == {name: (value, MEASURES[name].unit) for name, value in whole.totals.values.items()}


@pytest.mark.parametrize(
    ("word", "name", "size"),
    [
        ("latency_high_ms", "latency_high_s", 1e-3),
        ("latency_us", "latency_s", 1e-6),
        ("energy_mj", "energy_j", 1e-3),
        ("fps", "throughput_per_s", 1),
        ("fps_low", "throughput_low_per_s", 1),
        ("latency_per_image_high_ms", "latency_per_image_high_s", 1e-3),
        ("params", "params", 1),
        ("traffic_ms", "traffic_ms", 1),
        ("throughput_per_ms", "throughput_per_ms", 1),
    ],
)
def test_what_a_word_means(word: str, name: str, size: float) -> None:
    assert meant(word) == (name, size)


def test_the_ends_of_an_interval_lie_around_what_they_are_of_and_follow_the_time() -> None:
    values = everything().totals.values
    for name, measure in MEASURES.items():
        if measure.ends:
            low, high = (values[end] for end in measure.ends)
            assert low < values[name] < high
            assert [MEASURES[end].unit for end in measure.ends] == [measure.unit] * 2
    assert values["throughput_low_per_s"] * values["latency_high_s"] == pytest.approx(4)
    assert values["latency_per_image_high_s"] * 4 == pytest.approx(values["latency_high_s"])


def test_a_limit_in_milliseconds_is_one_in_seconds() -> None:
    assert limit("latency_high_ms = 20") == ("latency_high_s", pytest.approx(0.02))
    high = everything().totals.values
    held = parse_condition(f"latency_high_ms <= {1e3 * high['latency_high_s'] * 1.001}", MEASURES)
    assert held.holds(high)
    assert not parse_condition(f"latency_high_ms <= {1e3 * high['latency_high_s'] * 0.999}", MEASURES).holds(high)


def test_what_a_report_prints_can_be_asked_for_on_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(
        capsys, "check", "mobilenet_v1", "--format", "json", "--device", ON, "--batch", "16",
        "--max", "saved_bytes=1GB", "--max", "latency_high_ms=1", "--max", "energy_j=1k",
    )  # fmt: skip
    kept = {one["budget"]: one["kept"] for one in json.loads(out)["budgets"]}
    assert (code, kept) == (1, {"saved_bytes": True, "latency_high_s": False, "energy_j": True})
    varied = ("sweep", "mobilenet_v1", "--vary", "width=0.5,1.0", "--device", ON)
    code, out, _ = run(capsys, *varied, "--where", "fps > 1 and energy_j < 1", "--pareto", "saved_bytes,latency_ms")
    assert (code, "min saved_bytes, min latency_s" in out) == (0, True)
    code, out, _ = run(capsys, "report", "vgg16", "--by", "block", "--sort", "vector_params", "--format", "json")
    assert (code, json.loads(out)["groups"][0]["vector_params"]) == (0, 4096)


@pytest.mark.parametrize(
    "words",
    [
        ("check", "mobilenet_v1", "--max", "latency_s=1"),
        ("sweep", "mobilenet_v1", "--vary", "width=0.5,1.0", "--where", "fps > 1"),
        ("solve", "mobilenet_v1", "--vary", "width=0.5,1.0", "--minimize", "params", "--subject-to", "fps > 1"),
        ("suggest", "mobilenet_v1", "--goal", "latency_ms < 5"),
    ],
)
def test_what_needs_a_device_says_so(capsys: pytest.CaptureFixture[str], words: tuple[str, ...]) -> None:
    code, _, err = run(capsys, *words)
    assert (code, "needs a device: add --device NAME" in err) == (2, True)
