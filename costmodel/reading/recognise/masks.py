"""What keeps queries from seeing keys: numbers added to the scores, or scores replaced where a condition says so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from costmodel.ops import OPERATORS
from costmodel.reading.network import Part
from costmodel.reading.recognise.rearrangements import rearranging
from costmodel.reading.value import Value

if TYPE_CHECKING:
    from costmodel.reading.network import Network
    from costmodel.reading.recognise.steps import Source

FAR = -1e4
"""What is added to scores that nobody is to see is at most this; half precision has little less."""
DEEP = 8


@dataclass
class Mask:
    """A mask `source`, of true and false or of numbers that are added, and the `scores` that it is laid over.

    `hides` says that the true ones are not seen.
    """

    scores: Source
    source: Source
    hides: bool = False

    def read(self, network: Network, before: Part, rank: int) -> Source:
        """Return what an attention reads of it; what hides is turned round."""
        source, _ = levelled(network, self.source, rank)
        if not self.hides or isinstance(source, Value):
            return source
        op, name = OPERATORS["not"](), f"{before.name}.mask"
        part = Part(name, op, [source], network.shape(source), "bool", network.batched(source), name=name)
        return network.insert(part, before).path


def mask_of(network: Network, part: Part) -> Mask | None:
    """Return the mask that a part lays over scores; None where it does not."""
    if part.op.name == "add" and len(part.inputs) == 2:
        for scores, mask in (part.inputs, part.inputs[::-1]):
            if _is_scores(network, scores) and network.shape(scores) == part.shape:
                return _chosen(network, Mask(scores, mask))
    if part.op.name == "where":
        condition, one, other = part.inputs
        for scores, far, hides in ((one, other, False), (other, one, True)):
            low = far.scalar() if isinstance(far, Value) else None
            if low is not None and low <= FAR and _is_scores(network, scores) and network.shape(scores) == part.shape:
                return Mask(scores, condition, hides)
    return None


def _chosen(network: Network, mask: Mask) -> Mask:
    """Return a mask that chooses between nothing and far below it as the condition that it chooses by."""
    source, _ = levelled(network, mask.source, 0)
    part = network.maker(source)
    if part is not None and part.op.name == "where" and network.shape(part.inputs[0]) == part.shape:
        condition, *numbers = part.inputs
        one, other = (number.scalar() if isinstance(number, Value) else None for number in numbers)
        if one == 0 and other is not None and other <= FAR:
            return Mask(mask.scores, condition)
        if other == 0 and one is not None and one <= FAR:
            return Mask(mask.scores, condition, hides=True)
    return mask


def _is_scores(network: Network, source: Source) -> bool:
    """Say whether something is a product, or is made of one by what multiplies and masks it."""
    for _ in range(DEEP):
        part = network.maker(source)
        if part is None:
            return False
        if part.op.name == "matmul":
            return True
        if part.op.name in ("scale", "layer_scale", "multiply", "divide", "add"):
            source = next((one for one in part.inputs if network.shape(one) == part.shape), "")
        elif part.op.name == "where":
            source = next((one for one in part.inputs[1:] if network.shape(one) == part.shape), "")
        else:
            return False
    return False


def levelled(network: Network, source: Source, rank: int) -> tuple[Source, tuple[int, ...]]:
    """Return a mask of as many axes as the scores, or of two where it is the same for all heads, and its shape: where
    one was there before axes of size 1 were put in front, that.
    """
    shape = network.shape(source)
    if isinstance(source, Value):
        own = _bare(shape)
        full = own if len(own) == 2 else (*[1] * (rank - len(own)), *own)
        return source.as_shape(full), full
    found = source
    for _ in range(DEEP):
        part = network.maker(source)
        order = rearranging(network, part)
        if part is None or order is None or not order.kept:
            break
        before = network.shape(part.inputs[0])
        alike = _bare(before) == _bare(shape) or (*before[:-2], 1, *before[-2:]) == shape
        if len(before) < 2 or not alike or isinstance(part.inputs[0], Value):
            break
        source = part.inputs[0]
        if len(before) in (2, rank) or (len(before) == rank - 1 and (*before[:-2], 1, *before[-2:]) == shape):
            found = source
    return found, network.shape(found)


def _bare(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return a shape without the axes of size 1 in front of its last two."""
    first = next((at for at, size in enumerate(shape[:-2]) if size != 1), max(len(shape) - 2, 0))
    return shape[first:]


def causal(mask: Mask, scores: tuple[int, ...], past: int) -> bool:
    """Say whether a mask is known, and lets each query see the keys up to its own, after `past` earlier ones."""
    source = mask.source
    if not isinstance(source, Value) or source.held is None or source.held.size != scores[-1] * scores[-2]:
        return False
    import numpy as np

    held = source.held.array().reshape(scores[-2:])
    queries, keys = scores[-2:]
    seen = np.tri(queries, keys, past, dtype=bool)
    if held.dtype.kind == "b":
        return bool(((held != mask.hides) == seen).all())
    return bool((held[seen] == 0).all() and (held[~seen] <= FAR).all())
