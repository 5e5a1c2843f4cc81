"""What works on every element by itself, of one tensor or of several that spread over one another."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from costmodel.modules.calls import Call
from costmodel.modules.reader import KNOWN, Reader, rule
from costmodel.modules.tensors import dtype_name
from costmodel.modules.twins import as_held
from costmodel.ops import OPERATORS
from costmodel.reading.axes import from_end
from costmodel.reading.held import of_array
from costmodel.reading.value import UnreadError, Value, known

PLAIN = {
    "relu": "relu",
    "relu6": "relu6",
    "sigmoid": "sigmoid",
    "tanh": "tanh",
    "hardsigmoid": "hardsigmoid",
    "hardswish": "hardswish",
    "silu": "silu",
    "selu": "selu",
    "mish": "mish",
    "log_sigmoid": "logsigmoid",
    "exp": "exp",
    "log": "log",
    "sqrt": "sqrt",
    "sin": "sin",
    "cos": "cos",
    "reciprocal": "reciprocal",
    "floor": "floor",
    "ceil": "ceil",
    "round": "round",
    "abs": "abs",
    "neg": "neg",
    "sign": "sign",
    "erf": "erf",
    "rsqrt": "rsqrt",
    "square": "square",
    "isnan": "isnan",
    "logical_not": "not",
}
"""Operators of one input, without fields."""


@rule(*PLAIN)
def _plain(read: Reader, call: Call) -> Value:
    return read.add(OPERATORS[PLAIN[call.name]](), read.value(call.tensors[0]))


FIELDS = {
    "gelu": ("gelu", {"approximate": "approximate"}),
    "elu": ("elu", {"alpha": "alpha"}),
    "celu": ("celu", {"alpha": "alpha"}),
    "leaky_relu": ("leaky_relu", {"slope": "negative_slope"}),
    "rrelu": ("rrelu", {"lower": "lower", "upper": "upper"}),
    "softplus": ("softplus", {"beta": "beta"}),
    "softshrink": ("softshrink", {"lambd": "lambd"}),
    "hardshrink": ("hardshrink", {"lambd": "lambd"}),
    "threshold": ("threshold", {"threshold": "threshold", "value": "value"}),
    "hardtanh": ("hardtanh", {"min_val": "min_val", "max_val": "max_val"}),
    "glu": ("glu", {}),
}
"""Operators of one input: ours, and where its fields come from."""


@rule(*FIELDS)
def _with_fields(read: Reader, call: Call) -> Value:
    name, named = FIELDS[call.name]
    fields: dict[str, Any] = {ours: call[theirs] for ours, theirs in named.items()}
    if name == "elu" and (call["scale"] != 1 or call["input_scale"] != 1):
        raise UnreadError("it scales what it reads or gives")
    if name == "hardtanh" and (fields["min_val"], fields["max_val"]) == (0, 6):
        name, fields = "relu6", {}
    value = read.value(call["self"])
    if name == "glu":
        fields["axis"] = from_end(call["dim"], len(value.shape))
    return read.add(OPERATORS[name](**fields), value)


@rule("clamp", "clamp_min", "clamp_max", "clip")
def _clamp(read: Reader, call: Call) -> Value:
    ends = {name: call[name] for name in ("min", "max") if call[name] is not None}
    if any(isinstance(end, torch.Tensor) for end in ends.values()):
        value = read.value(call["self"])
        for name, end in ends.items():
            value = read.add(OPERATORS["maximum" if name == "min" else "minimum"](), value, operand(read, end))
        return value
    return read.add(OPERATORS["clamp"](**ends), read.value(call["self"]))


@rule("prelu")
def _prelu(read: Reader, call: Call) -> Value:
    value, slope = read.value(call["self"]), read.value(call["weight"])
    if not slope.constant:
        raise UnreadError("its slope is computed")
    axis = min(1, len(value.shape) - 1) - len(value.shape)
    op = OPERATORS["prelu"](shared=slope.size == 1, axis=axis)
    return read.add(op, value, arrays={"slope": slope})


def operand(read: Reader, given: Any) -> Value:
    """Return an operand: a tensor, or a number that is the same for all elements."""
    if isinstance(given, torch.Tensor):
        return read.value(given)
    dtype = "bool" if isinstance(given, bool) else "int64" if isinstance(given, int) else "float32"
    return known(of_array(np.asarray(given)), dtype)


def number(read: Reader, given: Any) -> float | None:
    """Return the number that an operand is, None for tensors whose numbers are many, learned or not known."""
    if isinstance(given, torch.Tensor):
        value = read.value(given)
        if value.arrays or value.source or value.size != 1 or len(value.shape) > 0:
            return None
        return value.scalar()
    return given if isinstance(given, (int, float)) else None


@rule("add", "sub", "subtract")
def _add(read: Reader, call: Call) -> Value:
    value, other = read.value(call["self"]), number(read, call["other"])
    factor = call["alpha"] if call["alpha"] is not None else 1
    minus = call.name != "add"
    if other is not None:
        return read.add(OPERATORS["shift"](amount=-other * factor if minus else other * factor), value)
    second = operand(read, call["other"])
    if factor != 1:
        second = read.add(OPERATORS["scale"](factor=factor), second)
    return read.add(OPERATORS["subtract" if minus else "add"](), value, second)


@rule("rsub")
def _rsub(read: Reader, call: Call) -> Value:
    value = read.value(call["self"])
    if call["alpha"] not in (None, 1):
        value = read.add(OPERATORS["scale"](factor=call["alpha"]), value)
    return read.add(OPERATORS["subtract"](), operand(read, call["other"]), value)


@rule("mul", "multiply")
def _mul(read: Reader, call: Call) -> Value:
    one, other = call["self"], call["other"]
    first, second = number(read, one), number(read, other)
    if second is not None:
        return read.add(OPERATORS["scale"](factor=second), read.value(one))
    if first is not None:
        return read.add(OPERATORS["scale"](factor=first), read.value(other))
    values = [operand(read, one), operand(read, other)]
    for value, scale in (values, values[::-1]):
        if (
            scale.whole
            and scale.constant
            and scale.size == 1
            and not value.constant
            and len(scale.shape) <= len(value.shape)
        ):
            return read.add(OPERATORS["layer_scale"](shared=True), value, arrays={"weight": scale})
    return read.add(OPERATORS["multiply"](), *values)


@rule("div", "divide", "true_divide", "floor_divide")
def _div(read: Reader, call: Call) -> Value:
    value, other = read.value(call["self"]), number(read, call["other"])
    rounding = call["rounding_mode"] or ("floor" if call.name == "floor_divide" else None)
    if other and rounding is None and value.real:
        return read.add(OPERATORS["scale"](factor=1 / other), value)
    if rounding is None and value.real:
        return read.add(OPERATORS["divide"](), value, operand(read, call["other"]))
    values = [read.value(tensor) for tensor in call.tensors]
    return read.free(call.out, *values, operations=call.out.numel() * (2 if rounding else 1))


@rule("pow")
def _pow(read: Reader, call: Call) -> Value:
    exponent = number(read, call["exponent"])
    if not isinstance(call["self"], torch.Tensor):
        raise UnreadError("its base is a number")
    value = read.value(call["self"])
    if exponent == 2:
        return read.add(OPERATORS["square"](), value)
    if exponent is not None:
        return read.add(OPERATORS["power"](exponent=exponent), value)
    return read.add(OPERATORS["power"](), value, operand(read, call["exponent"]))


KNOWN["pow"] = lambda call: (0, call.out.numel())
PAIRS = {
    "maximum": "maximum",
    "minimum": "minimum",
    "logical_and": "and",
    "logical_or": "or",
    "logical_xor": "xor",
    "remainder": "mod",
    "fmod": "mod",
}


@rule(*PAIRS)
def _pair(read: Reader, call: Call) -> Value:
    fields = {"truncated": True} if call.name == "fmod" else {}
    return read.add(OPERATORS[PAIRS[call.name]](**fields), *(operand(read, call[one]) for one in ("self", "other")))


COMPARED = {
    "eq": "equal",
    "ne": "not_equal",
    "lt": "less",
    "le": "less_equal",
    "gt": "greater",
    "ge": "greater_equal",
}


@rule(*COMPARED)
def _compare(read: Reader, call: Call) -> Value:
    op = OPERATORS["compare"](how=COMPARED[call.name])
    return read.add(op, operand(read, call["self"]), operand(read, call["other"]), dtype="bool")


@rule("where")
def _where(read: Reader, call: Call) -> Value:
    condition, one, other = (operand(read, call[name]) for name in ("condition", "self", "other"))
    return read.add(OPERATORS["where"](), condition, one, other)


@rule("masked_fill")
def _masked_fill(read: Reader, call: Call) -> Value:
    mask, filling = read.value(call["mask"]), operand(read, call["value"])
    return read.add(OPERATORS["where"](), mask, filling, read.value(call["self"]))


@rule("copy", "fill", "zero")
def _copy(read: Reader, call: Call) -> Value:
    """Everything in the first is overwritten, so it is what is written now."""
    target = tuple(call["self"].shape)
    given = call["src"] if call.name == "copy" else call["value"]
    written = operand(read, given if call.name != "zero" else 0.0)
    if written.shape == target:
        return written
    if written.constant and not written.arrays:
        return Value(target, written.dtype)
    return read.free(call.out, written)


@rule("dropout", "feature_dropout", "alpha_dropout", "feature_alpha_dropout", "native_dropout")
def _dropout(read: Reader, call: Call) -> Value:
    value = read.value(call.tensors[0])
    together = len(value.shape) - 2 if call.name.startswith("feature") else 0
    return read.add(OPERATORS["dropout"](rate=call["p"], together=max(together, 0)), value)


@rule(
    "detach",
    "alias",
    "lift_fresh",
    "contiguous",
    "requires_grad",
    "conj",
    "resolve_conj",
    "resolve_neg",
    "bernoulli",
    "normal",
    "uniform",
    "exponential",
    "random",
)
def _same(read: Reader, call: Call) -> Value:
    value = read.value(call.tensors[0])
    if value.shape == tuple(call.out.shape):
        return value
    raise UnreadError("it changes the shape")


@rule(
    "new_empty",
    "new_zeros",
    "new_ones",
    "new_full",
    "zeros_like",
    "ones_like",
    "full_like",
    "empty_like",
    "rand_like",
    "randn_like",
    "new_empty_strided",
    "randint_like",
)
def _made_alike(read: Reader, call: Call) -> Value:
    """Only the shape is read; for several images it is one for each of them."""
    value = read.value(call["self"])
    if read.batch > 1 and call.out.shape[:1] == (read.batch,) and not value.constant:
        return read.free(call.out, value)
    numbers = read.shadows.of(call.out)
    return Value(
        tuple(call.out.shape),
        dtype_name(call.out),
        held=None if numbers is None else as_held(numbers),
    )
