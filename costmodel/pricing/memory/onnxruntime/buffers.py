"""Which values lie in which buffers, and from when to when: views, overwriting, and the list of free buffers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from costmodel.numbers.arithmetic import product
from costmodel.pricing.elements import Widths
from costmodel.pricing.memory.onnxruntime.nodes import Node, Nodes

VIEWS = frozenset(("Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity"))
"""Nodes whose output is their input under another shape."""
OVERWRITES = {
    **dict.fromkeys(
        ("Relu", "LeakyRelu", "Elu", "Selu", "Celu", "Sigmoid", "HardSigmoid", "Tanh", "Softplus", "Softsign",
         "ThresholdedRelu", "Clip", "Softmax", "LogSoftmax", "Cast", "Shrink", "Trilu", "ScatterElements"), 0
    ),
    "Conv": 3, "FusedConv": 3,
}  # fmt: skip
"""The input that a node may write its output over."""


@dataclass(slots=True)
class Buffer:
    """A buffer: the value that it was made for, and the places in the order of its first writer and last reader."""

    value: str
    bytes: int
    first: int
    last: int


def buffers(nodes: Nodes, order: Sequence[Node], widths: Widths) -> list[Buffer]:
    """Return the buffers that ONNX Runtime allocates, in the order in which it does.

    What the network reads and returns is the caller's, and not among them. A buffer that is reused is held all the
    while, and one that holds a value which nobody reads is never given back.
    Source: PlannerImpl of ONNX Runtime (core/framework/allocation_planner.cc).
    """
    return _Walk(nodes, widths).walk(order)


class _Walk:
    """Decides node by node, as uses are counted down."""

    def __init__(self, nodes: Nodes, widths: Widths) -> None:
        self.nodes, self.widths = nodes, widths
        self.home: dict[str, str] = {}  # the value in whose buffer a value lies
        self.made: dict[str, Buffer] = {}
        self.free: list[str] = []  # the most recently freed first
        self.kept: set[str] = set()  # those that hold what nobody reads
        self.uses = {name: len(readers) for name, readers in nodes.readers.items()}
        for name in (*nodes.inputs, *nodes.outputs):
            self.uses[name] = self.uses.get(name, 0) + 1

    def walk(self, order: Sequence[Node]) -> list[Buffer]:
        for place, node in enumerate(order):
            for position, name in enumerate(node.outputs):
                self.uses.setdefault(name, 0)
                self._settle(node, position, name, place)
            for name in node.inputs:
                if name and not self.nodes.stored(name):
                    self._use(name, place)
            for name in node.outputs:
                if self.home[name] in self.made and not self.uses[name]:
                    self.kept.add(self.home[name])
        for home in self.kept:
            self.made[home].last = len(order) - 1
        return list(self.made.values())

    def _settle(self, node: Node, position: int, name: str, place: int) -> None:
        """Find the buffer of an output."""
        if name in self.nodes.outputs:
            self.home[name] = name
            return
        shared = self._overwritten(node, position, name)
        if shared is None:
            shared = self._freed(name)
        if shared is None:
            value = self.nodes.values[name]
            self.home[name] = name
            self.made[name] = Buffer(name, int(self.widths.bytes(product(value.shape), value.dtype)), place, place)
        else:
            home = self.home.get(shared, shared)
            self.home[name] = home
            self.uses[home] = self.uses.get(home, 0) + self.uses[name]

    def _overwritten(self, node: Node, position: int, name: str) -> str | None:
        """Return the input that an output shares the buffer of."""
        if position:
            return None
        if node.kind in VIEWS:
            return node.inputs[0]
        at = OVERWRITES.get(node.kind)
        if at is None or at >= len(node.inputs) or not node.inputs[at]:
            return None
        source = node.inputs[at]
        if self.nodes.stored(source) or self.uses[self.home.get(source, source)] != 1:
            return None
        return source if self._alike(source, name) else None

    def _freed(self, name: str) -> str | None:
        """Return a buffer of the same shape that nothing needs any more, and take it."""
        if not self.nodes.values[name].shape:
            return None
        for other in self.free:
            if self._alike(other, name):
                self.free.remove(other)
                return other
        return None

    def _alike(self, one: str, other: str) -> bool:
        a, b = self.nodes.values[one], self.nodes.values[other]
        return a.shape == b.shape and self.widths.bits(a.dtype) == self.widths.bits(b.dtype)

    def _use(self, name: str, place: int) -> None:
        """Count one use less of the buffer of a value."""
        home = self.home.get(name, name)
        self.uses[home] -= 1
        if home in self.made:
            self.made[home].last = place
            if not self.uses[home]:
                self.free.insert(0, home)
