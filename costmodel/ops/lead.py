"""What stands before an operator's own axes: it repeats the work, and changes nothing else."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import TYPE_CHECKING

from costmodel.numbers.arithmetic import Number, Shape, equal, largest, same
from costmodel.ops.base import require

if TYPE_CHECKING:
    from costmodel.ops.base import Array, Emit


def split(x: Shape, own: int) -> tuple[Shape, Shape]:
    """Return the axes that repeat, and the last `own` ones."""
    return x[: len(x) - own], x[len(x) - own :]


def fold(x: Array, own: int) -> Array:
    """Return an array (batch, *lead, *own axes) as (batch * lead, *own axes)."""
    return x.reshape(-1, *x.shape[x.ndim - own :]) if x.ndim > own + 1 else x


def unfold(out: Array, like: Array, own: int) -> Array:
    """Return what was computed on `fold(like, own)` with the axes before its own as they were."""
    return out.reshape(*like.shape[: like.ndim - own], *out.shape[1:]) if like.ndim > own + 1 else out


def emitted(emit: Emit, x: str, own: int, out: Shape, write: Callable[[str], str]) -> str:
    """Write nodes that know no axes but the batch before their own: fold what repeats into the batch, and back.

    `out` is the shape of the result, of one image.
    """
    lead, core = split(emit.shape(x), own)
    if not lead:
        return write(x)
    result = write(emit("Reshape", x, emit.constant([-1, *core])))
    return emit("Reshape", result, emit.constant([-1, *out]))


def level(arrays: tuple[Array, ...]) -> list[Array]:
    """Return arrays (batch, *shape) with as many axes each, so that they spread over one another as NumPy does."""
    rank = max(x.ndim for x in arrays)
    return [x.reshape(len(x), *[1] * (rank - x.ndim), *x.shape[1:]) for x in arrays]


def levelled(emit: Emit, names: tuple[str, ...]) -> list[str]:
    """Write what `level` does."""
    rank = max(len(emit.shape(x)) for x in names)
    missing = [rank - len(emit.shape(x)) for x in names]
    return [
        emit("Unsqueeze", x, emit.constant([1 + n for n in range(more)])) if more else x
        for x, more in zip(names, missing, strict=True)
    ]


def carrying(arrays: tuple[Array, ...]) -> list[Array]:
    """Return arrays that all have the batch: one that was computed from sources alone is repeated for each image."""
    import numpy as np

    batch = max(map(len, arrays))
    return [np.broadcast_to(x, (batch, *x.shape[1:])) if len(x) < batch else x for x in arrays]


def carried(emit: Emit, names: tuple[str, ...]) -> list[str]:
    """Write what `carrying` does."""
    with_batch = [x for x in names if emit.batched(x)]
    if len(with_batch) in (0, len(names)):
        return list(names)
    batch = emit("Shape", with_batch[0], start=0, end=1)

    def repeated(x: str) -> str:
        return emit("Expand", x, emit("Concat", batch, emit.constant([*emit.shape(x)]), axis=0))

    return [x if emit.batched(x) else repeated(x) for x in names]


def spread(shapes: tuple[Shape, ...], sentence: Callable[[], str], hint: str = "") -> Shape:
    """Return the shape of tensors that spread over one another as NumPy's do: aligned at the last axis, and along each
    axis of one size, or of size 1.

    Raises:
        ShapeError: with the `sentence` if they do not.
    """
    rank = max(map(len, shapes))
    rows = [(*[1] * (rank - len(x)), *x) for x in shapes]
    return tuple(_common(sizes, sentence, hint) for sizes in zip(*rows, strict=True))


def _common(sizes: tuple[Number, ...], sentence: Callable[[], str], hint: str) -> Number:
    """Return the largest size of an axis, which all others equal or are 1."""
    others = [size for size in sizes if not same(size, 1)]
    most = reduce(largest, others) if others else sizes[0]
    for size in sizes:
        require(equal(size, most) | equal(size, 1), sentence, hint=hint)
    return most
