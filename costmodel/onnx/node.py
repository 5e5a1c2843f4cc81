"""A node of an ONNX file, as the rules that read it see it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from costmodel.documents.safe_text import one_line
from costmodel.errors import CostModelError, quote

if TYPE_CHECKING:
    import onnx

STANDARD = ("", "ai.onnx")
"""The names of ONNX's own vocabulary."""


LONGEST_MESSAGE = 600
"""Characters that a complaint shows of what a file holds."""
FAULTS = (
    LookupError,
    AttributeError,
    TypeError,
    ValueError,
    ArithmeticError,
    AssertionError,
    RuntimeError,
    MemoryError,
)
"""What an attribute or a constant of the wrong kind ends in, wherever it is looked at."""


class UnreadError(Exception):
    """A node that no operator stands for; the text says what is the matter."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message, self.hint = message, hint


@dataclass
class Node:
    """One node: what it is called, reads and gives. Attributes that a rule never asked for are complaints later."""

    op_type: str
    name: str
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, Any] = field(default_factory=dict)
    domain: str = ""
    asked: set[str] = field(default_factory=set)

    def get(self, name: str, default: Any) -> Any:
        """Return an attribute, or its default."""
        self.asked.add(name)
        return self.attributes.get(name, default)

    def ignore(self, *names: str) -> None:
        """Let attributes be that change no cost."""
        self.asked.update(names)

    def unasked(self) -> list[str]:
        """Return the attributes that nothing asked for."""
        return sorted(self.attributes.keys() - self.asked)

    def has(self, position: int) -> bool:
        """Say whether there is an input at a position: optional ones may be left out or empty."""
        return position < len(self.inputs) and self.inputs[position] != ""

    def complaint(self, file: str, message: str, hint: str = "") -> CostModelError:
        """Return what is wrong with the node, and where it is."""
        kind = self.op_type if self.domain in STANDARD else f"{self.domain}.{self.op_type}"
        where = f"{file}: node {quote(self.name)} ({one_line(kind)})"
        message = message if len(message) <= LONGEST_MESSAGE else f"{message[:LONGEST_MESSAGE]}..."
        return CostModelError(f"{where}: {message}" + (f"\n  {hint}" if hint else ""))

    @property
    def path(self) -> str:
        """The name of the layer that the node becomes.

        Exporters name a node after the modules around it, each with the names of those around itself:
        ``/layer1/layer1.0/conv1/Conv`` is ``layer1.0.conv1.Conv``. The nodes of one layer that were written here have
        a slash and a number behind the layer's path.
        """
        path: list[str] = []
        for part in re.sub(r"/\d+$", "", self.name).strip("/").split("/"):
            outer = ".".join(path)
            path = [part] if outer and part.startswith(f"{outer}.") else [*path, part]
        return one_line(".".join(filter(None, path))) or self.op_type


def nodes_of(graph: onnx.GraphProto) -> list[Node]:
    """Return the nodes of a graph in its order."""
    return [node_of(proto) for proto in graph.node]


def node_of(proto: onnx.NodeProto) -> Node:
    """Return one node, its attributes as plain values."""
    from onnx import helper

    attributes = {}
    for attribute in proto.attribute:
        try:
            value = helper.get_attribute_value(attribute)
        except ValueError:
            value = None
        if isinstance(value, float):
            value = short(value)
        attributes[attribute.name] = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
    outputs = list(proto.output)
    name = proto.name or next(filter(None, outputs), "")
    return Node(proto.op_type, name, list(proto.input), outputs, attributes, proto.domain)


def short(number: float) -> float:
    """Return a number of 32 bits as it was written: 1e-5, not 9.999999747378752e-06."""
    return float(f"{number:.7g}")


def readers(nodes: Iterable[Node]) -> dict[str, list[Node]]:
    """Return for each value the nodes that read it, each once."""
    found: dict[str, list[Node]] = {}
    for node in nodes:
        for name in dict.fromkeys(filter(None, node.inputs)):
            found.setdefault(name, []).append(node)
    return found


def needed(nodes: list[Node], outputs: Iterable[str]) -> list[Node]:
    """Return the nodes that the outputs depend on, in their order."""
    wanted, kept = set(outputs), []
    for node in reversed(nodes):
        if wanted.intersection(node.outputs):
            kept.append(node)
            wanted.update(node.inputs)
    return kept[::-1]
