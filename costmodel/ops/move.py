"""Operators that take a part of a tensor, add to its ends, roll it or repeat it along named axes; no arithmetic."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from costmodel.errors import ShapeError
from costmodel.numbers.arithmetic import Number, Shape, ceil_div, equal, holds, is_plain, is_symbol, same, show_shape
from costmodel.ops import lead
from costmodel.ops.base import Cost, Emit, Weights, axes_of, axis_of, require, require_divides
from costmodel.ops.fields import Axes, Axis, Count, CountWindow, PadMode, Real, Size, Sizes, Wholes, Window
from costmodel.ops.rearrange import agree
from costmodel.ops.reshape import Free
from costmodel.ops.saved import NOTHING, Saved

if TYPE_CHECKING:
    from costmodel.ops.base import Array
    from costmodel.ops.windows import Seen

Piece = tuple[Number, Number, Number]
"""(start, stop, step) along an axis, counted from 0."""


def by_axis(x: Shape, axis: Axes, **columns: Any) -> dict[int, tuple[Any, ...]]:
    """Return what fields say of each axis that `axis` names: a number said once is for all of them.

    Raises:
        ShapeError: if there is no such axis, one is named twice, or a list has another length.
    """
    named = axis if isinstance(axis, tuple) else (axis,)
    places = [axis_of(x, one) for one in named]
    if len(set(places)) < len(places):
        raise ShapeError(f"{list(named)} names an axis twice", field="axis")
    for field, value in columns.items():
        if isinstance(value, tuple) and len(value) != len(places):
            raise ShapeError(f"{field} has {len(value)} numbers for {len(places)} axes", field=field)
    rows = [value if isinstance(value, tuple) else (value,) * len(places) for value in columns.values()]
    return dict(zip(places, zip(*rows, strict=True), strict=True))


def from_start(place: Number, size: Number) -> Number:
    """Return a place counted from 0 where a negative one counts from the end."""
    if is_plain(place):
        return place if place >= 0 else size + place
    return place if is_symbol(place) else place + size * (place < 0)


class Part(Free, abstract=True):
    """What operators that take a part of a tensor share."""

    def pieces(self, *inputs: Shape) -> dict[int, Piece]:
        """Return which part of each axis is taken; axes that are not there are taken whole."""
        raise NotImplementedError

    def shape(self, *inputs: Shape) -> Shape:
        pieces = self.pieces(*inputs)
        return tuple(
            ceil_div(pieces[axis][1] - pieces[axis][0], pieces[axis][2]) if axis in pieces else size
            for axis, size in enumerate(inputs[0])
        )

    def aliases(self, *inputs: Shape) -> bool:
        return True

    def cost(self, *inputs: Shape) -> Cost:
        return Cost()

    def window(self, *inputs: Shape) -> Seen:
        steps = {axis: step for axis, (_, _, step) in self.pieces(*inputs).items()}
        seen = tuple((1, steps.get(axis, 1)) for axis in range(1, len(inputs[0])))
        return () if all(same(step, 1) for _, step in seen) else seen

    def run(self, weights: Weights, *inputs: Array) -> Array:
        x = lead.carrying(inputs)[0]
        pieces = self.pieces(*(array.shape[1:] for array in inputs))
        return x[(slice(None), *(slice(*pieces.get(axis, (None,))) for axis in range(x.ndim - 1)))]

    def onnx(self, emit: Emit, weights: Mapping[str, str], *inputs: str) -> str:
        x = lead.carried(emit, inputs)[0]
        pieces = self.pieces(*map(emit.shape, inputs))
        starts, stops, steps = map(list, zip(*pieces.values(), strict=True))
        axes = [1 + axis for axis in pieces]
        return emit("Slice", x, *map(emit.constant, (starts, stops, axes, steps)))


class Slice(Part):
    """From `start` up to, and not including, `stop`, every `step`-th, along `axis`; negative places count from the end.
    Lists say it for several axes. `stop` is the end where it is left out.
    """

    axis: Axes = 0
    start: Wholes = 0
    stop: Wholes | None = None
    step: Window = 1

    def pieces(self, *inputs: Shape) -> dict[int, Piece]:
        (x,) = inputs
        rows = by_axis(x, self.axis, start=self.start, stop=self.stop, step=self.step)
        return {axis: self.piece(x[axis], *row) for axis, row in rows.items()}

    def piece(self, size: Number, start: Number, stop: Number | None, step: Number) -> Piece:
        """Return which part of one axis is taken."""
        first, last = from_start(start, size), size if stop is None else from_start(stop, size)
        require(
            (first >= 0) & (first < last) & (last <= size),
            lambda: f"{start} up to {'the end' if stop is None else stop} is no part of an axis of {size}",
            "start" if stop is None else "stop",
        )
        return first, last, step


class Split(Part):
    """One part of an axis, the one of that `index` from 0: of `parts` equal ones, or of parts of the given `sizes`."""

    parts: Size | None = None
    sizes: Sizes | None = None
    index: Count = 0
    axis: Axis = 0

    def pieces(self, *inputs: Shape) -> dict[int, Piece]:
        (x,) = inputs
        axis = axis_of(x, self.axis)
        size = x[axis]
        if (self.parts is None) == (self.sizes is None):
            raise ShapeError(
                "split takes either a number of parts or their sizes", field="sizes" if self.sizes else None
            )
        number = self.parts if self.sizes is None else len(self.sizes)
        require(self.index < number, lambda: f"there is no part {self.index} among {number}", "index")
        if self.sizes is None:
            require_divides(self.parts, size, lambda: f"parts = {self.parts} does not divide {size}", "parts")
            own = size // self.parts
            return {axis: (self.index * own, (self.index + 1) * own, 1)}
        total = sum(self.sizes)
        require(agree(total, size), lambda: f"sizes add up to {total}, but the axis is of {size}", "sizes")
        start = sum(size * (place < self.index) for place, size in enumerate(self.sizes))
        own = sum(size * (place == self.index) for place, size in enumerate(self.sizes))
        return {axis: (start, start + own, 1)}


class Crop(Part):
    """A part of `size` of each of the `axis` (height and width, the last two): from `start` on, or from the middle,
    where an odd rest is larger after. Of two inputs, the first is cropped to the size of the second.

    Source: Ronneberger et al. 2015 (U-Net, arXiv:1505.04597), figure 1.
    """

    inputs = (1, 2)

    size: Window | None = None
    start: CountWindow | None = None
    axis: Axes = (-2, -1)

    def pieces(self, *inputs: Shape) -> dict[int, Piece]:
        x, *like = inputs
        if (self.size is None) != bool(like):
            raise ShapeError("crop takes either a size or a second input that has it", field="size" if like else None)
        if like and len(like[0]) != len(x):
            raise ShapeError(f"crop cannot cut {show_shape(x)} to {show_shape(like[0])}: they differ in their axes")
        rows = by_axis(x, self.axis, size=self.size, start=self.start)
        return {
            axis: self.piece(x[axis], like[0][axis] if like else size, start) for axis, (size, start) in rows.items()
        }

    def piece(self, whole: Number, size: Number, start: Number | None) -> Piece:
        """Return which part of one axis is taken."""
        first = (whole - size) // 2 if start is None else start
        require(
            (first >= 0) & (first + size <= whole),
            lambda: f"there are not {size} from {first} on in an axis of {whole}",
            "size" if start is None else "start",
        )
        return first, first + size, 1


class Pad(Free):
    """`before` and `after` each `axis` so many more elements: of the constant `value`, the `edge` repeated, or the
    inside mirrored at it (reflect). Lists say it for several axes.

    Source: torch.nn.functional.pad.
    """

    axis: Axes = -1
    before: CountWindow = 0
    after: CountWindow = 0
    mode: PadMode = "constant"
    value: Real = 0.0

    def pads(self, x: Shape) -> dict[int, tuple[Number, Number]]:
        """Return (before, after) of each axis that grows."""
        rows = by_axis(x, self.axis, before=self.before, after=self.after)
        if self.mode == "reflect":
            for axis, pads in rows.items():
                if not all(holds(pad < x[axis]) for pad in pads):
                    raise ShapeError(f"an axis of {x[axis]} has too little to mirror", field="before")
        return {axis: (before, after) for axis, (before, after) in rows.items()}

    def shape(self, x: Shape) -> Shape:
        pads = self.pads(x)
        return tuple(size + sum(pads.get(axis, (0,))) for axis, size in enumerate(x))

    def saved(self, x: Shape) -> tuple[Saved, ...]:
        if self.mode == "constant":
            return NOTHING
        # Mirrored or repeated axis by axis, by the numbers of what stands where.
        numbers = sum((x[axis] + sum(pad) for axis, pad in self.pads(x).items()), 0)
        return (Saved("numbers", keeper="pytorch", numbers=numbers, dtype="int64", once=True),)

    def run(self, weights: Weights, x: Array) -> Array:
        import numpy as np

        pads = self.pads(x.shape[1:])
        every = [(0, 0), *(pads.get(axis, (0, 0)) for axis in range(x.ndim - 1))]
        if self.mode == "constant":
            return np.pad(x, every, constant_values=self.value)
        return np.pad(x, every, "reflect" if self.mode == "reflect" else "edge")

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        pads = self.pads(emit.shape(x))
        sizes = [pads.get(axis, (0, 0))[end] for end in (0, 1) for axis in range(-1, len(emit.shape(x)))]
        value = [emit.constant(float(self.value))] if self.mode == "constant" and self.value else []
        return emit("Pad", x, emit.constant(sizes), *value, mode=self.mode)


class Roll(Free):
    """Elements moved `shifts` places on along each `axis`, those beyond the end to the beginning.

    Source: torch.roll; the shifted windows of Liu et al. 2021 (Swin, arXiv:2103.14030).
    """

    shifts: Wholes
    axis: Axes

    def shape(self, x: Shape) -> Shape:
        by_axis(x, self.axis, shifts=self.shifts)
        return x

    def window(self, x: Shape) -> tuple[()] | None:
        return () if axes_of(x, self.axis, "axis") == (0,) else None

    def run(self, weights: Weights, x: Array) -> Array:
        import numpy as np

        rows = by_axis(x.shape[1:], self.axis, shifts=self.shifts)
        return np.roll(x, [shift for (shift,) in rows.values()], [1 + axis for axis in rows])

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        shape, out = emit.shape(x), x
        for axis, (shift,) in by_axis(shape, self.axis, shifts=self.shifts).items():
            cut = -shift % shape[axis]
            if cut:
                along = emit.constant([1 + axis])
                ends = [
                    emit("Slice", out, emit.constant([start]), emit.constant([stop]), along)
                    for start, stop in ((cut, shape[axis]), (0, cut))
                ]
                out = emit("Concat", *ends, axis=1 + axis)
        return out if out != x else emit("Identity", x)


class Flip(Free):
    """Elements in reverse order along each `axis`.

    Source: torch.flip.
    """

    axis: Axes

    def shape(self, x: Shape) -> Shape:
        axes_of(x, self.axis, "axis")
        return x

    def window(self, x: Shape) -> tuple[()] | None:
        return () if axes_of(x, self.axis, "axis") == (0,) else None

    def run(self, weights: Weights, x: Array) -> Array:
        import numpy as np

        return np.flip(x, tuple(1 + axis for axis in axes_of(x.shape[1:], self.axis, "axis")))

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        axes = [1 + axis for axis in axes_of(emit.shape(x), self.axis, "axis")]
        last, before_first = [-1] * len(axes), [-1 - emit.shape(x)[axis - 1] for axis in axes]
        return emit("Slice", x, *map(emit.constant, (last, before_first, axes, last)))


class BroadcastTo(Free):
    """The last axes spread to `sizes`: each is of that size already, or of size 1 and repeated.

    Source: torch.broadcast_to, which is torch.Tensor.expand; unsqueeze makes a new axis to spread.
    """

    sizes: Sizes

    def shape(self, x: Shape) -> Shape:
        own = len(self.sizes)
        require(
            own <= len(x),
            lambda: f"broadcast_to {list(self.sizes)} reads {own} axes, but its input is {show_shape(x)}",
            "sizes",
            "unsqueeze makes a new axis",
        )
        before, last = lead.split(x, own)
        for size, out in zip(last, self.sizes, strict=True):
            require(
                equal(size, 1) | agree(size, out),
                lambda: f"broadcast_to cannot spread {show_shape(last)} to {show_shape(self.sizes)}",
                "sizes",
            )
        return (*before, *self.sizes)

    def aliases(self, x: Shape) -> bool:
        return True

    def window(self, x: Shape) -> None:
        return None

    def run(self, weights: Weights, x: Array) -> Array:
        import numpy as np

        return np.broadcast_to(x, (len(x), *self.shape(x.shape[1:])))

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        return emit("Expand", x, emit.constant([1] * (1 + len(emit.shape(x)) - len(self.sizes)) + list(self.sizes)))


class Tile(Free):
    """The whole tensor `repeats` times over along each `axis`.

    Source: torch.tile.
    """

    repeats: Window
    axis: Axes = 0

    def times(self, x: Shape) -> Shape:
        """Return how often each axis is repeated."""
        rows = by_axis(x, self.axis, repeats=self.repeats)
        return tuple(rows.get(axis, (1,))[0] for axis in range(len(x)))

    def shape(self, x: Shape) -> Shape:
        return tuple(size * times for size, times in zip(x, self.times(x), strict=True))

    def window(self, x: Shape) -> tuple[()] | None:
        return () if axes_of(x, self.axis, "axis") == (0,) else None

    def run(self, weights: Weights, x: Array) -> Array:
        import numpy as np

        return np.tile(x, (1, *self.times(x.shape[1:])))

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        return emit("Tile", x, emit.constant([1, *self.times(emit.shape(x))]))


class Stack(Free):
    """Two or more inputs of one shape side by side along a new axis; `axis` says where it stands in the result."""

    family = "merge"
    inputs = (2, None)

    axis: Axis = 0

    def shape(self, *inputs: Shape) -> Shape:
        first = inputs[0]
        for x in inputs:
            require(
                len(x) == len(first) and all(holds(equal(a, b)) for a, b in zip(x, first, strict=True)),
                lambda: f"stack needs inputs of one shape, but got {' and '.join(map(show_shape, inputs))}",
                hint="concat joins inputs along an axis that they have",
            )
        place = axis_of((*first, 1), self.axis)
        return (*first[:place], len(inputs), *first[place:])

    def cost(self, *inputs: Shape) -> Cost:
        return Cost()

    def window(self, *inputs: Shape) -> None:
        return None

    def hands_back(self, *inputs: Shape) -> tuple[int, ...]:
        return tuple(range(len(inputs)))

    def run(self, weights: Weights, *inputs: Array) -> Array:
        import numpy as np

        return np.stack(lead.carrying(inputs), axis=1 + axis_of(inputs[0].shape, self.axis))

    def onnx(self, emit: Emit, weights: Mapping[str, str], *inputs: str) -> str:
        axis = 1 + axis_of((*emit.shape(inputs[0]), 1), self.axis)
        return emit(
            "Concat", *(emit("Unsqueeze", x, emit.constant([axis])) for x in lead.carried(emit, inputs)), axis=axis
        )
