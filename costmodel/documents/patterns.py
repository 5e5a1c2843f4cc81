"""Patterns of paths: `*` stands for any text, dots among it, and the numbers of copies may be left out."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase


def without_copies(path: str) -> str:
    """Return a path without the numbers of copies."""
    return ".".join(step for step in path.split(".") if not step.isdigit())


def means(pattern: str, path: str) -> bool:
    """Say whether a pattern means a path."""
    return fnmatchcase(path, pattern) or fnmatchcase(without_copies(path), pattern)


def nearest(pattern: str, paths: Iterable[str]) -> str:
    """Return what to say of a pattern that means none of some paths: those that are near, else the first steps."""
    import difflib  # only where something is wrong

    known = dict.fromkeys(map(without_copies, paths))
    near = difflib.get_close_matches(pattern, known, n=3, cutoff=0.5)
    if near:
        return f"did you mean {' or '.join(map(repr, near))}?"
    return f"its layers are {', '.join(_few(dict.fromkeys(path.partition('.')[0] for path in known)))}"


def _few(names: Iterable[str], most: int = 12) -> list[str]:
    shown = list(names)
    return shown if len(shown) <= most else [*shown[:most], "..."]
