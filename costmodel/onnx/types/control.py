"""A choice between two graphs within a node, and one that is read for each tensor of a sequence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from costmodel.onnx.model import Graph, Node
from costmodel.onnx.needed import with_inner
from costmodel.onnx.reader import Given, Reader, rule
from costmodel.onnx.types.common import note
from costmodel.onnx.types.sequences import sequence
from costmodel.reading.draft import Step
from costmodel.reading.value import UnreadError, Value

MOST_NODES = 5_000
"""Nodes that a loop may become that is written down."""


@dataclass
class Added:
    """What reading a graph within added to a network: steps, notes, and mult-adds that were folded away."""

    steps: list[Step]
    notes: list[str]
    folded: int

    def put_back(self, read: Reader) -> None:
        """Add it again."""
        read.draft.steps += self.steps
        read.draft.notes += self.notes
        read.draft.folded_mult_adds += self.folded


class Mark:
    """A place in the reading, to which can be gone back."""

    def __init__(self, read: Reader) -> None:
        self.draft = read.draft
        self.steps, self.notes, self.folded = len(read.draft.steps), len(read.draft.notes), read.draft.folded_mult_adds

    def taken_back(self) -> Added:
        """Take out what was added since, and return it."""
        draft = self.draft
        added = Added(draft.steps[self.steps :], draft.notes[self.notes :], draft.folded_mult_adds - self.folded)
        del draft.steps[self.steps :], draft.notes[self.notes :]
        draft.folded_mult_adds = self.folded
        return added


def graph_within(node: Node, name: str) -> Graph:
    """Return the graph that an attribute is.

    Raises:
        UnreadError: if it is none.
    """
    found = node.get(name, None)
    if not isinstance(found, Graph):
        raise UnreadError(f"it has no {name}")
    return found


def cost_of(steps: Sequence[Step]) -> tuple[int, int]:
    """Return the mult-adds and the other operations of steps."""
    costs = [step.op.cost(*[value.shape for value in step.inputs]) for step in steps]
    return sum(int(cost.mult_adds) for cost in costs), sum(int(cost.other_ops) for cost in costs)


@rule("If")
def _if(read: Reader, node: Node) -> tuple[Given, ...]:
    """One branch if the file decides which; else the dearer of both, for it may be either."""
    condition = read.value(node, 0)
    branches = [graph_within(node, name) for name in ("then_branch", "else_branch")]
    if condition.held is not None:
        return tuple(read.inside(branches[not bool(condition.held.row()[0])]))
    both: dict[str, Any] = {}
    failed: list[UnreadError] = []
    for name, branch in zip(("then", "else"), branches, strict=True):
        mark = Mark(read)
        try:
            both[name] = read.inside(branch), mark.taken_back()
        except UnreadError as error:
            mark.taken_back()
            failed.append(error)
    if not both:
        raise failed[0]
    dearer = max(both, key=lambda name: (_is_partial(both[name][1].steps), cost_of(both[name][1].steps)))
    results, added = both[dearer]
    added.put_back(read)
    why = "which takes no fewer mult-adds than the other"
    if failed:
        why = f"the other cannot be read on these sizes: {failed[0].message}"
    elif _is_partial(added.steps):
        why = "of which not all is known"
    note(
        read,
        f"{node.path} (If) depends on numbers computed from the input: counted is its {dearer} branch, {why}",
    )
    return tuple(unsure(value) for value in results)


def _is_partial(steps: Sequence[Step]) -> bool:
    """Say whether the cost of some of the steps is not known."""
    return any(step.partial for step in steps)


def unsure(value: Given) -> Given:
    """Return a value of which it is not known that it is this one: its numbers decide no shapes."""
    return value if isinstance(value, list) or value.held is None else replace(value, held=None)


@rule("SequenceMap")
def _sequence_map(read: Reader, node: Node) -> tuple[Given, ...]:
    """Its body once for each tensor of a sequence; what is beside it is a sequence as long, or one tensor for all."""
    body, values = graph_within(node, "body"), sequence(read, node)
    others = [read.values[name] for name in node.inputs[1:]]
    if len(values) * len(with_inner(body.nodes)) > MOST_NODES:
        raise UnreadError(f"it runs for {len(values):,} tensors")
    found: list[list[Value]] = [[] for _ in node.outputs]
    for at, value in enumerate(values):
        beside = [other[at] if isinstance(other, list) else other for other in others]
        for row, result in zip(found, read.inside(body, value, *beside), strict=True):
            row += [result] if isinstance(result, Value) else result
    return tuple(found)
