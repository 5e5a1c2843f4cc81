"""Single nodes of ONNX Runtime's own vocabulary: norms with what stands before them, gates, and ONNX's own on whole
numbers.
"""

from __future__ import annotations

from math import prod

from costmodel.onnx.model import Node
from costmodel.onnx.reader import RULES, Reader, rule
from costmodel.onnx.types.common import MICROSOFT, asked, counted, outputs, untrained
from costmodel.onnx.types.fused import channels_first, channels_last, plus
from costmodel.onnx.types.norms import last_axes, layer_normed, rms_normed, statistics
from costmodel.onnx.types.pools import pooled
from costmodel.onnx.types.quantized import with_scales
from costmodel.ops import OPERATORS
from costmodel.reading.axes import from_end, spread
from costmodel.reading.value import UnreadError, Value

SAME_AS_ONNX = ("Pad", "Trilu", "GatherND", "GridSample", "Range", "Gelu", "Unique")
"""Types that ONNX took over as they are."""
QLINEAR = {"QLinearLeakyRelu": 2, "QLinearSigmoid": 3, "QLinearSoftmax": 5}
"""Functions of whole numbers, and the operations that each takes."""


def _as_onnx(read: Reader, node: Node) -> object:
    one = RULES.get(("", node.op_type))
    if one is None:
        raise UnreadError("no operator stands for it")
    return one(read, node)


for _kind in SAME_AS_ONNX:
    RULES[MICROSOFT, _kind] = _as_onnx  # type: ignore[assignment]


def given(read: Reader, node: Node, *data: int) -> list[Value]:
    """Return all inputs of a node. What is stored at the places of `data` stands for real numbers, with the scale and
    zero point behind it; all else that is stored are scales and zero points, which no training changes.
    """
    found = []
    for place in range(len(node.inputs)):
        value = read.optional(node, place)
        if value is None or any(read.value(node, one).constant and place in (one + 1, one + 2) for one in data):
            continue
        if place in data and value.constant:
            value = with_scales(value, *[read.optional(node, place + more) for more in (1, 2)], dtype="float32")
        elif value.constant:
            value = untrained(value)
        found.append(value)
    return found


@rule("SkipLayerNormalization", domain=MICROSOFT)
def _skip_layer_norm(read: Reader, node: Node) -> Value | list[Value]:
    total = _with_skip(read, node, 4)
    out = layer_normed(read, node, total, read.value(node, 2), read.optional(node, 3), (-1,))
    return outputs(node, out, *_besides(read, node, total))


@rule("SkipSimplifiedLayerNormalization", domain=MICROSOFT)
def _skip_rms_norm(read: Reader, node: Node) -> Value | list[Value]:
    total = _with_skip(read, node, 3)
    return outputs(node, rms_normed(read, node, total, read.value(node, 2), (-1,)), *_besides(read, node, total))


def _with_skip(read: Reader, node: Node, bias: int) -> Value:
    """Add the sum of a tensor, the one that skipped layers, and a bias if there is one."""
    total = read.add(node, OPERATORS["add"](), read.value(node, 0), read.value(node, 1))
    return plus(read, node, total, read.optional(node, bias))


def _besides(read: Reader, node: Node, total: Value) -> list[Value]:
    """Return what such a norm gives besides: mean, 1 / deviation and the sum that it normalises."""
    return [*statistics(read, node, total, 1), total][: len(node.outputs) - 1]


@rule("SimplifiedLayerNormalization")
@rule("SimplifiedLayerNormalization", domain=MICROSOFT)
def _simplified(read: Reader, node: Node) -> Value | list[Value]:
    value = read.value(node, 0)
    axes = last_axes(node, len(value.shape))
    out = rms_normed(read, node, value, read.value(node, 1), axes)
    return outputs(node, out, *statistics(read, node, value, len(axes)))


@rule("EmbedLayerNormalization", domain=MICROSOFT)
def _embed_layer_norm(read: Reader, node: Node) -> Value | list[Value]:
    tokens = read.value(node, 0)
    total = _looked_up(read, node, tokens, read.value(node, 2))
    total = _positions(read, node, total, read.value(node, 3))
    if node.has(1) and node.has(4):
        segments = _looked_up(read, node, read.value(node, 1), read.value(node, 4))
        total = read.add(node, OPERATORS["add"](), total, segments)
    out = layer_normed(read, node, total, read.value(node, 5), read.optional(node, 6), (-1,))
    mask = counted(read, node, tokens.shape[:1], tokens, dtype="int32")
    return outputs(node, out, *[mask, total][: len(node.outputs) - 1])


def _looked_up(read: Reader, node: Node, places: Value, table: Value) -> Value:
    """Add the look-up of rows of a stored table."""
    if not table.constant or len(table.shape) != 2:
        return read.add(node, OPERATORS["gather"](axis=-2), table, places, dtype=table.dtype)
    op = OPERATORS["embedding"](num_embeddings=table.shape[0], embedding_dim=table.shape[1])
    return read.add(node, op, places, arrays={"weight": table}, dtype=table.dtype)


def _positions(read: Reader, node: Node, total: Value, table: Value) -> Value:
    """Add the rows of a table of positions: those looked up, or the first ones in their order."""
    if node.has(8):
        rows = _looked_up(read, node, read.value(node, 8), table)
    else:
        places = read.add(node, OPERATORS["arange"](stop=total.shape[-2]), dtype="int64")
        rows = _looked_up(read, node, places, table)
    return read.add(node, OPERATORS["add"](), total, rows)


@rule("FastGelu", "BiasGelu", domain=MICROSOFT)
def _gelu(read: Reader, node: Node) -> Value:
    total = plus(read, node, read.value(node, 0), read.optional(node, 1))
    return read.add(node, OPERATORS["gelu"](approximate="tanh" if node.op_type == "FastGelu" else "none"), total)


@rule("QuickGelu", domain=MICROSOFT)
def _quick_gelu(read: Reader, node: Node) -> Value:
    """Add x * sigmoid(alpha * x): 2 products, and 3 for the sigmoid."""
    value = read.value(node, 0)
    if node.get("alpha", 1.702) == 1:
        return read.add(node, OPERATORS["silu"](), value)
    return counted(read, node, value.shape, value, other_ops=5 * value.size)


@rule("BiasSplitGelu", domain=MICROSOFT)
def _bias_split_gelu(read: Reader, node: Node) -> Value:
    """Half of the features times GELU of the others."""
    total = plus(read, node, read.value(node, 0), read.value(node, 1))
    first, second = (read.add(node, OPERATORS["split"](parts=2, index=index, axis=-1), total) for index in (0, 1))
    gate = read.add(node, OPERATORS["gelu"](), second)
    return read.add(node, OPERATORS["multiply"](), first, gate)


@rule("BiasAdd", domain=MICROSOFT)
def _bias_add(read: Reader, node: Node) -> Value:
    total = plus(read, node, read.value(node, 0), read.value(node, 1))
    return plus(read, node, total, read.value(node, 2))


@rule("BiasSoftmax", domain=MICROSOFT)
def _bias_softmax(read: Reader, node: Node) -> Value:
    total = plus(read, node, read.value(node, 0), read.value(node, 1))
    axis = from_end(node.get("axis", 1), len(total.shape))
    if axis == -1:
        return read.add(node, OPERATORS["softmax"](axis=-1), total)
    return counted(read, node, total.shape, total, other_ops=5 * total.size)


@rule("GroupNorm", "SkipGroupNorm", domain=MICROSOFT)
def _group_norm(read: Reader, node: Node) -> Value | list[Value]:
    value, scale, shift = (read.value(node, place) for place in range(3))
    for place in (3, 4):
        value = plus(read, node, value, read.optional(node, place))
    total = value
    last = bool(node.get("channels_last", 1))
    if last:
        value = channels_first(read, node, value)
    fields = {"groups": node.get("groups", None), "eps": node.get("epsilon", 1e-5), "axis": 1 - len(value.shape)}
    if scale.constant and shift.constant:
        out = read.add(node, OPERATORS["group_norm"](**fields), value, arrays={"weight": scale, "bias": shift})
    else:
        out = counted(read, node, value.shape, value, scale, shift, other_ops=7 * value.size)
    if node.get("activation", 0):
        out = read.add(node, OPERATORS["silu"](), out)
    return outputs(node, channels_last(read, node, out) if last else out, total)


@rule("NhwcMaxPool", domain=MICROSOFT)
def _nhwc_pool(read: Reader, node: Node) -> Value:
    value = channels_first(read, node, read.value(node, 0))
    fields, ceil_mode, _ = pooled(node, value)
    return channels_last(read, node, read.add(node, OPERATORS["max_pool"](**fields, ceil_mode=ceil_mode), value))


@rule("CropAndResize", domain=MICROSOFT)
def _crop_and_resize(read: Reader, node: Node) -> Value:
    value, regions = read.value(node, 0), read.value(node, 1)
    shape = (regions.shape[0], value.shape[1], *read.value(node, 3).integers())
    each = 7 if node.get("mode", "bilinear") == "bilinear" else 0
    return counted(read, node, shape, value, regions, read.value(node, 2), other_ops=each * prod(shape))


@rule("QLinearAdd", "QLinearMul", domain=MICROSOFT)
def _qlinear_pair(read: Reader, node: Node) -> Value:
    """Both are scaled, and the result is scaled back: each a product and a difference more."""
    one, other = read.value(node, 0), read.value(node, 3)
    shape = spread(one.shape, other.shape)
    values, kind = given(read, node, 0, 3), (other if one.constant else one).dtype
    return counted(read, node, shape, *values, other_ops=prod(shape) * 7, dtype=kind)


@rule("QLinearConcat", domain=MICROSOFT)
def _qlinear_concat(read: Reader, node: Node) -> Value:
    """A list of tensors, each with its scale and zero point; what has another scale than the result is scaled anew."""
    values = [read.value(node, place) for place in range(2, len(node.inputs), 3)]
    axis = from_end(node.get("axis", None), len(values[0].shape))
    dtype = read.value(node, 1).dtype
    out = read.add(node, OPERATORS["concat"](axis=axis), *values, dtype=dtype)
    return counted(read, node, out.shape, out, other_ops=2 * out.size)


@rule("QLinearGlobalAveragePool", domain=MICROSOFT)
def _qlinear_global(read: Reader, node: Node) -> Value:
    value = read.value(node, 0)
    axes = len(value.shape) - 2
    last = bool(node.get("channels_last", 0))
    shape = (value.shape[0], *[1] * axes, value.shape[-1]) if last else (*value.shape[:2], *[1] * axes)
    return counted(read, node, shape, *given(read, node), other_ops=value.size)


@rule("QLinearAveragePool", domain=MICROSOFT)
def _qlinear_pool(read: Reader, node: Node) -> Value:
    value = read.value(node, 0)
    last = bool(node.get("channels_last", 0))
    if last:
        value = channels_first(read, node, value)
    _, _, shape = pooled(node, value)
    taps = prod(node.get("kernel_shape", None))
    out = counted(read, node, shape, value, *given(read, node)[1:], other_ops=prod(shape) * taps)
    return channels_last(read, node, out) if last else out


@rule(*QLINEAR, domain=MICROSOFT)
def _qlinear_function(read: Reader, node: Node) -> Value:
    value = read.value(node, 0)
    return counted(read, node, value.shape, *given(read, node), other_ops=value.size * QLINEAR[node.op_type])


@rule("QLinearReduceMean", domain=MICROSOFT)
def _qlinear_mean(read: Reader, node: Node) -> Value:
    value = read.value(node, 0)
    own = [axis % len(value.shape) for axis in node.get("axes", range(len(value.shape)))]
    keep = node.get("keepdims", 1)
    shape = tuple(1 if at in own else size for at, size in enumerate(value.shape) if keep or at not in own)
    return counted(read, node, shape, *given(read, node), other_ops=value.size)


@rule("QLinearWhere", domain=MICROSOFT)
def _qlinear_where(read: Reader, node: Node) -> Value:
    which, one, other = (read.value(node, place) for place in (0, 1, 4))
    shape = spread(which.shape, one.shape, other.shape)
    return counted(read, node, shape, *given(read, node), other_ops=prod(shape), dtype=one.dtype)


@rule("MulInteger", domain=MICROSOFT)
def _mul_integer(read: Reader, node: Node) -> Value:
    values = given(read, node)
    shape = spread(read.value(node, 0).shape, read.value(node, 2).shape)
    return counted(read, node, shape, *values, other_ops=prod(shape), dtype="int32")


@rule("BiasDropout", domain=MICROSOFT)
def _bias_dropout(read: Reader, node: Node) -> Value | list[Value]:
    total = plus(read, node, read.value(node, 0), read.value(node, 1))
    total = plus(read, node, total, read.optional(node, 2))
    found = [total]
    if asked(node, 1):
        found.append(counted(read, node, total.shape, total, dtype="bool"))
    return outputs(node, *found)
