"""The claims on time, accuracy, memory and depth: their numbers follow from what was measured, reported and priced."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from otherwise import Otherwise

from costmodel.gallery.article import THEMES
from costmodel.gallery.claims.claim import CAVEAT, FAILS, HOLDS, OPEN, WRONG, Finding
from costmodel.gallery.claims.memory import passes, step_bytes
from costmodel.gallery.facts import Facts, Log
from costmodel.gallery.lines import front, line
from costmodel.gallery.timing import NETWORKS, courses, dear, linearities
from costmodel.latency.device import Device
from costmodel.latency.find import find_device
from costmodel.render.article_plots import batches_chart, operations_chart

DEVICE = find_device("epyc-1t")
PLAIN = ("nin", "resnet18", "resnet34", "resnet50", "resnet101", "inception_v3")


def found(claim: str, facts: Facts) -> Finding:
    check = next(one.compute for theme in THEMES for one in theme.claims if one.name == claim)
    return check(facts)


def log(*networks: str, batch: int = 16, **times: float) -> Log:
    """A planted log: an image takes 1 ms and 10 ms for each G of mult-adds, some networks so many times that."""
    giga = Facts().giga
    seconds = {(name, batch): batch * times.get(name, 1.0) * (1e-3 + 10e-3 * giga(name)) for name in networks}
    return Log("planted", "a planted machine", seconds)


# --- figure 7 --------------------------------------------------------------------------------------------------------


def test_a_line_is_found_and_said() -> None:
    found_ = found("time_is_linear", Facts([log(*NETWORKS)]))
    assert found_.verdict == HOLDS
    assert found_.numbers["planted"] == pytest.approx({"r2": 1, "r2_without": 1})
    assert "10.00 ms for each G of mult-adds and 1.00 ms besides, 0.0% off on average" in found_.words


def test_networks_with_what_is_dear_break_the_line_and_are_named_with_how_much() -> None:
    broken = log(*NETWORKS, alexnet=3, googlenet=2.5, enet=6)
    found_ = found("time_is_linear", Facts([broken]))
    assert found_.verdict == CAVEAT
    assert found_.numbers["planted"]["r2"] < 0.95 < found_.numbers["planted"]["r2_without"]
    assert "without ENet, AlexNet and GoogLeNet: a line of 10.00 ms" in found_.words
    assert "ENet takes 6.0 times what that line says (PReLU and places for max-unpooling)" in found_.words
    assert "AlexNet takes 3.0 times what that line says (response normalisation)" in found_.words


def test_the_device_of_a_log_says_how_much_of_the_time_is_dear() -> None:
    facts = Otherwise(log(*NETWORKS, alexnet=3), devices={"planted": DEVICE})
    assert "% of it response normalisation, by the device's model" in found("time_is_linear", facts).words


def test_the_article_is_wrong_where_plain_networks_lie_on_no_line_in_any_log() -> None:
    wild = log(*NETWORKS, resnet50=5, inception_v3=0.2, nin=9)
    assert found("time_is_linear", Facts([wild])).verdict == FAILS
    assert found("time_is_linear", Facts([log(*NETWORKS), wild])).verdict == FAILS


@pytest.mark.parametrize("claim", ["time_is_linear", "accuracy_over_time", "batch_makes_cheaper"])
def test_too_little_was_measured_to_say_anything(claim: str) -> None:
    assert found(claim, Facts([log("resnet18", "alexnet")])).verdict == OPEN


def test_what_is_dear_is_what_operators_say_of_themselves() -> None:
    assert {name: dear(Facts(), name) for name in ("alexnet", "enet", *PLAIN)} == {
        "alexnet": ("lrn",),
        "enet": ("prelu", "max_pool_indices"),
        **dict.fromkeys(PLAIN, ()),
    }


# --- figure 3 --------------------------------------------------------------------------------------------------------


def batches(**gains: float) -> Log:
    """A planted log at batches 1 and 16: an image of some networks is so many times as fast at 16."""
    alone, together = log(*NETWORKS, batch=1), log(*NETWORKS)
    faster = {(name, batch): took / gains.get(name, 1) for (name, batch), took in together.seconds.items()}
    return Log("planted", "a planted machine", {**alone.seconds, **faster})


@pytest.mark.parametrize(
    ("gains", "verdict"),
    [
        ({"alexnet": 3, "vgg16": 1.5, "vgg19": 1.4}, HOLDS),
        ({"alexnet": 3, "vgg16": 1.5, "vgg19": 1.4, "enet": 0.5}, CAVEAT),
        ({"alexnet": 3, "vgg16": 1.5, "vgg19": 1.4, "resnet50": 2}, FAILS),
    ],
)
def test_who_gains_by_a_batch(gains: dict[str, float], verdict: str) -> None:
    found_ = found("batch_makes_cheaper", Facts([batches(**gains)]))
    assert found_.verdict == verdict
    assert "AlexNet is 3.00, VGG-16 is 1.50 and VGG-19 is 1.40 times as fast" in found_.words


def test_a_network_measured_at_one_batch_gains_nothing_that_is_known() -> None:
    (run,) = courses(Facts(), log("resnet18"))
    assert (run.gain, run.heavy, [batch for batch, _ in run.seconds]) == (None, False, [16])


# --- estimates, devices ----------------------------------------------------------------------------------------------


def with_operations_only(percent: float) -> Device:
    assert DEVICE.error is not None
    assert DEVICE.error.operations_only is not None
    plain = DEVICE.error.operations_only.model_copy(update={"mape_percent": percent})
    return DEVICE.model_copy(update={"error": DEVICE.error.model_copy(update={"operations_only": plain})})


@pytest.mark.parametrize(
    ("percent", "logs", "verdict"),
    [(4, (), HOLDS), (33, (log(*PLAIN),), CAVEAT), (33, (log(*PLAIN, nin=2, resnet18=0.5),), FAILS), (33, (), FAILS)],
)
def test_whether_operations_estimate_time(percent: float, logs: tuple[Log, ...], verdict: str) -> None:
    devices = {name: with_operations_only(percent) for name in ("one", "two")}
    found_ = found("operations_estimate_time", Otherwise(*logs, devices=devices))
    assert (found_.verdict, found_.numbers["median"]) == (verdict, percent)
    assert f"{percent}% off" in found_.words
    assert found("operations_estimate_time", Otherwise(devices={})).verdict == OPEN


def only_pointwise(*others: str) -> Device:
    """A device on which nothing but some layers takes time."""
    terms = [term.model_copy(update={"of": ["mult_adds_1x1", *others]}) for term in DEVICE.model.terms[:1]]
    return DEVICE.model_copy(update={"model": DEVICE.model.model_copy(update={"terms": terms})})


def test_the_share_of_time_in_pointwise_layers_is_that_of_each_device() -> None:
    fast, slow = only_pointwise(), only_pointwise("mult_adds_depthwise", "mult_adds_kxk", "mult_adds_winograd")
    assert found("mobilenet_time", Otherwise(devices={"fast": fast})).verdict == HOLDS
    both = found("mobilenet_time", Otherwise(devices={"fast": fast, "slower": DEVICE}))
    assert (both.verdict, round(both.numbers["fast"])) == (CAVEAT, 100)
    assert found("mobilenet_time", Otherwise(devices={"slower": DEVICE})).verdict == WRONG
    assert found("mobilenet_time", Otherwise(devices={"slow": slow})).numbers["slow"] < 100


def test_power_is_not_recomputed_and_says_whose_figure_it_quotes() -> None:
    board = find_device("jetson-tx1")
    for claim in ("power_is_constant", "energy_is_a_bound"):
        quoted = found(claim, Otherwise(devices={"jetson-tx1": board.model_copy(update={"power_w": 7.5})}))
        assert (quoted.verdict, "7.5 W" in quoted.words) == (OPEN, True)
        assert " W " not in found(claim, Otherwise(devices={})).words


# --- accuracy --------------------------------------------------------------------------------------------------------


def test_a_hyperbola_of_accuracy_in_time_is_found() -> None:
    """Accuracy planted as 90 - 0.1 / time, with a bend that no straight line has."""
    seconds = {name: 0.002 * (n + 1) ** 2 for n, name in enumerate(NETWORKS)}
    measured = Log("planted", "a planted machine", {(name, 1): took for name, took in seconds.items()})
    bent = {("nin_bn" if name == "nin" else name): 90 - 0.1 / took for name, took in seconds.items()}
    found_ = found("accuracy_over_time", Otherwise(measured, top1=bent))
    assert found_.verdict == HOLDS
    assert found_.numbers["planted"]["all"][0] == pytest.approx(1)
    assert "explains 100% of the variance" in found_.words
    worse = {**bent, "vgg16": 20.0, "vgg19": 22.0}
    assert found("accuracy_over_time", Otherwise(measured, top1=worse)).verdict == CAVEAT
    straight = {("nin_bn" if name == "nin" else name): 10 + 100 * took for name, took in seconds.items()}
    assert found("accuracy_over_time", Otherwise(measured, top1=straight)).verdict == FAILS


def test_the_margin_of_the_newest_is_over_the_best_of_the_others() -> None:
    before = found("newest_by_seven", Facts())
    assert (before.verdict, sum(margin >= 7 for margin in before.numbers.values())) == (WRONG, 2)
    low = Otherwise(top1=dict.fromkeys(("alexnet", "alexnet_bn", "nin_bn", "googlenet", "vgg16", "vgg19"), 60.0))
    after = found("newest_by_seven", low)
    assert (after.verdict, after.numbers["resnet18"]) == (HOLDS, pytest.approx(9.31))
    assert found("newest_by_seven", Otherwise(top1={"vgg16": 72.0})).numbers["resnet50"] == pytest.approx(3.3)


@pytest.mark.parametrize(("latest", "verdict"), [(79.0, CAVEAT), (200.0, FAILS)])
def test_a_line_flattens_if_its_last_step_is_the_flattest(latest: float, verdict: str) -> None:
    found_ = found("line_that_flattens", Otherwise(top1={"inception_v4": latest}))
    assert found_.verdict == verdict
    rise, run = latest - 78.8, Facts().giga("inception_v4") - Facts().giga("inception_v3")
    assert found_.numbers["inception_v3 to inception_v4"] == pytest.approx(rise / run)


def test_the_paradox_of_depth_has_no_cost() -> None:
    assert found("degradation", Facts()).verdict == CAVEAT
    assert found("degradation", Otherwise(columns={"resnet34_a": {"params": 1}})).verdict == WRONG
    assert "9.99 against" in found("degradation", Otherwise(totals={"resnet34_a": {"mult_adds": 9_990_000_000}})).words


# --- memory and depth ------------------------------------------------------------------------------------------------


def test_the_memory_of_resnet_152_against_vgg_19() -> None:
    before = found("resnet152_memory", Facts())
    assert before.verdict == FAILS
    batch = before.numbers["batch"]
    resnet, vgg = (Facts().step(name) for name in ("resnet152", "vgg19"))
    needs = [step_bytes(resnet, b) > step_bytes(vgg, b) for b in range(1, 2 * batch)]
    assert needs == [b >= batch for b in range(1, 2 * batch)]
    less = Otherwise(totals={"vgg19": {"saved_bytes": resnet.saved_bytes - 1_000_000}})
    assert found("resnet152_memory", less).numbers["batch"] > batch
    none = Otherwise(totals={"vgg19": {"saved_bytes": resnet.saved_bytes}})
    assert "it needs less at every batch" in found("resnet152_memory", none).words
    filters = Otherwise(totals={"vgg19": {"params": 21_000_000}})
    assert found("resnet152_memory", filters).verdict == CAVEAT


def test_the_batch_from_which_activations_pass_weights() -> None:
    found_ = found("memory_over_batches", Facts())
    assert found_.verdict == CAVEAT
    for name, batch in found_.numbers.items():
        totals = Facts().totals(name)
        assert (batch - 1) * totals.peak_live_bytes <= totals.weight_bytes < batch * totals.peak_live_bytes, name
    large = Otherwise(totals={"mobilenet_v1": {"peak_live_bytes": 10**9}})
    assert found("memory_over_batches", large).verdict == FAILS


def test_memory_over_params() -> None:
    assert found("memory_over_params", Facts()).verdict == OPEN
    weights = {name: Facts().totals(name).weight_bytes for name in NETWORKS}
    sloped = {name: {"held_bytes": 200_000_000 + int(1.3 * size)} for name, size in weights.items()}
    found_ = found("memory_over_params", Otherwise(totals=sloped))
    assert (found_.verdict, found_.numbers["slope"]) == (HOLDS, pytest.approx(1.3))


def test_pointwise_layers_that_need_windows_are_found() -> None:
    assert found("pointwise_needs_no_windows", Facts()).verdict == CAVEAT
    windows = Otherwise(columns={"mobilenet_v1": {"im2col_bytes": 5}})
    assert found("pointwise_needs_no_windows", windows).verdict == FAILS
    none = Otherwise(columns={"resnet50": {"im2col_bytes": 0}})
    assert found("pointwise_needs_no_windows", none).verdict == HOLDS


@pytest.mark.parametrize(
    ("claim", "network", "before", "after", "depth"),
    [
        ("eight_times_deeper", "resnet152", HOLDS, WRONG, 140),
        ("googlenet_depth", "googlenet", HOLDS, WRONG, 21),
        ("inception_depth", "inception_v3", OPEN, HOLDS, 42),
        ("mobilenet_depth", "mobilenet_v1", HOLDS, WRONG, 27),
    ],
)
def test_depth(claim: str, network: str, before: str, after: str, depth: int) -> None:
    assert found(claim, Facts()).verdict == before
    changed = found(claim, Otherwise(totals={network: {"weighted_layers": depth}}))
    assert (changed.verdict, changed.numbers["depth"]) == (after, depth)


def test_vgg_can_take_a_fifth_of_a_second_as_long_as_the_board_can_compute_so_much() -> None:
    assert found("vgg_fifth_of_a_second", Facts()).verdict == CAVEAT
    more = Otherwise(totals={"vgg16": {"mult_adds": 60_000_000_000}})
    assert found("vgg_fifth_of_a_second", more).verdict == WRONG
    measured = Log("planted", "a planted machine", {("vgg16", 1): 0.1234})
    assert "takes 123 ms on planted" in found("vgg_fifth_of_a_second", Facts([measured])).words


# --- lines, fronts, pictures -----------------------------------------------------------------------------------------

numbers = st.integers(-50, 50)


@settings(max_examples=50, deadline=None)
@given(slope=numbers, start=numbers, xs=st.sets(st.integers(1, 99), min_size=3))
def test_points_on_a_line_give_it_back(slope: int, start: int, xs: set[int]) -> None:
    points = [(x, slope * x + start) for x in xs if slope * x + start]
    if len(points) >= 3 and slope:
        found_ = line(points)
        assert found_ is not None
        assert (found_.slope, found_.at(0)) == (pytest.approx(slope), pytest.approx(start, abs=1e-6))
        assert (found_.r2, found_.mape_percent) == (pytest.approx(1), pytest.approx(0, abs=1e-6))
    assert line(points[:2]) is None
    assert line([(1, 2), (1, 3), (1, 4)]) is None


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=1, max_size=12))
def test_the_front_is_what_none_beats(spots: list[tuple[int, int]]) -> None:
    points = {str(n): (float(cost), float(worth)) for n, (cost, worth) in enumerate(spots)}
    beaten = {a for a in points.values() for b in points.values() if b != a and b[0] <= a[0] and b[1] >= a[1]}
    unbeaten = set(points.values()) - beaten
    assert set(front(points).values()) == unbeaten


def test_figure_7_names_every_point_and_what_breaks_the_line_and_no_label_lies_on_another() -> None:
    found_ = linearities(Facts([log(*NETWORKS, alexnet=3, googlenet=2.5, enet=6)]))
    figure = operations_chart(found_)
    figure.draw_without_rendering()
    axes = figure.axes[0]
    texts = [text for text in axes.texts if text.get_text()]
    said = {text.get_text().split("\n")[0]: text.get_text() for text in texts}
    assert said["AlexNet x3.0"].endswith("response normalisation")
    assert {"ENet x6.0", "GoogLeNet x2.5", "NIN", "VGG-19", "Inception v4"} <= said.keys()
    assert len(said) == len(NETWORKS)
    legend = " ".join(text.get_text() for text in axes.get_legend().get_texts())
    assert f"all {len(NETWORKS)}: R² {found_[0].all.r2:.2f}" in legend
    assert "the 10 others: R² 1.000, 10.0 ms for each G of mult-adds" in legend
    boxes = [super(type(text), text).get_window_extent() for text in texts]
    assert not [(a, b) for a, b in combinations(boxes, 2) if a.overlaps(b)]


def test_figure_3_has_a_line_a_network_and_says_what_a_batch_gains() -> None:
    facts = Facts([batches(alexnet=2)])
    figure = batches_chart({"one": courses(facts, facts.logs[0]), "two": courses(facts, facts.logs[0])})
    assert len(figure.axes) == 2
    names = [text.get_text() for text in figure.axes[1].texts]
    assert len(names) == len(NETWORKS)
    assert "AlexNet  x0.50" in names
    assert "ResNet-50  x1.00" in names


def test_a_step_of_what_keeps_less_never_passes() -> None:
    resnet, vgg = (Facts().step(name) for name in ("resnet152", "vgg19"))
    assert passes(vgg, resnet) is None
    assert passes(resnet, resnet) is None
