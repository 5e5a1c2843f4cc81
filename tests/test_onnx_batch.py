"""Which axis of an ONNX file is the batch: seen at several images, for at one any axis of size 1 would do."""

from __future__ import annotations

import onnx.parser
import pytest

import costmodel as cm
from costmodel.graph import LayerGraph
from costmodel.onnx.messages import model_of
from costmodel.onnx.read import graph_of
from costmodel.onnx.sizes import Sizes


def read(text: str, sizes: Sizes | None = None) -> LayerGraph:
    model = onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["" : 17, "own" : 1]> net {text}')
    return graph_of(model_of(model.SerializeToString(), "net.onnx"), "net.onnx", "net", sizes)


def mult_adds(graph: LayerGraph, batch: int | None = None) -> int:
    return cm.price(graph, batch=batch).totals.mult_adds


W = 'float[8,4] w = ["location": "weights"]'
NONE = {
    "a fixed input of one row beside an open one": (
        f"(float[N,8] x, float[1,8] y) => (float[N,4] z) <{W}> {{ a = MatMul(x, w) b = MatMul(y, w) z = Add(a, b) }}",
        32 * 3 + 32,
    ),
    "a nameless size beside one that has a name": (
        f"(float[N,8] x, float[?,8] y) => (float[N,4] z) <{W}> {{ a = MatMul(x, w) b = MatMul(y, w) z = Add(a, b) }}",
        32 * 3 + 32,
    ),
    "each sample beside each": (
        f"(float[N,8] x) => (float[N,N,4] y) <{W}, int64[1] zero = {{0}}, int64[1] one = {{1}}> "
        "{ a = Unsqueeze(x, one) b = Unsqueeze(x, zero) c = Sub(a, b) y = MatMul(c, w) }",
        32 * 9,
    ),
    "the first sample": (
        f"(float[N,8] x) => (float[1,4] y) <{W}, int64[1] zero = {{0}}> {{ a = Gather(x, zero) y = MatMul(a, w) }}",
        32,
    ),
    "a size of that name elsewhere": (
        "(float[N,8] x, float[N,8,N] z) => (float[N,1,N] y) <int64[1] one = {1}> "
        "{ a = Unsqueeze(x, one) y = MatMul(a, z) }",
        3 * 8 * 3,
    ),
}


@pytest.mark.parametrize("what", NONE)
def test_a_batch_that_only_one_sample_would_allow_is_none(what):
    text, at_3 = NONE[what]
    graph = read(text)
    assert graph.whole
    with pytest.raises(cm.CostModelError, match="--set N=N sets that size"):
        cm.price(graph, batch=3)
    assert mult_adds(read(text, Sizes(names={"N": 3}))) == at_3


def test_what_is_computed_of_another_input_alone_is_there_once():
    text = f"(float[N,8] x, float[1,8] y) => (float[N,4] a, float[1,4] b) <{W}> {{ a = MatMul(x, w) b = MatMul(y, w) }}"
    assert mult_adds(read(text), 3) == 32 * 3 + 32


TAKEN = f"(float[N,8] x, float[N,T,4] z) => (float[N,T,4] y) <{W}, int64[1] one = {{1}}> {{ a = MatMul(x, w) "
TAKEN += "b = Unsqueeze(a, one) y = Add(b, z) }"


def test_a_batch_that_is_one_is_taken_off_at_once(monkeypatch):
    """What is read is said as at a batch of 1, and read once."""
    from costmodel.onnx import read as reading

    times = []
    whole = reading.network_of
    monkeypatch.setattr(reading, "network_of", lambda *given: times.append(1) or whole(*given))
    graph = read(TAKEN)
    assert (len(times), graph.batch, graph.whole, dict(graph.parameters)) == (1, 1, "", {"T": 128})
    assert {name: tensor.shape for name, tensor in graph.inputs.items()} == {"x": (8,), "z": (128, 4)}
    assert graph.notes == ["sizes that the file leaves open are taken to be T = 128; --set T=256 sets one"]
    assert [mult_adds(graph, batch) for batch in (None, 1, 5)] == [32, 32, 160]


def test_what_is_not_known_does_not_hide_the_batch():
    graph = read(f"(float[N,8] x) => (float[N,4] y) <{W}, float[N,8] a> {{ a = own.Strange(x) y = MatMul(a, w) }}")
    assert (graph.whole, [*graph.unpriced], mult_adds(graph, 5)) == ("", ["a"], 160)


def test_a_stated_batch_of_one_is_no_other_shape():
    assert read(f"(float[N,8] x) => (float[1,4] y) <{W}> {{ y = MatMul(x, w) }}").notes == []


@pytest.mark.parametrize("sizes", [None, Sizes(names={"N": 3})])
def test_what_is_repeated_for_each_sample_hides_no_batch(sizes):
    graph = read(
        f"""(float[N,5,8] x) => (float[N,6,4] y) <{W}, float[1,1,8] token = ["location": "a"], int64[2] rest = {{1, 8}},
        int64[1] zero = {{0}}, int64[1] one = {{1}}, int64[1] axes = {{0}}> {{
          s = Shape(x) n = Slice(s, zero, one, axes) wide = Concat<axis = 0>(n, rest) each = Expand(token, wide)
          all = Concat<axis = 1>(each, x) y = MatMul(all, w)
        }}""",
        sizes,
    )
    assert (graph.whole, mult_adds(graph, 5), cm.price(graph).totals.params) == ("", 5 * 6 * 32, 8 + 32)


def test_a_batch_is_seen_whatever_it_is_called():
    model = onnx.parser.parse_model(
        f'<ir_version: 8, opset_import: ["" : 17]> net (float[N,8] x) => (float[1,4] y) <{W}, int64[1] zero = {{0}}> '
        "{ a = Gather(x, zero) y = MatMul(a, w) }"
    )
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "a\nname"
    assert graph_of(model_of(model.SerializeToString(), "net.onnx"), "net.onnx", "net").whole
    model.graph.node[0].op_type = "Relu"
    model.graph.node[0].input.pop()
    assert not graph_of(model_of(model.SerializeToString(), "net.onnx"), "net.onnx", "net").whole
