"""What an operator does, whatever it is called: several names may mean the same, and a file holds what is meant."""

from __future__ import annotations

from typing import Any

from costmodel.ops import OPERATORS
from costmodel.ops.base import Operator, axes_of
from costmodel.ops.move import Part
from costmodel.ops.product import parsed
from costmodel.reading.recognise.order import normal, order_of

DEFAULTS = ("padding", "ceil_mode", "count_include_pad")
"""Fields of which a file may hold another form."""
BOUNDS: dict[str, Any] = {
    "relu6": lambda op: (0, 6),
    "relu": lambda op: (0, None),
    "hardtanh": lambda op: (op.min_val, op.max_val),
    "clamp": lambda op: (op.min, op.max),
}


def meaning(op: Operator, *shapes: Any) -> Any:
    """Return what is the same for two operators that do the same with inputs of these shapes."""
    order = order_of(op, shapes[0]) if len(shapes) == 1 else None
    if op.name == "identity":
        order = normal(shapes[0], tuple(range(len(shapes[0]))))
    if order is not None:
        return "rearrange", order, op.shape(*shapes)
    if op.name == "crop" or isinstance(op, Part):
        return "slice", _pieces(op.pieces(*shapes), shapes[0])  # type: ignore[attr-defined]
    if op.name == "slice_channels":
        return meaning(OPERATORS["slice"](axis=op.axis, start=op.start, stop=op.stop), *shapes)  # type: ignore[attr-defined]
    if op.name in ("pad", "pad_channels"):
        pads = op.pads(shapes[0]) if op.name == "pad" else {0: (op.before, op.after)}  # type: ignore[attr-defined]
        return "pad", {axis: tuple(pad) for axis, pad in pads.items() if any(pad)}, getattr(op, "value", 0)
    if op.name in ("resize", "upsample"):
        resize = op.resize() if op.name == "upsample" else op  # type: ignore[attr-defined]
        return "resize", resize.shape(*shapes), resize.mode, resize.align_corners
    if op.name in BOUNDS:
        return "bounds", BOUNDS[op.name](op)
    if op.name == "roll":
        return "roll", _shifts(op, shapes[0])
    if op.name in ("leaky_relu", "rrelu"):
        return "leak", round(op.slope if op.name == "leaky_relu" else (op.lower + op.upper) / 2, 6)  # type: ignore[attr-defined]
    if op.name in ("xor", "compare"):
        return "compare", getattr(op, "how", "not_equal")
    if op.name in ("layer_norm", "rms_norm") or op.name in ("batch_norm", "group_norm", "instance_norm"):
        return op.name, _fields(op, shapes[0])
    if op.name == "einsum":
        return "einsum", _letters(parsed(op.equation))  # type: ignore[attr-defined]
    return op.name, _fields(op, shapes[0] if shapes else ())


def _letters(equation: Any) -> list[list[int]]:
    """Return an equation with numbers for its letters, in the order in which they come, without those that are first
    in all of it: they repeat.
    """
    terms = [*equation.inputs, equation.output]
    while all(terms) and len({term[0] for term in terms}) == 1:
        terms = [term[1:] for term in terms]
    numbers = {letter: at for at, letter in enumerate(dict.fromkeys(letter for term in terms for letter in term))}
    return [[numbers[letter] for letter in term] for term in terms]


def _pieces(pieces: dict[int, Any], shape: Any) -> dict[int, Any]:
    return {axis: piece for axis, piece in sorted(pieces.items()) if piece != (0, shape[axis], 1)}


def _shifts(op: Any, shape: Any) -> dict[int, int]:
    axes = op.axis if isinstance(op.axis, tuple) else (op.axis,)
    by = op.shifts if isinstance(op.shifts, tuple) else (op.shifts,) * len(axes)
    return {axis % len(shape): shift % shape[axis] for axis, shift in zip(axes, by, strict=True) if shift % shape[axis]}


def _fields(op: Operator, shape: Any) -> dict[str, Any]:
    """Return the fields of an operator, those that say the same in several ways in one of them."""
    found: dict[str, Any] = {}
    for name, value in vars(op).items():
        if name in DEFAULTS:
            continue
        if name == "axis" and value is not None:
            rank = len(shape) + (op.name in ("stack", "one_hot"))
            found[name] = axes_of((1,) * rank, value, "axis")
        elif isinstance(value, tuple) and value and all(one == value[0] for one in value):
            found[name] = value[0]
        elif isinstance(value, float):
            found[name] = float(f"{value:.5g}")
        else:
            found[name] = value
    return found
