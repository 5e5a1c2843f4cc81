"""One by one the networks that a graph of arrays stands for, for those who can only take plain numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from costmodel.errors import ShapeError
from costmodel.graph import LayerGraph
from costmodel.numbers.arithmetic import Number, is_array

T = TypeVar("T")
Pick = Callable[[Any], Any]


def shape_of(graph: LayerGraph, batch: Number) -> tuple[int, ...] | None:
    """Return the shape that arrays among a graph's sizes, its operators' fields and the batch spread over, None where
    all are plain.
    """
    fields = [value for layer in graph.layers for value in vars(layer.op).values()]
    found = {id(one): one for one in _numbers([batch, fields, [each.shape for each in graph.inputs.values()]])}
    if not found:
        return None
    import numpy as np

    return np.broadcast_shapes(*(one.shape for one in found.values()))


def _numbers(values: Any) -> Iterator[Any]:
    """Yield the arrays within nested sequences."""
    if is_array(values):
        yield values
    elif isinstance(values, (tuple, list)):
        for value in values:
            yield from _numbers(value)


def at_each(
    graph: LayerGraph, batch: Number, shape: tuple[int, ...], ask: Callable[[LayerGraph, int], T]
) -> Iterator[T | None]:
    """Yield the answer for each point of `shape` in order; None where it is no network."""
    import math

    import numpy as np

    flat: dict[int, Any] = {}

    def number(index: int, value: Any) -> Any:
        if not is_array(value):
            return value
        if id(value) not in flat:
            flat[id(value)] = np.broadcast_to(np.asarray(value), shape).reshape(-1)
        return flat[id(value)][index].item()

    for index in range(math.prod(shape)):
        try:
            one = picked(graph, partial(number, index))
        except ShapeError:
            yield None
        else:
            yield ask(one, number(index, batch))


def picked(graph: LayerGraph, number: Pick) -> LayerGraph:
    """Return a graph with each of its sizes and fields as `number` returns it.

    Raises:
        ShapeError: if these fit no network.
    """

    def deep(value: Any) -> Any:
        return tuple(map(deep, value)) if isinstance(value, tuple) else number(value)

    inputs = {name: replace(tensor, shape=deep(tensor.shape)) for name, tensor in graph.inputs.items()}
    return graph.remade(lambda layer: type(layer.op)(**{n: deep(v) for n, v in vars(layer.op).items()}), inputs)
