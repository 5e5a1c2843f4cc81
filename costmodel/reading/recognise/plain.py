"""Ones and zeros that nobody stored: norms that learn nothing, written by nodes that have to have weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from costmodel.ops import OPERATORS
from costmodel.reading.value import Value

if TYPE_CHECKING:
    from costmodel.reading.network import Network, Part

NORMS = ("batch_norm", "instance_norm", "group_norm", "layer_norm", "rms_norm")
ABSENT = {"weight": 1.0, "bias": 0.0}
"""What stands for an array that is not there."""


def find(network: Network) -> None:
    """Take ones and zeros that nobody stored for what they are."""
    for part in list(network.parts.values()):
        if part.op.name in NORMS and part.op.affine and part.arrays:  # type: ignore[attr-defined]
            _norm(network, part)
        elif part.op.name == "layer_scale" and _is(part.arrays.get("weight"), 1.0):
            network.skip(part)
        elif part.op.name == "multiply" and len(part.inputs) == 2:
            _ones(network, part)


def _is(value: Value | None, number: float) -> bool:
    """Say whether something is a constant number throughout that is not stored as an array of its own."""
    return value is not None and not value.arrays and value.scalar() == number


def _norm(network: Network, part: Part) -> None:
    if all(_is(part.arrays.get(name), number) for name, number in ABSENT.items() if name in part.arrays):
        op = type(part.op)(**{**vars(part.op), "affine": False})
        rest = {name: value for name, value in part.arrays.items() if name not in ABSENT}
        network.become(part, op, list(part.inputs), arrays=rest)


def _ones(network: Network, part: Part) -> None:
    """A product with ones right after a norm, whose weight they stand for."""
    for one, other in (part.inputs, part.inputs[::-1]):
        norm = network.maker(one)
        if isinstance(other, Value) and _is(other, 1.0) and norm is not None and norm.op.name in NORMS:
            if norm.shape == part.shape and network.become(part, OPERATORS["identity"](), [one]) is not None:
                network.skip(part)
            return
