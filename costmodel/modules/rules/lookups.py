"""What is read and written at places that other tensors name, and tensors side by side."""

from __future__ import annotations

from math import prod

import torch

from costmodel.modules.calls import Call
from costmodel.modules.reader import KNOWN, Reader, rule
from costmodel.modules.rules.products import is_weight
from costmodel.ops import OPERATORS
from costmodel.reading.axes import from_end
from costmodel.reading.moves import reshaped
from costmodel.reading.value import UnreadError, Value


@rule("embedding")
def _embedding(read: Reader, call: Call) -> Value:
    weight, indices = read.value(call["weight"]), read.value(call["indices"])
    if is_weight(weight) and weight.whole and not (indices.constant and not indices.arrays):
        op = OPERATORS["embedding"](num_embeddings=weight.shape[0], embedding_dim=prod(weight.shape[1:]))
        return read.add(op, indices, arrays={"weight": weight}, dtype=weight.dtype)
    if is_weight(weight) and weight.whole:
        return read.add(OPERATORS["gather"](axis=-2), read.source(weight), indices, dtype=weight.dtype)
    return read.add(OPERATORS["gather"](axis=-2), weight, indices, dtype=weight.dtype)


KNOWN["embedding_bag"] = lambda call: (0, call["indices"].numel() * call["weight"].shape[-1])


@rule("index_select")
def _index_select(read: Reader, call: Call) -> Value:
    value, indices = read.value(call["self"]), read.value(call["index"])
    axis = from_end(call["dim"], len(value.shape))
    return read.add(OPERATORS["gather"](axis=axis), value, indices, dtype=value.dtype)


@rule("index")
def _index(read: Reader, call: Call) -> Value:
    value = read.value(call["self"])
    named = [(axis, one) for axis, one in enumerate(call["indices"]) if one is not None]
    if len(named) == 1 and named[0][1].dtype is not torch.bool:
        axis, one = named[0]
        return read.add(OPERATORS["gather"](axis=axis - len(value.shape)), value, read.value(one), dtype=value.dtype)
    return read.free(call.out, value, *(read.value(one) for _, one in named))


@rule("gather")
def _gather(read: Reader, call: Call) -> Value:
    value, indices = read.value(call["self"]), read.value(call["index"])
    axis = call["dim"] % max(len(value.shape), 1) - len(value.shape)
    if value.shape[: axis % len(value.shape)] != indices.shape[: axis % len(value.shape)]:
        return read.free(call.out, value, indices)
    return read.add(OPERATORS["gather_elements"](axis=axis), value, indices, dtype=value.dtype)


@rule(
    "index_put",
    "masked_scatter",
    "scatter",
    "index_copy",
    "index_fill",
    "slice_scatter",
    "select_scatter",
    "diagonal_scatter",
)
def _put(read: Reader, call: Call) -> Value:
    return read.free(call.out, *map(read.value, call.tensors))


@rule("_pack_padded_sequence", "_pad_packed_sequence")
def _packed(read: Reader, call: Call) -> list[Value]:
    """Move the steps of sequences; their lengths are read, not computed."""
    moved = read.free(call.out, read.value(call.tensors[0]))
    lengths = call.results[1]
    return [moved, Value(tuple(lengths.shape), "int64")]


KNOWN.update(
    {
        name: lambda call: (0, call.tensors[-1].numel())
        for name in ("scatter_add", "index_add", "scatter_reduce", "index_reduce")
    }
)


@rule("cat", "concat", "concatenate")
def _cat(read: Reader, call: Call) -> Value:
    values = [read.value(tensor) for tensor in call["tensors"] if tensor.numel()]
    if len(values) == 1:
        return values[0]
    axis = call["dim"] % call.out.dim() - call.out.dim()
    return read.add(OPERATORS["concat"](axis=axis), *values, dtype=values[0].dtype)


@rule("stack")
def _stack(read: Reader, call: Call) -> Value:
    values = [read.value(tensor) for tensor in call["tensors"]]
    if len(values) == 1:
        return read.chain(reshaped(values[0].shape, tuple(call.out.shape)), values[0])
    axis = call["dim"] % call.out.dim() - call.out.dim()
    return read.add(OPERATORS["stack"](axis=axis), *values, dtype=values[0].dtype)


@rule("one_hot")
def _one_hot(read: Reader, call: Call) -> Value:
    if call["num_classes"] < 1:
        raise UnreadError("its classes are not said")
    return read.free(call.out, read.value(call["self"]))
