"""Where the largest elements stand, if only they are asked for; and rows of zeros with a one at the index."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from costmodel.reading.network import Network, Part


def find(network: Network) -> None:
    """Name the largest elements that are asked for alone, and rows of one kind that were made as another."""
    for part in list(network.parts.values()):
        if part.op.name == "cast":
            _rows(network, part)
        elif part.op.name == "top_k" and len(part.inputs) == 2:
            _largest(network, part)


def _rows(network: Network, cast: Part) -> None:
    """Make rows at once what they are cast to, as ONNX Runtime has no such node: two numbers are converted, not all."""
    made = network.maker(cast.inputs[0])
    if made is not None and made.op.name == "one_hot" and made.op.to == "float" and network.alone(made.path):  # type: ignore[attr-defined]
        op = type(made.op)(**{**vars(made.op), "to": cast.op.to})  # type: ignore[attr-defined]
        network.become(cast, op, list(made.inputs))


def _largest(network: Network, values: Part) -> None:
    """Let values make their own comparisons where nobody else asks for the places."""
    places = network.maker(values.inputs[1])
    if places is not None and places.op.name == "top_k_indices" and network.alone(places.path):
        network.become(values, values.op, places.inputs)
