"""Attention that was asked for as one operator, of heads that were split before it: one of whole rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from costmodel.ops import OPERATORS
from costmodel.reading.network import Part
from costmodel.reading.recognise.attention import DEEP, _rows
from costmodel.reading.recognise.order import viewed, written
from costmodel.reading.recognise.rearrangements import rearranging

if TYPE_CHECKING:
    from costmodel.reading.network import Network
    from costmodel.reading.recognise.order import Sizes
    from costmodel.reading.recognise.steps import Source


def find(network: Network) -> None:
    """Let attention read and give rows of all heads, where splitting before and joining after it says no more."""
    for part in list(network.parts.values()):
        plain = part.op.name == "attention" and part.op.heads == 1 and len(part.inputs) == 3  # type: ignore[attr-defined]
        if plain and len(part.shape) > 2 and part.shape[-3] > 1 and _joined(network, part):
            _whole(network, part)


def _whole(network: Network, part: Part) -> None:
    *before, heads, tokens, width = part.shape
    shape = (*before, tokens, heads * width)
    sources = [_rows_of(network, one) for one in part.inputs]
    split = written(_rows(part.shape, True, False).reverse(), shape, part.shape)
    if split is None or any(network.shape(one)[-3:-2] != (heads,) for one in part.inputs):
        return
    reads = []
    for one, found, name in zip(part.inputs, sources, ("query", "key", "value"), strict=True):
        *lead, own, rows, wide = network.shape(one)
        read = None if found is None else _as(network, found, (*lead, rows, own * wide), f"{part.name}.{name}", part)
        if read is None:
            return
        reads.append(read)
    op = OPERATORS["attention"](**{**vars(part.op), "heads": heads})
    whole = network.insert(Part(part.path, op, reads, shape, part.dtype, part.batched, name=part.name), before=part)
    network.become(part, split, [whole.path])


def _rows_of(network: Network, source: Source) -> Source | None:
    """Return what has the rows of all heads that a source splits, in the same order; None where nothing has."""
    order = _rows(network.shape(source), True, False)
    for _ in range(DEEP):
        if order.kept:
            return source
        part = network.maker(source)
        own = rearranging(network, part)
        both = None if own is None else own.then(order)
        if part is None or both is None:
            return None
        order, source = both, part.inputs[0]
    return None


def _as(network: Network, source: Source, shape: Sizes, name: str, before: Part) -> Source | None:
    """Return a source under another shape of the same order."""
    if network.shape(source) == shape:
        return source
    op = viewed(network.shape(source), shape)
    if op is None:
        return None
    part = Part(name, op, [source], shape, before.dtype, network.batched(source), name=name)
    return network.insert(part, before).path


def _joined(network: Network, part: Part) -> bool:
    """Say whether what an attention gives is only read as rows of all heads."""
    order = _rows(part.shape, True, False).reverse()
    for _ in range(DEEP):
        if not network.alone(part.path):
            return False
        (reader,) = network.readers(part.path)
        own = rearranging(network, reader)
        both = None if own is None else order.then(own)
        if both is None:
            return False
        if both.kept:
            return True
        order, part = both, reader
    return False
