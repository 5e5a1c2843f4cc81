"""Windows as columns, written as a look-up of places that are known; and values put back where a pool found them."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from costmodel.errors import ShapeError
from costmodel.ops import OPERATORS, windows
from costmodel.ops.base import axis_of
from costmodel.reading.recognise.rearrangements import rearranging
from costmodel.reading.value import Value

if TYPE_CHECKING:
    from costmodel.ops.base import Operator
    from costmodel.reading.network import Network, Part

MOST = 2**20
"""Places that are looked at."""


def find(network: Network) -> None:
    """Find windows laid side by side, and pools undone."""
    for part in network.left():
        if len(part.inputs) == 1 or part.op.name == "gather":
            _unfold(network, part)
        if len(part.inputs) == 1:
            _unpool(network, part)


def _view(network: Network, source: str | Value) -> Part | None:
    """Return the part that gives a source, if it only gives another shape and nobody else reads it."""
    made = network.maker(source)
    order = rearranging(network, made)
    return made if made is not None and order is not None and order.kept and network.alone(made.path) else None


def _unfold(network: Network, part: Part) -> None:
    """Places of a plane that are looked up: windows of it, if they lie so."""
    found = network.maker(part.inputs[0])
    order = rearranging(network, part)
    if part.op.name == "gather":
        found = part
    elif found is None or order is None or not order.kept or not network.alone(found.path):
        return
    if found.op.name != "gather" or (found is not part and len(part.inputs) != 1):
        return
    source, places = found.inputs
    flat = _view(network, source)
    if not isinstance(places, Value) or places.held is None or not places.size or places.size > MOST:
        return
    x = network.shape(flat.inputs[0] if flat is not None else source)
    rank = len(network.shape(source))
    if axis_of(network.shape(source), found.op.axis) != rank - 1:  # type: ignore[attr-defined]
        return
    space = x[rank - 1 :]
    if len(places.shape) > 2 or (len(places.shape) < 2 and flat is None):
        return
    op = _windows(places.held.array().reshape(-1, places.shape[-1] if places.shape else 1), space)
    if op is None:
        return
    reads = list((flat or found).inputs[:1])
    pad = network.maker(reads[0])
    padded = None if pad is None or not network.alone(pad.path) else _border(network, pad, len(space))
    if padded is not None and pad is not None:
        whole = type(op)(**{**vars(op), "padding": padded})
        if network.become(part, whole, list(pad.inputs)) is not None:
            return
    network.become(part, op, reads)


def _windows(places: Any, space: tuple[int, ...]) -> Operator | None:
    """Return the unfold that lists places of a plane in this order, if one does."""
    import numpy as np

    if not 1 <= len(space) <= windows.MOST_SPACE or places.min() < 0 or places.max() >= prod(space):
        return None
    kernel, dilation = _steps(np.unravel_index(places[:, 0], space))
    number, stride = _steps(np.unravel_index(places[0], space))
    # Of a window that stands at one place only, the stride is any that leads beyond the end.
    rooms = [size - (taps - 1) * gap for size, taps, gap in zip(space, kernel, dilation, strict=True)]
    stride = tuple(max(room, 1) if one == 1 else step for one, step, room in zip(number, stride, rooms, strict=True))
    op = OPERATORS["unfold"](kernel_size=kernel, stride=stride, dilation=dilation)
    plane = np.arange(prod(space)).reshape(1, 1, *space)
    try:
        same = op.shape((1, *space)) == places.shape and bool((op.run({}, plane)[0] == places).all())
    except ShapeError:
        return None
    return op if same else None


def _steps(along: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return how many different places there are along each axis, and how far apart the first two are."""
    import numpy as np

    different = [np.unique(axis) for axis in along]
    return tuple(map(len, different)), tuple(int(one[1] - one[0]) if len(one) > 1 else 1 for one in different)


def _border(network: Network, pad: Part, axes: int) -> tuple[int, ...] | None:
    """Return how many zeros a part pads before and after each axis of space, if that is all it does."""
    if pad.op.name != "pad" or pad.op.mode != "constant" or pad.op.value != 0:  # type: ignore[attr-defined]
        return None
    rank = len(pad.shape)
    pads = pad.op.pads(network.shape(pad.inputs[0]))  # type: ignore[attr-defined]
    if any(any(sizes) for axis, sizes in pads.items() if axis < rank - axes):
        return None
    both = [pads.get(axis, (0, 0)) for axis in range(rank - axes, rank)]
    return (*(before for before, _ in both), *(after for _, after in both))


def _unpool(network: Network, part: Part) -> None:
    """Values put, on a plane of zeros, where a pool found them."""
    put = network.maker(part.inputs[0])
    order = rearranging(network, part)
    if put is None or put.op.name != "scatter" or order is None or not order.kept or not network.alone(put.path):
        return
    zeros, places, values = put.inputs
    if not isinstance(zeros, Value) or zeros.scalar() not in (0, None):
        return
    at, of = _view(network, places), _view(network, values)
    if at is None or of is None:
        return
    reads = [of.inputs[0], at.inputs[0]]
    found = network.maker(at.inputs[0])
    if found is None or found.op.name != "max_pool_indices":
        return
    fields = {name: getattr(found.op, name) for name in ("kernel_size", "stride", "padding")}
    before, after = network.shape(reads[0]), part.shape
    kernel = fields["kernel_size"]
    axes = len(kernel) if isinstance(kernel, tuple) else len(after) - 1
    own = OPERATORS["max_unpool"](**fields)
    try:
        least = own.shape(before, before)
    except ShapeError:
        return
    if len(least) != len(after):
        return
    extra = tuple(a - b for a, b in zip(after[-axes:], least[-axes:], strict=True))
    if min(extra) >= 0:
        op = OPERATORS["max_unpool"](**fields, output_padding=extra)
        network.become(part, op, reads)
