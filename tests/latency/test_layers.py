"""Times of single layers: which layers a node of ONNX Runtime's graph computes, and the intervals that are earned."""

import math
from dataclasses import replace
from itertools import cycle, repeat

import numpy as np
import pytest

import costmodel as cm
from costmodel.bench.layer_classes import FEWEST, classes_of, compared
from costmodel.bench.layers import LayerTime, profiled, read_layers, write_layers
from costmodel.bench.log import Setting, read_setting
from costmodel.bench.measure import Job, LayerTimes
from costmodel.bench.onnx_nodes import layers_of
from costmodel.bench.onnx_runner import OnnxRuntime
from costmodel.bench.plan import network_of
from costmodel.bench.torch_runner import TorchRunner
from costmodel.latency.device import LayerClass
from costmodel.latency.find import find_device
from costmodel.latency.layers import FEW, NONE, Earned
from costmodel.latency.lowering import Lowering, kernel_heads, table_kernels
from costmodel.latency.transfer import transfer
from costmodel.ops.activation import Relu, Silu
from costmodel.ops.merge import Add
from costmodel.ops.norm import Lrn
from costmodel.render.report import page
from costmodel.render.rows import Selection
from costmodel.render.screen import Screen
from costmodel.render.text import text
from latency.onnx_runtime import build, conv, row

HERE = Setting("planted", "none", 1, True, 16, "2026-01-01")
SMALL = ("mobilenet_v3_small", "shufflenet_v2_x0_5", "regnet_y_400mf", "squeezenet", "resnet20", "deit_ti", "googlenet")


def nodes_of(graph, folder):
    import onnx

    runner = OnnxRuntime(1, folder)
    runner.prepare(Job("it", "", (1,), lambda: graph))
    return onnx.load(runner.files["it"]).graph.node


@pytest.mark.parametrize("network", SMALL)
def test_every_node_is_known_to_compute_some_layers_and_every_layer_is_computed(network, tmp_path):
    graph = build(network)
    found = layers_of(graph, nodes_of(graph, tmp_path))
    assert all(found)
    assert {path for paths in found for path in paths} == {layer.path for layer in graph.layers}


def test_sums_and_activations_belong_to_the_node_that_computes_them(tmp_path):
    graph = row(conv(16), conv(16), Add(), Relu(), conv(16), reads={2: (0, 1)})
    nodes = nodes_of(graph, tmp_path)
    found = [set(paths) for node, paths in zip(nodes, layers_of(graph, nodes), strict=True) if "Conv" in node.op_type]
    blocks = any(len(node.input) == 4 for node in nodes)
    assert found == [{"layer0"}, {"layer1", "layer2", "layer3"}, {"layer4"}] if blocks else [{"layer0"}, {"layer1"}]


def test_what_turns_a_map_belongs_to_the_layer_that_reads_it_first(tmp_path):
    graph = row(conv(16), Lrn(), conv(16))
    nodes = nodes_of(graph, tmp_path)
    turns = [paths for node, paths in zip(nodes, layers_of(graph, nodes), strict=True) if "Reorder" in node.op_type]
    assert [paths[0] for paths in turns] in (
        [],
        ["layer0", "layer1", "layer2", "layer2"],
    )  # the last is what it returns


def test_a_map_that_many_read_is_turned_for_the_first_of_them(tmp_path):
    graph = row(conv(16), Lrn(), Lrn(size=3), Add(), reads={2: (0,), 3: (1, 2)})
    nodes = nodes_of(graph, tmp_path)
    turns = [
        paths for node, paths in zip(nodes, layers_of(graph, nodes), strict=True) if node.op_type == "ReorderOutput"
    ]
    assert turns in ([], [["layer1"]])


def test_an_activation_with_a_node_of_its_own_leaves_the_convolution_to_its_own(tmp_path):
    graph = row(conv(16), Silu(), conv(16), Silu())
    nodes = nodes_of(graph, tmp_path)
    own = [paths for node, paths in zip(nodes, layers_of(graph, nodes), strict=True) if node.op_type == "QuickGelu"]
    assert own == [["layer1"], ["layer3"]]


def test_runs_that_warm_up_do_not_count(tmp_path):
    found = OnnxRuntime(1, tmp_path).profile(Job("it", "", (1,), lambda: row(conv(16))), 1, 3)
    assert {len(one.seconds) for one in found} == {3}


@pytest.mark.parametrize("lowering", [Lowering(), Lowering(fuses=False), Lowering(lanes=16)])
@pytest.mark.parametrize("network", ["mobilenet_v3_small", "resnet20", "deit_ti"])
def test_the_heads_of_kernels_are_those_that_time_is_counted_for(network, lowering):
    table = cm.price(cm.load(network))
    heads = {head for head, counts in table_kernels(table, lowering) if counts.get("kernels")}
    found = kernel_heads(table, lowering)
    assert heads <= set(found.values())
    assert all(found[head] == head for head in found.values())


def test_onnx_runtime_says_what_each_layer_took(tmp_path):
    runner = OnnxRuntime(1, tmp_path)
    times = list(profiled(runner, ["nin_cifar10"], (1, 3)))
    heads = set(kernel_heads(cm.price(cm.load("nin_cifar10")), runner.lowering).values())
    for batch in (1, 3):
        own = [one for one in times if one.batch == batch]
        assert {path for one in own for path in one.layers} >= heads
        assert sum(one.seconds for one in own) > 0
    assert list(tmp_path.glob("*.json")) == []


def test_a_runtime_without_a_profiler_is_refused_in_words():
    with pytest.raises(cm.CostModelError, match="this runtime does not say what they take"):
        list(profiled(TorchRunner.__new__(TorchRunner), ["nin_cifar10"], (1,)))


class Profiler:
    """A runtime that takes two seconds for a convolution and the sum that joins it, one for anything else, and twice as
    long in its first run.
    """

    lowering = Lowering(lanes=16)

    def profile(self, job, batch, runs):
        pairs = [("stage1.0.conv2.bn", "stage1.0.add"), ("conv1.relu", "conv1.bn", "conv1.conv")]
        return [LayerTimes(pair, (2.0 * len(pair), *[1.0 * len(pair)] * (runs - 1))) for pair in pairs]


def test_layers_that_one_node_computes_are_one_time_and_the_shortest_run_counts():
    assert list(profiled(Profiler(), ["resnet20"], (1,))) == [
        LayerTime("resnet20", 1, ("stage1.0.conv2.conv", "stage1.0.add"), 2.0),
        LayerTime("resnet20", 1, ("conv1.conv",), 3.0),
    ]


def test_a_log_of_layers_is_read_as_it_was_written(tmp_path):
    times = [LayerTime("resnet20", 1, ("a", "b"), 0.000123), LayerTime("nin", 8, ("c",), 1.5)]
    write_layers(tmp_path / "x.layers.csv", HERE, times)
    assert read_layers(tmp_path / "x.layers.csv") == times
    assert read_setting(tmp_path / "x.layers.csv") == HERE


def planted(factors, networks=("mobilenet_v2", "mobilenet_v1", "mobilenet_v2 width=1.4"), extra=0.0):
    """Return times of single layers that are so many times those predicted and `extra`, by kind in turn."""
    device = find_device("epyc-1t")
    times = []
    turns = {kind: cycle(own) for kind, own in factors.items()}
    for network in networks:
        for one in cm.time(cm.price(network_of(network)), device):
            if one["latency_s"]:
                factor = next(turns.get(one["kind"], repeat(1.0)))
                times.append(LayerTime(network, 1, (one["path"],), (one["latency_s"] + extra) * factor))
    return device, times


def test_a_class_is_as_wide_as_its_layers_were_off():
    device, times = planted({"depthwise conv": (2.0,), "conv 1x1": (0.8, 1.5)})
    found = {one.name: one for one in classes_of(device, times)}
    narrow = found["depthwise convolutions, narrower than 5x5"]
    assert (narrow.low, narrow.high) == pytest.approx((2.0, 2.0), rel=0.01)
    assert (found["conv 1x1"].low, found["conv 1x1"].high) == (
        pytest.approx(0.8, rel=0.01),
        pytest.approx(1.5, rel=0.01),
    )
    assert all(one.layers >= FEWEST for one in found.values())


def test_what_is_true_of_one_network_alone_widens_every_class():
    """Of three networks one takes three times as long, whatever the layer: two of them know nothing of it."""
    device, times = planted({})
    odd = [replace(one, seconds=3 * one.seconds) if one.network == "mobilenet_v1" else one for one in times]
    plain, wide = ({one.name: one for one in classes_of(device, own)} for own in (times, odd))
    assert all(wide[name].high > 2 * plain[name].high for name in wide)


def test_a_class_that_one_network_is_off_in_is_wider_than_others():
    device, times = planted({})
    odd = [
        replace(one, seconds=3 * one.seconds)
        if one.network == "mobilenet_v1" and one.layers[0].endswith("depthwise.conv")
        else one
        for one in times
    ]
    found = {one.name: math.log(one.high / one.low) for one in classes_of(device, odd)}
    assert found["depthwise convolutions, narrower than 5x5"] > 1.5 * found["conv 1x1"]


def test_what_no_other_network_has_widens_no_class():
    """Where attention's norms take fifty times as long says nothing of convolutions."""
    device, times = planted({})
    alone = [one for one in planted({"norm": (50.0,)}, ("deit_ti",))[1] if "norm" in one.layers[0]]
    assert len(alone) >= FEWEST
    assert classes_of(device, times + alone) == classes_of(device, times)


@pytest.mark.parametrize("extra", [2e-6, 20e-6, 200e-6])
def test_what_starting_a_layer_takes_is_told_from_what_it_does(extra):
    device, times = planted({"depthwise conv": (2.0, 2.2), "conv 1x1": (0.8, 0.9)}, extra=extra)
    found = classes_of(device, times)
    assert [one.extra_s for one in found] == pytest.approx([extra] * len(found), rel=0.15)
    (narrow,) = [one for one in found if one.name == "conv 1x1"]
    assert (narrow.low, narrow.high) == (pytest.approx(0.8, rel=0.1), pytest.approx(0.9, rel=0.1))


def ends(classes, name, seconds, wider=1.0):
    return Earned(classes, (0.5, 2.0), wider).ends(name, seconds)


def test_the_shortest_layers_take_what_starting_one_takes():
    classes = [
        LayerClass(name="pool", layers=9, extra_s=1e-5, low=0.5, high=2.0),
        LayerClass(name="norm", layers=9, extra_s=1e-5, low=3.0, high=4.0),
        LayerClass(name="merge", layers=9, extra_s=1e-5, low=0.1, high=0.2),
    ]
    assert ends(classes, "pool", 1e-3) == (pytest.approx(5.05e-4), pytest.approx(2.02e-3), "")
    says = "the shortest layers took about 10 µs more than is predicted"
    assert ends(classes, "pool", 1e-7) == (1e-7, pytest.approx(2.02e-5), says)
    assert ends(classes, "norm", 1e-3)[:2] == (1e-3, pytest.approx(4.04e-3))
    assert ends(classes, "merge", 1e-3)[:2] == (pytest.approx(1.01e-4), 1e-3)
    assert ends(classes, "pool", 1e-3, wider=2.0)[:2] == (pytest.approx(2.525e-4), pytest.approx(4.04e-3))
    assert ends(classes, "softmax", 1e-5) == (pytest.approx(2e-6), pytest.approx(8e-5), FEW)
    assert ends(classes, "pool", 0.0)[:2] == (0.0, 0.0)


def test_of_arrays_each_number_has_what_it_would_have_alone():
    classes = [LayerClass(name="pool", layers=9, extra_s=1e-5, low=0.5, high=2.0)]
    low, high, _ = ends(classes, "", np.array([0.0, 1e-7, 1e-3]))
    assert low == pytest.approx([0.0, 1e-7, 5.05e-4])
    assert high == pytest.approx([0.0, 2.02e-5, 2.02e-3])


def test_a_class_of_one_network_is_none():
    device, times = planted({}, networks=("mobilenet_v2",))
    assert classes_of(device, times) == []


def timed(classes, network="mobilenet_v2", batch=1):
    device = find_device("epyc-1t").model_copy(update={"layers": classes})
    return cm.time(cm.price(cm.load(network), batch), device)


def test_a_layer_has_the_interval_of_its_class_and_a_strange_one_the_widest():
    device, times = planted({"depthwise conv": (2.0,), "conv 1x1": (0.8, 1.5)})
    rows = [one for one in timed(classes_of(device, times)) if one["latency_s"]]
    spans = {(one["latency_low_s"] / one["latency_s"], one["latency_high_s"] / one["latency_s"]) for one in rows}
    assert {(round(low, 1), round(high, 1)) for low, high in spans} >= {(1.0, 2.0), (0.8, 1.5)}
    few = timed([one for one in classes_of(device, times) if one.name == "conv 1x1"])
    strange = [one for one in few if one["kind"] == "depthwise conv"]
    assert {one["guess"] for one in strange} == {FEW}
    assert all(one["latency_high_s"] == pytest.approx(1.5 * one["latency_s"], rel=0.01) for one in strange)


def test_layers_nobody_measured_have_the_networks_interval_and_say_so():
    found = timed([])
    width = math.log(found.totals.latency_high_s / found.totals.latency_s)
    for one in found:
        if one["latency_s"]:
            assert one["guess"] == NONE
            assert math.log(one["latency_high_s"] / one["latency_s"]) == pytest.approx(width)


def test_where_the_network_asks_too_much_its_layers_are_wider_too():
    device, times = planted({})
    classes = classes_of(device, times)
    for batch, wider in ((1, False), (64, True)):
        (first, *_) = [one for one in timed(classes, batch=batch) if one["kind"] == "conv 1x1"]
        assert (first["latency_high_s"] > 1.05 * first["latency_s"]) == wider


def test_the_interval_holds_what_set_it():
    device, times = planted({"depthwise conv": (2.0, 3.0), "conv 1x1": (0.8, 1.5)})
    device = device.model_copy(update={"layers": classes_of(device, times)})
    assert all(one.held for one in compared(device, times))
    slower = [replace(one, seconds=10 * one.seconds) for one in times]
    assert not any(one.held for one in compared(device, slower))


def test_a_layer_that_a_network_does_not_have_is_refused_in_words():
    with pytest.raises(cm.CostModelError, match="resnet50 has no layer 'conv9'; its layers were measured as another's"):
        classes_of(find_device("epyc-1t"), [LayerTime("resnet50", 1, ("conv9",), 1.0)])


def test_the_report_marks_guesses_and_says_what_they_are():
    device, times = planted({})
    known = [one for one in classes_of(device, times) if one.name == "conv 1x1"]
    said = text(page(timed(known), Selection(by="layer")), Screen(width=200))
    assert f"~ a guess: {FEW}" in said
    marked = {line.split()[0]: line.rstrip().endswith("~") for line in said.splitlines() if line.strip()}
    assert marked["bottleneck2.0.depthwise.conv"]
    assert not marked["bottleneck2.0.expand.0.conv"]
    unknown = text(page(timed([]), Selection(by="layer")), Screen(width=200))
    assert f"the times of single rows are guesses, with the network's interval: {NONE}" in unknown


def test_a_scaled_device_has_earned_no_interval_of_layers():
    device = find_device("rtx3090").model_copy(
        update={"layers": [LayerClass(name="linear", layers=9, low=0.9, high=1.1)]}
    )
    assert transfer(device, "other", "Other", device.peaks, "a test").layers == []
