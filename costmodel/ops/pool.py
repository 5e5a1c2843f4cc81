"""Pooling: over windows, over whole maps, and back."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import TYPE_CHECKING, Any

from costmodel.numbers.arithmetic import Number, Shape, equal, holds, product, show_shape
from costmodel.ops import windows
from costmodel.ops.base import Cost, Emit, Operator, Weights, require, require_map
from costmodel.ops.fields import CountPair, Padding, Pair

if TYPE_CHECKING:
    from costmodel.ops.arrays import Array


NO_PADS: windows.Pads = ((0, 0), (0, 0))


class Pool(Operator, abstract=True):
    """What window pools share. Fields of the subclasses: kernel_size, stride, padding, dilation, ceil_mode.

    other_ops: kernel_height * kernel_width per output element.
    """

    kind_name = "pool"

    kernel_size: Pair
    stride: Pair
    padding: Padding = 0
    ceil_mode: bool = False

    def spacing(self) -> Pair:
        """Return the dilation."""
        return 1

    def shape(self, x: Shape) -> Shape:
        require_map(self, x)
        if not isinstance(self.padding, str):
            for pad, kernel in zip(windows.explicit(self.padding), windows.pair(self.kernel_size), strict=True):
                require(
                    (pad[0] < kernel) & (pad[1] < kernel),
                    lambda: (
                        f"padding must be smaller than kernel_size = {self.kernel_size}, or a window sees nothing else"
                    ),
                    "padding",
                )
        out = windows.output_size(x, self.kernel_size, self.stride, self.padding, self.spacing(), self.ceil_mode)
        return (x[0], *out)

    def cost(self, x: Shape) -> Cost:
        return Cost(other_ops=product(self.shape(x)) * product(windows.pair(self.kernel_size)))

    def window(self, x: Shape) -> tuple[tuple[Number, Number], tuple[Number, Number]]:
        return windows.seen(self.kernel_size, self.stride, self.spacing())

    def seen(self, x: Array, fill: float) -> Array:
        """View `x`, padded with `fill`, as (batch, channels, out_height, out_width, kernel_height, kernel_width)."""
        from costmodel.ops import arrays

        kernel, stride, spacing = (windows.pair(v) for v in (self.kernel_size, self.stride, self.spacing()))
        own, over = self.reach(x.shape[1:])
        padded = arrays.pad_map(arrays.pad_map(x, own, fill), over, fill)
        return arrays.windows(padded, kernel, stride, spacing)

    def reach(self, x: Shape) -> tuple[windows.Pads, windows.Pads]:
        """Return the padding, and what windows need beyond it where `ceil_mode` adds one."""
        fields = (self.kernel_size, self.stride, self.padding, self.spacing())
        return windows.pads(x, *fields), windows.overhang(x, *fields) if self.ceil_mode else NO_PADS

    def attributes(self, pads: windows.Pads) -> dict[str, Any]:
        """Return the ONNX attributes that all window pools have."""
        return {
            "kernel_shape": windows.pair(self.kernel_size),
            "strides": windows.pair(self.stride),
            "pads": windows.onnx_pads(pads),
        }


class MaxPool(Pool):
    """Largest value of each window; padding never wins. other_ops: kernel_height * kernel_width per output element
    (comparisons).
    """

    saves = "places"

    dilation: Pair = 1

    def spacing(self) -> Pair:
        return self.dilation

    def run(self, weights: Weights, x: Array) -> Array:
        out: Array = self.seen(x, float("-inf")).max(axis=(-2, -1))
        return out

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        return emit("MaxPool", x, **self.max_attributes(emit.shape(x)))

    def max_attributes(self, x: Shape) -> dict[str, Any]:
        """Return the ONNX attributes of MaxPool."""
        own, over = self.reach(x)
        rounds_up = int(over != NO_PADS)
        return self.attributes(own) | {"dilations": windows.pair(self.dilation), "ceil_mode": rounds_up}


class MaxPoolIndices(MaxPool):
    """Where max_pool of the same fields found its values: flat indices (8 bytes each) within the height x width plane
    of the channel.

    other_ops: none, because they fall out of max_pool's comparisons.
    """

    saves = "nothing"  # the max_pool beside it keeps the same places
    output_bytes = 8

    def cost(self, x: Shape) -> Cost:
        return Cost()

    def run(self, weights: Weights, x: Array) -> Array:
        import numpy as np

        plane = np.arange(x.shape[2] * x.shape[3], dtype=np.int64).reshape(1, 1, *x.shape[2:])
        values, places = self.seen(x, float("-inf")), self.seen(plane, 0)
        winner = values.reshape(*values.shape[:4], -1).argmax(axis=-1)[..., None]
        flat = np.broadcast_to(places.reshape(*places.shape[:4], -1), (*winner.shape[:4], places[0, 0, 0, 0].size))
        return np.take_along_axis(flat, winner, axis=-1)[..., 0]

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        places = emit("MaxPool", x, output=1, **self.max_attributes(emit.shape(x)))
        return emit("Mod", places, emit.constant([product(emit.shape(x)[1:])]))


class AvgPool(Pool):
    """Mean of each window. Padding counts as zeros where `count_include_pad`; what `ceil_mode` adds beyond it never
    counts.

    other_ops: kernel_height * kernel_width per output element (additions, and the division).
    """

    count_include_pad: bool = True

    def run(self, weights: Weights, x: Array) -> Array:
        import numpy as np

        from costmodel.ops import arrays

        own, over = self.reach(x.shape[1:])
        real = np.ones((1, 1, *x.shape[2:]), dtype=x.dtype)
        counted = arrays.pad_map(arrays.pad_map(real, own, 1.0 if self.count_include_pad else 0.0), over)
        kernel, stride = windows.pair(self.kernel_size), windows.pair(self.stride)
        number = arrays.windows(counted, kernel, stride, (1, 1)).sum(axis=(-2, -1))
        mean: Array = self.seen(x, 0.0).sum(axis=(-2, -1)) / number
        return mean

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        own, over = self.reach(emit.shape(x))
        if not self.count_include_pad:
            (top, bottom), (left, right) = own
            reach = ((top, bottom + over[0][1]), (left, right + over[1][1]))
            return emit("AveragePool", x, count_include_pad=0, **self.attributes(reach))
        if over == NO_PADS:
            return emit("AveragePool", x, count_include_pad=1, **self.attributes(own))
        # The padding that counts is made part of the map, what ceil_mode adds is not.
        top, left, bottom, right = windows.onnx_pads(own)
        grown = emit("Pad", x, emit.constant([0, 0, top, left, 0, 0, bottom, right]))
        return emit("AveragePool", grown, count_include_pad=0, **self.attributes(over))


class GlobalPool(Operator, abstract=True):
    """What pools over whole maps share: (channels,), or (channels, 1, 1) where `keep_dims`. other_ops: 1 per input
    element.
    """

    kind_name = "pool"

    keep_dims: bool = False

    def shape(self, x: Shape) -> Shape:
        require_map(self, x)
        return (x[0], 1, 1) if self.keep_dims else (x[0],)

    def cost(self, x: Shape) -> Cost:
        return Cost(other_ops=product(x))

    def window(self, x: Shape) -> tuple[tuple[Number, Number], tuple[Number, Number]]:
        return (inf, x[1]), (inf, x[2])

    def export(self, emit: Emit, op_type: str, x: str) -> str:
        """Write one node, and drop the axes of size 1 unless they are kept."""
        out = emit(op_type, x)
        return out if self.keep_dims else emit("Flatten", out, axis=1)


class GlobalAvgPool(GlobalPool):
    """Mean of each channel: (channels,), or (channels, 1, 1) where `keep_dims`. other_ops: 1 per input element."""

    def run(self, weights: Weights, x: Array) -> Array:
        out: Array = x.mean(axis=(2, 3), keepdims=self.keep_dims)
        return out

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        return self.export(emit, "GlobalAveragePool", x)


class GlobalMaxPool(GlobalPool):
    """Largest value of each channel: (channels,), or (channels, 1, 1) where `keep_dims`. other_ops: 1 per input
    element.
    """

    saves = "input"

    def run(self, weights: Weights, x: Array) -> Array:
        out: Array = x.max(axis=(2, 3), keepdims=self.keep_dims)
        return out

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        return self.export(emit, "GlobalMaxPool", x)


class MaxUnpool(Operator):
    """Put each value back where max_pool found it, zeros elsewhere. Reads the values and the indices of
    max_pool_indices.

    Height and width = (size - 1) * stride - padding + kernel + output_padding; give max_pool's own fields, and the
    rows and columns that its rounding down left over as `output_padding`. No arithmetic: mult_adds and other_ops are 0.
    Source: Zeiler and Fergus 2014 (arXiv:1311.2901), section 2.1; ENet (arXiv:1606.02147).
    """

    kind_name = "pool"
    inputs = 2

    kernel_size: Pair
    stride: Pair
    padding: Padding = 0
    output_padding: CountPair = 0

    def shape(self, x: Shape, indices: Shape) -> Shape:
        require_map(self, x)
        require(
            len(indices) == 3 and all(holds(equal(a, b)) for a, b in zip(x, indices, strict=True)),
            lambda: f"max_unpool needs one index for each value, but got {show_shape(x)} and {show_shape(indices)}",
            hint="name the max_pool_indices layer second in `from`",
        )
        out = windows.transposed_size(x, self.kernel_size, self.stride, self.padding, 1, self.output_padding)
        return (x[0], *out)

    def cost(self, x: Shape, indices: Shape) -> Cost:
        return Cost()

    def window(self, x: Shape, indices: Shape) -> tuple[tuple[Number, Number], tuple[Number, Number]]:
        return windows.seen_transposed(self.kernel_size, self.stride)

    def run(self, weights: Weights, x: Array, indices: Array) -> Array:
        import numpy as np

        channels, high, wide = self.shape(x.shape[1:], indices.shape[1:])
        out = np.zeros((x.shape[0], channels, high * wide), dtype=x.dtype)
        np.put_along_axis(out, indices.reshape(*x.shape[:2], -1), x.reshape(*x.shape[:2], -1), axis=-1)
        return out.reshape(-1, channels, high, wide)

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str, indices: str) -> str:
        channels, high, wide = self.shape(emit.shape(x), emit.shape(indices))
        rows = emit.constant([0, channels, -1])
        size = emit("Concat", emit("Shape", x, start=0, end=1), emit.constant([channels, high * wide]), axis=0)
        flat = emit(
            "ScatterElements",
            emit("ConstantOfShape", size),
            emit("Reshape", indices, rows),
            emit("Reshape", x, rows),
            axis=2,
        )
        return emit("Reshape", flat, emit.constant([-1, channels, high, wide]))
