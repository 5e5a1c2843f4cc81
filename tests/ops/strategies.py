"""For every operator, the cases that the laws are tried on: an operator and the shapes of its inputs.

Sizes are small and lopsided on purpose: with square maps, odd kernels and half padding, swapped axes go unseen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

from costmodel import ops
from costmodel.numbers.arithmetic import Shape
from costmodel.ops import windows
from costmodel.ops.base import Operator

Draw = Callable[[st.SearchStrategy[Any]], Any]
Strategy = st.SearchStrategy["Case"]


@dataclass(frozen=True)
class Case:
    """An operator and the shapes it reads."""

    op: Operator
    shapes: tuple[Shape, ...]

    @property
    def dtypes(self) -> tuple[str | None, ...]:
        return tuple("int64" if place in self.op.indices else None for place in range(len(self.shapes)))

    def arrays(self, batch: int, seed: int = 0) -> list[np.ndarray[Any, Any]]:
        """Draw the inputs; indices are below the operator's limit, and distinct where it puts values back."""
        rng = np.random.default_rng(seed)

        def drawn(shape: Shape, dtype: str | None) -> np.ndarray[Any, Any]:
            if dtype is None:
                return rng.standard_normal((batch, *shape), dtype=np.float32) * 3
            if isinstance(self.op, ops.pool.MaxUnpool):
                rows, plane = batch * shape[0], int(np.prod(self.op.shape(*self.shapes)[1:]))
                places = [rng.permutation(plane)[: int(np.prod(shape[1:]))] for _ in range(rows)]
                return np.array(places).reshape(batch, *shape)
            return rng.integers(0, self.op.most_index(*self.shapes), (batch, *shape))

        return [drawn(shape, dtype) for shape, dtype in zip(self.shapes, self.dtypes, strict=True)]


def sizes(low: int = 1, high: int = 6) -> st.SearchStrategy[int]:
    return st.integers(low, high)


eps = st.sampled_from([1e-5, 1e-3])
maps = st.tuples(sizes(), sizes(1, 9), sizes(1, 9))
vectors = st.tuples(sizes(1, 12))
sequences = st.tuples(sizes(), sizes())
tensors = st.one_of(maps, vectors, sequences)


def pairs(low: int, high: int) -> st.SearchStrategy[int | tuple[int, int]]:
    """One number for both axes, or two."""
    return st.one_of(st.integers(low, high), st.tuples(st.integers(low, high), st.integers(low, high)))


def paddings(most: int, words: bool = True) -> st.SearchStrategy[Any]:
    """Every way of writing a padding, asymmetric ones included."""
    numbers = st.integers(0, most)
    written = st.one_of(pairs(0, most), st.tuples(numbers, numbers, numbers, numbers))
    return st.one_of(written, st.sampled_from(["same", "valid"])) if words else written


def pair(value: Any) -> tuple[Any, Any]:
    return value if isinstance(value, tuple) else (value, value)


def map_for(draw: Draw, channels: int, kernel: Any, padding: Any, dilation: Any = 1) -> Shape:
    """A map that the window fits into, some sizes exactly."""
    spans = windows.extents(kernel, dilation, 2)
    own = ((0, 0), (0, 0)) if padding == "same" else windows.explicit(padding, 2)
    least = [1 if padding == "same" else max(1, span - sum(pad)) for span, pad in zip(spans, own, strict=True)]
    return (channels, *(draw(st.integers(low, low + 5)) for low in least))


@st.composite
def convs(draw: Draw) -> Case:
    groups = draw(st.sampled_from([1, 1, 2, 3]))
    kernel, dilation, padding = draw(pairs(1, 4)), draw(pairs(1, 3)), draw(paddings(3))
    op = ops.conv.Conv(
        out_channels=groups * draw(sizes(1, 3)),
        kernel_size=kernel,
        stride=draw(pairs(1, 5)),
        padding=padding,
        dilation=dilation,
        groups=groups,
        bias=draw(st.booleans()),
    )
    return Case(op, (map_for(draw, groups * draw(sizes(1, 3)), kernel, padding, dilation),))


@st.composite
def transposed(draw: Draw) -> Case:
    groups = draw(st.sampled_from([1, 1, 2, 3]))
    stride, dilation = draw(pairs(1, 3)), draw(pairs(1, 3))
    padding: Any = draw(st.one_of(st.just("same"), st.just("valid"), paddings(1, words=False)))
    steps, gaps = pair(stride), pair(dilation)
    # The kernel spans at least the stride for 'same', and more than the padding takes away otherwise.
    least = [-(-(max(step, 3) - 1) // gap) + 1 for step, gap in zip(steps, gaps, strict=True)]
    kernel = tuple(draw(st.integers(low, low + 2)) for low in least)
    extra = 0 if padding == "same" else tuple(draw(st.integers(0, step - 1)) for step in steps)
    op = ops.conv.ConvTranspose(
        out_channels=groups * draw(sizes(1, 3)),
        kernel_size=kernel,
        stride=stride,
        padding=padding,
        output_padding=extra,
        dilation=dilation,
        groups=groups,
        bias=draw(st.booleans()),
    )
    return Case(op, ((groups * draw(sizes(1, 3)), draw(sizes(1, 4)), draw(sizes(1, 4))),))


def pools(build: Callable[..., Operator], **more: st.SearchStrategy[Any]) -> Strategy:
    @st.composite
    def drawn(draw: Draw) -> Case:
        kernel = draw(pairs(1, 4))
        padding = draw(paddings(min(pair(kernel)) - 1))
        fields = {name: draw(strategy) for name, strategy in more.items()}
        op = build(
            kernel_size=kernel, stride=draw(pairs(1, 5)), padding=padding, ceil_mode=draw(st.booleans()), **fields
        )
        return Case(op, (map_for(draw, draw(sizes(1, 3)), kernel, padding, fields.get("dilation", 1)),))

    return drawn()


@st.composite
def unpools(draw: Draw) -> Case:
    stride = draw(pairs(1, 3))
    kernel = tuple(step + draw(st.integers(0, 1)) for step in pair(stride))
    padding = 0 if 1 in kernel else draw(st.sampled_from([0, (0, 0, 1, 0)]))
    extra = tuple(draw(st.integers(0, step - 1)) for step in pair(stride))
    op = ops.pool.MaxUnpool(kernel_size=kernel, stride=stride, padding=padding, output_padding=extra)
    x = (draw(sizes(1, 3)), draw(sizes(2, 4)), draw(sizes(2, 4)))
    return Case(op, (x, x))


@st.composite
def attentions(draw: Draw) -> Case:
    heads, queries, keys = draw(sizes(1, 3)), draw(sizes(1, 5)), draw(sizes(1, 5))
    width, out = heads * draw(sizes(1, 3)), heads * draw(sizes(1, 3))
    return Case(ops.linear.Attention(heads=heads), ((queries, width), (keys, width), (keys, out)))


def elementwise(build: Callable[[], Operator]) -> Strategy:
    @st.composite
    def drawn(draw: Draw) -> Case:
        x = draw(tensors)
        number = draw(st.integers(2, 4))
        small = draw(st.integers(0, number)) if len(x) == 3 else number
        return Case(build(), tuple((x[0], 1, 1) if n == small else x for n in range(number)))

    return drawn()


def axes_in(draw: Draw, x: Shape) -> int:
    """An axis, counted from either end."""
    return draw(st.integers(-len(x), len(x) - 1))


@st.composite
def concats(draw: Draw) -> Case:
    x = draw(tensors)
    axis = axes_in(draw, x)
    joined = axis % len(x)
    widths = draw(st.lists(sizes(), min_size=2, max_size=4))
    return Case(ops.merge.Concat(axis=axis), tuple((*x[:joined], w, *x[joined + 1 :]) for w in widths))


@st.composite
def slices(draw: Draw) -> Case:
    x = draw(tensors)
    axis = axes_in(draw, x)
    start = draw(st.integers(0, x[axis] - 1))
    stop = draw(st.integers(start + 1, x[axis]))
    return Case(ops.reshape.SliceChannels(start=start, stop=stop, axis=axis), (x,))


def along(
    build: Callable[..., Operator], reads: st.SearchStrategy[Shape] | None = None, **fields: st.SearchStrategy[Any]
) -> Strategy:
    """Operators of one input that work along one of its axes."""

    @st.composite
    def drawn(draw: Draw) -> Case:
        x = draw(tensors if reads is None else reads)
        given = {name: draw(strategy) for name, strategy in fields.items()}
        return Case(build(axis=axes_in(draw, x), **given), (x,))

    return drawn()


@st.composite
def layer_norms(draw: Draw) -> Case:
    x = draw(tensors)
    axes = draw(st.lists(st.integers(0, len(x) - 1), min_size=1, max_size=len(x), unique=True).map(tuple))
    axis = axes if draw(st.booleans()) else axes_in(draw, x)
    return Case(ops.norm.LayerNorm(axis=axis, affine=draw(st.booleans()), eps=draw(eps)), (x,))


@st.composite
def shuffles(draw: Draw) -> Case:
    groups, each = draw(sizes(1, 4)), draw(sizes(1, 4))
    return Case(ops.reshape.ChannelShuffle(groups=groups), ((groups * each, draw(sizes()), draw(sizes())),))


@st.composite
def selections(draw: Draw) -> Case:
    x = draw(sequences)
    return Case(ops.reshape.SelectToken(index=draw(st.integers(0, x[0] - 1))), (x,))


def one(
    build: Callable[..., Operator], reads: st.SearchStrategy[Shape] = tensors, **fields: st.SearchStrategy[Any]
) -> Strategy:
    """Operators of one input whose fields and shape are free of each other."""
    return st.builds(lambda op, x: Case(op, (x,)), st.builds(build, **fields), reads)


CASES: dict[str, Strategy] = {
    "conv": convs(),
    "conv_transpose": transposed(),
    "linear": one(ops.linear.Linear, out_features=sizes(1, 8), bias=st.booleans()),
    "attention": attentions(),
    "batch_norm": along(ops.norm.BatchNorm, affine=st.booleans(), eps=eps),
    "layer_norm": layer_norms(),
    "lrn": one(
        ops.norm.Lrn,
        maps,
        size=st.sampled_from([1, 3, 5]),
        alpha=st.sampled_from([1e-4, 0.5]),
        beta=st.sampled_from([0.5, 0.75]),
        k=st.sampled_from([1.0, 2.0]),
    ),
    "layer_scale": along(ops.norm.LayerScale, shared=st.booleans()),
    "relu": one(ops.activation.Relu),
    "relu6": one(ops.activation.Relu6),
    "leaky_relu": one(ops.activation.LeakyRelu, slope=st.sampled_from([0.01, 0.3, -0.5])),
    "prelu": along(ops.activation.Prelu, shared=st.booleans()),
    "sigmoid": one(ops.activation.Sigmoid),
    "tanh": one(ops.activation.Tanh),
    "hardsigmoid": one(ops.activation.Hardsigmoid),
    "hardswish": one(ops.activation.Hardswish),
    "silu": one(ops.activation.Silu),
    "gelu": one(ops.activation.Gelu),
    "softmax": along(ops.activation.Softmax),
    "max_pool": pools(ops.pool.MaxPool, dilation=pairs(1, 2)),
    "max_pool_indices": pools(ops.pool.MaxPoolIndices, dilation=pairs(1, 2)),
    "avg_pool": pools(ops.pool.AvgPool, count_include_pad=st.booleans()),
    "global_avg_pool": one(ops.pool.GlobalAvgPool, maps, keep_dims=st.booleans()),
    "global_max_pool": one(ops.pool.GlobalMaxPool, maps, keep_dims=st.booleans()),
    "max_unpool": unpools(),
    "add": elementwise(ops.merge.Add),
    "multiply": elementwise(ops.merge.Multiply),
    "concat": concats(),
    "identity": one(ops.reshape.Identity),
    "dropout": one(ops.reshape.Dropout, rate=st.sampled_from([0.0, 0.5])),
    "flatten": one(ops.reshape.Flatten),
    "pad_channels": one(ops.reshape.PadChannels, maps, before=st.integers(0, 3), after=st.integers(0, 3)),
    "slice_channels": slices(),
    "channel_shuffle": shuffles(),
    "upsample": one(ops.reshape.Upsample, maps, scale=pairs(1, 3), bilinear=st.booleans()),
    "scale": one(ops.reshape.Scale, factor=st.sampled_from([0.17, 2.0, -1.0])),
    "tokens": one(ops.reshape.Tokens, maps),
    "class_token": one(ops.reshape.ClassToken, sequences),
    "position_embedding": one(ops.reshape.PositionEmbedding, sequences),
    "select_token": selections(),
}
