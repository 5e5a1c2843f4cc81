"""Attention between token sequences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from costmodel.numbers.arithmetic import Number, Shape, equal, holds, is_plain, product, show_shape
from costmodel.ops import attention_kept, lead
from costmodel.ops.base import Cost, Emit, Operator, Weights, require, require_divides
from costmodel.ops.fields import Count, Kernel, Real, Size

if TYPE_CHECKING:
    from costmodel.ops.base import Array
    from costmodel.ops.saved import Saved


class Attention(Operator):
    """Scaled dot-product attention of `heads` heads: softmax(q k' / sqrt(head width)) v, from queries, keys and values
    (..., tokens, features); whatever stands before the tokens repeats.

    Keys and values may be of another number of tokens than the queries. They have `kv_heads` heads where that is given,
    each read by as many heads of the queries (grouped queries). `scale` replaces 1 / sqrt(head width).
    A fourth input is a mask or a bias of the scores: (..., queries, keys) for all heads or (..., heads, queries, keys),
    spread over the scores; real numbers are added, and of true and false the true ones may be seen.
    `past` earlier tokens stand before the keys and values given; theirs were kept by earlier steps, so they are read,
    not computed. `run` and ONNX take zeros for them. Where `causal`, a query sees those and the keys up to its own.
    mult_adds = queries * (past + keys) * (query features + output features): the whole square also where `causal`, as
    PyTorch's counter and plain kernels have it. other_ops: 6 per head and pair of tokens (scale and softmax), and 1
    more where a mask or bias is added. The projections before and after are linear layers of their own. The scores are
    not counted as an array that leaves the kernel.
    While training, weights are dropped at the rate `dropout`. `kernel` says how eager PyTorch computes it then:
    `whole`, in one kernel that keeps no scores, or in `pieces`, products and a softmax; `auto` as the axes and the mask
    have it. What drops weights is computed in pieces on a processor. `gathers` says that the heads of values are laid
    together for that first. Nothing but what a training step keeps depends on these.
    Source: Vaswani et al. 2017 (arXiv:1706.03762), equation 1; grouped queries: Ainslie et al. 2023 (arXiv:2305.13245).
    """

    family = "matmul"
    inputs = (3, 4)

    heads: Size
    kv_heads: Size | None = None
    causal: bool = False
    past: Count = 0
    scale: Real | None = None
    dropout: Real = 0
    kernel: Kernel = "auto"
    gathers: bool = False

    def shape(self, q: Shape, k: Shape, v: Shape, mask: Shape | None = None) -> Shape:
        self._require_sequences(q, k, v)
        require(
            0 <= self.dropout < 1, lambda: f"dropout must be at least 0 and below 1, but is {self.dropout}", "dropout"
        )
        scores = self.scores(q, k, v)
        if mask is not None:
            _require_mask(mask, scores)
        return (*_before((*scores[:-3], 1, 1), v), q[-2], self._width(v))

    def scores(self, q: Shape, k: Shape, v: Shape) -> Shape:
        """Return the shape of the scores: (..., heads, queries, keys)."""
        return (*_before(q, k), self.heads, q[-2], self._keys(k))

    def _require_sequences(self, q: Shape, k: Shape, v: Shape) -> None:
        """Raise a ShapeError unless queries, keys and values fit one another and the heads."""
        require(
            len(q) > 1 and len(q) == len(k) == len(v),
            lambda: f"attention reads three token sequences, but got {', '.join(map(show_shape, (q, k, v)))}",
        )
        groups = self.groups()
        require_divides(
            groups, self.heads, lambda: f"kv_heads = {groups} does not divide heads = {self.heads}", "kv_heads"
        )
        ours, theirs = q[-1] * groups, k[-1] * self.heads
        wide = equal(q[-1], k[-1]) if self.kv_heads is None else (ours <= theirs) & (ours >= theirs)  # so for symbols
        rule = "queries and keys must be equally wide" if self.kv_heads is None else "their heads must be equally wide"
        require(
            holds(wide) and holds(equal(k[-2], v[-2])),
            lambda: (
                f"queries {show_shape(q)}, keys {show_shape(k)} and values {show_shape(v)} do not fit: "
                f"{rule}, keys and values equally many"
            ),
        )
        for heads, width, field in ((self.heads, q[-1], "heads"), (groups, v[-1], "kv_heads")):
            own = "heads" if self.kv_heads is None else field
            require_divides(heads, width, lambda h=heads, w=width, own=own: f"{own} = {h} does not divide {w}", own)  # type: ignore[misc]

    def groups(self) -> Number:
        """Return how many heads keys and values have."""
        return self.heads if self.kv_heads is None else self.kv_heads

    def _keys(self, k: Shape) -> Number:
        """Return how many keys a query meets."""
        return k[-2] if is_plain(self.past) and self.past == 0 else k[-2] + self.past

    def _width(self, v: Shape) -> Number:
        """Return the features of the output: the values' own for each head of the queries."""
        return v[-1] if self.kv_heads is None else v[-1] * (self.heads // self.kv_heads)

    def kept(self, q: Shape, k: Shape, v: Shape, mask: Shape | None = None) -> Number:
        return self.past * (product((*k[:-2], k[-1])) + product((*v[:-2], v[-1])))

    def saved(self, q: Shape, k: Shape, v: Shape, mask: Shape | None = None) -> tuple[Saved, ...]:
        return attention_kept.saved(self, q, k, v, mask)

    def scratch(self, q: Shape, k: Shape, v: Shape, mask: Shape | None = None) -> Number:
        return attention_kept.scratch(self, q, k, v, mask)

    def cost(self, q: Shape, k: Shape, v: Shape, mask: Shape | None = None) -> Cost:
        *before, _, width = self.shape(q, k, v, mask)
        scores = product(self.scores(q, k, v))
        pairs = q[-2] * self._keys(k)
        mult_adds = product(_before(q, k)) * pairs * q[-1] + product(before) * pairs * width
        return Cost(mult_adds=mult_adds, other_ops=(6 if mask is None else 7) * scores)

    def window(self, q: Shape, k: Shape, v: Shape, mask: Shape | None = None) -> None:
        return None

    def _scale(self, width: int) -> float:
        return float((width // self.heads) ** -0.5 if self.scale is None else self.scale)

    def run(self, weights: Weights, q: Array, k: Array, v: Array, mask: Array | None = None) -> Array:
        import numpy as np

        from costmodel.ops import arrays

        def split(x: Array, heads: int) -> Array:
            apart = x.reshape(*x.shape[:-1], heads, -1).swapaxes(-2, -3)
            return apart.repeat(self.heads // heads, axis=-3) if heads != self.heads else apart

        def read(x: Array) -> Array:
            kept = np.zeros((*x.shape[:-2], self.past, x.shape[-1]), x.dtype)
            return split(np.concatenate((kept, x), axis=-2) if self.past else x, self.groups())

        scores = arrays.contract(split(q, self.heads), read(k).swapaxes(-1, -2)) * self._scale(q.shape[-1])
        if mask is not None:
            scores = scores + _added(mask.reshape(len(mask), *_levelled(mask.shape[1:], q.ndim)), q.dtype)
        if self.causal:
            scores = scores + _added(self._seen(*scores.shape[-2:]), q.dtype)
        out = arrays.contract(arrays.softmax(scores, -1), read(v)).swapaxes(-2, -3)
        return out.reshape(*out.shape[:-2], -1)

    def _seen(self, queries: int, keys: int) -> Array:
        """Return for each query and key whether the one sees the other, where that is causal."""
        import numpy as np

        return np.tri(queries, keys, self.past, dtype=bool)

    def onnx(self, emit: Emit, weights: Mapping[str, str], q: str, k: str, v: str, *mask: str) -> str:
        rank = len(emit.shape(q)) + 2
        scale = emit.constant(self._scale(emit.shape(q)[-1]))
        keys = emit("Transpose", self._read(emit, k), perm=_swapped(rank, -1, -2))
        scores = emit("Mul", emit("MatMul", _split(emit, q, emit.shape(q), self.heads), keys), scale)
        for one in mask:
            bias = emit("Reshape", one, emit.constant([-1, *_levelled(emit.shape(one), rank - 1)]))
            if emit.dtype(one) == "bool":
                bias = emit("Where", bias, emit.constant(0.0), emit.constant(float("-inf")))
            scores = emit("Add", scores, bias)
        if self.causal:
            seen = self._seen(emit.shape(q)[-2], self._keys(emit.shape(k)))
            scores = emit("Add", scores, emit.constant(_added(seen, "float32")))
        mixed = emit("MatMul", emit("Softmax", scores, axis=-1), self._read(emit, v))
        joined = emit("Transpose", mixed, perm=_swapped(rank, -2, -3))
        return emit("Reshape", joined, emit.constant([0, *self.shape(*map(emit.shape, (q, k, v)))]))

    def _read(self, emit: Emit, x: str) -> str:
        """Write keys or values as (batch, ..., heads, tokens, head width): those kept come first, and each head as
        often as queries read it.
        """
        *before, tokens, features = emit.shape(x)
        none = [0] * (len(before) + 1)
        kept = emit("Pad", x, emit.constant([*none, self.past, 0, *none, 0, 0])) if self.past else x
        shape = (*before, tokens + self.past, features)
        own = self.groups()
        apart = _split(emit, kept, shape, own)
        if own == self.heads:
            return apart
        each, wide = self.heads // own, features // own
        alone = emit("Unsqueeze", apart, emit.constant([-3]))
        many = emit("Tile", alone, emit.constant([1, *[1] * len(before), 1, each, 1, 1]))
        return emit("Reshape", many, emit.constant([0, *before, self.heads, shape[-2], wide]))


def _before(*sequences: Shape) -> Shape:
    """Return what stands before tokens and features, where that of several sequences is spread."""
    return lead.spread(
        tuple(x[:-2] for x in sequences),
        lambda: f"what stands before the tokens does not fit: {', '.join(map(show_shape, sequences))}",
    )


def _levelled(mask: Shape, rank: int) -> Shape:
    """Return the shape of a mask with as many axes as the scores of one image: heads, and before them what repeats."""
    own = mask if len(mask) == rank else (*mask[:-2], 1, *mask[-2:])
    return (*[1] * (rank - len(own)), *own)


_MASK_ALONE = "it has the axes queries and keys, or heads, queries and keys, each of its size or of size 1"
_MASK_OF_MORE = (
    "it is (..., queries, keys) for all heads, or (..., heads, queries, keys) with all axes that stand before the "
    "heads, each of its size or of size 1; unsqueeze makes one"
)


def _require_mask(mask: Shape, scores: Shape) -> None:
    """Raise a ShapeError unless a mask spreads over the scores (..., heads, queries, keys)."""
    require(
        2 <= len(mask) <= len(scores)
        and all(
            holds(equal(size, 1) | equal(size, most))
            for size, most in zip(_levelled(mask, len(scores)), scores, strict=True)
        ),
        lambda: f"a mask of {show_shape(mask)} does not spread over scores of {show_shape(scores)}",
        hint=_MASK_ALONE if len(scores) == 3 else _MASK_OF_MORE,
    )


def _split(emit: Emit, x: str, shape: Shape, heads: int) -> str:
    """Write a sequence of that shape, of one image, as (batch, ..., heads, tokens, head width)."""
    *before, tokens, features = shape
    apart = emit("Reshape", x, emit.constant([0, *before, tokens, heads, features // heads]))
    return emit("Transpose", apart, perm=_swapped(len(shape) + 2, -2, -3))


def _added(mask: Array, dtype: Any) -> Array:
    """Return what is added to the scores: a bias as it is, and of true and false nothing and minus infinity."""
    import numpy as np

    if mask.dtype.kind != "b":
        return mask
    out: Array = np.where(mask, 0.0, -np.inf).astype(dtype)
    return out


def _swapped(rank: int, first: int, second: int) -> list[int]:
    """Return the order of so many axes in which two have changed places."""
    order = list(range(rank))
    order[first], order[second] = order[second], order[first]
    return order
