"""Nodes that make of each number one number."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from costmodel.onnx.folding.arithmetic import beside, spread_beside
from costmodel.onnx.folding.call import RULES, Array, Call, Rule, as_read, folds, spread_all

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
    "And": np.logical_and,
    "BitwiseAnd": np.bitwise_and,
    "BitwiseOr": np.bitwise_or,
    "BitwiseXor": np.bitwise_xor,
    "Or": np.logical_or,
    "PRelu": lambda a, b: np.where(a < 0, a * b, a).astype(a.dtype),
    "Pow": lambda a, b: np.power(a, b).astype(a.dtype),
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
    return lambda call: function(call[0], beside(call).array())


RULES.update({name: (_single(function), as_read) for name, function in SINGLE.items()})
RULES.update({name: (_shaped(function, numbers), as_read) for name, (function, numbers) in SHAPED.items()})
RULES.update({name: (_pair(function), spread_beside) for name, function in PAIRS.items()})


@folds(*SEVERAL, most=spread_all)
def _several(call: Call) -> Array:
    arrays = call.arrays()
    total = arrays[0]
    for array in arrays[1:]:
        total = SEVERAL[call.node.op_type](total, array)
    return total / len(arrays) if call.node.op_type == "Mean" else np.copy(total)


@folds("BitShift", most=spread_all)
def _bit_shift(call: Call) -> Array:
    shift = np.left_shift if call.get("direction") == "LEFT" else np.right_shift
    return shift(call[0], call[1])


@folds("Mod", most=spread_all)
def _mod(call: Call) -> Array:
    if call[0].dtype.kind in "iu" and not (call[1] != 0).all():
        raise ZeroDivisionError
    return np.fmod(call[0], call[1]) if call.get("fmod", 0) else np.mod(call[0], call[1])


@folds("Where", most=spread_all)
def _where(call: Call) -> Array:
    return np.where(call[0], call[1], call[2])


@folds("Clip", most=lambda call: call.held(0).size)
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


def _sigmoid(x: Array) -> Array:
    positive = 1 / (1 + np.exp(-np.abs(x)))
    return np.where(x < 0, 1 - positive, positive).astype(x.dtype)


def _erf(x: Array) -> Array:
    return np.array([math.erf(value) for value in x.reshape(-1)]).reshape(x.shape).astype(x.dtype)
