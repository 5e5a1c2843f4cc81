"""Activations that exporters take apart into their arithmetic."""

from __future__ import annotations

from math import pi, sqrt
from typing import TYPE_CHECKING, Any

from costmodel.ops import OPERATORS
from costmodel.reading.recognise.pattern import Group, Match, Pattern, by_last, gathered, near

if TYPE_CHECKING:
    from costmodel.ops.base import Operator
    from costmodel.reading.network import Network


def become(name: str, **fields: Any) -> Any:
    """Return what makes an operator with these fields of any match."""
    return lambda network, match: OPERATORS[name](**fields)


def halved(curve: Pattern) -> tuple[Pattern, ...]:
    """Return the orders in which x * (1 + curve) / 2 is written."""
    more = ("plus", curve, 1.0)
    return (
        ("times", ("multiply", "x", more), 0.5),
        ("multiply", ("times", "x", 0.5), more),
        ("multiply", "x", ("times", more, 0.5)),
        ("multiply", "x", ("plus", ("times", curve, 0.5), 0.5)),
    )


SLOPE, BEND = sqrt(2 / pi), 0.044715
GROWN = (
    ("plus", ("times", ("power", "x", 2.0), BEND), 1.0),
    ("plus", ("multiply", "x", ("times", "x", BEND)), 1.0),
)
"""1 + 0.044715 x ** 2, which x is multiplied by within the tanh."""
BENT: tuple[Pattern, ...] = (
    *(("add", "x", ("times", cube, BEND)) for cube in (("power", "x", 3.0), ("multiply", "x", ("power", "x", 2.0)))),
    *(("multiply", "x", grown) for grown in GROWN),
)
TANHS: tuple[Pattern, ...] = (
    *(("tanh", ("times", bent, SLOPE)) for bent in BENT),
    *(("tanh", ("multiply", ("times", "x", SLOPE), grown)) for grown in GROWN),
)
SIXTH = ("clamped", ("plus", "x", 3.0), 6.0)
SIGMOIDS = (
    ("reciprocal", ("plus", ("exp", ("neg", "x")), 1.0)),
    ("power", ("plus", ("exp", ("times", "x", -1.0)), 1.0), -1.0),
)


def _softplus(network: Network, match: Match) -> Operator | None:
    """Return a softplus of another slope, where what is multiplied before is divided by afterwards."""
    beta = match.numbers["beta"]
    return OPERATORS["softplus"](beta=beta) if beta > 0 and near(match.numbers["back"], 1 / beta) else None


def _glu(network: Network, match: Match) -> Operator | None:
    """Return a gated linear unit, where both halves of one axis are read."""
    value, gate = (part for part in match.parts if part.op.name == "slice")
    if len(value.shape) != len(gate.shape):
        return None
    x = network.shape(match.sources["x"])
    axes = [axis for axis, size in enumerate(x) if size != value.shape[axis]]
    if value.shape != gate.shape or len(axes) != 1 or x[axes[0]] != 2 * value.shape[axes[0]]:
        return None
    (axis,) = axes
    starts = [one.op.pieces(x)[axis] for one in (value, gate)]  # type: ignore[attr-defined]
    half = value.shape[axis]
    if starts != [(0, half, 1), (half, 2 * half, 1)]:
        return None
    return OPERATORS["glu"](axis=axis)


GROUPS = by_last(
    [
        Group(SIGMOIDS, become("sigmoid")),
        Group(halved(("erf", ("times", "x", sqrt(0.5)))), become("gelu")),
        Group(tuple(form for one in TANHS for form in halved(one)), become("gelu", approximate="tanh")),
        Group((("times", SIXTH, 1 / 6),), become("hardsigmoid")),
        Group((("times", ("multiply", "x", SIXTH), 1 / 6),), become("hardswish")),
        Group((("multiply", ("slice", "x"), ("sigmoid", ("slice", "x"))),), _glu),
        Group((("multiply", "x", ("sigmoid", "x")),), become("silu")),
        Group(
            (("multiply", "x", ("hardsigmoid", "x")), ("multiply", ("times", "x", 1 / 6), SIXTH)), become("hardswish")
        ),
        Group((("multiply", "x", ("tanh", ("softplus", "x"))),), become("mish")),
        Group((("times", ("softplus", ("times", "x", "beta")), "back"),), _softplus),
        Group((("neg", ("softplus", ("neg", "x"))),), become("logsigmoid")),
        Group((("subtract", "x", ("tanh", "x")),), become("tanhshrink")),
        Group((("divide", "x", ("plus", ("abs", "x"), 1.0)),), become("softsign")),
        Group((("log", ("plus", ("exp", "x"), 1.0)),), become("softplus")),
        Group((("softmax", ("neg", "x")),), lambda network, match: OPERATORS["softmin"](axis=_axis(match))),
        Group((("clamped", "x", 6.0),), become("relu6")),
        Group((("log", ("softmax", "x")),), lambda network, match: OPERATORS["log_softmax"](axis=_axis(match))),
    ]
)


def _axis(match: Match) -> int:
    (softmax,) = match.of("softmax")
    axis: int = softmax.op.axis  # type: ignore[attr-defined]
    return axis


def find(network: Network) -> None:
    """Find activations that were taken apart."""
    gathered(network, GROUPS)
