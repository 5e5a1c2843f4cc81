"""Normalisation: batch, layer and local response; and the learned scale of a channel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from costmodel.numbers.arithmetic import Shape, product, show_shape
from costmodel.ops.base import Cost, Emit, Operator, Weights, channels, require, require_map
from costmodel.ops.fields import Real, Size

if TYPE_CHECKING:
    from costmodel.ops.arrays import Array


class BatchNorm(Operator):
    """Batch normalisation of a feature map's channels or a vector's features, as it runs at inference.

    params: weight and bias, 2 per channel (none where `affine` is false). buffers: running mean and variance, 2 per
    channel.
    other_ops: 2 per element, the multiplication and addition that are left once the four numbers of a channel are
    folded.
    Source: Ioffe and Szegedy 2015 (arXiv:1502.03167), algorithm 2.
    """

    kind_name = "norm"
    in_place = True
    fuses = "tail"
    saves = "input"

    affine: bool = True
    eps: Real = 1e-5

    def shape(self, x: Shape) -> Shape:
        require(len(x) != 2, lambda: f"batch_norm reads a feature map or a vector, but its input is {show_shape(x)}")
        return x

    def weights(self, x: Shape) -> dict[str, Shape]:
        return {"weight": (x[0],), "bias": (x[0],)} if self.affine else {}

    def buffers(self, x: Shape) -> dict[str, Shape]:
        return {"mean": (x[0],), "variance": (x[0],)}

    def cost(self, x: Shape) -> Cost:
        return Cost(other_ops=2 * product(x))

    def run(self, weights: Weights, x: Array) -> Array:
        from costmodel.ops import arrays

        scale = (weights["variance"] + self.eps) ** -0.5
        shift = -weights["mean"] * scale
        if self.affine:
            scale, shift = scale * weights["weight"], shift * weights["weight"] + weights["bias"]
        return x * arrays.per_channel(scale, x) + arrays.per_channel(shift, x)

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        number = emit.shape(x)[0]
        weight, bias = (
            (weights["weight"], weights["bias"])
            if self.affine
            else (emit.constant([1.0] * number), emit.constant([0.0] * number))
        )
        return emit("BatchNormalization", x, weight, bias, weights["mean"], weights["variance"], epsilon=self.eps)


class LayerNorm(Operator):
    """Layer normalisation over the features of a vector or of each token, or over the channels of each pixel of a map.

    params: weight and bias, 2 per channel (none where `affine` is false). other_ops: 5 per element (sum,
    difference, square, sum, scale), and 2 more for weight and bias; the few operations once a row are left out.
    Source: Ba et al. 2016 (arXiv:1607.06450); over the channels of a map as in Liu et al. 2022 (ConvNeXt,
    arXiv:2201.03545).
    """

    kind_name = "norm"
    saves = "input"

    affine: bool = True
    eps: Real = 1e-5

    def shape(self, x: Shape) -> Shape:
        return x

    def weights(self, x: Shape) -> dict[str, Shape]:
        return {"weight": (channels(x),), "bias": (channels(x),)} if self.affine else {}

    def cost(self, x: Shape) -> Cost:
        return Cost(other_ops=(7 if self.affine else 5) * product(x))

    def run(self, weights: Weights, x: Array) -> Array:
        from costmodel.ops import arrays

        axis = arrays.channel_axis(x)
        apart = x - x.mean(axis=axis, keepdims=True)
        out: Array = apart * ((apart * apart).mean(axis=axis, keepdims=True) + self.eps) ** -0.5
        if self.affine:
            out = out * arrays.per_channel(weights["weight"], x) + arrays.per_channel(weights["bias"], x)
        return out

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        shape = emit.shape(x)
        weight = weights["weight"] if self.affine else emit.constant([1.0] * channels(shape))
        rest = [weights["bias"]] if self.affine else []
        if len(shape) != 3:
            return emit("LayerNormalization", x, weight, *rest, axis=-1, epsilon=self.eps)
        last = emit("Transpose", x, perm=[0, 2, 3, 1])
        out = emit("LayerNormalization", last, weight, *rest, axis=-1, epsilon=self.eps)
        return emit("Transpose", out, perm=[0, 3, 1, 2])


class Lrn(Operator):
    """Local response normalisation over `size` neighbouring channels: x / (k + alpha / size * sum of squares) ** beta.

    No params. other_ops: size + 4 per element (square, size - 1 additions, scale, add, power, divide).
    Source: Krizhevsky et al. 2012, section 3.3; `alpha` is divided by `size`, as Caffe, PyTorch and ONNX do (the paper
    does not).

    Raises:
        ShapeError: if `size` is even, because the window is centred on its channel.
    """

    kind_name = "norm"
    saves = "input"

    size: Size = 5
    alpha: Real = 1e-4
    beta: Real = 0.75
    k: Real = 1.0

    def shape(self, x: Shape) -> Shape:
        require_map(self, x)
        require(self.size % 2 > 0, lambda: f"size must be odd, but is {self.size}", "size")
        return x

    def cost(self, x: Shape) -> Cost:
        return Cost(other_ops=(self.size + 4) * product(x))

    def run(self, weights: Weights, x: Array) -> Array:
        import numpy as np

        half = self.size // 2
        squares = np.pad(x * x, [(0, 0), (half, half), (0, 0), (0, 0)])
        total = sum(squares[:, i : i + x.shape[1]] for i in range(self.size))
        out: Array = x * (self.k + self.alpha / self.size * total) ** -self.beta
        return out

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        return emit("LRN", x, size=self.size, alpha=self.alpha, beta=self.beta, bias=self.k)


class LayerScale(Operator):
    """A learned factor for each channel, or one for all where `shared`. params: 1 per channel, or 1. other_ops: 1 per
    element.

    Source: Touvron et al. 2021 (CaiT, arXiv:2103.17239), as ConvNeXt uses it.
    """

    kind_name = "norm"
    in_place = True
    fuses = "tail"
    saves = "input"

    shared: bool = False

    def shape(self, x: Shape) -> Shape:
        return x

    def weights(self, x: Shape) -> dict[str, Shape]:
        return {"weight": (1 if self.shared else channels(x),)}

    def cost(self, x: Shape) -> Cost:
        return Cost(other_ops=product(x))

    def run(self, weights: Weights, x: Array) -> Array:
        from costmodel.ops import arrays

        return x * (weights["weight"] if self.shared else arrays.per_channel(weights["weight"], x))

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        factor = weights["weight"]
        if self.shared:
            return emit("Mul", x, factor)
        return emit("Mul", x, emit("Unsqueeze", factor, emit.constant([1, 2])) if len(emit.shape(x)) == 3 else factor)
