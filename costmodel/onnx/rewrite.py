"""Groups of nodes that are one operation, as the one node that ONNX's vocabulary has for it.

Exporters take operations apart that the vocabulary of their day did not have: GELU into Div, Erf, Add, Mul, Mul. A
group is described from its last node upwards; the nodes within may be read by nothing outside.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import permutations
from math import isclose
from typing import Any, TypeAlias

from costmodel.onnx.constants import Known, UnknownValueError, of_node
from costmodel.onnx.node import FAULTS, Node, UnreadError, readers

Pattern: TypeAlias = "str | float | tuple[Any, ...]"
"""The name of any value (the same wherever it stands), a constant number, or a node: its type and patterns of its first
inputs.
"""
COMMUTATIVE = ("Add", "Mul")
NEAR = 2e-3
"""How exact constants have to be: half precision rounds 1.702 to 1.7021."""

CLIPPED = ("Relu6", ("Add", "x", 3.0))
ERF = ("Add", ("Erf", ("Div", "x", 2**0.5)), 1.0)
ERF_TIMES = ("Add", ("Erf", ("Mul", "x", 0.5**0.5)), 1.0)
APART = ("Sub", "x", ("LastMean", "x"))
NORMED = [
    ("Div", APART, ("Sqrt", ("Add", ("LastMean", square), "eps")))
    for square in (("Pow", APART, 2.0), ("Mul", APART, APART))
]


@dataclass(frozen=True)
class Rewrite:
    """The groups `patterns` become a node `op_type` reading `reads`, if `fits` does not object."""

    op_type: str
    patterns: tuple[Pattern, ...]
    reads: tuple[str, ...] = ("x",)
    attributes: Mapping[str, Any] = field(default_factory=dict)
    fits: Callable[[Nodes, Mapping[str, str]], bool] | None = None


class Nodes:
    """The nodes of a graph, by what they give and who reads it."""

    def __init__(self, nodes: list[Node], stored: Mapping[str, Known], outputs: Collection[str]) -> None:
        self.nodes, self.stored, self.outputs = nodes, stored, set(outputs)
        self.producer = {name: node for node in nodes for name in node.outputs if name}
        self.readers = readers(nodes)

    def known(self, value: str) -> Known | None:
        """Return a stored constant; an Identity around it is seen through."""
        node = self.producer.get(value)
        if node is not None and node.op_type == "Identity" and node.inputs:
            value = node.inputs[0]
            node = self.producer.get(value)
        if node is None:
            return self.stored.get(value)
        try:
            return of_node(node.attributes) if node.op_type == "Constant" else None
        except (UnreadError, *FAULTS):
            return None

    def scalar(self, value: str) -> float | None:
        """Return the number that a constant of one element holds."""
        known = self.known(value)
        return known.scalar() if known else None

    def integers(self, value: str) -> list[int]:
        """Return the whole numbers that a constant holds; none where they are not known."""
        known = self.known(value)
        try:
            return known.integers() if known else []
        except UnknownValueError:
            return []

    def length(self, value: str) -> int | None:
        """Return how many sizes a shape has, where that shows."""
        known, node = self.known(value), self.producer.get(value)
        if known is not None:
            return known.size
        return len(node.inputs) if node is not None and node.op_type == "Concat" else None

    def is_private(self, node: Node, group: Collection[int]) -> bool:
        """Say whether only nodes of a group read what `node` gives."""
        return not self.outputs.intersection(node.outputs) and all(
            id(reader) in group for name in node.outputs for reader in self.readers.get(name, [])
        )


@dataclass(frozen=True)
class Match:
    """Which values a pattern's names stand for, and the nodes it takes."""

    values: Mapping[str, str]
    nodes: tuple[Node, ...] = ()


def rewritten(nodes: list[Node], stored: Mapping[str, Known], outputs: Collection[str]) -> list[Node]:
    """Return the nodes with each group that `REWRITES` knows as one node, at the place of its last."""
    index = Nodes(nodes, stored, outputs)
    gone: set[int] = set()
    found: list[Node] = []
    for node in reversed(nodes):
        if id(node) in gone:
            continue
        one = _one(index, node)
        if one is not None:
            gone |= {id(part) for part in one[1]}
        found.append(one[0] if one else node)
    return found[::-1]


def _one(index: Nodes, node: Node) -> tuple[Node, tuple[Node, ...]] | None:
    """Return what a group that ends with `node` becomes, and its nodes."""
    for rewrite in _BY_LAST.get(node.op_type, []):
        for pattern in rewrite.patterns:
            for match in _matches(index, pattern, node.outputs[0], Match({})) if node.outputs else ():
                group = {id(part) for part in match.nodes}
                if not all(part is node or index.is_private(part, group) for part in match.nodes):
                    continue
                if rewrite.fits is None or rewrite.fits(index, match.values):
                    return _new(index, rewrite, match, node), match.nodes
    return None


def _new(index: Nodes, rewrite: Rewrite, match: Match, last: Node) -> Node:
    first = match.nodes[1] if rewrite.op_type == match.nodes[1].op_type else None
    attributes = dict(first.attributes if first else rewrite.attributes)
    if "eps" in match.values:
        attributes["epsilon"] = index.scalar(match.values["eps"])
    reads = [match.values[name] for name in rewrite.reads]
    return Node(rewrite.op_type, last.name, reads, last.outputs, attributes)


def _matches(index: Nodes, pattern: Pattern, value: str, match: Match) -> Iterator[Match]:
    """Yield each way in which the pattern fits what computes `value`."""
    if isinstance(pattern, str):
        if match.values.get(pattern, value) == value:
            yield Match({**match.values, pattern: value}, match.nodes)
        return
    if isinstance(pattern, float):
        number = index.scalar(value)
        if number is not None and isclose(number, pattern, rel_tol=NEAR, abs_tol=1e-9):
            yield match
        return
    node, (head, *parts) = index.producer.get(value), pattern
    if node is None or not _is(index, node, head, len(parts)):
        return
    taken = match.nodes if any(node is other for other in match.nodes) else (*match.nodes, node)
    reads = node.inputs[: len(parts)]
    for order in permutations(reads) if head in COMMUTATIVE else [reads]:
        yield from _all_match(index, parts, list(order), Match(match.values, taken))


def _all_match(index: Nodes, patterns: list[Pattern], values: list[str], match: Match) -> Iterator[Match]:
    if not patterns:
        yield match
        return
    for first in _matches(index, patterns[0], values[0], match):
        yield from _all_match(index, patterns[1:], values[1:], first)


def _is(index: Nodes, node: Node, head: str, parts: int) -> bool:
    """Say whether a node is what a pattern calls `head`. One whose attributes are of the wrong kind is not; the walk
    complains of it.
    """
    if head in _HEADS:
        try:
            return bool(node.inputs) and _HEADS[head](index, node)
        except FAULTS:
            return False
    return node.op_type == head and len(list(filter(None, node.inputs))) == parts


def bounds(index: Nodes, node: Node) -> tuple[float | None, float | None]:
    """Return the least and the largest value of a Clip, whose older form has attributes."""
    given = [index.scalar(name) if name else None for name in (*node.inputs[1:3], "", "")]
    return node.attributes.get("min", given[0]), node.attributes.get("max", given[1])


def _is_relu6(index: Nodes, node: Node) -> bool:
    return node.op_type == "Clip" and bounds(index, node) == (0.0, 6.0)


def _is_hard_sigmoid(index: Nodes, node: Node) -> bool:
    alpha, beta = node.attributes.get("alpha", 0.2), node.attributes.get("beta", 0.5)
    return node.op_type == "HardSigmoid" and isclose(alpha, 1 / 6, rel_tol=NEAR) and beta == 0.5


def _is_last_mean(index: Nodes, node: Node) -> bool:
    """A mean over the last axis, which stays as an axis of size 1."""
    axes = node.attributes.get("axes")
    if axes is None and len(node.inputs) > 1:
        number = index.scalar(node.inputs[1])
        axes = None if number is None else [int(number)]
    return node.op_type == "ReduceMean" and axes == [-1] and node.attributes.get("keepdims", 1) == 1


def _is_flatten(index: Nodes, node: Node) -> bool:
    """From (batch, channels, 1, 1) to (batch, channels)."""
    if node.op_type == "Reshape":
        return len(node.inputs) == 2 and index.length(node.inputs[1]) == 2
    if node.op_type == "Squeeze":
        axes = node.attributes.get("axes")
        given = axes if axes is not None else index.integers(node.inputs[1]) if len(node.inputs) > 1 else []
        return sorted(axis % 4 for axis in given) == [2, 3]
    return node.op_type == "Flatten" and node.attributes.get("axis", 1) == 1


_HEADS: dict[str, Callable[[Nodes, Node], bool]] = {
    "Relu6": _is_relu6,
    "HardSigmoid6": _is_hard_sigmoid,
    "LastMean": _is_last_mean,
    "ToVector": _is_flatten,
}
_ENDS = {"ToVector": ("Flatten", "Reshape", "Squeeze"), "Relu6": ("Clip",)}


def _is_vector(index: Nodes, values: Mapping[str, str]) -> bool:
    """Whether the bias is one: a stored array of one axis."""
    bias = index.known(values["b"])
    return bias is not None and len(bias.shape) == 1


def _is_bias_of_map(index: Nodes, values: Mapping[str, str]) -> bool:
    """Whether what is added to a convolution is one stored number a channel."""
    bias, weight = index.known(values["b"]), index.known(values["w"])
    if bias is None or weight is None or len(weight.shape) != 4:
        return False
    return bias.shape in ((weight.shape[0], 1, 1), (1, weight.shape[0], 1, 1))


REWRITES = [
    Rewrite("Swish", (("Mul", "x", ("Sigmoid", "x")),)),
    Rewrite(
        "HardSwish",
        (
            ("Mul", "x", ("HardSigmoid6", "x")),
            ("Mul", "x", ("Div", CLIPPED, 6.0)),
            ("Div", ("Mul", "x", CLIPPED), 6.0),
            ("Mul", "x", ("Mul", CLIPPED, 1 / 6)),
            ("Mul", ("Mul", "x", CLIPPED), 1 / 6),
        ),
    ),
    Rewrite("HardSigmoid", (("Div", CLIPPED, 6.0), ("Mul", CLIPPED, 1 / 6)), attributes={"alpha": 1 / 6, "beta": 0.5}),
    Rewrite(
        "Gelu",
        tuple(
            pattern
            for erf in (ERF, ERF_TIMES)
            for pattern in (
                ("Mul", ("Mul", "x", erf), 0.5),
                ("Mul", ("Mul", "x", 0.5), erf),
                ("Mul", "x", ("Mul", erf, 0.5)),
            )
        ),
    ),
    Rewrite(
        "LayerNormalization", tuple(("Add", ("Mul", normed, "w"), "b") for normed in NORMED), reads=("x", "w", "b")
    ),
    Rewrite("ReduceMean", (("ToVector", ("GlobalAveragePool", "x")),), attributes={"axes": [2, 3], "keepdims": 0}),
    Rewrite("ReduceMax", (("ToVector", ("GlobalMaxPool", "x")),), attributes={"axes": [2, 3], "keepdims": 0}),
    Rewrite("MatMul", (("Add", ("MatMul", "x", "w"), "b"),), reads=("x", "w", "b"), fits=_is_vector),
    Rewrite("Conv", (("Add", ("Conv", "x", "w"), "b"),), reads=("x", "w", "b"), fits=_is_bias_of_map),
    Rewrite(
        "MaxUnpool",
        (
            (
                "Reshape",
                (
                    "ScatterElements",
                    ("ConstantOfShape", "size"),
                    ("Reshape", "i", "rows"),
                    ("Reshape", "x", "rows"),
                ),
                "shape",
            ),
        ),
        reads=("x", "i", "shape"),
    ),
]
_BY_LAST: dict[str, list[Rewrite]] = {}
for _rewrite in REWRITES:
    for _type in dict.fromkeys(t for p in _rewrite.patterns if isinstance(p, tuple) for t in _ENDS.get(p[0], (p[0],))):
        _BY_LAST.setdefault(_type, []).append(_rewrite)
