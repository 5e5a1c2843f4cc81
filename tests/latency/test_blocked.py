"""Maps in blocks of channels: held against the graphs that ONNX Runtime makes, and small cases by hand."""

import pytest

import costmodel as cm
from costmodel.bench.onnx_runner import OnnxRuntime
from costmodel.graph import INPUT, LayerGraph
from costmodel.latency.lowering import Lowering, table_kernels
from costmodel.ops.activation import Relu, Silu
from costmodel.ops.base import Operator
from costmodel.ops.conv import ConvTranspose
from costmodel.ops.merge import Add
from costmodel.ops.norm import Lrn
from costmodel.ops.reshape import SliceChannels
from latency.onnx_runtime import NETWORKS, build, conv, facts, made, said, small
from latency.planted import total_counts

BLOCKS = Lowering(lanes=16)
LIVE = ("squeezenet", "resnet20", "mobilenet_v3_small", "shufflenet_v2_x1_0", "regnet_y_400mf")
FACTS = facts()


@pytest.mark.parametrize(("network", "lanes", "counts"), FACTS, ids=[f"{name} in {lanes}" for name, lanes, _ in FACTS])
def test_the_layers_are_treated_as_onnx_runtime_did(network, lanes, counts):
    assert said(build(network), lanes) == counts


def test_blocks_of_8_and_of_16_are_kept_of_every_network():
    kept = {(network, lanes) for network, lanes, _ in FACTS}
    assert kept == {(network, lanes) for network in (*small(), *NETWORKS) for lanes in (8, 16)}


@pytest.fixture(scope="module")
def lanes(tmp_path_factory):
    """The channels of a block on this processor."""
    return OnnxRuntime(1, tmp_path_factory.mktemp("models")).lowering.lanes


@pytest.mark.parametrize("network", [*small(), *LIVE])
def test_the_layers_are_treated_as_onnx_runtime_does(network, lanes, tmp_path):
    """Beside what is kept: this processor, and this version of ONNX Runtime."""
    graph = build(network)
    found = made(graph, tmp_path)
    if lanes == 1:  # this processor has no blocks
        assert (found["convolutions"], found["pools"], found["turned"]) == (0, 0, 0)
    else:
        assert said(graph, lanes) == found


def counted(*layers: Operator, channels=16, reads=None):
    """Return the counts of layers in a row over maps of 4x4; `reads` names other inputs of some."""
    graph, last = LayerGraph("one", (channels, 4, 4)), INPUT
    for place, op in enumerate(layers):
        last = graph.add(f"layer{place}", op, (reads or {}).get(place, (last,))).path
    return total_counts(cm.price(graph), BLOCKS)


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
    assert counted(Lrn(), conv(16), Lrn())["reordered_bytes"] == 2 * each
    assert counted(conv(16, 3), Lrn(), channels=3)["reordered_bytes"] == each  # a picture is read as it is
    assert counted(conv(16), Lrn(), Lrn(), conv(16), Lrn())["reordered_bytes"] == 4 * each
    twice = counted(conv(16), Lrn(), conv(16), conv(16), Add(), Lrn(), reads={3: ("layer1",), 4: ("layer2", "layer3")})
    assert twice["reordered_bytes"] == 4 * each


def test_what_the_network_returns_is_turned_back():
    assert counted(conv(16))["reordered_bytes"] == 2 * (MAP + MAP)
    assert counted(conv(16), Relu())["reordered_bytes"] == 2 * (MAP + MAP)


def test_part_of_a_map_is_turned_as_what_it_is():
    """A map of 32 channels is turned back whole, and its half of 16 turned again."""
    counts = counted(conv(32), SliceChannels(stop=16), conv(16), Lrn())
    assert counts["reordered_bytes"] == 2 * (MAP + 2 * MAP + MAP + MAP)


@pytest.mark.parametrize("groups", [1, 2])
def test_a_transposed_convolution_lays_out_every_window_of_its_result(groups):
    """Each of 4x4 positions spreads over 3x3 pixels of each of 6 channels."""
    layer = ConvTranspose(out_channels=6, kernel_size=3, groups=groups)
    assert counted(layer, channels=8)["unfolded_elements"] == 6 * 9 * 16


def test_an_activation_joins_no_sum_that_others_read():
    reads = {2: ("layer0", "layer1"), 4: ("layer2", "layer3")}
    assert counted(conv(16), conv(16), Add(), Relu(), Add(), reads=reads)["kernels"] == 4
    counts = counted(conv(16), conv(16), Add(), Relu(), Lrn(), reads={2: ("layer0", "layer1")})
    assert counts["kernels"] == 3


def test_kernels_are_told_at_the_layers_that_head_them():
    graph = LayerGraph("one", (16, 4, 4))
    graph.add("conv", conv(16), (INPUT,))
    graph.add("act", Silu(), ("conv",))
    assert [head for head, _ in table_kernels(cm.price(graph), BLOCKS)] == ["conv", "conv", "act"]
