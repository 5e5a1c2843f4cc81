"""Moves that build the blocks of residual networks: the bottleneck, and the gate over channels."""

from __future__ import annotations

from typing import Any

from costmodel.edits.lines import flow
from costmodel.edits.moves.draft import (
    CannotError,
    Draft,
    computed,
    kernel,
    passed,
    put_block,
    replaced,
    require,
    tail,
    under,
)
from costmodel.edits.moves.registry import move
from costmodel.edits.rewrite import Insert, Put, fresh
from costmodel.edits.uses import Tree, copy_of, parent
from costmodel.graph import Layer
from costmodel.numbers.arithmetic import show_shape
from costmodel.ops.conv import Conv
from costmodel.spec.expand import Use
from costmodel.tensor import Tensor


@move(
    "two 3x3 convolutions in a row become 1x1 to a quarter of the channels, 3x3, and 1x1 back",
    "He et al. 2015, ResNet, arXiv:1512.03385, figure 5",
)
def bottleneck(draft: Draft, pattern: str, _: Any) -> None:
    """The first of the pair becomes the 1x1 (with its stride, as in the paper), the second the 3x3 and the 1x1 back."""
    convs = list(under(draft, pattern, Conv))
    free = {conv.path for conv in convs}
    reasons: dict[str, str] = {}
    for layer in convs:
        if layer.path in free:
            try:
                second = _second(draft, layer, free)
                _bottleneck(draft, layer, second)
                free -= {layer.path, second.path}
            except CannotError as reason:
                reasons[layer.path] = str(reason)
    for path, why in reasons.items():
        if path in free:
            draft.leave(path, why)


def _second(draft: Draft, layer: Layer, free: set[str]) -> Layer:
    """Return the 3x3 convolution that alone reads a 3x3 convolution, past norms and activations."""
    require(_is_3x3(layer), "it is no plain 3x3 that keeps the size")
    graph, path = draft.tree.graph, layer.path
    while len(readers := list(graph.digraph.successors(path))) == 1:
        following = graph.layer(readers[0])
        path = following.path
        if isinstance(following.op, Conv):
            require(_is_3x3(following) and path in free, "no second 3x3 follows it")
            return following
        if following.op.kind(*following.input_shapes) not in ("norm", "activation"):
            break
    raise CannotError("no second 3x3 follows it")


def _is_3x3(layer: Layer) -> bool:
    conv: Any = layer.op
    return set(kernel(layer)) == {3} and conv.groups == 1 and conv.dilation == 1 and conv.padding in (1, "same")


def _bottleneck(draft: Draft, first: Layer, second: Layer) -> None:
    channels = first.shape[0]
    require(channels % 4 == 0, f"its {channels} channels have no whole quarter")
    _, edits = replaced(draft, first.path, ["kernel_size", "padding"])
    narrow = computed(draft, first.path, "out_channels", lambda value: value // 4, "{} // 4")
    draft.edit(first.path, *edits, Put("out_channels", narrow))
    conv: Any = second.op
    middle = {"op": "conv", "out_channels": "in_channels", "kernel_size": 3, "padding": conv.padding}

    def lines(takes: dict[str, Any]) -> dict[str, dict[str, Any]]:
        return {
            "conv": middle | passed(takes, "stride", "bias"),
            **tail(draft.tree.graph, first.path),
            "back": {"op": "conv", "out_channels": "out_channels", **passed(takes, "bias")},
        }

    without = ["kernel_size", "padding", "groups", "dilation"]
    put_block(draft, second, "bottleneck_end", without, lines, "3x3, then 1x1 back to full width: arXiv:1512.03385")


@move(
    "after a layer or block, a gate weighs the channels: pool, 1/r of the channels, all channels, sigmoid, multiply",
    "Hu et al. 2017, Squeeze-and-Excitation Networks, arXiv:1709.01507, section 3",
    takes=16,
)
def squeeze_excite(draft: Draft, pattern: str, ratio: int) -> None:
    """One gate after each layer or block that the pattern means; of a block that is repeated, at the end of each copy.

    A gate of C channels costs 2 C²/r weights.
    """
    for use in draft.tree.matching(pattern):
        try:
            _squeeze_excite(draft, use, ratio)
        except CannotError as reason:
            draft.leave(use.path, reason)


def _squeeze_excite(draft: Draft, use: Use, ratio: int) -> None:
    while copy_of(use) is not None:
        require(use.path in draft.tree.children, "it is repeated and no block, so no line stands after each copy")
        use = draft.tree.children[use.path][-1]
    further = draft.tree.graph.outputs[:-1]
    require(
        not any(path == use.path or path.startswith(f"{use.path}.") for path in further),
        "it gives a further output of the network, which is that of a layer by name",
    )
    output = _output(draft.tree, use)
    if output is None:
        raise CannotError("what stands above it does not fit")
    require(output.dtype is None, f"its output is {output.dtype}, and no real numbers")
    shape = output.shape
    require(len(shape) == 3, f"its output {show_shape(shape)} is no feature map")
    require(shape[0] // ratio >= 1, f"1/{ratio} of its {shape[0]} channels is nothing")
    lines: dict[str, dict[str, Any]] = {
        "pool": {"op": "global_avg_pool", "keep_dims": True},
        "reduce": {"op": "conv", "out_channels": "in_channels // ratio"},
        "relu": {"op": "relu"},
        "expand": {"op": "conv", "out_channels": "in_channels"},
        "sigmoid": {"op": "sigmoid"},
        "gate": {"op": "multiply", "from": ["in", "sigmoid"]},
    }
    name = draft.block("squeeze_excitation", {"ratio": "required"}, lines, "arXiv:1709.01507")
    beside = {str(child.line[-1]) for child in draft.tree.children[parent(use)]}
    line = f"{use.line[-1]}_se"
    draft.edit(use.path, Insert(fresh(line, beside) if line in beside else line, flow({"op": name, "ratio": ratio})))


def _output(tree: Tree, use: Use) -> Tensor | None:
    """Return the output of a layer, or of a block's last layer; None where it could not be built."""
    while use.path in tree.children:
        use = tree.children[use.path][-1]
    return tree.graph.tensor(use.path) if use.path in tree.graph.digraph else None
