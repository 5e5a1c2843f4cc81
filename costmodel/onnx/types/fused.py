"""Layers that ONNX Runtime makes of several nodes: convolutions and products with what follows them."""

from __future__ import annotations

from typing import Any

from costmodel.onnx.model import Node
from costmodel.onnx.reader import Reader, rule
from costmodel.onnx.types.common import MICROSOFT, as_shape, counted, note, rank_of
from costmodel.onnx.types.products import gemm, multiplied
from costmodel.onnx.types.quantized import SCALED_BACK, product_of, unpacked, with_scales
from costmodel.onnx.types.windows import convolved
from costmodel.ops import OPERATORS
from costmodel.reading.moves import transposed
from costmodel.reading.value import UnreadError, Value

ACTIVATIONS = {"Relu": "relu", "Tanh": "tanh", "Sigmoid": "sigmoid", "HardSwish": "hardswish", "Softplus": "softplus"}


def activated(read: Reader, node: Node, value: Value) -> Value:
    """Add the activation that a node names, if it names one.

    Raises:
        UnreadError: if it is none that is known.
    """
    name = node.get("activation", "")
    numbers = list(node.get("activation_params", []))
    numbers += [node.get(f"activation_{which}", None) for which in ("alpha", "beta")] if not numbers else []
    first, second = [*numbers, None, None][:2]
    if not name:
        return value
    fields: dict[str, Any] = {}
    if name in ACTIVATIONS:
        operator = ACTIVATIONS[name]
    elif name == "LeakyRelu":
        operator, fields = "leaky_relu", {"slope": 0.01 if first is None else first}
    elif name == "Clip":
        operator, fields = "clamp", {"min": first, "max": second}
    elif name == "HardSigmoid":
        return counted(read, node, value.shape, value, other_ops=4 * value.size)
    elif name in ("Gelu", "FastGelu"):
        operator, fields = "gelu", {"approximate": "tanh" if name == "FastGelu" else "none"}
    else:
        raise UnreadError(f"its activation {name} is not known")
    return read.add(node, OPERATORS[operator](**fields), value)


@rule("FusedConv", domain=MICROSOFT)
def _fused_conv(read: Reader, node: Node) -> Value:
    out = convolved(read, node, read.value(node, 0), read.value(node, 1), read.optional(node, 2))
    if node.has(3):
        out = read.add(node, OPERATORS["add"](), out, read.value(node, 3))
    return activated(read, node, out)


@rule("NhwcConv", "NhwcFusedConv", domain=MICROSOFT)
def _nhwc_conv(read: Reader, node: Node) -> Value:
    """The weights lie (out, in / groups, *kernel), the maps with their channels last."""
    value, weight = read.value(node, 0), read.value(node, 1)
    out = convolved(read, node, channels_first(read, node, value), weight, read.optional(node, 2))
    if node.has(3):
        out = read.add(node, OPERATORS["add"](), out, channels_first(read, node, read.value(node, 3)))
    return channels_last(read, node, activated(read, node, out))


def channels_first(read: Reader, node: Node, value: Value) -> Value:
    """Return a map (batch, *space, channels) as (batch, channels, *space)."""
    rank = len(value.shape)
    return read.chain(node, transposed((0, rank - 1, *range(1, rank - 1))), value)


def channels_last(read: Reader, node: Node, value: Value) -> Value:
    """Return a map (batch, channels, *space) as (batch, *space, channels)."""
    return read.chain(node, transposed((0, *range(2, len(value.shape)), 1)), value)


@rule("FusedGemm", domain=MICROSOFT)
def _fused_gemm(read: Reader, node: Node) -> Value:
    return activated(read, node, gemm(read, node, read.value(node, 0), read.value(node, 1), read.optional(node, 2)))


@rule("GemmFastGelu", domain=MICROSOFT)
def _gemm_gelu(read: Reader, node: Node) -> Value:
    out = multiplied(read, node, read.value(node, 0), read.value(node, 1))
    return read.add(node, OPERATORS["gelu"](approximate="tanh"), plus(read, node, out, read.optional(node, 2)))


def plus(read: Reader, node: Node, value: Value, bias: Value | None) -> Value:
    """Add the sum with a bias, if there is one."""
    return value if bias is None else read.add(node, OPERATORS["add"](), value, bias)


@rule("FusedMatMul", "TransposeMatMul", "FusedMatMulActivation", domain=MICROSOFT)
def _fused_matmul(read: Reader, node: Node) -> Value:
    left, right = (_turned(read, node, read.value(node, place), "AB"[place]) for place in (0, 1))
    out = multiplied(read, node, left, right)
    if node.get("alpha", 1.0) != 1:
        out = read.add(node, OPERATORS["scale"](factor=node.get("alpha", 1.0)), out)
    return activated(read, node, out)


def _turned(read: Reader, node: Node, value: Value, which: str) -> Value:
    """Return a factor as it is multiplied: its first axis behind the next ones, its last two changed over."""
    rank = len(value.shape)
    order = list(range(rank))
    if node.get(f"transBatch{which}", 0) and rank > 2:
        order = [*order[1:-1], 0, order[-1]]
    if node.get(f"trans{which}", 0) and rank > 1:
        order[-1], order[-2] = order[-2], order[-1]
    if not value.constant:
        return read.chain(node, transposed(order), value)
    shape = tuple(value.shape[axis] for axis in order)
    return Value(shape, value.dtype, arrays=value.arrays, whole=value.whole)


@rule("MatMulNBits", domain=MICROSOFT)
def _matmul_nbits(read: Reader, node: Node) -> Value:
    value = read.value(node, 0)
    wide, rows = node.get("N", None), node.get("K", None)
    scales = [read.optional(node, place) for place in (2, 3, 4)]
    weight = unpacked(node, read.value(node, 1), (rows, wide), node.get("bits", 4), scales)
    if value.shape[-1] != rows:
        raise UnreadError(f"its weights are {rows}x{wide}, and what it reads has {value.shape[-1]} features")
    bias = read.optional(node, 5)
    stored = bias is not None and bias.constant
    arrays = {"weight": weight} | ({"bias": bias} if bias is not None and stored else {})
    out = read.add(node, OPERATORS["linear"](out_features=wide, bias=stored), value, arrays=arrays)
    return out if stored else plus(read, node, out, bias)


@rule("MatMulIntegerToFloat", domain=MICROSOFT)
def _integer_to_float(read: Reader, node: Node) -> Value:
    return _to_float(read, node, read.value(node, 0), [2, 3, 4, 5], 6, read.value(node, 2).dtype)


@rule("DynamicQuantizeMatMul", domain=MICROSOFT)
def _dynamic_matmul(read: Reader, node: Node) -> Value:
    """The activations become whole numbers first: the range is found, then each is quantised."""
    value = read.value(node, 0)
    whole = counted(read, node, value.shape, value, other_ops=7 * value.size, dtype="uint8")
    return _to_float(read, node, whole, [2, 3], 4, value.dtype)


def _to_float(read: Reader, node: Node, value: Value, scales: list[int], bias: int, dtype: str) -> Value:
    """Add a product of whole numbers that gives real ones."""
    note(read, SCALED_BACK)
    given = [read.optional(node, place) for place in scales]
    return plus(read, node, product_of(read, node, value, read.value(node, 1), given, dtype), read.optional(node, bias))


@rule("QGemm", domain=MICROSOFT)
def _qgemm(read: Reader, node: Node) -> Value:
    left, right, bias = read.value(node, 0), read.value(node, 3), read.optional(node, 6)
    scales = [read.optional(node, place) for place in (1, 2, 4, 5, 7, 8)]
    zero = read.optional(node, 8)
    note(read, SCALED_BACK)
    right = with_scales(right, *scales) if right.constant else right
    return gemm(read, node, left, right, bias, zero.dtype if zero is not None else "float32")


@rule("MatMulBnb4", domain=MICROSOFT)
def _matmul_bnb4(read: Reader, node: Node) -> Value:
    value, wide, rows = read.value(node, 0), node.get("N", None), node.get("K", None)
    weight = unpacked(node, read.value(node, 1), (rows, wide), 4, [read.value(node, 2)])
    return read.add(node, OPERATORS["linear"](out_features=wide, bias=False), value, arrays={"weight": weight})


@rule("GatherBlockQuantized", domain=MICROSOFT)
def _gather_quantized(read: Reader, node: Node) -> Value:
    """A table of narrow numbers, of which rows are looked up and turned into real ones: 2 operations each."""
    table, places, scale = (read.value(node, place) for place in range(3))
    bits = node.get("bits", 4)
    rank_of(table, 2, 3, 4)
    rows = table.shape[0]
    wide = table.size // rows * (8 // bits if table.dtype == "uint8" else 1)
    axis = node.get("gather_axis", 0)
    if axis % len(table.shape) or len(table.shape) > 2 or not table.constant:
        shape = (*table.shape[:axis], *places.shape, *table.shape[axis + 1 :])
        return counted(read, node, shape, table, places, scale, read.optional(node, 3), dtype=scale.dtype)
    own = with_scales(table, scale, read.optional(node, 3))
    if table.dtype == "uint8":
        own = unpacked(node, table, (rows, wide), bits, [scale, read.optional(node, 3)])
    op = OPERATORS["embedding"](num_embeddings=rows, embedding_dim=wide)
    found = read.add(node, op, places, arrays={"weight": own}, dtype=scale.dtype)
    return counted(read, node, found.shape, found, other_ops=2 * found.size)


@rule("Inverse", domain=MICROSOFT)
def _inverse(read: Reader, node: Node) -> Value:
    """Gauss-Jordan: n^3 multiplications and additions for a matrix of n rows."""
    value = read.value(node, 0)
    return counted(read, node, value.shape, value, mult_adds=value.size * value.shape[-1])


@rule("ExpandDims", domain=MICROSOFT)
def _expand_dims(read: Reader, node: Node) -> Value:
    value = read.value(node, 0)
    (axis,) = read.value(node, 1).integers()
    at = axis % (len(value.shape) + 1)
    return as_shape(read, node, value, (*value.shape[:at], 1, *value.shape[at:]))
