"""Normalisations that exporters take apart into means, differences and roots, or put between two rearrangements."""

from __future__ import annotations

from typing import TYPE_CHECKING

from costmodel.ops import OPERATORS
from costmodel.ops.base import axes_of
from costmodel.reading.moves import grouped
from costmodel.reading.recognise.order import Order, Sizes, atoms_of, order_of
from costmodel.reading.recognise.pattern import Group, Match, Pattern, by_last, gathered
from costmodel.reading.value import Value

if TYPE_CHECKING:
    from costmodel.ops.base import Operator
    from costmodel.reading.network import Network, Part

APART: Pattern = ("subtract", "x", ("mean", "x"))
SPREADS: tuple[Pattern, ...] = tuple(("plus", ("mean", ("power", apart, 2.0)), "eps") for apart in (APART, "a"))
"""Variance and eps, of which the root is taken."""


def divided(what: Pattern, by: Pattern) -> tuple[Pattern, ...]:
    """Return the ways in which something is divided by a root."""
    return (
        ("divide", what, ("power", by, 0.5)),
        ("multiply", what, ("power", by, -0.5)),
        ("multiply", what, ("power", ("power", by, 0.5), -1.0)),
    )


def _axes(network: Network, match: Match) -> tuple[int, ...] | None:
    """Return the axes that all means of a match are over, counted from the end, if they stay as axes of size 1."""
    found = set()
    for part in match.of("mean", "sum"):
        rank = len(part.shape)
        if not part.op.keep_dims:  # type: ignore[attr-defined]
            return None
        x = network.shape(part.inputs[0])
        found.add(tuple(axis - rank for axis in axes_of(x, part.op.axis, "axis")))  # type: ignore[attr-defined]
    return found.pop() if len(found) == 1 else None


def _plain(axes: tuple[int, ...]) -> int | tuple[int, ...]:
    return axes[0] if len(axes) == 1 else axes


def _layer_norm(network: Network, match: Match) -> Operator | None:
    axes = _axes(network, match)
    if axes is None:
        return None
    return OPERATORS["layer_norm"](affine=False, eps=match.numbers["eps"], axis=_plain(axes))


def _rms_norm(network: Network, match: Match) -> Operator | None:
    axes = _axes(network, match)
    if axes is None:
        return None
    return OPERATORS["rms_norm"](affine=False, eps=match.numbers["eps"], axis=_plain(axes))


TAKEN_APART = by_last(
    [
        Group(
            tuple(
                form
                for what in (APART,)
                for by in (
                    ("plus", ("mean", ("power", APART, 2.0)), "eps"),
                    ("plus", ("mean", ("multiply", APART, APART)), "eps"),
                )
                for form in divided(what, by)
            ),
            _layer_norm,
        ),
        Group(divided("x", ("plus", ("mean", ("power", "x", 2.0)), "eps")), _rms_norm),
    ]
)


def find(network: Network) -> None:
    """Find normalisations that were taken apart, their weights and biases, and those between two rearrangements."""
    gathered(network, TAKEN_APART)
    for part in network.left():
        _learned(network, part)
    for part in network.left():
        _turned(network, part)


def factor(network: Network, part: Part) -> tuple[Part, Value] | None:
    """Return what a part multiplies by a stored array, and the array; None where it does not."""
    if part.op.name == "layer_scale":
        before = network.maker(part.inputs[0])
        return None if before is None else (before, part.arrays["weight"])
    return stored_with(network, part, "multiply")


def stored_with(network: Network, part: Part, name: str) -> tuple[Part, Value] | None:
    """Return the part that another of that name combines with a learned array of no more axes, and the array."""
    if part.op.name != name or len(part.inputs) != 2:
        return None
    for one, other in (part.inputs, part.inputs[::-1]):
        before = network.maker(one)
        learned = isinstance(other, Value) and any(array.trained for array in other.arrays)
        if before is not None and isinstance(other, Value) and learned and before.shape == part.shape:
            return before, other
    return None


def over(value: Value, shape: tuple[int, ...], axes: tuple[int, ...]) -> bool:
    """Say whether a stored array has one number for each element of some axes of a shape, and is so spread."""
    wanted = tuple(size if axis in axes else 1 for axis, size in enumerate(shape))
    own = (*[1] * (len(shape) - len(value.shape)), *value.shape)
    return own == wanted


def _learned(network: Network, part: Part) -> None:
    """Give a norm the weight it is multiplied by, and then the bias that is added, if both are of its axes."""
    found = factor(network, part)
    if found is None:
        return
    norm, weight = found
    if norm.op.name not in ("layer_norm", "rms_norm") or norm.op.affine or not network.alone(norm.path):  # type: ignore[attr-defined]
        return
    axes = axes_of(norm.shape, norm.op.axis, "axis")  # type: ignore[attr-defined]
    if part.op.name == "layer_scale":
        if axes != axes_of(norm.shape, part.op.axis) or part.op.shared:  # type: ignore[attr-defined]
            return
    elif not over(weight, norm.shape, axes):
        return
    fields = {**vars(norm.op), "affine": True}
    if norm.op.name == "rms_norm":
        network.become(part, type(norm.op)(**fields), list(norm.inputs), arrays={"weight": weight})
        return
    readers = network.readers(part.path)
    if not network.alone(part.path):
        return
    last = readers[0]
    added = stored_with(network, last, "add")
    if added is not None and over(added[1], norm.shape, axes):
        arrays = {"weight": weight, "bias": added[1]}
        network.become(last, type(norm.op)(**fields), list(norm.inputs), arrays=arrays)


def _turned(network: Network, part: Part) -> None:
    """Give a norm over last axes those axes where they stood before a rearrangement that is undone after it."""
    norm = network.maker(part.inputs[0]) if len(part.inputs) == 1 else None
    if norm is None or norm.op.name not in ("layer_norm", "rms_norm") or not network.alone(norm.path):
        return
    first = network.maker(norm.inputs[0])
    if first is None or not network.alone(first.path) or len(first.inputs) != 1:
        return
    there, back = order_of(first.op, network.shape(first.inputs[0])), order_of(part.op, norm.shape)
    if there is None or back is None or there.then(back) is None or not there.then(back).kept:  # type: ignore[union-attr]
        return
    before = network.shape(first.inputs[0])
    axes = axes_of(norm.shape, norm.op.axis, "axis")  # type: ignore[attr-defined]
    own = _axes_before(there, before, norm.shape, axes)
    if own is not None and before == part.shape:
        op = type(norm.op)(**{**vars(norm.op), "axis": _plain(own)})
        network.become(part, op, list(first.inputs), arrays=norm.arrays)


def _axes_before(order: Order, before: Sizes, after: Sizes, axes: tuple[int, ...]) -> tuple[int, ...] | None:
    """Return which axes, before a rearrangement, are those after it; None where they were split or joined."""
    atoms = atoms_of(order, before, after)
    if atoms is None:
        return None
    sizes, places = atoms
    stood, stand = grouped(before, sizes), grouped(after, tuple(sizes[at] for at in places))
    found = []
    for axis in axes:
        own = tuple(places[at] for at in stand[axis])
        if not own or own not in stood:
            return None
        found.append(stood.index(own) - len(before))
    return tuple(sorted(found))
