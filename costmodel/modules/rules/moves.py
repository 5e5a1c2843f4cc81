"""What moves or repeats values, and computes nothing."""

from __future__ import annotations

from costmodel.modules.calls import Call
from costmodel.modules.reader import Reader, rule
from costmodel.modules.rules.reductions import axes
from costmodel.ops import OPERATORS
from costmodel.reading.axes import from_end
from costmodel.reading.moves import reshaped
from costmodel.reading.value import Value


@rule("roll")
def _roll(read: Reader, call: Call) -> Value:
    value = read.value(call["self"])
    if not call["dims"]:
        return read.free(call.out, value)
    own = tuple(from_end(axis, len(value.shape)) for axis in call["dims"])
    return read.add(OPERATORS["roll"](shifts=tuple(call["shifts"]), axis=own), value)


@rule("flip")
def _flip(read: Reader, call: Call) -> Value:
    return read.add(OPERATORS["flip"](axis=axes(call, "dims")), read.value(call["self"]))


@rule("tril", "triu")
def _triangle(read: Reader, call: Call) -> Value:
    return read.add(OPERATORS[call.name](diagonal=call["diagonal"]), read.value(call["self"]))


@rule("repeat", "tile")
def _repeat(read: Reader, call: Call) -> Value:
    value = read.value(call["self"])
    repeats = list(call["repeats"] if call["repeats"] is not None else call["dims"])
    rank = len(repeats)
    if rank < len(value.shape):
        repeats = [1] * (len(value.shape) - rank) + repeats
    shape = (1,) * (len(repeats) - len(value.shape)) + value.shape
    value = read.chain(reshaped(value.shape, shape), value)
    own = [at for at, times in enumerate(repeats) if times != 1]
    if not own:
        return value
    if own == [0] and read.repeated(value, call.out):
        return Value(tuple(call.out.shape), value.dtype, arrays=value.arrays, whole=True)
    op = OPERATORS["tile"](repeats=tuple(repeats[at] for at in own), axis=tuple(at - len(shape) for at in own))
    return read.add(op, value)


@rule("broadcast_tensors")
def _broadcast(read: Reader, call: Call) -> list[Value]:
    """Show each tensor in the shape of all, as it is where it has that."""
    shape = tuple(call.out.shape)
    values = [read.value(tensor) for tensor in call["tensors"]]
    return [one if one.shape == shape else read.add(OPERATORS["broadcast_to"](sizes=shape), one) for one in values]


@rule(
    "repeat_interleave",
    "rot90",
    "diag",
    "diag_embed",
    "diagonal_copy",
    "meshgrid",
    "unfold_copy",
    "cartesian_prod",
    "block_diag",
    "view_as_real_copy",
    "trace_copy",
)
def _moved(read: Reader, call: Call) -> list[Value]:
    values = [read.value(tensor) for tensor in call.tensors]
    return [read.free(result, *values) for result in call.results]
