"""Local functions of an ONNX file: each call is replaced by the function's nodes, once these have been counted."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

from costmodel.errors import quote
from costmodel.onnx.model import Function, Graph, Info, Key, Model, Node, Ref
from costmodel.onnx.stored import Stored
from costmodel.reading.value import UnreadError

MOST_NODES = 150_000
"""Nodes that a graph may have, its functions expanded."""
MOST_BYTES = 10**8
"""Bytes that the names and attributes in the nodes of expanded functions may take."""
DEEPEST = 64
"""How many functions, and graphs within nodes, may stand one in the other."""
LONGEST_NAME = 500
"""Characters of a function's own names that stand in those made of them."""
TOO_DEEP = f"local functions stand in each other more than {DEEPEST} deep"
PER_SLOT = 8
"""Bytes that a place for a name or an attribute takes by itself."""


@dataclass(frozen=True)
class Size:
    """What a call becomes: nodes, their bytes, how often names and attributes of the call are written in them, and how
    deep functions stand in each other.
    """

    nodes: int = 0
    bytes: int = 0
    slots: int = 0
    depth: int = 0


def inlined(model: Model, file: str) -> Model:
    """Return a model without local functions: each call is replaced by nodes that are named after it.

    Raises:
        CostModelError: if a function calls itself, or they are too deep in each other or too large.
    """
    if not model.functions:
        return model
    sizes = _Sizes(model.functions)
    total = Size()
    for node, level in _all(model.graph.nodes):
        try:
            total = _and(total, sizes.of_node(node, (), level))
            if total.nodes > MOST_NODES or total.bytes > MOST_BYTES:
                raise UnreadError(
                    f"its local functions are more than {MOST_NODES:,} nodes, or {MOST_BYTES:,} bytes of them",
                    "export the network without local functions",
                )
        except UnreadError as error:
            raise node.complaint(file, error.message, error.hint) from None
    return replace(model, graph=_Inliner(model, file).graph(model.graph, None), functions={})


class _Sizes:
    """How large each local function is, looked at once."""

    def __init__(self, functions: Mapping[Key, Function]) -> None:
        self.functions = functions
        self.known: dict[Key, Size] = {}

    def of_node(self, node: Node, around: tuple[Key, ...], level: int) -> Size:
        """Return what a node becomes that is `level` graphs deep in a graph; one that calls no function is itself, and
        counts only within a function.

        Raises:
            UnreadError: if functions call themselves, or are too deep in each other.
        """
        slots = len(node.inputs) + len(node.outputs) + len(node.attributes)
        own = Size(1, _bytes(node), slots, level)
        if node.key not in self.functions:
            return own if around else Size()
        inside = self._of(node.key, around)
        depth = level + inside.depth + 1
        if depth > DEEPEST:
            raise UnreadError(TOO_DEEP)
        return Size(inside.nodes, inside.bytes + inside.slots * own.bytes, inside.slots, depth)

    def _of(self, key: Key, around: tuple[Key, ...]) -> Size:
        if key in around:
            raise UnreadError(f"the local function {'.'.join(key[:2])!r} calls itself")
        if len(around) >= DEEPEST:
            raise UnreadError(TOO_DEEP)
        if key not in self.known:
            total = Size()
            function = self.functions[key]
            for node, level in _all(function.nodes):
                total = _and(total, self.of_node(node, (*around, key), level))
            # a function that has no node of its own still may hand an input on, by a node that is made for it
            self.known[key] = _and(total, Size(len(function.outputs), 0, len(function.outputs)))
        return self.known[key]


def _and(one: Size, other: Size) -> Size:
    depth = max(one.depth, other.depth)
    return Size(one.nodes + other.nodes, one.bytes + other.bytes, one.slots + other.slots, depth)


def _bytes(node: Node) -> int:
    """Return how much a node is: its names, and what its attributes hold."""
    names = [node.name, *node.inputs, *node.outputs]
    own = sum(PER_SLOT + min(len(name), LONGEST_NAME) for name in names)
    return own + sum(PER_SLOT + _held(value) for value in node.attributes.values())


def _held(value: Any) -> int:
    """Return how many bytes an attribute's value is."""
    if isinstance(value, Stored):
        return sum(max(stop - start, PER_SLOT) for _, start, stop in value.parts)
    if isinstance(value, Graph):
        return sum(map(_bytes, value.nodes)) + sum(map(_held, value.arrays.values()))
    if isinstance(value, list):
        return PER_SLOT * len(value) + sum(_held(one) for one in value if not isinstance(one, int | float))
    return len(value) if isinstance(value, str) else PER_SLOT


def _graphs(attributes: Mapping[str, Any]) -> Iterator[Graph]:
    for value in attributes.values():
        if isinstance(value, Graph):
            yield value
        elif isinstance(value, list):
            yield from (one for one in value if isinstance(one, Graph))


def _all(nodes: Iterable[Node], level: int = 0) -> Iterator[tuple[Node, int]]:
    """Yield nodes and those of the graphs within them, with how many graphs deep each is."""
    for node in nodes:
        yield node, level
        for graph in _graphs(node.attributes):
            yield from _all(graph.nodes, level + 1)


@dataclass(frozen=True)
class _Call:
    """A call that is being replaced: what its function's names and attributes stand for."""

    node: Node
    names: ChainMap[str, str]
    attributes: Mapping[str, Any]

    def name(self, name: str) -> str:
        """Return what a name within the function stands for.

        Raises:
            UnreadError: if nothing in the function has it.
        """
        if name and name not in self.names:
            raise UnreadError(f"its local function reads {quote(name)}, which nothing in it gives")
        return self.names[name] if name else ""

    def within(self, names: dict[str, str]) -> _Call:
        """Return the same call, where a graph within its function has names of its own."""
        return replace(self, names=self.names.new_child(names))


class _Inliner:
    """Writes the nodes of functions in the place of their calls."""

    def __init__(self, model: Model, file: str) -> None:
        self.functions, self.file = model.functions, file
        self.taken = _names(model.graph)
        self.numbers = count(1)

    def graph(self, graph: Graph, call: _Call | None) -> Graph:
        """Return a graph without calls; within a call its names are made anew, but for those around it."""
        if call is not None:
            own = [info.name for info in graph.inputs] + list(graph.arrays)
            own += [name for node in graph.nodes for name in node.outputs]
            call = call.within({name: self.fresh(name) for name in dict.fromkeys(filter(None, own))})
        nodes = [made for node in graph.nodes for made in self.node(node, call)]
        if call is None:
            return replace(graph, nodes=nodes)
        arrays = {call.name(name): replace(array, name=call.name(name)) for name, array in graph.arrays.items()}
        infos = [info for info in graph.infos.values() if info.name in call.names]
        inputs, outputs, described = (_renamed(some, call) for some in (graph.inputs, graph.outputs, infos))
        return Graph(graph.name, nodes, arrays, inputs, outputs, {info.name: info for info in described})

    def node(self, node: Node, call: _Call | None) -> Iterator[Node]:
        """Yield what a node becomes: itself under the names of the call that it is in, or what it calls."""
        # graphs that the call hands on belong to where it stands; they have been gone through there
        attributes = {name: self.value(value, call) for name, value in node.attributes.items()}
        if call is not None:
            node = replace(
                node,
                name=f"{call.node.name[:LONGEST_NAME]}/{node.name[:LONGEST_NAME]}",
                inputs=[call.name(name) for name in node.inputs],
                outputs=[call.name(name) for name in node.outputs],
                attributes={name: value for name, value in attributes.items() if value is not None},
                metadata={**call.node.metadata, **node.metadata},
            )
        elif attributes:
            node = replace(node, attributes=attributes)
        if node.key in self.functions:
            yield from self.called(node, self.functions[node.key])
        else:
            yield node

    def value(self, value: Any, call: _Call | None) -> Any:
        """Return an attribute's value under the names of a call; None for one that the call leaves out."""
        if isinstance(value, Ref):
            return call.attributes.get(value.name) if call is not None else value
        if isinstance(value, Graph):
            return self.graph(value, call)
        if isinstance(value, list) and value and isinstance(value[0], Graph):
            return [self.graph(one, call) for one in value]
        return value

    def called(self, node: Node, function: Function) -> Iterator[Node]:
        """Yield the nodes of a function in the place of a call of it.

        Raises:
            CostModelError: if it gives a name twice, or reads one that it does not have.
        """
        given = dict(zip(function.inputs, node.inputs, strict=False))
        names = {name: given.get(name, "") for name in function.inputs}
        made = [name for inner in function.nodes for name in inner.outputs if name]
        if len({*made, *names}) < len(made) + len(function.inputs):
            raise node.complaint(self.file, "its local function gives or takes one name twice")
        wanted = [(name, own) for name, own in zip(function.outputs, node.outputs, strict=False) if own]
        names |= {name: self.fresh(name) for name in made}
        names |= {name: own for name, own in wanted if name in names and name not in function.inputs}
        call = _Call(node, ChainMap(names), {**function.defaults, **node.attributes})
        try:
            for inner in function.nodes:
                yield from self.node(inner, call)
            for name, own in wanted:
                if call.name(name) not in ("", own):  # an input that is an output as well, or one of two names
                    metadata = dict(node.metadata)
                    yield Node("Identity", f"{node.name}/{name}", [names[name]], [own], metadata=metadata)
        except UnreadError as error:
            raise node.complaint(self.file, error.message, error.hint) from None

    def fresh(self, name: str) -> str:
        """Return a name that nothing has."""
        while True:
            made = f"{name[:LONGEST_NAME]}__{next(self.numbers)}"
            if made not in self.taken:
                return made


def _renamed(infos: list[Info], call: _Call) -> list[Info]:
    return [replace(info, name=call.name(info.name)) for info in infos]


def _names(graph: Graph) -> set[str]:
    """Return every name of a graph and of those within it."""
    names = {*graph.arrays, *(info.name for info in (*graph.inputs, *graph.outputs))}
    for node in graph.nodes:
        names.update(node.inputs, node.outputs)
        for inner in _graphs(node.attributes):
            names |= _names(inner)
    return names
