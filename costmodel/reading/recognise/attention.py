"""Attention taken apart: two products of matrices with a softmax between them, whose heads were split before."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import prod
from typing import TYPE_CHECKING, Any

from costmodel.errors import ShapeError
from costmodel.ops import OPERATORS
from costmodel.reading.network import Part
from costmodel.reading.recognise.masks import Mask, causal, levelled, mask_of
from costmodel.reading.recognise.order import Order, Sizes, normal, written
from costmodel.reading.recognise.pattern import near
from costmodel.reading.recognise.rearrangements import rearranging
from costmodel.reading.recognise.steps import plus, times

if TYPE_CHECKING:
    from costmodel.reading.network import Network
    from costmodel.reading.recognise.steps import Source

DEEP = 8
"""How many parts lie between a product and the sequence that it reads, at most."""


@dataclass
class Scores:
    """How a softmax came by what it reads: the product before it, what multiplies it, and what is added."""

    product: Part
    softmax: Part
    scale: float | None = None
    masks: list[Mask] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    """What lies between, the last first."""


@dataclass
class Sequence:
    """Queries, keys or values: tokens in rows, all heads of a token in one, before they were split.

    `joins` is None where `source` is that sequence, else what makes it of `source`.
    """

    source: Source
    shape: Sizes
    heads: int
    joins: Order | None
    scale: float | None = None
    past: int = 0
    parts: list[Part] = field(default_factory=list)


def find(network: Network) -> None:
    """Find attention that was taken apart."""
    for part in network.left():
        if part.op.name == "softmax":
            _attention(network, part)


def _attention(network: Network, softmax: Part) -> None:
    rank = len(softmax.shape)
    if softmax.op.axis % rank != rank - 1 or rank < 2:  # type: ignore[attr-defined]
        return
    mixed = _mixed(network, softmax)
    scores = _scores(network, softmax)
    if mixed is None or scores is None:
        return
    q, k = scores.product.inputs
    v = mixed.inputs[1]
    turned = not scores.product.op.transpose_b  # type: ignore[attr-defined]
    if any(len(network.shape(one)) != rank for one in (q, k, v)):
        return
    for apart in (True, False) if rank > 2 else (False,):
        sequences = (
            sequence(network, q, apart, False),
            sequence(network, k, apart, turned),
            sequence(network, v, apart, False),
        )
        out = _joined(network, mixed, apart)
        if apart and out[1] is None and all(one.joins is not None for one in sequences):
            continue  # these are no heads
        if _become(network, scores, mixed, sequences, out, apart):
            return


def _mixed(network: Network, softmax: Part) -> Part | None:
    """Return the product that what a softmax gives is the first factor of, and nothing else."""
    part = softmax
    while network.alone(part.path):
        (reader,) = network.readers(part.path)
        if reader.op.name in ("dropout", "identity"):
            part = reader
        elif reader.op.name == "matmul" and reader.inputs[0] == part.path and not reader.op.transpose_b:  # type: ignore[attr-defined]
            return reader if reader.inputs[1] != part.path else None
        else:
            return None
    return None


def _scores(network: Network, softmax: Part) -> Scores | None:
    """Return how a softmax came by what it reads, where that is a product, scaled and masked in any order."""
    found = Scores(softmax, softmax)
    part = network.maker(softmax.inputs[0])
    while part is not None and network.alone(part.path) and len(found.parts) < DEEP:
        found.parts.append(part)
        if part.op.name == "matmul":
            return replace(found, product=part)
        step = times(network, part)
        if step is not None:
            source, by = step
            found.scale = by * (1 if found.scale is None else found.scale)
        elif (nothing := plus(network, part)) is not None and not nothing[1]:
            source = nothing[0]
        else:
            mask = mask_of(network, part)
            if mask is None:
                return None
            source = mask.scores
            found.masks.append(mask)
        part = network.maker(source)
    return None


def _rows(shape: Sizes, apart: bool, turned: bool) -> Order:
    """Return what makes rows of tokens of (..., heads, tokens, width), or of its last two axes `turned`; without heads
    where they are not `apart`.
    """
    own = list(range(len(shape)))
    if turned:
        own[-2:] = own[:-3:-1]
    if apart:
        own[-3], own[-2] = own[-2], own[-3]
    return normal(shape, own)


def sequence(network: Network, source: Source, apart: bool, turned: bool) -> Sequence:
    """Return the sequence that was split into heads, as far up as it can be followed, whoever else reads what lies
    between.
    """
    shape = network.shape(source)
    *before, heads, tokens, width = shape if apart else (*shape[:-2], 1, *shape[-2:])
    if turned:
        tokens, width = width, tokens
    joins = _rows(shape, apart, turned)
    found = Sequence(source, (*before, tokens, heads * width), heads, joins)
    here, order = found, joins
    for _ in range(DEEP):
        if order.kept and network.shape(here.source) == here.shape:
            return _scaled(network, replace(here, joins=None))
        part = network.maker(here.source)
        if part is None:
            break
        step, own = times(network, part), rearranging(network, part)
        if step is not None and here.scale is None:
            here = replace(here, source=step[0], scale=step[1], parts=[*here.parts, part])
        elif own is not None:
            both = own.then(order)
            if both is None:
                break
            order = both
            here = replace(here, source=part.inputs[0], joins=order, parts=[*here.parts, part])
            continue
        elif apart and part.op.name in ("tile", "broadcast_to") and here.heads == heads:
            fewer = _fewer(network, part, here, order)
            if fewer is None:
                break
            here, order = fewer
        else:
            break
        if written(order, network.shape(here.source), here.shape) is not None:
            found = here
    return found


def _fewer(network: Network, part: Part, here: Sequence, order: Order) -> tuple[Sequence, Order] | None:
    """Return a sequence of fewer heads, each of which a part repeats for as many heads of the queries."""
    (source,) = part.inputs
    alone, many = network.shape(source), part.shape
    rank = len(many)
    changed = [axis for axis in range(rank) if len(alone) == rank and alone[axis] != many[axis]]
    if rank < 4 or len(changed) != 1 or alone[changed[0]] != 1:
        return None
    (axis,) = changed
    own = list(range(rank))
    if axis == rank - 3:
        own[-4:] = [rank - 2, rank - 4, rank - 3, rank - 1]
    elif axis != rank - 2:
        return None
    if normal(many, own) != order:
        return None
    each = many[axis]
    *before, tokens, width = here.shape
    fewer = normal(alone, own)
    shape = (*before, tokens, width // each)
    return replace(
        here, source=source, shape=shape, heads=here.heads // each, joins=fewer, parts=[*here.parts, part]
    ), fewer


def _scaled(network: Network, found: Sequence) -> Sequence:
    """Return a sequence that is followed to before it was scaled, or before zeros were put for earlier tokens."""
    part = network.maker(found.source)
    if part is None:
        return found
    step = times(network, part)
    if step is not None and found.scale is None and network.shape(step[0]) == found.shape:
        return replace(found, source=step[0], scale=step[1], parts=[*found.parts, part])
    if part.op.name == "pad":
        op, rank = part.op, len(part.shape)
        pads = {axis: pad for axis, pad in op.pads(network.shape(part.inputs[0])).items() if any(pad)}  # type: ignore[attr-defined]
        (past, after) = pads.pop(rank - 2, (0, 0))
        if not pads and not after and op.mode == "constant" and op.value == 0:  # type: ignore[attr-defined]
            shape = network.shape(part.inputs[0])
            return replace(found, source=part.inputs[0], past=past, shape=shape, parts=[*found.parts, part])
    return found


def _joined(network: Network, mixed: Part, apart: bool) -> tuple[list[Part], Part | None]:
    """Return the rearrangements after the second product, up to the one that gives all heads of a token in one row."""
    order = _rows(mixed.shape, apart, False).reverse()
    if not apart:
        return [], mixed
    *before, heads, tokens, width = mixed.shape
    wanted, part, found = (*before, tokens, heads * width), mixed, []
    for _ in range(DEEP):
        if not network.alone(part.path):
            break
        (reader,) = network.readers(part.path)
        own = rearranging(network, reader)
        both = None if own is None else order.then(own)
        if both is None:
            break
        found.append(part)
        order, part = both, reader
        if order.kept and part.shape == wanted:
            return found, part
    return [], None


def _become(
    network: Network,
    scores: Scores,
    mixed: Part,
    sequences: tuple[Sequence, Sequence, Sequence],
    out: tuple[list[Part], Part | None],
    apart: bool,
) -> bool:
    """Put an attention in the place of all this, where one can be; say whether it was."""
    q, k, v = sequences
    heads = scores.softmax.shape[-3] if apart else 1
    if k.heads != v.heads or q.heads != heads or k.past != v.past:
        return False
    scale = prod(one for one in (scores.scale, q.scale, k.scale) if one is not None)
    if v.scale is not None:
        return False
    width = q.shape[-1] // heads
    past = k.past
    fields: dict[str, Any] = {"heads": heads, "past": past}
    if k.heads != heads:
        fields["kv_heads"] = k.heads
    if not near(scale, width**-0.5):
        fields["scale"] = scale
    others = [one for one in scores.masks if not causal(one, scores.softmax.shape, past)]
    if len(others) > 1:
        return False
    if len(others) < len(scores.masks):
        fields["causal"] = True
    mask = others[0] if others else None
    op = OPERATORS["attention"](**fields)
    shapes = [one.shape for one in sequences]
    if mask is not None:
        shapes.append(levelled(network, mask.source, len(scores.softmax.shape))[1])
    try:
        given = tuple(op.shape(*shapes))
        whole = op.cost(*shapes).mult_adds
    except ShapeError:
        return False
    parts = [scores.product, mixed]
    if whole != sum(one.op.cost(*[network.shape(i) for i in one.inputs]).mult_adds for one in parts):
        return False
    between, last = out
    *before, tokens, wide = mixed.shape
    wanted = (*before[:-1], tokens, before[-1] * wide) if apart else mixed.shape
    if given != wanted:
        return False
    target = last or mixed
    reads = [_read(network, one, name, target) for one, name in zip(sequences, ("query", "key", "value"), strict=True)]
    if mask is not None:
        reads.append(mask.read(network, target, len(scores.softmax.shape)))
    gone = [*between[::-1], mixed, *_path_to(network, mixed, scores.softmax), scores.softmax, *scores.parts]
    gone += [part for one in sequences for part in one.parts]
    if last is not None:
        network.become(last, op, reads)
        return True
    one = network.insert(
        Part(f"{mixed.name}.attention", op, reads, given, mixed.dtype, mixed.batched, name=f"{mixed.name}.attention"),
        before=mixed,
    )
    split = written(_rows(mixed.shape, apart, False).reverse(), given, mixed.shape)
    assert split is not None
    network.become(mixed, split, [one.path])
    return True


def _path_to(network: Network, mixed: Part, softmax: Part) -> list[Part]:
    """Return the parts between a softmax and the product after it, the last first."""
    found = []
    part = network.maker(mixed.inputs[0])
    while part is not None and part is not softmax:
        found.append(part)
        part = network.maker(part.inputs[0])
    return found


def _read(network: Network, found: Sequence, what: str, before: Part) -> Source:
    """Return what an attention reads: a sequence, made of what was split where it is not there."""
    if found.joins is None:
        return found.source
    shape = network.shape(found.source)
    op = written(found.joins, shape, found.shape)
    assert op is not None
    maker = network.maker(found.source)
    dtype = maker.dtype if maker is not None else before.dtype
    name = f"{before.name}.{what}"
    part = Part("", op, [found.source], found.shape, dtype, network.batched(found.source), name=name)
    part.path = name
    return network.insert(part, before).path
