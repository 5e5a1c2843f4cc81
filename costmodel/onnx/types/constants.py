"""Nodes that give tensors that no input decides: constants, ranges, and numbers drawn at random."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, isfinite, prod
from typing import Any

from costmodel.onnx.model import Node
from costmodel.onnx.reader import FEW, Reader, rule
from costmodel.onnx.stored import Stored, dtype_name
from costmodel.onnx.types.common import counted, each, filled
from costmodel.reading.held import listed, numpys, of_array
from costmodel.reading.value import UnreadError, Value, known


@rule("Constant")
def _constant(read: Reader, node: Node) -> Value:
    """Its numbers are no params, but where the file has no arrays besides: some exporters write all weights so.
    Indices and sizes, of 64 bits, are none even then.
    """
    held = node.get("value", None) or node.get("sparse_value", None)
    if isinstance(held, Stored):
        kept = held.size > 1 and not read.keeps_arrays and held.dtype != "int64"
        return read.of(held, read.own_name(node.outputs[0], held) if kept else "")
    for name, kind in (("value_float", "float32"), ("value_int", "int64")):
        given = node.get(name, None)
        if given is None:
            given = node.get(f"{name}s", None)
        if given is not None:
            return known(listed(given, kind)) if isinstance(given, list) else known(listed([given], kind).as_shape(()))
    if "value_string" in node.attributes or "value_strings" in node.attributes:
        raise UnreadError("it holds text, and only numbers are counted")
    raise UnreadError("it holds neither a number nor an array")


@rule("ConstantOfShape")
def _constant_of_shape(read: Reader, node: Node) -> Value:
    given = node.get("value", None)
    if not isinstance(given, Stored):
        return filled(read.value(node, 0).integers(), 0, "float32")
    held = given.held()
    if held is None or held.size != 1:
        raise UnreadError("its value is not one number")
    return filled(read.value(node, 0).integers(), held.row()[0], given.dtype)


@rule("EyeLike")
def _eye_like(read: Reader, node: Node) -> Value:
    like = read.value(node, 0)
    kind = node.get("dtype", 0)
    dtype = dtype_name(kind) if kind else like.dtype
    if like.size > FEW or len(like.shape) != 2:
        return Value(like.shape, dtype)
    import numpy as np

    return known(of_array(np.eye(*like.shape, k=node.get("k", 0), dtype=numpys(dtype))), dtype)


@rule("Range")
def _range(read: Reader, node: Node) -> Value:
    """Its numbers are few, or it was not worked out before it came here."""
    ends = [read.value(node, position).scalar() for position in range(3)]
    start, limit, step = (None if end is None or not isfinite(end) else end for end in ends)
    if start is None or limit is None or not step:
        raise UnreadError("how long it is depends on numbers that are computed from the input")
    return Value((max(ceil((limit - start) / step), 0),), read.value(node, 0).dtype)


@rule("RandomNormal", "RandomUniform")
def _random(read: Reader, node: Node) -> Value:
    """One number drawn an element."""
    shape = node.get("shape", [])
    return _drawn(read, node, shape, dtype_name(node.get("dtype", 1)))


def _drawn(read: Reader, node: Node, shape: Sequence[int], dtype: str) -> Value:
    return counted(read, node, shape, other_ops=prod(shape), dtype=dtype)


@rule("RandomNormalLike", "RandomUniformLike")
def _random_like(read: Reader, node: Node) -> Value:
    """One number drawn an element; of its input only the shape is looked at."""
    like = read.value(node, 0)
    kind: Any = node.get("dtype", 0)
    dtype = dtype_name(kind) if kind else like.dtype
    return _drawn(read, node, like.shape, dtype) if like.constant else each(read, node, like, dtype=dtype)


@rule("Bernoulli")
def _bernoulli(read: Reader, node: Node) -> Value:
    """One number drawn an element, and compared with its chance."""
    kind: Any = node.get("dtype", 0)
    return each(read, node, read.value(node, 0), operations=2, dtype=dtype_name(kind) if kind else "")


@rule("Multinomial")
def _multinomial(read: Reader, node: Node) -> Value:
    """The classes' chances summed up, exp and addition each; for each sample a draw and a search by halves."""
    value = read.value(node, 0)
    (rows, classes), samples = value.shape, node.get("sample_size", 1)
    halves = max(classes - 1, 1).bit_length()
    operations = rows * (2 * classes + samples * (1 + halves))
    dtype = dtype_name(node.get("dtype", 6))
    return counted(read, node, (rows, samples), value, other_ops=operations, dtype=dtype)
