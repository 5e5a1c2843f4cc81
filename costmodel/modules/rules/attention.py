"""Attention as one operator."""

from __future__ import annotations

from math import prod

from costmodel.modules.calls import Call
from costmodel.modules.kernels import gathers, is_whole
from costmodel.modules.reader import KNOWN, Reader, rule
from costmodel.ops import OPERATORS
from costmodel.reading.moves import reshaped
from costmodel.reading.value import UnreadError, Value


@rule("scaled_dot_product_attention")
def _sdpa(read: Reader, call: Call) -> Value:
    query, keys, values = (read.value(call[name]) for name in ("query", "key", "value"))
    mask = read.optional(call["attn_mask"])
    fields: dict[str, object] = {"causal": bool(call["is_causal"])}
    if call["scale"] is not None:
        fields["scale"] = call["scale"]
    whole = is_whole(call) and not (mask is not None and _trains(read, mask))
    fields |= {
        "dropout": call["dropout_p"],
        "kernel": "whole" if whole else "pieces",
        "gathers": gathers(call["value"]),
    }
    if len(query.shape) > 2 and query.shape[-3] != keys.shape[-3]:
        return _grouped(read, query, keys, values, mask, fields)
    op = OPERATORS["attention"](heads=1, **fields)
    return read.add(op, query, keys, values, *([] if mask is None else [mask]))


def _trains(read: Reader, mask: Value) -> bool:
    """Say whether a mask is trained, or computed from what is: no kernel takes one whose gradient is asked for."""
    makers = {step.path: step for step in read.draft.steps} if mask.real else {}
    todo, seen = [mask], set()
    while todo:
        value = todo.pop()
        if any(array.trained and not array.frozen for array in value.arrays):
            return True
        step = makers.get(value.source)
        if step is not None and value.source not in seen and step.out.real:
            seen.add(value.source)
            todo += [*step.inputs, *step.arrays.values()]
    return False


def _grouped(
    read: Reader, query: Value, keys: Value, values: Value, mask: Value | None, fields: dict[str, object]
) -> Value:
    """Add attention whose keys and values have fewer heads than the queries."""
    heads, own = query.shape[-3], keys.shape[-3]
    if own == 0 or heads % own or values.shape[-3] != own:
        raise UnreadError(f"its queries have {heads} heads, its keys {own}")
    joined = [
        read.add(OPERATORS["rearrange"](pattern="... h l e -> ... l (h e)"), one) for one in (query, keys, values)
    ]
    op = OPERATORS["attention"](heads=heads, kv_heads=own, **fields)
    if mask is not None:  # its axis of heads is told where it has all axes of the scores
        joined.append(read.chain(reshaped(mask.shape, (1,) * (len(query.shape) - len(mask.shape)) + mask.shape), mask))
    out = read.add(op, *joined)
    return read.add(OPERATORS["rearrange"](pattern="... l (h e) -> ... h l e", sizes=(("h", heads),)), out)


def _cost(call: Call) -> tuple[int, int]:
    query, keys, values = (call[name].shape for name in ("query", "key", "value"))
    pairs = prod(query[:-1]) * keys[-2]
    return pairs * (query[-1] + values[-1]), pairs * (6 if call["attn_mask"] is None else 7)


for name in (
    "scaled_dot_product_attention",
    "_scaled_dot_product_flash_attention",
    "_scaled_dot_product_flash_attention_for_cpu",
    "_scaled_dot_product_efficient_attention",
    "_scaled_dot_product_cudnn_attention",
    "_scaled_dot_product_attention_math",
):
    KNOWN[name] = _cost
