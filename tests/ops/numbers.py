"""Numbers and mappings that watch what an operator's `run` does with them, and other ways of writing a case."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from costmodel.graph import Layer
from costmodel.numbers.arithmetic import Shape
from costmodel.weights import RandomWeights
from ops.strategies import Case

Array = np.ndarray[Any, Any]


def layer_of(case: Case) -> Layer:
    """The case as a layer that reads `x0`, `x1`, ..."""
    names = tuple(f"x{n}" for n in range(len(case.shapes)))
    shape, dtype = case.op.shape(*case.shapes), case.op.dtype(*case.dtypes)
    return Layer("layer", case.op, names, case.shapes, shape, dtype, batched=bool(names))


def weights_of(case: Case) -> dict[str, Array]:
    return RandomWeights(seed=1).of(layer_of(case))


class Recording(Mapping[str, Array]):
    """A mapping that remembers which of its arrays were read."""

    def __init__(self, arrays: dict[str, Array]) -> None:
        self.arrays = arrays
        self.read: dict[str, tuple[int, ...]] = {}

    def __getitem__(self, name: str) -> Array:
        self.read[name] = self.arrays[name].shape
        return self.arrays[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.arrays)

    def __len__(self) -> int:
        return len(self.arrays)


class Counted:
    """A number that counts what it takes part in: `multiplications`, except those by a fixed factor (a Python float),
    and all `operations`: arithmetic and comparisons.
    """

    multiplications = 0
    operations = 0

    def __init__(self, value: float) -> None:
        self.value = value

    def __mul__(self, other: Any) -> Counted:
        Counted.operations += 1
        Counted.multiplications += not isinstance(other, float)
        return Counted(self.value * value_of(other))

    __rmul__ = __mul__

    def __add__(self, other: Any) -> Counted:
        Counted.operations += 1
        return Counted(self.value + value_of(other))

    __radd__ = __add__

    def __sub__(self, other: Any) -> Counted:
        Counted.operations += 1
        return Counted(self.value - value_of(other))

    def __truediv__(self, other: Any) -> Counted:
        Counted.operations += 1
        return Counted(self.value / value_of(other))

    def __gt__(self, other: Any) -> bool:
        Counted.operations += 1
        return bool(self.value > value_of(other))

    def __ge__(self, other: Any) -> bool:
        Counted.operations += 1
        return bool(self.value >= value_of(other))

    def tanh(self) -> Counted:
        return Counted(float(np.tanh(self.value)))

    def exp(self) -> Counted:
        return Counted(float(np.exp(self.value)))


def value_of(number: Any) -> float:
    return number.value if isinstance(number, Counted) else float(number)


def counted(array: Array) -> Array:
    """The array with every number replaced by a counting one, true and false left as they are."""
    if array.dtype.kind == "b":
        return array
    out = np.empty(array.shape, dtype=object)
    for place in np.ndindex(array.shape):
        out[place] = Counted(float(array[place]))
    return out


AXES = {"Window", "CountWindow", "Factors", "Padding"}
"""Field types that speak of height and width."""


SIZES_SPACE = {"kernel_size", "output_size", "scale", "size"}
"""Fields whose length says how many axes of space there are; a single number is for all after the channels."""


def turned_shape(shape: Shape) -> Shape:
    return (shape[0], shape[2], shape[1]) if len(shape) == 3 else shape


def turned(case: Case) -> Case:
    """The same case with height and width swapped everywhere."""
    changed = {
        field.name: _turned_value(getattr(case.op, field.name))
        for field in dataclasses.fields(case.op)
        if str(field.type).removesuffix(" | None") in AXES
    }
    return Case(dataclasses.replace(case.op, **changed), tuple(map(turned_shape, case.shapes)))


def _turned_value(value: Any) -> Any:
    if not isinstance(value, tuple):
        return value
    return value[::-1] if len(value) == 2 else (value[1], value[0], value[3], value[2]) if len(value) == 4 else value


def is_picture(case: Case) -> bool:
    """Whether height and width are axes that the case could swap: it works along no other axis than the first.

    A pattern names them all, and a volume has more than two.
    """
    if hasattr(case.op, "pattern") or len(case.shapes[0]) > 3:
        return False
    named = [
        getattr(case.op, field.name)
        for field in dataclasses.fields(case.op)
        if str(field.type).removesuffix(" | None") in ("Axis", "Axes")
    ]
    listed = [value if isinstance(value, tuple) else (value,) for value in named if value is not None]
    axes = [axis % len(case.shapes[0]) for value in listed for axis in value]
    return not any(axes)


def repeated(case: Case, times: int) -> Case:
    """The same work once for each index of one more axis, before all others."""
    axes = {len(shape) for shape in case.shapes}
    assert len(axes) == 1
    changed = {
        field.name: _moved(getattr(case.op, field.name))
        for field in dataclasses.fields(case.op)
        if str(field.type).removesuffix(" | None") in ("Axis", "Axes")
    }
    spaces = {
        field.name: getattr(case.op, field.name)
        for field in dataclasses.fields(case.op)
        if field.name in SIZES_SPACE and "Real" not in str(field.type)
    }
    spaces = {name: value for name, value in spaces.items() if value is not None}
    if not changed and not any(isinstance(value, tuple) for value in spaces.values()):
        changed |= {name: (value,) * (axes.pop() - 1) for name, value in spaces.items()}
    pattern = getattr(case.op, "pattern", "...")
    if "..." not in pattern:
        changed["pattern"] = " -> ".join(f"... {side}" for side in pattern.split("->"))
    return dataclasses.replace(
        case, op=dataclasses.replace(case.op, **changed), shapes=tuple((times, *shape) for shape in case.shapes)
    )


def _moved(axis: Any) -> Any:
    """An axis, or several, after one more came before them."""
    if isinstance(axis, tuple):
        return tuple(map(_moved, axis))
    return axis + 1 if axis is not None and axis >= 0 else axis
