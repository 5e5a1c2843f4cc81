"""Nodes that make one number of many along axes, products, and what norms do."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from costmodel.onnx.folding.arithmetic import divided
from costmodel.onnx.folding.call import Array, Call, as_read, folds

MOST_PRODUCTS = 2**24
"""Multiplications that are done beforehand, in one node."""


def _log_sum_exp(x: Array, **along: Any) -> Array:
    """Return the logarithm of a sum of powers, without such powers as are no numbers."""
    largest = np.max(x, axis=along["axis"], keepdims=True)
    largest = np.where(np.isfinite(largest), largest, 0)
    total = np.log(np.sum(np.exp(x - largest), **along))
    return np.asarray(total + (largest if along["keepdims"] else np.squeeze(largest, along["axis"])))


def _mean(x: Array, **along: Any) -> Array:
    total = np.sum(x, dtype=x.dtype, **along)
    if x.dtype.kind not in "iu":
        return np.asarray(np.mean(x, **along))
    return np.asarray(divided(total, np.array(x.size // max(total.size, 1), x.dtype)))


REDUCED: dict[str, Callable[..., Array]] = {
    "ReduceL1": lambda x, **along: np.sum(np.abs(x), **along),
    "ReduceL2": lambda x, **along: np.sqrt(np.sum(np.square(x), **along)),
    "ReduceLogSum": lambda x, **along: np.log(np.sum(x, **along)),
    "ReduceLogSumExp": _log_sum_exp,
    "ReduceMax": np.max,
    "ReduceMean": _mean,
    "ReduceMin": np.min,
    "ReduceProd": np.prod,
    "ReduceSum": np.sum,
    "ReduceSumSquare": lambda x, **along: np.sum(np.square(x), **along),
}


@folds(*REDUCED, most=as_read)
def _reduced(call: Call) -> Array:
    x, axes = call[0], call.numbers(1, "axes")
    nothing = call.get("noop_with_empty_axes", 0)  # over no axes a sum is its number, but a sum of squares its square
    axis = tuple(axes or ()) if axes or nothing else tuple(range(x.ndim))
    made = REDUCED[call.node.op_type](x, axis=axis, keepdims=bool(call.get("keepdims", 1)))
    return np.asarray(made).astype(x.dtype)


@folds("ArgMax", "ArgMin", most=as_read)
def _arg(call: Call) -> Array:
    x, axis = call[0], call.get("axis", 0)
    find = np.argmax if call.node.op_type == "ArgMax" else np.argmin
    if call.get("select_last_index", 0):
        found = x.shape[axis] - 1 - find(np.flip(x, axis), axis=axis)
    else:
        found = find(x, axis=axis)
    return np.expand_dims(found, axis).astype(np.int64) if call.get("keepdims", 1) else found.astype(np.int64)


@folds("CumSum", "CumProd", most=lambda call: call.held(0).size)
def _running(call: Call) -> Array:
    x, axis = call[0], int(call[1].reshape(-1)[0])
    function, nothing = (np.cumsum, 0) if call.node.op_type == "CumSum" else (np.cumprod, 1)
    flipped = np.flip(x, axis) if call.get("reverse", 0) else x
    total = function(flipped, axis=axis, dtype=x.dtype)
    if call.get("exclusive", 0):
        first = np.full_like(np.take(total, [0], axis), nothing)
        total = np.concatenate([first, np.take(total, np.arange(x.shape[axis] - 1), axis)], axis)
    return np.flip(total, axis) if call.get("reverse", 0) else total


@folds("Softmax", "LogSoftmax", "Hardmax", most=as_read)
def _softmax(call: Call) -> Array:
    x, axis = call[0], call.get("axis", -1 if call.opset >= 13 else 1)
    shape = x.shape
    if call.opset < 13:  # all axes from this one on are one
        axis = axis + x.ndim if axis < 0 else axis
        x, axis = x.reshape(prod(shape[:axis]), -1), 1
    largest = np.max(x, axis=axis, keepdims=True)
    powers = np.exp(x - largest)
    if call.node.op_type == "Softmax":
        made = powers / np.sum(powers, axis=axis, keepdims=True)
    elif call.node.op_type == "LogSoftmax":
        made = x - largest - np.log(np.sum(powers, axis=axis, keepdims=True))
    else:
        first = np.expand_dims(np.argmax(x, axis=axis), axis)
        made = np.zeros_like(x)
        np.put_along_axis(made, first, 1, axis)
    return np.asarray(made.reshape(shape).astype(call[0].dtype))


@folds("LayerNormalization", "RMSNormalization", most=lambda call: 3 * call.held(0).size)
def _layer_norm(call: Call) -> tuple[Array, ...]:
    x = call[0].astype(np.promote_types(call[0].dtype, np.float32))
    axis = call.get("axis", -1)
    axes = tuple(range(axis + x.ndim if axis < 0 else axis, x.ndim))
    mean = np.mean(x, axis=axes, keepdims=True)
    if call.node.op_type == "RMSNormalization":
        mean = np.zeros_like(mean)
    inverse = 1 / np.sqrt(np.mean(np.square(x - mean), axis=axes, keepdims=True) + call.get("epsilon", 1e-5))
    made = ((x - mean) * inverse).astype(call[0].dtype) * np.broadcast_to(call[1], x.shape)
    bias = call.given(2)
    made = made if bias is None else made + np.broadcast_to(bias, x.shape)
    return (made,) if call.node.op_type == "RMSNormalization" else (made, mean, inverse)


def _multiplied(call: Call) -> int:
    """Bound a product; one that takes too long has too many numbers, too."""
    a, b = call[0].shape, call[1].shape
    a, b = (1, *a) if len(a) < 2 else a, (*b, 1) if len(b) < 2 else b
    if call.node.op_type == "Gemm":
        a, b = a[::-1] if call.get("transA", 0) else a, b[::-1] if call.get("transB", 0) else b
    size = prod(np.broadcast_shapes(a[:-2], b[:-2])) * a[-2] * b[-1]
    return size if size * a[-1] <= MOST_PRODUCTS else MOST_PRODUCTS


@folds("MatMul", most=_multiplied)
def _matmul(call: Call) -> Array:
    return np.asarray(np.matmul(call[0], call[1]))


@folds("Gemm", most=_multiplied)
def _gemm(call: Call) -> Array:
    a = call[0].T if call.get("transA", 0) else call[0]
    b = call[1].T if call.get("transB", 0) else call[1]
    product, c = np.matmul(a, b) * call.get("alpha", 1.0), call.given(2)
    made = product if c is None else product + np.broadcast_to(c, product.shape) * call.get("beta", 1.0)
    return np.asarray(made.astype(call[0].dtype))


def _contracted(call: Call) -> int:
    """Bound an einsum by the sizes of all its letters, which is the work; three dots stand for axes without letters."""
    terms = call.get("equation").replace(" ", "").split("->")[0].split(",")
    sizes: dict[str, int] = {}
    dots: list[tuple[int, ...]] = []
    for term, array in zip(terms, call.arrays(), strict=True):
        before, _, behind = term.partition("...")
        last = array.ndim - len(behind)
        dots.append(array.shape[len(before) : last])
        for letter, size in zip(before + behind, array.shape[: len(before)] + array.shape[last:], strict=True):
            sizes[letter] = max(sizes.get(letter, 1), size)
    return prod(sizes.values()) * prod(np.broadcast_shapes(*dots))


@folds("Einsum", most=_contracted)
def _einsum(call: Call) -> Array:
    return np.asarray(np.einsum(call.get("equation").replace(" ", ""), *call.arrays())).astype(call[0].dtype)
