"""Biases that are added after the layer whose they are, and borders that are padded before it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from costmodel.ops import OPERATORS, windows
from costmodel.reading.recognise.norms import over, stored_with

if TYPE_CHECKING:
    from costmodel.reading.network import Network, Part

BIASED = ("conv", "conv_transpose", "linear")


def find(network: Network) -> None:
    """Make biases and borders part of the layers that they belong to."""
    for part in network.left():
        if part.op.name == "add":
            _bias(network, part)
        elif part.op.name in ("conv", "avg_pool"):
            _border(network, part)


def _bias(network: Network, part: Part) -> None:
    """Give a layer without a bias the stored numbers that are added to it, one a channel or feature."""
    found = stored_with(network, part, "add")
    if found is None:
        return
    layer, bias = found
    if layer.op.name not in BIASED or layer.op.bias or not network.alone(layer.path):  # type: ignore[attr-defined]
        return
    rank = len(layer.shape)
    axis = rank - 1
    if layer.op.name != "linear":
        axis = rank - 1 - len(layer.op.kernel_size)  # type: ignore[attr-defined]
    if not over(bias, layer.shape, (axis,)) or bias.size != layer.shape[axis]:
        return
    op = type(layer.op)(**{**vars(layer.op), "bias": True})
    network.become(part, op, list(layer.inputs), arrays={**layer.arrays, "bias": bias})


def _border(network: Network, part: Part) -> None:
    """Make zeros that are padded to space before a convolution its own padding."""
    before = network.maker(part.inputs[0])
    if before is None or before.op.name != "pad" or not network.alone(before.path):
        return
    pads = before.op.pads(network.shape(before.inputs[0]))  # type: ignore[attr-defined]
    kernel = part.op.kernel_size  # type: ignore[attr-defined]
    rank, own = len(part.shape), len(kernel)
    zeros = before.op.mode == "constant" and before.op.value == 0  # type: ignore[attr-defined]
    grown = {axis: pad for axis, pad in pads.items() if any(pad)}
    if not zeros or any(axis < rank - own for axis in grown):
        return
    inner = windows.explicit(part.op.padding, own)  # type: ignore[attr-defined]
    border = [grown.get(rank - own + axis, (0, 0)) for axis in range(own)]
    if part.op.name == "avg_pool":
        _counted(network, part, before, inner, border)
        return
    both = [(a[0] + b[0], a[1] + b[1]) for a, b in zip(inner, border, strict=True)]
    padding = (*(one for one, _ in both), *(one for _, one in both))
    op = type(part.op)(**{**vars(part.op), "padding": padding})
    network.become(part, op, list(before.inputs))


def _counted(network: Network, part: Part, before: Part, inner: windows.Pads, border: list[tuple[int, int]]) -> None:
    """Make a border of zeros that counts, before a mean whose own padding does not, one of a pool that rounds up."""
    space = network.shape(before.inputs[0])[-len(border) :]
    padding = (*(one for one, _ in border), *(one for _, one in border))
    fields = {**vars(part.op), "padding": padding, "count_include_pad": True}
    op = OPERATORS["avg_pool"](**{**fields, "ceil_mode": True})
    over = windows.overhang(space, op.kernel_size, op.stride, op.padding, 1)  # type: ignore[attr-defined]
    if part.op.count_include_pad and any(map(any, inner)):  # type: ignore[attr-defined]
        return
    if tuple(over) == tuple(inner):
        network.become(part, op, list(before.inputs))
    elif not any(map(any, inner)):
        network.become(part, OPERATORS["avg_pool"](**fields), list(before.inputs))
