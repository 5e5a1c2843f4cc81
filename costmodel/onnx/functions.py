"""Local functions of an ONNX file: what expanding them would make is counted before it is made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from costmodel.errors import CostModelError
from costmodel.onnx.node import UnreadError, node_of

if TYPE_CHECKING:
    import onnx

MOST_NODES = 20_000
"""Nodes that a graph may have, its functions expanded."""
MOST_BYTES = 10**8
"""Bytes that the nodes of expanded functions may take."""
DEEPEST = 64
"""How many functions may stand one in the other."""
TOO_DEEP = f"local functions stand in each other more than {DEEPEST} deep"

Key: TypeAlias = tuple[str, str, str]


@dataclass(frozen=True)
class Size:
    """What a call becomes: nodes, their bytes, how often names and attributes of the call are written in them, and how
    deep functions stand in each other.
    """

    nodes: int = 0
    bytes: int = 0
    slots: int = 0
    depth: int = 0


def expanded(model: onnx.ModelProto, file: str) -> onnx.ModelProto:
    """Return a model whose nodes are all ONNX's own: each call of a local function is replaced by its nodes.

    Raises:
        CostModelError: if a function calls itself, they are too deep in each other or too large, or ONNX cannot do it.
    """
    if not model.functions:
        return model
    sizes = _Sizes(model)
    total = Size()
    for proto in _all(model.graph.node):
        try:
            total = _and(total, sizes.of_node(proto, ()))
            if total.nodes > MOST_NODES or total.bytes > MOST_BYTES:
                raise UnreadError(
                    f"its local functions are more than {MOST_NODES:,} nodes, or {MOST_BYTES:,} bytes of them",
                    "export the network without local functions",
                )
        except UnreadError as error:
            raise node_of(proto).complaint(file, error.message, error.hint) from None
    from onnx.inliner import inline_local_functions

    try:
        return inline_local_functions(model)
    except Exception as error:
        reason = str(error).splitlines()[:1] or [type(error).__name__]
        raise CostModelError(f"{file}: its local functions cannot be expanded: {reason[0]}") from None


class _Sizes:
    """How large each local function is, looked at once."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.functions = {(function.domain, function.name, function.overload): function for function in model.functions}
        self.known: dict[Key, Size] = {}

    def of_node(self, proto: onnx.NodeProto, around: tuple[Key, ...]) -> Size:
        """Return what a node becomes; one that calls no function is itself, and counts only within a function."""
        key = (proto.domain, proto.op_type, proto.overload)
        own = Size(1, _bytes(proto), len(proto.input) + len(proto.output) + len(proto.attribute))
        if key not in self.functions:
            return own if around else Size()
        inside = self._of(key, around)
        return Size(inside.nodes, inside.bytes + inside.slots * own.bytes, inside.slots, inside.depth + 1)

    def _of(self, key: Key, around: tuple[Key, ...]) -> Size:
        if key in around:
            raise UnreadError(f"the local function {'.'.join(key[:2])!r} calls itself")
        if len(around) >= DEEPEST:
            raise UnreadError(TOO_DEEP)
        if key not in self.known:
            total = Size()
            for proto in _all(self.functions[key].node):
                total = _and(total, self.of_node(proto, (*around, key)))
                if total.depth >= DEEPEST:
                    raise UnreadError(TOO_DEEP)
            self.known[key] = total
        return self.known[key]


def _and(one: Size, other: Size) -> Size:
    depth = max(one.depth, other.depth)
    return Size(one.nodes + other.nodes, one.bytes + other.bytes, one.slots + other.slots, depth)


def _bytes(proto: onnx.NodeProto) -> int:
    size: int = proto.ByteSize()
    return size


def _all(nodes: Iterable[onnx.NodeProto]) -> Iterator[onnx.NodeProto]:
    """Yield nodes and those of the graphs within them."""
    for proto in nodes:
        yield proto
        for attribute in proto.attribute:
            for graph in (attribute.g, *attribute.graphs) if attribute.HasField("g") or attribute.graphs else ():
                yield from _all(graph.node)
