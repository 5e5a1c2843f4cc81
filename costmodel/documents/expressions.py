"""The arithmetic that may stand in a number's place: parsed once, then evaluated on numbers, arrays or symbols."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from costmodel.errors import quote, suggest
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

MAX_LENGTH = 300
MAX_DEPTH = 30
MAX_VALUE = 2**63
"""No number in a spec may come to more: it would be no size, and numbers that grow without end exhaust memory."""


class BadArithmetic(ValueError):  # noqa: N818 - reads as what it is
    """A text that is no arithmetic, or that has no value. `offset` is where in the text, or None for all of it."""

    def __init__(self, message: str, offset: int | None = None, width: int = 1, hint: str = "") -> None:
        super().__init__(message)
        self.offset, self.width, self.hint = offset, width, hint


Env = Mapping[str, Any]
Evaluate = Callable[[Env], Number]
Apply = Callable[[Number, Number], Number]

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
        return apply(left, right)

    return checked


_SUM, _PRODUCT = 1, 2
_BINARY: dict[str, tuple[int, Apply]] = {
    "+": (_SUM, operator.add),
    "-": (_SUM, operator.sub),
    "*": (_PRODUCT, operator.mul),
    "/": (_PRODUCT, _dividing(operator.truediv)),
    "//": (_PRODUCT, _dividing(operator.floordiv)),
    "%": (_PRODUCT, _dividing(operator.mod)),
}
_POWER = "a power is written power(2, x)"
_VOCABULARY = "arithmetic is numbers, names, + - * / // %, parentheses and " + ", ".join(FUNCTIONS)


@dataclass(frozen=True, slots=True)
class Expression:
    """Parsed arithmetic: the names it reads, each with its offset in the text, and how to evaluate it."""

    text: str
    names: tuple[tuple[str, int], ...]
    evaluate: Evaluate

    def __call__(self, env: Env) -> Number:
        """Return the value where the names have the values of `env`.

        Raises:
            BadArithmetic: if a name is not a number, or the arithmetic has no value or too large a one.
            KeyError: if a name has no value in `env`.
        """
        try:
            value = self.evaluate(env)
        except ZeroDivisionError:
            raise BadArithmetic(f"{quote(self.text)} divides by zero") from None
        except (OverflowError, ValueError) as error:
            if isinstance(error, BadArithmetic):
                raise
            raise BadArithmetic(f"{quote(self.text)} comes to no finite number") from None
        return bounded(value, quote(self.text))


def bounded(value: Number, what: str) -> Number:
    """Return `value`, a plain number only if it is finite and no larger than `MAX_VALUE`.

    Raises:
        BadArithmetic: if it is not; `what` says whose value it is.
    """
    if isinstance(value, (int, float)) and not -MAX_VALUE <= value <= MAX_VALUE:
        finite = isinstance(value, int) or math.isfinite(value)
        raise BadArithmetic(f"{what} comes to {'more than 2**63' if finite else 'no finite number'}")
    return value


@lru_cache(maxsize=4096)
def parse(text: str) -> Expression:
    """Parse arithmetic.

    Raises:
        BadArithmetic: with the offset of the first thing that does not belong.
    """
    if len(text) > MAX_LENGTH:
        raise BadArithmetic(f"it is longer than {MAX_LENGTH} characters")
    return _Parser(text).expression()


class _Token(NamedTuple):
    kind: str
    text: str
    offset: int


_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)"
    r"|(?P<name>[A-Za-z_]\w*)|(?P<sign>//|[-+*/%(),])|(?P<other>\S))",
    re.ASCII,
)


def _tokens(text: str) -> Iterator[_Token]:
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup or ""
        yield _Token(kind, match[kind], match.start(kind))
    yield _Token("end", "", len(text.rstrip()))


class _Parser:
    """Precedence climbing over the tokens of one text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(_tokens(text))
        self._at = 0
        self._names: dict[str, int] = {}

    def expression(self) -> Expression:
        evaluate = self._binary(_SUM, 0)
        if self._peek().kind != "end":
            raise _misplaced(self._peek())
        return Expression(self._text, tuple(self._names.items()), evaluate)

    def _peek(self) -> _Token:
        return self._tokens[self._at]

    def _next(self) -> _Token:
        token = self._tokens[self._at]
        self._at += token.kind != "end"
        return token

    def _binary(self, least: int, depth: int) -> Evaluate:
        """Parse terms joined by signs that bind at least as strongly as `least`."""
        left = self._term(depth)
        while (sign := self._peek().text) in _BINARY and _BINARY[sign][0] >= least:
            self._next()
            strength, apply = _BINARY[sign]
            left = _applied(apply, left, self._binary(strength + 1, depth + 1))
        return left

    def _term(self, depth: int) -> Evaluate:
        token = self._next()
        if depth > MAX_DEPTH:
            raise BadArithmetic(f"it is nested more than {MAX_DEPTH} deep", token.offset)
        if token.kind == "number":
            return _constant(token)
        if token.kind == "name":
            return self._call(token, depth) if self._peek().text == "(" else self._name(token)
        if token.text == "-":
            inner = self._term(depth + 1)
            return lambda env: -inner(env)
        if token.text == "(":
            inner = self._binary(_SUM, depth + 1)
            self._expect(")")
            return inner
        raise _misplaced(token, "a number or a name is missing here")

    def _name(self, token: _Token) -> Evaluate:
        name, offset = token.text, token.offset
        self._names.setdefault(name, offset)

        def look_up(env: Env) -> Number:
            value = env[name]
            if isinstance(value, (str, tuple)):
                shown = list(value) if isinstance(value, tuple) else value
                raise BadArithmetic(f"{name} is {quote(shown)}, so nothing can be computed with it", offset, len(name))
            return value

        return look_up

    def _call(self, token: _Token, depth: int) -> Evaluate:
        if token.text not in FUNCTIONS:
            hint = suggest(token.text, FUNCTIONS) or f"known: {', '.join(FUNCTIONS)}"
            raise BadArithmetic(f"unknown function {quote(token.text)}", token.offset, len(token.text), hint)
        apply, count = FUNCTIONS[token.text]
        self._expect("(")
        arguments = [self._binary(_SUM, depth + 1)]
        while self._peek().text == ",":
            self._next()
            arguments.append(self._binary(_SUM, depth + 1))
        self._expect(")")
        if len(arguments) != count:
            wanted = f"{count} number{'s' * (count > 1)}"
            raise BadArithmetic(f"{token.text} takes {wanted}, not {len(arguments)}", token.offset, len(token.text))
        return lambda env: apply(*[argument(env) for argument in arguments])

    def _expect(self, sign: str) -> None:
        token = self._next()
        if token.text != sign:
            raise _misplaced(token, f"{sign!r} is missing here")


def _misplaced(token: _Token, at_end: str = "") -> BadArithmetic:
    """Return the complaint about a token that cannot stand where it does."""
    shown, width = repr(token.text), max(len(token.text), 1)
    if token.kind == "end":
        return BadArithmetic(at_end, token.offset)
    if token.kind == "other":
        hint = _POWER if token.text == "^" else _VOCABULARY
        return BadArithmetic(f"{shown} is not part of it", token.offset, width, hint)
    if token.kind in ("name", "number") or token.text == "(":
        return BadArithmetic(f"a sign is missing before {shown}", token.offset, width, "as in 3 * x")
    hint = _POWER if token.text == "*" else ""
    return BadArithmetic(f"{shown} does not belong here", token.offset, width, hint)


def _applied(apply: Apply, left: Evaluate, right: Evaluate) -> Evaluate:
    return lambda env: apply(left(env), right(env))


def _constant(token: _Token) -> Evaluate:
    digits = token.text.replace("_", "")
    value = int(digits) if digits.isdigit() else float(digits)
    try:
        bounded(value, quote(token.text))
    except BadArithmetic as error:
        raise BadArithmetic(str(error), token.offset, len(token.text)) from None
    return lambda env: value
