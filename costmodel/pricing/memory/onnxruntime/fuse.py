"""Nodes that ONNX Runtime runs as one kernel: activations behind convolutions and products, slices that are a split.

Source: ONNX Runtime, core/optimizer: conv_activation_fusion.cc, conv_add_act_fusion.cc, quick_gelu_fusion.cc,
gather_fusion.cc.
"""

from __future__ import annotations

from costmodel.pricing.memory.onnxruntime.nodes import Node, Nodes

PLANE = 4
"""Axes of a batch of maps."""
BEHIND_CONV = frozenset(("Relu", "Sigmoid", "Tanh", "LeakyRelu", "Clip", "HardSigmoid"))
"""Activations that a convolution computes."""
BEHIND_GEMM = frozenset(
    ("Elu", "HardSigmoid", "LeakyRelu", "Relu", "Selu", "Sigmoid", "Softplus", "Softsign", "Tanh", "ThresholdedRelu")
)
"""Activations that a product with a bias computes."""


def apart(nodes: Nodes) -> None:
    """Write activations that have no kernel of their own as those that have."""
    for node in list(nodes.by_index.values()):
        if node.kind == "HardSwish":
            source, value = node.inputs[0], nodes.values[node.outputs[0]]
            gate = nodes.fresh(f"{node.path}/gate", value.shape, value.dtype)
            given = node.outputs
            nodes.remove(node)
            nodes.add("HardSigmoid", [source], [gate], node.path)
            nodes.add("Mul", [source, gate], given, node.path)


def activations(nodes: Nodes, of: str, known: frozenset[str], fused: str) -> None:
    """Let nodes of a kind compute the activation that alone reads their result."""
    for node in nodes.ordered():
        if node.index not in nodes.by_index or node.kind != of:
            continue
        reader = nodes.only_reader(node.outputs[0])
        if reader is None or reader.kind not in known or not all(map(nodes.stored, reader.inputs[1:])):
            continue
        inputs, given = node.inputs, reader.outputs
        nodes.remove(reader)
        nodes.remove(node)
        nodes.add(fused, inputs, given, node.path, **node.attributes, activation=reader.kind)


def gates(nodes: Nodes) -> None:
    """Make x * sigmoid(x) one node."""
    for node in nodes.ordered():
        if node.index not in nodes.by_index or node.kind != "Sigmoid":
            continue
        reader = nodes.only_reader(node.outputs[0])
        if (
            reader is not None
            and reader.kind == "Mul"
            and sorted(reader.inputs) == sorted([*node.inputs, *node.outputs])
        ):
            source, given = node.inputs[0], reader.outputs
            nodes.remove(reader)
            nodes.remove(node)
            nodes.add("QuickGelu", [source], given, reader.path)


def splits(nodes: Nodes) -> None:
    """Make slices that cut a value into parts, side by side, one node."""
    names = [*nodes.inputs, *(name for node in nodes.ordered() for name in node.outputs)]
    for name in names:
        slices = list(nodes.readers.get(name, ()))
        cuts = [_cut(nodes, one) for one in slices]
        if name in nodes.outputs or len(slices) < 2 or None in cuts:
            continue
        parts = sorted(((*cut, one) for cut, one in zip(cuts, slices, strict=True) if cut), key=lambda part: part[1])
        axes, ends = {axis for axis, *_ in parts}, [0, *(end for _, _, end, _ in parts)]
        axis = parts[0][0]
        if len(axes) > 1 or [start for _, start, _, _ in parts] != ends[:-1]:
            continue
        if ends[-1] != nodes.values[name].shape[axis]:
            continue
        given = [one.outputs[0] for *_, one in parts]
        for one in slices:
            nodes.remove(one)
        nodes.add("Split", [name], given, slices[0].path, axis=axis, sizes=[end - start for _, start, end, _ in parts])


def _cut(nodes: Nodes, node: Node) -> tuple[int, int, int] | None:
    """Return the axis, start and end of a slice along one axis."""
    if node.kind != "Slice":
        return None
    starts, ends, axes, *steps = (nodes.values[name].numbers for name in node.inputs[1:])
    if len(starts) != 1 or (steps and steps[0] != [1]):
        return None
    shape = nodes.values[node.inputs[0]].shape
    axis = axes[0] % len(shape)
    start, end, _ = slice(starts[0], ends[0]).indices(shape[axis])
    return axis, start, end


def sums(nodes: Nodes) -> None:
    """Let a convolution that is not on blocks add the other summand to its result, and compute an activation then."""
    for node in nodes.ordered():
        if node.index not in nodes.by_index or node.kind != "Conv" or "lanes" in node.attributes:
            continue
        adds = nodes.only_reader(node.outputs[0])
        if adds is None or adds.kind != "Add" or len(set(adds.inputs)) != 2:
            continue
        (other,) = [name for name in adds.inputs if name != node.outputs[0]]
        shape = nodes.values[node.outputs[0]].shape
        if len(shape) != PLANE or nodes.stored(other) or nodes.values[other].shape != shape:
            continue
        bias = [*node.inputs[1:], ""][:2]
        given, tail = adds.outputs, nodes.only_reader(adds.outputs[0])
        attributes = node.attributes
        if tail is not None and tail.kind in BEHIND_CONV and all(map(nodes.stored, tail.inputs[1:])):
            given, attributes = tail.outputs, attributes | {"activation": tail.kind}
            nodes.remove(tail)
        x = node.inputs[0]
        nodes.remove(adds)
        nodes.remove(node)
        nodes.add("FusedConv", [x, *bias, other], given, node.path, **attributes)
