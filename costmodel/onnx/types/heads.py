"""Scaled products of queries, keys and values, whose heads lie side by side or one behind the other."""

from __future__ import annotations

from dataclasses import dataclass

from costmodel.errors import ShapeError
from costmodel.onnx.model import Node
from costmodel.onnx.reader import Reader
from costmodel.onnx.types.common import counted
from costmodel.ops import OPERATORS
from costmodel.reading.value import UnreadError, Value


@dataclass(frozen=True, slots=True)
class Kind:
    """What attention does besides: `more` are other operations for each score, such as a cap's; `plain` is whether the
    operator knows all that it does.
    """

    scale: float | None = None
    causal: bool = False
    more: int = 0
    plain: bool = True


def apart(read: Reader, node: Node, value: Value, heads: int) -> Value:
    """Return a sequence (batch, tokens, heads * width) as (batch, heads, tokens, width).

    Raises:
        UnreadError: if its heads do not divide it.
    """
    if heads < 1 or value.shape[-1] % heads:
        raise UnreadError(f"its {value.shape[-1]} features do not divide into {heads} heads")
    op = OPERATORS["rearrange"](
        pattern="... s (h d) -> ... h s d", sizes=(("h", heads), ("d", value.shape[-1] // heads))
    )
    return read.add(node, op, value)


def side_by_side(read: Reader, node: Node, value: Value) -> Value:
    """Return what lies as (batch, heads, tokens, width) as (batch, tokens, heads * width)."""
    op = OPERATORS["rearrange"](pattern="... h s d -> ... s (h d)", sizes=(("d", value.shape[-1]),))
    return read.add(node, op, value)


def joined(read: Reader, node: Node, past: Value | None, value: Value) -> Value:
    """Return keys or values (batch, heads, tokens, width) behind those of earlier steps."""
    return value if past is None else read.add(node, OPERATORS["concat"](axis=-2), past, value)


def attended(
    read: Reader, node: Node, q: Value, k: Value, v: Value, heads: tuple[int, int], mask: Value | None, kind: Kind
) -> Value:
    """Add attention on sequences (batch, tokens, heads * width) or (batch, heads, tokens, width); its result lies as
    they do.

    Args:
        read: the walk.
        node: the node.
        q: queries.
        k: keys, which lie as the queries do.
        v: values, likewise.
        heads: of the queries, and of keys and values.
        mask: what is added to the scores, or which of them count.
        kind: what it does besides.

    Raises:
        UnreadError: if they do not fit one another.
    """
    own, kept = heads
    if kept < 1 or own % kept:
        raise UnreadError(f"its {own} heads of queries are no multiple of {kept} heads of keys")
    lie_apart = len(q.shape) == 4
    if kind.plain and mask is not None and len(mask.shape) == 3:
        mask = (
            read.chain(node, [OPERATORS["unsqueeze"](axis=0)], mask)
            if not mask.constant
            else mask.as_shape((1, *mask.shape))
        )
    given = [q, k, v, *([] if mask is None else [mask])]
    if kind.plain:
        try:
            return _operator(read, node, given, heads, kind, lie_apart)
        except (UnreadError, ShapeError):
            pass  # such as a mask for fewer keys than there are: the cost is known all the same
    rows, keys = q.shape[-2], k.shape[-2]
    width, features = q.shape[-1] // (1 if lie_apart else own), v.shape[-1] // (1 if lie_apart else kept)
    scores = q.shape[0] * own * rows * keys
    shape = (*q.shape[:-1], features if lie_apart else own * features)
    each = 6 + (mask is not None) + kind.more
    return counted(read, node, shape, *given, mult_adds=scores * (width + features), other_ops=scores * each)


def _operator(
    read: Reader, node: Node, given: list[Value], heads: tuple[int, int], kind: Kind, lie_apart: bool
) -> Value:
    own, kept = heads
    fields = {"causal": kind.causal, "scale": kind.scale}
    if lie_apart and own == kept:
        return read.add(node, OPERATORS["attention"](heads=1, **fields), *given)
    op = OPERATORS["attention"](heads=own, kv_heads=None if own == kept else kept, **fields)
    if not lie_apart:
        return read.add(node, op, *given)
    op.shape(
        *[(one.shape[0], one.shape[2], one.shape[1] * one.shape[3]) for one in given[:3]], *[m.shape for m in given[3:]]
    )
    out = read.add(node, op, *[side_by_side(read, node, one) for one in given[:3]], *given[3:])
    return apart(read, node, out, own)
