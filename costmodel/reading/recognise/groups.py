"""Norms of groups of channels, of lengths, and of responses, which ONNX has no nodes for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from costmodel.ops import OPERATORS
from costmodel.ops.base import axes_of, axis_of
from costmodel.reading.recognise.norms import over, stored_with
from costmodel.reading.recognise.pattern import Group, Match, Pattern, by_last, gathered
from costmodel.reading.recognise.rearrangements import rearranging
from costmodel.reading.value import Value

if TYPE_CHECKING:
    from costmodel.ops.base import Operator
    from costmodel.reading.network import Network, Part

LENGTH: Pattern = ("power", ("sum", ("power", "x", 2.0)), 0.5)


def _l2_norm(network: Network, match: Match) -> Operator | None:
    (total,) = match.of("sum")
    if not total.op.keep_dims:  # type: ignore[attr-defined]
        return None
    return OPERATORS["l2_norm"](eps=match.numbers["eps"], axis=total.op.axis)  # type: ignore[attr-defined]


def _grn(network: Network, match: Match) -> Operator | None:
    (total,), (mean,) = match.of("sum"), match.of("mean")
    x = network.shape(match.sources["x"])
    if not total.op.keep_dims or not mean.op.keep_dims:  # type: ignore[attr-defined]
        return None
    own = axes_of(total.shape, mean.op.axis, "axis")  # type: ignore[attr-defined]
    space = axes_of(x, total.op.axis, "axis")  # type: ignore[attr-defined]
    if len(own) != 1 or sorted((*own, *space)) != list(range(len(x))):
        return None
    bias = match.sources["b"]
    if not isinstance(bias, Value) or not over(bias, x, own):
        return None
    return OPERATORS["grn"](eps=match.numbers["eps"], axis=own[0])


LENGTHS = by_last(
    [
        Group((("divide", "x", ("least", LENGTH, "eps")),), _l2_norm),
    ]
)


def find(network: Network) -> None:
    """Find norms of lengths and of groups."""
    gathered(network, LENGTHS)
    for part in network.left():
        _grouped(network, part)
    for part in network.left():
        _learned(network, part)
    for part in network.left():
        if part.op.name == "add":
            _response(network, part)


def _grouped(network: Network, part: Part) -> None:
    """An instance norm of channels that were laid together in groups, and are apart again after it."""
    norm = network.maker(part.inputs[0]) if len(part.inputs) == 1 else None
    if norm is None or norm.op.name != "instance_norm" or norm.op.affine or not network.alone(norm.path):  # type: ignore[attr-defined]
        return
    first = network.maker(norm.inputs[0])
    there, back = rearranging(network, first), rearranging(network, part)
    if (
        first is None
        or there is None
        or back is None
        or not (there.kept and back.kept)
        or not network.alone(first.path)
    ):
        return
    before = network.shape(first.inputs[0])
    own = axis_of(norm.shape, norm.op.axis)  # type: ignore[attr-defined]
    if before != part.shape or own != len(norm.shape) - 2 or before[:own] != norm.shape[:own] or own >= len(before):
        return
    number, channels = norm.shape[own], before[own]
    eps = norm.op.eps  # type: ignore[attr-defined]
    if channels % number:
        return
    if number == channels and own + 1 < len(before):
        op = OPERATORS["instance_norm"](affine=False, eps=eps, axis=own)
    else:
        op = OPERATORS["group_norm"](groups=number, affine=False, eps=eps, axis=own)
    network.become(part, op, list(first.inputs))


def _learned(network: Network, part: Part) -> None:
    """Give a norm of groups the weight and bias of each channel that follow it."""
    if part.op.name != "add":
        return
    found = stored_with(network, part, "add")
    if found is None:
        return
    scaled, bias = found
    factor = stored_with(network, scaled, "multiply")
    if scaled.op.name == "layer_scale":
        made = network.maker(scaled.inputs[0])
        factor = None if made is None else (made, scaled.arrays["weight"])
    if factor is None or not network.alone(scaled.path):
        return
    norm, weight = factor
    if norm.op.name not in ("group_norm", "instance_norm") or norm.op.affine or not network.alone(norm.path):  # type: ignore[attr-defined]
        return
    own = axis_of(norm.shape, norm.op.axis)  # type: ignore[attr-defined]
    if over(bias, norm.shape, (own,)) and weight.size == norm.shape[own]:
        op = type(norm.op)(**{**vars(norm.op), "affine": True})
        arrays = {"weight": weight, "bias": bias}
        network.become(part, op, list(norm.inputs), arrays=arrays)


RESPONSE: Pattern = (
    "add",
    ("add", ("factor", ("multiply", "x", ("divide", LENGTH, ("plus", ("mean", LENGTH), "eps"))), 1.0), "b"),
    "x",
)


def _response(network: Network, part: Part) -> None:
    from costmodel.reading.recognise.norms import factor
    from costmodel.reading.recognise.pattern import matches, private

    for match in matches(network, RESPONSE, part.path, Match()):
        op = _grn(network, match)
        scaled = next((one for one in match.parts if factor(network, one) is not None), None)
        if op is None or scaled is None or not private(network, match):
            continue
        found = factor(network, scaled)
        bias = match.sources["b"]
        assert found is not None
        assert isinstance(bias, Value)
        x = match.sources["x"]
        if found[1].size == bias.size == network.shape(x)[op.axis]:  # type: ignore[attr-defined]
            network.become(part, op, [x], arrays={"weight": found[1], "bias": bias})
            return
