"""Attention in ONNX's own vocabulary, and its rotated positions."""

from __future__ import annotations

from costmodel.onnx.model import Node
from costmodel.onnx.reader import Reader, rule
from costmodel.onnx.types.common import Shape, asked, counted, outputs, untrained
from costmodel.onnx.types.heads import Kind, apart, attended, joined, side_by_side
from costmodel.reading.value import UnreadError, Value


@rule("Attention")
def _attention(read: Reader, node: Node) -> Value | list[Value]:
    q, k, v = (read.value(node, place) for place in range(3))
    mask, past_k, past_v = (read.optional(node, place) for place in (3, 4, 5))
    lie_apart = len(q.shape) == 4
    heads = (q.shape[1], k.shape[1]) if lie_apart else (node.get("q_num_heads", 0), node.get("kv_num_heads", 0))
    if min(heads) < 1 or not len(q.shape) == len(k.shape) == len(v.shape) in (3, 4):
        raise UnreadError("its queries, keys and values are no sequences of heads")
    given_q, given_k = q, k
    if past_k is not None and past_v is not None:
        if not lie_apart:
            q, k, v = (apart(read, node, one, n) for one, n in ((q, heads[0]), (k, heads[1]), (v, heads[1])))
        k, v = joined(read, node, past_k, k), joined(read, node, past_v, v)
    softcap = bool(node.get("softcap", 0.0))
    windowed = max(node.get("left_window_size", -1), node.get("right_window_size", -1)) >= 0
    causal = bool(node.get("is_causal", 0))
    plain = not (softcap or windowed or node.has(6) or (causal and (node.has(4) or q.shape[-2] != k.shape[-2])))
    kind = Kind(node.get("scale", None), causal, 3 * softcap, plain)
    out = attended(read, node, q, k, v, heads, mask, kind)
    found = [side_by_side(read, node, out) if len(out.shape) > len(given_q.shape) else out]
    if asked(node, 1) or asked(node, 2) or asked(node, 3):
        found += [one if len(one.shape) == 4 else apart(read, node, one, heads[1]) for one in (k, v)]
        found.append(scores(read, node, (given_q, given_k), (q.shape[0], heads[0], q.shape[-2], k.shape[-2])))
    return outputs(node, *found[: len(node.outputs)])


def scores(read: Reader, node: Node, given: tuple[Value, ...], shape: Shape) -> Value:
    """Add the scores that attention gives besides; what they take is its own."""
    return counted(read, node, shape, *given)


@rule("RotaryEmbedding")
def _rotary(read: Reader, node: Node) -> Value:
    value, cos, sin = (read.value(node, place) for place in range(3))
    return rotated(read, node, value, [cos, sin, read.optional(node, 3)], node.get("num_heads", 0))


def rotated(read: Reader, node: Node, value: Value, tables: list[Value | None], heads: int) -> Value:
    """Add the turning of pairs of features by an angle that grows with the position: 2 products and a sum for each."""
    width = value.shape[-1] if len(value.shape) == 4 or not heads else value.shape[-1] // heads
    turned = node.get("rotary_embedding_dim", 0) or width
    known = [untrained(one) if one is not None and one.constant else one for one in tables]
    return counted(read, node, value.shape, value, *known, other_ops=3 * value.size * turned // width)
