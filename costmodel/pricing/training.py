"""What one training step adds to a forward pass: backward mult-adds, and the activations that must be kept for it."""

from __future__ import annotations

from typing import NamedTuple

from costmodel.errors import CostModelError
from costmodel.graph import LayerGraph
from costmodel.pricing.memory.liveness import storages
from costmodel.units import TRAINED

BESIDES = {"mask": 1, "places": 8}
"""Bytes an element, as PyTorch keeps them on a GPU: masks of bool, places of int64."""


class Step(NamedTuple):
    """For one layer: how many times its forward mult-adds the backward pass repeats, and the tensors first kept because
    of it.

    `saved` are paths of whole tensors; `besides` are the bytes kept for each element of its output: a dropout's mask,
    the places of a max pool.
    """

    backward_products: int
    saved: tuple[str, ...]
    besides: int


def steps(graph: LayerGraph) -> list[Step]:
    """Return what the backward pass needs of each layer, in order.

    A product of two factors costs its forward mult-adds once more for each factor that needs a gradient: the weights
    always, the input wherever something trained lies before it. So a first convolution costs 1 and every later one 2.
    """
    storage = storages(graph, training=True)
    trained = dict.fromkeys(graph.inputs, False)
    kept: set[str] = set()
    result: list[Step] = []
    for layer in graph.layers:
        op = layer.op
        has_weights = bool(op.weights(*layer.input_shapes))
        learns = has_weights and layer.trainable
        before = any(trained[name] for name in layer.inputs)
        trained[layer.path] = learns or before
        products = (learns if has_weights else before) + before
        wanted: tuple[str, ...] = ()
        if trained[layer.path]:
            wanted = {"input": layer.inputs, "places": layer.inputs, "output": (layer.path,)}.get(op.saves, ())
        saved = tuple(path for path in dict.fromkeys(storage[name] for name in wanted) if path not in kept)
        kept.update(saved)
        result.append(Step(products, saved, BESIDES.get(op.saves, 0) if before else 0))
    return result


def require_gradients(dtype: str) -> None:
    """Raise a CostModelError if nothing can be trained at a dtype."""
    if dtype not in TRAINED:
        raise CostModelError(f"{dtype} has no gradients to train with; train at {', '.join(TRAINED)}")
