"""What a terminal can show: its width, colour, and the characters that its encoding lacks."""

from __future__ import annotations

import re
from dataclasses import dataclass

ROLES = {"title": "1", "value": "1", "quiet": "2", "head": "2", "cool": "36", "warm": "33", "good": "32", "bad": "31;1"}
"""What each role looks like, as ANSI codes. Every role reads well on light and on dark."""

EIGHTHS = " ▏▎▍▌▋▊▉█"
ELLIPSIS = "…"

_ASCII = str.maketrans(
    dict.fromkeys("▌▋▊▉█", "#") | dict.fromkeys("▏▎▍", ".") | {"…": "~", "×": "x", "→": ">", "–": "-"}
)
_ANSI = re.compile(r"\x1b\[[0-9;]*m")
PAINT = rf"(\x1b\[(?:{'|'.join(dict.fromkeys(ROLES.values()))}|0)m)"
"""The escapes that `paint` writes, and no others, as a regular expression."""


@dataclass(frozen=True)
class Screen:
    """A place that text is written to."""

    width: int = 80
    colour: bool = False

    def paint(self, text: str, role: str) -> str:
        """Return `text` in the colour of its role."""
        code = ROLES.get(role) if self.colour and text.strip() else None
        return f"\x1b[{code}m{text}\x1b[0m" if code else text


def bar(share: float, room: int) -> str:
    """Return a bar of `share` (0 to 1) of `room` characters, exact to an eighth; what is not nothing can be seen."""
    eighths = round(min(max(share, 0.0), 1.0) * room * 8)
    if share > 0:
        eighths = max(eighths, 1)
    return EIGHTHS[8] * (eighths // 8) + EIGHTHS[eighths % 8].strip()


def shorten(text: str, room: int, at_end: bool = False) -> str:
    """Return `text` with its middle (or its end) left out where it is longer than `room`."""
    if len(text) <= room:
        return text
    if room < 3:
        return text[:room]
    tail = 0 if at_end else (room - 1) // 2
    return text[: room - 1 - tail] + ELLIPSIS + text[len(text) - tail :]


def encodable(text: str, encoding: str) -> str:
    """Return `text` with the characters that `encoding` lacks replaced by plain ones."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(_ASCII).encode(encoding, "replace").decode(encoding)
    return text
