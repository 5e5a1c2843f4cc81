"""Networks read from ONNX files: what is written here comes back, what other exporters write is understood, and the
rest is refused by name.

Bad files are `bad/onnx/*.onnxtxt`, in ONNX's own text form, each beside the exact message it gives. After a change of
wording, ``python tests/test_onnx_read.py`` writes the messages anew, to be read in the diff.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from graphs import WITH_INDICES, graphs, network
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import numpy_helper

import costmodel as cm
from costmodel.cli import main
from costmodel.graph import INPUT, LayerGraph
from costmodel.onnx.export import to_onnx
from costmodel.onnx.messages import model_of
from costmodel.onnx.read import graph_of
from costmodel.ops import OPERATORS

BAD = Path(__file__).parent / "bad" / "onnx"
PYTORCH = Path(__file__).parent / "mobilenet_v3_small.onnx"
FILES = sorted(BAD.glob("*.onnxtxt"))


class NoWeights:
    """Arrays of the right shapes that take no memory."""

    def of(self, layer: Any) -> dict[str, Any]:
        shapes = layer.op.weights(*layer.input_shapes) | layer.op.buffers(*layer.input_shapes)
        return {name: np.broadcast_to(np.float32(1), shape) for name, shape in shapes.items()}


def read(model: onnx.ModelProto) -> LayerGraph:
    return graph_of(model_of(model.SerializeToString(), "net.onnx"), "net.onnx", "net")


def sums(graph: LayerGraph) -> tuple[Any, ...]:
    totals = cm.price(graph).totals
    return totals.params, totals.matrix_params, totals.buffers, totals.mult_adds, totals.other_ops


@pytest.mark.parametrize(("shape", "kernel", "padding"), [((1, 1, 2), 3, 1), ((1, 3, 1), 2, (0, 1)), ((4, 7, 8), 3, 1)])
def test_an_average_pool_whose_border_counts_and_whose_sizes_round_up_comes_back(shape, kernel, padding):
    fields = {"kernel_size": kernel, "stride": 2, "padding": padding, "ceil_mode": True, "count_include_pad": True}
    graph = LayerGraph("one", shape)
    graph.add("pool", OPERATORS["avg_pool"](**fields), (INPUT,))
    back = read(to_onnx(graph, 1))
    assert sums(back) == sums(graph)
    assert back.shape(back.outputs[-1]) == graph.shape("pool")


def test_a_sum_of_several_comes_back_as_one():
    graph = network((4, 5, 5), ("a", "relu", "input"), ("b", "tanh", "a"), ("all", "add", ("input", "a", "b")))
    back = read(to_onnx(graph))
    assert [one.op.name for one in back.layers] == ["relu", "tanh", "add"]
    assert sums(back) == sums(graph)


def parsed(inputs: str, outputs: str, body: str, *weights: str, opset: int = 17) -> onnx.ModelProto:
    """A model in ONNX's text form, its weights in a file that is not there."""
    held = ", ".join(one if "=" in one else f'{one} = ["location": "weights"]' for one in weights)
    return onnx.parser.parse_model(
        f'<ir_version: 8, opset_import: ["" : {opset}]> net ({inputs}) => ({outputs}) <{held}> {{ {body} }}'
    )


MAP, VECTOR, TOKENS = "float[N,8,6,6]", "float[N,8]", "float[N,5,12]"


@pytest.mark.parametrize(
    ("way", "size", "height"),
    [("SAME_UPPER", 7, 4), ("SAME_LOWER", 7, 4), ("SAME_UPPER", 8, 4), ("VALID", 8, 3), ("NOTSET", 8, 3)],
)
def test_padding_that_the_file_leaves_to_the_reader(way, size, height):
    body = f'y = Conv<auto_pad = "{way}", strides = [2, 2]>(x, w)'
    graph = read(parsed(f"float[1,8,{size},{size}] x", f"float[1,4,{height},{height}] y", body, "float[4,8,3,3] w"))
    assert graph.shape("y") == (4, height, height)
    assert sums(graph)[3] == height * height * 4 * 8 * 9


def test_pictures_with_channels_last_cost_the_same():
    """As networks from TensorFlow are exported: a Transpose first, and one last."""
    body = "t = Transpose<perm = [0, 3, 1, 2]>(x) c = Conv(t, w) y = Transpose<perm = [0, 2, 3, 1]>(c)"
    graph = read(parsed("float[N,6,5,3] x", "float[N,4,3,8] y", body, "float[8,3,3,3] w"))
    assert (graph.input_shape, graph.shape(graph.outputs[0])) == ((6, 5, 3), (4, 3, 8))
    assert sums(graph)[3] == 4 * 3 * 216


def test_layers_are_called_as_the_modules_around_them():
    model = parsed(f"{MAP} x", "float[N,4,6,6] y", "c = Conv(x, w) y = Relu(c)", "float[4,8,1,1] w")
    for node, name in zip(model.graph.node, ("conv1/Conv", "relu/Relu_1"), strict=True):
        node.name = f"/layer1/layer1.0/{name}"
    assert [one.path for one in read(model).layers] == ["layer1.0.conv1.Conv", "layer1.0.relu.Relu_1"]


def test_weights_that_are_stored_once_count_once():
    """Under whatever name a layer reads them."""
    body = "v = Identity(w) a = Conv(x, w) y = Conv(a, v)"
    assert sums(read(parsed(f"{MAP} x", f"{MAP} y", body, "float[8,8,1,1] w")))[0] == 64


def test_a_bias_that_two_layers_share_is_no_shared_layer():
    """Tools that store equal arrays once do so with biases of zeros: the weights are each layer's own."""
    body = "a = Conv(x, w, b) y = Conv(a, u, b)"
    stored = ("float[8,8,1,1] w", "float[8,8,1,1] u", "float[8] b")
    assert sums(read(parsed(f"{MAP} x", f"{MAP} y", body, *stored)))[0] == 136


def test_norms_that_learn_nothing_come_back_so():
    graph = network(
        (4, 5, 5),
        ("a", "batch_norm", "input", {"affine": False}),
        ("b", "layer_norm", "a", {"affine": False, "axis": 0}),
    )
    back = read(to_onnx(graph))
    assert [one.op for one in back.layers] == [one.op for one in graph.layers]
    model = to_onnx(network((4, 5, 5), ("a", "batch_norm", "input")))
    for array, value in zip(model.graph.initializer, (1, 0, 0, 1), strict=True):  # as in an untrained network
        array.CopyFrom(numpy_helper.from_array(np.full(4, value, np.float32), array.name))
    assert sums(read(model))[0] == 8


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_each_bad_file_gives_exactly_its_message(file, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert (2, "", f"error: {file.with_suffix('.txt').read_text('utf-8')}") == complaint(file, capsys)


def complaint(file: Path, capsys: Any) -> tuple[Any, str, str]:
    """What the command says of a bad file: exit code, output and errors."""
    Path("net.onnx").write_bytes(onnx.parser.parse_model(file.read_text("utf-8")).SerializeToString())
    with pytest.raises(SystemExit) as leaving:
        main(["report", "net.onnx"])
    return leaving.value.code, *capsys.readouterr()


def test_every_message_has_its_file():
    assert {file.stem for file in BAD.glob("*.txt")} == {file.stem for file in FILES}


def refused(path: str, **parameters: Any) -> str:
    with pytest.raises(cm.CostModelError) as error:
        cm.load(path, **parameters)
    return str(error.value)


def test_files_that_are_no_onnx_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    whole = to_onnx(network((3, 8, 8), ("fc", "conv", "input", {"out_channels": 9}))).SerializeToString()
    Path("folder.onnx").mkdir()
    os.mkfifo("pipe.onnx")
    Path("text.onnx").write_text("name: net\ntitle: A network\n")
    Path("empty.onnx").write_bytes(b"")
    Path("half.onnx").write_bytes(whole[: len(whole) // 2])
    with Path("large.onnx").open("wb") as sparse:
        sparse.truncate(2**31)
    assert refused("missing.onnx") == "missing.onnx: no such file"
    assert refused("folder.onnx") == "folder.onnx: this is a directory; name one of the files in it"
    assert refused("pipe.onnx") == "pipe.onnx: this is not a regular file"
    assert refused("text.onnx") == "text.onnx: this is not an ONNX file, or not all of one"
    assert refused("half.onnx") == "half.onnx: this is not an ONNX file, or not all of one"
    assert refused("empty.onnx") == "empty.onnx: this is not an ONNX file, or one without a graph"
    assert refused("large.onnx") == "large.onnx: 2,147,483,648 bytes; one ONNX file holds at most 2 GB"
    assert refused("a\0b.onnx") == "'a\\x00b.onnx' is no path of a file"


def test_files_are_read_without_onnx_s_library(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    assert cm.price(cm.load(PYTORCH)).totals.mult_adds == 56_510_400


def test_there_is_nothing_to_edit():
    with pytest.raises(cm.CostModelError, match=r"net.onnx: width is a size, or a list of them, and 0.5 is none"):
        cm.load("net.onnx", width=0.5)
    with pytest.raises(cm.CostModelError, match="an ONNX file has no spec to show, edit or take formulas of"):
        cm.read("net.ONNX")


@settings(max_examples=150, deadline=None)
@given(graphs(most=5, ops=WITH_INDICES), st.data())
def test_files_with_wrong_bytes_give_networks_or_messages(graph, data):
    raw = bytearray(to_onnx(graph, "batch", NoWeights()).SerializeToString())
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    with suppress(cm.CostModelError):
        cm.price(graph_of(model_of(bytes(raw), "net.onnx"), "net.onnx", "net"))


if __name__ == "__main__":
    import tempfile

    os.chdir(tempfile.mkdtemp())
    for bad in FILES:
        Path("net.onnx").write_bytes(onnx.parser.parse_model(bad.read_text("utf-8")).SerializeToString())
        try:
            cm.load("net.onnx")
        except cm.CostModelError as wrong:
            bad.with_suffix(".txt").write_text(f"{wrong}\n", "utf-8")
        else:
            sys.exit(f"{bad.name} loads")
