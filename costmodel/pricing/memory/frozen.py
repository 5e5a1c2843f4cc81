"""A network of which some layers are not trained."""

from __future__ import annotations

from copy import copy
from dataclasses import replace

from costmodel.graph import LayerGraph
from costmodel.pricing.memory.asked import Levels


def with_frozen(graph: LayerGraph, levels: Levels) -> LayerGraph:
    """Return the network with the layers that a training step freezes, and those that share their weights, not trained.

    Raises:
        CostModelError: if a pattern means no layer.
    """
    if levels.training is None or not levels.training.freeze:
        return graph
    from costmodel.pricing.memory.step.segments import meant  # what walks a step is slow to import

    named = meant(graph, levels.training.freeze)
    found = copy(graph)
    found.layers = [
        replace(layer, trainable=layer.trainable and (layer.shares or layer.path) not in named)
        for layer in graph.layers
    ]
    return found
