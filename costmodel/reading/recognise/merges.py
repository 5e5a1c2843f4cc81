"""Merges of several that exporters write as merges of two, or as joins of tensors that each got an axis."""

from __future__ import annotations

from typing import TYPE_CHECKING

from costmodel.ops import OPERATORS
from costmodel.ops.base import axis_of
from costmodel.reading.recognise.rearrangements import rearranging

if TYPE_CHECKING:
    from costmodel.reading.network import Network, Part
    from costmodel.reading.value import Value

MOST = 1024
"""Inputs that one merge is made of."""


def find(network: Network) -> None:
    """Find merges that one layer was, and tensors that are put beside each other along a new axis."""
    for part in list(network.parts.values()):
        if part.op.name in ("add", "multiply"):
            _several(network, part)
        elif part.op.name == "concat":
            _stacked(network, part)


def _several(network: Network, part: Part) -> None:
    """Make one merge of two that one layer is written as: they have one name."""
    first = network.maker(part.inputs[0])
    if first is None or first.op != part.op or first.name != part.name or not network.alone(first.path):
        return
    if first.shape == part.shape and len(first.inputs) < MOST:
        network.become(part, part.op, [*first.inputs, *part.inputs[1:]])


def _stacked(network: Network, part: Part) -> None:
    """Make a stack of what is joined along an axis that each input has just been given."""
    axis = axis_of(part.shape, part.op.axis)  # type: ignore[attr-defined]
    made = [network.maker(source) for source in part.inputs]
    reads: list[str | Value] = []
    for one in made:
        if one is None or one.op.name not in ("unsqueeze", "rearrange") or not network.alone(one.path):
            return
        before = network.shape(one.inputs[0])
        order = rearranging(network, one)
        if order is None or not order.kept or (*before[:axis], 1, *before[axis:]) != one.shape:
            return
        reads += one.inputs
    network.become(part, OPERATORS["stack"](axis=axis), reads)
