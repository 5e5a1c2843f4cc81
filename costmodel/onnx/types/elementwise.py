"""Nodes that work on every element by itself, of one tensor or of several that spread over one another."""

from __future__ import annotations

from costmodel.onnx.model import Node
from costmodel.onnx.reader import Reader, rule
from costmodel.ops import OPERATORS
from costmodel.reading.value import Value

PLAIN = {"Relu": "relu", "Sigmoid": "sigmoid", "Tanh": "tanh"}


@rule(*PLAIN)
def _plain(read: Reader, node: Node) -> Value:
    return read.add(node, OPERATORS[PLAIN[node.op_type]](), read.value(node, 0))


MERGES = {"Add": "add", "Sub": "subtract", "Mul": "multiply", "Div": "divide"}


@rule(*MERGES)
def _merge(read: Reader, node: Node) -> Value:
    return read.add(node, OPERATORS[MERGES[node.op_type]](), *read.all(node))
