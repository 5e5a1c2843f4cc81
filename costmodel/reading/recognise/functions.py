"""Functions that two or three operators stand for, once nothing larger was made of them."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from costmodel.ops import OPERATORS
from costmodel.reading.recognise.steps import number_of
from costmodel.reading.value import Value

if TYPE_CHECKING:
    from costmodel.reading.network import Network, Part


def find(network: Network) -> None:
    """Name squares, reciprocal roots, thresholds, what differs, and places within a plane."""
    for part in network.left():
        if part.op.name in RULES:
            RULES[part.op.name](network, part)


def _before(network: Network, part: Part, name: str) -> Part | None:
    """Return the operator of that name whose output only a part reads, first of its inputs."""
    made = network.maker(part.inputs[0])
    return made if made is not None and made.op.name == name and network.alone(made.path) else None


def _square(network: Network, part: Part) -> None:
    if len(part.inputs) == 2 and part.inputs[0] == part.inputs[1]:
        network.become(part, OPERATORS["square"](), part.inputs[:1])


def _rsqrt(network: Network, part: Part) -> None:
    root = _before(network, part, "sqrt")
    if root is not None:
        network.become(part, OPERATORS["rsqrt"](), list(root.inputs))


def _differs(network: Network, part: Part) -> None:
    same = _before(network, part, "compare")
    if same is not None and same.op.how == "equal":  # type: ignore[attr-defined]
        network.become(part, OPERATORS["compare"](how="not_equal"), list(same.inputs))


def _threshold(network: Network, part: Part) -> None:
    above = _before(network, part, "compare")
    if above is None or above.op.how != "greater":  # type: ignore[attr-defined]
        return
    (x, least), (_, one, other) = above.inputs, part.inputs
    if x == one and isinstance(least, Value) and isinstance(other, Value) and network.shape(x) == part.shape:
        least_number, number = number_of(least), number_of(other)
        if least_number is not None and number is not None:
            op = OPERATORS["threshold"](threshold=least_number, value=number)
            network.become(part, op, [x])


def _remainder(network: Network, part: Part) -> None:
    """A remainder of the sign of what divides, made of two of the sign of what is divided."""
    total, by = _before(network, part, "add"), part.inputs[1]
    first = None if total is None else _before(network, total, "mod")
    if total is None or first is None or not all(one.op.truncated for one in (first, part)):  # type: ignore[attr-defined]
        return
    if total.inputs[1] == first.inputs[1] == by:
        network.become(part, OPERATORS["mod"](), list(first.inputs))


def _within_plane(network: Network, part: Part) -> None:
    """Where a pool found its values, counted within each channel: ONNX counts them through the whole tensor."""
    _remainder(network, part)
    places = _before(network, part, "max_pool_indices")
    by = part.inputs[1]
    if places is not None and isinstance(by, Value):
        space = places.op.space(network.shape(places.inputs[0]))  # type: ignore[attr-defined]
        if by.scalar() == prod(space):
            network.become(part, places.op, list(places.inputs))


RULES = {"multiply": _square, "reciprocal": _rsqrt, "not": _differs, "where": _threshold, "mod": _within_plane}
