"""Norms."""

from __future__ import annotations

from math import prod

from costmodel.onnx.model import Node
from costmodel.onnx.reader import Reader, rule
from costmodel.onnx.types.common import Shape, counted, outputs
from costmodel.ops import OPERATORS
from costmodel.reading.axes import from_end
from costmodel.reading.value import UnreadError, Value


@rule("BatchNormalization")
def _batch_norm(read: Reader, node: Node) -> Value | list[Value]:
    value, *rest = (read.value(node, place) for place in range(5))
    if len(value.shape) < 2:
        raise UnreadError("it reads a batch of channels")
    names = ("weight", "bias", "mean", "variance")
    channels = (value.shape[1],)
    if all(array.constant and array.shape == channels for array in rest):
        op = OPERATORS["batch_norm"](eps=node.get("epsilon", 1e-5), axis=1 - len(value.shape))
        out = read.add(node, op, value, arrays=dict(zip(names, rest, strict=True)))
    else:
        out = counted(read, node, value.shape, value, *rest, other_ops=2 * value.size)
    # What training gives besides: means and variances.
    means = [counted(read, node, channels, value, other_ops=value.size) for _ in node.outputs[1:]]
    return outputs(node, out, *means)


def scaled(read: Reader, node: Node, value: Value, scale: Value | None, shift: Value | None) -> Value:
    """Add the product with a scale and the sum with a shift that a norm has, as layers of their own."""
    if scale is not None:
        value = read.add(node, OPERATORS["multiply"](), value, scale)
    return value if shift is None else read.add(node, OPERATORS["add"](), value, shift)


def layer_normed(
    read: Reader, node: Node, value: Value, scale: Value | None, shift: Value | None, axes: tuple[int, ...]
) -> Value:
    """Add a layer norm over axes counted from the end, with a scale and a shift where there are."""
    own = tuple(value.shape[axis] for axis in axes)
    fields = {"eps": node.get("epsilon", 1e-5), "axis": axes[0] if len(axes) == 1 else axes}
    given = [one for one in (scale, shift) if one is not None]
    if len(given) == 2 and all(one.constant and one.size == prod(own) for one in given):
        op = OPERATORS["layer_norm"](**fields)
        return read.add(node, op, value, arrays=dict(zip(("weight", "bias"), given, strict=True)))
    plain = read.add(node, OPERATORS["layer_norm"](**fields, affine=False), value)
    if scale is not None and shift is None and scale.constant and scale.size == own[-1] and len(axes) == 1:
        return read.add(node, OPERATORS["layer_scale"](axis=axes[0]), plain, arrays={"weight": scale})
    return scaled(read, node, plain, scale, shift)


def last_axes(node: Node, rank: int, default: int = -1) -> tuple[int, ...]:
    """Return the axes from the one that a node names to the last, counted from the end."""
    return tuple(range(from_end(node.get("axis", default), rank), 0))


@rule("LayerNormalization")
def _layer_norm(read: Reader, node: Node) -> Value | list[Value]:
    value = read.value(node, 0)
    axes = last_axes(node, len(value.shape))
    out = layer_normed(read, node, value, read.value(node, 1), read.optional(node, 2), axes)
    return outputs(node, out, *statistics(read, node, value, len(axes)))


def statistics(read: Reader, node: Node, value: Value, axes: int) -> list[Value]:
    """Add what a norm over the last axes gives besides, where the node names it: the mean, and 1 / deviation, which the
    norm has taken already.
    """
    row: Shape = (*value.shape[: len(value.shape) - axes], *[1] * axes)
    return [counted(read, node, row, value) for _ in node.outputs[1:3]]


@rule("RMSNormalization")
def _rms_norm(read: Reader, node: Node) -> Value:
    value = read.value(node, 0)
    return rms_normed(read, node, value, read.value(node, 1), last_axes(node, len(value.shape)))


def rms_normed(read: Reader, node: Node, value: Value, scale: Value | None, axes: tuple[int, ...]) -> Value:
    """Add a norm by the root of the mean square over the last axes, with a scale where there is one."""
    own = prod(value.shape[axis] for axis in axes)
    affine = scale is not None and scale.constant and scale.size == own
    op = OPERATORS["rms_norm"](affine=affine, eps=node.get("epsilon", 1e-5), axis=axes if len(axes) > 1 else axes[0])
    arrays = {"weight": scale} if affine and scale is not None else None
    out = read.add(node, op, value, arrays=arrays)
    return out if affine else scaled(read, node, out, scale, None)


@rule("GroupNormalization")
def _group_norm(read: Reader, node: Node) -> Value:
    value, scale, shift = (read.value(node, place) for place in range(3))
    channels = value.shape[1]
    if scale.constant and shift.constant and scale.size == shift.size == channels:
        op = OPERATORS["group_norm"](
            groups=node.get("num_groups", None), eps=node.get("epsilon", 1e-5), axis=1 - len(value.shape)
        )
        return read.add(node, op, value, arrays={"weight": scale, "bias": shift})
    return counted(read, node, value.shape, value, scale, shift, other_ops=7 * value.size)


@rule("InstanceNormalization")
def _instance_norm(read: Reader, node: Node) -> Value:
    value, scale, shift = (read.value(node, place) for place in range(3))
    if scale.constant and shift.constant and len(value.shape) > 2:
        op = OPERATORS["instance_norm"](affine=True, eps=node.get("epsilon", 1e-5), axis=1 - len(value.shape))
        return read.add(node, op, value, arrays={"weight": scale, "bias": shift})
    return counted(read, node, value.shape, value, scale, shift, other_ops=7 * value.size)


@rule("LRN")
def _lrn(read: Reader, node: Node) -> Value:
    value, size = read.value(node, 0), node.get("size", None)
    if size % 2 == 0:
        return counted(read, node, value.shape, value, other_ops=(size + 4) * value.size)
    fields = {"alpha": node.get("alpha", 1e-4), "beta": node.get("beta", 0.75), "k": node.get("bias", 1.0)}
    return read.add(node, OPERATORS["lrn"](size=size, **fields), value)


@rule("LpNormalization")
def _lp_norm(read: Reader, node: Node) -> Value:
    value = read.value(node, 0)
    axis = from_end(node.get("axis", -1), len(value.shape))
    if node.get("p", 2) == 2:
        return read.add(node, OPERATORS["l2_norm"](axis=axis), value)
    return counted(read, node, value.shape, value, other_ops=3 * value.size)


@rule("MeanVarianceNormalization")
def _mean_variance(read: Reader, node: Node) -> Value:
    value = read.value(node, 0)
    axes = tuple(sorted(from_end(axis, len(value.shape)) for axis in node.get("axes", [0, 2, 3])))
    return read.add(node, OPERATORS["layer_norm"](affine=False, axis=axes), value)
