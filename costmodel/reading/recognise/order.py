"""What a rearrangement does to the order of numbers, whatever the shapes before and after: so two can be compared,
done one after the other and undone.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import TYPE_CHECKING

from costmodel.ops import OPERATORS
from costmodel.ops.rearrange import Rearranging
from costmodel.reading.moves import grouped, pattern, refined

if TYPE_CHECKING:
    from costmodel.ops.base import Operator

Sizes = tuple[int, ...]
CACHED = 4096
"""Answers that are kept: a network asks the same of each of its blocks."""


@dataclass(frozen=True, slots=True)
class Order:
    """Numbers in runs of the sizes `before`, put in another `order`; no run is of size 1, none could be joined."""

    before: Sizes
    order: tuple[int, ...]

    @property
    def kept(self) -> bool:
        """Nothing moves."""
        return len(self.order) < 2

    @property
    def after(self) -> Sizes:
        """The sizes of the runs where they stand in the end."""
        return tuple(self.before[run] for run in self.order)

    def reverse(self) -> Order:
        """Return what undoes it."""
        return Order(self.after, tuple(sorted(range(len(self.order)), key=self.order.__getitem__)))

    @lru_cache(maxsize=CACHED)  # noqa: B019 - an order holds nothing but itself
    def then(self, other: Order) -> Order | None:
        """Return both, one after the other; None where no common sizes can be named."""
        atoms = refined(self.after, other.before)
        if atoms is None:
            return None
        first, second = grouped(self.after, atoms), grouped(other.before, atoms)
        stood = [atom for run in self.reverse().order for atom in first[run]]
        stands = [atom for run in other.order for atom in second[run]]
        return normal([atoms[atom] for atom in stood], [stood.index(atom) for atom in stands])


def normal(before: list[int] | Sizes, order: list[int] | tuple[int, ...]) -> Order:
    """Return the order of axes of these sizes: without those of size 1, those that stay together as one run."""
    runs: list[list[int]] = []
    for axis in order:
        if before[axis] == 1:
            continue
        if runs and all(before[between] == 1 for between in range(runs[-1][-1] + 1, axis)) and axis > runs[-1][-1]:
            runs[-1].append(axis)
        else:
            runs.append([axis])
    stood = sorted(runs)
    places = {run[0]: at for at, run in enumerate(stood)}
    return Order(tuple(prod(before[axis] for axis in run) for run in stood), tuple(places[run[0]] for run in runs))


def order_of(op: Operator, shape: Sizes) -> Order | None:
    """Return what an operator does to the order of a tensor of that shape; None where it is no rearrangement."""
    return _order_of(op, shape) if moves(op) else None


def moves(op: Operator) -> bool:
    """Say whether an operator is a rearrangement."""
    return isinstance(op, Rearranging) or op.name == "reshape"


@lru_cache(maxsize=CACHED)
def _order_of(op: Operator, shape: Sizes) -> Order:
    if not isinstance(op, Rearranging):
        return Order((prod(shape),), (0,)) if prod(shape) > 1 else Order((), ())
    before, order, _ = op.move(shape)
    return normal(before, order)


@lru_cache(maxsize=CACHED)
def atoms_of(order: Order, x: Sizes, y: Sizes) -> tuple[Sizes, list[int]] | None:
    """Return the sizes that both shapes are made of, in the order of `x`, and in which order `y` has them."""
    first = refined(order.before, x)
    if first is None:
        return None
    runs = grouped(order.before, first)
    places = [atom for run in order.order for atom in runs[run]]
    out = tuple(first[at] for at in places)
    finer = refined(out, y)
    if finer is None:
        return None
    pieces = grouped(out, finer)
    at_input = sorted(range(len(places)), key=places.__getitem__)
    stood = [piece for run in at_input for piece in pieces[run]]
    number = {piece: at for at, piece in enumerate(stood)}
    return tuple(finer[piece] for piece in stood), [number[piece] for piece in range(len(finer))]


@lru_cache(maxsize=CACHED)
def written(order: Order, before: Sizes, after: Sizes) -> Operator | None:
    """Return the rearrangement that does this to a tensor and gives it that shape; None where no pattern says it."""
    atoms, places = _cut(order.before, order.order, before)
    if atoms is None:
        return None
    out = tuple(atoms[at] for at in places)
    back = sorted(range(len(places)), key=places.__getitem__)
    finer, others = _cut(out, tuple(back), after)
    if finer is None:
        return None
    # `others` says where each run of the input stands in the output.
    sizes = tuple(finer[at] for at in others)
    stands = sorted(range(len(others)), key=others.__getitem__)
    groups = grouped(before, sizes)
    return pattern(groups, [tuple(stands[at] for at in group) for group in grouped(after, finer)], sizes, False)


def _cut(before: Sizes, order: tuple[int, ...], shape: Sizes) -> tuple[Sizes | None, list[int]]:
    """Cut runs so that a shape is made of them as well; return their sizes and their order."""
    atoms = refined(before, shape)
    if atoms is None:
        return None, []
    groups = grouped(before, atoms)
    return atoms, [atom for run in order for atom in groups[run]]


def viewed(before: Sizes, after: Sizes) -> Operator:
    """Return what only gives another shape: a rearrangement, or where no pattern says it, a reshape."""
    return written(normal(before, tuple(range(len(before)))), before, after) or OPERATORS["reshape"](sizes=after)
