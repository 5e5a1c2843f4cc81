"""Shapes changed and axes moved, as rearrangements: what was before and after is named, and `...` repeats."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from math import prod
from operator import mul
from string import ascii_lowercase
from typing import TYPE_CHECKING

from costmodel.ops import OPERATORS

if TYPE_CHECKING:
    from costmodel.ops.base import Operator

Sizes = tuple[int, ...]


def reshaped(before: Sizes, after: Sizes) -> list[Operator]:
    """Return the rearrangements that give a tensor another shape: none, one, or one that joins axes and one that splits
    them again otherwise.
    """
    if before == after:
        return []
    kept = _common(before, after)
    old, new = before[kept:], after[kept:]
    atoms = refined(old, new)
    if atoms is not None:
        return [pattern(grouped(old, atoms), grouped(new, atoms), atoms, bool(kept))]
    joined = (prod(old),)
    return [*reshaped(before, (*before[:kept], *joined)), *reshaped((*before[:kept], *joined), after)]


def transposed(perm: Sequence[int]) -> list[Operator]:
    """Return the rearrangement that puts axes in another order; none where they stay."""
    kept = next((at for at, axis in enumerate(perm) if at != axis), len(perm))
    if kept == len(perm):
        return []
    own = [(axis - kept,) for axis in perm[kept:]]
    return [pattern([(n,) for n in range(len(own))], own, (), bool(kept))]


def pattern(
    before: Sequence[tuple[int, ...]], after: Sequence[tuple[int, ...]], atoms: Sizes, leading: bool
) -> Operator:
    """Return the rearrangement from groups of atoms to others; `atoms` are the sizes of those within groups."""
    rest = "... " if leading else ""
    sizes = tuple((_name(atom), atoms[atom]) for group in before if len(group) > 1 for atom in group[1:])
    written = f"{rest}{_side(before)} -> {rest}{_side(after)}"
    return OPERATORS["rearrange"](pattern=written.replace("  ", " ").strip(), sizes=sizes)


def refined(one: Sizes, other: Sizes) -> Sizes | None:
    """Return the sizes of the axes that both shapes are made of, without those of size 1; None where there are none."""
    cuts = sorted({*accumulate(one, mul), *accumulate(other, mul)} - {1})
    atoms = []
    last = 1
    for cut in cuts:
        if cut % last:
            return None
        atoms.append(cut // last)
        last = cut
    return tuple(atoms)


def grouped(shape: Sizes, atoms: Sizes) -> list[tuple[int, ...]]:
    """Return of which atoms each axis is made."""
    found: list[tuple[int, ...]] = []
    at = 0
    for size in shape:
        group = []
        while size > 1:
            size //= atoms[at]
            group.append(at)
            at += 1
        found.append(tuple(group))
    return found


def _common(one: Sizes, other: Sizes) -> int:
    """Return how many axes stay at the front."""
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _side(groups: Sequence[tuple[int, ...]]) -> str:
    return " ".join(_group(group) for group in groups)


def _group(group: tuple[int, ...]) -> str:
    if len(group) == 1:
        return _name(group[0])
    return f"({' '.join(map(_name, group))})" if group else "1"


def _name(atom: int) -> str:
    return ascii_lowercase[atom] if atom < len(ascii_lowercase) else f"n{atom}"
