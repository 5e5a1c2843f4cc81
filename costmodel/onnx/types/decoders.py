"""Attention in ONNX Runtime's own vocabulary, whose forms differ in how queries, keys and values come in."""

from __future__ import annotations

from costmodel.numbers.arithmetic import show_shape
from costmodel.onnx.model import Node
from costmodel.onnx.reader import Reader, rule
from costmodel.onnx.types.attention import rotated
from costmodel.onnx.types.common import MICROSOFT, Shape, asked, counted, outputs
from costmodel.onnx.types.heads import Kind, apart, attended, joined, side_by_side
from costmodel.onnx.types.quantized import with_scales
from costmodel.ops import OPERATORS
from costmodel.reading.value import UnreadError, Value

Three = tuple[Value, Value, Value]


@rule("Attention", domain=MICROSOFT)
def _attention(read: Reader, node: Node) -> Value | list[Value]:
    projected = _projected(read, node, read.value(node, 0), read.value(node, 1), read.optional(node, 2))
    return _self_attention(
        read, node, projected, read.optional(node, 3), read.optional(node, 5), read.optional(node, 4)
    )


@rule("QAttention", domain=MICROSOFT)
def _qattention(read: Reader, node: Node) -> Value | list[Value]:
    value, weight, scale = read.value(node, 0), read.value(node, 1), read.value(node, 3)
    if weight.constant:
        weight = with_scales(weight, *[read.optional(node, place) for place in (3, 4, 6, 7)])
    projected = _projected(read, node, value, weight, read.optional(node, 2), scale.dtype)
    return _self_attention(read, node, projected, read.optional(node, 5), None, read.optional(node, 8))


@rule("DecoderMaskedSelfAttention", domain=MICROSOFT)
def _masked_self_attention(read: Reader, node: Node) -> Value | list[Value]:
    projected = _projected(read, node, read.value(node, 0), read.value(node, 1), read.optional(node, 2))
    return _self_attention(
        read, node, projected, read.optional(node, 3), read.optional(node, 5), read.optional(node, 4)
    )


def _projected(read: Reader, node: Node, value: Value, weight: Value, bias: Value | None, dtype: str = "") -> Three:
    """Add the one product that gives queries, keys and values side by side, and take it apart.

    Raises:
        UnreadError: if its weights are computed or do not fit.
    """
    if len(value.shape) != 3 or len(weight.shape) != 2 or weight.shape[0] != value.shape[-1]:
        raise UnreadError(f"weights of {show_shape(weight.shape)} do not fit {show_shape(value.shape)}")
    wide = weight.shape[1]
    if weight.constant and (bias is None or bias.constant):
        op = OPERATORS["linear"](out_features=wide, bias=bias is not None)
        arrays = {"weight": weight} | ({} if bias is None else {"bias": bias})
        whole = read.add(node, op, value, arrays=arrays, dtype=dtype)
    else:
        whole = read.add(node, OPERATORS["matmul"](), value, weight, dtype=dtype)
        whole = whole if bias is None else read.add(node, OPERATORS["add"](), whole, bias)
    sizes = tuple(node.get("qkv_hidden_sizes", [])) or (wide // 3,) * 3
    q, k, v = (read.add(node, OPERATORS["split"](sizes=sizes, index=at, axis=-1), whole) for at in range(3))
    return q, k, v


def _self_attention(
    read: Reader, node: Node, projected: Three, mask: Value | None, bias: Value | None, past: Value | None
) -> Value | list[Value]:
    """Add attention of a sequence with itself and those tokens before it whose keys and values lie in one tensor."""
    q, k, v = projected
    heads = node.get("num_heads", None)
    if node.get("do_rotary", 0):
        q, k = (rotated(read, node, one, [], heads) for one in (q, k))
    causal = bool(node.get("unidirectional", 0))
    shared = bool(node.get("past_present_share_buffer", 0))
    if past is not None:
        q, k, v = (apart(read, node, one, heads) for one in (q, k, v))
        before = [_one_of(read, node, past, place) for place in (0, 1)]
        k, v = (_after(read, node, old, new, shared) for old, new in zip(before, (k, v), strict=True))
    kind = Kind(node.get("scale", None) or None, causal, 0, past is None and mask is None)
    out = attended(read, node, q, k, v, (heads, heads), _scores_mask(mask, bias), kind)
    out = side_by_side(read, node, out) if len(out.shape) == 4 else out
    if not asked(node, 1):
        return outputs(node, out, out)
    if past is None:
        k, v = (apart(read, node, one, heads) for one in (k, v))
    return [out, counted(read, node, (2, *k.shape), k, v)]


def _one_of(read: Reader, node: Node, both: Value, place: int) -> Value:
    """Return keys (0) or values (1) of those that lie in one tensor (2, batch, heads, tokens, width)."""
    return counted(read, node, both.shape[1:], both)


def _after(read: Reader, node: Node, past: Value, value: Value, shared: bool) -> Value:
    """Return keys or values behind those before; or in the place that a shared buffer has for them."""
    return counted(read, node, past.shape, past, value) if shared else joined(read, node, past, value)


def _scores_mask(mask: Value | None, bias: Value | None) -> Value | None:
    """Return what is added to the scores: a bias, else a mask of tokens, which is spread over them."""
    return mask if bias is None else bias


@rule("MultiHeadAttention", domain=MICROSOFT)
def _multi_head(read: Reader, node: Node) -> Value | list[Value]:
    return _heads(read, node, biases=3, past=(6, 7), mask=4)


@rule("DecoderMaskedMultiHeadAttention", domain=MICROSOFT)
def _masked_multi_head(read: Reader, node: Node) -> Value | list[Value]:
    keys = read.optional(node, 1)
    # keys that lie apart are of what is attended to, which no step adds to
    return _heads(read, node, biases=10, past=() if keys is not None and len(keys.shape) == 4 else (5, 6), mask=3)


def _heads(read: Reader, node: Node, biases: int, past: tuple[int, ...], mask: int) -> Value | list[Value]:
    """Add attention of many heads; where its biases, its past keys and values, and its mask are among the inputs. What
    is added to the scores comes behind the mask.
    """
    heads = node.get("num_heads", None)
    q, k, v = _with_biases(read, node, _given(read, node), read.optional(node, biases), heads)
    before = [read.optional(node, place) for place in past] or [None, None]
    added = read.optional(node, mask), read.optional(node, mask + 1)
    out, k, v = _behind(read, node, (q, k, v), before, (heads, heads), *added)
    return _results(read, node, out, (q, k, v), (heads, heads))


def _given(read: Reader, node: Node) -> Three:
    """Return queries, keys and values, which may lie packed in one tensor or two.

    Raises:
        UnreadError: if they are not there.
    """
    q, k, v = read.value(node, 0), read.optional(node, 1), read.optional(node, 2)
    if len(q.shape) == 5 and k is None:  # (batch, tokens, heads, 3, width)
        first, second, third = (_packed(read, node, q, 3, at) for at in range(3))
        return first, second, third
    if k is not None and len(k.shape) == 5 and v is None:  # (batch, tokens, heads, 2, width)
        return q, _packed(read, node, k, 2, 0), _packed(read, node, k, 2, 1)
    if k is None or v is None:
        raise UnreadError("its keys or values are not there")
    return q, k, v


def _packed(read: Reader, node: Node, value: Value, parts: int, at: int) -> Value:
    one = read.add(node, OPERATORS["split"](parts=parts, index=at, axis=-2), value)
    heads, width = value.shape[2], value.shape[4]
    pattern = OPERATORS["rearrange"](pattern="... s h 1 d -> ... s (h d)", sizes=(("h", heads), ("d", width)))
    return read.add(node, pattern, one)


def _with_biases(read: Reader, node: Node, given: Three, bias: Value | None, heads: int) -> Three:
    """Add the biases of queries, keys and values, which lie behind one another in one array."""
    if bias is None:
        return given
    found, start = [], 0
    for value in given:
        wide = value.shape[-1] * (heads if len(value.shape) == 4 else 1)
        if len(value.shape) == 3:
            part = read.add(node, OPERATORS["slice"](axis=-1, start=start, stop=start + wide), bias)
            value = read.add(node, OPERATORS["add"](), value, part)
        found.append(value)
        start += wide
    return found[0], found[1], found[2]


def _behind(
    read: Reader,
    node: Node,
    given: Three,
    past: list[Value | None],
    heads: tuple[int, int],
    mask: Value | None,
    bias: Value | None,
    kept: int | None = None,
    more: int = 0,
    causal: bool | None = None,
) -> Three:
    """Add attention behind keys and values of earlier steps; return what it gives, and all keys and values.

    `kept` is how many tokens there are then, where they lie in a buffer of that length.
    """
    q, k, v = given
    causal = bool(node.get("unidirectional", 0)) if causal is None else causal
    lie_apart = len(k.shape) == 4
    shared = bool(node.get("past_present_share_buffer", 0))
    if past[0] is not None or lie_apart:
        q = apart(read, node, q, heads[0])
        k, v = (one if len(one.shape) == 4 else apart(read, node, one, heads[1]) for one in (k, v))
        if past[0] is not None and past[1] is not None:
            if kept is not None:
                k, v = (
                    counted(read, node, (*old.shape[:2], kept, old.shape[3]), old, new)
                    for old, new in ((past[0], k), (past[1], v))
                )
            else:
                k, v = (_after(read, node, old, new, shared) for old, new in ((past[0], k), (past[1], v)))
    plain = mask is None and not more and not (causal and past[0] is not None)
    kind = Kind(node.get("scale", None) or None, causal, more, plain)
    out = attended(read, node, q, k, v, heads, _scores_mask(mask, bias), kind)
    return (side_by_side(read, node, out) if len(out.shape) == 4 else out), k, v


def _results(read: Reader, node: Node, out: Value, three: Three, heads: tuple[int, int]) -> Value | list[Value]:
    """Return what the node gives: the result, all keys and values, each head apart, and the scores."""
    if len(node.outputs) < 2:
        return out
    q, k, v = three
    rows = q.shape[-2]
    k, v = (one if len(one.shape) == 4 else apart(read, node, one, heads[1]) for one in (k, v))
    scores: Shape = (q.shape[0], heads[0], rows, k.shape[-2])
    return outputs(node, *[out, k, v, counted(read, node, scores, out)][: len(node.outputs)])


@rule("GroupQueryAttention", domain=MICROSOFT)
def _group_query(read: Reader, node: Node) -> Value | list[Value]:
    heads = (node.get("num_heads", None), node.get("kv_num_heads", None))
    q, k, v = read.value(node, 0), read.optional(node, 1), read.optional(node, 2)
    if k is None or v is None:
        width = q.shape[-1] // (heads[0] + 2 * heads[1])
        sizes = (heads[0] * width, heads[1] * width, heads[1] * width)
        q, k, v = (read.add(node, OPERATORS["split"](sizes=sizes, index=at, axis=-1), q) for at in range(3))
    if node.get("do_rotary", 0):
        tables = [read.optional(node, place) for place in (7, 8, 9)]
        q, k = (rotated(read, node, one, tables, count) for one, count in ((q, heads[0]), (k, heads[1])))
    past = [read.optional(node, place) for place in (3, 4)]
    more = 3 * bool(node.get("softcap", 0.0))
    kept = None if past[0] is None else _total(read, node, past[0], k)
    out, k, v = _behind(
        read, node, (q, k, v), past, heads, None, read.optional(node, 10), kept, more, bool(node.get("causal", 1))
    )
    return _results(read, node, out, (q, k, v), heads)


def _total(read: Reader, node: Node, past: Value, value: Value) -> int:
    """Return how many tokens keys and values have afterwards: those of the file, if it says, in a buffer that may be
    longer, else those before and the new ones.
    """
    said = read.optional(node, 6)
    number = said.scalar() if said is not None and said.constant else None
    return past.shape[2] + value.shape[-2] if number is None else max(past.shape[2], int(number))


@rule("RotaryEmbedding", domain=MICROSOFT)
def _rotary(read: Reader, node: Node) -> Value:
    value, places = read.value(node, 0), read.value(node, 1)
    return rotated(read, node, value, [read.value(node, 2), read.value(node, 3), places], node.get("num_heads", 0))
