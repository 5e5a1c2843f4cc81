"""Which way eager PyTorch goes for attention on a processor, and how what it gives lies then."""

from __future__ import annotations

from typing import Any

import torch

from costmodel.modules.calls import Call, called
from costmodel.modules.tensors import META, key

ATTENTION = "aten::scaled_dot_product_attention"
IN_PIECES = 0
"""PyTorch's number for the way of products and a softmax."""


def is_whole(call: Call) -> bool:
    """Say whether one kernel computes an attention, as PyTorch itself says of tensors on a processor that lie alike. A
    mask that is trained, which makes it pieces, is not known here.
    """
    tensors = [None if (one := call[name]) is None else _alike(one) for name in ("query", "key", "value", "attn_mask")]
    grouped = bool(call["enable_gqa"])
    with torch.inference_mode(False):
        way = torch._fused_sdp_choice(*tensors, call["dropout_p"], call["is_causal"], enable_gqa=grouped)
    return int(way) != IN_PIECES


def gathers(values: torch.Tensor) -> bool:
    """Say whether values have to be copied for a stack of products: their axes before the tokens do not lie as one."""
    return values.dim() > 3 and not lies_as_one(values, -3)


def copied(one: torch.Tensor, other: torch.Tensor) -> str:
    """Return which factors of a product are copied before they are multiplied: of a stack by one matrix, the stack's
    rows are those of a matrix; else a stack is of one axis.
    """
    if one.dim() > 2 >= other.dim():
        found = (not lies_as_one(one, -2), False)
    elif other.dim() > 2 >= one.dim():
        found = (False, other.dim() > 1 and not lies_as_one(other.mT, -2))
    else:
        before = torch.broadcast_shapes(one.shape[:-2], other.shape[:-2])
        first, second = (not lies_as_one(x.expand(*before, *x.shape[-2:]), -3) for x in (one, other))
        found = first, second
    return {(True, True): "both", (True, False): "first", (False, True): "second"}.get(found, "neither")


def lies_as_one(tensor: torch.Tensor, last: int) -> bool:
    """Say whether axes up to `last`, counted from the end, are one without copying."""
    if tensor.dim() <= -last:
        return True
    plain = torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device=META)
    return key(plain.flatten(0, last)) == key(plain)


def lying(func: Any, args: Any, kwargs: Any, result: Any) -> Any:
    """Return the result of a call as it lies: what one kernel of attention gives lies as the queries do."""
    if func._schema.name != ATTENTION:
        return result
    call = called(func, tuple(args), kwargs, result)
    query = call["query"]
    return torch.empty_like(query) if is_whole(call) and result.shape == query.shape else result


def _alike(tensor: torch.Tensor) -> torch.Tensor:
    """Return a tensor on a processor of the same shape, which takes next to no memory; its last axis is as dense."""
    dense = tensor.shape[-1:] if tensor.dim() and tensor.stride(-1) == 1 else (1,)
    with torch.inference_mode(False):
        return torch.empty(dense, dtype=tensor.dtype).expand(tensor.shape)
