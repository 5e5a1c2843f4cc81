"""Nodes that work on every element of one tensor by itself: functions and activations."""

from __future__ import annotations

from math import inf, isclose

from costmodel.onnx.model import Node
from costmodel.onnx.reader import BOUNDLESS, Reader, rule
from costmodel.onnx.types.common import as_shape, each, loose_scalar
from costmodel.ops import OPERATORS
from costmodel.ops.base import Operator
from costmodel.ops.rectifier import SELU_ALPHA, SELU_SCALE
from costmodel.reading.value import UnreadError, Value

PLAIN = {
    "Abs": "abs",
    "Ceil": "ceil",
    "Cos": "cos",
    "Erf": "erf",
    "Exp": "exp",
    "Floor": "floor",
    "HardSwish": "hardswish",
    "Log": "log",
    "Mish": "mish",
    "Neg": "neg",
    "Not": "not",
    "Reciprocal": "reciprocal",
    "Relu": "relu",
    "Round": "round",
    "Sigmoid": "sigmoid",
    "Sign": "sign",
    "Sin": "sin",
    "Softplus": "softplus",
    "Softsign": "softsign",
    "Sqrt": "sqrt",
    "Tanh": "tanh",
}
"""Nodes without attributes and the operators that they are."""
CALLS = "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "Cosh", "Sinh", "Tan", "BitwiseNot"
"""Functions without a page, one call an element."""


@rule(*PLAIN)
def _plain(read: Reader, node: Node) -> Value:
    return read.add(node, OPERATORS[PLAIN[node.op_type]](), read.value(node, 0))


@rule(*CALLS)
def _call(read: Reader, node: Node) -> Value:
    return each(read, node, read.value(node, 0))


@rule("IsNaN", "IsInf")
def _is_special(read: Reader, node: Node) -> Value:
    """A comparison an element."""
    return each(read, node, read.value(node, 0), dtype="bool")


@rule("LeakyRelu")
def _leaky_relu(read: Reader, node: Node) -> Value:
    return read.add(node, OPERATORS["leaky_relu"](slope=node.get("alpha", 0.01)), read.value(node, 0))


@rule("Elu", "Celu")
def _elu(read: Reader, node: Node) -> Value:
    return read.add(node, OPERATORS[node.op_type.lower()](alpha=node.get("alpha", 1.0)), read.value(node, 0))


@rule("Selu")
def _selu(read: Reader, node: Node) -> Value:
    """Other constants than the usual ones take as much."""
    value = read.value(node, 0)
    usual = isclose(node.get("alpha", SELU_ALPHA), SELU_ALPHA, rel_tol=1e-3)
    if usual and isclose(node.get("gamma", SELU_SCALE), SELU_SCALE, rel_tol=1e-3):
        return read.add(node, OPERATORS["selu"](), value)
    return each(read, node, value, operations=OPERATORS["selu"].operations)  # type: ignore[attr-defined]


@rule("Gelu")
def _gelu(read: Reader, node: Node) -> Value:
    return read.add(node, OPERATORS["gelu"](approximate=node.get("approximate", "none")), read.value(node, 0))


@rule("ThresholdedRelu")
def _thresholded_relu(read: Reader, node: Node) -> Value:
    return read.add(node, OPERATORS["threshold"](threshold=node.get("alpha", 1.0), value=0.0), read.value(node, 0))


@rule("Shrink")
def _shrink(read: Reader, node: Node) -> Value:
    value, edge, bias = read.value(node, 0), node.get("lambd", 0.5), node.get("bias", 0.0)
    if edge >= 0 and bias in (0, edge):
        return read.add(node, OPERATORS["hardshrink" if bias == 0 else "softshrink"](lambd=edge), value)
    return each(read, node, value, operations=OPERATORS["softshrink"].operations)  # type: ignore[attr-defined]


@rule("HardSigmoid")
def _hard_sigmoid(read: Reader, node: Node) -> Value:
    """max(0, min(1, alpha x + beta))."""
    alpha, beta, value = node.get("alpha", 0.2), node.get("beta", 0.5), read.value(node, 0)
    if isclose(alpha, 1 / 6, rel_tol=1e-3) and isclose(beta, 0.5, rel_tol=1e-3):
        return read.add(node, OPERATORS["hardsigmoid"](), value)
    steps = [OPERATORS["scale"](factor=alpha), OPERATORS["shift"](amount=beta), OPERATORS["clamp"](min=0.0, max=1.0)]
    return read.chain(node, steps, value)


@rule("Swish")
def _swish(read: Reader, node: Node) -> Value:
    return swish(read, node, read.value(node, 0))


@rule("SwiGLU")
def _swiglu(read: Reader, node: Node) -> Value:
    return read.add(node, OPERATORS["multiply"](), swish(read, node, read.value(node, 0)), read.value(node, 1))


def swish(read: Reader, node: Node, value: Value) -> Value:
    """Return x * sigmoid(alpha x), alpha as the node has it."""
    alpha = node.get("alpha", 1.0)
    if alpha == 1:
        return read.add(node, OPERATORS["silu"](), value)
    gate = read.chain(node, [OPERATORS["scale"](factor=alpha), OPERATORS["sigmoid"]()], value)
    return read.add(node, OPERATORS["multiply"](), value, gate)


@rule("Clip")
def _clip(read: Reader, node: Node) -> Value:
    """Bounds are no params, wherever the file keeps them; such as depend on the input are compared with one each."""
    value = read.value(node, 0)
    bounds: list[float] = []
    computed = []
    for position, (name, none, op) in enumerate((("min", -inf, "maximum"), ("max", inf, "minimum")), 1):
        bound = read.optional(node, position)
        if bound is not None and bound.scalar() is None:
            computed.append((op, bound))
        given = node.get(name, None) if bound is None else bound.scalar()
        bounds.append(none if given is None else float(given))
    value = read.chain(node, bounded(*bounds), value)
    for op, bound in computed:
        value = read.add(node, OPERATORS[op](), value, bound)
    return value


def bounded(low: float, high: float) -> list[Operator]:
    """Return the operator that keeps elements within bounds, none where there are none.

    Raises:
        UnreadError: if they leave nothing.
    """
    least, most = (None if abs(bound) > BOUNDLESS else bound for bound in (low, high))
    if least is None and most is None:
        return []
    if least is not None and most is not None and least > most:
        raise UnreadError(f"it clips to at least {least:g} and at most {most:g}")
    if least == 0 and most in (None, 6):
        return [OPERATORS["relu" if most is None else "relu6"]()]
    return [OPERATORS["clamp"](min=least, max=most)]


@rule("PRelu")
def _prelu(read: Reader, node: Node) -> Value:
    value, slope = read.value(node, 0), read.value(node, 1)
    rank = len(value.shape)
    if node.opset < 7 and len(slope.shape) == 1 and slope.size > 1:
        slope = as_shape(read, node, slope, (slope.size, *(1,) * (rank - 2)))  # older slopes are the channels'
    wide = [place - len(slope.shape) for place, size in enumerate(slope.shape) if size > 1]
    number = loose_scalar(slope, value)
    if number is not None:
        return read.add(node, OPERATORS["leaky_relu"](slope=number), value)
    if slope.trained and value.size and len(slope.shape) <= rank > 1 and len(wide) <= 1:
        fields = {"axis": wide[0]} if wide else {"shared": True}
        return read.add(node, OPERATORS["prelu"](**fields), value, arrays={"slope": slope})
    return each(read, node, value, slope, operations=OPERATORS["prelu"].operations)  # type: ignore[attr-defined]
