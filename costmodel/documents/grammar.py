"""One parser of arithmetic, and of conditions made of it: precedence climbing over the tokens of a text.

A `Language` says what may stand in a text, a subclass of `Parser` what its numbers, names and comparisons mean.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from costmodel.errors import quote, suggest

MAX_DEPTH = 30


class BadArithmeticError(ValueError):
    """A text that is no arithmetic, or that has no value. `offset` is where in the text, or None for all of it."""

    def __init__(self, message: str, offset: int | None = None, width: int = 1, hint: str = "") -> None:
        super().__init__(message)
        self.offset, self.width, self.hint = offset, width, hint


Env = Mapping[str, Any]
Evaluate = Callable[[Env], Any]
Apply = Callable[[Any, Any], Any]

OR, AND, NOT, COMPARE, SUM, PRODUCT, SINGLE = range(1, 8)
"""How strongly what joins two terms binds; what stands single needs no parentheses anywhere."""
WORDS: dict[str, tuple[int, Apply]] = {"or": (OR, operator.or_), "and": (AND, operator.and_)}
COMPARISONS: dict[str, Apply] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "=": operator.eq,
    "!=": operator.ne,
}


NUMBER = r"(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?"
"""How a number is written, here and in quantities."""


class Language:
    """What may stand in a text besides numbers, names and parentheses.

    Args:
        known: the same in words.
        longest: characters of a text.
        signs: what joins two amounts, each with how strongly it binds.
        functions: each with how many arguments it takes.
        units: the pattern of what may stand behind a number.
        comparisons: whether they may be made, and joined by and, or, not; then the whole must be one.
    """

    def __init__(
        self,
        known: str,
        longest: int,
        signs: Mapping[str, tuple[int, Apply]],
        functions: Mapping[str, tuple[Callable[..., Any], int]] | None = None,
        units: str = "",
        comparisons: bool = False,
    ) -> None:
        self.known, self.longest, self.signs, self.functions = known, longest, signs, functions or {}
        self.units, self.comparisons = units, comparisons
        self.joins = {sign: strength for sign, (strength, _) in signs.items()}
        if comparisons:
            self.joins |= {word: strength for word, (strength, _) in WORDS.items()}
            self.joins |= dict.fromkeys(COMPARISONS, COMPARE)
        self.pattern = re.compile(self._pattern(), re.ASCII)

    def _pattern(self) -> str:
        """Return what matches the next token."""
        signs = [*self.signs, *(COMPARISONS if self.comparisons else ()), *("," if self.functions else ""), "(", ")"]
        sign = "|".join(map(re.escape, sorted(signs, key=len, reverse=True)))
        words = r"(?P<word>(?:and|or|not)\b)|" if self.comparisons else ""
        unit = rf"(?:[ ]?(?P<unit>{self.units})\b)?" if self.units else ""
        return rf"\s*(?:(?P<number>{NUMBER}){unit}|{words}(?P<name>[A-Za-z_]\w*)|(?P<sign>{sign})|(?P<other>\S))"


class Token(NamedTuple):
    """A number (with its unit), name, word or sign of a text, something other, or its end."""

    kind: str
    text: str
    offset: int
    unit: str = ""


def tokens(text: str, language: Language) -> Iterator[Token]:
    """Yield the tokens of a text, the last of which is its end."""
    for match in language.pattern.finditer(text):
        kind = "number" if match["number"] else match.lastgroup or ""
        unit = match["unit"] or "" if language.units else ""
        yield Token(kind, match[kind], match.start(kind), unit)
    yield Token("end", "", len(text.rstrip()))


class Part(NamedTuple):
    """A part of a text: how to evaluate it, where it begins, and whether it is true or false instead of an amount."""

    evaluate: Evaluate
    offset: int
    truth: bool = False


class Parser:
    """Reads one text. `joined` are the words and signs that it was joined by."""

    def __init__(self, text: str, language: Language) -> None:
        if len(text) > language.longest:
            raise BadArithmeticError(f"it is longer than {language.longest} characters")
        self.text, self.language = text, language
        self.joined: set[str] = set()
        self._tokens = list(tokens(text, language))
        self._at = 0
        self._loosest = OR if language.comparisons else SUM

    def number(self, token: Token) -> Evaluate:
        """Return what a number means."""
        raise NotImplementedError

    def name(self, token: Token) -> Evaluate:
        """Return what a name means."""
        raise NotImplementedError

    def compared(self, text: str, offset: int, signs: Sequence[str], sides: Sequence[Evaluate]) -> Evaluate:
        """Return what a chain of comparisons means, as ``2 < a < 5``: each sign compares two sides next to it."""
        raise NotImplementedError

    def whole(self) -> Evaluate:
        """Return what the whole text means.

        Raises:
            BadArithmeticError: with the offset of the first thing that does not belong.
        """
        part = self._terms(self._loosest, 0)
        if self._peek().kind != "end":
            raise self._misplaced(self._peek())
        if self.language.comparisons:
            self._require_truth(part)
        return part.evaluate

    def _peek(self) -> Token:
        return self._tokens[self._at]

    def _next(self) -> Token:
        token = self._tokens[self._at]
        self._at += token.kind != "end"
        return token

    def _terms(self, least: int, depth: int) -> Part:
        """Parse terms joined by what binds at least as strongly as `least`."""
        left = self._term(least, depth)
        while (strength := self.language.joins.get(self._peek().text, 0)) >= least:
            left = self._chain(left, depth) if strength == COMPARE else self._join(left, self._next(), depth)
        return left

    def _join(self, left: Part, sign: Token, depth: int) -> Part:
        self.joined.add(sign.text)
        strength, apply = WORDS[sign.text] if sign.kind == "word" else self.language.signs[sign.text]
        if sign.kind == "word":
            self._require_truth(left, sign)
        right = self._terms(strength + 1, depth + 1)
        if sign.kind == "word":
            self._require_truth(right)
        elif left.truth or right.truth:
            raise self._misplaced(sign)
        return Part(_applied(apply, left.evaluate, right.evaluate), left.offset, left.truth)

    def _chain(self, left: Part, depth: int) -> Part:
        sides, signs = [left], []
        while self._peek().text in COMPARISONS:
            signs.append(self._next())
            sides.append(self._terms(SUM, depth + 1))
            if sides[-2].truth or sides[-1].truth:
                raise self._misplaced(signs[-1])
        text = self.text[left.offset : self._peek().offset].strip()
        found = self.compared(text, left.offset, [sign.text for sign in signs], [side.evaluate for side in sides])
        return Part(found, left.offset, truth=True)

    def _term(self, least: int, depth: int) -> Part:
        token = self._next()
        if depth > MAX_DEPTH:
            raise BadArithmeticError(f"it is nested more than {MAX_DEPTH} deep", token.offset)
        if token.kind == "number":
            return Part(self.number(token), token.offset)
        if token.kind == "name":
            calls = self.language.functions and self._peek().text == "("
            return Part(self._call(token, depth) if calls else self.name(token), token.offset)
        if token.text == "-":
            inner = self._term(SINGLE, depth + 1)
            if inner.truth:
                raise self._misplaced(token)
            return Part(_negative(inner.evaluate), token.offset)
        if token.text == "not" and least <= NOT:
            self.joined.add("not")
            inner = self._terms(NOT, depth + 1)
            self._require_truth(inner)
            return Part(_denied(inner.evaluate), token.offset, truth=True)
        if token.text == "(":
            inner = self._terms(self._loosest, depth + 1)
            self._expect(")")
            return inner._replace(offset=token.offset)
        raise self._misplaced(token, "a number or a name is missing here")

    def _call(self, token: Token, depth: int) -> Evaluate:
        known = self.language.functions
        if token.text not in known:
            hint = suggest(token.text, known) or f"known: {', '.join(known)}"
            raise BadArithmeticError(f"unknown function {quote(token.text)}", token.offset, len(token.text), hint)
        apply, count = known[token.text]
        self._expect("(")
        arguments = [self._terms(SUM, depth + 1)]
        while self._peek().text == ",":
            self._next()
            arguments.append(self._terms(SUM, depth + 1))
        self._expect(")")
        if len(arguments) != count:
            wanted = f"{count} number{'s' * (count > 1)}"
            raise BadArithmeticError(
                f"{token.text} takes {wanted}, not {len(arguments)}", token.offset, len(token.text)
            )
        if any(argument.truth for argument in arguments):
            raise self._misplaced(token)
        values = [argument.evaluate for argument in arguments]
        return lambda env: apply(*[value(env) for value in values])

    def _expect(self, sign: str) -> None:
        token = self._next()
        if token.text != sign:
            raise self._misplaced(token, f"{sign!r} is missing here")

    def _require_truth(self, part: Part, before: Token | None = None) -> None:
        """Raise unless a part is true or false; what is missing is missing `before` a token, or at the next one."""
        if not part.truth:
            at = (before or self._peek()).offset
            raise BadArithmeticError(
                f"a comparison ({', '.join(s for s in COMPARISONS if s != '=')}) is missing here", at
            )

    def _misplaced(self, token: Token, at_end: str = "") -> BadArithmeticError:
        """Return the complaint about a token that cannot stand where it does."""
        shown, width = repr(token.text), max(len(token.text), 1)
        if token.kind == "end":
            return BadArithmeticError(at_end, token.offset)
        power = "a power is written power(2, x)"
        if token.kind == "other":
            hint = power if token.text == "^" else self.language.known
            return BadArithmeticError(f"{shown} is not part of it", token.offset, width, hint)
        if token.kind in ("name", "number") or token.text == "(":
            return BadArithmeticError(f"a sign is missing before {shown}", token.offset, width, "as in 3 * x")
        return BadArithmeticError(
            f"{shown} does not belong here", token.offset, width, power if token.text == "*" else ""
        )


def _applied(apply: Apply, left: Evaluate, right: Evaluate) -> Evaluate:
    return lambda env: apply(left(env), right(env))


def _negative(inner: Evaluate) -> Evaluate:
    return lambda env: -inner(env)


def _denied(inner: Evaluate) -> Evaluate:
    return lambda env: inner(env) ^ True
