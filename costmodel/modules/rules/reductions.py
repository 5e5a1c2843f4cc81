"""Reductions along axes, and what is chosen or summed along one."""

from __future__ import annotations

from typing import Any

from costmodel.modules.calls import Call
from costmodel.modules.reader import KNOWN, Reader, rule
from costmodel.ops import OPERATORS
from costmodel.reading.axes import axes_from_end
from costmodel.reading.value import Value


def axes(call: Call, name: str = "dim") -> tuple[int, ...]:
    """Return the axes that a call reduces, counted from the end; all where it names none."""
    rank = call["self"].dim()
    given: Any = call[name]
    if given is None or (isinstance(given, (list, tuple)) and not given):
        return tuple(range(-rank, 0))
    return axes_from_end(given if isinstance(given, (list, tuple)) else [given], max(rank, 1))


REDUCED = {"sum": "sum", "mean": "mean", "amax": "max", "amin": "min", "max": "max", "min": "min", "prod": "prod"}


@rule(*REDUCED)
def _reduce(read: Reader, call: Call) -> Value | list[Value]:
    value = read.value(call["self"])
    if "other" in call.args:
        other = read.value(call["other"])
        return read.add(OPERATORS["maximum" if call.name == "max" else "minimum"](), value, other)
    own = axes(call)
    if not own:
        return value
    fields: dict[str, Any] = {"axis": own if len(own) > 1 else own[0], "keep_dims": bool(call["keepdim"])}
    found = [read.add(OPERATORS[REDUCED[call.name]](**fields), value)]
    if len(call.results) > 1:
        found.append(read.add(OPERATORS["argmax" if call.name == "max" else "argmin"](**fields), value, dtype="int64"))
    return found


@rule("argmax", "argmin")
def _position(read: Reader, call: Call) -> Value:
    value = read.value(call["self"])
    own = axes(call)
    if call["dim"] is None:
        return read.free(call.out, value, operations=value.size)
    return read.add(OPERATORS[call.name](axis=own[0], keep_dims=bool(call["keepdim"])), value, dtype="int64")


@rule("softmax", "_softmax", "log_softmax", "_log_softmax", "softmin")
def _softmax(read: Reader, call: Call) -> Value:
    value = read.value(call["self"])
    name = "log_softmax" if "log" in call.name else "softmax"
    return read.add(OPERATORS[name](axis=axes(call)[0]), value)


@rule("cumsum")
def _cumsum(read: Reader, call: Call) -> Value:
    return read.add(OPERATORS["cumsum"](axis=axes(call)[0]), read.value(call["self"]))


@rule("topk")
def _topk(read: Reader, call: Call) -> list[Value]:
    value, fields = read.value(call["self"]), {"k": call["k"], "axis": axes(call)[0]}
    places = read.add(OPERATORS["top_k_indices"](**fields), value, dtype="int64")
    return [read.add(OPERATORS["top_k"](**fields), value, places), places]


def _times(number: int) -> Any:
    return lambda call: (0, number * call.tensors[0].numel())


KNOWN.update({name: _times(4) for name in ("var", "std", "var_mean", "std_mean", "logsumexp")})
KNOWN.update({name: _times(2) for name in ("linalg_vector_norm", "norm", "frobenius_norm", "count_nonzero")})
KNOWN.update(
    {name: _times(1) for name in ("any", "all", "aminmax", "cumprod", "cummax", "cummin", "nansum", "logcumsumexp")}
)
KNOWN.update({name: _times(1) for name in ("sort", "msort", "argsort")})  # as top_k: more depends on the numbers


def _loss(each: int) -> Any:
    """Return what a loss costs: so much an element, and an addition each where they become one number."""
    return lambda call: (0, call.tensors[0].numel() * (each + (call["reduction"] != 0)))


KNOWN.update({name: _loss(2) for name in ("mse_loss", "l1_loss")})  # a difference, and its square or size
KNOWN["binary_cross_entropy"] = _loss(8)  # two logarithms and products, 1 - x, 1 - y, a sum and its sign
KNOWN.update({name: _times(3) for name in ("cosine_similarity", "pairwise_distance")})
