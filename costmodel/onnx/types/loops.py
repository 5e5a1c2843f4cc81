"""Loops: what is inside is read as often as it runs, where that is known and not too often."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from costmodel.onnx.model import Graph, Node
from costmodel.onnx.needed import with_inner
from costmodel.onnx.reader import Given, Reader, rule
from costmodel.onnx.types.cells import projected
from costmodel.onnx.types.common import counted, filled, note
from costmodel.onnx.types.control import MOST_NODES, Mark, cost_of, graph_within, unsure
from costmodel.onnx.types.parts import selected, stacked
from costmodel.ops import OPERATORS
from costmodel.reading.draft import Step
from costmodel.reading.keepers import key
from costmodel.reading.value import Array, UnreadError, Value, known_one
from costmodel.units import counted as counted_in

MOST_TRIPS = 64
"""Times that a graph within is written down; one that runs more often is one layer."""
ENDLESS = 2**31 - 1
"""Trips from which on a file's bound is none: the condition says when it ends."""
ANY = -1
"""The number of a trip that stands for all."""
TRIP = Array("the number of a trip", (), "int64", False)
"""What constants are made of that are others in each trip."""
UNTIL = "runs until numbers computed from the input say so"
Trip: TypeAlias = "tuple[list[Given], list[Given], bool | None]"
"""The states after a trip, what it puts out, and whether the loop goes on, None where that is not known."""
Again = Callable[[int, list[Given]], Trip]
"""One trip of a loop, from its number and the states before."""


@dataclass
class Trips:
    """How often a loop runs at most, None where that is not known, and what to say where it is not certain."""

    most: int | None
    why: str = ""


def _same(one: Given, other: Given) -> bool:
    """Say whether a value's numbers are known and the same after a trip as before it."""
    if isinstance(one, list) or isinstance(other, list):
        return False
    return one.held is not None and other.held is not None and one.held.same(other.held)


@rule("Loop")
def _loop(read: Reader, node: Node) -> tuple[Given, ...]:
    body = graph_within(node, "body")
    most, going = read.optional(node, 0), read.optional(node, 1)
    states: list[Given] = [read.values[name] for name in node.inputs[2:]]
    start = going is None or going.held is None or bool(going.held.row()[0])

    def again(number: int, before: list[Given]) -> Trip:
        trip = Value((), "int64", arrays=(TRIP,)) if number == ANY else known_one(number)
        goes_on, *after = read.inside(body, trip, known_one(True), *before)
        held = goes_on.held if isinstance(goes_on, Value) else None
        return after[: len(states)], after[len(states) :], None if held is None else bool(held.row()[0])

    if not start:
        return _ran(read, node, body, Trips(0), states, again)
    if most is not None and most.held is None:
        return _ran(read, node, body, Trips(1, "runs as often as numbers computed from the input say"), states, again)
    number = None if most is None else max(*most.integers(), 0)
    trips = Trips(None if number is None or number >= ENDLESS else number)
    return _ran(read, node, body, trips, states, again)


def _ran(read: Reader, node: Node, body: Graph, trips: Trips, states: list[Given], again: Again) -> tuple[Given, ...]:
    """Return what a loop gives: its states after the last trip, and what each trip put out side by side."""
    copies = min(MOST_TRIPS, MOST_NODES // max(len(with_inner(body.nodes)), 1))
    if trips.most is not None and trips.most > max(copies, 1):
        return _as_one(read, node, trips.most, states, again)
    mark, before = Mark(read), states
    rows: list[list[Given]] = [[] for _ in body.outputs[len(states) + (node.op_type == "Loop") :]]
    goes_on: bool | None = True
    trip = 0
    while goes_on is not False and (trips.most is None or trip < trips.most):
        states, given, goes_on = again(trip, states)
        for row, value in zip(rows, given, strict=True):
            row.append(value)
        trip += 1
        if goes_on is None:
            trips = Trips(trips.most or 1, trips.why or UNTIL)
        elif trips.most is None and trip >= copies:
            return _endless(read, node, trip, [*zip(before, states, strict=True)], mark.taken_back().steps)
    if not trip:
        _, given, _ = again(ANY, states)  # for the shapes of what it would put out
        mark.taken_back()
        return (*states, *(_none_of(node, value, place) for place, value in enumerate(given, len(states))))
    if trips.why:
        note(read, f"{node.path} ({node.op_type}) {trips.why}: it is counted {counted_in(trip, 'time')}")
        states = [unsure(value) for value in states]
    return (*states, *(_side_by_side(read, node, row, place) for place, row in enumerate(rows, len(states))))


def _endless(
    read: Reader, node: Node, trips: int, states: Sequence[tuple[Given, Given]], body: Sequence[Step]
) -> tuple[Value, ...]:
    """Return what a loop gives that goes on for longer than it is followed: a layer whose cost is not known.

    Raises:
        UnreadError: if the shapes of what it gives are not known either.
    """
    why = f"it runs more than {counted_in(trips, 'time')}, and how often is only known by running it"
    before, after = (_tensors(given) for given in zip(*states, strict=True)) if states else ([], [])
    put_out = any(node.outputs[len(states) :])  # as long as it runs
    if put_out or [value.shape for value in before] != [value.shape for value in after]:
        raise UnreadError(why)
    found: list[Value] = []
    for value in after:
        reads = found[:1] or [*_reads(body, {step.path for step in body}), *before]
        op = OPERATORS["opaque"](type=node.kind, size=value.shape)
        found.append(read.draft.add(node.path, op, *reads, dtype=value.dtype, partial="" if found else why))
    return tuple(found)


def _side_by_side(read: Reader, node: Node, row: list[Given], place: int) -> Value:
    """Return what each trip put out along a new axis."""
    return stacked(read, node, _tensors(row), _scan_axis(node, place))


def _none_of(node: Node, value: Given, place: int) -> Value:
    """Return what is put out where there are no trips."""
    (one,) = _tensors([value])
    return filled(_longer(node, one.shape, 0, place), 0, one.dtype)


def _scan_axis(node: Node, place: int) -> int:
    """Return the axis along which an output of a Scan is put together; that of a Loop is the first."""
    if node.op_type == "Loop":
        return 0
    axes = node.get("scan_output_axes", None)
    return axes[place - _states(node)] if axes else 0


def _as_one(read: Reader, node: Node, trips: int, states: list[Given], again: Again) -> tuple[Given, ...]:
    """Return what a loop gives that is too long to be written down: one layer that takes what its body takes, so often.

    Raises:
        UnreadError: if its states change their shapes, or something in it is not understood.
    """
    mark = Mark(read)
    after, _, _ = again(ANY, states)
    mark.taken_back()
    fixed = [one if _same(one, other) else unsure(one) for one, other in zip(states, after, strict=True)]
    after, given, goes_on = again(ANY, fixed)
    body = mark.taken_back().steps
    unread = next((step for step in body if step.partial), None)
    if unread is not None:
        raise UnreadError(f"within it, {unread.path}: {unread.partial}")
    tensors, results = _tensors(states), _tensors([*after, *given])
    if [value.shape for value in tensors] != [value.shape for value in results[: len(tensors)]]:
        raise UnreadError(f"its {trips:,} trips change the shapes of its states")
    shapes = [value.shape for value in tensors]
    shapes += [_longer(node, value.shape, trips, place) for place, value in enumerate(_tensors(given), len(tensors))]
    mult_adds, operations = (trips * each for each in cost_of(body))
    note(
        read,
        f"{node.path} ({node.op_type}) runs {trips:,} times{'' if goes_on else ' at most'}, and is one layer that "
        "takes so many times what it takes once",
    )
    inputs = [*_of_all(_reads(body, {step.path for step in body}), trips), *tensors]
    found: list[Value] = []
    for shape, value in zip(shapes, results, strict=True):
        reads = found[:1] or inputs
        found.append(counted(read, node, shape, *reads, dtype=value.dtype, mult_adds=mult_adds, other_ops=operations))
        mult_adds = operations = 0  # the first has them all, and the others read it
    return tuple(found)


def _tensors(values: Sequence[Given]) -> list[Value]:
    """Return values that are no sequences.

    Raises:
        UnreadError: if one is.
    """
    if any(isinstance(value, list) for value in values):
        raise UnreadError("its many trips carry a sequence of tensors")
    return [value for value in values if isinstance(value, Value)]


def _longer(node: Node, shape: tuple[int, ...], trips: int, place: int) -> tuple[int, ...]:
    axis = _scan_axis(node, place) % (len(shape) + 1)
    return (*shape[:axis], trips, *shape[axis:])


def _reads(steps: Sequence[Step], own: set[str]) -> list[Value]:
    """Return what steps read besides one another: the arrays that they have, and what is computed outside."""
    found: dict[Any, Value] = {}
    for step in steps:
        for value in [*step.inputs, *step.arrays.values()]:
            if value.constant and set(value.arrays) - {TRIP}:
                found.setdefault(key(value), value)
            elif not value.constant and value.source not in own:
                found.setdefault(value.source, value)
    return list(found.values())


def _of_all(values: Sequence[Value], trips: int) -> list[Value]:
    """Return what a trip reads as all trips together read it: of constants that are others in each, as many, or all of
    the arrays that they are made of.
    """
    found: dict[Any, Value] = {}
    for value in values:
        arrays = tuple(array for array in value.arrays if array != TRIP)
        if len(arrays) == len(value.arrays):
            found.setdefault(key(value), value)
        elif trips * value.size < sum(array.size for array in arrays):
            found[id(value)] = replace(value, shape=(trips, *value.shape), arrays=arrays, held=None, whole=False)
        else:
            wholes = [Value(array.shape, value.dtype, arrays=(array,), whole=True) for array in arrays]
            found |= {key(whole): whole for whole in wholes}
    return list(found.values())


def _states(node: Node) -> int:
    """Return how many states a Scan has."""
    older = node.opset < 9  # its first input says how long each sequence of a batch is
    return len(node.inputs) - older - int(node.get("num_scan_inputs", 0))


@rule("Scan")
def _scan(read: Reader, node: Node) -> tuple[Given, ...]:
    body, count = graph_within(node, "body"), _states(node)
    older = node.opset < 9
    if older:
        raise UnreadError("a Scan of opset 8 is over a batch of sequences; opset 9 and later are read")
    values = read.all(node)
    along = node.get("scan_input_axes", None) or [0] * (len(values) - count)
    scanned = values[count:]
    lengths = {value.shape[axis] for value, axis in zip(scanned, along, strict=True)}
    if len(lengths) != 1:
        raise UnreadError(f"its inputs are {sorted(lengths)} long, and all must be the same")
    backward = node.get("scan_input_directions", None) or [0] * len(scanned)
    (length,) = lengths
    layer = projected(read, node, body, values)
    if layer is not None:
        return *values[:count], *layer

    def again(number: int, before: list[Given]) -> Trip:
        place = max(number, 0)
        elements = [
            selected(read, node, value, axis, length - 1 - place if reverse else place)
            for value, axis, reverse in zip(scanned, along, backward, strict=True)
        ]
        if number == ANY:
            elements = [replace(one, arrays=(*one.arrays, TRIP)) if one.constant else one for one in elements]
        after = read.inside(body, *before, *elements)
        return after[:count], after[count:], True

    return _ran(read, node, body, Trips(length), [*values[:count]], again)
