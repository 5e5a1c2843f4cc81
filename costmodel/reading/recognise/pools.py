"""Reductions over all of space, which people call pools, and other operators that have a name of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from costmodel.ops import OPERATORS
from costmodel.ops.base import axes_of, axis_of
from costmodel.reading.recognise.rearrangements import rearranging

if TYPE_CHECKING:
    from costmodel.reading.network import Network, Part

GLOBAL = {"mean": "global_avg_pool", "max": "global_max_pool"}
ADAPTIVE = {"adaptive_avg_pool": "global_avg_pool", "adaptive_max_pool": "global_max_pool"}
CONVOLVING = ("conv", "conv_transpose", "batch_norm", "max_pool", "avg_pool")
DEEP = 8


def find(network: Network) -> None:
    """Name what has a name of its own."""
    for part in network.left():
        name = part.op.name
        if name in GLOBAL:
            _over_space(network, part)
        elif name in ADAPTIVE:
            _to_one(network, part)
        elif name in OTHERS:
            OTHERS[name](network, part)
    for part in network.left():
        if len(part.inputs) == 1:
            _without_space(network, part)
            _one_token(network, part)


def _over_space(network: Network, part: Part) -> None:
    """A mean or maximum over all axes but the first, which is the channels of a map."""
    x = network.shape(part.inputs[0])
    if axes_of(x, part.op.axis, "axis") != tuple(range(1, len(x))) or len(x) > 4:  # type: ignore[attr-defined]
        return
    if len(x) < 3 and not (len(x) == 2 and _on_map(network, part)):
        return
    op = OPERATORS[GLOBAL[part.op.name]](keep_dims=part.op.keep_dims)  # type: ignore[attr-defined]
    network.become(part, op, list(part.inputs))


def _to_one(network: Network, part: Part) -> None:
    """A pool of a map whose space becomes one position."""
    x = network.shape(part.inputs[0])
    if 2 <= len(x) <= 4 and part.shape == (x[0], *[1] * (len(x) - 1)):
        network.become(part, OPERATORS[ADAPTIVE[part.op.name]](keep_dims=True), list(part.inputs))


def _on_map(network: Network, part: Part) -> bool:
    """Say whether what a part reads is computed by what slides over space, not by what reads tokens."""
    for _ in range(DEEP):
        made = network.maker(part.inputs[0])
        if made is None or not made.inputs:
            return False
        if made.op.name in CONVOLVING:
            return True
        if made.op.family not in ("activation", "merge"):
            return False
        part = made
    return False


def _without_space(network: Network, part: Part) -> None:
    """A pool whose axes of size 1 are dropped right after it."""
    pool = network.maker(part.inputs[0])
    if pool is None or pool.op.name not in GLOBAL.values() or not network.alone(pool.path):
        return
    if pool.op.keep_dims and rearranging(network, part) is not None and part.shape == pool.shape[:1]:  # type: ignore[attr-defined]
        network.become(part, type(pool.op)(), list(pool.inputs))


def _one_token(network: Network, part: Part) -> None:
    """A slice of one token whose axis is dropped right after it."""
    cut = network.maker(part.inputs[0])
    order = rearranging(network, part)
    if cut is None or cut.op.name != "slice" or order is None or not order.kept or not network.alone(cut.path):
        return
    x = network.shape(cut.inputs[0])
    pieces = cut.op.pieces(x)  # type: ignore[attr-defined]
    if len(x) > 1 and list(pieces) == [len(x) - 2] and part.shape == (*x[:-2], x[-1]):
        (start, stop, _) = pieces[len(x) - 2]
        if stop - start == 1:
            network.become(part, OPERATORS["select_token"](index=start), list(cut.inputs))


def _slice(network: Network, part: Part) -> None:
    op = part.op
    if not isinstance(op.axis, tuple) and not isinstance(op.step, tuple) and op.step == 1:  # type: ignore[attr-defined]
        x = network.shape(part.inputs[0])
        if axis_of(x, op.axis) == 0 and len(x) > 2:  # type: ignore[attr-defined]
            start, stop, _ = op.pieces(x)[0]  # type: ignore[attr-defined]
            network.become(part, OPERATORS["slice_channels"](start=start, stop=stop), list(part.inputs))


def _pad(network: Network, part: Part) -> None:
    """Zero channels before or after those of a map."""
    x = network.shape(part.inputs[0])
    op = part.op
    pads = {axis: pad for axis, pad in op.pads(x).items() if any(pad)}  # type: ignore[attr-defined]
    if list(pads) == [0] and op.mode == "constant" and op.value == 0 and len(x) > 2:  # type: ignore[attr-defined]
        before, after = pads[0]
        network.become(part, OPERATORS["pad_channels"](before=before, after=after), list(part.inputs))


def _resize(network: Network, part: Part) -> None:
    """A map a whole number of times as large."""
    op = part.op
    before, after = network.shape(part.inputs[0]), part.shape
    if op.align_corners or op.mode != "nearest" or len(after) > 4:  # type: ignore[attr-defined]
        return
    if any(new % old for old, new in zip(before, after, strict=True)) or before[0] != after[0] or before == after:
        return
    whole = tuple(new // old for old, new in zip(before[1:], after[1:], strict=True))
    network.become(
        part,
        OPERATORS["upsample"](scale=whole[0] if len(set(whole)) == 1 else whole),
        list(part.inputs),
    )


def _clamp(network: Network, part: Part) -> None:
    """Bounds that a rectifier has."""
    bounds = (part.op.min, part.op.max)  # type: ignore[attr-defined]
    names = {(0.0, 6.0): "relu6", (0.0, None): "relu", (-1.0, 1.0): "hardtanh"}
    if bounds in names and part.dtype.startswith(("float", "bfloat")):
        network.become(part, OPERATORS[names[bounds]](), list(part.inputs))


OTHERS = {"slice": _slice, "pad": _pad, "resize": _resize, "clamp": _clamp}
