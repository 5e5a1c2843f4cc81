"""What moves, written as einops writes it: `rearrange`, and the machinery that its short forms share."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from costmodel.errors import ShapeError
from costmodel.numbers.arithmetic import Number, Shape, product, same, show_shape
from costmodel.ops.base import Emit, Weights, require, require_divides
from costmodel.ops.fields import Pattern, SizesByName
from costmodel.ops.reshape import Free

if TYPE_CHECKING:
    from costmodel.ops.base import Array
    from costmodel.ops.windows import Seen

REST = "..."
Group = tuple[str, ...]
"""The names that an axis is made of; none where it is of size 1."""
Written = tuple[Group | None, ...]
"""One side of a pattern as it stands, None for a `...` that is in no group."""
Side = tuple[Group, ...]
"""The axes of one side of a pattern, `...` spelt out."""
Sides = tuple[Side, Side]
Said = Callable[[], str]


class Move(NamedTuple):
    """A rearrangement of one shape: axes of the sizes `before`, put in `order`, and joined to the sizes `after`."""

    before: Shape
    order: tuple[int, ...]
    after: Shape


class Rearranging(Free, abstract=True):
    """What rearrangements share: a pattern, and the sizes of some of its names."""

    sized_by: ClassVar[str | None] = None
    """The field that gives sizes to names."""

    def written(self, x: Shape) -> str:
        """Return the pattern that it stands for."""
        raise NotImplementedError

    def known(self, x: Shape) -> dict[str, Number]:
        """Return the sizes of the names that do not follow from the shape."""
        return {}

    def named(self, x: Shape) -> tuple[Side, Side, dict[str, Number]]:
        """Return the names of both sides, and the sizes of all of them.

        Raises:
            ShapeError: if the pattern is none, or does not fit `x`.
        """
        pattern, known = self.written(x), self.known(x)
        left, right = sides(pattern, len(x))

        def situation() -> str:
            given = "".join(f", {name} = {size}" for name, size in known.items())
            return f'{self.name} "{pattern}"{given}, of {show_shape(x)}'

        return left, right, _sizes(left, x, known, situation, self.sized_by)

    def move(self, x: Shape) -> Move:
        """Work out what is moved, and to which sizes.

        Raises:
            ShapeError: if the pattern is none, or does not fit `x`.
        """
        left, right, sizes = self.named(x)
        runs, order = _runs(left, right)
        before = tuple(product(sizes[name] for name in run) for run in runs)
        return Move(before, order, tuple(product(sizes[name] for name in axis) for axis in right))

    def shape(self, x: Shape) -> Shape:
        return self.move(x).after

    def aliases(self, x: Shape) -> bool:
        """Axes in another order are a view, unless some are joined that did not stand side by side."""
        left, right, sizes = self.named(x)
        return _splits(left, right, sizes)

    def hands_back(self, x: Shape) -> tuple[int, ...]:
        left, right, sizes = self.named(x)
        return (0,) if _splits(right, left, sizes) else ()

    def window(self, x: Shape) -> Seen | None:
        """Positions of (channels, *space) stay where all axes but the first do."""
        left, right = sides(self.written(x), len(x))
        return () if len(left) == len(right) and left[1:] == right[1:] else None

    def run(self, weights: Weights, x: Array) -> Array:
        before, order, after = self.move(x.shape[1:])
        moved = x.reshape(len(x), *before).transpose(0, *(1 + axis for axis in order))
        return moved.reshape(len(x), *after)

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        shape = emit.shape(x)
        before, order, after = self.move(shape)
        out, lies = x, shape
        if order != tuple(range(len(order))):
            if before != shape:
                out = emit("Reshape", out, emit.constant([-1, *before]))
            out = emit("Transpose", out, perm=[0, *(1 + axis for axis in order)])
            lies = tuple(before[axis] for axis in order)
        if lies != after:
            return emit("Reshape", out, emit.constant([-1, *after]))
        return out if out != x else emit("Identity", x)


def _splits(before: Side, after: Side, sizes: Mapping[str, Number]) -> bool:
    """Say whether each axis of one side is made of names that stand side by side on the other; an axis of size 1 stands
    anywhere.
    """
    place = {name: n for n, name in enumerate(name for name in _flat(before) if not same(sizes[name], 1))}
    joined = ([place[name] for name in axis if name in place] for axis in after)
    return all(places == list(range(places[0], places[0] + len(places))) for places in joined if places)


class Rearrange(Rearranging):
    """The axes of one image split, put in another order and joined, in einops' notation: `pattern` names the axes
    before and after, (a b) is one axis made of a rows of b, `...` what stands before and repeats, 1 or () an axis of
    size 1. `sizes` gives those sizes of names that do not follow. No arithmetic; one that changes no order is a view.

    Source: Rogozhnikov 2022, "Einops: Clear and Reliable Tensor Manipulations with Einstein-like Notation" (ICLR).
    """

    sized_by = "sizes"

    pattern: Pattern
    sizes: SizesByName = ()

    @property
    def view(self) -> bool:
        return keeps_order(self.pattern)

    def kind(self, x: Shape) -> str:
        return "view" if self.view else self.family

    def written(self, x: Shape) -> str:
        return self.pattern

    def known(self, x: Shape) -> dict[str, Number]:
        return dict(self.sizes)


@lru_cache(maxsize=1024)
def keeps_order(pattern: str) -> bool:
    """Say whether a pattern names all axes in the same order before and after, so that nothing is moved."""
    left, right = _parsed(pattern)
    return _flat(left) == _flat(right)


@lru_cache(maxsize=4096)
def sides(pattern: str, rank: int) -> Sides:
    """Return the axes of both sides of a pattern on a tensor of that rank, with a name for each axis of `...`.

    Raises:
        ShapeError: if the pattern is none, or speaks of another number of axes.
    """
    left, right = _parsed(pattern)
    rest = rank - sum(axis is not None for axis in left)
    if rest < 0 or (rest and None not in left):
        raise ShapeError(
            f'"{pattern}" reads {"at least " if None in left else ""}{rank - rest} axes, but its input has {rank}',
            field="pattern",
            hint="write ... on both sides for the axes that repeat" if rest > 0 else "",
        )
    names = tuple(f"...{n}" for n in range(rest))
    return _spelt(left, names), _spelt(right, names)


def _spelt(side: Written, names: Group) -> Side:
    """Return a side with `names` in the place of `...`."""
    found: list[Group] = []
    for axis in side:
        if axis is None:
            found += [(name,) for name in names]
        else:
            found.append(tuple(one for name in axis for one in (names if name == REST else (name,))))
    return tuple(found)


@lru_cache(maxsize=1024)
def _parsed(pattern: str) -> tuple[Written, Written]:
    """Return both sides of a pattern, `...` as it stands."""
    halves = pattern.split("->")

    def wrong(what: str) -> ShapeError:
        return ShapeError(f'"{pattern}" {what}', field="pattern", hint='a pattern reads "(h a) c -> h (a c)"')

    if len(halves) != 2:
        raise wrong("has no two sides with one -> between them")
    both = []
    for half in halves:
        side = _side(half)
        if side is None:
            raise wrong(f'has a side that cannot be read: "{half.strip()}"; it takes names, ( ), 1 and ...')
        both.append(side)
    left, right = both
    if any(REST in axis for axis in left if axis is not None):
        raise wrong("has ... within ( ) on its left, where it says too little")
    for side in both:
        names = _flat(side)
        twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
        if twice:
            raise wrong(f"names {twice[0]} twice on one side")
    once = sorted(set(_flat(left)) ^ set(_flat(right)))
    if once:
        raise wrong(f"names {' and '.join(once)} on one side only")
    return left, right


def _side(text: str) -> Written | None:
    """Return the axes of one side, None where it cannot be read."""
    if re.sub(r"\.\.\.|[A-Za-z_]\w*|\b1\b|[()\s]", "", text):
        return None
    axes: list[Group | None] = []
    group: list[str] | None = None
    for word in re.findall(r"\.\.\.|\w+|[()]", text):
        if word == "(":
            if group is not None:
                return None
            group = []
        elif word == ")":
            if group is None:
                return None
            axes.append(tuple(group))
            group = None
        elif group is not None:
            group += [] if word == "1" else [word]
        else:
            axes.append(None if word == REST else () if word == "1" else (word,))
    return tuple(axes) if group is None else None


def _flat(side: Written) -> Group:
    return tuple(name for axis in side for name in ((REST,) if axis is None else axis))


def _sizes(left: Side, x: Shape, known: Mapping[str, Number], situation: Said, field: str | None) -> dict[str, Number]:
    """Return the size of each name: given, or what is left of its axis."""
    names = _flat(left)
    strange = [name for name in known if name not in names]
    if strange:
        raise ShapeError(f"{situation()}: the pattern has no {strange[0]}", field=field)
    sizes = dict(known)
    for axis, size in zip(left, x, strict=True):
        sizes |= _left_over(axis, size, known, situation, field)
    return sizes


def _left_over(
    axis: tuple[str, ...], size: Number, known: Mapping[str, Number], situation: Said, field: str | None
) -> dict[str, Number]:
    """Return the size of the one name of an axis that is not known, if there is one."""
    missing, given = [name for name in axis if name not in known], [name for name in axis if name in known]
    if len(axis) == 1 and missing:
        return {missing[0]: size}
    said = f"({' '.join(axis)})" if len(axis) != 1 else axis[0]
    if len(missing) > 1:
        raise ShapeError(
            f"{situation()}: the sizes of {' and '.join(missing)} do not follow from the {size} of {said}",
            field=field,
            hint=f"give all sizes of {said} but one",
        )
    rows = product(known[name] for name in given)

    def against(verb: str) -> Said:
        return lambda: f"{situation()}: {' * '.join(given)} = {rows} {verb} the {size} of {said}"

    if not missing:
        require(
            agree(rows, size),
            against("is not") if axis else lambda: f"{situation()}: an axis written 1 is of {size}",
            field,
        )
        return {}
    require_divides(rows, size, against("does not divide"), field)
    return {missing[0]: size // rows}


def agree(a: Number, b: Number) -> Any:
    """Say whether two numbers are equal; of symbols, whether they may be."""
    return True if a is b else (a <= b) & (b <= a)


@lru_cache(maxsize=4096)
def _runs(left: Side, right: Side) -> tuple[tuple[tuple[str, ...], ...], tuple[int, ...]]:
    """Return the names of the left side in runs that stay together, and in which order the right side has the runs."""
    before, after = _flat(left), _flat(right)
    place = {name: at for at, name in enumerate(after)}
    runs: list[list[str]] = []
    for name in before:
        if runs and place[name] == place[runs[-1][-1]] + 1:
            runs[-1].append(name)
        else:
            runs.append([name])
    first = {run[0]: at for at, run in enumerate(runs)}
    return tuple(map(tuple, runs)), tuple(first[name] for name in after if name in first)
