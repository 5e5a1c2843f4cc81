"""How deep a network is: the layers with weights on its longest path, as papers count them."""

from __future__ import annotations

from collections.abc import Callable

from costmodel.graph import Layer, LayerGraph
from costmodel.numbers.arithmetic import is_plain


def depth(graph: LayerGraph, products: Callable[[Layer], bool] | None = None) -> int:
    """Return how many layers that multiply by kernels or matrices of their own lie on the longest path from an input.

    Norms, biases and tables that are looked up are none; a recurrent layer is one, however many steps it takes.
    `products` says of a layer whether it is one, where somebody knows already.
    Source: He et al. 2015 (arXiv:1512.03385), whose names count so: a ResNet-152 has 152.
    """
    products = products or multiplies
    deepest = dict.fromkeys(graph.inputs, 0)
    for layer in graph.layers:
        before = max([deepest[name] for name in layer.inputs], default=0)
        deepest[layer.path] = before + products(layer)
    return max(deepest.values(), default=0)


def multiplies(layer: Layer) -> bool:
    """Say whether a layer has mult-adds with a kernel or matrix of its own, whichever layer keeps it."""
    if not any(len(shape) > 1 for shape in layer.op.weights(*layer.input_shapes).values()):
        return False
    mult_adds = layer.op.cost(*layer.input_shapes).mult_adds
    return not is_plain(mult_adds) or mult_adds > 0
