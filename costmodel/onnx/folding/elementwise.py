"""Nodes that make of each number one number."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from costmodel.onnx.folding.call import RULES, Array, Call, Rule, as_read, folds, numpy_type, spread

ROOT = math.sqrt(0.5)

SINGLE: dict[str, Callable[[Array], Array]] = {
    "Abs": np.abs,
    "Acos": np.arccos,
    "Acosh": np.arccosh,
    "Asin": np.arcsin,
    "Asinh": np.arcsinh,
    "Atan": np.arctan,
    "Atanh": np.arctanh,
    "BitwiseNot": np.invert,
    "Ceil": np.ceil,
    "Cos": np.cos,
    "Cosh": np.cosh,
    "Erf": lambda x: _erf(x),
    "Exp": np.exp,
    "Floor": np.floor,
    "HardSwish": lambda x: x * np.clip(x / 6 + 0.5, 0, 1),
    "Identity": np.copy,
    "IsNaN": np.isnan,
    "Log": np.log,
    "Mish": lambda x: x * np.tanh(np.logaddexp(x, 0)),
    "Neg": np.negative,
    "Not": np.logical_not,
    "Reciprocal": lambda x: 1 / x,
    "Relu": lambda x: np.maximum(x, 0),
    "Round": np.rint,
    "Sigmoid": lambda x: _sigmoid(x),
    "Sign": np.sign,
    "Sin": np.sin,
    "Sinh": np.sinh,
    "Softplus": lambda x: np.logaddexp(x, 0),
    "Softsign": lambda x: x / (1 + np.abs(x)),
    "Sqrt": np.sqrt,
    "Tan": np.tan,
    "Tanh": np.tanh,
}
SHAPED: dict[str, tuple[Callable[..., Array], dict[str, float]]] = {
    "Celu": (lambda x, alpha: np.maximum(x, 0) + np.minimum(0, alpha * np.expm1(x / alpha)), {"alpha": 1.0}),
    "Elu": (lambda x, alpha: np.where(x < 0, alpha * np.expm1(x), x), {"alpha": 1.0}),
    "HardSigmoid": (lambda x, alpha, beta: np.clip(alpha * x + beta, 0, 1), {"alpha": 0.2, "beta": 0.5}),
    "LeakyRelu": (lambda x, alpha: np.where(x < 0, alpha * x, x), {"alpha": 0.01}),
    "Selu": (
        lambda x, alpha, gamma: gamma * np.where(x > 0, x, alpha * np.expm1(x)),
        {"alpha": 1.6732632, "gamma": 1.050701},
    ),
    "Shrink": (
        lambda x, lambd, bias: np.where(x < -lambd, x + bias, np.where(x > lambd, x - bias, 0)),
        {"lambd": 0.5, "bias": 0.0},
    ),
    "Swish": (lambda x, alpha: x * _sigmoid(alpha * x), {"alpha": 1.0}),
    "ThresholdedRelu": (lambda x, alpha: np.where(x > alpha, x, 0), {"alpha": 1.0}),
}
"""Functions with numbers of their own, and what these are where the node does not say."""
PAIRS: dict[str, Callable[[Array, Array], Array]] = {
    "Add": np.add,
    "And": np.logical_and,
    "BitwiseAnd": np.bitwise_and,
    "BitwiseOr": np.bitwise_or,
    "BitwiseXor": np.bitwise_xor,
    "Div": lambda a, b: divided(a, b),
    "Equal": np.equal,
    "Greater": np.greater,
    "GreaterOrEqual": np.greater_equal,
    "Less": np.less,
    "LessOrEqual": np.less_equal,
    "Mul": np.multiply,
    "Or": np.logical_or,
    "PRelu": lambda a, b: np.where(a < 0, a * b, a).astype(a.dtype),
    "Pow": lambda a, b: np.power(a, b).astype(a.dtype),
    "Sub": np.subtract,
    "Xor": np.logical_xor,
}
SEVERAL: dict[str, Callable[..., Array]] = {
    "Max": np.maximum,
    "Min": np.minimum,
    "Sum": np.add,
    "Mean": np.add,
}


def _single(function: Callable[[Array], Array]) -> Rule:
    return lambda call: function(call[0])


def _shaped(function: Callable[..., Array], numbers: dict[str, float]) -> Rule:
    def rule(call: Call) -> Array:
        told = {name: call.get(name, default) for name, default in numbers.items()}
        return function(call[0], **told).astype(call[0].dtype)

    return rule


def _pair(function: Callable[[Array, Array], Array]) -> Rule:
    return lambda call: function(call[0], _beside(call))


RULES.update({name: (_single(function), as_read) for name, function in SINGLE.items()})
RULES.update({name: (_shaped(function, numbers), as_read) for name, (function, numbers) in SHAPED.items()})
RULES.update({name: (_pair(function), lambda call: _spread_beside(call)) for name, function in PAIRS.items()})


@folds(*SEVERAL, most=spread)
def _several(call: Call) -> Array:
    arrays = call.present()
    total = arrays[0]
    for array in arrays[1:]:
        total = SEVERAL[call.node.op_type](total, array)
    return total / len(arrays) if call.node.op_type == "Mean" else np.copy(total)


@folds("BitShift", most=spread)
def _bit_shift(call: Call) -> Array:
    shift = np.left_shift if call.get("direction") == "LEFT" else np.right_shift
    return shift(call[0], call[1])


@folds("Mod", most=spread)
def _mod(call: Call) -> Array:
    if call[0].dtype.kind in "iu" and not (call[1] != 0).all():
        raise ZeroDivisionError
    return np.fmod(call[0], call[1]) if call.get("fmod", 0) else np.mod(call[0], call[1])


@folds("Where", most=spread)
def _where(call: Call) -> Array:
    return np.where(call[0], call[1], call[2])


@folds("Clip", most=lambda call: call[0].size)
def _clip(call: Call) -> Array:
    low, high = (call.given(place + 1) for place in (0, 1))
    if call.opset < 11:
        low, high = call.get("min"), call.get("max")
    x = call[0]
    x = x if low is None else np.maximum(x, np.asarray(low, x.dtype).reshape(()))
    return np.copy(x) if high is None else np.minimum(x, np.asarray(high, x.dtype).reshape(()))


@folds("IsInf", most=as_read)
def _is_inf(call: Call) -> Array:
    x = call[0]
    plus, minus = call.get("detect_positive", 1), call.get("detect_negative", 1)
    return np.isinf(x) & ((x > 0) & bool(plus) | (x < 0) & bool(minus))


@folds("Gelu", most=as_read)
def _gelu(call: Call) -> Array:
    x = call[0]
    if call.get("approximate", "none") == "tanh":
        return np.asarray(x / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))))
    return np.asarray(x / 2 * (1 + _erf(x * ROOT)))


@folds("Cast", most=as_read)
def _cast(call: Call) -> Array:
    to = call.get("to")
    if isinstance(to, str):  # as files of 2017 name types
        to = {"FLOAT": 1, "DOUBLE": 11, "INT32": 6, "INT64": 7, "BOOL": 9, "FLOAT16": 10}[to]
    return converted(call[0], numpy_type(to))


@folds("CastLike", most=lambda call: call[0].size)
def _cast_like(call: Call) -> Array:
    return converted(call[0], call[1].dtype)


def converted(x: Array, to: np.dtype[Any]) -> Array:
    """Return numbers as another type; floats lose what is behind the point.

    Raises:
        OverflowError: if a float is no whole number of the type.
    """
    if x.dtype.kind == "f" and to.kind in "iu" and x.size:
        limits = np.iinfo(to)
        if not (np.isfinite(x).all() and limits.min <= float(x.min()) and float(x.max()) <= limits.max):
            raise OverflowError
    return x.astype(to)


def divided(a: Array, b: Array) -> Array:
    """Return quotients, those of whole numbers cut towards zero.

    Raises:
        ZeroDivisionError: if a whole number is divided by none.
    """
    if a.dtype.kind not in "iu":
        return np.divide(a, b)
    if not (b != 0).all():
        raise ZeroDivisionError
    quotient, rest = np.divmod(a, b)
    return np.asarray(quotient + ((rest != 0) & ((a < 0) != (b < 0))).astype(quotient.dtype))


def _beside(call: Call) -> Array:
    """Return the second input as it lies beside the first: ONNX before its version 7 said at which axis."""
    a, b = call[0], call[1]
    axis = call.get("axis")
    if call.opset >= 7 or axis is None or not call.get("broadcast", 0):
        return b
    axis = axis + a.ndim if axis < 0 else axis
    return b.reshape(*b.shape, *[1] * (a.ndim - axis - b.ndim))


def _spread_beside(call: Call) -> int:
    return math.prod(np.broadcast_shapes(call[0].shape, _beside(call).shape))


def _sigmoid(x: Array) -> Array:
    positive = 1 / (1 + np.exp(-np.abs(x)))
    return np.where(x < 0, 1 - positive, positive).astype(x.dtype)


def _erf(x: Array) -> Array:
    return np.array([math.erf(value) for value in x.reshape(-1)]).reshape(x.shape).astype(x.dtype)
