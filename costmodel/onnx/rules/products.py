"""Matrix products: linear layers, and attention, which is two products with a softmax between them."""

from __future__ import annotations

from math import prod

from costmodel.numbers.arithmetic import show_shape
from costmodel.onnx.constants import Known
from costmodel.onnx.layout import BATCH, Atom, Scores, View, in_order, joined, whole
from costmodel.onnx.node import Node, UnreadError
from costmodel.onnx.walk import Value, Walk, rule
from costmodel.ops import OPERATORS


def _linear(walk: Walk, node: Node, view: View, weight: Known, bias: Known | None) -> View:
    """Return what a linear layer gives, its weight shaped (inputs, outputs). Over the channels of a map it is a 1x1
    convolution.
    """
    axis = len(view.shape) - 1
    if len(weight.shape) != 2 or weight.shape[0] != view.shape[axis]:
        raise UnreadError(f"its weights are {show_shape(weight.shape)}, and what it reads is {show_shape(view.shape)}")
    if view.repeats or not view.holds_channels(axis):
        raise UnreadError(
            f"only products with all channels or features are known, and it reads {show_shape(view.of)} of "
            f"{view.source!r} rearranged to {show_shape(view.shape[1:])}"
        )
    on_map = len(view.of) == 3
    fields = {"out_channels" if on_map else "out_features": weight.shape[1], "bias": bias is not None}
    op = OPERATORS["conv" if on_map else "linear"](**fields)
    path = walk.add(node, op, view, arrays=[weight, *([bias] if bias else [])])
    return view.with_channels(path, walk.graph.shape(path), axis)


@rule("Gemm")
def _gemm(walk: Walk, node: Node) -> View:
    view, weight, bias = walk.view(node), walk.known(node, 1), walk.optional(node, 2)
    if node.get("transA", 0) or node.get("alpha", 1.0) != 1 or node.get("beta", 1.0) != 1:
        raise UnreadError("only products as they are, neither scaled nor with the first matrix transposed, are known")
    node.ignore("broadcast")
    return _linear(walk, node, view, weight.transposed([1, 0]) if node.get("transB", 0) else weight, bias)


@rule("MatMul")
def _matmul(walk: Walk, node: Node) -> Value:
    left, right = walk.value(node, 0), walk.value(node, 1)
    if isinstance(right, Known):
        return _linear(walk, node, walk.view(node), right, walk.optional(node, 2))
    if node.has(2):
        raise UnreadError("a product of two computed values and a bias are not known together")
    if isinstance(left, Scores):
        return _attention(walk, node, left, walk.view(node, 1))
    return Scores(walk.view(node), walk.view(node, 1))


def _attention(walk: Walk, node: Node, scores: Scores, values: View) -> View:
    """Return what attention gives: scores, once softmax has made weights of them, times the values.

    Queries are (..., tokens, width) for each head, keys (..., width, tokens), values (..., tokens, width).
    """
    queries, keys = scores.queries, scores.keys
    if not scores.weighed:
        raise UnreadError(
            "products of two computed values are known within attention only, with a softmax between them"
        )
    if any(len(view.of) != 2 or len(view.shape) < 3 or view.repeats for view in (queries, keys, values)):
        raise UnreadError("attention is known between token sequences only")
    heads = prod(queries.shape[:-2]) // queries.batch
    lies = [
        _as_heads(queries, heads, queries.axes[-2], queries.axes[-1]),
        _as_heads(keys, heads, keys.axes[-1], keys.axes[-2]),
        _as_heads(values, heads, values.axes[-2], values.axes[-1]),
    ]
    if not all(lies):
        raise UnreadError("its queries, keys and values do not lie as the heads of token sequences")
    path = walk.add(node, OPERATORS["attention"](heads=heads), queries, keys, values)
    of = walk.graph.shape(path)
    axes = (*values.axes[:-2], whole(0, of[0]), values.axes[-1])
    return View(path, of, (*values.shape[:-2], of[0], values.shape[-1]), axes)


def _as_heads(view: View, heads: int, tokens: tuple[Atom, ...], width: tuple[Atom, ...]) -> bool:
    """Say whether a sequence lies as heads: tokens and numbers of a head along the axes given, heads along the rest."""
    each = view.of[1] // heads
    return (
        tokens == whole(0, view.of[0])
        and width == whole(1, each)
        and in_order(view.axes[:-2]) == joined([Atom(BATCH, 1, view.batch), Atom(1, each, heads)])
    )
