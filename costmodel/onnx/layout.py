"""Where the numbers of a layer lie in a tensor of an ONNX file, through any chain of Reshape and Transpose.

Files rearrange where operators do not: a channel shuffle is Reshape, Transpose, Reshape; a layer norm over channels
stands between two Transposes. Such chains are followed as bookkeeping, and named only where something reads the result.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import TypeAlias

from costmodel.numbers.arithmetic import Shape
from costmodel.ops import OPERATORS
from costmodel.ops.base import Operator

BATCH = -1
"""The axis of images, of which an atom can be a part; the others are 0, 1, 2 of one image."""


@dataclass(frozen=True, slots=True)
class Atom:
    """`size` positions along one axis of a layer's output, `step` apart: the whole axis, or a factor of it."""

    axis: int
    step: int
    size: int


Axes: TypeAlias = tuple[tuple[Atom, ...], ...]
"""For each axis of a tensor the atoms that vary along it, slowest first. Atoms of size 1 are left out."""


class LayoutError(ValueError):
    """A rearrangement that atoms cannot express."""


def joined(atoms: Iterable[Atom]) -> tuple[Atom, ...]:
    """Return atoms without those of size 1, neighbours that continue each other as one."""
    found: list[Atom] = []
    for atom in atoms:
        if atom.size == 1:
            continue
        last = found[-1] if found else None
        if last and last.axis == atom.axis and last.step == atom.step * atom.size:
            found[-1] = Atom(atom.axis, atom.step, last.size * atom.size)
        else:
            found.append(atom)
    return tuple(found)


def whole(axis: int, size: int) -> tuple[Atom, ...]:
    """Return all of an axis."""
    return joined([Atom(axis, 1, size)])


def in_order(axes: Axes) -> tuple[Atom, ...]:
    """Return the atoms of all axes in a row."""
    return joined(atom for atoms in axes for atom in atoms)


def regrouped(axes: Axes, shape: Sequence[int]) -> Axes:
    """Return the same numbers in the same order under another shape.

    Raises:
        LayoutError: if a size of `shape` is no product of factors of what is there.
    """
    left = [atom for atoms in axes for atom in atoms]
    found = []
    for size in shape:
        taken = []
        while size > 1:
            if not left:
                raise LayoutError
            atom = left.pop(0)
            if size % atom.size == 0:
                size //= atom.size
            elif atom.size % size == 0:
                inner = atom.size // size
                left.insert(0, Atom(atom.axis, atom.step, inner))
                atom, size = Atom(atom.axis, atom.step * inner, size), 1
            else:
                raise LayoutError
            taken.append(atom)
        found.append(joined(taken))
    return tuple(found)


@dataclass(frozen=True)
class View:
    """A tensor that holds the output of the layer `source`, perhaps rearranged.

    `of` is that output's shape for one image, `shape` the tensor's own with the batch; an axis longer than its atoms
    repeats. `border` are zeros (top, left, bottom, right) still to be added around a map.
    """

    source: str
    of: Shape
    shape: tuple[int, ...]
    axes: Axes
    border: tuple[int, int, int, int] | None = None

    @property
    def batch(self) -> int:
        """How many images there are."""
        sizes = [atom.size for atoms in self.axes for atom in atoms if atom.axis == BATCH]
        return prod(sizes)

    @property
    def channel(self) -> int:
        """The axis of the layer's output that holds its channels or features."""
        return 0 if len(self.of) == 3 else len(self.of) - 1

    @property
    def plain(self) -> bool:
        """Whether the tensor is the output as it is: (batch, *shape)."""
        return self.axes == plain_axes(self.of, self.batch) and self.shape[1:] == self.of

    @property
    def repeats(self) -> bool:
        """Whether an axis is longer than what varies along it."""
        return any(prod(a.size for a in atoms) != size for atoms, size in zip(self.axes, self.shape, strict=True))

    def axis_of(self, axis: int) -> int | None:
        """Return which axis of the tensor is all of an axis of the layer's output; None where none is."""
        wanted = whole(axis, self.of[axis])
        if not wanted:  # of size 1: it shows nowhere, and stands where it stood if nothing was moved
            return axis + 1 if self.plain else None
        return self.axes.index(wanted) if wanted in self.axes else None

    def holds_channels(self, axis: int) -> bool:
        """Say whether all channels, and nothing else, lie along an axis of the tensor."""
        size = self.of[self.channel]
        return self.axes[axis] == whole(self.channel, size) and self.shape[axis] == size

    def reshaped(self, shape: Sequence[int]) -> View:
        """Return the same numbers in the same order under another shape.

        Raises:
            LayoutError: if atoms cannot express it.
        """
        if self.repeats:
            raise LayoutError
        return replace(self, shape=tuple(shape), axes=regrouped(self.axes, shape))

    def transposed(self, perm: Sequence[int]) -> View:
        """Return the tensor with its axes in another order."""
        return replace(self, shape=tuple(self.shape[i] for i in perm), axes=tuple(self.axes[i] for i in perm))

    def with_channels(self, source: str, of: Shape, axis: int) -> View:
        """Return the output of a layer that gives other channels, lying as this does, channels along `axis`."""
        shape, axes, size = list(self.shape), list(self.axes), of[self.channel]
        shape[axis], axes[axis] = size, whole(self.channel, size)
        return View(source, of, tuple(shape), tuple(axes))

    def made_by(self) -> Operator | LayoutError | None:
        """Return the operator that makes this of its layer's output; None for the output itself, Unfit if none does."""
        if self.plain:
            return None
        if self.repeats or self.shape[0] != self.batch or (self.batch > 1 and self.axes[0] != whole(BATCH, self.batch)):
            return LayoutError()
        return _operator(self.of, self.shape[1:], self.axes[1:])


@dataclass(frozen=True)
class Scores:
    """The product of queries and keys within an attention, and whether softmax has been taken of it."""

    queries: View
    keys: View
    weighed: bool = False


def _operator(of: Shape, shape: tuple[int, ...], axes: Axes) -> Operator | LayoutError:
    """Return the operator that makes a tensor of one image's `shape`, lying along `axes`, of one of shape `of`."""
    atoms, order = in_order(axes), joined(Atom(axis, 1, size) for axis, size in enumerate(of))
    if len(shape) == 1 and atoms == order:
        return OPERATORS["flatten"]()
    if len(of) == 3 and axes == (order_of(of, 1, 2), whole(0, of[0])) and shape == (of[1] * of[2], of[0]):
        return OPERATORS["tokens"]()
    if len(of) == 3 and shape == of and axes[1:] == plain_axes(of, 1)[2:] and len(axes[0]) == 2:
        return OPERATORS["channel_shuffle"](groups=axes[0][1].size)
    return LayoutError()


def order_of(of: Shape, *axes: int) -> tuple[Atom, ...]:
    """Return whole axes, one after the other."""
    return joined(atom for axis in axes for atom in whole(axis, of[axis]))


def plain_axes(of: Shape, batch: int) -> Axes:
    """Return how an output lies as it is."""
    return (whole(BATCH, batch), *(whole(axis, size) for axis, size in enumerate(of)))


def output(source: str, of: Shape, batch: int) -> View:
    """Return the output of a layer as it is."""
    return View(source, of, (batch, *of), plain_axes(of, batch))
