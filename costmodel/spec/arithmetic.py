"""The arithmetic that may stand in a number's place: parsed once, then evaluated on numbers, arrays or symbols. Never `eval`."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from costmodel.formula import Number, ceil, divisible, floor, largest, round_half_even, smallest

MAX_LENGTH = 300
MAX_DEPTH = 30


class BadArithmetic(ValueError):  # noqa: N818 - reads as what it is
    """A text that is no arithmetic, or that cannot be evaluated. `offset` is where in the text, or None for all of it."""

    def __init__(self, message: str, offset: int | None = None, width: int = 1, hint: str = "") -> None:
        super().__init__(message)
        self.offset, self.width, self.hint = offset, width, hint


Env = Mapping[str, Any]
Evaluate = Callable[[Env], Number]

FUNCTIONS: dict[str, tuple[Callable[..., Number], int]] = {
    "floor": (floor, 1),
    "ceil": (ceil, 1),
    "round": (round_half_even, 1),
    "min": (smallest, 2),
    "max": (largest, 2),
    "divisible": (divisible, 2),
}
_BINARY: dict[str, tuple[int, Callable[[Number, Number], Number]]] = {
    "+": (1, operator.add),
    "-": (1, operator.sub),
    "*": (2, operator.mul),
    "/": (2, operator.truediv),
    "//": (2, operator.floordiv),
    "%": (2, operator.mod),
}
_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)|(?P<name>[A-Za-z_]\w*)|(?P<sign>//|[-+*/%(),]))"
)


@dataclass(frozen=True)
class Expression:
    """Parsed arithmetic: the names it reads, each with its offset in the text, and how to evaluate it."""

    text: str
    names: tuple[tuple[str, int], ...]
    evaluate: Evaluate

    def __call__(self, env: Env) -> Number:
        """Return the value where the names have the values of `env`.

        Raises:
            BadArithmetic: if a name is not a number, or the arithmetic divides by zero.
        """
        try:
            return self.evaluate(env)
        except ZeroDivisionError:
            raise BadArithmetic(f"{self.text!r} divides by zero") from None
        except (TypeError, OverflowError):
            texts = [f"{name} is {env[name]!r}" for name, _ in self.names if isinstance(env.get(name), str)]
            raise BadArithmetic(f"{self.text!r} is not a number{': ' if texts else ''}{', '.join(texts)}") from None


@lru_cache(maxsize=4096)
def parse(text: str) -> Expression:
    """Parse arithmetic.

    Raises:
        BadArithmetic: with the offset of the first thing that does not belong.
    """
    if len(text) > MAX_LENGTH:
        raise BadArithmetic(f"longer than {MAX_LENGTH} characters")
    return _Parser(text).expression()


class _Parser:
    """Precedence climbing over the tokens of one text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(_tokens(text))
        self._at = 0
        self._names: dict[str, int] = {}

    def expression(self) -> Expression:
        evaluate = self._sum(1, 0)
        kind, token, offset = self._peek()
        if kind != "end":
            raise BadArithmetic(f"{token!r} does not belong here", offset, len(token))
        return Expression(self._text, tuple(self._names.items()), evaluate)

    def _peek(self) -> tuple[str, str, int]:
        return self._tokens[self._at]

    def _next(self) -> tuple[str, str, int]:
        token = self._tokens[self._at]
        self._at += token[0] != "end"
        return token

    def _sum(self, least: int, depth: int) -> Evaluate:
        if depth > MAX_DEPTH:
            raise BadArithmetic(f"nested more than {MAX_DEPTH} deep", self._peek()[2])
        left = self._term(depth)
        while (sign := self._peek()[1]) in _BINARY and self._peek()[0] == "sign" and _BINARY[sign][0] >= least:
            self._next()
            strength, apply = _BINARY[sign]
            left = _binary(apply, left, self._sum(strength + 1, depth + 1))
        return left

    def _term(self, depth: int) -> Evaluate:
        kind, token, offset = self._next()
        if kind == "number":
            value = _number(token)
            return lambda env: value
        if kind == "name":
            return self._call(token, offset, depth) if self._peek()[1] == "(" else self._name(token, offset)
        if token == "-":
            inner = self._negated(depth)
            return lambda env: -inner(env)
        if token == "(":
            inner = self._sum(1, depth + 1)
            self._expect(")")
            return inner
        raise BadArithmetic(
            "a number or a name is missing here" if kind == "end" else f"{token!r} does not belong here",
            offset,
            max(len(token), 1),
        )

    def _negated(self, depth: int) -> Evaluate:
        if depth > MAX_DEPTH:
            raise BadArithmetic(f"nested more than {MAX_DEPTH} deep", self._peek()[2])
        return self._term(depth + 1)

    def _name(self, name: str, offset: int) -> Evaluate:
        self._names.setdefault(name, offset)
        return lambda env: env[name]

    def _call(self, name: str, offset: int, depth: int) -> Evaluate:
        if name not in FUNCTIONS:
            raise BadArithmetic(f"unknown function {name!r}", offset, len(name), f"known: {', '.join(FUNCTIONS)}")
        apply, count = FUNCTIONS[name]
        self._expect("(")
        arguments = [self._sum(1, depth + 1)]
        while self._peek()[1] == ",":
            self._next()
            arguments.append(self._sum(1, depth + 1))
        self._expect(")")
        if len(arguments) != count:
            raise BadArithmetic(
                f"{name} takes {count} argument{'s' * (count > 1)}, not {len(arguments)}", offset, len(name)
            )
        return lambda env: apply(*[argument(env) for argument in arguments])

    def _expect(self, sign: str) -> None:
        kind, token, offset = self._next()
        if token != sign:
            raise BadArithmetic(
                f"{sign!r} is missing here" if kind == "end" else f"{sign!r} expected, not {token!r}",
                offset,
                max(len(token), 1),
            )


def _binary(apply: Callable[[Number, Number], Number], left: Evaluate, right: Evaluate) -> Evaluate:
    return lambda env: apply(left(env), right(env))


def _number(token: str) -> int | float:
    digits = token.replace("_", "")
    return int(digits) if digits.isdigit() else float(digits)


def _tokens(text: str) -> Iterator[tuple[str, str, int]]:
    at = 0
    while at < len(text.rstrip()):
        match = _TOKEN.match(text, at)
        if match is None:
            at += len(text[at:]) - len(text[at:].lstrip())
            raise BadArithmetic(
                f"{text[at]!r} is not part of arithmetic",
                at,
                hint="numbers, names in scope, + - * / // %, parentheses and " + ", ".join(FUNCTIONS),
            )
        kind = match.lastgroup or ""
        yield kind, match[kind], match.start(kind)
        at = match.end()
    yield "end", "", len(text.rstrip())
