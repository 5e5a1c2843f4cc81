"""Maps made larger or smaller, and read at places that another tensor names."""

from __future__ import annotations

from math import floor, prod
from struct import pack, unpack

from costmodel.onnx.model import Node
from costmodel.onnx.reader import Reader, rule
from costmodel.onnx.types.common import Shape, counted, rank_of
from costmodel.ops import OPERATORS
from costmodel.reading.value import UnreadError, Value

MODES = {1: {"linear": "linear"}, 2: {"linear": "bilinear", "cubic": "bicubic"}, 3: {"linear": "trilinear"}}
"""The operator's modes for ONNX's, by how many axes of space there are; nearest is over any."""
TAPS = {"nearest": 1, "linear": 2, "cubic": 4}
"""Neighbours along each axis."""


@rule("Resize")
def _resize(read: Reader, node: Node) -> Value:
    value = read.value(node, 0)
    rank = len(value.shape)
    axes = [axis % rank for axis in node.get("axes", range(rank))]
    roi, scales, sizes = (None, 1, None) if read.opset < 11 else (1, 2, 3)
    given = read.optional(node, sizes) if sizes is not None else None
    if given is not None and given.shape != (0,):
        return _resized(read, node, value, _to_sizes(node, value.shape, axes, given.integers()))
    factors = _factors(read.value(node, scales))
    if len(factors) != len(axes):
        raise UnreadError(f"it has {len(factors)} scales for {len(axes)} axes")
    shares = [1.0] * len(axes)
    if roi and node.get("coordinate_transformation_mode", "") == "tf_crop_and_resize":
        ends = [float(number) for number in read.value(node, roi).numbers()]
        shares = [end - start for start, end in zip(ends[: len(axes)], ends[len(axes) :], strict=True)]
    shape = list(value.shape)
    for axis, by, share in zip(axes, factors, shares, strict=True):
        shape[axis] = _scaled(value.shape[axis], by, share)
    return _resized(read, node, value, tuple(shape))


@rule("Upsample")
def _upsample(read: Reader, node: Node) -> Value:
    value = read.value(node, 0)
    if read.opset < 7:
        factors = [1.0, 1.0, node.get("height_scale", None), node.get("width_scale", None)]
    elif read.opset < 9:
        factors = node.get("scales", None)
    else:
        factors = _factors(read.value(node, 1))
    if len(factors) != len(value.shape):
        raise UnreadError(f"it has {len(factors)} scales for {len(value.shape)} axes")
    return _resized(read, node, value, tuple(_scaled(*pair, 1.0) for pair in zip(value.shape, factors, strict=True)))


def _factors(value: Value) -> list[float]:
    return [float(number) for number in value.numbers()]


def _scaled(size: int, by: float, share: float) -> int:
    """Return a size times a scale, rounded down, in the 32 bits in which scales are stored."""
    return floor(_single(_single(_single(size) * _single(by)) * _single(share)))


def _single(number: float) -> float:
    """Return the nearest number of 32 bits."""
    return float(unpack("<f", pack("<f", number))[0])


def _to_sizes(node: Node, shape: Shape, axes: list[int], sizes: list[int]) -> Shape:
    """Return the shape with some sizes replaced; with a policy of aspect ratio, by one scale for all of them."""
    found = list(shape)
    policy = node.get("keep_aspect_ratio_policy", "stretch")
    if policy != "stretch":
        ratios = [size / shape[axis] for axis, size in zip(axes, sizes, strict=True)]
        by = min(ratios) if policy == "not_larger" else max(ratios)
        sizes = [floor(by * shape[axis] + 0.5) for axis in axes]
    for axis, size in zip(axes, sizes, strict=True):
        found[axis] = size
    return tuple(found)


def _resized(read: Reader, node: Node, value: Value, shape: Shape) -> Value:
    """Add what gives a map another size."""
    mode = {"bilinear": "linear"}.get(node.get("mode", "nearest"), node.get("mode", "nearest"))
    if mode not in TAPS:
        raise UnreadError(f"its mode {mode} is not known")
    rank = len(shape)
    changed = [axis for axis in range(rank) if shape[axis] != value.shape[axis]]
    axes = max(rank - min([*changed, rank - 1]), min(rank - 2, 3), 1)
    own = mode if mode == "nearest" else MODES.get(axes, {}).get(mode)
    corners = node.get("coordinate_transformation_mode", "half_pixel") == "align_corners" and mode != "nearest"
    if own and axes <= 3 and axes < rank and not node.get("antialias", 0):
        op = OPERATORS["resize"](size=shape[rank - axes :], mode=own, align_corners=corners)
        return read.add(node, op, value)
    taps = prod(_neighbours(node, value.shape[axis], shape[axis], TAPS[mode]) for axis in changed)
    return counted(read, node, shape, value, other_ops=0 if mode == "nearest" else (2 * taps - 1) * prod(shape))


def _neighbours(node: Node, before: int, after: int, taps: int) -> int:
    """Return how many values along an axis one is made of: more where it shrinks without steps."""
    wide = -(-taps * before // after) if node.get("antialias", 0) and after < before else taps
    return min(wide, before)


@rule("GridSample")
def _grid_sample(read: Reader, node: Node) -> Value:
    value, grid = read.value(node, 0), read.value(node, 1)
    mode = {"bilinear": "linear", "bicubic": "cubic"}.get(kind := node.get("mode", "linear"), kind)
    if rank_of(value, 4, 5) == 4 and mode in ("linear", "nearest"):
        op = OPERATORS["grid_sample"](
            mode={"linear": "bilinear"}.get(mode, mode),
            padding_mode=node.get("padding_mode", "zeros"),
            align_corners=bool(node.get("align_corners", 0)),
        )
        return read.add(node, op, value, grid)
    shape = (*value.shape[:2], *grid.shape[1:-1])
    taps = TAPS[mode] ** (len(value.shape) - 2)
    return counted(read, node, shape, value, grid, other_ops=0 if mode == "nearest" else (2 * taps - 1) * prod(shape))
