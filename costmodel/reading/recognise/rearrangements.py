"""Rearrangements: those that only each other read become one, those that change nothing vanish, and what is left gets
the short name that means the same.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import TYPE_CHECKING

from costmodel.ops import OPERATORS
from costmodel.reading.recognise.order import CACHED, Order, Sizes, moves, order_of, viewed, written
from costmodel.reading.value import Value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from costmodel.ops.base import Operator
    from costmodel.reading.network import Network, Part


def rearranging(network: Network, part: Part | None) -> Order | None:
    """Return what a part does to the order of what it reads; None where it is no rearrangement."""
    if part is None or not moves(part.op) or len(part.inputs) != 1:
        return None
    return order_of(part.op, network.shape(part.inputs[0]))


def composed(network: Network) -> None:
    """Make one of each chain of rearrangements that only each other read, from its first on."""
    network.settle()
    for part in list(network.parts.values()):
        order = rearranging(network, part)
        if order is None:
            continue
        before = network.maker(part.inputs[0])
        if before is not None and network.alone(before.path):
            first = rearranging(network, before)
            both = None if first is None else first.then(order)
            if first is not None and both is not None:
                shape = network.shape(before.inputs[0])
                op = viewed(shape, part.shape) if both.kept else written(both, shape, part.shape)
                if op is not None:
                    network.become(part, op, list(before.inputs))


def vanished(network: Network) -> None:
    """Take out what changes nothing: rearrangements to the same order and shape, and the like."""
    for part in list(network.parts.values()):
        order = rearranging(network, part)
        if order is not None and order.kept and part.shape == network.shape(part.inputs[0]):
            network.skip(part)


def named(network: Network) -> None:
    """Give rearrangements the short names that mean the same."""
    for part in network.parts.values():
        order = rearranging(network, part)
        if order is None or isinstance(part.inputs[0], Value):
            continue
        part.op = short(order, network.shape(part.inputs[0]), part.shape) or part.op


@lru_cache(maxsize=CACHED)
def short(order: Order, before: Sizes, after: Sizes) -> Operator | None:
    """Return the operator of the shortest name that does this; None where no pattern says it."""
    for op in _candidates(order, before, after):
        if (op.name == "identity" or order_of(op, before) == order) and tuple(op.shape(before)) == after:
            return op
    return viewed(before, after) if order.kept else written(order, before, after)


def _candidates(order: Order, before: Sizes, after: Sizes) -> Iterator[Operator]:
    """Yield the operators with names of their own that may do this."""
    if order.kept and before == after:
        yield OPERATORS["identity"]()
    if order.kept:
        yield from _views(before, after)
        return
    if len(before) == len(after) and sorted(before) == sorted(after):
        yield from _swaps(before, after)
    if order.order == (1, 0) and len(before) > 2 and after == (prod(before[1:]), before[0]):
        yield OPERATORS["tokens"]()
    if order.order == (1, 0) and len(before) == 2 and len(after) == 3 and after[0] == before[1]:
        yield OPERATORS["from_tokens"](height=after[1], width=after[2])
    plain = written(order, before, after)
    if plain is not None and "(" not in plain.pattern:  # type: ignore[attr-defined]
        yield plain
    if before == after and order.order[:2] == (1, 0) and before and before[0] % order.before[0] == 0:
        yield OPERATORS["channel_shuffle"](groups=order.before[0])
    yield from _in_blocks(before, after)


def _views(before: Sizes, after: Sizes) -> Iterator[Operator]:
    """Yield what joins, drops or adds axes."""
    if len(after) < len(before):
        dropped = _missing(before, after)
        if dropped is not None:
            yield OPERATORS["squeeze"](axis=dropped[0] if len(dropped) == 1 else dropped)
        if len(after) == 1:
            yield OPERATORS["flatten"]()
        first = next(
            (at for at, pair in enumerate(zip(before, after, strict=False)) if pair[0] != pair[1]), len(after) - 1
        )
        last = first + len(before) - len(after)
        if (*before[:first], prod(before[first : last + 1]), *before[last + 1 :]) == after:
            end = {} if last == len(before) - 1 else {"end_dim": last}
            yield OPERATORS["flatten"](start_dim=first, **end)
    added = _missing(after, before)
    if len(after) == len(before) + 1 and added is not None:
        (axis,) = added
        yield OPERATORS["unsqueeze"](axis=-1 if axis == len(before) and axis else axis)


def _missing(longer: Sizes, shorter: Sizes) -> tuple[int, ...] | None:
    """Return which axes of size 1 a shape lacks beside a longer one; None where it lacks others."""
    found, at = [], 0
    for axis, size in enumerate(longer):
        if at < len(shorter) and size == shorter[at] and not (size == 1 and len(longer) - axis > len(shorter) - at):
            at += 1
        elif size == 1:
            found.append(axis)
        else:
            return None
    return tuple(found) if found and at == len(shorter) else None


def _swaps(before: Sizes, after: Sizes) -> Iterator[Operator]:
    rank = len(before)
    if rank > 1 and (*before[:-2], before[-1], before[-2]) == after:
        yield OPERATORS["transpose"]()
    for first in range(rank):
        for second in range(first + 1, rank):
            swapped = list(before)
            swapped[first], swapped[second] = before[second], before[first]
            if tuple(swapped) == after and (first, second) != (rank - 2, rank - 1):
                yield OPERATORS["transpose"](axes=(first, second))


def _in_blocks(before: Sizes, after: Sizes) -> Iterator[Operator]:
    """Yield what cuts a map into blocks of pixels, or puts it together of them."""
    if len(before) == len(after) == 3 and min(before) > 0 and min(after) > 0:
        if after[1] % before[1] == 0 and (by := after[1] // before[1]) > 1 and after[2] == before[2] * by:
            yield OPERATORS["pixel_shuffle"](upscale_factor=by)
        if before[1] % after[1] == 0 and (by := before[1] // after[1]) > 1 and before[2] == after[2] * by:
            yield OPERATORS["pixel_unshuffle"](downscale_factor=by)
            if by == 2:
                yield OPERATORS["focus"]()
        yield from _in_windows(before, after)


def _in_windows(before: Sizes, after: Sizes) -> Iterator[Operator]:
    if before[0] == after[2]:
        for high in _sides(before[1:], after[1]):
            wide = after[1] // high
            yield OPERATORS["window_partition"](window_size=high if high == wide else (high, wide))
    if after[0] == before[2]:
        for high in _sides(after[1:], before[1]):
            wide = before[1] // high
            size = high if high == wide else (high, wide)
            yield OPERATORS["window_reverse"](window_size=size, height=after[1], width=after[2])


def _sides(space: Sizes, pixels: int) -> Iterator[int]:
    """Yield the heights that windows of so many pixels may have, square ones first."""
    heights = [
        high
        for high in range(1, min(space[0], pixels, 1024) + 1)
        if pixels % high == 0 and space[0] % high == 0 and space[1] % (pixels // high) == 0
    ]
    yield from sorted(heights, key=lambda high: abs(pixels // high - high))
