"""Nodes that compare what a network says with what is right."""

from __future__ import annotations

from costmodel.onnx.model import Node
from costmodel.onnx.reader import Reader, rule
from costmodel.onnx.types.common import counted
from costmodel.ops import OPERATORS
from costmodel.reading.value import Value


@rule("NegativeLogLikelihoodLoss")
def _nll(read: Reader, node: Node) -> Value:
    return _picked(read, node, read.value(node, 0))


@rule("SoftmaxCrossEntropyLoss")
def _cross_entropy(read: Reader, node: Node) -> tuple[Value, Value]:
    scores = read.value(node, 0)
    logs = read.add(node, OPERATORS["log_softmax"](axis=1 - len(scores.shape)), scores)
    return _picked(read, node, logs), logs


def _picked(read: Reader, node: Node, logs: Value) -> Value:
    """Return the loss: for each label one logarithm, its sign changed, times the weight of its class if they have some,
    and the sum or the mean, which divides by the number of labels or by the sum of their weights.
    """
    labels, weights, how = read.value(node, 1), read.optional(node, 2), node.get("reduction", "mean")
    inputs = [labels] if weights is None else [labels, weights]
    each = 1 + (weights is not None)
    if how == "none":
        return counted(read, node, labels.shape, logs, *inputs, other_ops=each * labels.size)
    each += 1 + (how == "mean" and weights is not None)
    operations = each * labels.size + (how == "mean")
    return counted(read, node, (), logs, *inputs, other_ops=operations)
