"""Equations of einsum as NumPy writes them: every axis gets a letter, and the output's are said."""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_letters

from costmodel.reading.value import UnreadError


def expanded(equation: str, ranks: Sequence[int]) -> tuple[list[str], str]:
    """Return the letters of each input's axes and of the output's: "..." written out, an output left out inferred.

    Args:
        equation: as NumPy has it, spaces allowed.
        ranks: how many axes each input has.

    Raises:
        UnreadError: if it does not fit them.
    """
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    named = [term.replace("...", "") for term in terms]
    if len(terms) != len(ranks) or not all(name.isalpha() or not name for name in [*named, right.replace("...", "")]):
        raise UnreadError(f"its equation {equation!r} does not fit its {len(ranks)} inputs")
    more = [rank - len(name) if "..." in term else 0 for term, name, rank in zip(terms, named, ranks, strict=True)]
    if any(len(name) + n != rank for name, n, rank in zip(named, more, ranks, strict=True)) or min(more) < 0:
        raise UnreadError(f"its equation {equation!r} does not fit inputs of {list(ranks)} axes")
    free = [letter for letter in ascii_letters if letter not in equation]
    if max(more) > len(free):
        raise UnreadError(f"its equation {equation!r} names more axes than there are letters")
    rest = "".join(free[: max(more)])
    found = [term.replace("...", rest[len(rest) - n :]) for term, n in zip(terms, more, strict=True)]
    if arrow:
        return found, right.replace("...", rest)
    letters = "".join(named)
    return found, rest + "".join(sorted(letter for letter in set(letters) if letters.count(letter) == 1))
