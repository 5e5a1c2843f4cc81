"""Unquoted scalars: what they mean, and how they are written."""

from __future__ import annotations

import re
from typing import Any

_INTEGER = re.compile(r"[-+]?[0-9][0-9_]*\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9][0-9_]*(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_WORDS: dict[str, Any] = {"true": True, "false": False, "null": None, "~": None, "": None}


def scalar(text: str) -> Any:
    """Return what an unquoted scalar means: a whole number, a number, true, false, null, or the text itself."""
    if text in _WORDS:
        return _WORDS[text]
    if len(text) <= 40 and _INTEGER.match(text):
        return int(text.replace("_", ""))
    if len(text) <= 40 and _FLOAT.match(text):
        return float(text.replace("_", ""))
    return text


def written(value: Any) -> str:
    """Return a number, a truth value or a name as an unquoted scalar, which `scalar` reads."""
    return str(value).lower() if isinstance(value, bool) else str(value)
