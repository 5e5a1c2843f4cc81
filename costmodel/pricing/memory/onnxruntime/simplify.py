"""What ONNX Runtime does first: nodes that do nothing go, norms, factors and sums fold into convolutions, and what is
computed twice is computed once.

Source: ONNX Runtime, core/optimizer: rule_based_graph_transformer.cc and its rules,
common_subexpression_elimination.cc.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from costmodel.pricing.memory.onnxruntime.nodes import Node, Nodes

BEYOND = 2**63 - 1
"""The end of a slice that goes to the end, whatever that is."""
NAMED = 8
"""Stored arrays of at most so many numbers are the same if their numbers are."""


def simplify(nodes: Nodes) -> None:
    """Apply the rules to every node until none changes anything."""
    changed = True
    while changed:
        changed = False
        for node in nodes.ordered():
            rule = _RULES.get(node.kind)
            while rule is not None and node.index in nodes.by_index and rule(nodes, node):
                changed = True
        changed |= once(nodes)


def once(nodes: Nodes) -> bool:
    """Compute once what several nodes compute; say whether there was any."""
    found: dict[Any, Node] = {}
    changed = False
    for node in nodes.ordered():
        key = (node.kind, *(_same(nodes, name) for name in node.inputs), _frozen(node.attributes), len(node.outputs))
        first = found.setdefault(key, node)
        if first is node or any(name in nodes.outputs for name in node.outputs):
            continue
        for old, new in zip(node.outputs, first.outputs, strict=True):
            nodes.replace(old, new)
        nodes.remove(node)
        changed = True
    return changed


def _same(nodes: Nodes, name: str) -> Any:
    value = nodes.values.get(name)
    if value is None or not value.stored or value.numbers is None or value.alone:
        return name
    few = value.numbers if isinstance(value.numbers, list) else [value.numbers]
    return (value.shape, value.dtype, tuple(few)) if len(few) <= NAMED else name


def _frozen(attributes: dict[str, Any]) -> tuple[Any, ...]:
    return tuple((name, tuple(v) if isinstance(v, list) else v) for name, v in sorted(attributes.items()))


def _nothing(nodes: Nodes, node: Node) -> bool:
    return nodes.drop(node)


def _dropout(nodes: Nodes, node: Node) -> bool:
    """A dropout does nothing, but stays where it reads what the network is given."""
    return node.inputs[0] not in nodes.inputs and nodes.drop(node)


def _unchanged(nodes: Nodes, node: Node) -> bool:
    """A spread to the same sizes, a cast to the same dtype."""
    before, after = nodes.values[node.inputs[0]], nodes.values[node.outputs[0]]
    return before.shape == after.shape and before.dtype == after.dtype and nodes.drop(node)


def _whole(nodes: Nodes, node: Node) -> bool:
    """A slice to beyond every end; one that names the size is not looked at."""
    starts, ends, _, *steps = (nodes.values[name].numbers for name in node.inputs[1:])
    everything = (
        not any(starts) and all(end >= BEYOND for end in ends) and all(one == 1 for row in steps for one in row)
    )
    return everything and nodes.drop(node)


def _convolution(nodes: Nodes, node: Node) -> bool:
    """A stored factor, summand or norm behind a convolution becomes part of its weights."""
    reader = nodes.only_reader(node.outputs[0])
    if reader is None or not nodes.stored(node.inputs[1]) or not _folds(nodes, node, reader):
        return False
    if reader.kind != "Mul" and len(node.inputs) < 3:
        bias = f"{node.path}/folded"
        nodes.values.setdefault(bias, nodes.values[node.inputs[1]])
        nodes.rewire(node, [*node.inputs, bias])
    given = reader.outputs
    nodes.remove(reader)
    nodes.give(node, given)
    return True


def _folds(nodes: Nodes, node: Node, reader: Node) -> bool:
    if reader.kind == "BatchNormalization":
        return reader.inputs[0] == node.outputs[0]
    if node.kind != "Conv" or reader.kind not in ("Add", "Mul") or len(reader.inputs) != 2:
        return False
    (other,) = [name for name in reader.inputs if name != node.outputs[0]] or [""]
    if not other or not nodes.stored(other):
        return False
    weight, shape = nodes.values[node.inputs[1]].shape, nodes.values[other].shape
    if not shape:
        return reader.kind == "Mul"
    axis = len(shape) - len(weight) + 1
    if axis not in (0, 1):
        return False
    return all(size == (weight[0] if at == axis else 1) for at, size in enumerate(shape))


def _padding(nodes: Nodes, node: Node) -> bool:
    """Zeros around a map become the padding of the convolution that alone reads it."""
    reader = nodes.only_reader(node.outputs[0])
    if reader is None or reader.kind != "Conv" or node.attributes.get("mode", "constant") != "constant":
        return False
    if len(node.inputs) > 2 and nodes.values[node.inputs[2]].numbers:
        return False
    pads = nodes.values[node.inputs[1]].numbers
    rank = len(pads) // 2
    if any(pads[:2]) or any(pads[rank : rank + 2]) or min(pads) < 0:
        return False
    own = reader.attributes.get("pads") or [0] * (2 * (rank - 2))
    more = [*pads[2:rank], *pads[rank + 2 :]]
    reader.attributes = reader.attributes | {"pads": [a + b for a, b in zip(own, more, strict=True)]}
    return nodes.drop(node)


def _clipped(nodes: Nodes, node: Node) -> bool:
    """A rectifier before a clip from 0 up does nothing."""
    reader = nodes.only_reader(node.outputs[0])
    if reader is None or reader.kind != "Clip" or len(reader.inputs) < 2:
        return False
    least = nodes.values[reader.inputs[1]].numbers
    return least is not None and least >= 0 and nodes.drop(node)


NEUTRAL = {"Add": (0, (1, 0)), "Sub": (0, (1,)), "Mul": (1, (1, 0)), "Div": (1, (1,))}
"""The number that does nothing, and at which inputs."""


def _neutral(nodes: Nodes, node: Node) -> bool:
    """A sum with 0 and a product with 1 do nothing."""
    number, places = NEUTRAL[node.kind]
    for at in places if len(node.inputs) == 2 else ():
        other, left = nodes.values[node.inputs[at]], node.inputs[1 - at]
        alone = other.numbers == [number] or other.numbers == number
        if other.stored and alone and nodes.values[left].shape == nodes.values[node.outputs[0]].shape:
            nodes.rewire(node, [left])
            return nodes.drop(node)
    return False


_RULES: dict[str, Callable[[Nodes, Node], bool]] = {
    "Identity": _nothing,
    "Dropout": _dropout,
    "Slice": _whole,
    **dict.fromkeys(NEUTRAL, _neutral),
    "Expand": _unchanged,
    "Cast": _unchanged,
    "Conv": _convolution,
    "ConvTranspose": _convolution,
    "Pad": _padding,
    "Relu": _clipped,
}
