"""Depth, and the windows that convolutions would write out: against another library's paths, and what is computed."""

from __future__ import annotations

from typing import Any

import networkx as nx
import numpy as np
import pytest
from graphs import graphs, network
from hypothesis import given, settings
from hypothesis import strategies as st
from ops.numbers import weights_of
from ops.strategies import CASES, Case

import costmodel as cm
from costmodel.graph import INPUT, LayerGraph
from costmodel.ops import OPERATORS, arrays

some = settings(max_examples=60, deadline=None)
COUNTED = ("conv", "conv_transpose", "linear")
"""The operators with matrices that `graphs` draws."""


@pytest.mark.parametrize(
    ("name", "layers"),
    [
        ("vgg19", 19),  # Simonyan and Zisserman 2014, table 1
        ("googlenet", 22),  # Szegedy et al. 2014, section 5: layers with parameters
        ("resnet18", 18),  # He et al. 2015, table 1, shortcuts with projections beside
        ("resnet152", 152),
        ("resnet110", 110),  # table 6
        ("mobilenet_v1", 28),  # Howard et al. 2017, section 3.2: depthwise and pointwise apart
        ("densenet121", 121),  # Huang et al. 2016, table 1
    ],
)
def test_networks_are_as_deep_as_their_papers_say(name: str, layers: int) -> None:
    assert cm.price(cm.load(name)).totals.weighted_layers == layers


@some
@given(graph=graphs())
def test_depth_is_the_longest_path_that_networkx_finds(graph: LayerGraph) -> None:
    weighed: nx.DiGraph[str] = nx.DiGraph()
    weighed.add_nodes_from(graph.digraph)
    for before, after in graph.digraph.edges:
        weighed.add_edge(before, after, weight=int(graph.layer(after).op.name in COUNTED))
    assert cm.price(graph).totals.weighted_layers == nx.dag_longest_path_length(weighed)


def conv(path: str, reads: str = INPUT, **fields: Any) -> tuple[Any, ...]:
    """A line of `network`."""
    return path, "conv", reads, {"out_channels": 4, **fields}


def test_what_multiplies_by_nothing_of_its_own_is_no_layer_of_depth() -> None:
    graph = network(
        (3, 8, 8), conv("conv"), ("norm", "batch_norm", "conv"), ("act", "prelu", "norm"),
        ("pool", "max_pool", "act", {"kernel_size": 2, "stride": 2}), conv("beside", stride=2),
        ("sum", "add", ("pool", "beside")),
    )  # fmt: skip
    assert cm.price(graph).totals.weighted_layers == 1
    graph.add("again", OPERATORS["conv"](out_channels=4), ("sum",))
    graph.add("shared", OPERATORS["conv"](out_channels=4), ("again",), shares="again")
    assert cm.price(graph).totals.weighted_layers == 3


def test_a_layer_of_unknown_cost_does_not_end_a_path() -> None:
    graph = network((2, 4, 4), ("a", "conv", INPUT, {"out_channels": 2}), ("b", "relu", "a"))
    graph.add("odd", OPERATORS["opaque"](type="Odd", size=(2, 4, 4)), ("b",))
    graph.add("c", OPERATORS["conv"](out_channels=2), ("odd",))
    assert cm.price(graph).totals.weighted_layers == 2


class Copied:
    """Watches products of matrices, and remembers how many numbers each factor that is no kernel holds."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, result: bool) -> None:
        self.numbers = 0
        real = arrays.contract

        def watched(a: Any, b: Any) -> Any:
            out = real(a, b)
            self.numbers += (out if result else b).size
            return out

        monkeypatch.setattr(arrays, "contract", watched)


@pytest.mark.parametrize("name", ["conv", "conv_transpose"])
@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_windows_written_out_are_the_matrix_that_is_multiplied(name: str, data: st.DataObject) -> None:
    """A convolution's windows are the right factor; what a transposed one writes out is the product."""
    case: Case = data.draw(CASES[name])
    with pytest.MonkeyPatch.context() as patch:
        copied = Copied(patch, result=name == "conv_transpose")
        case.op.run(weights_of(case), *case.arrays(batch=1))
    said = case.op.unfolded(*case.shapes)
    (x,) = case.shapes
    assert said in (0, copied.numbers)
    if not said:  # then nothing is copied: as many windows of one number as there are numbers
        assert copied.numbers == np.prod(x if name == "conv" else case.op.shape(x))


def test_a_kernel_of_one_element_needs_no_windows_unless_it_skips_or_pads() -> None:
    lines = {
        "plain": (conv("plain"), 0),
        "skips": (conv("skips", stride=2), 4 * 3 * 25),
        "pads": (conv("pads", padding=1), 4 * 3 * 121),
        "act": (("act", "relu", "pads"), 0),
        "fc": (("fc", "linear", "act", {"out_features": 2}), 0),
        "deep": (conv("deep", out_channels=3, kernel_size=3, groups=3, padding=1), 4 * 9 * 3 * 81),
    }
    graph = network((3, 9, 9), *(line for line, _ in lines.values()))
    assert cm.price(graph).values("im2col_bytes") == [size for _, size in lines.values()]


@pytest.mark.parametrize(("batch", "dtype", "times"), [(1, "float32", 1), (5, "float32", 5), (4, "int8", 1)])
def test_windows_grow_with_the_batch_and_the_width(batch: int, dtype: str, times: int) -> None:
    graph = cm.load("squeezenet")
    one = cm.price(graph).totals.im2col_bytes
    assert cm.price(graph, batch, dtype).totals.im2col_bytes == times * one > 0


def test_windows_of_whole_numbers_have_the_width_of_what_they_are_cut_from() -> None:
    graph = network((3, 8, 8), ("scaled", "quantize", INPUT), conv("conv", "scaled", kernel_size=3))
    assert cm.price(graph).columns["im2col_bytes"] == [0, 27 * 36]


def test_arrays_of_kernels_have_windows_one_by_one() -> None:
    kernels = np.array([1, 2, 3])
    many = cm.price(network((3, 8, 8), conv("conv", kernel_size=kernels))).totals.im2col_bytes
    apart = [cm.price(network((3, 8, 8), conv("conv", kernel_size=size))) for size in kernels.tolist()]
    assert many.tolist() == [one.totals.im2col_bytes for one in apart]
