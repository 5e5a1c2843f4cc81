"""What stored arrays are to the tensors that they meet: factors of channels, positions, a token before all others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from costmodel.ops import OPERATORS
from costmodel.ops.base import axis_of
from costmodel.reading.value import REALS, Value

if TYPE_CHECKING:
    from costmodel.reading.network import Network, Part


def find(network: Network) -> None:
    """Name what meets stored arrays."""
    for part in list(network.parts.values()):
        if part.op.name == "multiply":
            _factors(network, part)
        elif part.op.name == "add":
            _positions(network, part)
        elif part.op.name == "concat":
            _token(network, part)


def learned(value: object) -> bool:
    """Say whether something is one stored array of real numbers."""
    return isinstance(value, Value) and len(value.arrays) == 1 and value.dtype in REALS and value.arrays[0].trained


def _met(network: Network, part: Part) -> tuple[str, Value] | None:
    """Return the tensor that keeps its shape and the stored array that it meets."""
    if len(part.inputs) == 2:
        for one, other in (part.inputs, part.inputs[::-1]):
            if (
                isinstance(one, str)
                and isinstance(other, Value)
                and learned(other)
                and network.shape(one) == part.shape
            ):
                return one, other
    return None


def _factors(network: Network, part: Part) -> None:
    """A product with one stored number for each index of one axis, or with a single one."""
    met = _met(network, part)
    if met is None:
        return
    source, value = met
    own = (*[1] * (len(part.shape) - len(value.shape)), *value.shape)
    axes = [axis for axis, size in enumerate(own) if size != 1]
    if value.size != value.arrays[0].size or len(axes) > 1 or not part.shape:
        return
    if not axes and all(size != 1 for size in part.shape):
        op = OPERATORS["layer_scale"](shared=True)
    else:
        axis = axes[0] if axes else next(at for at, size in enumerate(part.shape) if size == 1)
        if axis == len(part.shape) - 1:
            axis = -1
        op = OPERATORS["layer_scale"](axis=axis)
    network.become(part, op, [source], arrays={"weight": value})


def _positions(network: Network, part: Part) -> None:
    """A sum with a stored number for each feature of each token."""
    met = _met(network, part)
    if met is None:
        return
    source, value = met
    shape = part.shape
    own = value.shape[-2:]
    if len(shape) != 2 or own != shape or value.size != own[0] * own[1] or not value.whole or shape[0] == 1:
        return
    network.become(part, OPERATORS["position_embedding"](), [source], arrays={"embedding": value})


def _token(network: Network, part: Part) -> None:
    """One stored token before all others."""
    if len(part.inputs) != 2:
        return
    token, tokens = part.inputs
    rank = len(part.shape)
    if not isinstance(tokens, str) or not isinstance(token, Value) or not learned(token) or rank < 2:
        return
    if axis_of(part.shape, part.op.axis) != rank - 2 or token.shape[-2:] != (1, part.shape[-1]):  # type: ignore[attr-defined]
        return
    if token.arrays[0].size == part.shape[-1]:
        network.become(part, OPERATORS["class_token"](), [tokens], arrays={"token": token})
