"""Elements looked up, or put, at the places that indices name along axes; no params."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from costmodel.errors import ShapeError
from costmodel.numbers.arithmetic import Number, Shape, holds, product, show_shape, smallest
from costmodel.ops import cast, lead
from costmodel.ops.base import Cost, Emit, Operator, Weights, axes_of, axis_of, require
from costmodel.ops.fields import Axes, Axis, Kind, Reduction, Size
from costmodel.ops.rearrange import agree
from costmodel.ops.saved import EAGER_INPUT, NOTHING, OUTPUT, Keeper, Saved
from costmodel.tensor import said_kinds

if TYPE_CHECKING:
    from costmodel.ops.base import Array

ONNX_REDUCTIONS = {"none": "none", "add": "add", "multiply": "mul", "minimum": "min", "maximum": "max"}


IMAGES = Saved("images", keeper="pytorch", numbers=1, dtype="int64")
"""The number of each image, beside its indices."""


class OneHot(Operator):
    """Indices of any shape as rows of zeros with a one at the index: a new axis of size `classes`, whose place in the
    result `axis` says; `to` is the kind of the numbers. No arithmetic.

    Source: torch.nn.functional.one_hot; ONNX OneHot.
    """

    family = "move"
    indices = (0,)
    saves = NOTHING

    classes: Size
    axis: Axis = -1
    to: Kind = cast.REAL

    def place(self, x: Shape) -> int:
        """Return where the new axis stands in the result."""
        return axis_of((*x, self.classes), self.axis)

    def shape(self, x: Shape) -> Shape:
        place = self.place(x)
        return (*x[:place], self.classes, *x[place:])

    def dtype(self, *inputs: str | None) -> str | None:
        return cast.dtype_of(self.to)

    def most_index(self, x: Shape) -> Number:
        return self.classes

    def cost(self, x: Shape) -> Cost:
        return Cost()

    def window(self, x: Shape) -> None:
        return None

    def run(self, weights: Weights, x: Array) -> Array:
        import numpy as np

        found = x[..., None] == np.arange(self.classes)
        return cast.converted(np.moveaxis(found, -1, 1 + self.place(x.shape[1:])), self.to)

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        axis = 1 + self.place(emit.shape(x))
        values = emit.constant([0, 1] if self.to == "int64" else [0.0, 1.0])
        out = emit("OneHot", x, emit.constant(self.classes), values, axis=axis)
        return out if self.to in (cast.REAL, "int64") else emit("Cast", out, to=cast.ONNX_TYPES[self.to])


class Placed(Operator, abstract=True):
    """What reading and writing at places share: the second input holds the indices."""

    family = "move"
    inputs = 2
    indices = (1,)
    saves = (Saved(1),)

    def dtype(self, *inputs: str | None) -> str | None:
        return inputs[0]

    def cost(self, *inputs: Shape) -> Cost:
        self.shape(*inputs)
        return Cost()

    def window(self, *inputs: Shape) -> None:
        return None


class Written(Placed, abstract=True):
    """What operators that put their third input at places of the first share."""

    inputs = 3

    reduction: Reduction = "none"

    def dtype(self, *inputs: str | None) -> str | None:
        x, _, updates = inputs
        if x != updates:
            raise ShapeError(f"{self.name} puts numbers of the dtype that is there, but is given {said_kinds(inputs)}")
        return x

    def values(self) -> tuple[Saved, ...]:
        """Return which values the gradients of a reduction need, or PyTorch keeps; those of a sum need none."""
        keeper: Keeper = "pytorch" if self.reduction == "add" else ""
        return tuple(Saved(which, keeper=keeper) for which in (0, 2, OUTPUT))

    def cost(self, *inputs: Shape) -> Cost:
        self.shape(*inputs)
        return Cost(other_ops=0 if self.reduction == "none" else product(inputs[2]))

    def require_updates(self, needed: Shape, updates: Shape) -> None:
        """Raise a ShapeError unless there is one element for each place."""
        require(
            len(updates) == len(needed) and all(holds(agree(*pair)) for pair in zip(updates, needed, strict=True)),
            lambda: f"{self.name} needs {show_shape(needed)} to put, but is given {show_shape(updates)}",
        )

    def put(self, out: Array, places: tuple[Any, ...], updates: Array) -> None:
        """Put updates at places of an array, in place."""
        import numpy as np

        if self.reduction == "none":
            out[places] = updates
        else:
            getattr(np, self.reduction).at(out, places, updates)


class AlongAxis(Placed, abstract=True):
    """What operators share whose indices have the axes of the first input, and are places along one `axis` of it."""

    axis: Axis = 0

    def along(self, x: Shape, indices: Shape) -> int:
        """Return the axis counted from 0.

        Raises:
            ShapeError: unless the indices have the axes of `x`, and along all others no larger sizes.
        """
        axis = axis_of(x, self.axis)
        require(
            len(indices) == len(x)
            and all(holds(own <= size) for n, (own, size) in enumerate(zip(indices, x, strict=True)) if n != axis),
            lambda: (
                f"{self.name} needs indices with the axes of {show_shape(x)}, none longer but axis {axis}, "
                f"but they are {show_shape(indices)}"
            ),
        )
        return axis

    def most_index(self, *inputs: Shape) -> Number:
        x: Shape = inputs[0]
        size: Number = x[axis_of(x, self.axis)]
        return size

    def grid(self, indices: Array) -> tuple[Any, ...]:
        """Return what indexes an array at `indices` along the axis, and at their own places along all others."""
        import numpy as np

        places: list[Any] = list(np.ogrid[tuple(slice(size) for size in indices.shape)])
        places[1 + axis_of(indices.shape[1:], self.axis)] = indices
        return tuple(places)


class GatherElements(AlongAxis):
    """What the second input's indices point at along `axis` of the first, one for each element of the result, which has
    their shape: out[i, j] = x[indices[i, j], j] along the first axis of two. No arithmetic.

    Source: torch.gather; ONNX GatherElements.
    """

    def saved(self, *inputs: Shape) -> tuple[Saved, ...]:
        return (*EAGER_INPUT, Saved(1))

    def shape(self, x: Shape, indices: Shape) -> Shape:
        self.along(x, indices)
        return indices

    def run(self, weights: Weights, *inputs: Array) -> Array:
        x, indices = lead.carrying(inputs)
        out: Array = x[self.grid(indices)]
        return out

    def onnx(self, emit: Emit, weights: Mapping[str, str], *inputs: str) -> str:
        axis = 1 + self.along(*map(emit.shape, inputs))
        return emit("GatherElements", *lead.carried(emit, inputs), axis=axis)


class Scatter(Written, AlongAxis):
    """The first input, with the third's elements put at the places that the second's indices name along `axis`:
    out[indices[i, j], j] = updates[i, j] along the first axis of two. `reduction` says what comes of the element that
    stood there: none (it is replaced), or the sum (add), product (multiply), minimum or maximum of both.

    other_ops: 0, or 1 per element put where there is a reduction.
    Source: torch.Tensor.scatter and scatter_reduce; ONNX ScatterElements.
    """

    def saved(self, *inputs: Shape) -> tuple[Saved, ...]:
        return (Saved(1),) if self.reduction == "none" else (Saved(1), *self.values())

    def shape(self, x: Shape, indices: Shape, updates: Shape) -> Shape:
        self.along(x, indices)
        self.require_updates(indices, updates)
        return x

    def run(self, weights: Weights, *inputs: Array) -> Array:
        x, indices, updates = lead.carrying(inputs)
        out = x.copy()
        self.put(out, self.grid(indices), updates)
        return out

    def onnx(self, emit: Emit, weights: Mapping[str, str], *inputs: str) -> str:
        axis = 1 + self.along(*map(emit.shape, inputs[:2]))
        how = ONNX_REDUCTIONS[self.reduction]
        return emit("ScatterElements", *lead.carried(emit, inputs), axis=axis, reduction=how)


class AtTuples(Placed, abstract=True):
    """What operators share whose indices are tuples: their last axis holds one index for each `axis` of the first
    input, in order of the axes.
    """

    axis: Axes = 0

    def split(self, x: Shape, indices: Shape) -> tuple[Shape, tuple[int, ...]]:
        """Return the axes of the indices but the last, then those of `x` that are not indexed, as the sizes of what is
        found; and the order in which the indexed axes of `x` stand before all others.

        Raises:
            ShapeError: unless the last axis of the indices is as long as the axes are many.
        """
        own = axes_of(x, self.axis, "axis")
        others = tuple(n for n in range(len(x)) if n not in own)
        require(
            len(indices) > 0 and agree(indices[-1], len(own)),
            lambda: f"{self.name} needs {len(own)} indices along the last axis, but they are {show_shape(indices)}",
            "axis",
        )
        return (*indices[:-1], *(x[n] for n in others)), (*own, *others)

    def most_index(self, *inputs: Shape) -> Number:
        x: Shape = inputs[0]
        sizes = [x[axis] for axis in axes_of(x, self.axis, "axis")]
        most: Number = sizes[0]
        for size in sizes[1:]:
            most = smallest(most, size)
        return most

    def grid(self, indices: Array) -> tuple[Any, ...]:
        """Return what indexes an array (batch, *indexed axes, *others)."""
        import numpy as np

        images = np.arange(len(indices)).reshape(-1, *[1] * (indices.ndim - 2))
        return (images, *np.moveaxis(indices, -1, 0))


class GatherNd(AtTuples):
    """What tuples of indices, along the last axis of the second input, point at along each `axis` of the first: the
    other axes of the indices come first in the result, then those of the first input that are not indexed. No
    arithmetic.

    Source: ONNX GatherND; indexing by several arrays in NumPy and PyTorch.
    """

    def saved(self, *inputs: Shape) -> tuple[Saved, ...]:
        return (Saved(1), IMAGES)

    def shape(self, x: Shape, indices: Shape) -> Shape:
        return self.split(x, indices)[0]

    def run(self, weights: Weights, *inputs: Array) -> Array:
        x, indices = lead.carrying(inputs)
        _, order = self.split(x.shape[1:], indices.shape[1:])
        out: Array = x.transpose(0, *(1 + n for n in order))[self.grid(indices)]
        return out

    def onnx(self, emit: Emit, weights: Mapping[str, str], *inputs: str) -> str:
        _, order = self.split(*map(emit.shape, inputs))
        x, indices = lead.carried(emit, inputs)
        front = emit("Transpose", x, perm=[0, *(1 + n for n in order)])
        return emit("GatherND", front, indices, batch_dims=1)


class ScatterNd(Written, AtTuples):
    """The first input, with the third put at the places that tuples of indices, along the last axis of the second,
    name along each `axis`: gather_nd finds it there. `reduction` as in scatter.

    other_ops: 0, or 1 per element put where there is a reduction.
    Source: ONNX ScatterND; torch.Tensor.index_put.
    """

    def saved(self, *inputs: Shape) -> tuple[Saved, ...]:
        if self.reduction == "none":
            return (Saved(1), IMAGES)
        x, _, updates = inputs
        least = [replace(saved, keeper="minimum") if saved.of == 0 else saved for saved in self.values()]
        least = least[self.reduction == "add" :]
        # PyTorch reduces along one flat axis, into a copy, at places numbered along it.
        copy = Saved("copy", keeper="pytorch", numbers=product(x))
        numbered = Saved("places", keeper="pytorch", numbers=product(updates), dtype="int64")
        return (Saved(1, keeper="minimum"), *least, copy, numbered)

    def shape(self, x: Shape, indices: Shape, updates: Shape) -> Shape:
        self.require_updates(self.split(x, indices)[0], updates)
        return x

    def run(self, weights: Weights, *inputs: Array) -> Array:
        x, indices, updates = lead.carrying(inputs)
        _, order = self.split(x.shape[1:], indices.shape[1:])
        out = x.copy()
        self.put(out.transpose(0, *(1 + n for n in order)), self.grid(indices), updates)
        return out

    def onnx(self, emit: Emit, weights: Mapping[str, str], *inputs: str) -> str:
        """ONNX knows no batch here, so that each tuple gets the number of its image before it."""
        _, order = self.split(*map(emit.shape, inputs[:2]))
        tuples = emit.shape(inputs[1])[:-1]
        x, indices, updates = lead.carried(emit, inputs)
        batch = emit("Shape", x, start=0, end=1)
        images = emit("Range", emit.constant(0), emit("Squeeze", batch), emit.constant(1))
        column = emit("Reshape", images, emit.constant([-1, *[1] * (len(tuples) + 1)]))
        spread = emit("Expand", column, emit.constant([1, *tuples, 1]))
        perm = [0, *(1 + n for n in order)]
        out = emit(
            "ScatterND",
            emit("Transpose", x, perm=perm),
            emit("Concat", spread, indices, axis=len(tuples) + 1),
            updates,
            reduction=ONNX_REDUCTIONS[self.reduction],
        )
        return emit("Transpose", out, perm=[perm.index(n) for n in range(len(perm))])
