"""Receptive fields: how much of the network's input one output position sees, and how far apart neighbours look.

Source: Araujo, Norris, Sim 2019, "Computing Receptive Fields of Convolutional Neural Networks", Distill, equations 1 and 2, with the largest over all paths.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from costmodel.formula import Number
from costmodel.graph import INPUT, LayerGraph


class View(NamedTuple):
    """Receptive field and stride in input pixels, as (height, width) each. Padding is seen too, so a field may exceed the input."""

    field: tuple[Number, Number]
    stride: tuple[Number, Number]


def views(graph: LayerGraph) -> Iterator[View]:
    """Yield the view of each layer in order."""
    seen: dict[str, View] = {INPUT: View((1, 1), (1, 1))}
    for layer in graph.layers:
        (kernel_high, stride_high), (kernel_wide, stride_wide) = layer.op.window(*layer.input_shapes)
        high = max(view.field[0] + (kernel_high - 1) * view.stride[0] for view in map(seen.__getitem__, layer.inputs))
        wide = max(view.field[1] + (kernel_wide - 1) * view.stride[1] for view in map(seen.__getitem__, layer.inputs))
        steps = [seen[name].stride for name in layer.inputs]
        stride = max(s[0] for s in steps) * stride_high, max(s[1] for s in steps) * stride_wide
        view = View((_plain(high), _plain(wide)), (_plain(stride[0]), _plain(stride[1])))
        seen[layer.path] = view
        yield view


def _plain(value: Number) -> Number:
    """Return an int where the value is whole (strides of upsampling are fractions)."""
    return int(value) if value == int(value) else float(value)
