"""What the outputs of a graph depend on, in graphs within nodes too."""

from __future__ import annotations

from costmodel.onnx.model import Graph, Node

AROUND = ("If", "Loop", "Scan", "SequenceMap")
"""The nodes that have graphs within them."""


def needed(graph: Graph) -> list[Node]:
    """Return the nodes that the outputs depend on, in their order; those of their outputs that nobody reads lose their
    names, as such do that a file leaves out.
    """
    wanted = {info.name for info in graph.outputs}
    kept = []
    for node in reversed(graph.nodes):
        if not wanted.isdisjoint(node.outputs):
            kept.append(node)
            wanted.update(node.inputs)
            for inner in graphs_within(node):
                wanted.update(name for one in with_inner(inner.nodes) for name in one.inputs)
                wanted.update(one.name for one in inner.outputs)
    for node in kept:
        node.outputs = [name if name in wanted else "" for name in node.outputs]
    return kept[::-1]


def with_inner(nodes: list[Node]) -> list[Node]:
    """Return nodes and those of the graphs within them."""
    found = list(nodes)
    for node in found:
        for graph in graphs_within(node):
            found += graph.nodes
    return found


def graphs_within(node: Node) -> list[Graph]:
    """Return the graphs within a node."""
    if node.op_type not in AROUND:
        return []
    given = [one for value in node.attributes.values() for one in (value if isinstance(value, list) else [value])]
    return [one for one in given if isinstance(one, Graph)]
