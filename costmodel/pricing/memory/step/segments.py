"""Which layers patterns mean: those that are not trained, and those that are computed again rather than kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from costmodel.documents.patterns import means, nearest
from costmodel.errors import CostModelError
from costmodel.graph import LayerGraph


def meant(graph: LayerGraph, patterns: Iterable[str]) -> dict[str, str]:
    """Return the layers that patterns mean, each with the outermost path that one of them means: the block that it
    stands in, or its own.

    Raises:
        CostModelError: if a pattern means nothing in the network, with the nearest paths.
    """
    found: dict[str, str] = {}
    paths: dict[str, list[str]] = {}
    for pattern in patterns:
        paths = paths or {layer.path: list(_above(layer.path)) for layer in graph.layers}
        new = {}
        for path, above in paths.items():
            outermost = next((place for place in above if means(pattern, place)), None)
            if outermost is not None:
                new[path] = outermost
        if not new:
            raise CostModelError(f"{pattern!r} matches no layer of {graph.name}; {nearest(pattern, paths)}")
        found = new | found
    return found


def _above(path: str) -> Iterator[str]:
    """Yield the blocks that a layer stands in, from the outermost, and the layer; a copy stands in no block of its
    others.
    """
    steps = path.split(".")
    for end in range(1, len(steps) + 1):
        if end == len(steps) or not steps[end].isdigit():
            yield ".".join(steps[:end])


def segments(graph: LayerGraph, patterns: Iterable[str]) -> list[tuple[int, int]]:
    """Return the layers that are computed again together, as (first, last) places in the network, in order.

    As with torch.utils.checkpoint around each module whose path a pattern means: a block is a segment (each copy of a
    repeated one is), and single layers that follow one another are one. `encoder` and `encoder.*` mean each layer of an
    encoder, `*` each block of the network.

    Raises:
        CostModelError: if a pattern means nothing in the network.
    """
    found = meant(graph, patterns)
    runs: list[tuple[str | None, int, int]] = []
    for number, layer in enumerate(graph.layers):
        outermost = found.get(layer.path)
        if outermost is None:
            continue
        key = None if outermost == layer.path else outermost
        if runs and runs[-1][0] == key and runs[-1][2] == number - 1:
            runs[-1] = key, runs[-1][1], number
        else:
            runs.append((key, number, number))
    return [(first, last) for _, first, last in runs]
