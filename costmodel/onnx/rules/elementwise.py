"""Activations, and constants that are not layers at all."""

from __future__ import annotations

from dataclasses import replace
from math import inf, isclose

from costmodel.onnx.constants import FEW, Known, constant, of_node
from costmodel.onnx.layout import Scores, View
from costmodel.onnx.node import Node, UnreadError
from costmodel.onnx.rewrite import NEAR
from costmodel.onnx.walk import Value, Walk, along_channels, rule
from costmodel.ops import OPERATORS
from costmodel.ops.base import Operator

LARGE = 1e30
"""A bound beyond this is none: exporters write the largest float for infinity."""


def _per_element(walk: Walk, node: Node, op: Operator) -> View:
    return walk.alike(walk.view(node), node, op)


@rule("Relu", "Sigmoid", "Tanh", "HardSwish")
def _named(walk: Walk, node: Node) -> View:
    return _per_element(walk, node, OPERATORS[node.op_type.lower()]())


@rule("Swish")
def _swish(walk: Walk, node: Node) -> View:
    if node.get("alpha", 1.0) != 1:
        raise UnreadError(f"its alpha is {node.get('alpha', 1.0):g}, and only 1 is known")
    return _per_element(walk, node, OPERATORS["silu"]())


@rule("Gelu")
def _gelu(walk: Walk, node: Node) -> View:
    if node.get("approximate", "none") != "none":
        raise UnreadError("only the exact GELU is known, by erf and not by tanh")
    return _per_element(walk, node, OPERATORS["gelu"]())


@rule("HardSigmoid")
def _hard_sigmoid(walk: Walk, node: Node) -> View:
    alpha, beta = node.get("alpha", 0.2), node.get("beta", 0.5)
    if not (isclose(alpha, 1 / 6, rel_tol=NEAR) and isclose(beta, 0.5, rel_tol=NEAR)):
        raise UnreadError(f"alpha {alpha:g} and beta {beta:g} are not known, only 1/6 and 1/2")
    return _per_element(walk, node, OPERATORS["hardsigmoid"]())


@rule("LeakyRelu")
def _leaky_relu(walk: Walk, node: Node) -> View:
    return _per_element(walk, node, OPERATORS["leaky_relu"](slope=node.get("alpha", 0.01)))


@rule("Clip")
def _clip(walk: Walk, node: Node) -> View:
    given = [walk.optional(node, position) for position in (1, 2)]
    scalars = [known.scalar() if known is not None else None for known in given]
    if any(known is not None and scalar is None for known, scalar in zip(given, scalars, strict=True)):
        raise UnreadError("its bounds are not in the file")
    low, high = (
        node.get(name, default) if scalar is None else scalar
        for name, default, scalar in zip(("min", "max"), (-inf, inf), scalars, strict=True)
    )
    if low != 0 or (high != 6 and high < LARGE):
        raise UnreadError(f"it clips to {low:g} and {high:g}; known are 0 and 6 (relu6), and 0 without end (relu)")
    return _per_element(walk, node, OPERATORS["relu6" if high == 6 else "relu"]())


@rule("PRelu")
def _prelu(walk: Walk, node: Node) -> View:
    view, slope = walk.view(node), walk.known(node, 1)
    shared = slope.size == 1 and view.of[view.channel] != 1
    if not shared and not per_channel(view, slope):
        raise UnreadError("its slopes are neither one for all nor one for each channel")
    return walk.alike(view, node, OPERATORS["prelu"](shared=shared, **along_channels(view, 0)), arrays=[slope])


def per_channel(view: View, known: Known) -> bool:
    """Say whether a constant has one number for each channel of what it is combined with."""
    rank, lead = len(view.shape), len(view.shape) - len(known.shape)
    if lead < 0 or known.size != view.of[view.channel]:
        return False
    return any(
        view.holds_channels(axis) and (axis - lead >= 0 and known.shape[axis - lead] == known.size)
        for axis in range(1 if rank > 1 else 0, rank)
    )


@rule("Identity")
def _identity(walk: Walk, node: Node) -> Value:
    value = walk.value(node, 0)
    if isinstance(value, Known):  # exporters store equal weights once, and give them their names this way
        return replace(value, origin=value.origin and node.outputs[0])
    return value if isinstance(value, Scores) else _per_element(walk, node, OPERATORS["identity"]())


@rule("Cast")
def _cast(walk: Walk, node: Node) -> Known:
    node.ignore("saturate")
    value = walk.value(node, 0)
    if not isinstance(value, Known):
        raise UnreadError("no operator changes the type of numbers; export the network in one type")
    return value.cast(node.get("to", 0))


@rule("Dropout")
def _dropout(walk: Walk, node: Node) -> Value:
    node.ignore("seed", "is_test")
    given = walk.optional(node, 1)
    rate = node.get("ratio", 0.5) if given is None else given.scalar()
    if isinstance(walk.value(node, 0), Scores):
        return walk.value(node, 0)
    return _per_element(walk, node, OPERATORS["dropout"](rate=float(0.5 if rate is None else rate)))


@rule("Constant")
def _constant(walk: Walk, node: Node) -> Known:
    found = of_node(node.attributes)
    if found is None:
        raise UnreadError("it holds neither numbers nor an array")
    node.ignore(*node.attributes)
    return found


@rule("Shape")
def _shape(walk: Walk, node: Node) -> Known:
    value = walk.value(node, 0)
    if isinstance(value, Scores):
        raise UnreadError("products of two computed values are known within attention only")
    return constant(list(value.shape)[node.get("start", 0) : node.get("end", None)])


@rule("ConstantOfShape")
def _constant_of_shape(walk: Walk, node: Node) -> Known:
    import numpy as np

    fill = node.get("value", None)
    shape = tuple(walk.known(node, 0).integers())
    found = Known(shape)
    if found.size > FEW:
        return found
    return constant(np.full(shape, 0.0 if fill is None else Known(tuple(fill.dims), fill).values().reshape(-1)[0]))
