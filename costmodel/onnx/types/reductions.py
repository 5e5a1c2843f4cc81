"""Nodes that reduce along axes, find the largest or run along them."""

from __future__ import annotations

from math import prod

from costmodel.onnx.model import Node
from costmodel.onnx.reader import Reader, rule
from costmodel.onnx.types.common import as_shape, counted, each
from costmodel.ops import OPERATORS
from costmodel.reading.axes import axes_from_end, from_end
from costmodel.reading.value import Value

REDUCTIONS: dict[str, tuple[tuple[str, ...], str, tuple[str, ...]]] = {
    "ReduceSum": ((), "sum", ()),
    "ReduceMean": ((), "mean", ()),
    "ReduceMax": ((), "max", ()),
    "ReduceMin": ((), "min", ()),
    "ReduceProd": ((), "prod", ()),
    "ReduceL1": (("abs",), "sum", ()),
    "ReduceL2": (("square",), "sum", ("sqrt",)),
    "ReduceSumSquare": (("square",), "sum", ()),
    "ReduceLogSum": ((), "sum", ("log",)),
    "ReduceLogSumExp": (("exp",), "sum", ("log",)),
}
"""What is done to each element before, the reduction, and what is done to what it gives: ONNX's own definitions."""


@rule(*REDUCTIONS)
def _reduce(read: Reader, node: Node) -> Value:
    before, reduction, after = REDUCTIONS[node.op_type]
    value = read.chain(node, [OPERATORS[name]() for name in before], read.value(node, 0))
    rank = len(value.shape)
    axes = read.integers(node, "axes", 1)
    if not axes and not node.get("noop_with_empty_axes", 0):
        axes = [*range(rank)]
    if axes and rank:
        own = axes_from_end(axes, rank)
        fields = {"axis": own if len(own) > 1 else own[0], "keep_dims": bool(node.get("keepdims", 1))}
        value = read.add(node, OPERATORS[reduction](**fields), value)
    return read.chain(node, [OPERATORS[name]() for name in after], value)


@rule("ArgMax", "ArgMin")
def _position(read: Reader, node: Node) -> Value:
    value = read.value(node, 0)
    axis = from_end(node.get("axis", 0), len(value.shape))
    op = OPERATORS[node.op_type.lower()](axis=axis, keep_dims=bool(node.get("keepdims", 1)))
    return read.add(node, op, value, dtype="int64")


@rule("TopK")
def _top_k(read: Reader, node: Node) -> tuple[Value, Value]:
    """The places cost the comparisons, and the values are taken from there; of values alone top_k is made later."""
    value = read.value(node, 0)
    given = node.get("k", None)
    (number,) = read.value(node, 1).integers() if given is None else (int(given),)
    axis = from_end(node.get("axis", -1), len(value.shape))
    values, places = node.outputs[0], node.outputs[1] if len(node.outputs) > 1 else ""
    if not node.get("largest", 1) or not number:
        shape = [number if at - len(value.shape) == axis else size for at, size in enumerate(value.shape)]
        found = counted(read, node, shape, value, other_ops=value.size, dtype="" if values else "int64")
        return found, counted(read, node, shape, found, dtype="int64") if values and places else found
    fields = {"k": number, "axis": axis}
    found = read.add(node, OPERATORS["top_k_indices"](**fields), value, dtype="int64")
    return read.add(node, OPERATORS["top_k"](**fields), value, found), found


@rule("CumSum")
def _cumsum(read: Reader, node: Node) -> Value:
    value = read.value(node, 0)
    (axis,) = read.value(node, 1).integers()
    if node.get("exclusive", 0) or node.get("reverse", 0):
        return each(read, node, value)  # as many additions, from the other end or one place on
    return read.add(node, OPERATORS["cumsum"](axis=from_end(axis, len(value.shape))), value)


@rule("CumProd")
def _cumprod(read: Reader, node: Node) -> Value:
    """A multiplication an element."""
    return each(read, node, read.value(node, 0))


@rule("Softmax", "LogSoftmax", "Hardmax")
def _softmax(read: Reader, node: Node) -> Value:
    """Before opset 13 all axes from the named one on are taken as one."""
    value = read.value(node, 0)
    shape, rank = value.shape, len(value.shape)
    axis = from_end(node.get("axis", 1 if node.opset < 13 else -1), rank)
    if node.op_type == "Hardmax":
        return each(read, node, value)  # the comparisons that find the largest
    name = {"Softmax": "softmax", "LogSoftmax": "log_softmax"}[node.op_type]
    if node.opset >= 13 or prod(shape[axis:]) == shape[axis]:
        return read.add(node, OPERATORS[name](axis=axis), value)
    flat = as_shape(read, node, value, (*shape[:axis], prod(shape[axis:])))
    return as_shape(read, node, read.add(node, OPERATORS[name](axis=-1), flat), shape)
