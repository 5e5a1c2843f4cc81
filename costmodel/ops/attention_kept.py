"""What attention keeps for its backward pass: by one kernel, or in products and a softmax."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from costmodel.numbers.arithmetic import Number, Shape, is_plain, largest, product, same
from costmodel.ops.saved import OUTPUT, By, Saved

if TYPE_CHECKING:
    from costmodel.ops.attention import Attention


def saved(op: Attention, q: Shape, k: Shape, v: Shape, mask: Shape | None) -> tuple[Saved, ...]:
    """Return what is kept, as operators say it."""
    places = range(3 if mask is None else 4)
    least = [Saved(place, keeper="minimum") for place in places]
    if drops(op):
        least.append(Saved("mask", keeper="minimum", numbers=product(op.scores(q, k, v)), dtype="bool"))
    return (*least, *_whole(op, q, k, v, mask), *_pieces(op, q, k, v, mask))


def drops(op: Attention) -> bool:
    """Say whether it drops any weights."""
    return not (is_plain(op.dropout) and op.dropout == 0)


def in_pieces(op: Attention, q: Shape, v: Shape, mask: Shape | None = None) -> bool:
    """Say whether no kernel of PyTorch's for processors computes the whole, whatever numbers a mask has. Where nobody
    says so: for what drops weights, and for sequences with further axes before them or keys that are not as wide as
    values. Without heads of its own and a mask, an axis before the tokens is one of heads.
    """
    if op.kernel != "auto" or drops(op):
        return op.kernel == "pieces" or drops(op)
    before = 0 if mask is not None or not same(op.heads, 1) else 2
    return len(q) > 2 + before or not same(q[-1] * op.groups(), v[-1] * op.heads)


def _whole(op: Attention, q: Shape, k: Shape, v: Shape, mask: Shape | None) -> tuple[Saved, ...]:
    """Return what PyTorch keeps where one kernel computes it, which asks for a mask that is not trained."""
    if in_pieces(op, q, v, mask):
        return ()
    rows = product(op.scores(q, k, v)[:-1])
    kept = (Saved(0), Saved(1), Saved(2), Saved(OUTPUT), Saved("sums", numbers=rows, dtype="float32"))
    masks = () if mask is None else (Saved(3, numbers=product(mask)),)
    return tuple(replace(saved, keeper="pytorch", without=(3,)) for saved in (*kept, *masks))


def _pieces(op: Attention, q: Shape, k: Shape, v: Shape, mask: Shape | None) -> tuple[Saved, ...]:
    """Return what PyTorch keeps where it multiplies, takes the softmax and multiplies again: scaled queries and keys,
    the values by heads, and the scores, all at float32; of what drops weights also the numbers that they are
    multiplied by, and what comes of that.
    """
    if mask is None and not in_pieces(op, q, v):
        return ()
    also: By = () if in_pieces(op, q, v, mask) else (3,)
    scores, shared = product(op.scores(q, k, v)), op.heads // op.groups()
    # The heads' values lie together then.
    apart = not op.gathers and same(shared, 1) and (same(op.heads, 1) or same(v[-2], 1))
    kept = [
        Saved("scaled queries", by=(1,), numbers=product(q)),
        Saved("scaled keys", by=(0,), numbers=shared * product(k)),
        Saved("scores", numbers=scores),
        Saved(2, by=(0, 1, 3)) if apart else Saved("values", by=(0, 1, 3), numbers=shared * product(v)),
    ]
    if drops(op):
        kept += [Saved("mask", by=(0, 1, 3), numbers=scores), Saved("dropped", by=(2,), numbers=scores)]
    return tuple(replace(saved, keeper="pytorch", also=also, dtype="float32") for saved in kept)


def scratch(op: Attention, q: Shape, k: Shape, v: Shape, mask: Shape | None) -> Number:
    """Return how many numbers the backward pass makes and drops: of the scores, the gradients before and after the
    softmax, when queries and values have gone, or those of the weights before any is dropped.
    """
    if not in_pieces(op, q, v, mask):
        return 0
    scores, rest = product(op.scores(q, k, v)), product(q)
    learned = product(mask) if mask is not None and op.kernel == "pieces" else 0  # its gradient comes after both
    both = 0 if drops(op) else 2 * scores - 4 * rest - learned
    return largest(largest(both, scores - 2 * rest), 0)
