"""Matrix products as ONNX Runtime runs them: with their bias as one node on two axes, reshapes joined.

Source: ONNX Runtime, core/optimizer: matmul_add_fusion.cc, reshape_fusion.cc, matmul_scale_fusion.cc,
skip_layer_norm_fusion.cc.
"""

from __future__ import annotations

from math import prod

from costmodel.pricing.memory.onnxruntime.nodes import Node, Nodes

RESHAPES = ("Reshape", "Squeeze", "Unsqueeze")
SCALES = ("Mul", "Div")
SEQUENCE = 3
"""Axes of a batch of token sequences."""


def with_bias(nodes: Nodes, all_of_them: bool = False) -> None:
    """Make a product with a stored matrix and the bias added to it one node, which works on two axes.

    Those that look like the projections of an attention are left at first, for a fusion that looks for them.
    """
    kept = _Kept(nodes)
    for node in nodes.ordered():
        if node.index not in nodes.by_index or node.kind != "MatMul":
            continue
        adds = nodes.only_reader(node.outputs[0])
        if adds is None or adds.kind != "Add" or len(nodes.values[node.inputs[1]].shape) != 2:
            continue
        rows, inner = nodes.values[node.inputs[0]].shape[:-1], nodes.values[node.inputs[0]].shape[-1]
        columns = nodes.values[node.inputs[1]].shape[1]
        bias = next((name for name in adds.inputs if name != node.outputs[0]), "")
        if not bias or not _fits(nodes.values[bias].shape, rows, columns):
            continue
        if len(rows) == 1:
            _join(nodes, node, adds, node.inputs[0], bias, adds.outputs)
        elif all_of_them or not kept.keeps(node, adds):
            count = prod(rows)
            flat = nodes.fresh(f"{node.path}/rows", (count, inner))
            out = nodes.fresh(f"{node.path}/sums", (count, columns))
            nodes.add("Reshape", [node.inputs[0], nodes.known(node.path, [count, inner])], [flat], node.path)
            nodes.add("Reshape", [out, nodes.known(node.path, [*rows, columns])], adds.outputs, adds.path)
            _join(nodes, node, adds, flat, bias, [out])


def _fits(bias: tuple[int, ...], rows: tuple[int, ...], columns: int) -> bool:
    if len(bias) == 1:
        return bias[0] == columns
    return len(rows) == 1 and len(bias) == 2 and (
        (bias[0] == 1 and bias[1] == columns) or (bias[0] == rows[0] and bias[1] in (1, columns))
    )  # fmt: skip


def _join(nodes: Nodes, product: Node, adds: Node, x: str, bias: str, outputs: list[str]) -> None:
    inputs, path = [x, product.inputs[1], bias], adds.path
    nodes.remove(product)
    nodes.remove(adds)
    nodes.add("Gemm", inputs, outputs, path)


class _Kept:
    """Products that look like those of an attention behind a norm are left for a fusion that looks for them."""

    def __init__(self, nodes: Nodes) -> None:
        self.nodes = nodes
        self.norms: set[Node] = set()
        self.sums: set[Node] = set()

    def keeps(self, product: Node, adds: Node) -> bool:
        norm = self.nodes.made_by.get(product.inputs[0])
        if norm in self.norms or adds in self.sums:
            return True
        if norm is None or norm.kind != "LayerNormalization":
            return False
        readers = self.nodes.readers.get(norm.outputs[0], [])
        sums = [one for one in readers if one.kind == "Add"]
        if len(readers) != 4 or len(sums) != 1 or sum(one.kind == "MatMul" for one in readers) != 3:
            return False
        others = [name for name in sums[0].inputs if name != norm.outputs[0]]
        other = self.nodes.made_by.get(others[0]) if others else None
        if other is None or other.kind != "Add":
            return False
        self.norms.add(norm)
        self.sums.add(other)
        return True


def join_reshapes(nodes: Nodes) -> None:
    """Make reshapes in a row one."""
    for node in nodes.ordered():
        if node.index not in nodes.by_index or node.kind != "Reshape":
            continue
        row = [node]
        while (after := nodes.only_reader(row[-1].outputs[0])) is not None and after.kind in RESHAPES:
            row.append(after)
        if len(row) > 1:
            source, last = node.inputs[0], row[-1]
            shape = nodes.values[last.outputs[0]].shape
            sizes = nodes.known(last.path, list(shape))
            given, path = last.outputs, last.path
            for one in row:
                nodes.remove(one)
            nodes.add("Reshape", [source, sizes], given, path)


def scaled(nodes: Nodes) -> None:
    """Let a product multiply by the constants that its factors or its result are multiplied by."""
    for node in nodes.ordered():
        if node.index not in nodes.by_index or node.kind not in ("MatMul", "FusedMatMul"):
            continue
        factors = [nodes.made_by.get(name) for name in node.inputs]
        before = [one if one is not None and _scales(nodes, one) else None for one in factors]
        after = nodes.only_reader(node.outputs[0])
        after = after if after is not None and _scales(nodes, after) else None
        if not any(before) and after is None:
            continue
        inputs = [name if one is None else one.inputs[0] for name, one in zip(node.inputs, before, strict=True)]
        given = node.outputs if after is None else after.outputs
        nodes.remove(node)
        if after is not None:
            nodes.remove(after)
        for one in dict.fromkeys(filter(None, before)):
            if not nodes.readers.get(one.outputs[0]) and one.outputs[0] not in nodes.outputs:
                nodes.remove(one)
        nodes.add("FusedMatMul", inputs, given, node.path, **node.attributes)


def norms(nodes: Nodes) -> None:
    """Let a layer norm of token sequences add what it reads, where nothing else reads the sum."""
    for node in nodes.ordered():
        adds = nodes.made_by.get(node.inputs[0]) if node.kind == "LayerNormalization" else None
        if adds is None or adds.kind != "Add" or nodes.only_reader(adds.outputs[0]) is not node:
            continue
        shape = nodes.values[adds.outputs[0]].shape
        if len(shape) != SEQUENCE or any(
            nodes.values[name].shape not in (shape, (1, *shape[1:]), shape[1:]) for name in adds.inputs
        ):
            continue
        inputs, given = [*adds.inputs, *node.inputs[1:]], node.outputs
        nodes.remove(node)
        nodes.remove(adds)
        nodes.add("SkipLayerNormalization", inputs, given, node.path)


def _scales(nodes: Nodes, node: Node) -> bool:
    """Say whether a node multiplies its first input by one constant."""
    if node.kind not in SCALES or nodes.stored(node.inputs[0]):
        return False
    by = nodes.values[node.inputs[1]]
    return by.stored and prod(by.shape) == 1 and by.numbers is not None
