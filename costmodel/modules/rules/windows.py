"""What slides over space: convolutions, pools, windows laid side by side; and maps of another size."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from costmodel.modules.calls import Call
from costmodel.modules.reader import KNOWN, Reader, rule
from costmodel.modules.rules.products import is_weight
from costmodel.ops import OPERATORS
from costmodel.reading.value import UnreadError, Value


def spread(given: Any, axes: int, otherwise: Any = None) -> tuple[int, ...]:
    """Return a number for each axis of space, where one may stand for all."""
    if given is None or (isinstance(given, Sequence) and not given):
        given = otherwise
    if isinstance(given, int):
        return (given,) * axes
    return tuple(given) * (axes if len(given) == 1 else 1)


def _padding(call: Call, kernel: tuple[int, ...], dilation: tuple[int, ...]) -> tuple[int, ...]:
    """Return the padding before each axis, and then after each."""
    given = call["padding"]
    if given == "valid":
        return (0,) * (2 * len(kernel))
    if given == "same":
        total = [gap * (taps - 1) for gap, taps in zip(dilation, kernel, strict=True)]
        return (*(one // 2 for one in total), *(one - one // 2 for one in total))
    return spread(given, len(kernel), 0) * 2


CONVOLUTIONS = ("conv1d", "conv2d", "conv3d", "convolution", "_convolution", "cudnn_convolution", "mkldnn_convolution")
TRANSPOSED = ("conv_transpose1d", "conv_transpose2d", "conv_transpose3d")


@rule(*CONVOLUTIONS, *TRANSPOSED)
def _conv(read: Reader, call: Call) -> Value:
    value, weight, bias = read.value(call["input"]), read.value(call["weight"]), read.optional(call["bias"])
    if not is_weight(weight) or (bias is not None and not is_weight(bias)):
        raise UnreadError("its weights are computed")
    axes = len(weight.shape) - 2
    kernel = weight.shape[2:]
    dilation = spread(call["dilation"], axes, 1)
    groups = call["groups"]
    turned = _turned(call)
    fields: dict[str, Any] = {
        "out_channels": weight.shape[1] * groups if turned else weight.shape[0],
        "kernel_size": kernel,
        "stride": spread(call["stride"], axes, 1),
        "padding": _padding(call, kernel, dilation),
        "dilation": dilation,
        "groups": groups,
        "bias": bias is not None,
    }
    if turned:
        fields["output_padding"] = spread(call["output_padding"], axes, 0)
    arrays = {"weight": weight} | ({} if bias is None else {"bias": bias})
    return read.add(OPERATORS["conv_transpose" if turned else "conv"](**fields), value, arrays=arrays)


def _turned(call: Call) -> bool:
    return call.name in TRANSPOSED or bool(call["transposed"])


def _conv_cost(call: Call) -> tuple[int, int]:
    positions = call["input"].numel() if _turned(call) else call.out.numel()
    return positions * prod(call["weight"].shape[1:]), 0 if call["bias"] is None else call.out.numel()


KNOWN.update(dict.fromkeys((*CONVOLUTIONS, *TRANSPOSED), _conv_cost))


def _pooled(call: Call, axes: int) -> dict[str, Any]:
    kernel = spread(call["kernel_size"], axes)
    return {
        "kernel_size": kernel,
        "stride": spread(call["stride"], axes, kernel),
        "padding": spread(call["padding"], axes, 0) * 2,
        "ceil_mode": bool(call["ceil_mode"]),
    }


def _axes(call: Call) -> int:
    return next(int(letter) for letter in call.name if letter.isdigit())


@rule(*(f"max_pool{n}d{more}" for n in (1, 2, 3) for more in ("", "_with_indices")))
def _max_pool(read: Reader, call: Call) -> list[Value]:
    axes = _axes(call)
    fields = _pooled(call, axes) | {"dilation": spread(call["dilation"], axes, 1)}
    value = read.value(call["self"])
    found = [read.add(OPERATORS["max_pool"](**fields), value)]
    if len(call.results) > 1:
        found.append(read.add(OPERATORS["max_pool_indices"](**fields), value, dtype="int64"))
    return found


@rule(*(f"avg_pool{n}d" for n in (1, 2, 3)))
def _avg_pool(read: Reader, call: Call) -> Value:
    fields = _pooled(call, _axes(call)) | {"count_include_pad": bool(call["count_include_pad"])}
    return read.add(OPERATORS["avg_pool"](**fields), read.value(call["self"]))


@rule(*(f"{name}{n}d" for n in (1, 2, 3) for name in ("adaptive_avg_pool", "adaptive_max_pool", "_adaptive_avg_pool")))
def _adaptive(read: Reader, call: Call) -> list[Value]:
    axes = _axes(call)
    name = "adaptive_max_pool" if "max" in call.name else "adaptive_avg_pool"
    value = read.value(call["self"])
    op = OPERATORS[name](output_size=tuple(call.out.shape[-axes:]))
    found = [read.add(op, value)]
    if len(call.results) > 1:
        found.append(read.free(call.results[1], value))
    return found


@rule(*(f"max_unpool{n}d" for n in (2, 3)))
def _unpool(read: Reader, call: Call) -> Value:
    return read.free(call.out, read.value(call["self"]), read.value(call["indices"]))


RESIZED = {
    "upsample_nearest1d": "nearest",
    "upsample_nearest2d": "nearest",
    "upsample_nearest3d": "nearest",
    "_upsample_nearest_exact1d": "nearest",
    "_upsample_nearest_exact2d": "nearest",
    "_upsample_nearest_exact3d": "nearest",
    "upsample_linear1d": "linear",
    "upsample_bilinear2d": "bilinear",
    "upsample_trilinear3d": "trilinear",
    "upsample_bicubic2d": "bicubic",
}


@rule(*RESIZED)
def _resize(read: Reader, call: Call) -> Value:
    size = tuple(call.out.shape[2:])
    op = OPERATORS["resize"](size=size, mode=RESIZED[call.name], align_corners=bool(call["align_corners"]))
    return read.add(op, read.value(call.tensors[0]))


def _pads(call: Call, axes: int) -> dict[str, Any]:
    pads = list(call["pad"] if call["pad"] is not None else call["padding"])
    number = len(pads) // 2
    if any(pad < 0 for pad in pads):
        raise UnreadError("it cuts")
    return {
        "axis": tuple(-1 - at for at in range(number)),
        "before": tuple(pads[0::2]),
        "after": tuple(pads[1::2]),
    }


@rule("pad", "constant_pad_nd", *(f"{mode}_pad{n}d" for mode in ("reflection", "replication") for n in (1, 2, 3)))
def _pad(read: Reader, call: Call) -> Value:
    value = read.value(call["self"])
    if value.shape == tuple(call.out.shape) and not any(call["pad"] if call["pad"] is not None else call["padding"]):
        return value
    mode = {"reflection": "reflect", "replication": "edge", "constant": "constant"}.get(call.name.split("_")[0])
    mode = mode or {"reflect": "reflect", "replicate": "edge", "constant": "constant"}.get(call["mode"])
    if mode is None or any(pad < 0 for pad in call["pad"] or ()):
        return read.free(call.out, value)
    number = call["value"] or 0.0
    return read.add(
        OPERATORS["pad"](mode=mode, value=number if abs(number) < 1e30 else 0.0, **_pads(call, len(value.shape))), value
    )


@rule("im2col")
def _unfold(read: Reader, call: Call) -> Value:
    fields = {name: spread(call[name], 2) for name in ("kernel_size", "dilation", "stride")}
    op = OPERATORS["unfold"](padding=spread(call["padding"], 2) * 2, **fields)
    return read.add(op, read.value(call["self"]))


@rule("col2im")
def _fold(read: Reader, call: Call) -> Value:
    fields = {name: spread(call[name], 2) for name in ("output_size", "kernel_size", "dilation", "stride")}
    op = OPERATORS["fold"](padding=spread(call["padding"], 2) * 2, **fields)
    return read.add(op, read.value(call["self"]))


@rule("pixel_shuffle", "pixel_unshuffle")
def _shuffle(read: Reader, call: Call) -> Value:
    name = "downscale_factor" if "un" in call.name else "upscale_factor"
    return read.add(OPERATORS[call.name](**{name: call[name]}), read.value(call["self"]))


@rule("channel_shuffle", "native_channel_shuffle")
def _channels(read: Reader, call: Call) -> Value:
    value = read.value(call["self"])
    space = " ".join("abcdef"[: len(value.shape) - 2])
    pattern = f"... (g n) {space} -> ... (n g) {space}"
    return read.add(OPERATORS["rearrange"](pattern=pattern, sizes=(("g", call["groups"]),)), value)


KNOWN["affine_grid_generator"] = lambda call: (3 * call.out.numel(), 0)
"""A product of places (1, x, y) with the matrix of each image."""


@rule("grid_sampler", "grid_sampler_2d")
def _grid(read: Reader, call: Call) -> Value:
    fields = {
        "mode": ("bilinear", "nearest", "bicubic")[call["interpolation_mode"]],
        "padding_mode": ("zeros", "border", "reflection")[call["padding_mode"]],
        "align_corners": call["align_corners"],
    }
    return read.add(OPERATORS["grid_sample"](**fields), read.value(call["input"]), read.value(call["grid"]))
