"""Windows laid side by side as columns (im2col), and added up again where they overlap (col2im)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from costmodel.numbers.arithmetic import Number, Shape, product, show_shape
from costmodel.ops import lead, windows
from costmodel.ops.base import Cost, Emit, Operator, Weights, require, require_divides
from costmodel.ops.fields import Padding, Window
from costmodel.ops.rearrange import agree
from costmodel.ops.reshape import Free
from costmodel.ops.saved import NOTHING

if TYPE_CHECKING:
    from costmodel.ops.base import Array


class Unfold(Free):
    """Every window of (channels, *space) as a column: (channels * kernel elements, positions), the kernel's elements of
    a channel together, positions row by row. Padding adds zeros.

    Source: torch.nn.Unfold.
    """

    kernel_size: Window
    stride: Window = 1
    padding: Padding = 0
    dilation: Window = 1

    def parts(self, x: Shape) -> tuple[Shape, Shape]:
        """Return what stands before the channels, and (channels, *space)."""
        return lead.split(x, windows.axes_of_space(self, x, self.kernel_size) + 1)

    def positions(self, space: Shape) -> Shape:
        """Return how many windows fit along each axis."""
        return windows.output_size(space, self.kernel_size, self.stride, self.padding, self.dilation)

    def scratch(self, x: Shape) -> Number:
        return product(x)

    def shape(self, x: Shape) -> Shape:
        before, (channels, *space) = self.parts(x)
        kernel = windows.spread(self.kernel_size, len(space))
        return (*before, channels * product(kernel), product(self.positions(tuple(space))))

    def window(self, x: Shape) -> None:
        return None

    def run(self, weights: Weights, x: Array) -> Array:
        from costmodel.ops import arrays

        out, (_, *space) = self.shape(x.shape[1:]), self.parts(x.shape[1:])[1]
        axes = len(space)
        kernel, stride, dilation = (windows.spread(v, axes) for v in (self.kernel_size, self.stride, self.dilation))
        pads = windows.pads(tuple(space), self.kernel_size, self.stride, self.padding, self.dilation)
        seen = arrays.windows(arrays.pad_map(x, pads), kernel, stride, dilation)
        first = seen.ndim - 2 * axes
        order = (*range(first), *range(first + axes, seen.ndim), *range(first, first + axes))
        return seen.transpose(order).reshape(len(x), *out)

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        import numpy as np

        shape = emit.shape(x)
        before, (channels, *space) = self.parts(shape)
        pads = windows.pads(tuple(space), self.kernel_size, self.stride, self.padding, self.dilation)
        if any(map(any, pads)):
            x = emit("Pad", x, emit.constant(windows.onnx_pads((((0, 0),) * (len(before) + 2)) + pads)))
        padded = [size + sum(pad) for size, pad in zip(space, pads, strict=True)]
        places = np.arange(product(padded)).reshape(1, 1, *padded)
        columns = Unfold(kernel_size=self.kernel_size, stride=self.stride, dilation=self.dilation).run({}, places)
        flat = emit("Reshape", x, emit.constant([-1, *before, channels, product(padded)]))
        found = emit("Gather", flat, emit.constant(columns[0]), axis=len(before) + 2)
        return emit("Reshape", found, emit.constant([-1, *self.shape(shape)]))


class Fold(Operator):
    """Columns (channels * kernel elements, positions) added up where their windows overlap on (channels,
    *`output_size`): the reverse of unfold in its places, not in its values.

    other_ops: 1 addition per element of the columns.
    Source: torch.nn.Fold.
    """

    family = "reduce"
    saves = NOTHING

    output_size: Window
    kernel_size: Window
    stride: Window = 1
    padding: Padding = 0
    dilation: Window = 1

    def axes(self) -> int:
        """Return the number of axes of space: two, unless a list says otherwise."""
        return next((len(v) for v in (self.output_size, self.kernel_size) if isinstance(v, tuple)), 2)

    def space(self) -> Shape:
        """Return the sizes of space in the output."""
        return windows.spread(self.output_size, self.axes())

    def shape(self, x: Shape) -> Shape:
        require(len(x) >= 2, lambda: f"fold reads (channels * kernel, positions), but its input is {show_shape(x)}")
        before, (rows, positions) = lead.split(x, 2)
        kernel = product(windows.spread(self.kernel_size, self.axes()))
        require_divides(
            kernel, rows, lambda: f"a kernel of {kernel} elements does not divide {rows} rows", "kernel_size"
        )
        fit = self.positions()
        require(
            agree(product(fit), positions),
            lambda: f"{show_shape(fit)} windows fit into {show_shape(self.space())}, but there are {positions} columns",
            "output_size",
        )
        return (*before, rows // kernel, *self.space())

    def positions(self) -> Shape:
        """Return how many windows fit along each axis."""
        return windows.output_size(self.space(), self.kernel_size, self.stride, self.padding, self.dilation)

    def cost(self, x: Shape) -> Cost:
        return Cost(other_ops=product(x))

    def window(self, x: Shape) -> None:
        return None

    def run(self, weights: Weights, x: Array) -> Array:
        from costmodel.ops import arrays

        out, axes = self.shape(x.shape[1:]), self.axes()
        kernel, stride, dilation = (windows.spread(v, axes) for v in (self.kernel_size, self.stride, self.dilation))
        pads = windows.pads(self.space(), self.kernel_size, self.stride, self.padding, self.dilation)
        before = x.shape[:-2]
        apart = x.reshape(*before, out[-axes - 1], *kernel, *self.positions())
        first = apart.ndim - 2 * axes
        order = (*range(first), *range(first + axes, apart.ndim), *range(first, first + axes))
        reached = arrays.scatter(apart.transpose(order), stride, dilation)
        padded = [size + sum(pad) for size, pad in zip(self.space(), pads, strict=True)]
        # A stride may leave rows at the end that no window reaches.
        rest = tuple((0, size - own) for size, own in zip(padded, reached.shape[first:], strict=True))
        return arrays.crop_map(arrays.pad_map(reached, rest), pads)

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        axes = self.axes()
        pads = windows.pads(self.space(), self.kernel_size, self.stride, self.padding, self.dilation)
        size, kernel = (emit.constant(list(v)) for v in (self.space(), windows.spread(self.kernel_size, axes)))
        how: dict[str, Any] = {
            "pads": windows.onnx_pads(pads),
            "strides": windows.spread(self.stride, axes),
            "dilations": windows.spread(self.dilation, axes),
        }
        return lead.emitted(
            emit, x, 2, self.shape(emit.shape(x)), lambda folded: emit("Col2Im", folded, size, kernel, **how)
        )
