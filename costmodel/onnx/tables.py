"""Tables of few bits that are looked up, and only then made real numbers: they are trained, as such weights are, and
their scales belong to them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from costmodel.onnx.codes import BITS, SMALL_FLOATS
from costmodel.onnx.types.common import untrained
from costmodel.ops import OPERATORS
from costmodel.ops.base import axis_of
from costmodel.ops.opaque import Opaque
from costmodel.reading.recognise.order import moves
from costmodel.reading.value import Value

if TYPE_CHECKING:
    from costmodel.reading.network import Network, Part

FEW_BITS = {"int8", "uint8", *BITS, *SMALL_FLOATS}
DEEP = 8
"""How many rearrangements may lie between a look-up and what makes real numbers of it."""


def tables(network: Network) -> None:
    """Take tables of few bits for what they are, where all that is looked up in them becomes real numbers."""
    for part in list(network.parts.values()):
        if part.op.name != "gather":
            continue
        table, indices = part.inputs
        if isinstance(table, Value) and table.dtype in FEW_BITS and len(table.arrays) > 0 and isinstance(indices, str):
            made = list(_made_real(network, part))
            if made and all(made):
                _looked_up(network, part, table, indices)
                for one in filter(None, made):
                    _scales(network, one, indices)


def _made_real(network: Network, part: Part, deep: int = 0) -> Iterator[Part | None]:
    """Yield what makes real numbers of what a part gives, None for all else that reads it."""
    for reader in network.readers(part.path):
        kind = reader.op.type if isinstance(reader.op, Opaque) else reader.op.name
        if kind in ("dequantize", "DequantizeLinear") or (kind == "cast" and reader.op.to == "float"):  # type: ignore[attr-defined]
            yield reader
        elif moves(reader.op) and deep < DEEP:
            yield from _made_real(network, reader, deep + 1)
        else:
            yield None


def _looked_up(network: Network, part: Part, table: Value, indices: str) -> None:
    """Make an embedding of a look-up of rows; of another, the table is a param all the same."""
    if len(table.shape) == 2 and axis_of(table.shape, part.op.axis) == 0:  # type: ignore[attr-defined]
        rows, width = table.shape
        op = OPERATORS["embedding"](num_embeddings=rows, embedding_dim=width)
        network.become(part, op, [indices], arrays={"weight": table})
    else:
        part.inputs[0] = replace(table, stands=True)


def _scales(network: Network, made: Part, indices: str) -> None:
    """Take for scales what is stored and read beside what was looked up, or multiplied with it: one number, or rows of
    the same indices.
    """
    others = [(made, at) for at in range(1, len(made.inputs))]
    for reader in network.readers(made.path) if made.op.name == "cast" else ():
        if reader.op.name == "layer_scale" and reader.arrays["weight"].size == 1:
            scale = untrained(reader.arrays["weight"])
            network.become(reader, OPERATORS["multiply"](), [made.path, scale], arrays={})
        elif reader.op.name in ("multiply", "subtract") and len(reader.inputs) == 2:
            others += [(reader, at) for at, one in enumerate(reader.inputs) if one != made.path]
    for reader, at in others:
        one = reader.inputs[at]
        rows = network.maker(one)
        if isinstance(one, Value) and one.arrays:
            reader.inputs[at] = untrained(one)
        elif rows is not None and rows.op.name == "embedding" and rows.inputs == [indices]:
            network.become(rows, OPERATORS["gather"](axis=0), [untrained(rows.arrays["weight"]), indices], arrays={})
