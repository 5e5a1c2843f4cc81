"""Nodes that combine several tensors element by element, spread over one another."""

from __future__ import annotations

from functools import reduce

from costmodel.onnx.model import Node
from costmodel.onnx.reader import Reader, rule
from costmodel.onnx.types.common import as_shape, each, loose_scalar
from costmodel.onnx.types.elementwise import bounded
from costmodel.ops import OPERATORS
from costmodel.ops.base import Operator
from costmodel.reading.value import Value

MERGES = {"Add": "add", "Sub": "subtract", "Mul": "multiply", "Div": "divide", "Pow": "power"}
LOGIC = {"And": "and", "Or": "or"}
COMPARISONS = {
    "Equal": "equal",
    "Less": "less",
    "LessOrEqual": "less_equal",
    "Greater": "greater",
    "GreaterOrEqual": "greater_equal",
    "Xor": "not_equal",
}
"""Of truth values, that both differ is that one alone is true."""
CALLS = "BitShift", "BitwiseAnd", "BitwiseOr", "BitwiseXor"
"""Of whole numbers, one operation an element, and without a page."""


def pair(read: Reader, node: Node) -> tuple[Value, Value]:
    """Return the two inputs of a node. Before opset 7 the second stands beside the axis that an attribute names."""
    first, second = read.value(node, 0), read.value(node, 1)
    axis = node.get("axis", None)
    if node.opset < 7 and node.get("broadcast", 0) and axis is not None:
        after = len(first.shape) - axis % max(len(first.shape), 1) - len(second.shape)
        second = as_shape(read, node, second, (*second.shape, *(1,) * max(after, 0)))
    return first, second


@rule(*MERGES)
def _merge(read: Reader, node: Node) -> Value:
    first, second = pair(read, node)
    found = _with_number(node.op_type, first, second)
    if found is not None:
        return read.add(node, *found)
    for value, factor in ((first, second), (second, first)):
        alone = factor.trained and factor.size == 1 and len(factor.shape) <= len(value.shape) > 1
        if node.op_type == "Mul" and alone and not value.constant:
            return read.add(node, OPERATORS["layer_scale"](shared=True), value, arrays={"weight": factor})
    return read.add(node, OPERATORS[MERGES[node.op_type]](), first, second)


def _with_number(what: str, first: Value, second: Value) -> tuple[Operator, Value] | None:
    """Return the operator of one input that a tensor combined with a known number is; None where it is none."""
    number = loose_scalar(second, first)
    if number is not None:
        return _right(what, number, first)
    number = loose_scalar(first, second)
    if number is None:
        return None
    if what in ("Add", "Mul"):
        return _right(what, number, second)
    return (OPERATORS["reciprocal"](), second) if what == "Div" and number == 1 and second.real else None


def _right(what: str, number: float, value: Value) -> tuple[Operator, Value] | None:
    """Return the operator that combines with a known number on its right."""
    if what in ("Add", "Sub"):
        return OPERATORS["shift"](amount=number if what == "Add" else -number), value
    if what == "Pow":
        return OPERATORS["power"](exponent=number), value
    if what == "Mul":
        return OPERATORS["scale"](factor=number), value
    return (OPERATORS["scale"](factor=1 / number), value) if number and value.real else None


@rule("Sum")
def _sum(read: Reader, node: Node) -> Value:
    values = read.all(node)
    return values[0] if len(values) == 1 else read.add(node, OPERATORS["add"](), *values)


@rule("Mean")
def _mean(read: Reader, node: Node) -> Value:
    values = read.all(node)
    if len(values) == 1:
        return values[0]
    return read.add(node, OPERATORS["scale"](factor=1 / len(values)), read.add(node, OPERATORS["add"](), *values))


@rule("Max", "Min")
def _extreme(read: Reader, node: Node) -> Value:
    most = node.op_type == "Max"

    def two(first: Value, second: Value) -> Value:
        for value, bound in ((first, second), (second, first)):
            number = loose_scalar(bound, value)
            if number is not None:
                ops = bounded(*((number, float("inf")) if most else (float("-inf"), number)))
                return read.chain(node, ops, value)
        return read.add(node, OPERATORS["maximum" if most else "minimum"](), first, second)

    return reduce(two, read.all(node))


@rule(*LOGIC)
def _logic(read: Reader, node: Node) -> Value:
    return read.add(node, OPERATORS[LOGIC[node.op_type]](), *pair(read, node), dtype="bool")


@rule(*COMPARISONS)
def _comparison(read: Reader, node: Node) -> Value:
    return read.add(node, OPERATORS["compare"](how=COMPARISONS[node.op_type]), *pair(read, node), dtype="bool")


@rule("Mod")
def _mod(read: Reader, node: Node) -> Value:
    return read.add(node, OPERATORS["mod"](truncated=bool(node.get("fmod", 0))), *pair(read, node))


@rule(*CALLS)
def _call(read: Reader, node: Node) -> Value:
    return each(read, node, *pair(read, node))


@rule("Where")
def _where(read: Reader, node: Node) -> Value:
    condition, one, other = (read.value(node, position) for position in range(3))
    return read.add(node, OPERATORS["where"](), condition, one, other, dtype=one.dtype)
