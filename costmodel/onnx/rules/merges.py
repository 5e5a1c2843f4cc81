"""Sums, products and rows of several values, and of a value and a constant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from costmodel.numbers.arithmetic import show_shape
from costmodel.onnx.constants import Known, UnknownValueError
from costmodel.onnx.layout import Scores, View
from costmodel.onnx.node import Node, UnreadError
from costmodel.onnx.rules.elementwise import per_channel
from costmodel.onnx.walk import REARRANGING, Value, Walk, along_channels, axis_in, rule
from costmodel.ops import OPERATORS


@rule("Add", "Sum")
def _add(walk: Walk, node: Node) -> View:
    values = [walk.value(node, position) for position in range(len(node.inputs))]
    constants = [value for value in values if isinstance(value, Known)]
    if any(isinstance(value, Scores) for value in values):
        raise UnreadError(
            "nothing can be added to the scores of attention: masks and biases of positions are not known"
        )
    if not constants:
        return _merged(walk, node, "add")
    if len(values) != 2 or len(constants) != 1:
        raise UnreadError("only the sum of a value and one constant is known")
    view, known = walk.view(node, 1 if values[0] is constants[0] else 0), constants[0]
    if not (len(view.of) == 2 and view.plain and known.origin and known.shape[-2:] == view.of):
        raise UnreadError(
            f"a constant {show_shape(known.shape) or 'number'} is added, where only biases right after a convolution "
            "or linear layer and learned positions of tokens are known"
        )
    if known.size != view.of[0] * view.of[1]:
        raise UnreadError("positions are known that are the same for every image")
    return walk.alike(view, node, OPERATORS["position_embedding"](), arrays=[known])


@rule("Mul")
def _multiply(walk: Walk, node: Node) -> Value:
    first, second = walk.value(node, 0), walk.value(node, 1)
    if isinstance(first, Known) or isinstance(second, Known):
        known, value = (first, second) if isinstance(first, Known) else (second, first)
        assert isinstance(known, Known)
        return _times(walk, node, value, known, 0 if value is first else 1)
    return _merged(walk, node, "multiply")


@rule("Div")
def _divide(walk: Walk, node: Node) -> Value:
    divisor = walk.known(node, 1)
    if divisor.scalar() in (None, 0.0):
        raise UnreadError("only the division by one number is known")
    return _scaled(walk, node, walk.value(node, 0), 1 / (divisor.scalar() or 1.0), 0, divisor)


def _times(walk: Walk, node: Node, value: Value, known: Known, position: int) -> Value:
    """Return a value times a constant: one number, or one that is learned for each channel."""
    number = known.scalar()
    if isinstance(value, View) and known.origin and known.shape and per_channel(value, known):
        op = OPERATORS["layer_scale"](**along_channels(value, -1))
        return walk.alike(walk.view(node, position), node, op, arrays=[known])
    if number is None and not (known.origin and known.size == 1):
        raise UnreadError(
            f"a constant of {show_shape(known.shape)} is multiplied with {node.inputs[position]!r}, where one number, "
            "or a learned one for each channel, is known"
        )
    return _scaled(walk, node, value, number, position, known)


def _scaled(walk: Walk, node: Node, value: Value, factor: float | None, position: int, known: Known) -> Value:
    """Return a value times a number. Within attention that is its scale, which its own cost has.

    A number among the file's weights may have been trained or not: it counts as any other of them, once, and is named.
    """
    if isinstance(value, Scores):
        walk.note_number(known, counted=False)
        return value
    view = walk.view(node, position)
    if node.outputs[0] not in walk.outputs and _feeds_attention(walk, node.outputs[0]):
        walk.note_number(known, counted=False)
        return view
    if known.origin and not walk.is_taken(known):
        walk.note_number(known, counted=True)
        return walk.alike(view, node, OPERATORS["layer_scale"](shared=True), arrays=[known])
    if factor is None:
        raise UnknownValueError
    return walk.alike(view, node, OPERATORS["scale"](factor=factor))


def _feeds_attention(walk: Walk, name: str) -> bool:
    """Say whether only products of two computed values read a value, through nothing but rearrangements."""
    ends = [node for node in walk.after(name, REARRANGING) if node.op_type not in REARRANGING]
    return bool(ends) and all(
        node.op_type == "MatMul" and not any(isinstance(walk.values.get(other), Known) for other in node.inputs)
        for node in ends
    )


def _merged(walk: Walk, node: Node, name: str) -> View:
    """Return a merge of values that lie alike, some perhaps repeated over height and width."""
    views = [walk.view(node, position) for position in range(len(node.inputs))]
    rank = max(len(view.shape) for view in views)
    if any(len(view.shape) != rank or len(view.of) != len(views[0].of) for view in views):
        shapes = " and ".join(show_shape(view.shape) for view in views)
        raise UnreadError(f"it merges {shapes}, which only operators of as many axes can be")
    for along in zip(*(view.axes for view in views), strict=True):
        if len({atoms for atoms in along if atoms}) > 1:
            raise UnreadError("it merges values that lie differently")
    path = walk.add(node, OPERATORS[name](), *views)
    of = walk.graph.shape(path)
    shape = tuple(max(sizes) for sizes in zip(*(view.shape for view in views), strict=True))
    axes = tuple(max(along, key=len) for along in zip(*(view.axes for view in views), strict=True))
    return View(path, of, shape, axes)


@rule("Concat")
def _concat(walk: Walk, node: Node) -> View:
    values = [walk.value(node, position) for position in range(len(node.inputs))]
    axis = node.get("axis", 1)
    if any(isinstance(value, Known) for value in values):
        return _class_token(walk, node, values, axis)
    views = [walk.view(node, position) for position in range(len(values))]
    along = axis_in(axis, views[0].shape)
    apart = {(*view.axes[:along], *view.axes[along + 1 :]) for view in views}
    if not all(view.holds_channels(along) and not view.repeats for view in views) or len(apart) != 1:
        raise UnreadError("only values that lie alike can be put side by side, along their channels or features")
    if len(views) == 1:
        return views[0]
    path = walk.add(node, OPERATORS["concat"](**along_channels(views[0], 0)), *views)
    return views[0].with_channels(path, walk.graph.shape(path), along)


def _class_token(walk: Walk, node: Node, values: Sequence[Value], axis: int) -> View:
    """Return a token sequence after one learned token."""
    token, *rest = values
    if len(rest) != 1 or not isinstance(token, Known) or not isinstance(rest[0], View):
        raise UnreadError("only a learned token before a sequence is known beside constants")
    view = walk.plain(node, 1)
    if len(view.of) != 2 or axis_in(axis, view.shape) != 1 or token.shape[1:] != (1, view.of[1]) or not token.origin:
        raise UnreadError("only one learned token before a sequence is known beside constants")
    if token.size // token.copies != view.of[1]:
        raise UnreadError("only a token with a number of its own for each feature is known")
    stored = replace(token, shape=token.shape[1:], copies=1)
    return walk.output(walk.add(node, OPERATORS["class_token"](), view, arrays=[stored]))
