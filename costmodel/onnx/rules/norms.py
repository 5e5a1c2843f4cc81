"""Normalisation, and softmax."""

from __future__ import annotations

from math import prod

from costmodel.onnx.layout import Scores, View
from costmodel.onnx.node import Node, UnreadError
from costmodel.onnx.walk import Value, Walk, along_channels, axis_in, rule
from costmodel.ops import OPERATORS


@rule("BatchNormalization")
def _batch_norm(walk: Walk, node: Node) -> View:
    node.ignore("momentum", "training_mode", "is_test", "consumed_inputs")
    if node.get("spatial", 1) != 1:
        raise UnreadError("only one mean and variance a channel are known, and spatial is 0")
    view = walk.plain(node)
    scale, shift, mean, variance = (walk.known(node, position) for position in range(1, 5))
    affine = not (scale.is_untrained(1) and shift.is_untrained(0))
    op = OPERATORS["batch_norm"](affine=affine, eps=node.get("epsilon", 1e-5))
    return walk.alike(view, node, op, arrays=[*([scale, shift] if affine else []), mean, variance])


@rule("LayerNormalization")
def _layer_norm(walk: Walk, node: Node) -> View:
    node.ignore("stash_type")
    view, scale, shift = walk.view(node), walk.optional(node, 1), walk.optional(node, 2)
    axis = axis_in(node.get("axis", -1), view.shape)
    if axis != len(view.shape) - 1 or not view.holds_channels(axis):
        raise UnreadError("only the norm over the channels of a pixel or the features of a token is known")
    eps, own = node.get("epsilon", 1e-5), along_channels(view, -1)
    if scale is None or (scale.is_untrained(1) and (shift is None or shift.is_untrained(0))):
        return walk.alike(view, node, OPERATORS["layer_norm"](affine=False, eps=eps, **own))
    if shift is not None:
        return walk.alike(view, node, OPERATORS["layer_norm"](eps=eps, **own), arrays=[scale, shift])
    plain = walk.alike(view, node, OPERATORS["layer_norm"](affine=False, eps=eps, **own))
    return walk.alike(plain, node, OPERATORS["layer_scale"](**own), arrays=[scale])


@rule("LRN")
def _lrn(walk: Walk, node: Node) -> View:
    fields = {"alpha": node.get("alpha", 1e-4), "beta": node.get("beta", 0.75), "k": node.get("bias", 1.0)}
    return walk.alike(walk.plain(node), node, OPERATORS["lrn"](size=node.get("size", None), **fields))


@rule("Softmax")
def _softmax(walk: Walk, node: Node) -> Value:
    value = walk.value(node, 0)
    given = node.get("axis", -1 if walk.opset >= 13 else 1)
    if isinstance(value, Scores):
        if value.weighed or axis_in(given, value.queries.shape) != len(value.queries.shape) - 1:
            raise UnreadError("attention takes one softmax, over the keys")
        return Scores(value.queries, value.keys, weighed=True)
    view = walk.view(node)
    axis = axis_in(given, view.shape)
    jointly = prod(view.shape[axis + 1 :]) if walk.opset < 13 else 1
    if jointly != 1 or not view.holds_channels(axis):
        raise UnreadError("only the softmax over channels or features is known")
    return walk.alike(view, node, OPERATORS["softmax"](**along_channels(view, -1)))
