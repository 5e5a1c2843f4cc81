"""Recurrent layers above one another, which ONNX writes as a node each, as one."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING

from costmodel.ops import OPERATORS
from costmodel.ops.base import axis_of
from costmodel.reading.draft import made_of
from costmodel.reading.value import Value

if TYPE_CHECKING:
    from costmodel.reading.network import Network, Part

NAMES = ("rnn", "gru", "lstm")


def find(network: Network) -> None:
    """Make one layer of recurrent ones that only each other read, if they differ in nothing but their numbers."""
    for part in list(network.parts.values()):
        if part.op.name in NAMES:
            _above(network, part)


def joined(network: Network) -> None:
    """Take out what takes the two ways of a layer apart and puts them beside each other again."""
    for part in list(network.parts.values()):
        if part.op.name == "concat":
            _together(network, part)


def _together(network: Network, part: Part) -> None:
    cuts = [network.maker(source) for source in part.inputs]
    sources = {cut.inputs[0] if cut is not None and cut.op.name == "slice" else None for cut in cuts}
    source = sources.pop()
    turned = network.maker(source) if source is not None and not sources else None
    made = network.maker(turned.inputs[0]) if turned is not None and turned.op.name == "rearrange" else None
    if turned is None or made is None or made.op.name not in NAMES or turned.shape != part.shape:
        return
    axis = axis_of(part.shape, part.op.axis)  # type: ignore[attr-defined]
    at = 0
    for cut in cuts:
        assert cut is not None
        pieces = cut.op.pieces(turned.shape)  # type: ignore[attr-defined]
        if pieces != {axis: (at, at + cut.shape[axis], 1)}:
            return
        at += cut.shape[axis]
    if network.become(part, OPERATORS["identity"](), [turned.path]) is not None:
        network.skip(part)


def _above(network: Network, part: Part) -> None:
    below = network.maker(part.inputs[0])
    if below is None or below.op.name != part.op.name or not network.alone(below.path):
        return
    own, theirs = vars(part.op), vars(below.op)
    if own != {**theirs, "layers": 1}:
        return
    op = type(part.op)(**{**theirs, "layers": theirs["layers"] + 1})
    shapes = op.weights(network.shape(below.inputs[0]))
    arrays = {name: _stacked(name, shape, below, part) for name, shape in shapes.items()}
    if all(value is not None and value.size == prod(shapes[name]) for name, value in arrays.items()):
        network.become(part, op, list(below.inputs), arrays=arrays)


def _stacked(name: str, shape: tuple[int, ...], below: Part, part: Part) -> Value | None:
    """Return an array of both layers; the one above adds its matrix of the input to those above the first."""
    if name == "weight_ih":
        return below.arrays.get(name)
    found = [below.arrays.get(name), part.arrays.get("weight_ih" if name == "weight_ih_above" else name)]
    there = [value for value in found if value is not None]
    if not there:
        return None
    return replace(there[0], shape=shape, arrays=made_of(there), held=None, whole=False)
