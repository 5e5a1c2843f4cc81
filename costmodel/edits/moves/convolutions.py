"""Moves that put something lighter in the place of one convolution."""

from __future__ import annotations

from typing import Any

from costmodel.edits.moves.draft import (
    CannotError,
    Draft,
    each,
    kernel,
    kernel_of_map,
    passed,
    put_block,
    require,
    tail,
)
from costmodel.edits.moves.registry import move
from costmodel.edits.rewrite import Put
from costmodel.graph import Layer
from costmodel.ops.conv import Conv

Lines = dict[str, dict[str, Any]]


@move(
    "a k x k convolution becomes a depthwise k x k and a pointwise 1x1, each with the norm and activation that follow",
    "Howard et al. 2017, MobileNets, arXiv:1704.04861, section 3.1",
)
def separable(draft: Draft, pattern: str, _: Any) -> None:
    """Mult-adds fall to 1/N + 1/K² of what they were, for N output channels and a K x K kernel."""
    each(draft, pattern, _separable, Conv)


def _separable(draft: Draft, layer: Layer) -> None:
    conv: Any = layer.op
    require(set(kernel(layer)) != {1}, "its kernel is 1x1 already")
    require(conv.groups == 1, "it is grouped or depthwise already")

    def lines(takes: dict[str, Any]) -> Lines:
        spatial = passed(takes, "kernel_size", "stride", "padding", "dilation", "bias")
        return {
            "depthwise": {"op": "conv", "out_channels": "in_channels", **spatial, "groups": "in_channels"},
            **tail(draft.tree.graph, layer.path),
            "pointwise": {"op": "conv", "out_channels": "out_channels", **passed(takes, "bias")},
        }

    put_block(draft, layer, "separable_conv", ["groups"], lines, "depthwise, then pointwise: arXiv:1704.04861")


@move(
    "a 5x5, 7x7, ... convolution becomes a stack of 3x3 that sees as much",
    "Simonyan and Zisserman 2014, VGG, arXiv:1409.1556, section 2.3",
)
def stack3x3(draft: Draft, pattern: str, _: Any) -> None:
    """Three 3x3 have 27 C² weights where one 7x7 has 49 C². A stride goes to the last, so the receptive field stays."""
    each(draft, pattern, _stack3x3, Conv)


def _stack3x3(draft: Draft, layer: Layer) -> None:
    conv: Any = layer.op
    high, wide = kernel_of_map(layer)
    require(high == wide and high % 2 == 1 and high >= 5, "its kernel is not 5x5, 7x7 or a larger odd square")
    require(conv.dilation == 1, "it is dilated")
    count = (high - 1) // 2
    padding = _stacked_padding(conv.padding, count)
    after = tail(draft.tree.graph, layer.path)

    def lines(takes: dict[str, Any]) -> Lines:
        plain = {"op": "conv", "out_channels": "out_channels", "kernel_size": 3, "padding": padding}
        plain |= passed(takes, "groups", "bias")
        found: Lines = {}
        for number in range(1, count):
            found[f"conv{number}"] = plain
            found |= {f"{name}{number}": entry for name, entry in after.items()}
        return {**found, f"conv{count}": plain | passed(takes, "stride")}

    why = f"{count} 3x3 see {high}x{wide}: arXiv:1409.1556"
    put_block(draft, layer, f"stacked_{high}x{wide}", ["kernel_size", "padding", "dilation"], lines, why)


def _stacked_padding(padding: Any, count: int) -> Any:
    """Return the padding of each of `count` 3x3 that together pad as much."""
    if padding in ("same", "valid", 0):
        return padding
    if padding != count:
        raise CannotError("its padding is neither 0 nor half its kernel")
    return 1


@move(
    "an n x n convolution becomes 1 x n and then n x 1",
    "Szegedy et al. 2015, Inception v3, arXiv:1512.00567, section 3.2",
)
def factorize(draft: Draft, pattern: str, _: Any) -> None:
    """Weights fall to 2/n where the channels stay."""
    each(draft, pattern, _factorize, Conv)


def _factorize(draft: Draft, layer: Layer) -> None:
    conv: Any = layer.op
    high, wide = kernel_of_map(layer)
    require(high > 1 and wide > 1, "its kernel has one row or one column already")
    require(conv.groups == 1, "it is grouped or depthwise")
    require(not isinstance(conv.stride, tuple), "its strides differ by direction")
    require(not isinstance(conv.dilation, tuple), "its dilations differ by direction")
    beside, above = _divided_padding(conv.padding)

    def lines(takes: dict[str, Any]) -> Lines:
        bias, steps = passed(takes, "bias"), [name for name in ("stride", "dilation") if name in takes]
        common = {"op": "conv", "out_channels": "out_channels"}
        across: dict[str, Any] = {**common, "kernel_size": [1, wide], "padding": beside, **{n: [1, n] for n in steps}}
        down: dict[str, Any] = {**common, "kernel_size": [high, 1], "padding": above, **{n: [n, 1] for n in steps}}
        return {"across": across | bias, **tail(draft.tree.graph, layer.path), "down": down | bias}

    why = f"1x{wide}, then {high}x1: arXiv:1512.00567"
    put_block(draft, layer, f"factorized_{high}x{wide}", ["kernel_size", "padding", "groups"], lines, why)


def _divided_padding(padding: Any) -> tuple[Any, Any]:
    """Return the padding to the left and right, and that above and below."""
    if isinstance(padding, str) or padding == 0:
        return padding, padding
    if not isinstance(padding, tuple):
        padding = (padding, padding)
    if len(padding) == 2:
        return [0, padding[1]], [padding[0], 0]
    top, left, bottom, right = padding
    return [0, left, 0, right], [top, 0, bottom, 0]


@move(
    "a k x k convolution works in N groups of channels",
    "Xie et al. 2016, ResNeXt, arXiv:1611.05431, section 3",
    takes=32,
)
def grouped(draft: Draft, pattern: str, groups: int) -> None:
    """Weights and mult-adds fall to 1/N; the width that ResNeXt adds in return is another edit."""

    def one(draft: Draft, layer: Layer) -> None:
        conv: Any = layer.op
        require(set(kernel(layer)) != {1}, "its kernel is 1x1, and grouping those needs a channel shuffle as well")
        require(conv.groups == 1, "it is grouped or depthwise already")
        for count in (layer.input_shapes[0][0], layer.shape[0]):
            require(count % groups == 0, f"{groups} groups do not divide its {count} channels")
        draft.edit(layer.path, Put("groups", str(groups)))

    each(draft, pattern, one, Conv)
