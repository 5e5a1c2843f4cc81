"""What is not understood: said by kind, the most frequent first, and refused where a person wants all or nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from costmodel.errors import CostModelError
from costmodel.units import counted

SAID = 8
"""Kinds that are named."""
Kind = TypeVar("Kind")
One = TypeVar("One")


def by_kind(found: Iterable[tuple[Kind, One]]) -> dict[Kind, list[One]]:
    """Return what there is of each kind, the most frequent first."""
    kinds: dict[Kind, list[One]] = {}
    for kind, one in found:
        kinds.setdefault(kind, []).append(one)
    return dict(sorted(kinds.items(), key=lambda item: -len(item[1])))


def lines(kinds: Mapping[Kind, list[One]], say: Callable[[Kind, str], str], name: Callable[[One], str]) -> list[str]:
    """Return a line of each of the most frequent kinds, and one that says how many more there are.

    `say` is told a kind, and the `name` of the first that is of it with how many more are.
    """
    found = []
    for kind, ones in list(kinds.items())[:SAID]:
        more = f" and {len(ones) - 1:,} more" if len(ones) > 1 else ""
        found.append(say(kind, f"{name(ones[0])}{more}"))
    return found + ([f"and {counted(len(kinds) - SAID, 'kind')} more"] if len(kinds) > SAID else [])


def require_all_priced(title: str, unpriced: Mapping[str, tuple[str, str]]) -> None:
    """Raise a CostModelError with everything that is not priced, if something is not."""
    if not unpriced:
        return
    kinds = by_kind((what, path) for path, what in unpriced.items())
    said = lines(kinds, lambda kind, who: f"{kind[0]}: {kind[1]} ({who})", str)
    first = f"{title}: {counted(len(unpriced), 'layer')} of {counted(len(kinds), 'kind')} cannot be priced:"
    raise CostModelError("\n  ".join([first, *said]))
