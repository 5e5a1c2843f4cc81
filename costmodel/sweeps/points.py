"""The points of a sweep, and how they are cut into chunks that are priced as arrays.

Parameters that shape the network are looped over; all others, and the batch, are axes of arrays that NumPy spreads over
each other: a width enters as (widths, 1, 1), a resolution as (1, resolutions, 1), so that most of the arithmetic is
done once a value and not once a point.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from costmodel.errors import CostModelError, known_or_suggest
from costmodel.sources.parametric import BATCH, Parametric
from costmodel.sweeps.ranges import Axis

CHUNK = 32_768
"""Points priced at once: enough that Python's share is small, few enough that arrays stay in the processor's cache."""


@dataclass(frozen=True)
class Box:
    """One chunk: the network's structure, and numbers as arrays that spread over `shape`."""

    structure: Mapping[str, Any]
    numbers: Mapping[str, Any]
    shape: tuple[int, ...]

    @property
    def count(self) -> int:
        """How many points it has."""
        return math.prod(self.shape)

    def at(self, index: int) -> dict[str, Any]:
        """Return one point as plain numbers and names."""
        numbers = {name: np.broadcast_to(array, self.shape).flat[index].item() for name, array in self.numbers.items()}
        return {**self.structure, **numbers}

    def part(self, index: int) -> Box:
        """Return the box of one point."""
        point = self.at(index)
        return Box(self.structure, {name: np.asarray([point[name]]) for name in self.numbers}, (1,))


@dataclass(frozen=True)
class Grid:
    """Every combination of the axes. Structural axes vary slowest; otherwise the last one given varies fastest."""

    structure: tuple[Axis, ...]
    numbers: tuple[Axis, ...]
    chunk: int = CHUNK

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters that vary, in the order of their axes."""
        return tuple(axis.name for axis in (*self.structure, *self.numbers))

    @property
    def count(self) -> int:
        """How many points there are."""
        return self._structures * math.prod(axis.count for axis in self.numbers)

    @property
    def _structures(self) -> int:
        return math.prod(axis.count for axis in self.structure)

    @property
    def _cut(self) -> tuple[int, int]:
        """Return the axis that is cut and how many of its values a chunk takes: axes after it are taken whole."""
        at, whole = len(self.numbers) - 1, 1
        while at > 0 and whole * self.numbers[at].count <= self.chunk:
            whole *= self.numbers[at].count
            at -= 1
        return at, max(1, self.chunk // whole)

    @property
    def chunks(self) -> int:
        """How many chunks there are."""
        return self._structures * self._chunks_each

    @property
    def _chunks_each(self) -> int:
        if not self.numbers:
            return 1
        at, step = self._cut
        return math.prod(axis.count for axis in self.numbers[:at]) * -(-self.numbers[at].count // step)

    def box(self, index: int) -> Box:
        """Return one chunk, `index` from 0 to `chunks` - 1, in order."""
        which, within = divmod(index, self._chunks_each)
        chosen = _unravel(which, [axis.count for axis in self.structure])
        structure = {axis.name: axis.value(i) for axis, i in zip(self.structure, chosen, strict=True)}
        if not self.numbers:
            return Box(structure, {}, (1,))
        at, step = self._cut
        places = _unravel(within, [*(axis.count for axis in self.numbers[:at]), -(-self.numbers[at].count // step)])
        values = [axis.values(i, i + 1) for axis, i in zip(self.numbers[:at], places, strict=False)]
        values.append(self.numbers[at].values(places[-1] * step, (places[-1] + 1) * step))
        values += [axis.values() for axis in self.numbers[at + 1 :]]
        arrays = {
            axis.name: array.reshape([-1 if i == j else 1 for j in range(len(values))])
            for i, (axis, array) in enumerate(zip(self.numbers, values, strict=True))
        }
        return Box(structure, arrays, tuple(len(array) for array in values))

    @property
    def described(self) -> list[Any]:
        """What the grid is made of, as plain data that two equal grids share."""
        return [
            [a.name, *map(str, a.runs), *a.words, *([] if a.given is None else a.given.tolist())] for a in self._all
        ]

    @property
    def _all(self) -> tuple[Axis, ...]:
        return (*self.structure, *self.numbers)


@dataclass(frozen=True)
class Pairs:
    """Points given one by one: the i-th of each array make the i-th point. All of them are numbers."""

    numbers: Mapping[str, Any]
    chunk: int = CHUNK

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters that vary."""
        return tuple(self.numbers)

    @property
    def count(self) -> int:
        """How many points there are."""
        return len(next(iter(self.numbers.values())))

    @property
    def chunks(self) -> int:
        """How many chunks there are."""
        return -(-self.count // self.chunk)

    @property
    def described(self) -> list[Any]:
        """The points, as plain data."""
        return [[name, *array.tolist()] for name, array in self.numbers.items()]

    def box(self, index: int) -> Box:
        """Return one chunk, in order."""
        part = slice(index * self.chunk, (index + 1) * self.chunk)
        numbers = {name: array[part] for name, array in self.numbers.items()}
        return Box({}, numbers, next(iter(numbers.values())).shape)


def grid(network: Parametric, axes: list[Axis], chunk: int = CHUNK) -> Grid:
    """Return the grid of axes over parameters of a network and ``batch``.

    Raises:
        CostModelError: if an axis is of an unknown parameter, stands twice, or holds what the parameter cannot be.
    """
    shaping = network.shaping
    _check_names(network, [axis.name for axis in axes])
    for axis in axes:
        if axis.name == BATCH:
            _check_batch([] if axis.words else axis.ends())
        else:
            for value in axis.words or axis.ends().tolist():
                network.check(axis.name, value)
    return Grid(
        tuple(axis for axis in axes if axis.name in shaping),
        tuple(axis for axis in axes if axis.name not in shaping),
        chunk,
    )


def pairs(network: Parametric, columns: Mapping[str, Any], chunk: int = CHUNK) -> Pairs:
    """Return points given one by one, as equally long arrays over parameters of a network and ``batch``.

    Raises:
        CostModelError: if a parameter is unknown or shapes the network, or the arrays are not equally long.
    """
    _check_names(network, list(columns))
    shaping = network.shaping
    arrays = {name: np.asarray(values) for name, values in columns.items()}
    for name, array in arrays.items():
        if name in shaping:
            raise CostModelError(f"{name} shapes the network, so it cannot vary point by point; make it an axis")
        if array.ndim != 1 or array.dtype.kind not in "iuf":
            raise CostModelError(f"{name}: a list of numbers belongs here")
        if name == BATCH:
            _check_batch(array)
    if len({len(array) for array in arrays.values()}) != 1:
        raise CostModelError(f"paired points need equally long lists, not {[len(a) for a in arrays.values()]}")
    return Pairs(arrays, chunk)


def _check_names(network: Parametric, names: list[str]) -> None:
    if not names:
        raise CostModelError("nothing varies; give --vary NAME=VALUES at least once")
    known = [*network.parameters, BATCH]
    for name in names:
        if name not in known:
            raise CostModelError(f"{network.name} has no parameter {name!r}; {known_or_suggest(name, known)}")
        if names.count(name) > 1:
            raise CostModelError(f"{name} is varied twice; list all its values once")


def _check_batch(values: Any) -> None:
    array = np.asarray(values)
    if not array.size or array.dtype.kind not in "iu" or (array < 1).any():
        raise CostModelError("batch is a whole number of at least 1")


def _unravel(index: int, counts: list[int]) -> list[int]:
    """Return the place of an index in a box of these counts, the last varying fastest; exact for counts of any size."""
    places = []
    for count in reversed(counts):
        index, place = divmod(index, count)
        places.append(place)
    return places[::-1]
