"""What is not understood: said by kind, the most frequent first, and refused where a person wants all or nothing."""

from __future__ import annotations

from collections.abc import Mapping

from costmodel.errors import CostModelError
from costmodel.units import counted

SAID = 8
"""Kinds that are named."""


def kinds(unpriced: Mapping[str, tuple[str, str]]) -> list[tuple[str, str, list[str]]]:
    """Return what is not priced by what it is and why, the most frequent first, each with the paths of its layers."""
    found: dict[tuple[str, str], list[str]] = {}
    for path, what in unpriced.items():
        found.setdefault(what, []).append(path)
    return sorted(((*what, paths) for what, paths in found.items()), key=lambda kind: -len(kind[2]))


def require_all_priced(title: str, unpriced: Mapping[str, tuple[str, str]]) -> None:
    """Raise a CostModelError with everything that is not priced, if something is not."""
    if not unpriced:
        return
    ranked = kinds(unpriced)
    lines = [f"{title}: {counted(len(unpriced), 'layer')} of {counted(len(ranked), 'kind')} cannot be priced:"]
    for what, why, paths in ranked[:SAID]:
        more = f" and {len(paths) - 1:,} more" if len(paths) > 1 else ""
        lines.append(f"  {what}: {why} ({paths[0]}{more})")
    if len(ranked) > SAID:
        lines.append(f"  and {counted(len(ranked) - SAID, 'kind')} more")
    raise CostModelError("\n".join(lines))
