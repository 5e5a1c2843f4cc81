"""The arithmetic that may stand in a number's place: parsed once, then evaluated on numbers, arrays or symbols."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from costmodel.documents.grammar import PRODUCT, SUM, Apply, BadArithmeticError, Env, Evaluate, Language, Parser, Token
from costmodel.errors import quote
from costmodel.numbers.arithmetic import (
    Number,
    ceil,
    divisible,
    floor,
    is_array,
    largest,
    power,
    round_half_even,
    smallest,
)

MAX_VALUE = 2**63
"""No number in a spec may come to more: it would be no size, and numbers that grow without end exhaust memory."""

FUNCTIONS: dict[str, tuple[Callable[..., Number], int]] = {
    "floor": (floor, 1),
    "ceil": (ceil, 1),
    "round": (round_half_even, 1),
    "min": (smallest, 2),
    "max": (largest, 2),
    "divisible": (divisible, 2),
    "power": (power, 2),
}
"""The functions, each with how many arguments it takes."""


def _dividing(apply: Apply) -> Apply:
    """Refuse arrays with a zero among the divisors, where NumPy would only warn."""

    def checked(left: Number, right: Number) -> Number:
        if is_array(right) and not right.all():
            raise ZeroDivisionError
        value: Number = apply(left, right)
        return value

    return checked


ARITHMETIC = Language(
    known="arithmetic is numbers, names, + - * / // %, parentheses and " + ", ".join(FUNCTIONS),
    longest=300,
    signs={
        "+": (SUM, operator.add),
        "-": (SUM, operator.sub),
        "*": (PRODUCT, operator.mul),
        "/": (PRODUCT, _dividing(operator.truediv)),
        "//": (PRODUCT, _dividing(operator.floordiv)),
        "%": (PRODUCT, _dividing(operator.mod)),
    },
    functions=FUNCTIONS,
)


@dataclass(frozen=True, slots=True)
class Expression:
    """Parsed arithmetic: the names it reads, each with its offset in the text, and how to evaluate it."""

    text: str
    names: tuple[tuple[str, int], ...]
    evaluate: Evaluate

    def __call__(self, env: Env) -> Number:
        """Return the value where the names have the values of `env`.

        Raises:
            BadArithmeticError: if a name is not a number, or the arithmetic has no value or too large a one.
            KeyError: if a name has no value in `env`.
        """
        try:
            value = self.evaluate(env)
        except ZeroDivisionError:
            raise BadArithmeticError(f"{quote(self.text)} divides by zero") from None
        except (OverflowError, ValueError) as error:
            if isinstance(error, BadArithmeticError):
                raise
            raise BadArithmeticError(f"{quote(self.text)} comes to no finite number") from None
        return bounded(value, quote(self.text))


def bounded(value: Number, what: str) -> Number:
    """Return `value`, a plain number only if it is finite and no larger than `MAX_VALUE`.

    Raises:
        BadArithmeticError: if it is not; `what` says whose value it is.
    """
    if isinstance(value, (int, float)) and not -MAX_VALUE <= value <= MAX_VALUE:
        finite = isinstance(value, int) or math.isfinite(value)
        raise BadArithmeticError(f"{what} comes to {'more than 2**63' if finite else 'no finite number'}")
    return value


@lru_cache(maxsize=4096)
def parse(text: str) -> Expression:
    """Parse arithmetic.

    Raises:
        BadArithmeticError: with the offset of the first thing that does not belong.
    """
    parser = _Arithmetic(text, ARITHMETIC)
    evaluate = parser.whole()
    return Expression(text, tuple(parser.names.items()), evaluate)


class _Arithmetic(Parser):
    """Numbers are plain, and names are looked up when the arithmetic is evaluated."""

    def __init__(self, text: str, language: Language) -> None:
        super().__init__(text, language)
        self.names: dict[str, int] = {}

    def number(self, token: Token) -> Evaluate:
        digits = token.text.replace("_", "")
        value = int(digits) if digits.isdigit() else float(digits)
        try:
            bounded(value, quote(token.text))
        except BadArithmeticError as error:
            raise BadArithmeticError(str(error), token.offset, len(token.text)) from None
        return lambda env: value

    def name(self, token: Token) -> Evaluate:
        name, offset = token.text, token.offset
        self.names.setdefault(name, offset)

        def look_up(env: Env) -> Number:
            value: Number = env[name]
            if isinstance(value, (str, tuple)):
                shown = list(value) if isinstance(value, tuple) else value
                raise BadArithmeticError(
                    f"{name} is {quote(shown)}, so nothing can be computed with it", offset, len(name)
                )
            return value

        return look_up
