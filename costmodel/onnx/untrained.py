"""Stored numbers that show by their use that nobody trained them: masks of attention, and what an input is normalised
with. They are constants, not params, and that is said.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from costmodel.documents.safe_text import one_line
from costmodel.reading.value import Value

if TYPE_CHECKING:
    from costmodel.reading.network import Network, Part

ON_THE_WAY = ("scale", "layer_scale", "multiply", "divide", "add", "where", "clamp", "cast", "reshape", "rearrange")
"""What may lie between the product of queries and keys and the softmax."""
BEFORE = ("cast", "scale", "shift", "reshape", "rearrange")
"""What may be done to an input before its mean is subtracted."""
DEEP = 12
NAMED = 3
"""Arrays that a note names."""


def untrained(network: Network) -> list[str]:
    """Make constants of what was not trained, and return what to say of them."""
    uses = _uses(network)
    masks: dict[str, int] = {}
    means: dict[str, int] = {}
    for part in network.parts.values():
        if part.op.name == "softmax":
            for at, place in _masks(network, part):
                masks |= _freed(at, place, uses)
    for source in network.inputs:
        for at, place in _normalising(network, source):
            means |= _freed(at, place, uses)
    return [
        *_said(masks, "are added to the scores of attention, alike for all heads", "a mask"),
        *_said(means, "normalise the input", "its mean and deviation"),
    ]


def _said(found: dict[str, int], how: str, what: str) -> Iterator[str]:
    if found:
        names = ", ".join(repr(one_line(name)) for name in list(found)[:NAMED]) + (
            ", ..." if len(found) > NAMED else ""
        )
        yield f"{sum(found.values()):,} stored numbers that {how} ({names}) are taken for {what}: no params"


def _uses(network: Network) -> Counter[str]:
    """Return how often each stored array is read."""
    given = [value for part in network.parts.values() for value in (*part.inputs, *part.arrays.values())]
    return Counter(array.name for value in given if isinstance(value, Value) for array in value.arrays)


def _freed(part: Part, place: int, uses: Counter[str]) -> dict[str, int]:
    """Make a constant of what a part reads at a place, and return its size by its name; not where others read it."""
    value = part.inputs[place]
    assert isinstance(value, Value)
    if not value.trained or any(uses[array.name] > 1 for array in value.arrays):
        return {}
    part.inputs[place] = replace(value, arrays=tuple(replace(array, trained=False) for array in value.arrays))
    return {value.arrays[0].name: value.size}


def _masks(network: Network, softmax: Part) -> list[tuple[Part, int]]:
    """Return what is added to the product of two computed matrices before a softmax, the same for all heads; a learned
    bias of positions is another for each.
    """
    found: list[tuple[Part, int]] = []
    part = network.maker(softmax.inputs[0])
    for _ in range(DEEP):
        if part is None:
            break
        if part.op.name == "matmul":
            return found if not any(isinstance(one, Value) for one in part.inputs) else []
        if part.op.name not in ON_THE_WAY:
            break
        if part.op.name == "add":
            found += [(part, at) for at, one in enumerate(part.inputs) if _is_alike(one, part.shape)]
        part = next((made for one in part.inputs if (made := network.maker(one)) is not None), None)
    return []


def _is_alike(one: str | Value, scores: tuple[int, ...]) -> bool:
    """Say whether something is stored for queries and keys, and the same for all heads."""
    if not isinstance(one, Value) or min(len(one.shape), len(scores)) < 2:
        return False
    rows, columns = one.shape[-2:]
    fits = columns == scores[-1] and rows in (1, scores[-2]) and one.size > 1
    return fits and (len(one.shape) < 3 or one.shape[-3] == 1)


def _normalising(network: Network, source: str) -> Iterator[tuple[Part, int]]:
    """Yield what is subtracted from an input, what divides it, and what multiplies the difference."""
    subtracted = False
    for _ in range(DEEP):
        readers = network.readers(source)
        if len(readers) != 1:
            return
        (part,) = readers
        stored = len(part.inputs) == 2 and part.inputs[0] == source and isinstance(part.inputs[1], Value)
        known = ("subtract", "divide", "multiply") if subtracted else ("subtract", "divide")
        if stored and part.op.name in known:
            yield part, 1
            subtracted = True
        elif part.op.name not in BEFORE:
            return
        source = part.path
