"""Places that indices are: those of the largest elements, and rows of zeros with a one at the index."""

from __future__ import annotations

from typing import TYPE_CHECKING

from costmodel.ops import OPERATORS
from costmodel.ops.opaque import Opaque

if TYPE_CHECKING:
    from costmodel.reading.network import Network, Part


def find(network: Network) -> None:
    """Name the places of the largest elements, and rows of one kind that were made as another."""
    for part in list(network.parts.values()):
        if part.op.name == "cast":
            _rows(network, part)
        elif isinstance(part.op, Opaque) and part.op.type == "TopK" and len(part.inputs) == 1:
            _largest(network, part)


def _rows(network: Network, cast: Part) -> None:
    """Make rows at once what they are cast to, as ONNX Runtime has no such node: two numbers are converted, not all."""
    made = network.maker(cast.inputs[0])
    if made is not None and made.op.name == "one_hot" and made.op.to == "float" and network.alone(made.path):  # type: ignore[attr-defined]
        op = type(made.op)(**{**vars(made.op), "to": cast.op.to})  # type: ignore[attr-defined]
        network.become(cast, op, list(made.inputs))


def _largest(network: Network, places: Part) -> None:
    """Take places of the largest elements from the comparisons of whoever finds those; else they take their own."""
    top = network.maker(places.inputs[0])
    if top is None or top.op.name != "top_k" or not network.alone(top.path):
        return
    (source,) = top.inputs
    beside = [one for one in network.readers(source) if one is not top] if isinstance(source, str) else []
    if any(one.op == top.op for one in beside):
        op = OPERATORS["top_k_indices"](**{name: value for name, value in vars(top.op).items() if name != "output"})
    else:
        operations = int(top.op.cost(network.shape(source)).other_ops)
        op = Opaque(type="TopK", size=places.shape, operations=operations)
    network.become(places, op, [source])
