"""Nodes of signal processing and geometry, none of which has a page; what they take is said of each."""

from __future__ import annotations

from math import prod

from costmodel.onnx.model import Node
from costmodel.onnx.reader import Reader, rule
from costmodel.onnx.stored import dtype_name
from costmodel.onnx.types.common import counted
from costmodel.reading.axes import from_end
from costmodel.reading.value import UnreadError, Value


def transform(size: int, real: bool) -> int:
    """Return the additions and multiplications that a fast Fourier transform of so many numbers takes: 5 n log2 n of
    complex numbers, half of that of real ones.

    Source: Cooley and Tukey 1965; the convention of Frigo and Johnson 2005 (FFTW3), section II.
    """
    from math import log2

    return round((2.5 if real else 5) * size * log2(size)) if size > 1 else 0


@rule("DFT")
def _dft(read: Reader, node: Node) -> Value:
    """Its last axis is of size 1 for real numbers, 2 for complex ones."""
    value = read.value(node, 0)
    length = read.optional(node, 1)
    older = node.opset < 20
    axis = from_end(node.get("axis", 1) if older else _axis(read, node), len(value.shape))
    half, back = bool(node.get("onesided", 0)), bool(node.get("inverse", 0))
    own = 2 * (value.shape[axis] - 1) if half and back else value.shape[axis]
    size = own if length is None else length.integers()[0]
    shape = list(value.shape)
    shape[-1], shape[axis] = 2, size
    number = prod(shape[:-1]) // max(size, 1)
    if half:
        shape[axis] = size if back else size // 2 + 1
        shape[-1] = 1 if back else 2
    real = value.shape[-1] == 1 or (half and back)
    return counted(read, node, shape, value, other_ops=number * transform(size, real))


def _axis(read: Reader, node: Node) -> int:
    given = read.optional(node, 2)
    return -2 if given is None else given.integers()[0]


@rule("STFT")
def _stft(read: Reader, node: Node) -> Value:
    """For each frame its numbers times the window's, and a transform."""
    signal, window = read.value(node, 0), read.optional(node, 2)
    (step,) = read.value(node, 1).integers()
    given = read.optional(node, 3)
    if window is None and given is None:
        raise UnreadError("it has neither a window nor the length of a frame")
    size = window.size if window is not None else given.integers()[0]  # type: ignore[union-attr]
    parts = signal.shape[2] if len(signal.shape) > 2 else 1
    frames = (signal.shape[1] - size) // step + 1
    bins = size // 2 + 1 if node.get("onesided", 1) else size
    each = transform(size, parts == 1) + (0 if window is None else parts * size)
    inputs = [signal] if window is None else [signal, window]
    shape = (signal.shape[0], frames, bins, 2)
    return counted(read, node, shape, *inputs, other_ops=signal.shape[0] * frames * each)


@rule("HannWindow", "HammingWindow", "BlackmanWindow")
def _window(read: Reader, node: Node) -> Value:
    """A table that depends on no input."""
    (size,) = read.value(node, 0).integers()
    return Value((size,), dtype_name(node.get("output_datatype", 1)))


@rule("MelWeightMatrix")
def _mel(read: Reader, node: Node) -> Value:
    """A table that depends on no input."""
    bands, length = (read.value(node, position).integers()[0] for position in (0, 1))
    return Value((length // 2 + 1, bands), dtype_name(node.get("output_datatype", 1)))


@rule("Det")
def _det(read: Reader, node: Node) -> Value:
    """By elimination: n (n - 1) / 2 divisions, as many rows' products and subtractions below each, and the product of
    what stands on the diagonal.
    """
    value = read.value(node, 0)
    size = value.shape[-1]
    eliminated = sum(left + 2 * left * left for left in range(1, size))
    matrices = prod(value.shape[:-2])
    return counted(read, node, value.shape[:-2], value, other_ops=matrices * (eliminated + size - 1))


@rule("AffineGrid")
def _affine_grid(read: Reader, node: Node) -> Value:
    """The matrix product of each place of a grid, and 1, with a picture's matrix."""
    theta, sizes = read.value(node, 0), read.value(node, 1).integers()
    space = sizes[2:]
    shape = (sizes[0], *space, len(space))
    return counted(read, node, shape, theta, mult_adds=prod(shape) * (len(space) + 1))
