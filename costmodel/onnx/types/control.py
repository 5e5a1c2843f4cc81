"""Nodes with graphs within: a choice between two, and loops. What is inside is read as often as it runs, where that is
known and not too often.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from costmodel.onnx.model import Graph, Node
from costmodel.onnx.reader import Given, Reader, rule
from costmodel.onnx.types.common import counted, filled, note
from costmodel.onnx.types.parts import selected, stacked
from costmodel.onnx.types.sequences import sequence
from costmodel.reading.draft import Step
from costmodel.reading.finish import key
from costmodel.reading.value import UnreadError, Value, known

MOST_TRIPS = 64
"""Times that a graph within is written down; one that runs more often is one layer."""
MOST_NODES = 5_000
"""Nodes that a loop may become so."""
Again = Callable[[int, list[Given]], tuple[list[Given], list[Value], bool]]
"""One trip of a loop, from its number and the states before: the states after, what it puts out, whether it goes on."""


@dataclass
class Trips:
    """How often a loop runs, and what to say where that is not certain."""

    most: int
    why: str = ""


def _graph(node: Node, name: str) -> Graph:
    found = node.get(name, None)
    if not isinstance(found, Graph):
        raise UnreadError(f"it has no {name}")
    return found


def _nodes(graph: Graph) -> int:
    """Return how many nodes a graph has, with those within."""
    inner = [one for node in graph.nodes for one in node.attributes.values() if isinstance(one, Graph)]
    return len(graph.nodes) + sum(map(_nodes, inner))


def _cost(steps: Sequence[Step]) -> tuple[int, int]:
    """Return the mult-adds and the other operations of steps."""
    costs = [step.op.cost(*[value.shape for value in step.inputs]) for step in steps]
    return sum(int(cost.mult_adds) for cost in costs), sum(int(cost.other_ops) for cost in costs)


@rule("If")
def _if(read: Reader, node: Node) -> tuple[Given, ...]:
    """One branch if the file decides which; else the dearer of both, for it may be either."""
    condition = read.value(node, 0)
    branches = [_graph(node, name) for name in ("then_branch", "else_branch")]
    if condition.held is not None:
        return tuple(read.inside(branches[not bool(condition.held.reshape(-1)[0])]))
    steps = read.draft.steps
    start = len(steps)
    both = []
    for branch in branches:
        results = read.inside(branch)
        both.append((_cost(steps[start:]), steps[start:], results))
        del steps[start:]
    dearer = int(both[1][0] > both[0][0])
    _, kept, results = both[dearer]
    steps += kept
    note(
        read,
        f"{node.path} (If) depends on numbers computed from the input: counted is its {('then', 'else')[dearer]} "
        "branch, which takes no fewer mult-adds than the other",
    )
    return tuple(_unsure(value) for value in results)


def _unsure(value: Given) -> Given:
    """Return a value of which it is not known that it is this one: its numbers decide no shapes."""
    return value if isinstance(value, list) or value.held is None else replace(value, held=None)


@rule("Loop")
def _loop(read: Reader, node: Node) -> tuple[Given, ...]:
    body = _graph(node, "body")
    most, going = read.optional(node, 0), read.optional(node, 1)
    states: list[Given] = [read.values[name] for name in node.inputs[2:]]
    start = going is None or going.held is None or bool(going.held.reshape(-1)[0])

    def again(number: int, before: list[Given]) -> tuple[list[Given], list[Value], bool]:
        import numpy as np

        trip = known(np.asarray(number, np.int64)) if number >= 0 else Value((), "int64")
        goes_on, *after = read.inside(body, trip, known(np.asarray(True)), *before)
        certain = isinstance(goes_on, Value) and goes_on.held is not None
        if not certain:
            trips.why = trips.why or "stops when numbers computed from the input say so: it is counted as if it went on"
        go = not certain or bool(goes_on.held.reshape(-1)[0])  # type: ignore[union-attr]
        return after[: len(states)], [one for one in after[len(states) :] if isinstance(one, Value)], go

    trips = Trips(0)
    if not start:
        trips.most = 0
    elif most is not None and most.held is not None:
        trips.most = max(*most.integers(), 0)
    elif most is None:
        trips.most = MOST_TRIPS + 1  # until the condition says otherwise
    else:
        trips = Trips(1, "runs as often as numbers computed from the input say: it is counted once")
    return _ran(read, node, body, trips, states, again, bounded=most is not None)


def _ran(
    read: Reader, node: Node, body: Graph, trips: Trips, states: list[Given], again: Again, bounded: bool = True
) -> tuple[Given, ...]:
    """Return what a loop gives: its states after the last trip, and what each trip put out side by side."""
    steps, start = read.draft.steps, len(read.draft.steps)
    first = list(states)
    collected: list[list[Value]] = [[] for _ in body.outputs[1 + len(states) :]] if node.op_type == "Loop" else []
    for trip in range(trips.most if trips.most <= _most_copies(body, bounded) else 0):
        states, given, goes_on = again(trip, states)
        collected = collected or [[] for _ in given]
        for row, value in zip(collected, given, strict=True):
            row.append(value)
        if not goes_on:
            break
        if trip == MOST_TRIPS and not bounded:
            del steps[start:]
            trips = Trips(1, "runs until numbers computed from the input say so: it is counted once")
            return _ran(read, node, body, trips, first, again)
    else:
        if trips.most > _most_copies(body, bounded):
            return _as_one(read, node, trips, states, again)
    if trips.why:
        note(read, f"{node.path} ({node.op_type}) {trips.why}")
    return (*states, *(_side_by_side(read, node, row, place) for place, row in enumerate(collected, len(states))))


def _most_copies(body: Graph, bounded: bool) -> int:
    """Return how often a body may be written down."""
    return min(MOST_TRIPS, MOST_NODES // max(_nodes(body), 1)) + (not bounded)


def _side_by_side(read: Reader, node: Node, row: list[Value], place: int) -> Value:
    """Return what each trip put out along a new axis; of no trips, what the file says."""
    if row:
        return stacked(read, node, row, _scan_axis(node, place))
    said = read.infos[node.outputs[place]] if place < len(node.outputs) and node.outputs[place] in read.infos else None
    if said is None or said.shape is None:
        raise UnreadError("it never runs, and the file does not say the shape of what it gives")
    sizes = [read.sizes.get(size, 1) if isinstance(size, str) else size or 1 for size in said.shape]
    sizes[_scan_axis(node, place)] = 0
    return filled(sizes, 0, said.dtype or "float32")


def _scan_axis(node: Node, place: int) -> int:
    """Return the axis along which an output of a Scan is put together; that of a Loop is the first."""
    if node.op_type == "Loop":
        return 0
    axes = node.get("scan_output_axes", None)
    return axes[place - _states(node)] if axes else 0


def _as_one(read: Reader, node: Node, trips: Trips, states: list[Given], again: Again) -> tuple[Given, ...]:
    """Return what a loop gives that is too long to be written down: one layer that takes what its body takes, so often.

    Raises:
        UnreadError: if its states change their shapes, or something in it is not understood.
    """
    steps, start = read.draft.steps, len(read.draft.steps)
    after, given, _ = again(-1, states)
    body = steps[start:]
    del steps[start:]
    unread = next((step for step in body if step.partial), None)
    if unread is not None:
        raise UnreadError(f"within it, {unread.path}: {unread.partial}")
    before = [value.shape for value in states if isinstance(value, Value)]
    if before != [value.shape for value in after if isinstance(value, Value)] or len(before) < len(states):
        raise UnreadError(f"its {trips.most:,} trips change the shapes of its states")
    shapes = before + [_longer(node, value.shape, trips.most, place) for place, value in enumerate(given, len(before))]
    kinds = [value.dtype for value in [*after, *given] if isinstance(value, Value)]
    mult_adds, operations = (trips.most * each for each in _cost(body))
    inputs = [*_reads(body, {step.path for step in body}), *(value for value in states if isinstance(value, Value))]
    note(
        read,
        f"{node.path} ({node.op_type}) runs {trips.most:,} times and is one layer of as many times what it takes once"
        + (f"; it {trips.why}" if trips.why else ""),
    )
    found: list[Given] = []
    for shape, kind in zip(shapes, kinds, strict=True):
        reads = [one for one in found[:1] if isinstance(one, Value)] or inputs
        found.append(counted(read, node, shape, *reads, dtype=kind, mult_adds=mult_adds, operations=operations))
        mult_adds = operations = 0  # the first has them all, and the others read it
    return tuple(found)


def _longer(node: Node, shape: tuple[int, ...], trips: int, place: int) -> tuple[int, ...]:
    axis = _scan_axis(node, place) % (len(shape) + 1)
    return (*shape[:axis], trips, *shape[axis:])


def _reads(steps: Sequence[Step], own: set[str]) -> list[Value]:
    """Return what steps read besides one another: the arrays that they have, and what is computed outside."""
    found: dict[Any, Value] = {}
    for step in steps:
        for value in [*step.inputs, *step.arrays.values()]:
            if value.constant and value.arrays:
                found.setdefault(key(value), value)
            elif not value.constant and value.source not in own:
                found.setdefault(value.source, value)
    return list(found.values())


def _states(node: Node) -> int:
    """Return how many states a Scan has."""
    older = node.opset < 9  # its first input says how long each sequence of a batch is
    return len(node.inputs) - older - int(node.get("num_scan_inputs", 0))


@rule("Scan")
def _scan(read: Reader, node: Node) -> tuple[Given, ...]:
    body, count = _graph(node, "body"), _states(node)
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

    def again(number: int, before: list[Given]) -> tuple[list[Given], list[Value], bool]:
        elements = [
            selected(read, node, value, axis, length - 1 - number if reverse and number >= 0 else max(number, 0))
            for value, axis, reverse in zip(scanned, along, backward, strict=True)
        ]
        after = read.inside(body, *before, *elements)
        return after[:count], [one for one in after[count:] if isinstance(one, Value)], True

    states: list[Given] = [*values[:count]]
    return _ran(read, node, body, Trips(length), states, again)


@rule("SequenceMap")
def _sequence_map(read: Reader, node: Node) -> tuple[Given, ...]:
    """Its body once for each tensor of a sequence; what is beside it is a sequence as long, or one tensor for all."""
    body, values = _graph(node, "body"), sequence(read, node)
    others = [read.values[name] for name in node.inputs[1:]]
    if len(values) * _nodes(body) > MOST_NODES:
        raise UnreadError(f"it runs for {len(values):,} tensors")
    found: list[list[Value]] = [[] for _ in node.outputs]
    for at, value in enumerate(values):
        beside = [other[at] if isinstance(other, list) else other for other in others]
        for row, result in zip(found, read.inside(body, value, *beside), strict=True):
            row += [result] if isinstance(result, Value) else result
    return tuple(found)
