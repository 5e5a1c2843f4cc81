"""Parts of axes: taken before a rearrangement where they can be, and pixels side by side as a rearrangement."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from costmodel.ops import OPERATORS
from costmodel.ops.base import axis_of
from costmodel.reading.moves import grouped
from costmodel.reading.network import Part
from costmodel.reading.recognise.order import Order, Sizes, atoms_of, normal, written
from costmodel.reading.recognise.rearrangements import rearranging

if TYPE_CHECKING:
    from costmodel.ops.base import Operator
    from costmodel.reading.network import Network

TURNS: dict[tuple[tuple[int, int], ...], str] = {
    ((0, 0), (0, 1), (1, 0), (1, 1)): "hw",
    ((0, 0), (1, 0), (0, 1), (1, 1)): "wh",
}
"""In which order the four pixels of a square are put side by side."""
DEEP = 4
"""How many slices one after the other are looked through."""


def find(network: Network) -> None:
    """Take parts of what was rearranged before it is; what is taken apart and put together by pixels is rearranged."""
    for part in network.left(backwards=True):
        order = rearranging(network, part)
        if order is not None and part.path not in network.outputs:
            _before(network, part, order)
        elif part.op.name == "concat":
            _blocks(network, part)


def _before(network: Network, part: Part, order: Order) -> None:
    """Take single elements of an axis, where they are all that is read of a rearranged tensor, of the tensor itself: so
    queries, keys and values of one projection are parts of what it gives.
    """
    readers = network.readers(part.path)
    x = network.shape(part.inputs[0])
    found = []
    for reader in readers:
        if reader.op.name != "slice" or isinstance(reader.op.axis, tuple):  # type: ignore[attr-defined]
            return
        taken = _taken(reader, order, x, part.shape)
        if taken is None or reader.shape[axis_of(part.shape, reader.op.axis)] != 1:  # type: ignore[attr-defined]
            return
        found.append((reader, *taken))
    for reader, axis, start, stop, op in found:
        shape = (*x[:axis], stop - start, *x[axis + 1 :])
        cut = OPERATORS["slice"](axis=axis, start=start, stop=stop)
        one = Part(reader.name, cut, list(part.inputs), shape, reader.dtype, reader.batched, name=reader.name)
        network.become(reader, op, [network.insert(one, reader).path])


def _taken(reader: Part, order: Order, x: Sizes, y: Sizes) -> tuple[int, int, int, Operator] | None:
    """Return the axis of `x`, and from where to where a slice of the rearranged `y` is of it, and the rearrangement
    that is left; None where it is no slice of one axis of `x`.
    """
    own = axis_of(y, reader.op.axis)  # type: ignore[attr-defined]
    start, stop, step = reader.op.pieces(y)[own]  # type: ignore[attr-defined]
    atoms = atoms_of(order, x, y)
    if atoms is None or step != 1:
        return None
    sizes, places = atoms
    before, after = grouped(x, sizes), grouped(y, tuple(sizes[at] for at in places))
    (first, *rest) = (places[at] for at in after[own]) if after[own] else (None,)
    axis = next((at for at, group in enumerate(before) if group and group[0] == first), None)
    inner = prod(sizes[at] for at in rest)
    if first is None or axis is None or start % inner or stop % inner:
        return None
    block = prod(sizes[at] for at in before[axis][1:])
    start, stop = start // inner, stop // inner
    fewer = [stop - start if at == first else size for at, size in enumerate(sizes)]
    shape = (*x[:axis], (stop - start) * block, *x[axis + 1 :])
    op = written(normal(fewer, places), shape, reader.shape)
    return None if op is None else (axis, start * block, stop * block, op)


def _blocks(network: Network, part: Part) -> None:
    """Make a rearrangement of every second pixel of two axes, and the others, put beside each other."""
    if len(part.inputs) != 4:
        return
    shape = part.shape
    along = axis_of(shape, part.op.axis)  # type: ignore[attr-defined]
    places, sources = [], set()
    for one in part.inputs:
        starts: dict[int, int] = {}
        for _ in range(DEEP):
            made = network.maker(one)
            if made is None or made.op.name != "slice":
                break
            pieces = made.op.pieces(network.shape(made.inputs[0]))  # type: ignore[attr-defined]
            if any(step != 2 or axis in starts for axis, (_, _, step) in pieces.items()):
                break
            starts |= {axis: start for axis, (start, _, _) in pieces.items()}
            one = made.inputs[0]
        if not isinstance(one, str):
            return
        places.append(starts)
        sources.add(one)
    if len(sources) != 1 or any(len(starts) != 2 or starts.keys() != places[0].keys() for starts in places):
        return
    (source,) = sources
    high, wide = sorted(places[0])
    x = network.shape(source)
    offsets = [(starts[high], starts[wide]) for starts in places]
    turn = TURNS.get(tuple(offsets))
    if turn is None or along in (high, wide) or x[high] % 2 or x[wide] % 2:
        return
    sizes: list[int] = []
    atoms: dict[int, list[int]] = {}
    for axis, size in enumerate(x):
        own = [size // 2, 2] if axis in (high, wide) else [size]
        atoms[axis] = [len(sizes) + n for n in range(len(own))]
        sizes += own
    inner = [atoms[high][1], atoms[wide][1]] if turn == "hw" else [atoms[wide][1], atoms[high][1]]
    places_after = [
        at for axis in range(len(x)) for at in ([*inner, atoms[axis][0]] if axis == along else atoms[axis][:1])
    ]
    op = written(normal(sizes, places_after), x, shape)
    if op is not None:
        network.become(part, op, [source])
