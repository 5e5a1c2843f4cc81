"""Receptive fields: how much of the network's input one output position sees, and how far apart neighbours look.

Source: Araujo, Norris, Sim 2019, "Computing Receptive Fields of Convolutional Neural Networks", Distill, equations 1
and 2, with the largest over all paths.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import NamedTuple

from costmodel.formula import Number
from costmodel.graph import INPUT, Layer, LayerGraph


class View(NamedTuple):
    """Receptive field and stride in input pixels, as (height, width) each.

    Padding is seen too, so a field may exceed the input.
    """

    field: tuple[Number, Number]
    stride: tuple[Number, Number]


def views(graph: LayerGraph) -> Iterator[View | None]:
    """Yield the view of each layer in order; None where the output, or what it was made of, is no feature map.

    Where paths of different centres meet (an even kernel beside an odd one), their fields do not lie inside one another
    and together span a few pixels more than the largest of them, which is what is given. After upsampling, whose
    outputs do not all see alike, a field is that of the one that sees most, and windows later add to it: it may then be
    a few pixels more than any single output sees.
    """
    start = View((1, 1), (1, 1)) if len(graph.input_shape) == 3 else None
    seen: dict[str, View | None] = {INPUT: start}
    for layer in graph.layers:
        views = [view for name in layer.inputs if (view := seen[name]) is not None]
        known = len(layer.shape) == 3 and len(views) == len(layer.inputs)
        view = seen[layer.path] = _view(layer, views) if known else None
        yield view and View(_each(math.ceil, view.field), _each(_plain, view.stride))


def view_of(graph: LayerGraph, seen: Sequence[View | None]) -> View | None:
    """Return the view of the whole network, given that of each layer: of the last map with more than one position on
    the way to its last layer. None where a token sequence comes first, because attention mixes tokens.
    """
    wanted = {graph.layers[-1].path} if graph.layers else set()
    for layer, view in zip(reversed(graph.layers), reversed(seen), strict=True):
        if layer.path in wanted:
            if len(layer.shape) == 2:
                return None
            if view is not None and layer.shape[1:] != (1, 1):
                return view
            wanted.update(layer.inputs)
    return None


def _view(layer: Layer, views: list[View]) -> View:
    """Return what an output of `layer` sees, given what its inputs see. Upsampling makes both fractions."""
    (high, step_high), (wide, step_wide) = layer.op.window(*layer.input_shapes)
    # A gate of one position, spread over a map, does not say how far apart the map's positions look.
    largest = [max(sizes) for sizes in zip(*layer.input_shapes, strict=True)][1:]
    strides = [
        max(view.stride[axis] for view, shape in zip(views, layer.input_shapes, strict=True) if shape[axis + 1] == size)
        for axis, size in enumerate(largest)
    ]
    field = (
        max(view.field[0] + (high - 1) * view.stride[0] for view in views),
        max(view.field[1] + (wide - 1) * view.stride[1] for view in views),
    )
    return View(field, (strides[0] * step_high, strides[1] * step_wide))


def _each(rule: Callable[[Number], Number], pair: tuple[Number, Number]) -> tuple[Number, Number]:
    return rule(pair[0]), rule(pair[1])


def _plain(value: int | Fraction) -> int | float:
    """Return an int where the value is whole (strides of upsampling are fractions)."""
    return int(value) if value == int(value) else float(value)
