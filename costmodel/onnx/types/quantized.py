"""Whole numbers that stand for real ones: weights stored so, activations made so and back, and products of such."""

from __future__ import annotations

from dataclasses import replace
from math import prod

from costmodel.onnx.model import Node
from costmodel.onnx.reader import Reader, rule
from costmodel.onnx.types.common import MICROSOFT, counted, note, outputs, untrained
from costmodel.onnx.types.products import multiplied
from costmodel.onnx.types.windows import convolved
from costmodel.ops import OPERATORS
from costmodel.reading.axes import from_end
from costmodel.reading.value import UnreadError, Value

SCALED_BACK = "products of whole numbers are scaled to the next layer's on the way out; other ops do not count that"
QUANTIZE_OPS, DEQUANTIZE_OPS = 5, 2
"""Other operations for each number: divide, round, add and two comparisons; subtract and multiply."""
DTYPES = {1: "float32", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 10: "float16", 16: "bfloat16"}
DTYPES |= {17: "float8e4m3fn", 18: "float8e4m3fnuz", 19: "float8e5m2", 20: "float8e5m2fnuz", 21: "uint4", 22: "int4"}
DTYPES |= {23: "float4e2m1", 24: "float8e8m0", 25: "uint2", 26: "int2"}
"""ONNX's numbers of types."""


def with_scales(value: Value, *scales: Value | None, dtype: str = "") -> Value:
    """Return stored numbers with the scales and zero points that belong to them; the same ones, under another type."""
    beside = [
        replace(array, trained=False) for one in scales if one is not None and one.constant for array in one.arrays
    ]
    arrays = tuple(dict.fromkeys([*value.arrays, *beside]))
    return replace(value, arrays=arrays, dtype=dtype or value.dtype, held=None)


def quantized(
    read: Reader, node: Node, value: Value, scale: Value, zero: Value | None, dtype: str, operator: str
) -> Value:
    """Add what makes whole numbers of real ones (`operator` quantize) or real ones of them (dequantize); stored ones
    only change their type.
    """
    if value.constant:
        return with_scales(value, scale, zero, dtype=dtype)
    axis = _axis(node, value, scale)
    fits = zero is not None and scale.constant and zero.constant and scale.size == zero.size
    if fits and zero is not None and scale.size == (1 if axis is None else value.shape[axis]):
        arrays = {"scale": scale, "zero_point": zero}
        return read.add(node, OPERATORS[operator](axis=axis), value, arrays=arrays, dtype=dtype)
    each = QUANTIZE_OPS if operator == "quantize" else DEQUANTIZE_OPS
    scales = [untrained(one) if one is not None and one.constant else one for one in (scale, zero)]
    return counted(read, node, value.shape, value, *scales, other_ops=each * value.size, dtype=dtype)


def _axis(node: Node, value: Value, scale: Value) -> int | None:
    """Return the axis along which scales differ, counted from the end; None where there is one scale."""
    if scale.size == 1:
        return None
    return from_end(node.get("axis", 1), len(value.shape))


@rule("QuantizeLinear")
@rule("QuantizeLinear", domain=MICROSOFT)
def _quantize(read: Reader, node: Node) -> Value:
    value, scale, zero = read.value(node, 0), read.value(node, 1), read.optional(node, 2)
    dtype = zero.dtype if zero is not None else DTYPES.get(node.get("output_dtype", 0), "uint8")
    return quantized(read, node, value, scale, zero, dtype, "quantize")


@rule("DequantizeLinear")
@rule("DequantizeLinear", domain=MICROSOFT)
def _dequantize(read: Reader, node: Node) -> Value:
    value, scale, zero = read.value(node, 0), read.value(node, 1), read.optional(node, 2)
    return quantized(read, node, value, scale, zero, DTYPES.get(node.get("output_dtype", 0), scale.dtype), "dequantize")


@rule("DynamicQuantizeLinear")
def _dynamic(read: Reader, node: Node) -> Value | list[Value]:
    value = read.value(node, 0)
    # The least and the largest number are looked for first.
    ops = (QUANTIZE_OPS + 2) * value.size
    whole = counted(read, node, value.shape, value, other_ops=ops, dtype="uint8")
    scale, zero = (counted(read, node, (), value, dtype=kind) for kind in ("float32", "uint8"))
    return outputs(node, whole, scale, zero)


@rule("QLinearConv")
@rule("QLinearConv", domain=MICROSOFT)
def _qlinear_conv(read: Reader, node: Node) -> Value:
    if node.get("channels_last", 0):
        raise UnreadError("its maps have their channels last")
    value, weight, zero = read.value(node, 0), read.value(node, 3), read.value(node, 7)
    scales = [read.value(node, place) for place in (1, 2, 4, 5, 6, 7)]
    note(read, SCALED_BACK)
    weight = with_scales(weight, *scales) if weight.constant else weight
    return convolved(read, node, value, weight, read.optional(node, 8), zero.dtype)


@rule("ConvInteger")
def _conv_integer(read: Reader, node: Node) -> Value:
    value, weight = read.value(node, 0), read.value(node, 1)
    zeros = [read.optional(node, place) for place in (2, 3)]
    weight = with_scales(weight, *zeros) if weight.constant else weight
    return convolved(read, node, value, weight, None, "int32")


@rule("QLinearMatMul")
def _qlinear_matmul(read: Reader, node: Node) -> Value:
    left, right, zero = read.value(node, 0), read.value(node, 3), read.value(node, 7)
    scales = [read.value(node, place) for place in (1, 2, 4, 5, 6, 7)]
    note(read, SCALED_BACK)
    return product_of(read, node, left, right, scales, zero.dtype)


def product_of(
    read: Reader, node: Node, left: Value, right: Value, scales: list[Value | None] | list[Value], dtype: str
) -> Value:
    """Add a product of whole numbers; of what is stored, the scales stay beside it."""
    if right.constant:
        right = with_scales(right, *scales)
    elif left.constant:
        left = with_scales(left, *scales)
    return multiplied(read, node, left, right, dtype)


@rule("MatMulInteger")
def _matmul_integer(read: Reader, node: Node) -> Value:
    zeros = [read.optional(node, place) for place in (2, 3)]
    return product_of(read, node, read.value(node, 0), read.value(node, 1), zeros, "int32")


def unpacked(node: Node, packed: Value, shape: tuple[int, int], bits: int, scales: list[Value | None]) -> Value:
    """Return weights of `bits` bits that lie packed in bytes, as the matrix that they stand for.

    Raises:
        UnreadError: if no type has so many bits, or there are too few.
    """
    if bits not in (2, 4, 8) or not packed.constant or packed.size * 8 < prod(shape) * bits:
        raise UnreadError(f"its {packed.size} bytes are no {shape[0]}x{shape[1]} weights of {bits} bits")
    own = tuple(replace(array, shape=shape, dtype=f"uint{bits}") for array in packed.arrays[:1])
    return with_scales(Value(shape, "float32", arrays=own, whole=packed.whole), *scales)
