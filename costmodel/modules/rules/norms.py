"""Normalisation."""

from __future__ import annotations

from typing import Any

from costmodel.modules.calls import Call
from costmodel.modules.reader import BATCH_NORMS, KNOWN, Reader, rule
from costmodel.modules.rules.products import is_stored
from costmodel.ops import OPERATORS
from costmodel.reading.value import UnreadError, Value


def _affine(read: Reader, call: Call) -> dict[str, Value]:
    """Return weight and bias, both or none.

    Raises:
        UnreadError: if there is one alone, or they are computed.
    """
    weight, bias = read.optional(call["weight"]), read.optional(call["bias"])
    if weight is None and bias is None:
        return {}
    if not is_stored(weight) or not is_stored(bias) or weight is None or bias is None:
        raise UnreadError("it has a weight or a bias alone, or such as are computed")
    return {"weight": weight, "bias": bias}


def _channels(value: Value) -> int:
    """Return the axis of the channels, counted from the end."""
    return min(1, len(value.shape) - 1) - len(value.shape)


@rule(*BATCH_NORMS)
def _batch_norm(read: Reader, call: Call) -> Value:
    value = read.value(call["input"])
    arrays = _affine(read, call)
    mean, variance = (read.optional(call[name]) for name in ("running_mean", "running_var"))
    if not is_stored(mean) or not is_stored(variance) or mean is None or variance is None:
        raise UnreadError("it keeps no mean and variance")
    op = OPERATORS["batch_norm"](affine=bool(arrays), eps=call["eps"], axis=_channels(value))
    return read.add(op, value, arrays=arrays | {"mean": mean, "variance": variance})


@rule("instance_norm")
def _instance_norm(read: Reader, call: Call) -> Value:
    value, arrays = read.value(call["input"]), _affine(read, call)
    mean, variance = (read.optional(call[name]) for name in ("running_mean", "running_var"))
    if not call["use_input_stats"] and mean is not None and variance is not None:
        op = OPERATORS["batch_norm"](affine=bool(arrays), eps=call["eps"], axis=_channels(value))
        return read.add(op, value, arrays=arrays | {"mean": mean, "variance": variance})
    op = OPERATORS["instance_norm"](affine=bool(arrays), eps=call["eps"], axis=_channels(value))
    return read.add(op, value, arrays=arrays)


@rule("group_norm")
def _group_norm(read: Reader, call: Call) -> Value:
    value, arrays = read.value(call["input"]), _affine(read, call)
    op = OPERATORS["group_norm"](groups=call["num_groups"], affine=bool(arrays), eps=call["eps"], axis=_channels(value))
    return read.add(op, value, arrays=arrays)


@rule("layer_norm")
def _layer_norm(read: Reader, call: Call) -> Value:
    value, axes = read.value(call["input"]), len(call["normalized_shape"])
    weight = read.optional(call["weight"])
    axis = -1 if axes == 1 else tuple(range(-axes, 0))
    if is_stored(weight) and call["bias"] is None and axes == 1 and weight is not None:
        out = read.add(OPERATORS["layer_norm"](affine=False, eps=call["eps"], axis=axis), value)
        return read.add(OPERATORS["layer_scale"](), out, arrays={"weight": weight})
    arrays = _affine(read, call)
    return read.add(OPERATORS["layer_norm"](affine=bool(arrays), eps=call["eps"], axis=axis), value, arrays=arrays)


@rule("rms_norm", "_fused_rms_norm")
def _rms_norm(read: Reader, call: Call) -> Value:
    value, weight = read.value(call["input"]), read.optional(call["weight"])
    axes = len(call["normalized_shape"])
    if weight is not None and not is_stored(weight):
        raise UnreadError("its weight is computed")
    fields: dict[str, Any] = {"affine": weight is not None, "axis": -1 if axes == 1 else tuple(range(-axes, 0))}
    if call["eps"] is not None:
        fields["eps"] = call["eps"]
    return read.add(OPERATORS["rms_norm"](**fields), value, arrays={} if weight is None else {"weight": weight})


def _seven(call: Call) -> tuple[int, int]:
    return 0, 7 * call["input"].numel()


KNOWN.update(dict.fromkeys(("instance_norm", "group_norm", "layer_norm", "rms_norm"), _seven))
KNOWN.update(
    {name: lambda call: (0, (7 if call["running_mean"] is None else 2) * call["input"].numel()) for name in BATCH_NORMS}
)
KNOWN["_weight_norm"] = lambda call: (0, 3 * call["v"].numel() + call["g"].numel())
KNOWN["_weight_norm_interface"] = KNOWN["_weight_norm"]
