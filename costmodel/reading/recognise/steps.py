"""What a part does with a constant number: multiplies by it, adds it, raises to its power, keeps to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from costmodel.reading.value import Value

if TYPE_CHECKING:
    from costmodel.reading.network import Network, Part

Source: TypeAlias = "str | Value"


def times(network: Network, part: Part) -> tuple[Source, float] | None:
    """Return what a part multiplies by a constant number, and that number; None where it does not."""
    name = part.op.name
    if name == "scale":
        return part.inputs[0], float(part.op.factor)  # type: ignore[attr-defined]
    if name == "layer_scale" and "weight" in part.arrays:
        return _with(part.inputs[0], number_of(part.arrays["weight"]))
    if name == "multiply" and len(part.inputs) == 2:
        return _other(network, part)
    if name == "divide":
        found = _second(network, part)
        return None if found is None or not found[1] else (found[0], 1 / found[1])
    if name == "neg":
        return part.inputs[0], -1.0
    return None


def plus(network: Network, part: Part) -> tuple[Source, float] | None:
    """Return to what a part adds a constant number, and that number; None where it does not."""
    name = part.op.name
    if name == "shift":
        return part.inputs[0], float(part.op.amount)  # type: ignore[attr-defined]
    if name == "add" and len(part.inputs) == 2:
        return _other(network, part)
    if name == "subtract":
        found = _second(network, part)
        return None if found is None else (found[0], -found[1])
    return None


def power(network: Network, part: Part) -> tuple[Source, float] | None:
    """Return what a part raises to a constant power, and that power; None where it does not."""
    name = part.op.name
    if name == "power":
        exponent = part.op.exponent  # type: ignore[attr-defined]
        return _second(network, part) if exponent is None else (part.inputs[0], float(exponent))
    if name in POWERS:
        return part.inputs[0], POWERS[name]
    if name == "multiply" and len(part.inputs) == 2 and part.inputs[0] == part.inputs[1]:
        return part.inputs[0], 2.0
    return None


def clamped(network: Network, part: Part) -> tuple[Source, float] | None:
    """Return what a part keeps between 0 and a number, and that number; None where it does not."""
    op = part.op
    if op.name == "relu6":
        return part.inputs[0], 6.0
    if op.name == "clamp" and op.min == 0 and op.max is not None:  # type: ignore[attr-defined]
        return part.inputs[0], float(op.max)  # type: ignore[attr-defined]
    if op.name == "hardtanh" and op.min_val == 0:  # type: ignore[attr-defined]
        return part.inputs[0], float(op.max_val)  # type: ignore[attr-defined]
    return None


def least(network: Network, part: Part) -> tuple[Source, float] | None:
    """Return what a part keeps at least at a number, and that number; None where it does not."""
    op = part.op
    if op.name == "clamp" and op.min is not None and op.max is None:  # type: ignore[attr-defined]
        return part.inputs[0], float(op.min)  # type: ignore[attr-defined]
    if op.name == "maximum":
        return _other(network, part)
    return None


def factor(network: Network, part: Part) -> tuple[Source, float] | None:
    """Return what a part multiplies by a stored array; the number says nothing."""
    if part.op.name == "layer_scale":
        return part.inputs[0], 1.0
    if part.op.name == "multiply" and len(part.inputs) == 2:
        for one, other in (part.inputs, part.inputs[::-1]):
            if isinstance(other, Value) and other.arrays and network.shape(one) == part.shape:
                return one, 1.0
    return None


POWERS = {"square": 2.0, "sqrt": 0.5, "rsqrt": -0.5, "reciprocal": -1.0}
STEPS = {"times": times, "plus": plus, "power": power, "clamped": clamped, "least": least, "factor": factor}
HEADS = {
    "times": ("scale", "layer_scale", "multiply", "divide", "neg"),
    "plus": ("shift", "add", "subtract"),
    "power": ("power", "multiply", *POWERS),
    "clamped": ("relu6", "clamp", "hardtanh"),
    "least": ("clamp", "maximum"),
    "factor": ("layer_scale", "multiply"),
}


def number_of(value: Value) -> float | None:
    """Return the number that a constant is everywhere; of what is stored only if it is one number."""
    return value.scalar() if value.size == 1 or not value.arrays else None


def _with(source: Source, number: float | None) -> tuple[Source, float] | None:
    return None if number is None else (source, number)


def _second(network: Network, part: Part) -> tuple[Source, float] | None:
    """Return the first of two inputs, and the number that the second is everywhere, if it is one and adds no axes."""
    first, second = part.inputs
    if not isinstance(second, Value) or network.shape(first) != part.shape:
        return None
    return _with(first, number_of(second))


def _other(network: Network, part: Part) -> tuple[Source, float] | None:
    """Return of two inputs the one that is computed, and the number that the other is everywhere."""
    for one, other in (part.inputs, part.inputs[::-1]):
        if isinstance(other, Value) and network.shape(one) == part.shape:
            return _with(one, number_of(other))
    return None
