"""Moves that rewrite a network as a whole: its width, and its head."""

from __future__ import annotations

import re
from typing import Any

from costmodel.documents import expressions as arithmetic
from costmodel.documents.patterns import means
from costmodel.edits.lines import flow
from costmodel.edits.moves.draft import Draft, computed, each, require
from costmodel.edits.moves.registry import move
from costmodel.edits.rewrite import Drop, Insert, Put, fresh_line
from costmodel.edits.uses import Tree, parent
from costmodel.graph import Layer, LayerGraph
from costmodel.ops.conv import Conv
from costmodel.ops.layouts import Flatten
from costmodel.ops.linear import Linear
from costmodel.ops.reshape import PadChannels
from costmodel.spec.check import INPUT_SIZES
from costmodel.spec.expand import Use

_REACH = re.compile(r"(.+) - in_channels")


@move(
    "every layer that chooses its own width gets x times as many channels; input and output of the network stay",
    "Howard et al. 2017, MobileNets, arXiv:1704.04861, section 3.3",
    takes=0.5,
)
def width(draft: Draft, pattern: str, factor: float) -> None:
    """Mult-adds and params fall to about x². Widths round to whole numbers; layers as wide as their input follow it."""
    heads = _heads(draft.tree.graph)

    def one(draft: Draft, layer: Layer) -> None:
        require(layer.path not in heads, "it gives the network's output")
        _widen(draft, layer, factor)

    each(draft, pattern, one, Conv, Linear, PadChannels)


def _widen(draft: Draft, layer: Layer, factor: float) -> None:
    tree, use = draft.tree, draft.tree.uses[layer.path]
    given = {name: tree.written(use, name) for name in _widths(layer)}
    around = f"max(1, round({flow(factor)} * {{}}))"
    edits = []
    for name, value in given.items():
        reach = _REACH.fullmatch(value) if isinstance(value, str) else None
        if reach is not None and not _from_input(tree, use, reach[1]):  # a shortcut padded up to a width
            edits.append(Put(name, flow(f"{around.format(f'({reach[1]})')} - in_channels")))
        elif value is not None and not _from_input(tree, use, value):
            edits.append(Put(name, computed(draft, layer.path, name, lambda v: max(1, round(v * factor)), around)))
    require(bool(edits), "its width follows from its input")
    draft.edit(layer.path, *edits)


def _widths(layer: Layer) -> tuple[str, ...]:
    """Return the fields that count channels; the groups of a depthwise convolution do."""
    op: Any = layer.op
    if isinstance(op, PadChannels):
        return ("before", "after")
    if isinstance(op, Linear):
        return ("out_features",)
    return ("out_channels", "groups") if op.groups == layer.input_shapes[0][0] > 1 else ("out_channels",)


def _heads(graph: LayerGraph) -> set[str]:
    """Return the layers whose channels reach an output of the network with no weights in between."""
    heads = {path for path in graph.outputs if path not in graph.inputs}
    frontier = list(heads)
    while frontier:
        layer = graph.layer(frontier.pop())
        if not isinstance(layer.op, (Conv, Linear)):
            above = {path for path in layer.inputs if path not in graph.inputs} - heads
            heads |= above
            frontier += above
    return heads


def _from_input(tree: Tree, use: Use, value: Any) -> bool:
    """Say whether what stands in a use's line comes, through the blocks that call it, from the size of an input."""
    if not isinstance(value, str):
        return False
    caller = tree.uses.get(parent(use))
    for name, _ in arithmetic.parse(value).names:
        if name in INPUT_SIZES:
            return True
        if caller is None or name not in (takes := tree.spec.blocks[caller.op].takes):
            continue
        given = tree.written(caller, name)
        if _from_input(tree, use, takes[name]) if given is None else _from_input(tree, caller, given):
            return True
    return False


@move(
    "global average pooling instead of flatten and the hidden fully connected layers; the last one stays",
    "Lin et al. 2013, Network in Network, arXiv:1312.4400, section 3.2",
    whole=True,
)
def gap_head(draft: Draft, pattern: str, _: Any) -> None:
    """The classifier then reads one number a channel instead of the whole map, as in GoogLeNet (arXiv:1409.4842)."""
    graph, top = draft.tree.graph, draft.tree.children[""]
    flattens = [use for use in top if means(pattern, use.path) and _flattens_map(graph, use)]
    if not flattens:
        draft.leave(draft.tree.spec.name, "it has no line of its own that flattens a feature map")
        return
    head = top[top.index(flattens[-1]) + 1 :]
    linear = [index for index, use in enumerate(head) if _has_linear(draft.tree, use)]
    if not linear:
        draft.leave(flattens[-1].path, "no fully connected layer follows it")
        return
    line = flattens[-1].line
    draft.edit(flattens[-1].path, Insert(fresh_line("gap", draft.lines, line), "{op: global_avg_pool}"), Drop())
    for use in head[: linear[-1]]:
        draft.edit(use.path, Drop())


def _flattens_map(graph: LayerGraph, use: Use) -> bool:
    if use.path not in graph.digraph:
        return False
    layer = graph.layer(use.path)
    return isinstance(layer.op, Flatten) and len(layer.input_shapes[0]) == 3


def _has_linear(tree: Tree, use: Use) -> bool:
    paths = [inner.path for inner in tree.inside(use.path) if inner.path in tree.graph.digraph]
    return any(isinstance(tree.graph.layer(path).op, Linear) for path in paths)
