"""Tables of text that fit: columns that matter less go where room is short, and bars take the room that is left."""

from __future__ import annotations

from collections.abc import Sequence

from costmodel.render.page import Column
from costmodel.render.screen import Screen, bar, shorten

INDENT, GAP = 2, 2
LEAST_BAR, GOOD_BAR, MOST_BAR = 6, 16, 30
LUXURY = 6
"""Columns of this rank and above give way before bars get short."""
LEAST_NAME = 8


def layout(columns: Sequence[Column], screen: Screen) -> list[str]:
    """Return the lines of a table no wider than the screen."""
    kept = _fitting(list(columns), screen.width)
    widths = _widths(kept, screen.width)
    lines = [_line([c.title for c in kept], kept, widths, screen, role="head")]
    if any(c.unit for c in kept):
        lines.append(_line([c.unit for c in kept], kept, widths, screen, role="head"))
    for row in range(len(kept[0].cells)):
        lines.append(_line([_cell(c, row, w) for c, w in zip(kept, widths, strict=True)], kept, widths, screen))
    return lines


def _cell(column: Column, row: int, width: int) -> str:
    return bar(column.shares[row], width) if column.shares is not None else column.cells[row]


def _least(column: Column, bar_room: int = LEAST_BAR) -> int:
    """Return the fewest characters that a column takes, a bar `bar_room` of them."""
    texts = [column.title, column.unit]
    if column.shares is not None:
        return max(bar_room, *map(len, texts))
    return max(map(len, [*texts, *column.cells]))


def _needed(widths: Sequence[int]) -> int:
    return INDENT + sum(widths) + GAP * (len(widths) - 1)


def _fitting(columns: list[Column], room: int) -> list[Column]:
    """Leave out columns, those of the highest rank first and of those the last, until the rest fits."""
    for bar_room, lowest in ((GOOD_BAR, LUXURY), (LEAST_BAR, 1)):
        while _needed([_least(c, bar_room) for c in columns]) > room:
            highest = max(c.rank for c in columns)
            if highest < lowest:
                break
            del columns[max(index for index, c in enumerate(columns) if c.rank == highest)]
    return columns


def _widths(columns: Sequence[Column], room: int) -> list[int]:
    widths = [_least(c) for c in columns]
    bars = [index for index, c in enumerate(columns) if c.shares is not None]
    spare = room - _needed(widths)
    for index in bars:
        widths[index] = max(widths[index], min(MOST_BAR, widths[index] + spare // len(bars)))
    texts = [index for index, c in enumerate(columns) if c.left]
    while _needed(widths) > room and texts:
        widest = max(texts, key=lambda index: widths[index])
        if widths[widest] <= LEAST_NAME:
            break
        widths[widest] -= 1
    return widths


def _line(
    texts: Sequence[str], columns: Sequence[Column], widths: Sequence[int], screen: Screen, role: str = ""
) -> str:
    """Return one line of cells, without spaces at its end."""
    cells = []
    for text, column, width in zip(texts, columns, widths, strict=True):
        short = shorten(text, width, column.prose)
        cells.append(f"{short:<{width}}" if column.left or column.shares is not None else f"{short:>{width}}")
    while cells and not cells[-1].strip():
        cells.pop()
    if cells:
        cells[-1] = cells[-1].rstrip()
    painted = [screen.paint(cell, role or c.paint) for cell, c in zip(cells, columns, strict=False)]
    return (" " * INDENT + (" " * GAP).join(painted)).rstrip()
