"""For every operator, the cases that the laws are tried on: an operator and the shapes of its inputs.

Sizes are small and lopsided on purpose: with square maps, odd kernels and half padding, swapped axes go unseen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
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
    """An operator and the shapes it reads; `kinds` are the dtypes of its inputs where it may read several, `positive`
    says that its real numbers are to be.
    """

    op: Operator
    shapes: tuple[Shape, ...]
    kinds: tuple[str | None, ...] = ()
    positive: bool = False
    masks: tuple[int, ...] = ()
    """Which inputs hold true and false."""
    drawn: Callable[[np.random.Generator, int], np.ndarray[Any, Any]] | None = None
    """Draws its indices of so many images, where not all will do."""
    axes: tuple[str, ...] = ()
    """Names of the inputs' axes, apart by spaces, where axes of one name have to grow alike; those in capitals grow by
    factors, and those with an @ stay what the field of that name is.
    """

    @property
    def dtypes(self) -> tuple[str | None, ...]:
        whole = "int8" if isinstance(self.op, ops.quantize.Dequantize) else "int64"
        known = dict.fromkeys(self.op.indices, whole) | dict.fromkeys(self.masks, "bool")
        return self.kinds if any(self.kinds) else tuple(known.get(place) for place in range(len(self.shapes)))

    def batch(self, images: int) -> int:
        """How many images a case gives of so many: one, where it reads no input."""
        return images if self.shapes else 1

    def arrays(self, batch: int, seed: int = 0) -> list[np.ndarray[Any, Any]]:
        """Draw the inputs; indices are below the operator's limit, and distinct where it puts values back."""
        rng = np.random.default_rng(seed)

        def drawn(shape: Shape, dtype: str | None) -> np.ndarray[Any, Any]:
            if dtype is None:
                real = rng.standard_normal((batch, *shape), dtype=np.float32) * 3
                if isinstance(self.op, ops.function.Isnan):
                    real[real > 0] = np.nan
                return abs(real) + np.float32(0.1) if self.positive else real
            if dtype == "bool":
                return (rng.random((batch, *shape)) < 0.6) | (np.arange(shape[-1]) == 0)  # the first is always seen
            if isinstance(self.op, ops.pool.MaxUnpool):
                rows, plane = batch * shape[0], int(np.prod(self.op.shape(*self.shapes)[1:]))
                places = [rng.permutation(plane)[: int(np.prod(shape[1:]))] for _ in range(rows)]
                return np.array(places).reshape(batch, *shape)
            if dtype == "int8":
                return rng.integers(-64, 64, (batch, *shape), dtype=np.int8)
            if self.drawn:
                return self.drawn(rng, batch)
            most = self.op.most_index(*self.shapes)
            if isinstance(self.op, ops.arithmetic.Mod):
                return rng.integers(-3, 4, (batch, *shape)) | 1  # nothing is divided by 0
            return rng.integers(-3, 4, (batch, *shape)) if most is None else rng.integers(0, most, (batch, *shape))

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
    groups, each, queries, keys = draw(sizes(1, 2)), draw(sizes(1, 3)), draw(sizes(1, 5)), draw(sizes(1, 5))
    own, out = draw(sizes(2, 3)), draw(sizes(2, 4))
    kind = draw(st.sampled_from(["none", "mask", "bias", "bias of each head"]))
    op = ops.attention.Attention(
        heads=groups * each,
        kv_heads=draw(st.sampled_from([None, groups])) if each == 1 else groups,
        causal=draw(st.booleans()),
        past=draw(st.integers(0, 2)) if kind == "none" else 0,
        scale=draw(st.sampled_from([None, 1.0])),
    )
    shapes: tuple[Shape, ...] = ((queries, groups * each * own), (keys, groups * own), (keys, groups * out))
    axes = ("q F", "k F", "k V")
    if kind != "none":
        shapes = (*shapes, (draw(st.sampled_from([1, queries])), keys))
        axes = (*axes, "q k")
    before = draw(st.sampled_from([(), (2,)]))
    shapes = tuple((*before, *shape) for shape in shapes)
    axes = tuple("b " * len(before) + names for names in axes)
    if kind == "bias of each head":
        shapes = (*shapes[:3], (*shapes[3][:-2], groups * each, *shapes[3][-2:]))
        axes = (*axes[:3], axes[3][:-3] + "@heads q k")
    return Case(op, shapes, masks=(3,) if kind == "mask" else (), axes=axes)


@st.composite
def matmuls(draw: Draw) -> Case:
    m, k, n = draw(sizes()), draw(sizes()), draw(sizes())
    before = draw(st.sampled_from([(), (2,), (3, 2)]))
    turned = draw(st.booleans())
    left, right = (draw(st.sampled_from([before, tuple(1 for _ in before), before[1:]])) for _ in "ab")
    names = "a b"[-2 * len(before) + 1 :] + " " if before else ""
    axes = tuple(names[2 * (len(before) - len(own)) :] for own in (left, right))
    return Case(
        ops.product.Matmul(transpose_b=turned),
        ((*left, m, k), (*right, *((n, k) if turned else (k, n)))),
        axes=(axes[0] + "m k", axes[1] + ("n k" if turned else "k n")),
    )


EQUATIONS = (
    "q h d, k h d -> h q k",
    "... h q k, ... k h d -> ... q h d",
    "ij,jk->ik",
    "ij,ij->ij",
    "i,j->ij",
    "ij,k->k",
    "i j, i k, k l -> l j",
    "a b, b, c b, c -> a",
    "ij,ij->",
)


@st.composite
def einsums(draw: Draw) -> Case:
    equation = draw(st.sampled_from(EQUATIONS))
    terms = ops.product.parsed(equation).inputs
    size = {letter: draw(sizes(1, 4)) for term in terms for letter in term}
    ways = [(2,), (1,)] if draw(st.booleans()) else [()]
    before = [draw(st.sampled_from(ways)) for _ in terms]
    shapes = tuple((*own, *(size[letter] for letter in term)) for own, term in zip(before, terms, strict=True))
    axes = tuple(" ".join(("lead",) * len(own) + term) for own, term in zip(before, terms, strict=True))
    return Case(ops.product.Einsum(equation=equation), shapes, axes=axes)


@st.composite
def lstms(draw: Draw) -> Case:
    case = draw(recurrent(ops.lstm.Lstm))
    projected = draw(st.integers(0, 2)) if case.op.hidden_size > 2 else 0
    return Case(replace(case.op, proj_size=projected), case.shapes)


def recurrent(build: Callable[..., Operator], **more: st.SearchStrategy[Any]) -> Strategy:
    reads = st.one_of(st.tuples(sizes(1, 4), sizes(1, 4)), st.tuples(sizes(1, 3), sizes(1, 4), sizes(1, 4)))
    return one(
        build,
        reads,
        hidden_size=sizes(1, 4),
        layers=sizes(1, 3),
        bidirectional=st.booleans(),
        bias=st.booleans(),
        **more,
    )


@st.composite
def gathers(draw: Draw) -> Case:
    x, places = draw(tensors), draw(tensors)
    return Case(ops.embedding.Gather(axis=axes_in(draw, x)), (x, places))


def within(draw: Draw, x: Shape) -> Shape:
    """Sizes none of which is larger."""
    return tuple(draw(sizes(1, size)) for size in x)


kinds = st.sampled_from(["float", "int64", "int32", "bool"])
reductions = st.sampled_from(["none", "none", "add", "multiply", "minimum", "maximum"])


@st.composite
def one_hots(draw: Draw) -> Case:
    x = draw(tensors)
    op = ops.places.OneHot(classes=draw(sizes(1, 5)), axis=axes_in(draw, (*x, 1)), to=draw(kinds))
    return Case(op, (x,))


@st.composite
def gathered_elements(draw: Draw) -> Case:
    x = draw(tensors)
    return Case(ops.places.GatherElements(axis=axes_in(draw, x)), (x, within(draw, x)))


@st.composite
def scattered(draw: Draw) -> Case:
    """No two indices are the same where one would replace the other: which of both stays nobody says."""
    x = draw(tensors)
    axis, own, dtype = axes_in(draw, x), within(draw, x), draw(st.sampled_from([None, "int64"]))

    def drawn(rng: np.random.Generator, batch: int) -> np.ndarray[Any, Any]:
        rows = (*own[: axis % len(x)], x[axis], *own[axis % len(x) + 1 :])
        order = rng.random((batch, *rows)).argsort(1 + axis % len(x))
        return order.take(np.arange(own[axis]), 1 + axis % len(x))

    op = ops.places.Scatter(axis=axis, reduction=draw(reductions))
    return Case(op, (x, own, own), (dtype, "int64", dtype), drawn=None if dtype else drawn)


def tuples(write: bool) -> Strategy:
    @st.composite
    def drawn(draw: Draw) -> Case:
        x = draw(tensors)
        axes = draw(st.lists(st.integers(0, len(x) - 1), min_size=1, max_size=len(x), unique=True).map(tuple))
        own = [x[axis] for axis in sorted(axes)]
        number = draw(sizes(1, int(np.prod(own))))
        others = [axis for axis in range(len(x)) if axis not in axes]
        places = draw(st.sampled_from([(number,), (1, number)]))
        shapes = (x, (*places, len(axes)))
        names = "abc"[: len(x)]
        named = (" ".join(names), " ".join("pq"[: len(places)]) + " @tuple")
        if not write:
            return Case(ops.places.GatherNd(axis=axes), shapes, axes=named)

        def distinct(rng: np.random.Generator, batch: int) -> np.ndarray[Any, Any]:
            flat = rng.random((batch, int(np.prod(own)))).argsort(1)[:, :number]
            return np.stack(np.unravel_index(flat, own), -1).reshape(batch, *places, len(axes))

        op = ops.places.ScatterNd(axis=axes, reduction=draw(reductions))
        updates = (*places, *(x[axis] for axis in others))
        names = " ".join(["pq"[: len(places)][n] for n in range(len(places))] + [names[axis] for axis in others])
        return Case(op, (*shapes, updates), (None, "int64", None), drawn=distinct, axes=(*named, names))

    return drawn()


@st.composite
def sampled(draw: Draw) -> Case:
    border, corners = draw(st.sampled_from(["constant", "edge", "reflect"])), draw(st.booleans())
    least = 2 if border == "reflect" and corners else 1  # one pixel has no other side to reflect from
    x = (draw(sizes(1, 3)), draw(sizes(least, 6)), draw(sizes(least, 6)))
    grid = (draw(sizes(1, 4)), draw(sizes(1, 4)), 2)
    before, mode = draw(st.sampled_from([(), (2,)])), draw(st.sampled_from(["nearest", "bilinear"]))
    op = ops.grid.GridSample(mode=mode, padding_mode=border, align_corners=corners)
    names = ("b c h w", "b i j @two") if before else ("c h w", "i j @two")
    return Case(op, ((*before, *x), (*before, *grid)), axes=names)


@st.composite
def reshapes(draw: Draw) -> Case:
    parts = draw(st.lists(sizes(1, 4), min_size=1, max_size=4))
    before = draw(st.sampled_from([(), (3,)]))

    def grouped() -> list[int]:
        found: list[int] = []
        for part in draw(st.permutations(parts)):
            if found and draw(st.booleans()):
                found[-1] *= part
            else:
                found.append(part)
        return found

    there = grouped()
    start = draw(st.sampled_from([len(before), -len(there)]))
    return Case(ops.layouts.Reshape(sizes=tuple(grouped()), start_dim=start), ((*before, *there),))


def source(build: Callable[..., Operator], **fields: st.SearchStrategy[Any]) -> Strategy:
    return st.builds(lambda op: Case(op, ()), st.builds(build, **fields))


def elementwise(build: Callable[[], Operator]) -> Strategy:
    @st.composite
    def drawn(draw: Draw) -> Case:
        x = draw(tensors)
        number = draw(st.integers(2, 4))
        small = draw(st.integers(0, number)) if len(x) == 3 else number
        return Case(build(), tuple((x[0], 1, 1) if n == small else x for n in range(number)))

    return drawn()


def spreading(
    build: Callable[..., Operator], *kinds: tuple[str | None, ...], positive: bool = False, **fields: Any
) -> Strategy:
    """Operators of several inputs, with the dtypes of one of `kinds`; some axes of some are of size 1."""

    @st.composite
    def drawn(draw: Draw) -> Case:
        given, dtypes = {name: draw(strategy) for name, strategy in fields.items()}, draw(st.sampled_from(kinds))
        x = draw(tensors)
        shapes = [tuple(1 if draw(st.integers(0, 3)) == 0 else size for size in x) for _ in dtypes]
        full = draw(st.integers(0, len(dtypes) - 1))  # so that no axis shrinks to 1, from which it would not grow
        return Case(build(**given), tuple(x if n == full else s for n, s in enumerate(shapes)), dtypes, positive)

    return drawn()


@st.composite
def powers(draw: Draw) -> Case:
    if draw(st.booleans()):
        return draw(spreading(ops.arithmetic.Power, (None, None), positive=True))
    op = ops.arithmetic.Power(exponent=draw(st.sampled_from([2, 3.0, 0.5, -1.5])))
    return Case(op, (draw(tensors),), positive=True)


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


def over_axes(
    build: Callable[..., Operator],
    reads: st.SearchStrategy[Shape] = tensors,
    kinds: tuple[str | None, ...] = (None,),
    **fields: st.SearchStrategy[Any],
) -> Strategy:
    """Operators of one input that work along one of its axes, or several."""

    @st.composite
    def drawn(draw: Draw) -> Case:
        x = draw(reads)
        axes = draw(st.lists(st.integers(0, len(x) - 1), min_size=1, max_size=len(x), unique=True).map(tuple))
        axis = axes if draw(st.booleans()) else axes_in(draw, x)
        given = {name: draw(strategy) for name, strategy in fields.items()}
        return Case(build(axis=axis, **given), (x,), (draw(st.sampled_from(kinds)),))

    return drawn()


@st.composite
def group_norms(draw: Draw) -> Case:
    groups, space = draw(sizes(1, 3)), draw(st.one_of(st.just(()), st.tuples(sizes(), sizes())))
    x = (groups * draw(sizes(1, 3)), *space)
    axis = draw(st.sampled_from([0, -len(x)]))
    return Case(ops.group_norm.GroupNorm(groups=groups, axis=axis, affine=draw(st.booleans()), eps=draw(eps)), (x,))


@st.composite
def instance_norms(draw: Draw) -> Case:
    x = draw(st.one_of(maps, sequences))
    axis = draw(st.sampled_from([*range(len(x) - 1), *range(-len(x), -1)]))
    return Case(ops.group_norm.InstanceNorm(axis=axis, affine=draw(st.booleans()), eps=draw(eps)), (x,))


@st.composite
def halved(draw: Draw) -> Case:
    x = draw(tensors)
    axis = 0 if len(x) == 3 else len(x) - 1  # which grows by factors, and so stays even
    x = (*x[:axis], 2 * x[axis], *x[axis + 1 :])
    return Case(ops.softmax.Glu(axis=draw(st.sampled_from([axis, axis - len(x)]))), (x,))


def largest(build: Callable[..., Operator], placed: st.SearchStrategy[bool]) -> Strategy:
    """Operators that find the largest elements, or are given where they stand where `placed`."""

    @st.composite
    def drawn(draw: Draw) -> Case:
        x = draw(tensors)
        op = build(k=draw(st.integers(1, x[(axis := axes_in(draw, x))])), axis=axis)
        return Case(op, (x, op.shape(x)) if draw(placed) else (x,))

    return drawn()


@st.composite
def clamps(draw: Draw) -> Case:
    low, high = draw(st.sampled_from([(-1, 2.5), (None, 0.5), (-0.25, None), (1, 1), (-2, 1.0), (0, None)]))
    whole = all(end is None or end == int(end) for end in (low, high))
    dtype = draw(st.sampled_from([None, "int64"])) if whole else None
    return Case(ops.function.Clamp(min=low, max=high), (draw(tensors),), (dtype,))


@st.composite
def shuffles(draw: Draw) -> Case:
    groups, each = draw(sizes(1, 4)), draw(sizes(1, 4))
    return Case(ops.layouts.ChannelShuffle(groups=groups), ((groups * each, draw(sizes()), draw(sizes())),))


@st.composite
def flattens(draw: Draw) -> Case:
    x = draw(tensors)
    first = draw(st.integers(0, len(x) - 1))
    last = draw(st.integers(first, len(x) - 1))
    ends = (first - draw(st.sampled_from([0, len(x)])), last - draw(st.sampled_from([0, len(x)])))
    return Case(ops.layouts.Flatten(start_dim=ends[0], end_dim=ends[1]), (x,))


@st.composite
def rearrangements(draw: Draw) -> Case:
    """Up to five names, put in any order on both sides, and grouped in any way; sizes said where they have to be."""
    names = draw(st.permutations("abcde"[: draw(sizes(1, 5))]))
    size = {name: draw(sizes(1, 3)) for name in names}

    def side(order: list[str]) -> list[list[str]]:
        groups: list[list[str]] = []
        for name in order:
            if groups and draw(st.booleans()):
                groups[-1].append(name)
            else:
                groups.append([name])
        return groups + draw(st.sampled_from([[], [[]]]))

    def written(groups: list[list[str]]) -> str:
        return " ".join(group[0] if len(group) == 1 else f"({' '.join(group)})" if group else "1" for group in groups)

    left, right = side(list(names)), side(draw(st.permutations(names)))
    rest = draw(st.sampled_from(["", "... "]))
    given = tuple((name, size[name]) for group in left for name in group[1:] + draw(st.sampled_from([group[:1], []])))
    shape = tuple(int(np.prod([size[name] for name in group], dtype=int)) for group in left)
    lead = draw(st.lists(sizes(1, 3), max_size=1)) if rest else []
    pattern = f"{rest}{written(left)} -> {rest}{written(right)}"
    return Case(ops.rearrange.Rearrange(pattern=pattern, sizes=given), ((*lead, *shape),))


@st.composite
def transposes(draw: Draw) -> Case:
    x = draw(st.one_of(maps, sequences))
    first, second = draw(st.permutations(range(len(x))))[:2]
    return Case(ops.layouts.Transpose(axes=(first, second - draw(st.sampled_from([0, len(x)])))), (x,))


@st.composite
def squeezes(draw: Draw) -> Case:
    x = list(draw(maps))
    axes = draw(st.lists(st.integers(-3, 2), min_size=1, max_size=3, unique_by=lambda axis: axis % 3).map(tuple))
    for axis in axes:
        x[axis] = 1
    return Case(ops.layouts.Squeeze(axis=axes if len(axes) > 1 or draw(st.booleans()) else axes[0]), (tuple(x),))


@st.composite
def unsqueezes(draw: Draw) -> Case:
    x = draw(tensors)
    return Case(ops.layouts.Unsqueeze(axis=axes_in(draw, (*x, 1))), (x,))


@st.composite
def from_tokens(draw: Draw) -> Case:
    height, width = draw(sizes()), draw(sizes())
    return Case(ops.layouts.FromTokens(height=height, width=width), ((height * width, draw(sizes())),))


def shuffled(build: Callable[..., Operator], field: str, powers: Shape) -> Strategy:
    """A factor, and sizes that are multiples of its powers."""

    @st.composite
    def drawn(draw: Draw) -> Case:
        factor = draw(sizes(1, 3))
        return Case(build(**{field: factor}), (tuple(draw(sizes(1, 4)) * factor**power for power in powers),))

    return drawn()


@st.composite
def partitions(draw: Draw, back: bool = False) -> Case:
    window, number, channels = draw(pairs(1, 3)), (draw(sizes(1, 3)), draw(sizes(1, 3))), draw(sizes())
    height, width = (own * many for own, many in zip(pair(window), number, strict=True))
    if back:
        x = (number[0] * number[1], pair(window)[0] * pair(window)[1], channels)
        return Case(ops.layouts.WindowReverse(window_size=window, height=height, width=width), (x,))
    return Case(ops.layouts.WindowPartition(window_size=window), ((channels, height, width),))


def some_axes(draw: Draw, x: Shape) -> tuple[int, ...]:
    """Some axes in any order, each counted from either end."""
    places = draw(st.permutations(range(len(x))))[: draw(st.integers(1, len(x)))]
    return tuple(place - draw(st.sampled_from([0, len(x)])) for place in places)


def said(values: list[Any]) -> Any:
    """What is written for a list of values: one alone stands without brackets."""
    return values[0] if len(values) == 1 else tuple(values)


@st.composite
def cuts(draw: Draw) -> Case:
    x = draw(tensors)
    axes = some_axes(draw, x)
    rows = []
    for axis in axes:
        start = draw(st.integers(0, x[axis] - 1))
        stop = draw(st.integers(start + 1, x[axis]))
        from_end = start - draw(st.sampled_from([0, x[axis]]))
        rows.append(
            (from_end, stop if stop == x[axis] else stop - draw(st.sampled_from([0, x[axis]])), draw(sizes(1, 3)))
        )
    start, stop, step = (said(list(column)) for column in zip(*rows, strict=True))
    return Case(ops.move.Slice(axis=said(list(axes)), start=start, stop=stop, step=step), (x,))


@st.composite
def splits(draw: Draw) -> Case:
    x = list(draw(tensors))
    axis = axes_in(draw, tuple(x))
    number = draw(sizes(1, 4))
    index = draw(st.integers(0, number - 1))
    if draw(st.booleans()):
        x[axis] = number * draw(sizes(1, 3))
        return Case(ops.move.Split(parts=number, index=index, axis=axis), (tuple(x),))
    widths = tuple(draw(sizes(1, 3)) for _ in range(number))
    x[axis] = sum(widths)
    return Case(ops.move.Split(sizes=widths, index=index, axis=axis), (tuple(x),))


@st.composite
def crops(draw: Draw) -> Case:
    x = draw(tensors)
    axes = some_axes(draw, x)
    size = {axis: draw(st.integers(1, x[axis])) for axis in axes}
    start = said([draw(st.integers(0, x[axis] - size[axis])) for axis in axes]) if draw(st.booleans()) else None
    if not draw(st.booleans()):
        return Case(ops.move.Crop(size=said(list(size.values())), start=start, axis=said(list(axes))), (x,))
    like = list(draw(tensors.filter(lambda y: len(y) == len(x))))
    for axis in axes:
        like[axis] = size[axis]
    return Case(ops.move.Crop(start=start, axis=said(list(axes))), (x, tuple(like)))


@st.composite
def pads(draw: Draw) -> Case:
    x = draw(tensors)
    axes, mode = some_axes(draw, x), draw(st.sampled_from(["constant", "reflect", "edge"]))
    before, after = (
        said([draw(st.integers(0, min(3, x[axis] - 1) if mode == "reflect" else 3)) for axis in axes]) for _ in range(2)
    )
    value = draw(st.sampled_from([0.0, -1.5]))
    return Case(ops.move.Pad(axis=said(list(axes)), before=before, after=after, mode=mode, value=value), (x,))


@st.composite
def rolls(draw: Draw) -> Case:
    x = draw(tensors)
    axes = some_axes(draw, x)
    shifts = said([draw(st.integers(-7, 7)) for _ in axes])
    return Case(ops.move.Roll(shifts=shifts, axis=said(list(axes))), (x,))


def triangles(build: Callable[..., Operator]) -> Strategy:
    reads, diagonal = st.one_of(maps, sequences), st.integers(-4, 4)
    return st.one_of(*(one(build, reads, kind=kind, diagonal=diagonal) for kind in (None, "int64", "bool")))


@st.composite
def broadcasts(draw: Draw) -> Case:
    x = list(draw(tensors))
    out = [draw(sizes(1, 4)) if size == 1 or draw(st.booleans()) else size for size in x]
    x = [size if size == now else 1 for size, now in zip(x, out, strict=True)]
    return Case(ops.move.BroadcastTo(sizes=tuple(out[draw(st.integers(0, len(out) - 1)) :])), (tuple(x),))


@st.composite
def tiles(draw: Draw) -> Case:
    x = draw(tensors)
    axes = some_axes(draw, x)
    return Case(ops.move.Tile(repeats=said([draw(sizes(1, 3)) for _ in axes]), axis=said(list(axes))), (x,))


@st.composite
def stacks(draw: Draw) -> Case:
    x = draw(tensors)
    return Case(ops.move.Stack(axis=axes_in(draw, (*x, 1))), (x,) * draw(sizes(2, 4)))


@st.composite
def resizes(draw: Draw) -> Case:
    """One to three axes of space. Nearest goes to whole multiples or parts, where no rounding decides."""
    mode = draw(st.sampled_from(["nearest", "linear", "bilinear", "trilinear", "bicubic"]))
    axes = ops.resize.AXES.get(mode, draw(sizes(1, 3)))
    x = (draw(sizes(1, 3)), *(draw(sizes(1, 6)) for _ in range(axes)))
    corners = mode != "nearest" and draw(st.booleans())
    scales = [draw(st.sampled_from([1, 2, 3, 0.5, 1.25, 1.5])) for _ in range(axes)]
    # ONNX Runtime copies an axis that keeps its size, whatever the scale.
    if all((size * by >= 1 and int(size * by) != size) or by == 1 for size, by in zip(x[1:], scales, strict=True)):
        how = {"scale": tuple(scales) if draw(st.booleans()) or len(set(scales)) > 1 else scales[0]}
    else:
        how = {"size": tuple(draw(sizes(1, 7)) for _ in range(axes))}
    return Case(ops.resize.Resize(mode=mode, align_corners=corners, **how), (x,))


@st.composite
def unfolds(draw: Draw) -> Case:
    kernel, dilation, padding = draw(pairs(1, 3)), draw(pairs(1, 2)), draw(paddings(2))
    op = ops.unfold.Unfold(kernel_size=kernel, stride=draw(pairs(1, 3)), padding=padding, dilation=dilation)
    return Case(op, (map_for(draw, draw(sizes(1, 3)), kernel, padding, dilation),))


@st.composite
def folds(draw: Draw) -> Case:
    case = draw(unfolds())
    (x,) = case.shapes
    fields = {name: getattr(case.op, name) for name in ("kernel_size", "stride", "padding", "dilation")}
    return Case(ops.unfold.Fold(output_size=x[1:], **fields), (case.op.shape(x),))


@st.composite
def selections(draw: Draw) -> Case:
    x = draw(sequences)
    return Case(ops.reshape.SelectToken(index=draw(st.integers(0, x[0] - 1))), (x,))


def one(
    build: Callable[..., Operator],
    reads: st.SearchStrategy[Shape] = tensors,
    kind: str | None = None,
    positive: bool = False,
    **fields: st.SearchStrategy[Any],
) -> Strategy:
    """Operators of one input whose fields and shape are free of each other."""
    return st.builds(lambda op, x: Case(op, (x,), (kind,), positive), st.builds(build, **fields), reads)


CASES: dict[str, Strategy] = {
    "conv": convs(),
    "conv_transpose": transposed(),
    "linear": one(ops.linear.Linear, out_features=sizes(1, 8), bias=st.booleans()),
    "attention": attentions(),
    "matmul": matmuls(),
    "einsum": einsums(),
    "rnn": recurrent(ops.recurrent.Rnn, nonlinearity=st.sampled_from(["tanh", "relu"])),
    "gru": recurrent(ops.recurrent.Gru),
    "lstm": lstms(),
    "embedding": one(ops.embedding.Embedding, num_embeddings=sizes(1, 8), embedding_dim=sizes(1, 5)),
    "gather": gathers(),
    "one_hot": one_hots(),
    "gather_elements": gathered_elements(),
    "scatter": scattered(),
    "gather_nd": tuples(write=False),
    "scatter_nd": tuples(write=True),
    "grid_sample": sampled(),
    "cast": st.one_of(*(one(ops.cast.Cast, to=kinds, kind=kind) for kind in (None, "int64", "bool"))),
    "parameter": source(ops.source.Parameter, size=tensors),
    "constant": st.one_of(
        source(ops.source.Constant, size=tensors, value=st.sampled_from([None, 0.0, 2.5])),
        source(ops.source.Constant, size=tensors, below=sizes(1, 9)),
        source(ops.source.Constant, size=tensors, below=st.just(8), value=st.sampled_from([0, 7.0])),
        source(ops.source.Constant, size=tensors, mask=st.just(True), value=st.sampled_from([None, 0, 1])),
    ),
    "arange": source(ops.source.Arange, start=st.integers(0, 3), stop=st.integers(4, 9)),
    "batch_norm": along(ops.norm.BatchNorm, affine=st.booleans(), eps=eps),
    "layer_norm": over_axes(ops.norm.LayerNorm, affine=st.booleans(), eps=eps),
    "group_norm": group_norms(),
    "instance_norm": instance_norms(),
    "rms_norm": over_axes(ops.magnitude.RmsNorm, affine=st.booleans(), eps=eps),
    "l2_norm": over_axes(ops.magnitude.L2Norm, eps=st.sampled_from([1e-12, 2.0])),
    "grn": along(ops.magnitude.Grn, st.one_of(maps, sequences), eps=eps),
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
    "gelu": one(ops.activation.Gelu, approximate=st.sampled_from(["none", "tanh"])),
    "elu": one(ops.rectifier.Elu, alpha=st.sampled_from([1.0, 0.4])),
    "selu": one(ops.rectifier.Selu),
    "celu": one(ops.rectifier.Celu, alpha=st.sampled_from([1.0, 0.4, 2.5])),
    "rrelu": one(ops.rectifier.Rrelu, lower=st.sampled_from([0.125, 0.0]), upper=st.sampled_from([1 / 3, 0.5])),
    "hardtanh": one(ops.rectifier.Hardtanh, min_val=st.sampled_from([-1.0, -0.5]), max_val=st.sampled_from([1.0, 3])),
    "threshold": one(ops.rectifier.Threshold, threshold=st.sampled_from([0.0, 1]), value=st.sampled_from([-2, 0.5])),
    "softshrink": one(ops.rectifier.Softshrink, lambd=st.sampled_from([0.5, 0, 2.0])),
    "hardshrink": one(ops.rectifier.Hardshrink, lambd=st.sampled_from([0.5, 0, 2.0])),
    "softplus": one(ops.smooth.Softplus, beta=st.sampled_from([1.0, 0.3, 2])),
    "softsign": one(ops.smooth.Softsign),
    "mish": one(ops.smooth.Mish),
    "logsigmoid": one(ops.smooth.Logsigmoid),
    "tanhshrink": one(ops.smooth.Tanhshrink),
    "softmax": along(ops.softmax.Softmax),
    "log_softmax": along(ops.softmax.LogSoftmax),
    "softmin": along(ops.softmax.Softmin),
    "glu": halved(),
    "exp": one(ops.function.Exp),
    "log": one(ops.function.Log, positive=True),
    "sqrt": one(ops.function.Sqrt, positive=True),
    "rsqrt": one(ops.function.Rsqrt, positive=True),
    "reciprocal": one(ops.function.Reciprocal, positive=True),
    "sin": one(ops.function.Sin),
    "cos": one(ops.function.Cos),
    "erf": one(ops.function.Erf),
    "abs": st.one_of(one(ops.function.Abs), one(ops.function.Abs, kind="int64")),
    "neg": st.one_of(one(ops.function.Neg), one(ops.function.Neg, kind="int64")),
    "square": st.one_of(one(ops.function.Square), one(ops.function.Square, kind="int64")),
    "sign": st.one_of(one(ops.function.Sign), one(ops.function.Sign, kind="int64")),
    "floor": one(ops.function.Floor),
    "ceil": one(ops.function.Ceil),
    "round": one(ops.function.Round),
    "isnan": one(ops.function.Isnan),
    "clamp": clamps(),
    "shift": st.one_of(
        one(ops.function.Shift, amount=st.sampled_from([1, -0.5])),
        one(ops.function.Shift, kind="int64", amount=st.sampled_from([1, -2.0])),
    ),
    "not": one(ops.function.Not, kind="bool"),
    "max_pool": pools(ops.pool.MaxPool, dilation=pairs(1, 2)),
    "max_pool_indices": pools(ops.pool.MaxPoolIndices, dilation=pairs(1, 2)),
    "avg_pool": pools(ops.pool.AvgPool, count_include_pad=st.booleans()),
    "global_avg_pool": one(ops.pool.GlobalAvgPool, maps, keep_dims=st.booleans()),
    "global_max_pool": one(ops.pool.GlobalMaxPool, maps, keep_dims=st.booleans()),
    "max_unpool": unpools(),
    "adaptive_avg_pool": one(ops.adaptive.AdaptiveAvgPool, maps, output_size=pairs(1, 7)),
    "adaptive_max_pool": one(ops.adaptive.AdaptiveMaxPool, maps, output_size=pairs(1, 7)),
    "unfold": unfolds(),
    "fold": folds(),
    "quantize": one(ops.quantize.Quantize, axis=st.none()) | along(ops.quantize.Quantize),
    "dequantize": one(ops.quantize.Dequantize, axis=st.none()) | along(ops.quantize.Dequantize),
    "add": elementwise(ops.merge.Add),
    "multiply": elementwise(ops.merge.Multiply),
    "subtract": spreading(ops.arithmetic.Subtract, (None, None), ("int64", "int64")),
    "divide": spreading(ops.arithmetic.Divide, (None, None), positive=True),
    "power": powers(),
    "mod": spreading(ops.arithmetic.Mod, (None, None), ("int64", "int64"), truncated=st.booleans()),
    "minimum": spreading(ops.arithmetic.Minimum, (None, None), ("int64", "int64")),
    "maximum": spreading(ops.arithmetic.Maximum, (None, None), ("int64", "int64")),
    "compare": spreading(
        ops.arithmetic.Compare, (None, None), ("int64", "int64"), how=st.sampled_from(sorted(ops.arithmetic.NODES))
    ),
    "and": spreading(ops.arithmetic.And, ("bool", "bool")),
    "or": spreading(ops.arithmetic.Or, ("bool", "bool")),
    "xor": spreading(ops.arithmetic.Xor, ("bool", "bool")),
    "where": spreading(ops.arithmetic.Where, ("bool", None, None), ("bool", "int64", "int64")),
    "concat": concats(),
    "sum": over_axes(ops.reduce.Sum, kinds=(None, "int64"), keep_dims=st.booleans()),
    "mean": over_axes(ops.reduce.Mean, keep_dims=st.booleans()),
    "max": over_axes(ops.reduce.Max, kinds=(None, "int64"), keep_dims=st.booleans()),
    "min": over_axes(ops.reduce.Min, kinds=(None, "int64"), keep_dims=st.booleans()),
    "prod": over_axes(ops.reduce.Prod, sequences, (None, "int64"), keep_dims=st.booleans()),
    "argmax": along(ops.reduce.Argmax, keep_dims=st.booleans()),
    "argmin": along(ops.reduce.Argmin, keep_dims=st.booleans()),
    "top_k": largest(ops.largest.TopK, st.booleans()),
    "top_k_indices": largest(ops.largest.TopKIndices, st.just(False)),
    "cumsum": along(ops.reduce.Cumsum),
    "identity": one(ops.reshape.Identity),
    "dropout": one(ops.reshape.Dropout, rate=st.sampled_from([0.0, 0.5])),
    "flatten": flattens(),
    "reshape": reshapes(),
    "rearrange": rearrangements(),
    "transpose": transposes(),
    "squeeze": squeezes(),
    "unsqueeze": unsqueezes(),
    "from_tokens": from_tokens(),
    "pixel_shuffle": shuffled(ops.layouts.PixelShuffle, "upscale_factor", (2, 0, 0)),
    "pixel_unshuffle": shuffled(ops.layouts.PixelUnshuffle, "downscale_factor", (0, 1, 1)),
    "focus": one(ops.layouts.Focus, st.tuples(sizes(), *[sizes(1, 3).map(lambda half: 2 * half)] * 2)),
    "window_partition": partitions(),
    "window_reverse": partitions(back=True),
    "slice": cuts(),
    "split": splits(),
    "crop": crops(),
    "pad": pads(),
    "roll": rolls(),
    "flip": over_axes(ops.move.Flip),
    "tril": triangles(ops.triangle.Tril),
    "triu": triangles(ops.triangle.Triu),
    "broadcast_to": broadcasts(),
    "tile": tiles(),
    "stack": stacks(),
    "pad_channels": one(ops.reshape.PadChannels, maps, before=st.integers(0, 3), after=st.integers(0, 3)),
    "slice_channels": slices(),
    "channel_shuffle": shuffles(),
    "upsample": one(ops.resize.Upsample, maps, scale=pairs(1, 3), bilinear=st.booleans()),
    "resize": resizes(),
    "scale": st.one_of(
        one(ops.reshape.Scale, factor=st.sampled_from([0.17, 2.0, -1.0])),
        one(ops.reshape.Scale, kind="int64", factor=st.sampled_from([2.0, -1])),
    ),
    "tokens": one(ops.layouts.Tokens, maps),
    "class_token": one(ops.reshape.ClassToken, sequences),
    "position_embedding": one(ops.reshape.PositionEmbedding, sequences),
    "select_token": selections(),
}
