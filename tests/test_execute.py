"""The executor, and what it proves: every priced row of every bundled network, and the values of its variants."""

from __future__ import annotations

import dataclasses
import gc
import weakref
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import onnxruntime
import pytest
import small
from graphs import graphs, network
from hypothesis import given, settings

import costmodel as cm
from costmodel import execute
from costmodel.errors import CostModelError
from costmodel.execute import Check, Recorder, random_images, random_inputs, run, verify
from costmodel.graph import INPUT, Layer, LayerGraph
from costmodel.onnx.export import to_onnx
from costmodel.ops import OPERATORS
from costmodel.ops.base import Cost
from costmodel.spec.library import files, names
from costmodel.weights import RandomWeights

TOLERANCE = 1e-4
"""Of the largest output: float32 sums over a hundred layers, added up in another order."""


smallest = cache(small.smallest)


def structure(graph: LayerGraph) -> frozenset[Any]:
    """What a network is made of, leaving out how wide it is and how often a block repeats."""

    def fields(layer: Layer) -> Any:
        own = {name: getattr(layer.op, name) for name in (field.name for field in dataclasses.fields(layer.op))}
        own.pop("out_channels", None), own.pop("out_features", None)
        return tuple(sorted((name, repr(value)) for name, value in own.items() if name not in ("groups", "after")))

    kinds = {layer.path: (layer.op.kind(*layer.input_shapes), layer.op.name, fields(layer)) for layer in graph.layers}
    return frozenset((kinds[layer.path], *(kinds.get(name, INPUT) for name in layer.inputs)) for layer in graph.layers)


def distinct_variants() -> Iterator[str]:
    """Each variant with something in it that is in no file's default and no variant before it."""
    known = {part for path in files() for part in structure(smallest(path.stem))}
    for name in names():
        made_of = structure(smallest(name))
        if not made_of <= known:
            known |= made_of
            yield name


# --- the bundled networks --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", names())
def test_every_row_of_every_network_is_what_running_it_takes(name: str) -> None:
    checks = verify(smallest(name), weights=small.Slices())
    assert [check.path for check in checks] == [layer.path for layer in smallest(name).layers]
    assert [check.problems for check in checks if not check.ok] == []
    assert sum(check.performed for check in checks) == cm.price(smallest(name)).totals.mult_adds > 0
    assert sum(check.params_read for check in checks) == cm.price(smallest(name)).totals.params > 0


@pytest.mark.parametrize("name", list(distinct_variants()))
def test_outputs_of_variants_agree_with_onnx_runtime(name: str) -> None:
    """The files' defaults are compared layer by layer in test_networks_in_onnx_runtime.py."""
    graph, weights = smallest(name), small.Slices(seed=7)
    images = random_images(graph, batch=2, seed=5)
    ours = run(graph, images, weights=weights)
    exported = to_onnx(graph, 2, weights).SerializeToString()
    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 3, 1
    session = onnxruntime.InferenceSession(exported, options, providers=["CPUExecutionProvider"])
    for path, theirs in zip(graph.outputs, session.run(list(graph.outputs), {INPUT: images}), strict=True):
        assert ours[path].dtype == np.float32
        assert float(np.abs(ours[path]).max()) > 0
        np.testing.assert_allclose(theirs, ours[path], rtol=0, atol=TOLERANCE * float(np.abs(theirs).max()))


# --- random networks -------------------------------------------------------------------------------------------------


@settings(max_examples=80, deadline=None)
@given(graph=graphs())
def test_every_row_of_random_networks_is_what_running_them_takes(graph: LayerGraph) -> None:
    assert [check.problems for check in verify(graph, batch=3) if not check.ok] == []


# --- what a disagreement looks like ----------------------------------------------------------------------------------

SMALL = (
    ("conv", "conv", "input", {"out_channels": 4, "kernel_size": 3}),
    ("bn", "batch_norm", "conv"),
    ("pool", "global_avg_pool", "bn"),
    ("fc", "linear", "pool", {"out_features": 5}),
)


def problems(graph: LayerGraph) -> dict[str, tuple[str, ...]]:
    return {check.path: check.problems for check in verify(graph) if not check.ok}


def test_a_wrong_rule_is_found_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    conv, norm, linear, pool = (OPERATORS[name] for name in ("conv", "batch_norm", "linear", "global_avg_pool"))
    graph = network((3, 8, 8), *SMALL)
    assert problems(graph) == {}
    monkeypatch.setattr(conv, "cost", lambda self, x: Cost(mult_adds=108 * 64))  # as if the output were 8x8
    monkeypatch.setattr(norm, "buffers", lambda self, x: {"mean": (4,), "variance": (4,), "count": (1,)})
    monkeypatch.setattr(linear, "run", lambda self, w, x: x @ w["weight"].T)
    monkeypatch.setattr(pool, "shape", lambda self, x: (2, 2))
    monkeypatch.setattr(pool, "run", lambda self, w, x: x.mean(axis=(2, 3)))
    assert problems(network((3, 8, 8), *SMALL[:3])) == {
        "conv": ("3,888 multiplications done, but 6,912 priced",),
        "bn": ("8 buffers read, but 9 priced",),
        "pool": ("the output is 4, but 2x2 was inferred",),
    }
    assert problems(network((4,), ("fc", "linear", "input", {"out_features": 5}))) == {
        "fc": ("0 multiplications done, but 20 priced", "20 params read, but 25 priced"),
    }


def test_a_check_compares_all_it_holds() -> None:
    check = Check("a", "conv", (4, 2), (4, 2), 8, 8, 3, 3, 2, 2)
    assert check.ok
    for field in ("inferred_shape", "executed_shape"):
        assert not dataclasses.replace(check, **{field: (2, 4)}).ok
    for field in ("mult_adds", "performed", "params", "params_read", "buffers", "buffers_read"):
        assert not dataclasses.replace(check, **{field: 1}).ok


def test_only_what_is_asked_for_counts_as_read() -> None:
    recorder = Recorder({"weight": np.ones((2, 3)), "bias": np.ones(2), "mean": np.ones(5)})
    assert list(recorder) == ["weight", "bias", "mean"]
    assert recorder.size_of(["weight", "bias"]) == 0
    recorder["weight"], recorder["mean"]
    assert recorder.size_of(["weight", "bias"]) == 6
    assert recorder.size_of(["mean"]) == 5


def test_progress_is_told_of_each_check_as_it_is_made() -> None:
    graph, told = network((3, 8, 8), *SMALL), []
    checks = verify(graph, batch=2, progress=told.append)
    assert told == checks
    assert [check.op for check in checks] == ["conv", "batch_norm", "global_avg_pool", "linear"]
    assert [check.performed for check in checks] == [2 * 36 * 108, 0, 0, 2 * 20]
    assert [check.params_read for check in checks] == [112, 8, 0, 25]
    assert [check.buffers_read for check in checks] == [0, 8, 0, 0]


# --- running ---------------------------------------------------------------------------------------------------------


def test_values_are_those_of_the_formula() -> None:
    graph = network((2,), ("fc", "linear", "input", {"out_features": 3}), ("relu", "relu", "fc"))
    weights = RandomWeights(4).of(graph.layers[0])
    x = np.array([[1, -2], [0.5, 3]], np.float32)
    out = run(graph, x, seed=4)
    assert list(out) == ["relu"]
    np.testing.assert_allclose(out["relu"], np.maximum(x @ weights["weight"].T + weights["bias"], 0), rtol=1e-6)


def test_outputs_and_what_is_to_be_kept_are_returned() -> None:
    graph = network((3, 8, 8), *SMALL, outputs=("bn",))
    assert list(run(graph)) == ["bn", "fc"]
    assert list(run(graph, keep=["conv", INPUT])) == [INPUT, "conv", "bn", "fc"]
    assert run(graph, batch=3)["fc"].shape == (3, 5)
    assert list(run(LayerGraph("empty", (1, 2, 2)))) == [INPUT]


def test_the_same_seed_gives_the_same_values_and_another_gives_others() -> None:
    graph = network((3, 8, 8), *SMALL)
    first, again, other = run(graph, seed=1)["fc"], run(graph, seed=1)["fc"], run(graph, seed=2)["fc"]
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    images = random_images(graph, 2, seed=1)
    assert images.dtype == np.float32
    assert not np.array_equal(images[0], images[1])


def test_an_array_is_held_only_while_a_layer_is_still_to_read_it() -> None:
    lines = [
        ("a", "tanh", "input"),
        ("b", "tanh", "a"),
        ("c", "add", ["b", "a"]),
        ("d", "tanh", "c"),
    ]
    graph, held = network((1, 64, 64), *lines), {}
    alive: dict[str, Any] = {}

    def step(layer: Layer, *inputs: Any) -> Any:
        gc.collect()
        held[layer.path] = {path for path, reference in alive.items() if reference() is not None}
        out = np.tanh(inputs[0])
        alive[layer.path] = weakref.ref(out)
        return out

    for _ in execute._walk(graph, random_inputs(graph), step):
        pass
    assert held == {"a": set(), "b": {"a"}, "c": {"a", "b"}, "d": {"c"}}


def test_weights_are_drawn_a_layer_at_a_time_and_dropped() -> None:
    graph = network((8,), *((f"l{n}", "linear", f"l{n - 1}" if n else "input", {"out_features": 8}) for n in range(4)))
    drawn: list[Any] = []

    class Watched(RandomWeights):
        def of(self, layer: Layer) -> dict[str, Any]:
            gc.collect()
            assert not [reference for reference in drawn if reference() is not None]
            arrays = super().of(layer)
            drawn.extend(weakref.ref(array) for array in arrays.values())
            return arrays

    run(graph, weights=Watched())
    assert len(drawn) == 8


def test_what_cannot_be_run_is_refused() -> None:
    graph = network((3, 8, 8), *SMALL)
    with pytest.raises(CostModelError, match="reads input of 3x8x8, but is given 3x8x9"):
        run(graph, np.zeros((1, 3, 8, 9), np.float32))
    with pytest.raises(CostModelError, match="no layer 'conw' to keep; did you mean 'conv'"):
        run(graph, keep=["conw"])
    many = cm.load("mobilenet_v1", resolution=np.array([32, 64]))
    for call in (run, verify):
        with pytest.raises(CostModelError, match="only a network of plain numbers can be run"):
            call(many)
    with pytest.raises(CostModelError, match="whole number of at least 1"):
        verify(graph, batch=0)


@pytest.mark.parametrize(
    ("layer", "told"),
    [
        (
            "{op: conv, out_channels: 3, kernel_size: 1073741825, padding: same}",
            "a/weight is 3x3x1073741825x1073741825",
        ),
        ("{op: resize, size: [2147483648, 2147483648]}", "a is 1x3x2147483648x2147483648"),
    ],
)
def test_what_is_too_large_to_be_made_is_refused_before(layer, told, tmp_path):
    (tmp_path / "net.yaml").write_text(f"name: net\ninput: [3, 64, 64]\nlayers:\n  a: {layer}\n", "utf-8")
    with pytest.raises(cm.CostModelError, match=told):
        verify(cm.load(str(tmp_path / "net.yaml")))
