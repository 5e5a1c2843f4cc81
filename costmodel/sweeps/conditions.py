"""Conditions on columns, as ``mult_adds < 300e6 and peak_live_bytes <= 4 MB``: parsed here, never run as Python."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from costmodel.documents import quantity
from costmodel.errors import CostModelError, known_or_suggest, quote
from costmodel.measures import MEASURES, meant

MAX_LENGTH = 1000
MAX_DEPTH = 30
LARGEST = 2**63
"""Whole numbers below it are compared as such."""
DIMENSIONS = {"B": "bytes", "s": "seconds"}
"""What columns may be in. A number in another unit compares with none of them."""
HOW = "a condition compares columns, as in mult_adds < 300e6 and peak_live_bytes <= 4 MB"

Row = Mapping[str, Any]
Value = Callable[[Row], Any]

COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "=": operator.eq,
    "!=": operator.ne,
}
_ARITHMETIC: dict[str, tuple[int, Callable[[Any, Any], Any]]] = {
    "+": (1, operator.add),
    "-": (1, operator.sub),
    "*": (2, operator.mul),
    "/": (2, operator.truediv),
}


@dataclass(frozen=True)
class Comparison:
    """One comparison of a condition; both sides are numbers, or arrays where the row holds arrays."""

    text: str
    sign: str
    left: Value
    right: Value

    def holds(self, row: Row) -> Any:
        """Say whether it holds."""
        return COMPARE[self.sign](self.left(row), self.right(row))

    def over(self, row: Row) -> Any:
        """Return by which share of its right side each point misses it, as floats; below zero where there is room."""
        left, right = (np.asarray(side(row), dtype="float64") for side in (self.left, self.right))
        apart = {"<": left - right, ">": right - left}.get(self.sign[0], abs(left - right))
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(right != 0, apart / abs(right), apart)


@dataclass(frozen=True)
class Condition:
    """A parsed condition. `names` are the columns it reads; `comparisons` are those it is made of, in order."""

    text: str
    names: tuple[str, ...]
    comparisons: tuple[Comparison, ...]
    holds: Callable[[Row], Any]
    conjunction: bool
    """Whether every comparison must hold (it has neither `or` nor `not`)."""


def parse_condition(text: str, columns: Collection[str]) -> Condition:
    """Return the condition that a text says about `columns`.

    Comparisons of arithmetic (+ - * /) over columns and numbers, joined by ``and``, ``or``, ``not`` and parentheses.
    Numbers may carry a prefix (``5M``), bytes (``4 MB``, ``4 MiB``) or a time (``20 ms``, meaning seconds).

    Raises:
        CostModelError: if it is not that, or names an unknown column.
    """
    if len(text) > MAX_LENGTH:
        raise CostModelError(f"the condition is longer than {MAX_LENGTH} characters")
    return _Parser(text, columns).condition()


class _Token(NamedTuple):
    kind: str
    text: str
    at: int


_TOKEN = re.compile(
    rf"\s*(?:(?P<number>{quantity.NUMBER})[ ]?(?P<unit>{quantity.SUFFIX}\b)?"
    r"|(?P<name>[A-Za-z_]\w*)|(?P<sign><=|>=|==|!=|[-+*/()<>=])|(?P<other>\S))"
)


class _Parser:
    """Recursive descent over one condition."""

    def __init__(self, text: str, columns: Collection[str]) -> None:
        self._text, self._columns = text, columns
        self._tokens: list[_Token] = []
        self._units: dict[int, str] = {}
        for match in _TOKEN.finditer(text):
            kind = "number" if match["number"] else str(match.lastgroup)
            token = _Token(kind, match[kind], match.start(kind))
            self._units[token.at] = match["unit"] or ""
            self._tokens.append(token)
        self._tokens.append(_Token("end", "", len(text)))
        self._at = 0
        self._names: dict[str, None] = {}
        self._comparisons: list[Comparison] = []
        self._conjunction = True
        self._units_seen: set[str] = set()
        self._dimensions: set[str] = set()

    def condition(self) -> Condition:
        holds = self._either(0)
        if self._peek().kind != "end":
            raise self._wrong(self._peek())
        return Condition(self._text, tuple(self._names), tuple(self._comparisons), holds, self._conjunction)

    def _peek(self) -> _Token:
        return self._tokens[self._at]

    def _next(self) -> _Token:
        token = self._peek()
        self._at += token.kind != "end"
        return token

    def _takes(self, word: str) -> bool:
        if self._peek().text != word:
            return False
        self._at += 1
        return True

    def _wrong(self, token: _Token, message: str = "") -> CostModelError:
        what = message or (f"{quote(token.text)} does not belong here" if token.text else "something is missing here")
        return CostModelError(f"{what}; {HOW}\n  {self._text}\n  {' ' * token.at}{'^' * max(len(token.text), 1)}")

    def _deeper(self, depth: int) -> int:
        if depth >= MAX_DEPTH:
            raise self._wrong(self._peek(), f"nested more than {MAX_DEPTH} deep")
        return depth + 1

    def _either(self, depth: int) -> Value:
        parts = [self._both(depth)]
        while self._takes("or"):
            self._conjunction = False
            parts.append(self._both(depth))
        return parts[0] if len(parts) == 1 else lambda row: _fold(operator.or_, [part(row) for part in parts])

    def _both(self, depth: int) -> Value:
        parts = [self._one(depth)]
        while self._takes("and"):
            parts.append(self._one(depth))
        return parts[0] if len(parts) == 1 else lambda row: _fold(operator.and_, [part(row) for part in parts])

    def _one(self, depth: int) -> Value:
        if self._takes("not"):
            self._conjunction = False
            inner = self._one(self._deeper(depth))
            return lambda row: inner(row) ^ True
        if self._peek().text == "(" and self._holds_comparison():
            self._next()
            inner = self._either(self._deeper(depth))
            if not self._takes(")"):
                raise self._wrong(self._peek(), "')' is missing here")
            return inner
        return self._comparison(depth)

    def _holds_comparison(self) -> bool:
        """Say whether the parenthesis that opens here holds a comparison, and not only arithmetic."""
        level = 0
        for token in self._tokens[self._at :]:
            level += (token.text == "(") - (token.text == ")")
            if token.text in COMPARE and level > 0:
                return True
            if level == 0:
                break
        return False

    def _comparison(self, depth: int) -> Value:
        self._units_seen, self._dimensions = set(), set()
        start = self._peek()
        sides, signs = [self._sum(1, depth)], []
        while self._peek().text in COMPARE:
            signs.append(self._next().text)
            sides.append(self._sum(1, depth))
        if not signs:
            if self._peek().kind == "other":
                raise self._wrong(self._peek())
            raise self._wrong(self._peek(), "a comparison (<, <=, >, >=, ==, !=) is missing here")
        for unit in self._units_seen - self._dimensions:
            raise self._wrong(start, f"this compares {unit} with a column that is not in {unit}")
        text = self._text[start.at : self._peek().at].strip()
        chain = [
            Comparison(text, sign, left, right) for sign, left, right in zip(signs, sides, sides[1:], strict=False)
        ]
        self._comparisons += chain
        return lambda row: _fold(operator.and_, [part.holds(row) for part in chain])

    def _sum(self, least: int, depth: int) -> Value:
        left = self._term(self._deeper(depth))
        while (sign := self._peek().text) in _ARITHMETIC and _ARITHMETIC[sign][0] >= least:
            self._next()
            strength, apply = _ARITHMETIC[sign]
            left = _apply(apply, left, self._sum(strength + 1, self._deeper(depth)))
        return left

    def _term(self, depth: int) -> Value:
        token = self._next()
        if token.kind == "number":
            value = self._number(token)
            return lambda row: value
        if token.kind == "name" and token.text not in ("and", "or", "not"):
            return self._column(token)
        if token.text == "-":
            inner = self._term(self._deeper(depth))
            return lambda row: -inner(row)
        if token.text == "(":
            inner = self._sum(1, self._deeper(depth))
            if not self._takes(")"):
                raise self._wrong(self._peek(), "')' is missing here")
            return inner
        raise self._wrong(token)

    def _number(self, token: _Token) -> int | float:
        try:
            value, unit = quantity.parts(token.text, self._units[token.at])
        except CostModelError as error:
            raise self._wrong(token, str(error)) from None
        if unit:
            self._units_seen.add(DIMENSIONS.get(unit, unit))
        return value if value < LARGEST and unit != "s" else float(value)

    def _column(self, token: _Token) -> Value:
        name, size = (token.text, 1.0) if token.text in self._columns else meant(token.text)
        if name not in self._columns:
            known = known_or_suggest(token.text, self._columns)
            raise self._wrong(token, f"there is no column {quote(token.text)}; {known}")
        self._names[name] = None
        if size != 1:
            each = round(1 / size)
            return lambda row: row[name] * each
        if name in MEASURES and MEASURES[name].unit in DIMENSIONS:
            self._dimensions.add(DIMENSIONS[MEASURES[name].unit])
        return lambda row: row[name]


def _apply(apply: Callable[[Any, Any], Any], left: Value, right: Value) -> Value:
    return lambda row: apply(left(row), right(row))


def _fold(combine: Callable[[Any, Any], Any], values: list[Any]) -> Any:
    total = values[0]
    for value in values[1:]:
        total = combine(total, value)
    return total
