"""Where the first axis is the batch everywhere, it is taken off; one sample is left, as operators want it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from costmodel.errors import ShapeError
from costmodel.numbers.arithmetic import Shape
from costmodel.ops import OPERATORS
from costmodel.ops.opaque import Opaque
from costmodel.reading.draft import Draft, Step
from costmodel.reading.value import Value

if TYPE_CHECKING:
    from costmodel.ops.base import Operator


class Mixed(Exception):  # noqa: N818 - it is no error: tensors that mix the batch are read as they lie
    """The first axis is not the batch here, or something depends on several images at once."""


def samples(draft: Draft, batch: int, carrying: set[str]) -> dict[str, Shape] | None:
    """Return the shape of one sample of each tensor, by its source; None where the batch is not the first axis of all
    that is computed. `carrying` are the inputs that have it; what is computed from others alone has none.

    Every operator is asked whether it does with a sample what it does with a batch: gives the sample of what it gives,
    and for its share of the mult-adds.
    """
    found = {name: value.shape[1:] if name in carrying else value.shape for name, value in draft.inputs.items()}
    carried = set(carrying)
    answers: dict[Any, Shape] = {}
    try:
        for step in draft.steps:
            found[step.path] = _sample(step, batch, found, carried, answers)
    except (Mixed, ShapeError):
        return None
    return found


def constant_sample(value: Value, rank: int, batch: int) -> Shape:
    """Return the shape of a constant beside tensors that had `rank` axes: a first axis of size 1 was the batch's, and
    one of the batch's size where the same numbers are repeated for each image, or are none that are stored.
    """
    if not rank or len(value.shape) != rank:
        return value.shape
    again = value.shape[0] == batch and (not value.arrays or repeated(value))
    return value.shape[1:] if value.shape[0] == 1 or again else value.shape


def repeated(value: Value) -> bool:
    """Say whether a constant is one array several times over."""
    return value.whole and value.size > value.arrays[0].size


def spread_over(step: Step, batch: int) -> bool:
    """Say whether a step repeats once for each image what is the same for all, such as the token of a class."""
    if step.op.name not in ("broadcast_to", "tile") or step.out.shape[:1] != (batch,) or len(step.inputs) != 1:
        return False
    (value,) = step.inputs
    return value.shape in (step.out.shape[1:], (1, *step.out.shape[1:]))


def unspread(step: Step) -> Operator:
    """Return the operator that gives one image's share of what a step repeats for each."""
    (value,) = step.inputs
    if value.shape == step.out.shape[1:]:
        return OPERATORS["identity"]()
    return OPERATORS["squeeze"](axis=-len(value.shape))


def of_sample(op: Operator, batch: int) -> Operator:
    """Return the operator that does with one sample what `op` does with a batch: itself, unless it names sizes.

    Raises:
        Mixed: if the first of its sizes is not the batch, or its counts are no multiples of it.
    """
    if not isinstance(op, Opaque):
        return op
    if op.size[:1] != (batch,) or op.multiplications % batch or op.operations % batch:
        raise Mixed
    return Opaque(
        type=op.type,
        size=op.size[1:],
        multiplications=op.multiplications // batch,
        operations=op.operations // batch,
    )


def of_all(op: Operator) -> bool:
    """Say whether an operator gives one number of all images together, such as a scale that all are divided by."""
    return isinstance(op, Opaque) and not op.size


def _sample(step: Step, batch: int, found: dict[str, Shape], carried: set[str], answers: dict[Any, Shape]) -> Shape:
    with_batch = [value for value in step.inputs if value.source in carried]
    if not with_batch and batch > 1 and spread_over(step, batch):
        carried.add(step.path)
        return step.out.shape[1:]
    if not with_batch or of_all(step.op):
        return step.out.shape
    carried.add(step.path)
    rank = max(len(value.shape) for value in with_batch)
    shapes = []
    for value in step.inputs:
        if value.source in carried:
            shapes.append(found[value.source])
        elif value.constant:
            shapes.append(constant_sample(value, rank, batch))
        else:
            shapes.append(found[value.source])
    if isinstance(step.op, Opaque):
        return of_sample(step.op, batch).shape()
    question = step.op, *shapes
    if question not in answers:
        answers[question] = _asked(step, batch, shapes)
    return answers[question]


def _asked(step: Step, batch: int, shapes: list[Shape]) -> Shape:
    """Return the sample of what a step gives, its operator being asked for samples of these shapes."""
    shape = tuple(step.op.shape(*shapes))
    if (batch, *shape) != step.out.shape:
        raise Mixed
    whole, one = (step.op.cost(*all_shapes).mult_adds for all_shapes in ([v.shape for v in step.inputs], shapes))
    if whole != one * batch:
        raise Mixed
    return shape
