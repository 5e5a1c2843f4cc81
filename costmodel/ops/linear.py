"""Matrix products: the linear layer and attention."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from costmodel.numbers.arithmetic import Shape, equal, holds, product, show_shape
from costmodel.ops.base import Cost, Emit, Operator, Weights, require, require_divides
from costmodel.ops.fields import Size

if TYPE_CHECKING:
    from costmodel.ops.base import Array


class Linear(Operator):
    """Fully connected layer on the last axis; whatever stands before it repeats.

    mult_adds = in_features per output element; the bias is 1 other operation per output element.
    """

    family = "linear"
    fuses = "head"
    saves = "input"

    out_features: Size
    bias: bool = True

    def shape(self, x: Shape) -> Shape:
        return (*x[:-1], self.out_features)

    def weights(self, x: Shape) -> dict[str, Shape]:
        matrix: dict[str, Shape] = {"weight": (self.out_features, x[-1])}
        return matrix | {"bias": (self.out_features,)} if self.bias else matrix

    def cost(self, x: Shape) -> Cost:
        out = product(self.shape(x))
        bias = out if self.bias else 0
        return Cost(mult_adds=out * x[-1], other_ops=bias, bias_ops=bias)

    def run(self, weights: Weights, x: Array) -> Array:
        from costmodel.ops import arrays

        out = arrays.contract(x, weights["weight"].T)
        return out + weights["bias"] if self.bias else out

    def onnx(self, emit: Emit, weights: Mapping[str, str], x: str) -> str:
        if len(emit.shape(x)) == 1:
            return emit("Gemm", x, *weights.values(), transB=1)
        out = emit("MatMul", x, emit("Transpose", weights["weight"], perm=[1, 0]))
        return emit("Add", out, weights["bias"]) if self.bias else out

    def window(self, x: Shape) -> None:
        return None


class Attention(Operator):
    """Scaled dot-product attention of `heads` heads: softmax(q k' / sqrt(head width)) v, from queries, keys and values
    (..., tokens, features); whatever stands before the tokens repeats.

    mult_adds = tokens * keys * (query features + value features). other_ops: 6 per head and pair of tokens (scale and
    softmax). The projections before and after are linear layers of their own. The scores are not counted as an array
    that leaves the kernel.
    Source: Vaswani et al. 2017 (arXiv:1706.03762), equation 1.
    """

    family = "matmul"
    inputs = 3
    saves = "input"

    heads: Size

    def shape(self, q: Shape, k: Shape, v: Shape) -> Shape:
        require(
            len(q) > 1 and len(q) == len(k) == len(v),
            lambda: f"attention reads three token sequences, but got {', '.join(map(show_shape, (q, k, v)))}",
        )
        alike = (
            all(holds(equal(a, b)) and holds(equal(a, c)) for a, b, c in zip(q[:-2], k[:-2], v[:-2], strict=True))
            and holds(equal(q[-1], k[-1]))
            and holds(equal(k[-2], v[-2]))
        )
        require(
            alike,
            lambda: (
                f"queries {show_shape(q)}, keys {show_shape(k)} and values {show_shape(v)} do not fit: "
                "queries and keys must be equally wide, keys and values equally many"
            ),
        )
        for width in (q[-1], v[-1]):
            require_divides(self.heads, width, lambda w=width: f"heads = {self.heads} does not divide {w}", "heads")  # type: ignore[misc]
        return (*q[:-1], v[-1])

    def cost(self, q: Shape, k: Shape, v: Shape) -> Cost:
        scores = product(q[:-1]) * k[-2]
        return Cost(mult_adds=scores * (q[-1] + v[-1]), other_ops=6 * self.heads * scores)

    def window(self, q: Shape, k: Shape, v: Shape) -> None:
        return None

    def run(self, weights: Weights, q: Array, k: Array, v: Array) -> Array:
        from costmodel.ops import arrays

        def split(x: Array) -> Array:
            return x.reshape(*x.shape[:-1], self.heads, -1).swapaxes(-2, -3)

        scores = arrays.contract(split(q), split(k).swapaxes(-1, -2)) * (q.shape[-1] // self.heads) ** -0.5
        out = arrays.contract(arrays.softmax(scores, -1), split(v)).swapaxes(-2, -3)
        return out.reshape(*out.shape[:-2], -1)

    def onnx(self, emit: Emit, weights: Mapping[str, str], q: str, k: str, v: str) -> str:
        def split(x: str) -> str:
            *before, tokens, features = emit.shape(x)
            sizes = [*before, tokens, self.heads, features // self.heads]
            apart = emit("Reshape", x, emit.constant([0, *sizes]))
            return emit("Transpose", apart, perm=_swapped(len(sizes) + 1, -2, -3))

        rank = len(emit.shape(q)) + 2
        scale = emit.constant((emit.shape(q)[-1] // self.heads) ** -0.5)
        scores = emit("MatMul", split(q), emit("Transpose", split(k), perm=_swapped(rank, -1, -2)))
        mixed = emit("MatMul", emit("Softmax", emit("Mul", scores, scale), axis=-1), split(v))
        joined = emit("Transpose", mixed, perm=_swapped(rank, -2, -3))
        return emit("Reshape", joined, emit.constant([0, *self.shape(*map(emit.shape, (q, k, v)))]))


def _swapped(rank: int, first: int, second: int) -> list[int]:
    """Return the order of so many axes in which two have changed places."""
    order = list(range(rank))
    order[first], order[second] = order[second], order[first]
    return order
