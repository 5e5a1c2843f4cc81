"""Networks of sequences, written layer by layer: several inputs, tensors without a batch, shared weights; run on NumPy
and, as ONNX models, by ONNX Runtime.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

import costmodel as cm
from costmodel.errors import ShapeError
from costmodel.execute import random_inputs, run
from costmodel.graph import LayerGraph
from costmodel.onnx.export import to_onnx
from costmodel.ops import OPERATORS
from costmodel.pricing.sums import sums
from costmodel.tensor import Tensor

WORDS, WIDTH, TOKENS = 11, 6, 5


def add(graph: LayerGraph, path: str, op: str, *reads: str, shares: str | None = None, **fields: Any) -> str:
    return graph.add(path, OPERATORS[op](**fields), reads, shares=shares).path


def tiny_gpt() -> LayerGraph:
    """One block, its positions learned, its head the table that the words came from."""
    graph = LayerGraph("tiny_gpt", {"ids": Tensor((TOKENS,), "int64")})
    add(graph, "words", "embedding", "ids", num_embeddings=WORDS, embedding_dim=WIDTH)
    add(graph, "places", "parameter", size=(TOKENS, WIDTH))
    x = add(graph, "sum", "add", "words", "places")
    add(graph, "norm", "layer_norm", x)
    for name in ("query", "key", "value"):
        add(graph, name, "linear", "norm", out_features=WIDTH)
    add(graph, "mix", "attention", "query", "key", "value", heads=2, causal=True)
    add(graph, "out", "add", "mix", x)
    add(graph, "last_norm", "layer_norm", "out")
    add(graph, "head", "linear", "last_norm", out_features=WORDS, bias=False, shares="words")
    return graph


def decoder_of_learned_queries() -> LayerGraph:
    """Queries without a batch read keys with one, under a mask of each image; positions are looked up."""
    graph = LayerGraph("queries", {"x": Tensor((TOKENS, WIDTH)), "mask": Tensor((1, TOKENS), "bool")})
    add(graph, "queries", "parameter", size=(3, WIDTH))
    add(graph, "at", "arange", stop=TOKENS + 2, start=2)
    add(graph, "places", "embedding", "at", num_embeddings=WORDS, embedding_dim=WIDTH)
    add(graph, "keys", "add", "x", "places")
    add(graph, "mix", "attention", "queries", "keys", "x", "mask", heads=3, kv_heads=3)
    add(graph, "half", "constant", size=(1,), value=0.5)
    add(graph, "halved", "multiply", "mix", "half")
    return graph


def window_with_relative_positions() -> LayerGraph:
    """A bias of each head, looked up by an index that is the same for all images."""
    graph = LayerGraph("window", {"x": Tensor((4, 3, WIDTH)), "index": Tensor((3, 3), "int64", batched=False)})
    add(graph, "table", "parameter", size=(5, 2))
    add(graph, "found", "gather", "table", "index")
    add(graph, "bias", "einsum", "found", equation="q k h -> h q k")
    add(graph, "all", "einsum", "bias", equation="h q k -> h q k")
    add(graph, "first", "gather", "x", "index", axis=1)
    add(graph, "scores", "einsum", "x", "x", "bias", equation="q d, k d, h q k -> h q k")
    add(graph, "values", "matmul", "bias", "scores")
    graph.mark_output("all")
    graph.mark_output("first")
    return graph


def window_with_stored_positions() -> LayerGraph:
    """The same bias by an index that is stored, and a stored mask, as buffers of PyTorch's modules are."""
    graph = LayerGraph("stored", {"x": Tensor((4, 3, WIDTH))})
    add(graph, "table", "parameter", size=(5, 2))
    add(graph, "index", "constant", size=(3, 3), below=5)
    add(graph, "next", "shift", "index", amount=-1)
    add(graph, "within", "clamp", "next", min=0)
    add(graph, "found", "gather", "table", "within")
    add(graph, "rows", "embedding", "index", num_embeddings=5, embedding_dim=2)
    add(graph, "mask", "constant", size=(3, 1), mask=True)
    add(graph, "chosen", "where", "mask", "found", "rows")
    add(graph, "bias", "einsum", "chosen", equation="q k h -> h q k")
    add(graph, "scores", "einsum", "x", "x", "bias", equation="q d, k d, h q k -> h q k")
    return graph


def tagger() -> LayerGraph:
    graph = LayerGraph("tagger", {"ids": Tensor((TOKENS,), "int64"), "features": Tensor((TOKENS, 3))})
    add(graph, "words", "embedding", "ids", num_embeddings=WORDS, embedding_dim=WIDTH)
    add(graph, "both", "concat", "words", "features", axis=-1)
    add(graph, "steps", "lstm", "both", hidden_size=4, layers=2, bidirectional=True, proj_size=3)
    add(graph, "again", "gru", "steps", hidden_size=6)
    add(graph, "twin", "gru", "again", hidden_size=6)
    add(graph, "twin_again", "gru", "twin", hidden_size=6, shares="twin")
    return graph


GRAPHS = {
    build.__name__: build
    for build in (
        tiny_gpt,
        decoder_of_learned_queries,
        window_with_relative_positions,
        window_with_stored_positions,
        tagger,
    )
}


@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.parametrize("batch", [1, 3, "images"])
def test_onnx_runtime_computes_every_layer(name: str, batch: int | str) -> None:
    graph = GRAPHS[name]()
    for layer in graph.layers:
        graph.mark_output(layer.path)
    model = to_onnx(graph, batch)
    onnx.checker.check_model(model, full_check=True)
    assert sum(np.prod(array.dims) for array in model.graph.initializer) == sum(
        cost.params + cost.buffers
        for cost, layer in ((layer.op.price(*layer.input_shapes), layer) for layer in graph.layers)
        if layer.shares is None
    )
    inputs = random_inputs(graph, batch if isinstance(batch, int) else 2)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    theirs = dict(zip(graph.outputs, session.run(list(graph.outputs), inputs), strict=True))
    ours = run(graph, inputs)
    for path, value in ours.items():
        assert value.shape == theirs[path].shape == (len(theirs[path]), *graph.shape(path))
        np.testing.assert_allclose(value, theirs[path], rtol=0, atol=1e-5 * max(1.0, float(np.abs(value).max())))


def test_what_comes_from_sources_alone_is_there_once() -> None:
    graph = decoder_of_learned_queries()
    alone = {layer.path for layer in graph.layers if not layer.batched}
    assert alone == {"queries", "at", "places", "half"}
    arrays = run(graph, batch=4, keep=[layer.path for layer in graph.layers])
    assert {path for path, array in arrays.items() if len(array) == 1} == alone
    assert {len(array) for path, array in arrays.items() if path not in alone} == {4}
    assert graph.layer("at").dtype == "int64"


def test_a_stored_index_is_eight_bytes_an_element_and_below_its_bound() -> None:
    graph = window_with_stored_positions()
    table = cm.price(graph)
    assert (table.totals.buffers, table.totals.params) == (9 + 3, 5 * 2 * 2)
    (gather,) = [row for row in table if row["path"] == "found"]
    assert gather["input_bytes"] == 4 * 10 + 8 * 9
    arrays = run(graph, keep=["index", "mask"])
    assert set(np.unique(arrays["index"])) <= set(range(5))
    assert (arrays["index"].dtype, arrays["mask"].dtype) == (np.int64, bool)


def test_an_index_known_to_go_beyond_the_table_is_refused() -> None:
    graph = LayerGraph("positions", {"x": Tensor((TOKENS, WIDTH))})
    add(graph, "at", "arange", stop=TOKENS, start=1)
    add(graph, "fits", "embedding", "at", num_embeddings=TOKENS, embedding_dim=WIDTH)
    with pytest.raises(ShapeError, match="embedding looks up one of 4, but the indices of at stay below 5 only"):
        add(graph, "too_few", "embedding", "at", num_embeddings=TOKENS - 1, embedding_dim=WIDTH)
    add(graph, "stored", "constant", size=(2,), below=7)
    with pytest.raises(ShapeError, match="gather looks up one of 5, but the indices of stored stay below 7 only"):
        add(graph, "beyond", "gather", "x", "stored")


def test_no_token_hears_of_a_later_one() -> None:
    graph = tiny_gpt()
    inputs = random_inputs(graph, 2)
    changed = inputs["ids"].copy()
    changed[:, 3] = (changed[:, 3] + 1) % WORDS
    (now,), (then,) = (run(graph, {"ids": ids}).values() for ids in (inputs["ids"], changed))
    np.testing.assert_array_equal(now[:, :3], then[:, :3])
    assert (now[:, 3:] != then[:, 3:]).any(axis=-1).all()


def test_a_head_is_the_table_of_its_words() -> None:
    graph = tiny_gpt()
    ids = np.arange(TOKENS)[None]
    arrays = run(graph, {"ids": ids}, keep=["words", "last_norm"])
    scores = arrays["last_norm"][0] @ arrays["words"][0].T
    np.testing.assert_allclose(arrays["head"][0][:, :TOKENS], scores, atol=1e-5)
    with pytest.raises(ShapeError, match=r"it needs weight of 12x6, and there are weight of 11x6"):
        add(graph, "other", "linear", "last_norm", out_features=WORDS + 1, bias=False, shares="words")


def test_steps_of_decoding_take_as_much_as_the_whole_square() -> None:
    whole = OPERATORS["attention"](heads=2, causal=True)
    once = [(TOKENS, WIDTH)] * 3
    step = OPERATORS["attention"](heads=2, causal=True, past=TOKENS - 1)
    assert whole.cost(*once).mult_adds == TOKENS * step.cost(*[(1, WIDTH)] * 3).mult_adds
    assert step.kept(*[(1, WIDTH)] * 3) == 2 * (TOKENS - 1) * WIDTH


def test_an_equation_is_read_alike_in_both_spellings() -> None:
    a, b = (np.random.default_rng(n).standard_normal((2, size, 3, 4)) for n, size in enumerate((5, 6)))
    spaced, compact = ("query heads d, key heads d -> heads query key", "qhd,khd->hqk")
    ours = [OPERATORS["einsum"](equation=equation).run({}, a, b) for equation in (spaced, compact)]
    np.testing.assert_array_equal(*ours)
    np.testing.assert_allclose(ours[0], np.einsum("nqhd,nkhd->nhqk", a, b))


def test_a_step_sees_what_was_kept_and_the_tokens_up_to_its_own() -> None:
    q, k, v = (np.random.default_rng(n).standard_normal((2, 3, WIDTH)) for n in range(3))
    step = OPERATORS["attention"](heads=2, causal=True, past=2)
    whole = [np.concatenate((np.zeros((2, 2, WIDTH)), x), axis=1) for x in (k, v)]
    seen = np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 0], [1, 1, 1, 1, 1]], bool)[None]
    expected = OPERATORS["attention"](heads=2).run({}, q, *whole, seen)
    np.testing.assert_allclose(step.run({}, q, k, v), expected)


@pytest.mark.parametrize("batch", [1, 3])
def test_a_look_up_reads_the_rows_of_its_indices_for_each_image_that_has_its_own(batch: int) -> None:
    graph = LayerGraph("words", {"ids": Tensor((TOKENS,), "int64")})
    add(graph, "words", "embedding", "ids", num_embeddings=1000, embedding_dim=WIDTH)
    add(graph, "at", "arange", stop=TOKENS)
    add(graph, "places", "embedding", "at", num_embeddings=1000, embedding_dim=WIDTH)
    add(graph, "sum", "add", "words", "places")
    table = cm.price(graph, batch=batch)
    found = {row["path"]: row["traffic_bytes"] for row in table}
    indices, rows = 8 * TOKENS, 4 * TOKENS * WIDTH
    assert found["words"] == batch * (indices + rows + rows)
    assert found["places"] == indices + rows + rows
    for name in ("traffic_bytes", "fused_traffic_bytes"):
        assert sums(graph, batch, wanted=[name]) == {name: table.totals.values[name]}
