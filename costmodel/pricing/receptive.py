"""Receptive fields: how much of the network's input one output position sees, and how far apart neighbours look.

Source: Araujo, Norris, Sim 2019, "Computing Receptive Fields of Convolutional Neural Networks", Distill, equations 1
and 2, with the largest over all paths; what upsampling does to it is worked out here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from math import inf
from typing import NamedTuple

from costmodel.graph import Layer, LayerGraph
from costmodel.numbers.arithmetic import Number, Shape, ceil_div


class ReceptiveField(NamedTuple):
    """Its size and its stride in input positions, each with one number for every axis of space: (height, width) of a
    picture.

    Padding is seen too, so a field may exceed the input. It is infinite where one position sees the whole input,
    however large that is: behind a global pool, and so behind every gate that is made of one.
    """

    size: tuple[Number, ...]
    stride: tuple[Number, ...]


class Reach(NamedTuple):
    """What n neighbouring positions see together along one path: first + (ceil((n * rise + shift) / run) - 1) * pitch.

    Windows alone give rise = run = 1 and shift = 0: each further position adds one pitch. Upsampling by `run` lets
    `run` neighbours see the same.
    """

    pitch: int = 1
    rise: int = 1
    shift: int = 0
    run: int = 1


class Axis(NamedTuple):
    """What a layer's positions see along one axis: the largest `first` of each reach over all paths, and the stride."""

    firsts: dict[Reach, float]
    stride: int | Fraction

    @property
    def field(self) -> float:
        return max(first + (steps(reach, 1) - 1) * reach.pitch for reach, first in self.firsts.items())


def steps(reach: Reach, n: int) -> int:
    """Return how many of the first layer's pitches n neighbours span."""
    count: int = ceil_div(n * reach.rise + reach.shift, reach.run)
    return count


Seen = tuple[Axis, ...]
START = Axis({Reach(): 1}, 1)


def receptive_fields(graph: LayerGraph) -> Iterator[ReceptiveField | None]:
    """Yield that of each layer in order; None where the output has no axes of space, or they were mixed on the way.

    A network that reads one real-valued (channels, *space) has them; one of several inputs or of indices has none.
    Where paths of different centres meet (an even kernel beside an odd one), their fields do not lie inside one another
    and together span a few pixels more than the largest of them, which is what is given. After upsampling outputs do
    not all see alike: the field is that of the one that sees most, if a later stride does not step over it.
    """
    seen: dict[str, Seen | None] = dict.fromkeys(graph.inputs)
    (name, tensor), *others = graph.inputs.items()
    if not others and tensor.dtype is None and len(tensor.shape) > 1:
        seen[name] = (START,) * (len(tensor.shape) - 1)
    drawn: dict[int, ReceptiveField] = {}
    for layer in graph.layers:
        inputs = [found for name in layer.inputs if (found := seen[name]) is not None]
        known = inputs and len(inputs) == len(layer.inputs)
        now = seen[layer.path] = _through(layer, inputs) if known else None
        if now is None:
            yield None
            continue
        field = drawn.get(id(now))  # layers that see what their input sees share it
        if field is None:
            field = drawn[id(now)] = ReceptiveField(
                tuple([_as_integer(axis.field) for axis in now]), tuple([_as_integer(axis.stride) for axis in now])
            )
        yield field


def receptive_field_of(graph: LayerGraph, seen: Sequence[ReceptiveField | None]) -> ReceptiveField | None:
    """Return that of the whole network, given those of the layers: of the last map with more than one position on
    the way to its last layer. None where positions were mixed on the way, as attention mixes tokens.
    """
    wanted = {graph.layers[-1].path} if graph.layers else set()
    for layer, found in zip(reversed(graph.layers), reversed(seen), strict=True):
        if layer.path in wanted:
            if found is None and len(layer.shape) > 1:
                return None
            if found is not None and any(size != 1 for size in layer.shape[1:]):
                return found
            wanted.update(layer.inputs)
    return None


def _through(layer: Layer, inputs: list[Seen]) -> Seen | None:
    """Return what an output of `layer` sees, given what its inputs see."""
    window = layer.op.window(*layer.input_shapes)
    axes = len(inputs[0])
    if window is None or len(layer.shape) != axes + 1:
        return None
    if len(inputs) == 1:
        if not window or all(span == (1, 1) for span in window):
            return inputs[0]
    elif any(len(found) != axes for found in inputs):
        return None
    window = window or ((1, 1),) * axes
    if len(window) != axes:
        return None
    found: list[Axis] = []
    for place, (kernel, stride) in enumerate(window):
        if place and window[place] == window[place - 1] and all(x[place] is x[place - 1] for x in inputs):
            found.append(found[-1])
        else:
            merged = _merged([axes[place] for axes in inputs], layer.input_shapes, place + 1)
            found.append(_windowed(merged, kernel, stride))
    return tuple(found)


def _merged(axes: list[Axis], shapes: Iterable[Shape], place: int) -> Axis:
    """Return what a position of the merged inputs sees along one axis."""
    if len(axes) == 1:
        return axes[0]
    sizes = [shape[place] for shape in shapes]
    largest = max(sizes)
    maps = [axis for axis, size in zip(axes, sizes, strict=True) if size == largest]
    reaches = [item for axis in maps for item in axis.firsts.items()]
    # A gate of one position is spread over the map: all neighbours see the same of it.
    reaches += [(Reach(pitch=0), axis.field) for axis, size in zip(axes, sizes, strict=True) if size < largest]
    return Axis(_largest(reaches), max(axis.stride for axis in maps))


def _largest(reaches: Iterable[tuple[Reach, float]]) -> dict[Reach, float]:
    """Return each reach with the largest of its firsts."""
    firsts: dict[Reach, float] = {}
    for reach, first in reaches:
        firsts[reach] = max(first, firsts.get(reach, 0))
    return firsts


def _windowed(axis: Axis, kernel: Number, stride: Number) -> Axis:
    """Return what outputs see that each span `kernel` positions, `stride` apart (upsampling if that is less than 1)."""
    if kernel == stride == 1:
        return axis
    if kernel == inf:
        return Axis({Reach(pitch=0): inf}, axis.stride * stride)
    grow = _spread if stride < 1 else _windows
    return Axis(_largest(grow(*item, kernel, stride) for item in axis.firsts.items()), axis.stride * stride)


def _windows(reach: Reach, first: float, kernel: int, stride: int) -> tuple[Reach, float]:
    """Let n neighbours span (n - 1) * stride + kernel positions."""
    pitch, rise, shift, run = reach
    rise, shift = rise * stride, shift + rise * (kernel - stride)
    if rise % run:
        return Reach(pitch, rise, shift, run), first
    return Reach(pitch * rise // run), first + (steps(Reach(1, rise, shift, run), 1) - 1) * pitch


def _spread(reach: Reach, first: float, kernel: Number, stride: Fraction) -> tuple[Reach, float]:
    """Let n neighbours see ceil((n + taps - 1) / scale) positions, where an input spreads over `taps` outputs."""
    pitch, rise, shift, run = reach
    scale = round(1 / stride)
    taps = round(kernel * scale)
    # Rounding up twice is rounding up once as long as nothing multiplies in between; else no less.
    slack = 0 if rise == 1 else rise * (scale - 1)
    return Reach(pitch, rise, rise * (taps - 1) + slack + shift * scale, run * scale), first


def _as_integer(value: float | Fraction) -> int | float:
    """Return an int where the value is whole (strides of upsampling are fractions, the field of a global pool inf)."""
    return int(value) if value != inf and value == int(value) else float(value)
