"""The arithmetic that shapes are worked out by: the same functions on a few whole numbers and on arrays."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from math import prod
from typing import Any

from costmodel.onnx.folding.call import RULES, Array, Call, Rule, as_read, folds, numpy_type
from costmodel.onnx.folding.pieces import MOST_PIECES
from costmodel.reading.axes import spread
from costmodel.reading.held import LETTERS, Held, listed, of_array

WHOLE = frozenset(LETTERS) - {"float16", "float32", "float64"}


def divided(a: Any, b: Any) -> Any:
    """Return quotients, those of whole numbers cut towards zero.

    Raises:
        ZeroDivisionError: if a whole number is divided by none.
    """
    if not isinstance(b, int):
        if a.dtype.kind not in "iu":
            return a / b
        if not (b != 0).all():
            raise ZeroDivisionError
    quotient, rest = divmod(a, b)
    return quotient + ((rest != 0) & ((a < 0) != (b < 0)))


PAIRS: dict[str, Callable[[Any, Any], Any]] = {
    "Add": operator.add,
    "Div": divided,
    "Equal": operator.eq,
    "Greater": operator.gt,
    "GreaterOrEqual": operator.ge,
    "Less": operator.lt,
    "LessOrEqual": operator.le,
    "Mul": operator.mul,
    "Sub": operator.sub,
}


def _pair(function: Callable[[Any, Any], Any]) -> Rule:
    return lambda call: combined(function, call.held(0), beside(call))


def spread_beside(call: Call) -> int:
    """Bound what has the shape that two inputs spread to."""
    return prod(spread(call.held(0).shape, beside(call).shape))


RULES.update({name: (_pair(function), spread_beside) for name, function in PAIRS.items()})


def combined(function: Callable[[Any, Any], Any], a: Held, b: Held) -> Held:
    """Return what a function makes of two numbers each, spread over one another."""
    shape = spread(a.shape, b.shape)
    rows = _row(a, shape), _row(b, shape)
    if a.dtype == b.dtype in WHOLE and a.dtype != "bool" and all(rows):
        made = [function(*pair) for pair in zip(*rows, strict=True)]
        try:
            return listed(made, "bool" if isinstance(made[0], bool) else a.dtype).as_shape(shape)
        except ValueError:  # beyond what the type has: arrays begin again from its other end
            pass
    import numpy as np

    with np.errstate(all="ignore"):
        return of_array(np.asarray(function(a.array(), b.array())))


def _row(x: Held, shape: tuple[int, ...]) -> Sequence[Any]:
    """Return numbers that lie as they are or are one, spread to a shape; none where they are many."""
    if x.raw is None or prod(shape) > MOST_PIECES or (x.shape != shape and x.size != 1):
        return ()
    return x.row() if x.shape == shape else [*x.row()] * prod(shape)


def beside(call: Call) -> Held:
    """Return the second input as it lies beside the first: ONNX before its version 7 said at which axis."""
    a, b = call.held(0), call.held(1)
    axis = call.get("axis")
    if call.opset >= 7 or axis is None or not call.get("broadcast", 0):
        return b
    axis = axis + len(a.shape) if axis < 0 else axis
    return b.as_shape((*b.shape, *[1] * (len(a.shape) - axis - len(b.shape))))


@folds("Cast", most=as_read)
def _cast(call: Call) -> Held:
    to = call.get("to")
    if isinstance(to, str):  # as files of 2017 name types
        to = {"FLOAT": 1, "DOUBLE": 11, "INT32": 6, "INT64": 7, "BOOL": 9, "FLOAT16": 10}[to]
    return _as_type(call.held(0), numpy_type(to))


@folds("CastLike", most=lambda call: call.held(0).size)
def _cast_like(call: Call) -> Held:
    return _as_type(call.held(0), call.held(1).dtype)


def _as_type(x: Held, dtype: str) -> Held:
    """Return numbers as another type.

    Raises:
        OverflowError: if a float is no whole number of the type.
    """
    if x.dtype == dtype:
        return x
    if {x.dtype, dtype} <= WHOLE and x.raw is not None and x.size <= MOST_PIECES:
        try:
            return listed(x.row(), dtype).as_shape(x.shape)
        except ValueError:  # beyond what the type has: arrays begin again from its other end
            pass
    import numpy as np

    with np.errstate(all="ignore"):
        return of_array(_converted(x.array(), np.dtype(dtype)))


def _converted(x: Array, to: Any) -> Array:
    """Return numbers as another type of NumPy's; floats lose what is behind the point.

    Raises:
        OverflowError: if a float is no whole number of the type.
    """
    import numpy as np

    if x.dtype.kind == "f" and to.kind in "iu" and x.size:
        limits = np.iinfo(to)
        if not (np.isfinite(x).all() and limits.min <= float(x.min()) and float(x.max()) <= limits.max):
            raise OverflowError
    return x.astype(to)
