"""Arithmetic that serves three kinds of number with the same lines.

A cost rule is written once and evaluated on Python integers (one network), on NumPy ``int64`` arrays (a million
what-ifs) or on SymPy expressions (a closed formula). The rules use ``+ - * // %`` and the helpers below, nothing else,
so no rule needs to know which kind it was given.

NumPy and SymPy are never imported from here: an array or a symbol can only arrive if its library is already loaded.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, TypeAlias

from costmodel.numbers.verdicts import LISTENER

Number: TypeAlias = Any
"""An int (or float, before it becomes a size), a NumPy array, or a SymPy expression."""

Shape: TypeAlias = tuple[Number, ...]
"""Sizes of one image's tensor: ``(channels, height, width)``, ``(features,)`` or ``(tokens, features)``, no batch."""

WHOLE = 1e-9
"""How near to a whole number a product of decimals has to come to count as one (0.29 * 100 is 28.999999999999996)."""


def is_plain(value: Number) -> bool:
    """Say whether `value` is an ordinary Python number."""
    return isinstance(value, (int, float))


def is_array(value: Number) -> bool:
    """Say whether `value` is a NumPy array."""
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(value, numpy.ndarray)


def is_symbol(value: Number) -> bool:
    """Say whether `value` is a SymPy expression."""
    sympy = sys.modules.get("sympy")
    return sympy is not None and isinstance(value, sympy.Basic)


def is_number(value: Any) -> bool:
    """Say whether rules can reckon with `value`: a number of Python or NumPy, an array of them, or a symbol."""
    if is_plain(value) or is_symbol(value):
        return not isinstance(value, bool)
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(value, (numpy.ndarray, numpy.generic)) and value.dtype.kind in "iuf"


def guarded(value: Number) -> Number:
    """Return an array as one that refuses to wrap around past 2**63; other numbers never do."""
    if not is_array(value):
        return value
    from costmodel.numbers.exact import exact

    return exact(value)


def ceil_div(a: Number, b: Number) -> Number:
    """Return a / b rounded up."""
    if is_plain(b) and b == 1:
        return a
    return -(-a // b)


def gcd(a: Number, b: Number) -> Number:
    """Return the greatest common divisor of two whole numbers."""
    if type(a) is int and type(b) is int:
        return math.gcd(a, b)
    if is_symbol(a) or is_symbol(b):
        return _symbolic_gcd()(a, b)
    return sys.modules["numpy"].gcd(a, b)


@lru_cache(maxsize=1)
def _symbolic_gcd() -> Any:
    """Return gcd as a function that waits for numbers: SymPy's own is of polynomials, and 1 for any two symbols."""
    sympy = sys.modules["sympy"]

    def eval_(cls: Any, a: Any, b: Any) -> Any:
        return sympy.Integer(sympy.igcd(a, b)) if a.is_Integer and b.is_Integer else None

    return type("gcd", (sympy.Function,), {"eval": classmethod(eval_)})


def product(sizes: Iterable[Number]) -> Number:
    """Return the product of `sizes` (1 for none)."""
    total: Number = 1
    for size in sizes:
        total = total * size
    return total


def largest(a: Number, b: Number) -> Number:
    """Return the larger of two numbers, element by element for arrays."""
    if type(a) is int and type(b) is int:  # by far the most frequent
        return a if a > b else b
    if is_plain(a) and is_plain(b):
        return max(a, b)
    if is_symbol(a) or is_symbol(b):
        return sys.modules["sympy"].Max(a, b)
    return sys.modules["numpy"].maximum(a, b)


def smallest(a: Number, b: Number) -> Number:
    """Return the smaller of two numbers, element by element for arrays."""
    if type(a) is int and type(b) is int:
        return a if a < b else b
    if is_plain(a) and is_plain(b):
        return min(a, b)
    if is_symbol(a) or is_symbol(b):
        return sys.modules["sympy"].Min(a, b)
    return sys.modules["numpy"].minimum(a, b)


def floor(x: Number) -> Number:
    """Round down, where a value within `WHOLE` of a whole number is that number."""
    if isinstance(x, int):
        return x
    if isinstance(x, float):
        return math.floor(x + WHOLE)
    if is_symbol(x):
        return sys.modules["sympy"].floor(_rational(x))
    return sys.modules["numpy"].floor(x + WHOLE).astype("int64")


def ceil(x: Number) -> Number:
    """Round up, where a value within `WHOLE` of a whole number is that number."""
    return -floor(-x)


def round_half_even(x: Number) -> Number:
    """Round to the nearest whole number, halves to the even one, as Python does."""
    if isinstance(x, int):
        return x
    if isinstance(x, float):
        return round(x)
    if is_symbol(x):
        sympy = sys.modules["sympy"]
        above = _rational(x) + sympy.Rational(1, 2)
        up = sympy.floor(above)  # halves, which go up here, come down again from odd numbers
        return sympy.Piecewise((up - sympy.Mod(up, 2), sympy.Eq(above, up)), (up, True))
    return sys.modules["numpy"].rint(x).astype("int64")


def divisible(x: Number, divisor: int) -> Number:
    """Return the multiple of `divisor` nearest to `x`, at least `divisor` and never more than 10 % below `x`.

    Source: MobileNetV2's reference code (Sandler et al. 2018), where every width is rounded this way.
    """
    nearest = largest(floor(x + divisor / 2) // divisor * divisor, divisor)
    if is_plain(x):
        return nearest + divisor if nearest < 0.9 * x else nearest
    if is_symbol(x):
        sympy = sys.modules["sympy"]
        return sympy.Piecewise((nearest + divisor, nearest < sympy.Rational(9, 10) * x), (nearest, True))
    return nearest + divisor * (nearest < 0.9 * x)


MAX_BITS = 64
"""A power of whole numbers that would have more is not computed."""


def power(x: Number, exponent: Number) -> Number:
    """Return `x` to a power; whole where both are and the exponent is not negative.

    Raises:
        OverflowError: if it is larger than any number may be.
        ValueError: if it is no real number.
    """
    if is_plain(x) and is_plain(exponent):
        if isinstance(x, int) and isinstance(exponent, int) and exponent >= 0:
            if abs(x) > 1 and (abs(x).bit_length() - 1) * exponent > MAX_BITS:
                raise OverflowError
            return x**exponent
        return math.pow(x, exponent)
    if is_symbol(x) or is_symbol(exponent):
        return sys.modules["sympy"].Pow(x, exponent)
    return _array_power(x, exponent)


def _array_power(x: Number, exponent: Number) -> Number:
    """Return a power where one of the two is an array: computed in floating point, which does not wrap."""
    numpy = sys.modules["numpy"]
    with numpy.errstate(all="ignore"):
        result = numpy.power(numpy.asarray(x, dtype="float64"), numpy.asarray(exponent, dtype="float64"))
    if not numpy.isfinite(result).all():
        raise OverflowError
    exact = all(isinstance(one, int) or (is_array(one) and one.dtype.kind in "iu") for one in (x, exponent))
    if exact and (numpy.asarray(exponent) >= 0).all() and (abs(result) < 2.0**62).all():
        return guarded(numpy.power(numpy.asarray(x), numpy.asarray(exponent)))
    return guarded(result)


def whole(x: Number) -> Number | None:
    """Return `x` as a whole number, or None where it (or an element of it) is not one. Symbols pass as they are."""
    if isinstance(x, int):
        return x
    if is_symbol(x):
        return _rational(x)
    if isinstance(x, float):
        near = round(x) if math.isfinite(x) else 0
        return near if abs(x - near) <= WHOLE else None
    if not x.ndim:  # a NumPy number is an ordinary one
        return whole(x.item())
    numpy = sys.modules["numpy"]
    if x.dtype.kind in "iu":
        return x.astype("int64", copy=False)
    near = numpy.rint(x)
    return near.astype("int64") if holds(abs(x - near) <= WHOLE) else None


def _rational(x: Number) -> Number:
    """Return a symbolic expression with its decimals as fractions: 0.25 * x as x / 4."""
    sympy = sys.modules["sympy"]
    return sympy.nsimplify(x, rational=True) if x.has(sympy.Float) else x


def equal(a: Number, b: Number) -> Any:
    """Say whether two numbers are equal: one answer for each element of an array."""
    return True if a is b else a == b


def same(a: Number, b: Number) -> bool:
    """Say whether two numbers are equal, for every element of an array and for every value of a symbol."""
    if a is b:
        return True
    if is_array(a) or is_array(b):
        return bool((a == b).all())
    return bool(a == b)


def holds(condition: Any) -> bool:
    """Say whether a comparison holds: for all elements of an array; of symbols, unless it is decided to be false."""
    if isinstance(condition, bool):
        return condition
    listener = LISTENER.get()
    if listener is not None:
        listener(condition)
    if is_symbol(condition):
        return bool(condition != sys.modules["sympy"].false)
    return listener is not None or bool(condition.all())


class Names:
    """A hashable name for every value, the same for equal ones: arrays have no hash, and equal ones are often two."""

    def __init__(self) -> None:
        self._by_id: dict[int, tuple[Any, Any]] = {}
        self._alike: dict[Any, list[Any]] = {}

    def __call__(self, value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(map(self, value))
        if not is_array(value):
            return value
        known = self._by_id.get(id(value))
        if known is None:
            known = self._by_id[id(value)] = (value, ("array", id(self._first_equal(value))))
        return known[1]

    def _first_equal(self, value: Any) -> Any:
        """Return the first array seen that equals `value`; three of its elements say which ones to compare it with."""
        ends = tuple(value.item(at) for at in (0, value.size // 2, -1))
        rivals = self._alike.setdefault((value.shape, ends), [])
        for rival in rivals:
            if (rival == value).all():
                return rival
        rivals.append(value)
        return value


def show_shape(shape: Shape) -> str:
    """Write a shape as people do: ``64x112x112``."""
    return "x".join(str(size) for size in shape)
