"""A network of which some layers are not trained."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import replace

from costmodel.graph import LayerGraph
from costmodel.pricing.memory.step.segments import meant


def frozen(graph: LayerGraph, patterns: Sequence[str]) -> LayerGraph:
    """Return the network with the layers that patterns mean, and those that share their weights, not trained.

    Raises:
        CostModelError: if a pattern means no layer.
    """
    named = meant(graph, patterns)
    found = copy(graph)
    found.layers = [
        replace(layer, trainable=layer.trainable and (layer.shares or layer.path) not in named)
        for layer in graph.layers
    ]
    return found
