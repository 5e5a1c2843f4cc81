"""Random small networks, built layer by layer with `LayerGraph.add`."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from costmodel.errors import ShapeError
from costmodel.graph import INPUT, LayerGraph
from costmodel.ops import OPERATORS

Draw = Any


def network(shape: tuple[int, ...], *lines: tuple[Any, ...], outputs: tuple[str, ...] = ()) -> LayerGraph:
    """Build a network of lines (path, operator, paths it reads, fields)."""
    graph = LayerGraph("hand_made", shape)
    for path, op, reads, *fields in lines:
        names = (reads,) if isinstance(reads, str) else tuple(reads)
        graph.add(path, OPERATORS[op](**(fields[0] if fields else {})), names)
    for path in outputs:
        graph.mark_output(path)
    return graph


MAP_OPS = (
    "conv",
    "conv_transpose",
    "batch_norm",
    "lrn",
    "tanh",
    "prelu",
    "max_pool",
    "avg_pool",
    "global_avg_pool",
    "dropout",
    "identity",
    "flatten",
    "scale",
)
VECTOR_OPS = ("linear", "tanh", "relu", "dropout", "identity", "layer_norm", "scale")
WITH_INDICES = (*MAP_OPS, *VECTOR_OPS, "max_unpool")
"""Indices take 8 bytes each at any dtype: for tests that know."""
POOLED = {"kernel_size": 2, "stride": 2}
JOINS = ("add", "concat", "multiply")


@st.composite
def graphs(draw: Draw, most: int = 9, ops: tuple[str, ...] = (*MAP_OPS, *VECTOR_OPS)) -> LayerGraph:
    """Networks of convolutions, norms, pools, views, products and merges, with branches, gates and several outputs."""
    sizes = st.integers(3, 7)
    graph = LayerGraph("random", (draw(st.integers(1, 4)), draw(sizes), draw(sizes)))
    wanted = draw(st.integers(1, most))
    while len(graph) < wanted:
        path = f"l{len(graph)}"
        names = [INPUT, *(layer.path for layer in graph.layers)]
        maps = [name for name in names if len(graph.shape(name)) == 3 and min(graph.shape(name)[1:]) > 1]
        if "max_unpool" in ops and maps and draw(st.integers(0, 5)) == 0:
            _pool_and_back(draw, graph, draw(st.sampled_from(maps)))
            continue
        if draw(st.integers(0, 3)) == 0:
            op, reads = _join(draw, graph, names)
        else:
            source = names[-1] if draw(st.booleans()) else draw(st.sampled_from(names))
            op = _single(draw, graph.shape(source), ops)
            reads = (source,)
        try:
            graph.add(path, op, reads)
        except ShapeError:  # a window larger than what is left of the map, or real numbers wanted and indices found
            graph.add(path, OPERATORS["identity"](), reads[:1])
        if draw(st.integers(0, 5)) == 0:
            graph.mark_output(path)
    return graph


def _pool_and_back(draw: Draw, graph: LayerGraph, source: str) -> None:
    """Pool a map and put its values back, by indices that are read through a view or two, or none."""
    start = len(graph)
    graph.add(f"l{start}", OPERATORS["max_pool"](**POOLED), (source,))
    graph.add(f"l{start + 1}", OPERATORS["max_pool_indices"](**POOLED), (source,))
    for view in draw(st.lists(st.sampled_from(["identity", "dropout"]), max_size=2)):
        last = graph.layers[-1].path
        graph.add(f"l{len(graph)}", OPERATORS[view](), (last,))
        if draw(st.integers(0, 5)) == 0:
            graph.mark_output(f"l{len(graph) - 1}")
    left_over = tuple(size % 2 for size in graph.shape(source)[1:])
    back = OPERATORS["max_unpool"](**POOLED, output_padding=left_over)
    graph.add(f"l{len(graph)}", back, (f"l{start}", graph.layers[-1].path))


def _single(draw: Draw, shape: tuple[int, ...], ops: tuple[str, ...]) -> Any:
    name = draw(st.sampled_from([name for name in (MAP_OPS if len(shape) == 3 else VECTOR_OPS) if name in ops]))
    return OPERATORS[name](**_fields(draw, name, shape))


def _fields(draw: Draw, name: str, shape: tuple[int, ...]) -> dict[str, Any]:
    small, flag = st.integers(1, 3), st.booleans()
    if name == "conv":
        groups, kernel = shape[0] if draw(flag) else 1, (draw(small), draw(small))
        return {
            "out_channels": groups * draw(st.integers(1, 2)),
            "kernel_size": kernel,
            "stride": draw(st.integers(1, 2)),
            "padding": draw(st.sampled_from(["same", 0, min(1, min(kernel) - 1)])),
            "groups": groups,
            "bias": draw(flag),
        }
    if name == "conv_transpose":
        return {"out_channels": draw(small), "kernel_size": 2, "stride": 2, "bias": draw(flag)}
    if name in ("max_pool", "avg_pool"):
        return {
            "kernel_size": draw(st.integers(2, 3)),
            "stride": draw(st.integers(1, 2)),
            "padding": draw(st.integers(0, 1)),
        }
    if name == "global_avg_pool":
        return {"keep_dims": draw(flag)}
    if name == "linear":
        return {"out_features": draw(st.integers(1, 5)), "bias": draw(flag)}
    return {"factor": 0.5} if name == "scale" else {"size": 3} if name == "lrn" else {}


def _join(draw: Draw, graph: LayerGraph, names: list[str]) -> tuple[Any, tuple[str, ...]]:
    """Merge a node with one that fits it (itself always does); a gate is one that fits by being spread."""
    name = draw(st.sampled_from(JOINS))
    first = draw(st.sampled_from(names))
    fitting = [other for other in names if _fits(name, graph.shape(first), graph.shape(other))]
    reads = (first, draw(st.sampled_from(fitting)))
    return OPERATORS[name](), reads if draw(st.booleans()) else reads[::-1]


def _fits(name: str, a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    if name == "concat":
        return len(a) == len(b) and (a[1:] == b[1:] if len(a) == 3 else True)
    return a == b or (len(a) == 3 and b == (a[0], 1, 1))
