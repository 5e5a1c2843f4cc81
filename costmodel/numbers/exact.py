"""Whole numbers in arrays that never wrap around: an int64 array that notices when a result may pass 2**63."""

from __future__ import annotations

from typing import Any

import numpy as np

from costmodel.errors import CostModelError
from costmodel.numbers.verdicts import LISTENER

LIMIT = 2**63 - 1

Bound = int | None


class Exact(np.ndarray[Any, Any]):
    """An array that carries a bound of its elements along, and looks closer only where that passes `LIMIT`.

    Elements that do pass it are handed to `LISTENER` as failing; where nobody listens, that is an error.
    """

    _bound: Bound = None

    def __array_finalize__(self, source: Any) -> None:
        self._bound = None

    def __repr__(self) -> str:
        return repr(self.view(np.ndarray))

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        plain = [x.view(np.ndarray) if isinstance(x, Exact) else _held(x) for x in inputs]
        if method != "__call__" or "out" in options:
            options = {key: _unguarded(value) for key, value in options.items()}
            return getattr(ufunc, method)(*plain, **options)
        result = ufunc(*plain, **options)
        if not isinstance(result, np.ndarray) or result.dtype.kind not in "if":
            return result
        out = result.view(Exact)
        if result.dtype.kind == "i" and ufunc in _GROWS:
            out._bound = _GROWS[ufunc](*(_bound(x) for x in inputs))
            if out._bound > LIMIT:
                out._bound = _look_closer(ufunc, plain)
        return out


def exact(values: Any) -> Exact:
    """Return an array of whole numbers as int64, of other numbers as float64, that takes care of itself."""
    if isinstance(values, Exact):
        return values
    array = np.asarray(values)
    return array.astype("int64" if array.dtype.kind in "iu" else "float64").view(Exact)


def _held(value: Any) -> Any:
    """Return an operand, unless it is a whole number that no array can hold: it counts as past the limit everywhere."""
    if not isinstance(value, int) or abs(value) <= LIMIT:
        return value
    _refuse(np.zeros((), dtype=bool))
    return LIMIT


def _refuse(good: Any) -> None:
    """Hand over which elements are within the limit; where nobody listens, that is an error."""
    listener = LISTENER.get()
    if listener is None:
        raise CostModelError("a count passes 2**63, which an array cannot hold; price this network alone")
    listener(good)


def _unguarded(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(_unguarded, value))
    return value.view(np.ndarray) if isinstance(value, Exact) else value


def _bound(value: Any) -> int:
    """Return a number that no element exceeds in size."""
    if isinstance(value, Exact) and value._bound is not None:
        return value._bound
    array = np.asarray(value)
    bound = max(int(array.max()), -int(array.min())) if array.size else 0
    if isinstance(value, Exact):
        value._bound = bound
    return bound


_GROWS: dict[np.ufunc, Any] = {
    np.add: lambda a, b: a + b,
    np.subtract: lambda a, b: a + b,
    np.multiply: lambda a, b: a * b,
    np.negative: lambda a: a,
    np.absolute: lambda a: a,
    np.floor_divide: lambda a, b: a,
    np.remainder: lambda a, b: b,
    np.maximum: lambda a, b: max(a, b),
    np.minimum: lambda a, b: max(a, b),
}
"""How large the result of an operation on whole numbers can be, from how large its operands can be."""


def _look_closer(ufunc: np.ufunc, operands: list[Any]) -> Bound:
    """Compute again in floating point, which does not wrap, and report the elements that pass the limit."""
    size = abs(ufunc(*(np.asarray(x, dtype="float64") for x in operands)))
    if not (size < float(LIMIT)).all():
        _refuse(size < float(LIMIT))
    return LIMIT
