"""The order of execution that needs least: which of several branches to run first, so that the most that is alive at
once is as little as can be.

What is alive after some layers have run is the same however they were ordered, so the best order is a path through the
sets of layers that can have run; its cost is the most that is alive on the way. Those sets are searched from the
cheapest on, which is exact; where there are too many, only the best few of each size are kept.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from heapq import heappop, heappush, nsmallest
from typing import NamedTuple

from costmodel.graph import LayerGraph
from costmodel.pricing.elements import Widths
from costmodel.pricing.memory.liveness import held, lifetimes, storages
from costmodel.units import DTYPES

MOST = 10_000
"""How many sets of layers are looked at before only the best few are kept."""
FEW = 32


@dataclass(frozen=True)
class Order:
    """An order of execution.

    paths: all layers, each after those that it reads. bytes: the most that is alive at once in it, of what
    peak_live_bytes counts. written: the same in the order written. exact: whether no order needs less.
    """

    paths: tuple[str, ...]
    bytes: int
    written: int
    exact: bool


def least(graph: LayerGraph, batch: int = 1, dtype: str | None = None, most: int = MOST) -> Order:
    """Return the order of layers that needs least, never more than the order written.

    Args:
        graph: the network, all sizes plain integers.
        batch: images at a time.
        dtype: of real numbers; None is the network's own.
        most: how many sets of layers may be looked at; beyond that the order is a good one, and not said to be the
            best.
    """
    sizes = _sizes(graph, batch, dtype)
    written = int(max(held(lifetimes(graph), sizes), default=sum(sizes[name] for name in graph.inputs)))
    steps = _Steps(graph, sizes)
    end = _cheapest_first(steps, most, written)
    exact = end is not None
    end = end or _few_of_each_size(steps)
    if end.peak >= written:
        return Order(tuple(layer.path for layer in graph.layers), written, written, exact)
    return Order(steps.written(end.steps()), end.peak, written, exact)


def _sizes(graph: LayerGraph, batch: int, dtype: str | None) -> dict[str, int]:
    """Return the bytes of every node's output."""
    widths = Widths(DTYPES[graph.dtype if dtype is None else dtype], dtype is not None)
    nodes = (*graph.inputs, *(layer.path for layer in graph.layers))
    return {path: int(widths.of(graph.tensor(path), batch)) for path in nodes}


class _State(NamedTuple):
    """What has run, as a number with a bit for each step; the bytes alive then; the most that was alive on the way;
    what can run next; and how it came about.
    """

    done: int
    alive: int
    peak: int
    ready: tuple[int, ...]
    last: int = -1
    before: _State | None = None

    def steps(self) -> list[int]:
        """Return what has run, in order."""
        found: list[int] = []
        state: _State | None = self
        while state is not None and state.before is not None:
            found.append(state.last)
            state = state.before
        return found[::-1]


class _Steps:
    """What can run one by one: each layer with the views of its output, which run with it."""

    def __init__(self, graph: LayerGraph, sizes: dict[str, int]) -> None:
        home = storages(graph)
        self.paths = [layer.path for layer in graph.layers if home[layer.path] == layer.path]
        index = {path: step for step, path in enumerate(self.paths)}
        self._views: dict[str, list[str]] = {path: [] for path in (*graph.inputs, *self.paths)}
        for layer in graph.layers:
            if home[layer.path] != layer.path:
                self._views[home[layer.path]].append(layer.path)
        self._inputs = tuple(graph.inputs)
        layers = [graph.layer(path) for path in self.paths]
        self._reads = [tuple({home[name]: None for name in layer.inputs}) for layer in layers]
        self._needs = [sum(1 << index[name] for name in reads if name in index) for reads in self._reads]
        self._readers: dict[str, int] = dict.fromkeys(self._views, 0)
        self._next: list[list[int]] = [[] for _ in layers]
        for step, reads in enumerate(self._reads):
            for name in reads:
                self._readers[name] |= 1 << step
                if name in index:
                    self._next[index[name]].append(step)
        for path in graph.outputs:
            self._readers[home[path]] |= 1 << len(layers)  # what no step does, so that it stays
        self._bytes = {name: sizes[name] for name in self._views}
        self._bytes.update((layer.path, 0) for layer in layers if layer.op.view)  # they lie among the weights

    def start(self) -> _State:
        """Return the state before the first step."""
        alive = sum(self._bytes[name] for name in self._inputs)
        return _State(0, alive, alive, tuple(step for step, needs in enumerate(self._needs) if not needs))

    def after(self, state: _State) -> list[_State]:
        """Return the states to go on to: one alone if its step neither takes more than has been alive already nor
        leaves more behind, which nothing is gained by putting off.
        """
        found: list[_State] = []
        for step in state.ready:
            done = state.done | 1 << step
            during = state.alive + self._bytes[self.paths[step]]
            spent = (*self._reads[step], self.paths[step], *(() if state.done else self._inputs))
            alive = during - sum(self._bytes[name] for name in dict.fromkeys(spent) if not self._readers[name] & ~done)
            new = [other for other in self._next[step] if self._needs[other] & done == self._needs[other]]
            ready = (*[other for other in state.ready if other != step], *new)
            one = _State(done, alive, max(state.peak, during), ready, step, state)
            if during <= state.peak and alive <= state.alive:
                return [one]
            found.append(one)
        return found

    def written(self, steps: Iterable[int]) -> tuple[str, ...]:
        """Return the layers of steps in this order."""
        shown = [path for name in self._inputs for path in self._views[name]]
        for step in steps:
            shown += [self.paths[step], *self._views[self.paths[step]]]
        return tuple(shown)


def _cheapest_first(steps: _Steps, most: int, written: int) -> _State | None:
    """Return the end of the best order, or any state if none needs less than what is `written`; None where more than
    `most` sets of layers would have to be looked at.
    """
    count = len(steps.paths)
    waiting: list[tuple[int, int, int, _State]] = [(0, 0, 0, steps.start())]
    seen: set[int] = set()
    number = 0
    while waiting:
        _, _, _, state = heappop(waiting)
        if state.done in seen:
            continue
        seen.add(state.done)
        if state.done.bit_count() == count or state.peak >= written:
            return state
        if len(seen) > most:
            return None
        for new in steps.after(state):
            if new.done not in seen:
                number += 1
                heappush(waiting, (new.peak, -new.done.bit_count(), number, new))
    raise AssertionError("layers that read one another")


def _few_of_each_size(steps: _Steps) -> _State:
    """Return the end of a good order: of the sets of so many layers the few that came about cheapest are kept."""
    states = [steps.start()]
    for _ in steps.paths:
        best: dict[int, _State] = {}
        for new in (new for state in states for new in steps.after(state)):
            if new.done not in best or new.peak < best[new.done].peak:
                best[new.done] = new
        states = nsmallest(FEW, best.values(), key=lambda state: (state.peak, state.alive))
    return states[0]
