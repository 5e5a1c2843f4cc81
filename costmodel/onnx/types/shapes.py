"""Nodes that ask for sizes, change shapes and move axes: arithmetic on sizes is done, the rest are rearrangements."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Any

from costmodel.onnx.model import Node
from costmodel.onnx.reader import Reader, rule
from costmodel.onnx.stored import dtype_name
from costmodel.onnx.types.common import AXES_AT_ONCE, as_shape, counted, filled, permuted
from costmodel.ops import OPERATORS
from costmodel.ops.cast import ONNX_TYPES, REAL
from costmodel.reading.axes import axes_from_end, from_end, spread
from costmodel.reading.held import LETTERS, listed
from costmodel.reading.value import REALS, UnreadError, Value, known, known_one


@rule("Shape")
def _shape(read: Reader, node: Node) -> Value:
    shape = read.value(node, 0).shape
    return known(listed(shape[node.get("start", 0) : node.get("end", len(shape))], "int64"))


@rule("Size")
def _size(read: Reader, node: Node) -> Value:
    return known_one(read.value(node, 0).size)


@rule("Reshape")
def _reshape(read: Reader, node: Node) -> Value:
    value = read.value(node, 0)
    wanted = read.integers(node, "shape", 1) or []
    keep = not node.get("allowzero", 0)
    sizes = [value.shape[at] if size == 0 and keep else size for at, size in enumerate(wanted)]
    if sizes.count(-1) > 1 or min(sizes, default=1) < -1:
        raise UnreadError(f"its shape {wanted} is none")
    if -1 in sizes:
        rest = -prod(sizes)
        sizes[sizes.index(-1)] = value.size // rest if rest else 0
    return as_shape(read, node, value, sizes)


@rule("Flatten")
def _flatten(read: Reader, node: Node) -> Value:
    value = read.value(node, 0)
    shape, axis = value.shape, node.get("axis", 1)
    if not -len(shape) <= axis <= len(shape):
        raise UnreadError(f"there is no axis {axis} in a tensor of {len(shape)} axes")
    before = axis + len(shape) if axis < 0 else axis
    return as_shape(read, node, value, (prod(shape[:before]), prod(shape[before:])))


@rule("Squeeze")
def _squeeze(read: Reader, node: Node) -> Value:
    value, axes = read.value(node, 0), read.integers(node, "axes", 1)
    shape = value.shape
    if axes is None:
        gone = {place for place, size in enumerate(shape) if size == 1}
    else:
        gone = {axis + len(shape) for axis in axes_from_end(axes, len(shape))}
    if any(shape[place] != 1 for place in gone):
        raise UnreadError("it drops an axis that is not of size 1")
    return as_shape(read, node, value, [size for place, size in enumerate(shape) if place not in gone])


@rule("Unsqueeze")
def _unsqueeze(read: Reader, node: Node) -> Value:
    value, axes = read.value(node, 0), read.integers(node, "axes", 1) or []
    shape, rank = list(value.shape), len(value.shape) + len(axes)
    for axis in axes_from_end(axes, rank):
        shape.insert(axis + rank, 1)
    return as_shape(read, node, value, shape)


@rule("Transpose")
def _transpose(read: Reader, node: Node) -> Value:
    value = read.value(node, 0)
    return permuted(read, node, value, node.get("perm", [*range(len(value.shape))][::-1]))


@rule("Identity")
def _identity(read: Reader, node: Node) -> Any:
    return read.values[node.inputs[0]]


@rule("Dropout")
def _dropout(read: Reader, node: Node) -> tuple[Value, Value]:
    """As it runs at inference: the input itself, and a mask that keeps everything."""
    value, given = read.value(node, 0), read.optional(node, 1)
    rate = node.get("ratio", 0.5) if given is None else given.scalar()
    mask = filled(value.shape, True, "bool")
    if rate is None or not 0 <= rate < 1:
        return value, mask
    return read.add(node, OPERATORS["dropout"](rate=float(rate)), value), mask


@rule("Cast", "CastLike", "BitCast")
def _cast(read: Reader, node: Node) -> Value:
    """Real numbers of another width are the same ones here; from and to whole numbers each is converted."""
    value = read.value(node, 0)
    kind = read.value(node, 1).dtype if node.op_type == "CastLike" else _kind(node.get("to", 0))
    if kind == "string" or value.dtype == "string":
        raise UnreadError("it computes on text, and only numbers are counted")
    if kind == value.dtype:
        return value
    if value.constant:
        held = value.held if node.op_type != "BitCast" else None
        if held is not None and kind in LETTERS:
            held = held.as_type(kind)
        return replace(value, dtype=kind, held=held)
    if kind in REALS and value.dtype in REALS:
        return read.add(node, OPERATORS["identity"](), value, dtype=kind)
    own = REAL if kind in REALS else kind
    if node.op_type != "BitCast" and own in ONNX_TYPES:
        return read.add(node, OPERATORS["cast"](to=own), value, dtype=kind)
    return counted(read, node, value.shape, value, other_ops=0 if node.op_type == "BitCast" else value.size, dtype=kind)


def _kind(to: int | str) -> str:
    """Return what a type is called here; the oldest files write its name."""
    if isinstance(to, int):
        return dtype_name(to)
    return {"float": "float32", "double": "float64"}.get(to.lower(), to.lower())


@rule("Expand")
def _expand(read: Reader, node: Node) -> Value:
    value = read.value(node, 0)
    wide = spread(value.shape, tuple(read.value(node, 1).integers()))
    value = as_shape(read, node, kept(read, node, value, wide), (1,) * (len(wide) - len(value.shape)) + value.shape)
    if wide == value.shape:
        return value
    if not value.size or not prod(wide):
        return counted(read, node, wide, value)
    first = next(place for place, (own, new) in enumerate(zip(value.shape, wide, strict=True)) if own != new)
    return read.add(node, OPERATORS["broadcast_to"](sizes=wide[first:]), value)


@rule("Tile")
def _tile(read: Reader, node: Node) -> Value:
    value = read.value(node, 0)
    rank = len(value.shape)
    if node.has(2):  # the oldest files: how often, and along which axis
        (times,), (axis,) = read.value(node, 1).integers(), read.value(node, 2).integers()
        repeats = {from_end(axis, rank): times}
    else:
        repeats = {axis - rank: times for axis, times in enumerate(read.value(node, 1).integers())}
    shape = tuple(size * repeats.get(axis - rank, 1) for axis, size in enumerate(value.shape))
    if not prod(shape):
        return counted(read, node, shape, value)
    value = kept(read, node, value, shape)
    wide = [(axis, times) for axis, times in repeats.items() if times != 1]
    for start in range(0, len(wide), AXES_AT_ONCE):
        axes, more = zip(*wide[start : start + AXES_AT_ONCE], strict=True)
        value = read.add(node, OPERATORS["tile"](axis=axes, repeats=more), value)
    return value


def kept(read: Reader, node: Node, value: Value, wide: tuple[int, ...]) -> Value:
    """Return a param that is about to be repeated as a layer of its own, so that it is counted as it is stored."""
    if not value.trained or prod(wide) <= value.size:
        return value
    path = value.arrays[0].name if value.whole else f"{node.path}.constant"
    return read.draft.add(path, OPERATORS["parameter"](size=value.shape), arrays={"weight": value}, dtype=value.dtype)


BLOCKS = {
    "DepthToSpace": ("pixel_shuffle", "upscale_factor", "... (a b c) h w -> ... c (h a) (w b)"),
    "SpaceToDepth": ("pixel_unshuffle", "downscale_factor", "... c (h a) (w b) -> ... (a b c) h w"),
}
"""The operator and its field where a channel's pixels lie behind one another, and what it is where they lie apart."""


@rule(*BLOCKS)
def _blocks(read: Reader, node: Node) -> Value:
    block, (name, field, pattern) = node.get("blocksize", 0), BLOCKS[node.op_type]
    if node.get("mode", "DCR") == "CRD":
        op = OPERATORS[name](**{field: block})
    else:
        op = OPERATORS["rearrange"](pattern=pattern, sizes=(("a", block), ("b", block)))
    return read.add(node, op, read.value(node, 0))
