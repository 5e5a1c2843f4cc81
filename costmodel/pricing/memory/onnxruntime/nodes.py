"""A network as the nodes that ONNX Runtime is given, and changes: what reads what, in whose order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from costmodel.numbers.arithmetic import Shape

WHOLE = "int64"
"""The dtype of indices and sizes."""


@dataclass(frozen=True, slots=True)
class Value:
    """What a name stands for: its shape, batch included, and dtype, None for real numbers of the network's.

    stored: it lies among the weights, or is known before the network runs. numbers: what it holds, where that is known
    and matters. alone: it is taken for no other's equal, though its numbers be the same.
    """

    shape: Shape
    dtype: str | None = None
    stored: bool = False
    numbers: Any = None
    alone: bool = False


@dataclass(slots=True, eq=False)
class Node:
    """One node: what it is, reads, gives, and which layer it does that for. `index` is when it was made."""

    kind: str
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, Any]
    path: str
    index: int = -1


@dataclass
class Nodes:
    """All nodes of a network by their index, and what every name stands for."""

    inputs: tuple[str, ...]
    values: dict[str, Value]
    outputs: tuple[str, ...] = ()
    by_index: dict[int, Node] = field(default_factory=dict)
    made_by: dict[str, Node] = field(default_factory=dict)
    readers: dict[str, list[Node]] = field(default_factory=dict)
    counter: int = 0

    def add(self, kind: str, inputs: list[str], outputs: list[str], path: str, **attributes: Any) -> Node:
        """Add a node; it is younger than all others."""
        node = Node(kind, [], outputs, attributes, path, self.counter)
        self.counter += 1
        self.by_index[node.index] = node
        for name in outputs:
            self.made_by[name] = node
        self.rewire(node, inputs)
        return node

    def rewire(self, node: Node, inputs: list[str]) -> None:
        """Let a node read other values."""
        for name in node.inputs:
            if name:
                self.readers[name].remove(node)
        node.inputs = inputs
        for name in inputs:
            if name:
                self.readers.setdefault(name, []).append(node)

    def remove(self, node: Node) -> None:
        """Take a node out; what it gave has to be made by another, or read by none."""
        self.rewire(node, [])
        del self.by_index[node.index]
        for name in node.outputs:
            if self.made_by.get(name) is node:
                del self.made_by[name]

    def give(self, node: Node, outputs: list[str]) -> None:
        """Let a node give other values in place of its own."""
        for name in node.outputs:
            if self.made_by.get(name) is node:
                del self.made_by[name]
        node.outputs = outputs
        for name in outputs:
            self.made_by[name] = node

    def drop(self, node: Node) -> bool:
        """Take out a node that hands on its first input; say whether that could be done.

        Where the network returns what it gives, whatever makes its input must be a node that no other reads.
        """
        source, result = node.inputs[0], node.outputs[0]
        if result in self.outputs:
            maker = self.made_by.get(source)
            if maker is None or source in self.outputs or len(self.readers[source]) > 1:
                return False
            self.remove(node)
            self.give(maker, [result if name == source else name for name in maker.outputs])
            return True
        self.replace(result, source)
        self.remove(node)
        return True

    def replace(self, old: str, new: str) -> None:
        """Let all that read a value read another one."""
        for reader in dict.fromkeys(self.readers.get(old, ())):
            self.rewire(reader, [new if name == old else name for name in reader.inputs])

    def only_reader(self, name: str) -> Node | None:
        """Return the node that reads a value, if it is the only one and the network does not return the value."""
        readers = self.readers.get(name, ())
        return readers[0] if len(readers) == 1 and name not in self.outputs else None

    def stored(self, name: str) -> bool:
        """Say whether a value is known before the network runs."""
        return self.values[name].stored

    def fresh(self, stem: str, shape: Shape, dtype: str | None = None) -> str:
        """Return the name of a new value."""
        name = f"{stem}#{len(self.values)}"
        self.values[name] = Value(shape, dtype)
        return name

    def known(self, stem: str, numbers: list[int]) -> str:
        """Return the name of new whole numbers that are stored."""
        name = f"{stem}#{len(self.values)}"
        self.values[name] = Value((len(numbers),), WHOLE, True, numbers, alone=True)
        return name

    def before(self, node: Node) -> list[Node]:
        """Return the nodes that make what a node reads, in the order of its inputs."""
        return [self.made_by[name] for name in node.inputs if name in self.made_by]

    def ordered(self) -> list[Node]:
        """Return all nodes in the order in which ONNX Runtime looks at them and runs them: depth first from those that
        nobody reads, the youngest input first.
        """
        order: list[Node] = []
        seen: set[int] = set()
        stack = [(node, False) for node in self._ends()]
        while stack:
            node, done = stack.pop()
            if done:
                order.append(node)
                continue
            if node.index in seen:
                continue
            seen.add(node.index)
            stack.append((node, True))
            sources = sorted(self.before(node), key=lambda one: one.index)
            stack += [(one, False) for one in sources if one.index not in seen]
        return order

    def _ends(self) -> Iterator[Node]:
        for index in sorted(self.by_index):
            node = self.by_index[index]
            if not any(self.readers.get(name) for name in node.outputs):
                yield node
