"""Maps in blocks of channels: held against the graphs that ONNX Runtime makes, and small cases by hand."""

import pytest

import costmodel as cm
from costmodel.bench.measure import BLOCKED, Job, OnnxRuntime
from costmodel.graph import INPUT, LayerGraph
from costmodel.latency.blocked import CONVOLUTIONS, Blocks
from costmodel.latency.lowering import Lowering, table_kernels, total_counts
from costmodel.ops.activation import Relu, Silu
from costmodel.ops.base import Operator
from costmodel.ops.conv import Conv
from costmodel.ops.merge import Add
from costmodel.ops.norm import Lrn

BLOCKS = Lowering(lanes=16)
NETWORKS = (
    "alexnet",
    "googlenet",
    "vgg11",
    "bn_inception",
    "inception_resnet_v1",
    "resnet18",
    "resnet20",
    "preresnet164",
    "resnext50_32x4d",
    "squeezenet",
    "xception",
    "densenet121",
    "mobilenet_v1 width=0.75",
    "mobilenet_v2",
    "mobilenet_v3_small",
    "mnasnet0_5",
    "shufflenet_v2_x1_0",
    "efficientnet_b0",
    "regnet_x_400mf",
    "regnet_y_400mf",
    "convnext_tiny",
)


class Watched(Blocks):
    """Counts maps as they are turned."""

    turns = 0

    def _turn(self, name, wanted):
        moved = super()._turn(name, wanted)
        self.turns += bool(moved)
        return moved


@pytest.fixture(scope="module")
def runner(tmp_path_factory):
    return OnnxRuntime(1, tmp_path_factory.mktemp("models"))


def optimised(runner: OnnxRuntime, graph: LayerGraph):
    """Return the nodes of the graph that ONNX Runtime makes of a network."""
    import onnx

    runner.prepare(Job(graph.name, "", (1,), lambda: graph))
    return list(onnx.load(runner.files[graph.name]).graph.node)


@pytest.mark.parametrize("network", NETWORKS)
def test_onnx_runtime_does_to_the_layers_what_is_said(network, runner, monkeypatch):
    """Which convolutions run on blocks, which sums join them, and how many maps are turned."""
    if runner.lowering.lanes == 1:
        pytest.fail("this ONNX Runtime keeps no blocks; the time model of CPUs says it does")
    name, *parameters = network.split()
    graph = cm.load(name, **{key: float(value) for key, value in (part.split("=") for part in parameters)})
    nodes = optimised(runner, graph)
    blocks = [node for node in nodes if node.domain == BLOCKED and node.op_type == "Conv"]
    watched = []
    monkeypatch.setattr("costmodel.latency.lowering.Blocks", lambda *a: watched.append(Watched(*a)) or watched[0])
    table = cm.price(graph)
    total_counts(table, runner.lowering)
    walk = watched[0]
    convolutions = sum(bool(walk.takes_sum[row["path"]]) for row in table if row["kind"] in CONVOLUTIONS)
    norms = sum(bool(walk.blocked[row["path"]]) for row in table if row["op"] == "batch_norm" == heads(row))
    assert convolutions + norms == len(blocks)  # a norm alone is run as a depthwise convolution
    joined = sum(bool(joins) for joins in walk.takes_activation.values())
    assert joined == sum(len(node.input) == 4 for node in blocks)
    assert walk.turns == sum(node.op_type in ("ReorderInput", "ReorderOutput") for node in nodes)


def heads(row):
    """Return the operator of a layer that heads its kernel."""
    return row["op"] if row["kernel"] == row["path"] else None


def counted(*layers: Operator, channels=16, reads=None):
    """Return the counts of layers in a row over maps of 4x4; `reads` names other inputs of some."""
    graph, last = LayerGraph("one", (channels, 4, 4)), INPUT
    for place, op in enumerate(layers):
        last = graph.add(f"layer{place}", op, (reads or {}).get(place, (last,))).path
    return total_counts(cm.price(graph), BLOCKS)


def conv(out_channels, kernel_size=1, groups=1):
    return Conv(out_channels=out_channels, kernel_size=kernel_size, padding=kernel_size // 2, groups=groups, bias=False)


MAP = 16 * 4 * 4 * 4
"""Bytes of a map of 16 channels."""


def test_channels_are_padded_to_whole_blocks_and_four_of_these_are_computed_at_a_time():
    counts = counted(conv(24), channels=48)
    assert counts["mult_adds_1x1"] == 48 * 24 * 16
    assert counts["padding_mult_adds"] == 48 * (32 - 24) * 16
    assert counts["idle_mult_adds"] == 48 * (64 - 32) * 16
    assert counted(conv(16), channels=20)["padding_mult_adds"] == (32 - 20) * 16 * 16
    assert counted(conv(16, 3), channels=3)["padding_mult_adds"] == 0  # a picture is read as it is
    assert counted(conv(20, 3, groups=20), channels=20)["padding_mult_adds"] == (32 - 20) * 9 * 16
    assert counted(conv(64), channels=48)["idle_mult_adds"] == 0
    assert counted(conv(48, 3, groups=3), channels=48)["idle_mult_adds"] == 3 * 16 * (64 - 16) * 9 * 16


@pytest.mark.parametrize(
    ("layer", "channels", "unfolded"),
    [
        (conv(16, 3), 18, 18 * 9 * 16),  # not in fours
        (conv(16, 3), 20, 0),
        (conv(16, 3), 3, 0),  # a picture
        (conv(16, 1), 18, 0),  # a 1x1 window is the map itself
        (conv(18, 3, groups=18), 18, 18 * 9 * 16),
        (conv(20, 3, groups=20), 20, 0),
        (conv(32, 3, groups=4), 32, 32 * 9 * 16),  # groups of 8 fill no block
        (conv(32, 3, groups=2), 32, 0),
    ],
)
def test_windows_are_unfolded_where_channels_fill_no_blocks(layer, channels, unfolded):
    assert counted(layer, channels=channels)["unfolded_elements"] == unfolded


def test_a_sum_and_its_activation_join_the_convolution_before():
    counts = counted(conv(16), conv(16), Add(), Relu(), reads={2: ("layer0", "layer1")})
    assert counts["kernels"] == 2
    assert counts["memory_bytes"] == 0
    assert counts["compute_bytes"] == 2 * MAP + 2 * MAP + MAP  # both convolutions, and the other summand


def test_a_convolution_that_others_read_takes_no_sum():
    counts = counted(conv(16), conv(16), Add(), Relu(), Add(), reads={2: ("layer0", "layer1"), 4: ("layer1", "layer3")})
    assert counts["kernels"] == 5


def test_no_sum_joins_behind_an_activation():
    assert counted(conv(16), conv(16), Relu(), Add(), reads={3: ("layer0", "layer2")})["kernels"] == 3


def test_some_activations_stay_apart():
    counts = counted(conv(16), Silu())
    assert counts["kernels"] == 2
    assert (counts["compute_bytes"], counts["memory_bytes"]) == (2 * MAP, 2 * MAP)
    assert counted(conv(16), Relu())["kernels"] == 1


def test_maps_are_turned_for_layers_that_know_no_blocks_and_only_once():
    each = 2 * MAP  # read and written
    assert counted(conv(16))["reordered_bytes"] == each
    assert counted(conv(16, 3), channels=3)["reordered_bytes"] == 0  # a picture is read as it is
    assert counted(conv(16), Lrn())["reordered_bytes"] == 2 * each
    assert counted(conv(16), Lrn(), Lrn(), conv(16))["reordered_bytes"] == 3 * each
    assert counted(conv(16), Lrn(), conv(16), conv(16), reads={3: ("layer1",)})["reordered_bytes"] == 3 * each


def test_kernels_are_told_at_the_layers_that_head_them():
    graph = LayerGraph("one", (16, 4, 4))
    graph.add("conv", conv(16), (INPUT,))
    graph.add("act", Silu(), ("conv",))
    assert [head for head, _ in table_kernels(cm.price(graph), BLOCKS)] == ["conv", "conv", "act"]
