"""Text that only shows: what a terminal, a page or a spreadsheet would act upon is written out instead.

Titles, sources, names and messages come from strangers' files. `one_line` is for such a text by itself, `safe` for a
whole output on its way out, `cell` for a spreadsheet's. All leave printable text of any script alone, and doing them
twice changes nothing.
"""

from __future__ import annotations

import re

_ACTS = (
    "\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\\x9f"  # C0 and C1 but for tab and line breaks
    "\\u061c\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069"  # directions
    "\\u2028\\u2029"  # further line breaks
    "\\xad\\u180e\\u200b\\u2060-\\u2065\\u206a-\\u206f\\ufeff\\ufff9-\\ufffb\\U000e0000-\\U000e007f"  # without width
    "\\ud800-\\udfff"  # halves of a character
)
_JOINER = "(?<=[\\x00-\\x7f])[\\u200c\\u200d]|[\\u200c\\u200d](?=[\\x00-\\x7f])"
"""Joiners shape Persian, Indic scripts and emoji; beside ASCII they do nothing but hide."""
_IN_LINE = f"[\\t\\n\\r{_ACTS}]|{_JOINER}"
_IN_TEXT = f"[{_ACTS}]|\\r(?!\\n)|{_JOINER}"
"""Compiled only where something does not print: a report of honest text starts sooner than they compile."""
_SHORT = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}
_FORMULA = "(^|;)(?=\\s*[=+\\-@\uff1d\uff0b\uff0d\uff20])"
"""Where a formula could begin: in a cell, and behind a semicolon, at which spreadsheets of many countries cut."""
_NUMBER = r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\Z"


def one_line(text: str) -> str:
    """Return a text as one line that only shows: ``\\x1b`` for an escape, ``\\n`` for a line break within it."""
    return text if text.isprintable() else re.sub(_IN_LINE, _written_out, text.removesuffix("\n"))


def safe(text: str) -> str:
    """Return a text of several lines that only shows. JSON stays the same JSON: all is written out as JSON does it."""
    return text if all(map(str.isprintable, text.split("\n"))) else re.sub(_IN_TEXT, _written_out, text)


def cell(text: str) -> str:
    """Return a text as a cell of CSV that no spreadsheet takes for a formula; numbers stay numbers."""
    line = one_line(text)
    return line if re.match(_NUMBER, line) else re.sub(_FORMULA, r"\1'", line)


def same_width(text: str) -> str:
    """Return a line with one stand-in for each character that does not show, so that what stands below still fits."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else "→" if c == "\t" else "·" for c in text)


def _written_out(found: re.Match[str]) -> str:
    character = found.group()
    if character < " ":
        return _SHORT.get(character) or f"\\x{ord(character):02x}"
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))
