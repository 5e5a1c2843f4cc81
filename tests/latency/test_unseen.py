"""What a device never measured: found, named, and paid for steadily; and what its own table holds is shown."""

import math

import numpy as np
import pytest

import costmodel as cm
from costmodel.bench.crossvalidate import half_width
from costmodel.bench.fit import CHAIN, Alone, Design, Sample
from costmodel.bench.unseen import seen_in, unseen_factor
from costmodel.latency.device import LARGEST_UNSEEN, to_yaml
from costmodel.latency.features import FEATURES
from costmodel.latency.find import find_device
from costmodel.latency.forms import FORMS
from costmodel.latency.predict import latency_of
from latency.logs import samples_of_log
from latency.planted import REAL, dear_device, dear_seconds, real_samples
from latency.test_devices import LOGS, SHIPPED

LAYERED = ("attention", "gelu", "layer_norm")
"""Operators of ViT and GPT-2 that no board has measured."""


def width_of(latency):
    return np.log(latency["latency_high_s"] / latency["latency_s"])


def test_what_was_seen_is_counted_by_networks_and_not_by_batches():
    seen = seen_in(real_samples(FORMS[0], [1e-11, 1e-10], batches=(1, 8)))
    assert seen.batches == [1, 8]
    assert seen.inputs == [[3, 224, 224], [3, 227, 227]]  # AlexNet reads the largest
    assert seen.operators["conv"] == len(REAL)
    assert seen.operators["channel_shuffle"] == 1  # ShuffleNet alone
    assert seen.operators["lrn"] == 1  # AlexNet alone
    assert "gelu" not in seen.operators
    assert seen.kinds["depthwise conv"] == 4  # both MobileNets, MnasNet and ShuffleNet
    assert "matmul" not in seen.kinds


def test_an_operator_that_was_never_measured_is_named_and_its_time_paid_for():
    planted = dear_device()
    plain = latency_of(cm.load("mobilenet_v1", width=0.25), planted)
    assert (plain["unseen"], plain["notes"]) == ("", [])
    strange = latency_of(cm.load("vit_b_32"), planted)
    named = strange["unseen"].split("; ")
    assert set(LAYERED) <= set(named)
    assert "linear" not in named
    assert any(note.startswith("never measured on planted: ") for note in strange["notes"])
    assert width_of(strange) > planted.interval.half_width
    assert strange["latency_low_s"] < strange["latency_s"] * math.exp(-planted.interval.half_width)


def test_a_network_is_in_its_interval_though_an_operator_takes_ten_times_what_its_bytes_say():
    """Of a machine with the factor that this project's own has earned, on which GELU is as dear as that and more."""
    planted = dear_device(unseen_factor=12.0)
    for name in ("convnext_tiny", "vit_b_32"):
        graph = cm.load(name)
        found = latency_of(graph, planted)
        for times in (0, 1, 10):
            assert found["latency_low_s"] <= dear_seconds(graph, "gelu", times) <= found["latency_high_s"]


def graph_of_gelu(activations):
    """Return a network of eight 1x1 convolutions, so many of them followed by GELU and not ReLU."""
    from costmodel.graph import INPUT, LayerGraph
    from costmodel.ops import OPERATORS
    from costmodel.ops.activation import Relu
    from costmodel.ops.conv import Conv

    graph, last = LayerGraph("mixed", (64, 56, 56)), INPUT
    for place in range(8):
        last = graph.add(f"conv{place}", Conv(out_channels=64), (last,)).path
        act = OPERATORS["gelu"]() if place < activations else Relu()
        last = graph.add(f"act{place}", act, (last,)).path
    return graph


def test_the_interval_grows_steadily_with_the_share_of_what_was_never_measured():
    planted = dear_device()
    ends = [latency_of(graph_of_gelu(count), planted) for count in range(9)]
    highs = [one["latency_high_s"] for one in ends]
    lows = [one["latency_low_s"] for one in ends]
    steps = np.diff(highs)
    assert (steps > 0).all()
    assert steps == pytest.approx(np.full(8, steps[0]), rel=1e-6)
    assert (np.diff(lows) < 0).all()
    assert min(lows) > 0


def test_a_table_says_which_layers_were_never_measured_and_by_kind_and_block_too():
    timed = cm.time(cm.price(graph_of_gelu(2), 64), dear_device())
    said = dict(zip(timed.columns["path"], timed.columns["unseen"], strict=True))
    assert said["act0"] == "gelu; batch; size"
    assert said["act7"] == said["conv0"] == "batch; size"
    groups = {group["group"]: group["unseen"] for group in timed.by("kind")}
    assert groups == {"conv 1x1": "batch; size", "activation": "gelu; batch; size"}
    assert timed.totals.unseen == "gelu; batch; size"


@pytest.mark.parametrize("name", ["pi4", "epyc-1t", "i9-10940x", "rtx3090"])
def test_nothing_is_a_cliff(name):
    """Batches from 4 to 4096, pictures of 64 to 640, widths that fill whole blocks: between neighbours the interval
    changes by a part of its own width, however far it comes.
    """
    found = find_device(name)
    batches, sizes, widths = np.arange(4, 4097), np.arange(64, 641, 8), np.arange(0.5, 4.01, 0.125)
    for graph, batch in (
        (cm.load("mobilenet_v1"), batches),
        (cm.load("mobilenet_v1", resolution=sizes), 1),
        (cm.load("mobilenet_v1", width=widths), 1),
    ):
        wide = width_of(latency_of(graph, found, batch)) / found.interval.half_width
        assert np.abs(np.diff(wide)).max() < 0.4
        if batch is batches:
            assert wide.max() > 4


@pytest.mark.parametrize("name", ["rtx4090", "gtx1080ti"])
def test_fewer_images_may_take_as_long_as_the_fewest_measured_where_nothing_says_what_a_run_costs(name):
    """A run of one image takes no longer than one of many, and nobody knows how much shorter it is."""
    found = find_device(name)
    fewest = found.conditions.batch[0]
    batches = np.arange(1, fewest + 2)
    latency = latency_of(cm.load("resnet50"), found, batches)
    highs, measured = latency["latency_high_s"], latency["latency_s"][fewest - 1]
    assert (highs[:fewest] >= measured).all()
    assert (highs[:fewest] <= 1.5 * highs[fewest - 1]).all()
    assert np.abs(np.diff(np.log(highs))).max() < 0.1
    assert highs[0] == pytest.approx(latency_of(cm.load("resnet50"), found, 1)["latency_high_s"])
    said = f"nothing measured says what a run costs by itself, so that fewer may take as long as {fewest}"
    assert any(note.endswith(said) for note in latency["notes"])
    above = latency_of(cm.load("resnet50"), found, fewest)
    assert not any(said in note for note in above["notes"])


def test_a_device_that_knows_what_a_run_costs_says_so_of_fewer_images_too():
    """The RTX 3090's profile has a time for each kernel, from runs of 96 images and more."""
    latency = latency_of(cm.load("resnet50"), find_device("rtx3090"), np.array([1, 96]))
    assert latency["latency_high_s"][0] != pytest.approx(latency["latency_high_s"][1], rel=0.02)
    assert not any("by itself" in note for note in latency["notes"])


def test_solve_under_a_limit_on_the_upper_end_falls_off_no_cliff(tmp_path):
    """A machine measured up to batch 8: what costs a little more than a limit allows is reached by a little more."""
    path = tmp_path / "planted.yaml"
    path.write_text(to_yaml(dear_device()), "utf-8")
    batches = np.arange(1, 65)
    highs = latency_of(cm.load("mobilenet_v1"), path, batches)["latency_high_s"]
    assert (highs[1:] / highs[:-1] <= (batches[1:] / batches[:-1]) ** 1.5).all()
    for batch in (7, 8, 9, 20, 40):
        limit = f"latency_high_s <= {highs[batch - 1] * (1 + 1e-9)}"
        found = cm.solve("mobilenet_v1", maximize="batch", subject_to=limit, device=str(path), batch=batches.tolist())
        assert [row["batch"] for row in found.best] == [batch]


def test_reasons_are_told_point_by_point():
    planted = dear_device()
    latency = latency_of(cm.load("mobilenet_v1", resolution=np.array([[224], [448]])), planted, np.array([[8, 64]]))
    assert latency["unseen"].tolist() == [["", "batch"], ["size", "batch; size"]]


def told(op, kind, dearness, rng, element=None):
    """Return a chain of six layers of an operator that takes so many times what a byte takes, and perhaps counts
    elements that nothing else has.
    """
    moved = float(10 ** rng.uniform(7, 8))
    counts = {"memory_bytes": moved} | ({element: moved / 4} if element else {})
    return Sample(op, CHAIN, 1, 6 * dearness * 1e-10 * moved, (counts,) * 6, (Alone(op, kind, counts),) * 6)


def networks(rng):
    """Return measured networks of plain convolutions: 10 ps a mult-add, 100 ps a byte."""
    found = []
    for place in range(24):
        counts = {"mult_adds_kxk": float(10 ** rng.uniform(8, 9)), "compute_bytes": float(10 ** rng.uniform(6, 8))}
        seconds = 1e-11 * counts["mult_adds_kxk"] + 1e-10 * counts["compute_bytes"]
        layers = (Alone("conv", "conv kxk", counts),)
        found.append(Sample(f"net{place}", f"family{place // 2}", 1, seconds, (counts,), layers))
    return found


@pytest.mark.parametrize(("dear", "expected"), [(0, 1.0), (2, 8.0), (12, 8.0)])
def test_the_factor_is_what_leaving_operators_out_has_cost(dear, expected):
    """Of twelve operators that were measured in chains, each twice, so many take eight times what their bytes say."""
    rng = np.random.default_rng(0)
    chains = [
        told(f"op{place}", f"kind{place}", 8 if place < dear else 1, rng) for place in range(12) for _ in range(2)
    ]
    measured = [*networks(rng) * 4, *chains]
    found = unseen_factor(measured, FORMS[0])
    assert found == pytest.approx(expected, rel=0.35)


def test_what_only_an_operators_own_chains_tell_is_not_known_once_it_is_left_out():
    """Two of twelve have elements of their own, whose price their chains show: without those they cost their bytes."""
    rng = np.random.default_rng(0)
    elements = ("smooth_elements", "lrn_elements", *[None] * 10)
    chains = [
        told(f"op{place}", f"kind{place}", 8 if element else 1, rng, element)
        for place, element in enumerate(elements)
        for _ in range(2)
    ]
    form = next(form for form in FORMS if ("lrn_elements",) in form.terms and len(form.terms) == 4)
    assert unseen_factor([*networks(rng) * 4, *chains], form) == pytest.approx(8, rel=0.35)


def test_a_device_that_measured_too_few_operators_cannot_tell():
    rng = np.random.default_rng(0)
    chains = [told(f"op{place}", f"kind{place}", 8, rng) for place in range(4) for _ in range(2)]
    assert unseen_factor([*networks(rng), *chains], FORMS[0]) is None


def test_devices_that_cannot_tell_take_the_largest_factor_that_any_has_earned():
    earned = {path.stem: find_device(path).interval.unseen_factor for path in SHIPPED}
    assert {name for name, factor in earned.items() if factor} >= {log.stem for log in LOGS}
    assert max(factor for factor in earned.values() if factor) == LARGEST_UNSEEN
    assert earned["gtx1080ti"] is None
    assert find_device("gtx1080ti").interval.unseen == LARGEST_UNSEEN


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_device_says_what_it_has_seen(path):
    device = find_device(path)
    assert device.seen.operators["conv"] >= max(device.seen.operators.values())
    assert all(least <= most for least, most in zip(*device.seen.inputs, strict=True))
    if device.residuals:
        assert {device.seen.batches[0], device.seen.batches[-1]} == set(device.conditions.batch)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_an_interval_holds_what_it_says_of_families_that_set_neither_it_nor_the_model(path):
    device = find_device(path)
    if device.error is None:
        assert device.interval.coverage_percent is None
        return
    few = len(device.residuals) < 40
    assert 85 <= device.interval.coverage_percent <= (100 if few else 95)


@pytest.mark.parametrize("network", ["vit_b_16", "gpt2"])
def test_transformers_on_a_device_that_saw_convnets_only_have_a_wider_interval_and_say_why(network):
    found = find_device("gtx1080ti")
    latency = latency_of(cm.load(network), found, 16)
    assert set(LAYERED) <= set(latency["unseen"].split("; "))
    assert width_of(latency) > 1.5 * found.interval.half_width
    convnet = latency_of(cm.load("resnet18"), found, 16)
    assert convnet["unseen"] == ""
    assert width_of(convnet) == pytest.approx(found.interval.half_width)


def test_batches_beyond_those_measured_hold_as_often_as_is_said():
    """Fitted at batch 1 alone and without a family, that family at batch 8 and 16, on this project's own log."""
    device = find_device("epyc-1t")
    samples = [one for one in samples_of_log("epyc-1t") if one.family != CHAIN]
    design = Design(samples, next(form for form in FORMS if form.name == device.model.form))
    batch = np.array([one.batch for one in samples])
    predicted = np.full(len(samples), np.nan)
    for family in set(design.families.tolist()):
        out = design.families == family
        predicted[out] = design.predict(design.fit((batch == 1) & ~out))[out]
    for far in (8, 16):
        there = batch == far
        needed = half_width(predicted[there], design.seconds[there], design.families[there])
        graph = cm.load("resnet18")
        given = device.model_copy(update={"conditions": device.conditions.model_copy(update={"batch": [1, 1]})})
        assert needed <= width_of(latency_of(graph, given, far))


@pytest.mark.parametrize(
    ("asked", "batch", "there"),
    [
        (("mobilenet_v1", {}), 1, True),
        (("resnet50", {}), 1, True),
        (("resnet", {"block": "bottleneck"}), 1, True),  # the same by another name
        (("mobilenet_v1", {"width": 1.0, "resolution": 224}), 1, True),
        (("mobilenet_v1", {"width": 0.75}), 1, False),
        (("mobilenet_v1", {"resolution": 192}), 1, False),
        (("mobilenet_v1", {}), 2, False),
        (("vgg11", {}), 1, False),
    ],
)
def test_what_the_devices_own_table_holds_is_known_by_what_the_network_is(asked, batch, there):
    found = find_device("pi4")
    name, parameters = asked
    timed = cm.time(cm.price(cm.load(name, **parameters), batch), found)
    rows = {row[0]: row[3] for row in found.residuals}
    if there:
        assert timed.totals.measured_s == rows["resnet50" if name == "resnet" else name]
    else:
        assert timed.totals.measured_s is None


def test_a_network_of_ones_own_is_not_taken_for_a_bundled_one(tmp_path):
    from costmodel.documents.bundled import bundled

    text = (bundled() / "mobilenet_v1.yaml").read_text("utf-8")
    (tmp_path / "mobilenet_v1.yaml").write_text(text, "utf-8")
    timed = cm.time(cm.price(cm.load(tmp_path / "mobilenet_v1.yaml")), "pi4")
    assert timed.totals.measured_s is None


def test_every_feature_of_a_layer_by_itself_is_one_that_models_know():
    for sample in real_samples(FORMS[0], [1e-11, 1e-10], names=REAL[:2]):
        assert {name for layer in sample.layers for name in layer.counts} <= set(FEATURES)
