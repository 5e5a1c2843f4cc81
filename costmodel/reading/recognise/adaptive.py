"""Pools to a given size, written as a reduction of each window and all of them put beside each other; and what is
resized along one axis under a second one of size 1.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from costmodel.numbers.arithmetic import ceil_div
from costmodel.ops import OPERATORS
from costmodel.ops.base import axes_of, axis_of
from costmodel.reading.recognise.rearrangements import rearranging
from costmodel.reading.value import Value

if TYPE_CHECKING:
    from costmodel.reading.network import Network, Part

REDUCED = {"mean": "adaptive_avg_pool", "max": "adaptive_max_pool"}
MOST_SPACE = 3


def find(network: Network) -> None:
    """Find pools to a given size, and resizes along one axis."""
    for part in list(network.parts.values()):
        if part.op.name == "concat":
            _windows(network, part)
    for part in list(network.parts.values()):
        if part.op.name in REDUCED.values() or (part.op.name in REDUCED and part.op.keep_dims):  # type: ignore[attr-defined]
            _both(network, part)
        elif network.parts.get(part.path) is part and len(part.inputs) == 1:
            _along_one(network, part)


def _windows(network: Network, part: Part) -> None:
    """Windows of an axis that are reduced to one element each."""
    axis = axis_of(part.shape, part.op.axis)  # type: ignore[attr-defined]
    number = len(part.inputs)
    gone: list[Part] = []
    read: set[str | Value] = set()
    kinds: set[str] = set()
    for place, source in enumerate(part.inputs):
        reduced = network.maker(source)
        if reduced is None or not _reduces(network, reduced, axis) or not network.alone(reduced.path):
            return
        cut = network.maker(reduced.inputs[0])
        whole, pieces = reduced.inputs[0], {}
        gone.append(reduced)
        if cut is not None and cut.op.name == "slice" and network.alone(cut.path):
            whole, pieces = cut.inputs[0], cut.op.pieces(network.shape(cut.inputs[0]))  # type: ignore[attr-defined]
            gone.append(cut)
        if isinstance(whole, Value):
            return
        size = network.shape(whole)[axis]
        wanted = (place * size // number, ceil_div((place + 1) * size, number), 1)
        if pieces.get(axis, (0, size, 1)) != wanted or len(pieces) > 1:
            return
        read.add(whole)
        kinds.add(reduced.op.name)
    if axis > 0 and len(part.shape) - axis <= MOST_SPACE and len(read) == len(kinds) == 1:
        op = OPERATORS[REDUCED[kinds.pop()]](output_size=(number, *part.shape[axis + 1 :]))
        network.become(part, op, [*read])


def _reduces(network: Network, part: Part, axis: int) -> bool:
    """Say whether a part reduces one axis, which stays with size 1."""
    if part.op.name not in REDUCED or not part.op.keep_dims:  # type: ignore[attr-defined]
        return False
    return axes_of(part.shape, part.op.axis, "axis") == (axis,)  # type: ignore[attr-defined]


def _both(network: Network, part: Part) -> None:
    """Pools of one axis after another, as one of both; a reduction to one element is such a pool."""
    before = network.maker(part.inputs[0])
    if before is None or not network.alone(before.path):
        return
    kinds = {REDUCED.get(one.op.name, one.op.name) for one in (before, part)}
    if len(kinds) > 1 or (before.op.name in REDUCED and part.op.name in REDUCED):
        return
    shapes = [network.shape(before.inputs[0]), before.shape, part.shape]
    if len({len(shape) for shape in shapes}) > 1:
        return
    changed = [
        {axis for axis, (a, b) in enumerate(zip(one, other, strict=True)) if a != b} for one, other in pairwise(shapes)
    ]
    first = min(changed[0] | changed[1], default=len(part.shape) - 1)
    own = min(first, *(len(part.shape) - _pooled(one) for one in (before, part)))
    if not changed[0] & changed[1] and own > 0 and len(part.shape) - own <= MOST_SPACE:
        network.become(part, OPERATORS[kinds.pop()](output_size=part.shape[own:]), list(before.inputs))


def _pooled(part: Part) -> int:
    """Return over how many of the last axes a part pools."""
    size = getattr(part.op, "output_size", ())
    return len(size) if isinstance(size, tuple) else len(part.shape) - 1


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
    flat = wide == (*before[:-1], 1, before[-1]) and resize.shape[-2] == 1 and len(before) > 1
    bilinear = resize.op.mode == "bilinear"  # type: ignore[attr-defined]
    if flat and bilinear and part.shape == (*before[:-1], resize.shape[-1]):
        fields = {"align_corners": resize.op.align_corners}  # type: ignore[attr-defined]
        op = OPERATORS["resize"](size=part.shape[-1:], mode="linear", **fields)
        network.become(part, op, list(first.inputs))
