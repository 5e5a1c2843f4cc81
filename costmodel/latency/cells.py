"""CSV as people write it: a line is a row, and every cell knows where it stands.

Both kinds of tables are read here, those of `calibrate --from` and the logs of a calibration.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from costmodel.documents.scalars import scalar
from costmodel.errors import Place, Problem, SpecError, known_or_suggest, quote, split_lines

MAX_PROBLEMS = 20
Holds = Callable[[float], bool]


@dataclass(frozen=True)
class Record:
    """The cells of a line by column, and the places where they stand."""

    number: int
    cells: dict[str, str]
    places: dict[str, Place]

    def get(self, column: str) -> str:
        """Return a cell's text; an empty one where there is no such column."""
        return self.cells.get(column, "")


class Sheet:
    """A table being read: its header, its rows, and what is wrong with it.

    Lines that are empty or start with # are comments.
    """

    def __init__(self, file: str, text: str, columns: Sequence[str]) -> None:
        self.file, self.text, self.columns = file, text, columns
        self.lines = split_lines(text)
        self.problems: list[Problem] = []
        self.header: list[str] = []

    def records(self, required: Callable[[list[str]], Iterable[str]]) -> Iterator[Record]:
        """Yield every record that has as many cells as the header; `required` says what is wrong with the header."""
        for number, line in enumerate(self.lines, 1):
            if not line.strip() or line.startswith("#"):
                continue
            found = self._cells(number, line)
            if found is None:
                if not self.header:
                    return
                continue
            cells, places = found
            if not self.header:
                if not self._takes_header(number, cells, places, required):
                    return
            elif len(cells) != len(self.header):
                self.complain(f"{len(cells)} values under {len(self.header)} columns", Place(number, 1))
            else:
                named = zip(self.header, cells, strict=True)
                yield Record(number, dict(named), dict(zip(self.header, places, strict=True)))

    def _cells(self, number: int, line: str) -> tuple[list[str], list[Place]] | None:
        try:
            cells = [cell.strip() for cell in next(csv.reader([line], strict=True, skipinitialspace=True))]
        except csv.Error as error:
            said = {"unexpected end of data": "these quotes are never closed"}.get(str(error), str(error))
            self.complain(f"no line of a table: {said}", Place(number, 1))
            return None
        return cells, list(_places(number, line, cells))

    def _takes_header(
        self, number: int, cells: list[str], places: list[Place], required: Callable[[list[str]], Iterable[str]]
    ) -> bool:
        for place, (name, where) in enumerate(zip(cells, places, strict=True)):
            if name not in self.columns:
                self.complain(f"unknown column {quote(name)}", where, known_or_suggest(name, self.columns))
            elif name in cells[:place]:
                self.complain(f"the column {name!r} stands here twice", where, "remove or rename one")
        for message in required(cells):
            self.complain(message, Place(number, 1))
        self.header = cells
        return not self.problems

    def number(
        self, row: Record, column: str, default: float | None, holds: Callable[[float], bool], wanted: str
    ) -> float | None:
        """Return the number in a cell; complain and return None if it is none, or not what is `wanted`."""
        text = row.get(column)
        if not text and default is not None:
            return default
        value = scalar(text)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            found = quote(text) if text else "missing"
            self.complain(f"{column} is {found}; it must be a number", row.places[column])
        elif not holds(value):
            self.complain(f"{column} is {text}; it must be {wanted}", row.places[column])
        else:
            return value
        return None

    def complain(self, message: str, place: Place | None, hint: str = "") -> None:
        """Remember that something is wrong."""
        self.problems.append(Problem(message, place, hint))

    def finish(self, nothing: str) -> None:
        """Raise the error that shows what is wrong, if anything is; of a text without a header, `nothing` says it."""
        if not self.header and not self.problems:
            self.complain(nothing, Place(1, 1))
        if self.problems:
            raise self.error()

    def error(self) -> SpecError:
        """Return the error that shows what is wrong; of very many complaints the first."""
        shown = self.problems[:MAX_PROBLEMS]
        if len(self.problems) > MAX_PROBLEMS:
            shown.append(Problem(f"and {len(self.problems) - MAX_PROBLEMS} more"))
        return SpecError(self.file, shown, self.text)


def whole(least: int, most: int) -> tuple[Holds, str]:
    """Return the condition on a whole number within bounds, and its words."""
    return lambda value: least <= value <= most and value == int(value), f"a whole number from {least} to {most:,}"


def between(least: float, most: float) -> tuple[Holds, str]:
    """Return the condition on a number within bounds, and its words."""
    return lambda value: least <= value <= most, f"from {least:g} to {most:g}"


def _places(number: int, line: str, cells: Sequence[str]) -> Iterator[Place]:
    """Yield where each cell stands. A quoted cell is underlined without its quotes."""
    start = 0
    for cell in cells:
        found = line.find(cell, start)
        found = start if found < 0 else found  # quotes within quotes are written twice
        yield Place(number, found + 1, max(len(cell), 1))
        comma = line.find(",", found + len(cell))
        start = comma + 1 if comma >= 0 else len(line)
