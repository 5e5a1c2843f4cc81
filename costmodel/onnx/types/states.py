"""Layers that carry a state from one call to the next instead of all tokens: causal convolutions, linear attention."""

from __future__ import annotations

from costmodel.numbers.arithmetic import show_shape
from costmodel.onnx.model import Node
from costmodel.onnx.reader import Reader, rule
from costmodel.onnx.types.common import asked, counted, rank_of
from costmodel.onnx.types.parts import cut, joined, padded
from costmodel.onnx.types.windows import convolved
from costmodel.ops import OPERATORS
from costmodel.reading.value import UnreadError, Value

UPDATES = {"linear": (False, False), "gated": (True, False), "delta": (False, True), "gated_delta": (True, True)}
"""Of each rule, whether the state decays, and whether what it holds of a key is taken off before it is written."""


@rule("CausalConvWithState")
def _causal_conv(read: Reader, node: Node) -> Value | list[Value]:
    """A kernel for each channel that looks at the place itself and at those before it, the first of which are those of
    the state, or zeros. The state is what the next call begins with.
    """
    value, weight, bias, past = (read.optional(node, place) for place in range(4))
    if value is None or weight is None:
        raise UnreadError("its input or its kernel is not there")
    rank_of(value, 3)
    rank_of(weight, 3)
    activation, before = node.get("activation", "none"), weight.shape[2] - 1
    if activation not in ("none", "silu", "swish"):
        raise UnreadError(f"its activation {activation!r} is not known")
    whole = value if past is None else joined(read, node, [past, value], -1)
    pads = [before if past is None else 0, 0]
    conv = Node("Conv", node.name, [], [], {"group": value.shape[1], "pads": pads}, metadata=node.metadata)
    out = convolved(read, conv, whole, weight, bias)
    if activation != "none":
        out = read.add(node, OPERATORS["silu"](), out)
    if not asked(node, 1):
        return out
    if whole.shape[-1] < before:
        whole = padded(read, node, whole, {-1: (before - whole.shape[-1], 0)}, "constant", 0.0)
    length = whole.shape[-1]
    return [out, cut(read, node, whole, {-1: (length - before, length, 1)})]


@rule("LinearAttention")
def _linear_attention(read: Reader, node: Node) -> Value | list[Value]:
    """Of each token and head of keys: k v' is added to the state, and the query of each head multiplies it. Before
    that the state may decay, by one number or one for each feature of a key; and what it holds of the key may be taken
    off the value, and the difference weighed by beta. Scaled is the result.
    """
    q, k, v = (read.value(node, place) for place in range(3))
    past, decay, beta = (read.optional(node, place) for place in (3, 4, 5))
    own, kept, how = node.get("q_num_heads", 0), node.get("kv_num_heads", 0), node.get("update_rule", "gated_delta")
    for one in (q, k, v):
        rank_of(one, 3)
    if how not in UPDATES:
        raise UnreadError(f"its update_rule {how!r} is not known")
    if min(own, kept) < 1 or own % kept or q.shape[-1] % own or v.shape[-1] % kept:
        raise UnreadError(f"its {own} heads of queries and {kept} of keys do not divide its features")
    wide, features = q.shape[-1] // own, v.shape[-1] // kept
    if k.shape != (*q.shape[:2], kept * wide) or v.shape[:2] != q.shape[:2]:
        raise UnreadError(f"keys of {show_shape(k.shape)} do not fit queries of {show_shape(q.shape)}")
    decays, corrects = UPDATES[how]
    if (decays and decay is None) or (corrects and beta is None):
        raise UnreadError(f"its update_rule {how!r} needs what is not there")
    tokens, state = q.shape[0] * q.shape[1], wide * features
    operations = tokens * own * features * (node.get("scale", 0.0) != 1)
    if decays and decay is not None:
        operations += decay.size + tokens * kept * state
    if corrects:
        operations += 2 * tokens * kept * features
    mult_adds = tokens * state * (own + kept * (1 + corrects))
    reads = [q, k, v, past, decay if decays else None, beta if corrects else None]
    out = counted(read, node, (*q.shape[:2], own * features), *reads, mult_adds=mult_adds, other_ops=operations)
    if not asked(node, 1):
        return out
    dtype = "" if past is None else past.dtype
    return [out, counted(read, node, (q.shape[0], kept, wide, features), out, dtype=dtype)]
