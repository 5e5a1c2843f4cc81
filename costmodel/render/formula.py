"""Closed formulas as a page, rows, text, LaTeX and Python. They come as polynomials: pairs of a coefficient and powers,
plain numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from costmodel.documents.safe_text import one_line
from costmodel.measures import MEASURES
from costmodel.render.page import Column, Page, Section

Term = tuple[Fraction, tuple[int, ...]]
"""A coefficient, and the power of each variable."""

SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class Sheet:
    """What is to be written: polynomials in `names` by title (the network, or a block) and measure."""

    title: str
    names: Sequence[str]
    conditions: Sequence[str]
    groups: Mapping[str, Mapping[str, Sequence[Term]]]

    def __post_init__(self) -> None:
        object.__setattr__(self, "title", one_line(self.title))

    @property
    def where(self) -> str:
        """Say for which values the formulas are true."""
        return f"exact where {', '.join(self.conditions)}" if self.conditions else "exact"


def text(sheet: Sheet) -> str:
    """Return the formulas as lines of text: ``539492352·width²·batch``."""
    lines = [sheet.title, sheet.where]
    for title, measures in sheet.groups.items():
        lines += ["", title] if title else [""]
        room = max(map(len, measures))
        lines += [f"  {name:<{room}} = {polynomial(terms, sheet.names)}" for name, terms in measures.items()]
    return "\n".join(lines) + "\n"


def page(sheet: Sheet) -> Page:
    """Return the formulas as tables, one for the network and one for each of its blocks."""
    sections = [
        Section(
            title,
            [
                Column("measure", list(measures), left=True),
                Column("unit", [MEASURES[name].unit for name in measures], left=True),
                Column("formula", [polynomial(terms, sheet.names) for terms in measures.values()], left=True),
            ],
        )
        for title, measures in sheet.groups.items()
    ]
    return Page(sheet.title, [sheet.where], (), sections)


def rows(sheet: Sheet) -> list[dict[str, Any]]:
    """Return a row for each formula, written in the signs that programs know: ``539492352*width**2*batch``."""
    return [
        {
            "block": title,
            "measure": name,
            "unit": MEASURES[name].unit,
            "formula": _signs(terms, sheet.names),
            "where": ", ".join(sheet.conditions),
        }
        for title, measures in sheet.groups.items()
        for name, terms in measures.items()
    ]


def data(sheet: Sheet) -> dict[str, Any]:
    """Return everything as plain data."""
    return {
        "title": sheet.title,
        "names": list(sheet.names),
        "where": list(sheet.conditions),
        "formulas": [{name: value for name, value in row.items() if name != "where"} for row in rows(sheet)],
    }


def _signs(terms: Sequence[Term], names: Sequence[str]) -> str:
    def one(coefficient: Fraction, powers: tuple[int, ...]) -> str:
        return "*".join([str(coefficient), *(name + (f"**{n}" if n > 1 else "") for name, n in _used(names, powers))])

    return _joined(terms, one)


def polynomial(terms: Sequence[Term], names: Sequence[str]) -> str:
    """Return a polynomial as text."""

    def one(coefficient: Fraction, powers: tuple[int, ...]) -> str:
        factors = [name + (str(n).translate(SUPERSCRIPTS) if n > 1 else "") for name, n in _used(names, powers)]
        return "·".join(([] if coefficient == 1 and factors else [str(coefficient)]) + factors)

    return _joined(terms, one)


def latex(sheet: Sheet) -> str:
    """Return the formulas as an ``align*`` environment."""

    def one(coefficient: Fraction, powers: tuple[int, ...]) -> str:
        number = (
            f"\\tfrac{{{coefficient.numerator}}}{{{coefficient.denominator}}}"
            if coefficient.denominator > 1
            else str(coefficient)
        )
        factors = [f"{_italic(name)}{f'^{{{n}}}' if n > 1 else ''}" for name, n in _used(names, powers)]
        return " \\, ".join(([] if coefficient == 1 and factors else [number]) + factors)

    names = sheet.names
    lines = [f"% {sheet.title}: {sheet.where}", "\\begin{align*}"]
    for title, measures in sheet.groups.items():
        prefix = f"\\text{{{_escaped(title)}: }}" if title else ""
        lines += [
            f"{prefix}\\text{{{_escaped(name.replace('_', ' '))}}} &= {_joined(terms, one)} \\\\"
            for name, terms in measures.items()
        ]
    return "\n".join([*lines, "\\end{align*}"]) + "\n"


def python(sheet: Sheet) -> str:
    """Return the formulas as Python functions, exact for whole numbers and for fractions."""
    fractions = any(c.denominator > 1 for group in sheet.groups.values() for terms in group.values() for c, _ in terms)
    title = sheet.title.replace("\\", "\\\\").replace('"', '\\"')
    head = [f'"""{title}: {sheet.where}."""', *(["", "from fractions import Fraction"] if fractions else []), ""]
    lines = list(head)
    for title, measures in sheet.groups.items():
        for name, terms in measures.items():
            function = f"{title}_{name}" if title else name
            used = [n for i, n in enumerate(sheet.names) if any(powers[i] for _, powers in terms)]
            lines += ["", f"def {function}({', '.join(used)}):", f"    return {_code(terms, sheet.names)}", ""]
    return "\n".join(lines).rstrip() + "\n"


def _code(terms: Sequence[Term], names: Sequence[str]) -> str:
    def one(coefficient: Fraction, powers: tuple[int, ...]) -> str:
        number = str(coefficient)
        if coefficient.denominator > 1:
            number = f"Fraction({coefficient.numerator}, {coefficient.denominator})"
        return " * ".join([number, *(name + (f"**{n}" if n > 1 else "") for name, n in _used(names, powers))])

    return _joined(terms, one)


def _joined(terms: Sequence[Term], one: Callable[[Fraction, tuple[int, ...]], str]) -> str:
    """Return terms with their signs between them, those of the highest degree first."""
    ordered = sorted(terms, key=lambda term: (-sum(term[1]), [-n for n in term[1]]))
    out = ""
    for coefficient, powers in ordered:
        sign = " - " if coefficient < 0 else " + "
        out += (sign if out else sign.strip().replace("+", "")) + one(abs(coefficient), powers)
    return out or "0"


def _used(names: Sequence[str], powers: Iterable[int]) -> list[tuple[str, int]]:
    return [(name, n) for name, n in zip(names, powers, strict=True) if n]


def _italic(name: str) -> str:
    return f"\\mathit{{{_escaped(name)}}}"


def _escaped(name: str) -> str:
    return name.replace("_", "\\_")
