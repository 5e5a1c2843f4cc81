"""One spelling for what operators spell in several ways, before anything is looked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from costmodel.ops import OPERATORS
from costmodel.ops.base import axis_of
from costmodel.ops.move import Part as Piece
from costmodel.reading.network import Part
from costmodel.reading.recognise.order import viewed
from costmodel.reading.value import Value

if TYPE_CHECKING:
    from costmodel.reading.network import Network


def find(network: Network) -> None:
    """Parts taken of one axis become slices; one element taken of an axis becomes a slice whose axis is dropped; what
    only gives real numbers another width is left out.
    """
    for part in list(network.parts.values()):
        name = part.op.name
        if name in ("split", "crop", "slice", "slice_channels"):
            _slice(network, part)
        elif name == "gather":
            _selected(network, part)
        elif name == "identity":
            network.skip(part)


def _slice(network: Network, part: Part) -> None:
    """Write what is taken of one axis as a slice of it, axes that are taken whole left out."""
    x = network.shape(part.inputs[0])
    if len(part.inputs) != 1:
        return
    if not isinstance(part.op, Piece):  # slice_channels
        part.op = OPERATORS["slice"](axis=part.op.axis, start=part.op.start, stop=part.op.stop)  # type: ignore[attr-defined]
    pieces = {axis: piece for axis, piece in part.op.pieces(x).items() if piece != (0, x[axis], 1)}  # type: ignore[attr-defined]
    if not pieces:
        network.skip(part)
    elif len(pieces) == 1:
        ((axis, (start, stop, step)),) = pieces.items()
        part.op = OPERATORS["slice"](axis=axis, start=start, stop=stop, step=step)


def _selected(network: Network, part: Part) -> None:
    x, place = part.inputs
    if isinstance(x, Value) or not isinstance(place, Value) or place.shape not in ((), (1,)):
        return
    number = place.scalar()
    shape = network.shape(x)
    axis = axis_of(shape, part.op.axis)  # type: ignore[attr-defined]
    if number is None or not -shape[axis] <= number < shape[axis]:
        return
    start = int(number) % shape[axis]
    taken = (*shape[:axis], 1, *shape[axis + 1 :])
    op = OPERATORS["slice"](axis=axis, start=start, stop=start + 1)
    view = viewed(taken, part.shape)
    if taken == part.shape:
        network.become(part, op, [x])
        return
    one = network.insert(Part(f"{part.name}", op, [x], taken, part.dtype, part.batched, name=part.name), before=part)
    network.become(part, view, [one.path])
