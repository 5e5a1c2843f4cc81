"""Output sizes of sliding windows, held against windows laid out one by one."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from costmodel.errors import ShapeError
from costmodel.ops import windows
from costmodel.ops.conv import Conv, ConvTranspose
from costmodel.ops.pool import AvgPool, MaxPool

small = st.integers(1, 4)
few = settings(max_examples=200, deadline=None)


def laid_out(
    size: int, kernel: int, stride: int, pads: tuple[int, int], dilation: int, ceil_mode: bool
) -> list[list[int]]:
    """The cells that each window touches, as places on the unpadded axis, for windows laid from the left until one no
    longer fits.
    """
    found = []
    for start in count(-pads[0], stride):
        cells = [start + tap * dilation for tap in range(kernel)]
        fits = cells[-1] < size + pads[1]
        overhangs = ceil_mode and start < size and (not found or found[-1][-1] < size + pads[1] - 1)
        if not (fits or overhangs):
            return found
        found.append(cells)
    raise AssertionError


@few
@given(small, small, small, st.integers(0, 3), st.integers(0, 3), st.integers(0, 12), st.booleans())
def test_as_many_outputs_as_windows_fit(
    kernel: int, stride: int, dilation: int, before: int, after: int, spare: int, ceil_mode: bool
) -> None:
    assume(not ceil_mode or max(before, after) < kernel)  # as pools, which alone round up, demand
    size = max(1, (kernel - 1) * dilation + 1 - before - after) + spare
    high, _ = windows.output_size((size, 50), (kernel, 1), (stride, 1), (before, 0, after, 0), (dilation, 1), ceil_mode)
    assert high == len(laid_out(size, kernel, stride, (before, after), dilation, ceil_mode))


@few
@given(st.integers(1, 20), small, small, small)
def test_same_padding_covers_every_stride_of_the_input(size: int, kernel: int, stride: int, dilation: int) -> None:
    """TensorFlow's rule: one output for each whole or begun stride of the input, and the padding split evenly, the odd
    one after.
    """
    x = (size, 50)
    (before, after), (left, right) = windows.pads(x, (kernel, 1), (stride, 1), "same", (dilation, 1))
    high, wide = windows.output_size(x, (kernel, 1), (stride, 1), "same", (dilation, 1))
    assert high == len(range(0, size, stride))
    assert (wide, left, right) == (50, 0, 0)
    assert 0 <= after - before <= 1
    if before + after:  # just enough: the last window ends where the padding does
        assert (high - 1) * stride + (kernel - 1) * dilation + 1 == size + before + after


@few
@given(st.integers(1, 6), small, small, small, st.integers(0, 2), st.integers(0, 2), st.data())
def test_transposed_gives_the_maps_that_a_convolution_shrinks_to_its_input(
    size: int, kernel: int, stride: int, dilation: int, before: int, after: int, data: st.DataObject
) -> None:
    """Every size that a convolution of the same fields takes to `size` is reached by one `output_padding`, and no
    other is.
    """
    fields: dict[str, Any] = {
        "kernel_size": kernel,
        "stride": stride,
        "dilation": dilation,
        "padding": (before, 0, after, 0),
    }
    reached = []
    for extra in range(stride):
        try:
            op = ConvTranspose(out_channels=1, output_padding=(extra, 0), **fields)
            reached.append(op.shape((1, size, 50))[1])
        except ShapeError:
            continue
    back = []
    for candidate in range(1, 60):
        try:
            if Conv(out_channels=1, **fields).shape((1, candidate, 50))[1] == size:
                back.append(candidate)
        except ShapeError:
            continue
    assert reached == back


@pytest.mark.parametrize(
    ("op", "size", "expected"),
    [
        (Conv(out_channels=96, kernel_size=11, stride=4), 227, 55),  # AlexNet, first layer
        (Conv(out_channels=64, kernel_size=7, stride=2, padding=3), 224, 112),  # ResNet, conv1
        (Conv(out_channels=32, kernel_size=3, stride=2), 299, 149),  # Inception v3, first layer
        (Conv(out_channels=32, kernel_size=3, stride=2, padding="same"), 224, 112),  # MobileNet, first layer
        (MaxPool(kernel_size=3, stride=2, ceil_mode=True), 112, 56),  # GoogLeNet, after conv1
        (MaxPool(kernel_size=3, stride=2), 55, 27),  # AlexNet, overlapping pooling
        (
            ConvTranspose(out_channels=16, kernel_size=3, stride=2, padding=1, output_padding=1),
            128,
            256,
        ),  # ENet, bottleneck5.0
    ],
)
def test_sizes_that_papers_print(op: Any, size: int, expected: int) -> None:
    assert op.shape((4, size, size))[1:] == (expected, expected)


def test_ceil_mode_keeps_no_window_that_starts_in_the_padding() -> None:
    assert MaxPool(kernel_size=2, stride=2, padding=1, ceil_mode=True).shape((1, 3, 4)) == (1, 2, 3)


def test_ceil_mode_takes_a_map_smaller_than_its_window() -> None:
    assert AvgPool(kernel_size=3, stride=2, ceil_mode=True).shape((1, 2, 2)) == (1, 1, 1)
