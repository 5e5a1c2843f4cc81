"""Fields written as people write them: one number where all axes have the same, defaults left out, axes counted from
whichever end is usual.
"""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from costmodel.ops.base import axes_of
from costmodel.ops.fields import declared

if TYPE_CHECKING:
    from costmodel.ops.base import Operator
    from costmodel.reading.network import Network

SPREAD = ("Window", "CountWindow", "Factors", "Padding")


def find(network: Network) -> None:
    """Write the fields of all parts shortest."""
    known: dict[Any, Operator] = {}
    for part in network.parts.values():
        shapes = tuple(network.shape(one) for one in part.inputs)
        try:
            question = part.op, shapes
            if question not in known:
                known[question] = shortest(part.op, shapes)
            part.op = known[question]
        except TypeError:  # a field that cannot be looked up
            part.op = shortest(part.op, shapes)


def shortest(op: Operator, shapes: tuple[Any, ...]) -> Operator:
    """Return an operator that does the same on inputs of these shapes, its fields written shortest."""
    given = vars(op)
    if not given:
        return op
    asked = {entry.name: str(entry.type).removesuffix(" | None") for entry in fields(op)}  # type: ignore[arg-type]
    found = dict(given)
    for name, kind in asked.items():
        value = given[name]
        if kind in SPREAD and isinstance(value, tuple):
            one = _one(value)
            if one is not None and _same(op, found, name, one, shapes):
                found[name] = one
            elif kind == "Padding" and _halves(value) and _same(op, found, name, value[: len(value) // 2], shapes):
                found[name] = value[: len(value) // 2]
        elif kind in ("Axis", "Axes") and name in ("axis", "axes") and shapes and value is not None:
            found[name] = _axes(op, name, value, shapes[0])
    return type(op)(**found)


def _one(value: tuple[Any, ...]) -> Any:
    """Return the number that a list says for every axis, None where it says several."""
    return value[0] if value and all(one == value[0] for one in value) else None


def _halves(value: tuple[Any, ...]) -> bool:
    half = len(value) // 2
    return len(value) > 1 and len(value) % 2 == 0 and value[:half] == value[half:] and half > 1


def _same(op: Operator, found: dict[str, Any], name: str, value: Any, shapes: tuple[Any, ...]) -> bool:
    """Say whether an operator is the same on these inputs with another value of a field."""
    from costmodel.errors import ShapeError

    other = type(op)(**{**found, name: value})
    try:
        return (
            tuple(other.shape(*shapes)) == tuple(op.shape(*shapes))
            and other.cost(*shapes) == op.cost(*shapes)
            and dict(other.weights(*shapes)) == dict(op.weights(*shapes))
        )
    except ShapeError:
        return False


def _axes(op: Operator, name: str, value: Any, shape: Any) -> Any:
    """Return axes as the default has them where they are the same, else counted from the front."""
    _, default = declared(type(op))[name]
    rank = len(shape) + (op.name in ("stack", "unsqueeze", "one_hot"))
    own = axes_of((1,) * rank, value, name)
    if isinstance(default, (int, tuple)):
        try:
            if axes_of((1,) * rank, default, name) == own:
                return default
        except Exception:
            pass
    if op.name in ("slice", "pad", "roll", "crop", "tile"):
        return tuple(one % rank for one in value) if isinstance(value, tuple) else value % rank
    return own[0] if len(own) == 1 else own
