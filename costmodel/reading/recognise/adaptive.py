"""Pools to a given size, written as a reduction of each window and all of them put beside each other; and what is
resized along one axis under a second one of size 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from costmodel.numbers.arithmetic import ceil_div
from costmodel.ops import OPERATORS
from costmodel.ops.base import axes_of, axis_of
from costmodel.reading.recognise.rearrangements import rearranging

if TYPE_CHECKING:
    from costmodel.reading.network import Network, Part

REDUCED = {"mean": "adaptive_avg_pool", "max": "adaptive_max_pool"}
MOST_SPACE = 3


def adaptive(network: Network) -> None:
    """Find pools to a given size, and resizes along one axis."""
    for part in list(network.parts.values()):
        if part.op.name == "concat":
            _windows(network, part)
    for part in list(network.parts.values()):
        if part.op.name in REDUCED.values():
            _both(network, part)
        elif network.parts.get(part.path) is part and len(part.inputs) == 1:
            _along_one(network, part)


def _windows(network: Network, part: Part) -> None:
    """Windows of an axis that are reduced to one element each."""
    axis = axis_of(part.shape, part.op.axis)  # type: ignore[attr-defined]
    rank, number = len(part.shape), len(part.inputs)
    gone: list[Part] = []
    for place, source in enumerate(part.inputs):
        reduced = network.maker(source)
        if reduced is None or reduced.op.name not in REDUCED or not network.alone(reduced.path):
            return
        if axes_of(part.shape, reduced.op.axis, "axis") != (axis,) or not reduced.op.keep_dims:  # type: ignore[attr-defined]
            return
        cut = network.maker(reduced.inputs[0])
        if cut is None or cut.op.name != "slice" or not network.alone(cut.path):
            return
        if gone and (cut.inputs != gone[-1].inputs or reduced.op.name != gone[0].op.name):
            return
        x = network.shape(cut.inputs[0])
        wanted = (place * x[axis] // number, ceil_div((place + 1) * x[axis], number), 1)
        if cut.op.pieces(x) != {axis: wanted}:  # type: ignore[attr-defined]
            return
        gone += [reduced, cut]
    if axis == 0 or rank - axis > MOST_SPACE:
        return
    size = (number, *part.shape[axis + 1 :])
    network.become(part, OPERATORS[REDUCED[gone[0].op.name]](output_size=size), list(gone[-1].inputs), *gone)


def _both(network: Network, part: Part) -> None:
    """Pools of one axis after another, as one of both."""
    before = network.maker(part.inputs[0])
    if before is None or before.op.name != part.op.name or not network.alone(before.path):
        return
    sizes = [one.op.output_size for one in (before, part)]  # type: ignore[attr-defined]
    if not all(isinstance(one, tuple) for one in sizes):
        return
    own = max(map(len, sizes))
    x = network.shape(before.inputs[0])
    changed = [
        {axis for axis, (a, b) in enumerate(zip(one, other, strict=True)) if a != b}
        for one, other in ((x, before.shape), (before.shape, part.shape))
    ]
    if not changed[0] & changed[1]:
        op = type(part.op)(output_size=part.shape[len(x) - own :])
        network.become(part, op, list(before.inputs), before)


def _along_one(network: Network, part: Part) -> None:
    """A map of two axes, the first of size 1, that is resized along the second: ONNX Runtime interpolates no single
    one.
    """
    resize = network.maker(part.inputs[0])
    order = rearranging(network, part)
    if resize is None or resize.op.name != "resize" or order is None or not network.alone(resize.path):
        return
    first = network.maker(resize.inputs[0])
    there = rearranging(network, first)
    if first is None or there is None or not (there.kept and order.kept) or not network.alone(first.path):
        return
    before, wide = network.shape(first.inputs[0]), network.shape(resize.inputs[0])
    if wide == (*before[:-1], 1, before[-1]) and resize.shape[-2] == 1 and resize.op.mode == "bilinear":  # type: ignore[attr-defined]
        if part.shape == (*before[:-1], resize.shape[-1]) and len(before) > 1:
            fields = {"align_corners": resize.op.align_corners}  # type: ignore[attr-defined]
            op = OPERATORS["resize"](size=part.shape[-1:], mode="linear", **fields)
            network.become(part, op, list(first.inputs), resize, first)
