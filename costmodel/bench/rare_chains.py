"""Chains of layers that few networks have, so that what they cost is learned from more than one of them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import chain

from costmodel.bench.chain import LENGTH, Chain, beside, in_a_row
from costmodel.graph import INPUT, LayerGraph
from costmodel.numbers.arithmetic import show_shape
from costmodel.ops import OPERATORS, Operator
from costmodel.ops.activation import Gelu, Hardsigmoid, Hardswish, Prelu, Relu, Sigmoid, Silu, Tanh
from costmodel.ops.attention import Attention
from costmodel.ops.conv import Conv, ConvTranspose
from costmodel.ops.linear import Linear
from costmodel.ops.lstm import Lstm
from costmodel.ops.merge import Multiply
from costmodel.ops.norm import LayerNorm, Lrn
from costmodel.ops.pool import GlobalAvgPool, MaxPool, MaxPoolIndices, MaxUnpool
from costmodel.ops.recurrent import Gru, Rnn
from costmodel.ops.resize import Upsample
from costmodel.ops.softmax import Softmax

FEW_MAPS = ((64, 56), (128, 28))
"""Channels and side."""
SMALL_MAPS = ((64, 28), (128, 14))
RARE: dict[str, type[Operator]] = {
    name: op
    for name, op in OPERATORS.items()
    if (op.effort == "window" or (op.effort and op.fuses == "tail")) and "product" not in op.joins
}
"""Operators of one map that cost more than what they move, and that no other kernel hides."""
USUAL: tuple[type[Operator], ...] = (Lrn, Prelu, Hardswish, Silu, Gelu, Sigmoid, Tanh, Hardsigmoid)
"""Those that networks are made of, be it that some kernels hide them. All others are measured on small maps."""
SQUEEZES = ((240, 60), (480, 120), (672, 168), (960, 240), (1152, 48))
"""Channels of a map and of what it is squeezed to, in networks that are found by search."""
WIDE = ((5, 144, 28), (5, 480, 14), (5, 1152, 7), (7, 96, 56), (7, 192, 28), (7, 384, 14), (7, 768, 7))
"""Kernel, channels and side of depthwise convolutions."""
HALVED = ((3, 96, 112), (3, 384, 28), (3, 768, 14), (5, 144, 56), (5, 672, 14), (7, 96, 56))
"""The same of those of stride 2."""
SEQUENCES = ((49, 384), (196, 192))
"""Tokens and features."""


def rare_chains() -> Iterator[Chain]:
    """Yield them all. Most take 0.2 to 5 ms at one image, on one core of a processor."""
    return chain(_elements(), _convolutions(), _squeezes(), _sequences(), _sizes(), _recurrent())


def _elements() -> Iterator[Chain]:
    usual = {op.name: op for op in USUAL}
    others = {name: op for name, op in RARE.items() if name not in usual}
    for operators, maps in ((usual, FEW_MAPS), (others, SMALL_MAPS)):
        for channels, side in maps:
            for name, operator in operators.items():
                yield in_a_row(f"{name} {channels}x{side}", (channels, side, side), operator)
    for channels, side in FEW_MAPS:
        name = f"max_unpool {channels}x{side}"
        yield Chain(name, partial(_unpools, name, channels, side))
    for shape in ((384, 14, 14), (196, 768)):
        for operator in (Gelu, Silu, Hardswish):
            yield in_a_row(f"{operator.name} {show_shape(shape)}", shape, operator)


def _unpools(name: str, channels: int, side: int) -> LayerGraph:
    graph, last = LayerGraph(name, (channels, side, side)), INPUT
    for step in range(LENGTH // 2):
        places = graph.add(f"places{step}", MaxPoolIndices(kernel_size=2, stride=2), (last,)).path
        pooled = graph.add(f"pool{step}", MaxPool(kernel_size=2, stride=2), (last,)).path
        last = graph.add(f"layer{step}", MaxUnpool(kernel_size=2, stride=2), (pooled, places)).path
    return graph


def _convolutions() -> Iterator[Chain]:
    for kernel, channels, side in WIDE:
        yield _depthwise(channels, side, kernel)
    for kernel, channels, side in HALVED:
        yield _halved(channels, side, kernel)
    for channels, side, groups in ((128, 28, 32), (512, 14, 32), (240, 14, 10), (128, 28, 4)):
        convolution = partial(Conv, out_channels=channels, kernel_size=3, padding=1, groups=groups)
        name = f"grouped3x3 {channels}x{side} in {groups}"
        yield in_a_row(name, (channels, side, side), convolution, Relu)
    for channels, length, kernel, groups in ((64, 1024, 3, 1), (128, 256, 9, 1), (256, 256, 1, 1), (256, 512, 9, 256)):
        convolution = partial(Conv, out_channels=channels, kernel_size=kernel, padding=kernel // 2, groups=groups)
        name = f"{'depthwise' if groups > 1 else 'conv'}{kernel} {channels}x{length}"
        yield in_a_row(name, (channels, length), convolution, Relu)
    volume = partial(Conv, out_channels=16, kernel_size=3, padding=1)
    yield in_a_row("conv3x3x3 16x8x28x28", (16, 8, 28, 28), volume, Relu, links=LENGTH // 2)


def _depthwise(channels: int, side: int, kernel: int) -> Chain:
    name = f"depthwise{kernel}x{kernel} {channels}x{side}"
    layer = partial(Conv, out_channels=channels, kernel_size=kernel, padding=kernel // 2, groups=channels)
    return in_a_row(name, (channels, side, side), layer, Relu)


def _halved(channels: int, side: int, kernel: int) -> Chain:
    name = f"depthwise{kernel}x{kernel} {channels}x{side} to {side // 2}"
    layer = partial(Conv, out_channels=channels, kernel_size=kernel, padding=kernel // 2, stride=2, groups=channels)
    return beside(name, (channels, side, side), layer)


def _squeezes() -> Iterator[Chain]:
    """Two convolutions of a map of one pixel: what squeeze-excite has between its pool and its product; and all of it
    behind depthwise convolutions.
    """
    for channels, squeezed in SQUEEZES:
        squeeze, expand = partial(Conv, out_channels=squeezed), partial(Conv, out_channels=channels)
        name = f"squeeze {channels} to {squeezed}"
        yield in_a_row(name, (channels, 1, 1), squeeze, Relu, expand, Sigmoid, links=8 * LENGTH)
    for channels, side in ((240, 28), (672, 14)):
        name = f"squeeze_excite {channels}x{side}"
        yield Chain(name, partial(_excited, name, channels, side))


def _excited(name: str, channels: int, side: int) -> LayerGraph:
    graph, last = LayerGraph(name, (channels, side, side)), INPUT
    for link in range(LENGTH // 2):
        convolution = Conv(out_channels=channels, kernel_size=3, padding=1, groups=channels)
        read = last = graph.add(f"depthwise{link}", convolution, (last,)).path
        gate = (GlobalAvgPool(keep_dims=True), Conv(out_channels=channels // 4), Relu(), Conv(out_channels=channels))
        for place, op in enumerate((*gate, Sigmoid())):
            last = graph.add(f"{op.name}{link}_{place}", op, (last,)).path
        last = graph.add(f"product{link}", Multiply(), (read, last)).path
    return graph


def _sequences() -> Iterator[Chain]:
    for tokens, features in SEQUENCES:
        shape, size = (tokens, features), f"{tokens}x{features}"
        yield in_a_row(f"layer_norm {size}", shape, LayerNorm, links=2 * LENGTH)
        yield in_a_row(f"attention {size}", shape, partial(Attention, heads=features // 64), links=LENGTH // 2)
        yield in_a_row(f"linear {size}", shape, partial(Linear, out_features=features))
    for heads, tokens in ((3, 196), (12, 128)):
        yield in_a_row(f"softmax {heads}x{tokens}x{tokens}", (heads, tokens, tokens), Softmax)
    for channels, side in FEW_MAPS:
        for operator in (Softmax, LayerNorm):
            name = f"{operator.name} of channels {channels}x{side}"
            yield in_a_row(name, (channels, side, side), partial(operator, axis=0), links=LENGTH // 2)


def _sizes() -> Iterator[Chain]:
    """Layers that make maps larger."""
    for channels, side in ((64, 56), (256, 14)):
        size, to = f"{channels}x{side}", f"to {2 * side}"
        layer = partial(ConvTranspose, out_channels=channels // 2, kernel_size=2, stride=2)
        yield beside(f"transposed2x2 {size} {to}", (channels, side, side), layer, LENGTH // 2)
        for bilinear in (False, True):
            name = f"{'bilinear' if bilinear else 'nearest'} {size} {to}"
            yield beside(name, (channels, side, side), partial(Upsample, bilinear=bilinear), LENGTH // 2)
    layer = partial(ConvTranspose, out_channels=64, kernel_size=4, stride=2, padding=1)
    yield beside("transposed4x4 64x14 to 28", (64, 14, 14), layer, LENGTH // 2)


def _recurrent() -> Iterator[Chain]:
    for operator in (Rnn, Gru, Lstm):
        for tokens, features in ((32, 256), (16, 512)):
            name = f"{operator.name} {tokens}x{features}"
            yield in_a_row(name, (tokens, features), partial(operator, hidden_size=features), links=LENGTH // 2)
