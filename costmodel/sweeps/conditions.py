"""Conditions on columns, as ``mult_adds < 300e6 and peak_live_bytes <= 4 MB``: parsed here, never run as Python."""

from __future__ import annotations

import math
import operator
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from costmodel.documents import quantity
from costmodel.documents.grammar import COMPARISONS, PRODUCT, SUM, BadArithmeticError, Evaluate, Language, Parser, Token
from costmodel.errors import CostModelError, known_or_suggest, quote
from costmodel.measures import MEASURES, meant
from costmodel.numbers.arithmetic import is_array

LARGEST = 2**63
"""Whole numbers below it are compared as such."""
SPOKEN = {"B": "bytes", "s": "seconds", "J": "joules", "W": "watts"}
"""What units are called in a sentence."""

Columns: TypeAlias = Mapping[str, Any]
"""Values by the names of columns: numbers of one point, or arrays of many."""


def _ratio(left: Any, right: Any) -> Any:
    """Divide; by zero it comes to infinity, or to no number, for arrays and plain numbers alike."""
    if is_array(left) or is_array(right):
        with np.errstate(divide="ignore", invalid="ignore"):
            return left / right
    if right:
        return left / right
    return math.copysign(math.inf, left) if left else math.nan


LANGUAGE = Language(
    known="a condition compares columns, as in mult_adds < 300e6 and peak_live_bytes <= 4 MB",
    longest=1000,
    signs={
        "+": (SUM, operator.add),
        "-": (SUM, operator.sub),
        "*": (PRODUCT, operator.mul),
        "/": (PRODUCT, _ratio),
    },
    units=quantity.SUFFIX,
    comparisons=True,
)


@dataclass(frozen=True)
class Comparison:
    """One comparison of a condition; both sides are numbers, or arrays where the columns are arrays."""

    text: str
    sign: str
    left: Evaluate
    right: Evaluate

    def holds(self, columns: Columns) -> Any:
        """Say whether it holds."""
        return COMPARISONS[self.sign](self.left(columns), self.right(columns))

    def over(self, columns: Columns) -> Any:
        """Return by which share of its right side each point misses it, as floats; below zero where there is room."""
        left, right = (np.asarray(side(columns), dtype="float64") for side in (self.left, self.right))
        apart = {"<": left - right, ">": right - left}.get(self.sign[0], abs(left - right))
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(right != 0, apart / abs(right), apart)


@dataclass(frozen=True)
class Condition:
    """A parsed condition. `words` are the columns it reads, with the words that name them first; `comparisons` are
    those it is made of, in order.
    """

    text: str
    words: Mapping[str, str]
    comparisons: tuple[Comparison, ...]
    holds: Evaluate
    conjunction: bool
    """Whether every comparison must hold (it has neither `or` nor `not`)."""

    @property
    def names(self) -> tuple[str, ...]:
        """The columns it reads."""
        return tuple(self.words)


def parse_condition(text: str, columns: Collection[str]) -> Condition:
    """Return the condition that a text says about `columns`.

    Comparisons of arithmetic (+ - * /) over columns and numbers, joined by ``and``, ``or``, ``not`` and parentheses.
    Numbers may carry a prefix (``5M``) and the unit of the column: ``4 MB``, ``4 MiB``, ``20 ms``, ``3 mJ``.

    Raises:
        CostModelError: if it is not that, or names an unknown column.
    """
    try:
        parser = _Condition(text, columns)
        holds = parser.whole()
    except BadArithmeticError as error:
        raise _shown(error, text) from None
    conjunction = not parser.joined & {"or", "not"}
    return Condition(text, parser.words, tuple(parser.comparisons), holds, conjunction)


def _shown(error: BadArithmeticError, text: str) -> CostModelError:
    if error.offset is None:
        return CostModelError(f"the condition cannot be read: {error}")
    hint = error.hint or LANGUAGE.known
    return CostModelError(f"{error}; {hint}\n  {text}\n  {' ' * error.offset}{'^' * error.width}")


class _Condition(Parser):
    """Names are columns, and numbers are in the units of the columns that they are compared with."""

    def __init__(self, text: str, columns: Collection[str]) -> None:
        super().__init__(text, LANGUAGE)
        self.columns = columns
        self.words: dict[str, str] = {}
        self.comparisons: list[Comparison] = []
        self._written: set[str] = set()
        self._counted: set[str] = set()

    def number(self, token: Token) -> Evaluate:
        try:
            value, unit = quantity.parts(token.text, token.unit)
        except CostModelError as error:
            raise BadArithmeticError(str(error), token.offset, len(token.text)) from None
        if unit:
            self._written.add(unit)
        found = value if value < LARGEST and unit in quantity.WHOLE else float(value)
        return lambda columns: found

    def name(self, token: Token) -> Evaluate:
        name, size = (token.text, 1.0) if token.text in self.columns else meant(token.text)
        if name not in self.columns:
            known = known_or_suggest(token.text, self.columns)
            raise BadArithmeticError(f"there is no column {quote(token.text)}", token.offset, len(token.text), known)
        self.words.setdefault(name, token.text)
        if size != 1:
            each = round(1 / size)
            return lambda columns: columns[name] * each
        if name in MEASURES:
            self._counted.add(MEASURES[name].unit)
        return lambda columns: columns[name]

    def compared(self, text: str, offset: int, signs: Sequence[str], sides: Sequence[Evaluate]) -> Evaluate:
        for unit in sorted(self._written - self._counted):
            said = SPOKEN.get(unit, unit)
            raise BadArithmeticError(f"this compares {said} with a column that is not in {said}", offset, len(text))
        self._written, self._counted = set(), set()
        pairs = zip(signs, sides, sides[1:], strict=False)
        chain = [Comparison(text, sign, left, right) for sign, left, right in pairs]
        self.comparisons += chain
        return lambda columns: _all([part.holds(columns) for part in chain])


def _all(values: list[Any]) -> Any:
    """Return where all of several truths hold, of plain ones or of arrays."""
    total = values[0]
    for value in values[1:]:
        total = total & value
    return total
