"""Pooling: over windows, over the whole of space, to a given size, and back."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import TYPE_CHECKING, Any

from costmodel.numbers.arithmetic import Number, Shape, equal, holds, product, same, show_shape
from costmodel.ops import lead, reduce, windows
from costmodel.ops.base import Cost, Emit, Operator, Weights, require
from costmodel.ops.fields import CountWindow, Padding, Window
from costmodel.ops.saved import EAGER_INPUT, NOTHING, OUTPUT, Saved, map_read, places

if TYPE_CHECKING:
    from costmodel.ops.base import Array


class Pool(Operator, abstract=True):
    """What window pools share: they slide over (..., *space), as convolutions do, each channel for itself.

    other_ops: kernel elements per output element.
    """

    family = "pool"
    blocks = "always"

    kernel_size: Window
    stride: Window
    padding: Padding = 0
    ceil_mode: bool = False

    def spacing(self) -> Window:
        """Return the dilation."""
        return 1

    def kernel(self, axes: int) -> Shape:
        """Return the size of the window on each axis of space."""
        return windows.spread(self.kernel_size, axes)

    def space(self, x: Shape) -> Shape:
        """Return the axes that the window slides over."""
        return lead.split(x, windows.axes_of_space(self, x, self.kernel_size))[1]

    def shape(self, x: Shape) -> Shape:
        space = self.space(x)
        axes = len(space)
        if not isinstance(self.padding, str):
            for pad, kernel in zip(windows.explicit(self.padding, axes), self.kernel(axes), strict=True):
                require(
                    (pad[0] < kernel) & (pad[1] < kernel),
                    lambda: (
                        f"padding must be smaller than kernel_size = {self.kernel_size}, or a window sees nothing else"
                    ),
                    "padding",
                )
        out = windows.output_size(space, self.kernel_size, self.stride, self.padding, self.spacing(), self.ceil_mode)
        return (*x[: len(x) - axes], *out)

    def cost(self, x: Shape) -> Cost:
        return Cost(other_ops=product(self.shape(x)) * product(self.kernel(len(self.space(x)))))

    def window(self, x: Shape) -> windows.Seen:
        return windows.seen(self.kernel_size, self.stride, self.spacing(), len(self.space(x)))

    def read(self, x: Shape) -> tuple[Saved, ...]:
        """Return what PyTorch keeps of its input."""
        space = self.space(x)
        own, over = self.reach(space)
        sizes = (size + sum(pad) + sum(more) for size, pad, more in zip(space, own, over, strict=True))
        padded = product(x[: len(x) - len(space)]) * product(sizes)
        return map_read(windows.padded_before(own, self.kernel(len(space))), padded)

    def seen(self, x: Array, fill: float, space: Shape) -> Array:
        """View `x` (..., *space), padded with `fill`, as (..., *out_space, *kernel)."""
        from costmodel.ops import arrays

        kernel, stride, spacing = (
            windows.spread(v, len(space)) for v in (self.kernel_size, self.stride, self.spacing())
        )
        own, over = self.reach(space)
        padded = arrays.pad_map(arrays.pad_map(x, own, fill), over, fill)
        return arrays.windows(padded, kernel, stride, spacing)

    def reach(self, space: Shape) -> tuple[windows.Pads, windows.Pads]:
        """Return the padding, and what windows need beyond it where `ceil_mode` adds one."""
        fields = (self.kernel_size, self.stride, self.padding, self.spacing())
        none = ((0, 0),) * len(space)
        return windows.pads(space, *fields), windows.overhang(space, *fields) if self.ceil_mode else none

    def attributes(self, axes: int, pads: windows.Pads) -> dict[str, Any]:
        """Return the ONNX attributes that all window pools have."""
        return {
            "kernel_shape": self.kernel(axes),
            "strides": windows.spread(self.stride, axes),
            "pads": windows.onnx_pads(pads),
        }


def some(pads: windows.Pads) -> bool:
    """Say whether a padding adds anything."""
    return any(map(any, pads))


class MaxPool(Pool):
    """Largest value of each window; padding never wins. other_ops: kernel elements per output element (comparisons)."""

    beside = "max_pool_indices"

    dilation: Window = 1

    def spacing(self) -> Window:
        return self.dilation

    def saved(self, x: Shape) -> tuple[Saved, ...]:
        return (*self.read(x), places(product(self.shape(x))))

    def run(self, weights: Weights, x: Array) -> Array:
        space = self.space(x.shape[1:])
        out: Array = self.seen(x, float("-inf"), space).max(axis=tuple(range(-len(space), 0)))
        return out

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        shape = emit.shape(x)
        attributes, own = self.max_attributes(shape), len(self.space(shape)) + 1
        return lead.emitted(emit, x, own, self.shape(shape), lambda folded: emit("MaxPool", folded, **attributes))

    def max_attributes(self, x: Shape) -> dict[str, Any]:
        """Return the ONNX attributes of MaxPool."""
        space = self.space(x)
        own, over = self.reach(space)
        dilations = windows.spread(self.dilation, len(space))
        return self.attributes(len(space), own) | {"dilations": dilations, "ceil_mode": int(some(over))}


class MaxPoolIndices(MaxPool):
    """Where max_pool of the same fields found its values: flat indices (8 bytes each) within the space of the channel.

    other_ops: none, because they fall out of max_pool's comparisons.
    """

    effort = "places"
    blocks = ""
    beside = ""
    saves = NOTHING  # the max_pool beside it keeps the same places

    def saved(self, x: Shape) -> tuple[Saved, ...]:
        return self.saves

    def cost(self, x: Shape) -> Cost:
        return Cost()

    def dtype(self, *inputs: str | None) -> str | None:
        return "int64"

    def run(self, weights: Weights, x: Array) -> Array:
        import numpy as np

        space = self.space(x.shape[1:])
        plane = np.arange(product(space), dtype=np.int64).reshape(*[1] * (x.ndim - len(space)), *space)
        values, places = self.seen(x, float("-inf"), space), self.seen(plane, 0, space)
        before = values.shape[: -len(space)]
        winner = values.reshape(*before, -1).argmax(axis=-1)[..., None]
        flat = np.broadcast_to(places, (*before, *places.shape[-len(space) :])).reshape(*before, -1)
        return np.take_along_axis(flat, winner, axis=-1)[..., 0]

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        shape = emit.shape(x)
        attributes, space = self.max_attributes(shape), self.space(shape)
        places = lead.emitted(
            emit, x, len(space) + 1, self.shape(shape), lambda folded: emit("MaxPool", folded, output=1, **attributes)
        )
        return emit("Mod", places, emit.constant([product(space)]))


class AvgPool(Pool):
    """Mean of each window. Padding counts as zeros where `count_include_pad`; what `ceil_mode` adds beyond it never
    counts.

    other_ops: kernel elements per output element (additions, and the division).
    """

    count_include_pad: bool = True

    def saved(self, x: Shape) -> tuple[Saved, ...]:
        space = self.space(x)
        padded = windows.padded_before(self.reach(space)[0], self.kernel(len(space)))
        if same(padded, 0):
            return EAGER_INPUT
        # Padded beforehand, the sums are divided by how many numbers each window sees.
        seen = padded * product(self.shape(x)[len(x) - len(space) :])
        return (*self.read(x), Saved("numbers seen", keeper="pytorch", numbers=seen, once=True))

    def run(self, weights: Weights, x: Array) -> Array:
        import numpy as np

        from costmodel.ops import arrays

        space = self.space(x.shape[1:])
        axes, taken = len(space), tuple(range(-len(space), 0))
        own, over = self.reach(space)
        real = np.ones(space, dtype=x.dtype)
        counted = arrays.pad_map(arrays.pad_map(real, own, 1.0 if self.count_include_pad else 0.0), over)
        kernel, stride = windows.spread(self.kernel_size, axes), windows.spread(self.stride, axes)
        number = arrays.windows(counted, kernel, stride, (1,) * axes).sum(axis=taken)
        mean: Array = self.seen(x, 0.0, space).sum(axis=taken) / number
        return mean

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        shape = emit.shape(x)
        space = self.space(shape)
        own, over = self.reach(space)
        axes = len(space)

        def write(x: str) -> str:
            if not self.count_include_pad:
                reach = tuple((before, after + more) for (before, after), (_, more) in zip(own, over, strict=True))
                return emit("AveragePool", x, count_include_pad=0, **self.attributes(axes, reach))
            if not some(over):
                return emit("AveragePool", x, count_include_pad=1, **self.attributes(axes, own))
            # The padding that counts is made part of the map, what ceil_mode adds is not.
            grown = emit("Pad", x, emit.constant(windows.onnx_pads(((0, 0), (0, 0), *own))))
            return emit("AveragePool", grown, count_include_pad=0, **self.attributes(axes, over))

        return lead.emitted(emit, x, axes + 1, self.shape(shape), write)


class GlobalPool(Operator, abstract=True):
    """What pools over all of space share: (channels, *space) becomes (channels,), or (channels, 1, ...) where
    `keep_dims`. other_ops: 1 per input element.
    """

    family = "pool"
    blocks = "whole"

    keep_dims: bool = False

    def shape(self, x: Shape) -> Shape:
        axes = windows.axes_of_space(self, x)
        return (x[0], *[1] * axes) if self.keep_dims else (x[0],)

    def cost(self, x: Shape) -> Cost:
        return Cost(other_ops=product(x))

    def window(self, x: Shape) -> windows.Seen:
        return tuple((inf, size) for size in x[1:])

    def export(self, emit: Emit, op_type: str, x: str) -> str:
        """Write one node, and drop the axes of size 1 unless they are kept."""
        out = emit(op_type, x)
        return out if self.keep_dims else emit("Flatten", out, axis=1)


class GlobalAvgPool(GlobalPool):
    """Mean of each channel: (channels,), or (channels, 1, ...) where `keep_dims`. other_ops: 1 per input element."""

    saves = NOTHING

    def run(self, weights: Weights, x: Array) -> Array:
        out: Array = x.mean(axis=tuple(range(2, x.ndim)), keepdims=self.keep_dims)
        return out

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        return self.export(emit, "GlobalAveragePool", x)


class GlobalMaxPool(GlobalPool):
    """Largest value of each channel: (channels,), or (channels, 1, ...) where `keep_dims`. other_ops: 1 per input
    element.
    """

    saves = (Saved(0), Saved(OUTPUT))

    def scratch(self, x: Shape) -> Number:
        return reduce.of_extremes(x, self.shape(x))

    def run(self, weights: Weights, x: Array) -> Array:
        out: Array = x.max(axis=tuple(range(2, x.ndim)), keepdims=self.keep_dims)
        return out

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        return self.export(emit, "GlobalMaxPool", x)


class MaxUnpool(Operator):
    """Put each value back where max_pool found it, zeros elsewhere. Reads the values and the indices of
    max_pool_indices.

    Each size of space = (size - 1) * stride - padding + kernel + output_padding; give max_pool's own fields, and what
    its rounding down left over as `output_padding`. No arithmetic: mult_adds and other_ops are 0.
    Source: Zeiler and Fergus 2014 (arXiv:1311.2901), section 2.1; ENet (arXiv:1606.02147).
    """

    family = "pool"
    inputs = 2
    indices = (1,)
    saves = (Saved(1),)

    kernel_size: Window
    stride: Window
    padding: Padding = 0
    output_padding: CountWindow = 0

    def shape(self, x: Shape, indices: Shape) -> Shape:
        axes = windows.axes_of_space(self, x, self.kernel_size)
        require(
            len(indices) == len(x) and all(holds(equal(a, b)) for a, b in zip(x, indices, strict=True)),
            lambda: f"max_unpool needs one index for each value, but got {show_shape(x)} and {show_shape(indices)}",
            hint="name the max_pool_indices layer second in `from`",
        )
        before, space = lead.split(x, axes)
        out = windows.transposed_size(space, self.kernel_size, self.stride, self.padding, 1, self.output_padding)
        return (*before, *out)

    def cost(self, x: Shape, indices: Shape) -> Cost:
        return Cost()

    def window(self, x: Shape, indices: Shape) -> windows.Seen:
        return windows.seen_transposed(
            self.kernel_size, self.stride, 1, windows.axes_of_space(self, x, self.kernel_size)
        )

    def run(self, weights: Weights, x: Array, indices: Array) -> Array:
        import numpy as np

        shape = self.shape(x.shape[1:], indices.shape[1:])
        before, space = lead.split((len(x), *shape), windows.axes_of_space(self, x.shape[1:], self.kernel_size))
        out = np.zeros((*before, product(space)), dtype=x.dtype)
        np.put_along_axis(out, indices.reshape(*before, -1), x.reshape(*before, -1), axis=-1)
        return out.reshape(*before, *space)

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str, indices: str) -> str:
        shape = self.shape(emit.shape(x), emit.shape(indices))
        before, space = lead.split(shape, windows.axes_of_space(self, emit.shape(x), self.kernel_size))
        channels = product(before)
        rows = emit.constant([0, channels, -1])
        size = emit("Concat", emit("Shape", x, start=0, end=1), emit.constant([channels, product(space)]), axis=0)
        flat = emit(
            "ScatterElements",
            emit("ConstantOfShape", size),
            emit("Reshape", indices, rows),
            emit("Reshape", x, rows),
            axis=2,
        )
        return emit("Reshape", flat, emit.constant([-1, *shape]))
