"""Groups of parts that are one operator: described from the last part upwards, found wherever they stand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import permutations
from math import isclose
from typing import TYPE_CHECKING, Any, TypeAlias

from costmodel.reading.recognise.steps import HEADS, STEPS, Source
from costmodel.reading.value import Value

if TYPE_CHECKING:
    from costmodel.ops.base import Operator
    from costmodel.reading.network import Network, Part

Pattern: TypeAlias = "str | tuple[Any, ...]"
"""The name of anything that is read (the same wherever it stands), or a part: the name of its operator and patterns of
what it reads. `times`, `plus` and `power` are parts that do so with a constant: a number, or a name for it.
"""
COMMUTATIVE = ("add", "multiply")
NEAR = 2e-3
"""How exact constants have to be: half precision rounds 1.702 to 1.7021."""


@dataclass(frozen=True, slots=True)
class Match:
    """What a pattern's names stand for, which parts it takes, the last first, and the stored arrays whose numbers it
    has as its own.
    """

    sources: Mapping[str, Source] = field(default_factory=dict)
    numbers: Mapping[str, float] = field(default_factory=dict)
    parts: tuple[Part, ...] = ()

    def of(self, *names: str) -> list[Part]:
        """Return the parts of operators of these names, the last first."""
        return [part for part in self.parts if part.op.name in names]


@dataclass(frozen=True)
class Group:
    """Groups that look like `patterns` become what `make` makes of them, reading `reads`; where it returns None they
    stay as they are.
    """

    patterns: tuple[Pattern, ...]
    make: Callable[[Network, Match], Operator | None]
    reads: tuple[str, ...] = ("x",)
    arrays: tuple[tuple[str, str], ...] = ()
    """Names of arrays, and of what the pattern calls them."""


def near(number: float | None, other: float) -> bool:
    """Say whether two numbers are the same but for rounding."""
    return number is not None and isclose(number, other, rel_tol=NEAR, abs_tol=1e-9)


def gathered(network: Network, groups: Mapping[str, list[Group]]) -> None:
    """Make each group that is known by its last operator that operator, so that later groups may have it within."""
    for part in network.left():
        known = groups.get(part.op.name)
        if known:
            close = _close(network, part)
            for group in known:
                if _taken(network, part, group, close):
                    break


def _close(network: Network, part: Part) -> set[str]:
    """Return the names of the operators that a part reads, and that those read."""
    found = set()
    for source in part.inputs:
        made = network.maker(source)
        if made is not None:
            found.add(made.op.name)
            found.update(one.op.name for inner in made.inputs if (one := network.maker(inner)) is not None)
    return found


@cache
def _needed(pattern: Pattern, deep: int = 2) -> frozenset[tuple[str, ...]]:
    """Return the operators that a pattern has at most so deep below its last, each by the names that it may have."""
    if isinstance(pattern, str) or not deep:
        return frozenset()
    inner = [one for one in pattern[1:] if isinstance(one, tuple)]
    heads = {HEADS.get(one[0], (one[0],)) for one in inner}
    return frozenset(heads.union(*(_needed(one, deep - 1) for one in inner)))


def by_last(groups: list[Group]) -> dict[str, list[Group]]:
    """Return groups by the names of the operators that they may end with."""
    found: dict[str, list[Group]] = {}
    for group in groups:
        heads = dict.fromkeys(name for pattern in group.patterns for name in HEADS.get(pattern[0], (pattern[0],)))
        for name in heads:
            found.setdefault(name, []).append(group)
    return found


def _taken(network: Network, last: Part, group: Group, close: set[str]) -> bool:
    for pattern in group.patterns:
        if any(close.isdisjoint(names) for names in _needed(pattern)):
            continue
        for match in matches(network, pattern, last.path, Match()):
            if not private(network, match):
                continue
            op = group.make(network, match)
            reads = [match.sources[name] for name in group.reads]
            arrays = {name: constant(match.sources[called]) for name, called in group.arrays}
            if op is None or (arrays and not _has(network, op, reads, arrays)):
                continue
            if network.become(last, op, reads, arrays=arrays) is not None:
                return True
    return False


def _has(network: Network, op: Operator, reads: list[Source], arrays: Mapping[str, Value]) -> bool:
    """Say whether an operator has arrays of these names and sizes."""
    shapes = [network.shape(one) for one in reads]
    wanted = {**op.weights(*shapes), **op.buffers(*shapes)}
    sizes = {name: value.size for name, value in arrays.items()}
    return {name: _product(shape) for name, shape in wanted.items()} == sizes


def _product(shape: Any) -> int:
    from math import prod

    return prod(shape)


def constant(source: Source) -> Value:
    """Return what is read as the constant that it is."""
    assert isinstance(source, Value)
    return source


def private(network: Network, match: Match) -> bool:
    """Say whether nobody but the parts of a match reads what those before the last give."""
    taken = set(map(id, match.parts))
    return all(
        part.path not in network.outputs and all(id(one) in taken for one in network.readers(part.path))
        for part in match.parts[1:]
    )


def matches(network: Network, pattern: Any, source: Source, match: Match) -> Iterator[Match]:
    """Yield each way in which a pattern fits what gives `source`."""
    if isinstance(pattern, str):
        if match.sources.get(pattern, source) == source:
            yield Match({**match.sources, pattern: source}, match.numbers, match.parts)
        return
    part, (head, *inner) = network.maker(source), pattern
    if part is None:
        return
    taken = match.parts if any(part is one for one in match.parts) else (*match.parts, part)
    if head in STEPS:
        step = STEPS[head](network, part)
        if step is not None:
            yield from _stepped(network, inner, step, Match(match.sources, match.numbers, taken))
        return
    if part.op.name != head or len(part.inputs) != len(inner):
        return
    for order in permutations(part.inputs) if head in COMMUTATIVE else [tuple(part.inputs)]:
        yield from _all(network, inner, list(order), Match(match.sources, match.numbers, taken))


def _all(network: Network, patterns: list[Any], sources: list[Source], match: Match) -> Iterator[Match]:
    if not patterns:
        yield match
        return
    for first in matches(network, patterns[0], sources[0], match):
        yield from _all(network, patterns[1:], sources[1:], first)


def _stepped(network: Network, inner: list[Any], step: tuple[Source, float], match: Match) -> Iterator[Match]:
    pattern, wanted = inner
    source, number = step
    if isinstance(wanted, str):
        if match.numbers.get(wanted, number) != number:
            return
        match = Match(match.sources, {**match.numbers, wanted: number}, match.parts)
    elif not near(number, wanted):
        return
    yield from matches(network, pattern, source, match)
