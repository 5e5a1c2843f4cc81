"""What one training step adds to a forward pass: backward mult-adds, and the activations that must be kept for it."""

from __future__ import annotations

from typing import NamedTuple

from costmodel.errors import CostModelError
from costmodel.graph import LayerGraph
from costmodel.numbers.arithmetic import Number, is_plain, largest
from costmodel.ops.saved import Saved
from costmodel.pricing.memory.kept import Kept, kept
from costmodel.units import TRAINED


class Step(NamedTuple):
    """For one layer: how many times its forward mult-adds the backward pass repeats, and what is first kept because of
    it: whole tensors, by the path in whose memory they lie, each 1 (or in arrays of networks 0 for those that do not
    keep it), and those of its own.
    """

    backward_products: int
    saved: tuple[tuple[str, Number], ...]
    own: tuple[Saved, ...]


def steps(graph: LayerGraph) -> list[Step]:
    """Return what the backward pass needs of each layer, in order, as eager PyTorch keeps it.

    A product of two factors costs its forward mult-adds once more for each factor that needs a gradient: the weights
    always, the input wherever something trained lies before it. So a first convolution costs 1 and every later one 2.
    """
    seen: dict[str, Number] = {}
    result: list[Step] = []
    for layer, its in zip(graph.layers, kept(graph), strict=True):
        saved = []
        for path in its.tensors:
            before, now = seen.get(path, 0), its.shares.get(path, 1)
            seen[path] = largest(before, now)
            if not is_plain(before) or before == 0:
                saved.append((path, seen[path] - before))
        result.append(Step(_products(bool(layer.op.weights(*layer.input_shapes)), its), tuple(saved), its.own))
    return result


def _products(has_weights: bool, its: Kept) -> int:
    """Return how many factors of a layer's products need a gradient."""
    before = bool(its.wanted)
    return (its.learns if has_weights else before) + before


def require_gradients(dtype: str) -> None:
    """Raise a CostModelError if nothing can be trained at a dtype."""
    if dtype not in TRAINED:
        raise CostModelError(f"{dtype} has no gradients to train with; train at {', '.join(TRAINED)}")
