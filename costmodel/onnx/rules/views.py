"""Rearrangements and selections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod

from costmodel.onnx.constants import Known
from costmodel.onnx.layout import Atom, LayoutError, View, joined, whole
from costmodel.onnx.node import Node, UnreadError
from costmodel.onnx.walk import Value, Walk, along_channels, axis_in, rule
from costmodel.ops import OPERATORS


def _reshaped(walk: Walk, node: Node, shape: Sequence[int]) -> Value:
    value = walk.value(node, 0)
    if isinstance(value, Known):
        return value.reshaped(shape)
    return walk.rearranged(node, lambda view: view.reshaped(shape))


def _shape_of(walk: Walk, node: Node) -> tuple[int, ...]:
    value = walk.value(node, 0)
    return value.shape if isinstance(value, Known) else walk.view(node).shape


@rule("Reshape")
def _reshape(walk: Walk, node: Node) -> Value:
    before, wanted = _shape_of(walk, node), walk.integers(node, "shape", 1) or []
    if not node.get("allowzero", 0):
        wanted = [before[axis] if size == 0 else size for axis, size in enumerate(wanted)]
    if wanted.count(-1) > 1 or min(wanted, default=1) < -1:
        raise UnreadError(f"its shape {wanted} is none")
    rest = prod(size for size in wanted if size != -1)
    shape = [prod(before) // max(rest, 1) if size == -1 else size for size in wanted]
    if prod(shape) != prod(before):
        raise UnreadError(f"{prod(before):,} numbers cannot have the shape {shape}")
    return _reshaped(walk, node, shape)


@rule("Flatten")
def _flatten(walk: Walk, node: Node) -> Value:
    shape, axis = _shape_of(walk, node), node.get("axis", 1)
    axis = axis + len(shape) if axis < 0 else axis
    return _reshaped(walk, node, [prod(shape[:axis]), prod(shape[axis:])])


@rule("Squeeze")
def _squeeze(walk: Walk, node: Node) -> Value:
    shape, axes = _shape_of(walk, node), walk.integers(node, "axes", 1)
    gone = {axis_in(axis, shape) for axis in axes} if axes is not None else {i for i, n in enumerate(shape) if n == 1}
    return _reshaped(walk, node, [size for axis, size in enumerate(shape) if axis not in gone])


@rule("Unsqueeze")
def _unsqueeze(walk: Walk, node: Node) -> Value:
    shape, axes = list(_shape_of(walk, node)), walk.integers(node, "axes", 1) or []
    rank = len(shape) + len(axes)
    for axis in sorted(axis_in(axis, [1] * rank) for axis in axes):
        shape.insert(axis, 1)
    return _reshaped(walk, node, shape)


@rule("Transpose")
def _transpose(walk: Walk, node: Node) -> Value:
    value = walk.value(node, 0)
    rank = len(_shape_of(walk, node))
    perm = [axis_in(axis, [1] * rank) for axis in node.get("perm", range(rank)[::-1])]
    if sorted(perm) != list(range(rank)):
        raise UnreadError(f"its perm {perm} is no order of {rank} axes")
    if isinstance(value, Known):
        return value.transposed(perm)
    return walk.rearranged(node, lambda view: view.transposed(perm))


@rule("Expand")
def _expand(walk: Walk, node: Node) -> Value:
    """A constant repeated is the same weights; a value repeated, as over height and width, is not moved for that."""
    value, wanted = walk.value(node, 0), walk.known(node, 1).integers()
    shape = _shape_of(walk, node)
    lead = (1,) * (len(wanted) - len(shape))
    sizes = [1] * (len(shape) - len(wanted)) + list(wanted)
    wide = tuple(max(own, new) for own, new in zip((*lead, *shape), sizes, strict=True))
    if any(own not in (1, size) for own, size in zip((*lead, *shape), wide, strict=True)):
        raise UnreadError("its shapes do not fit each other")
    if isinstance(value, Known):
        return value.repeated(wide)
    if lead:
        raise UnreadError("values are known to be repeated along axes that they have only")
    return replace(walk.view(node), shape=wide)


@rule("Gather")
def _gather(walk: Walk, node: Node) -> View:
    """One place along an axis; the axis goes if the place is a single number."""
    view, index = walk.view(node), walk.known(node, 1)
    axis = axis_in(node.get("axis", 0), view.shape)
    if index.size != 1:
        raise UnreadError("only one place along an axis can be gathered")
    at = index.integers()[0]
    at += view.shape[axis] if at < 0 else 0
    taken = _selected(walk, node, view, axis, at, at + 1)
    return taken if index.shape else _settled_without(walk, node, taken, axis)


def _settled_without(walk: Walk, node: Node, view: View, axis: int) -> View:
    """Return a tensor without an axis of size 1."""
    shape = [size for place, size in enumerate(view.shape) if place != axis]
    try:
        return walk.settled(node, view.reshaped(shape))
    except LayoutError:
        raise UnreadError("it selects from what is repeated") from None


@rule("Slice")
def _slice(walk: Walk, node: Node) -> View:
    view = walk.view(node)
    starts, ends = walk.integers(node, "starts", 1) or [], walk.integers(node, "ends", 2) or []
    axes = walk.integers(node, "axes", 3)
    steps = walk.integers(node, "steps", 4) or [1] * len(starts)
    for start, end, axis, step in zip(starts, ends, range(len(starts)) if axes is None else axes, steps, strict=True):
        along = axis_in(axis, view.shape)
        if step != 1:
            raise UnreadError(f"only slices without gaps are known, and its step is {step}")
        first, last, _ = slice(start, end).indices(view.shape[along])
        view = _selected(walk, node, view, along, first, last)
    return view


@rule("Split")
def _split(walk: Walk, node: Node) -> list[Value]:
    view = walk.view(node)
    axis = axis_in(node.get("axis", 0), view.shape)
    parts = node.get("num_outputs", len(node.outputs))
    if parts != len(node.outputs):
        raise UnreadError(f"it has {len(node.outputs)} outputs, and its num_outputs is {parts:,}")
    each = -(-view.shape[axis] // parts)
    sizes = walk.integers(node, "split", 1) or [min(each, view.shape[axis] - each * part) for part in range(parts)]
    found: list[Value] = []
    start = 0
    for number, size in enumerate(sizes):
        read = number < len(node.outputs) and walk.is_read(node.outputs[number])
        path = f"{node.path}.{number}"
        found.append(_selected(walk, node, view, axis, start, start + size, path) if read else view)
        start += size
    return found


def _selected(walk: Walk, node: Node, view: View, axis: int, start: int, stop: int, path: str = "") -> View:
    """Return the places `start` up to `stop` along an axis: a range of channels or features, or one token."""
    if not 0 <= start < stop <= view.shape[axis]:
        raise UnreadError(f"places {start} up to {stop} are not among {view.shape[axis]}")
    if stop - start == view.shape[axis]:
        return view
    atoms, number = view.axes[axis], view.of[view.channel]
    if len(view.of) == 2 and atoms == whole(0, view.of[0]) and stop == start + 1:
        made = walk.add(node, OPERATORS["select_token"](index=start), view, path=path)
        return _as_vector(walk, view, axis, made)
    if len(atoms) != 1 or atoms[0].axis != view.channel or atoms[0].step * atoms[0].size != number or view.repeats:
        raise UnreadError("only ranges of channels or features, and single tokens, can be selected")
    step = atoms[0].step
    op = OPERATORS["slice_channels"](start=start * step, stop=stop * step, **along_channels(view, 0))
    made = walk.add(node, op, view, path=path)
    shape, axes = list(view.shape), list(view.axes)
    shape[axis], axes[axis] = stop - start, joined([Atom(view.channel, step, stop - start)])
    return View(made, walk.graph.shape(made), tuple(shape), tuple(axes))


def _as_vector(walk: Walk, view: View, axis: int, path: str) -> View:
    """Return a token, lying as the sequence did. Its features were the second axis of one image, and are the first."""
    moved = [tuple(replace(atom, axis=0) if atom.axis == 1 else atom for atom in atoms) for atoms in view.axes]
    moved[axis] = ()
    shape = tuple(1 if place == axis else size for place, size in enumerate(view.shape))
    return View(path, walk.graph.shape(path), shape, tuple(moved))
