"""What each node gives: the shapes and dtypes of its outputs, from what it reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import TypeAlias

from costmodel.errors import CostModelError
from costmodel.numbers.arithmetic import Shape
from costmodel.pricing.memory.onnxruntime import windows
from costmodel.pricing.memory.onnxruntime.nodes import WHOLE, Value
from costmodel.pricing.memory.onnxruntime.windows import Attributes

Rule: TypeAlias = Callable[[Sequence[Value], Attributes, int], list[Value]]


def given(kind: str, inputs: Sequence[Value], attributes: Attributes, outputs: int = 1) -> list[Value]:
    """Return what a node gives.

    Raises:
        CostModelError: if there is no rule for such a node.
    """
    rule = RULES.get(kind)
    if rule is None:
        raise CostModelError(f"what ONNX Runtime gives for a node {kind} is not known here")
    return rule(inputs, attributes, outputs)


def _like(inputs: Sequence[Value], attributes: Attributes, outputs: int) -> list[Value]:
    return [Value(inputs[0].shape, inputs[0].dtype)] * outputs


def spread(shapes: Sequence[Shape]) -> Shape:
    """Return the shape of tensors that spread over one another as NumPy's do."""
    rank = max(map(len, shapes))
    rows = [(*[1] * (rank - len(shape)), *shape) for shape in shapes]
    return tuple(next((size for size in sizes if size != 1), 1) for sizes in zip(*rows, strict=True))


def _pairwise(inputs: Sequence[Value], attributes: Attributes, outputs: int) -> list[Value]:
    return [Value(spread([one.shape for one in inputs]), inputs[-1].dtype)]


def _compared(inputs: Sequence[Value], attributes: Attributes, outputs: int) -> list[Value]:
    return [Value(spread([one.shape for one in inputs]), "bool")]


def _cast(inputs: Sequence[Value], attributes: Attributes, outputs: int) -> list[Value]:
    kinds = {1: None, 3: "int8", 6: "int32", 7: "int64", 9: "bool", 10: "float16", 11: "float64", 16: "bfloat16"}
    return [Value(inputs[0].shape, kinds[attributes["to"]])]


def reshaped(shape: Shape, sizes: Sequence[int]) -> Shape:
    """Return a shape as `sizes` say, where 0 keeps a size and -1 is what is left."""
    out = [shape[axis] if size == 0 else size for axis, size in enumerate(sizes)]
    if -1 in out:
        at = out.index(-1)
        out[at] = prod(shape) // prod(size for size in out if size != -1)
    return tuple(out)


def _reshape(inputs: Sequence[Value], attributes: Attributes, outputs: int) -> list[Value]:
    return [Value(reshaped(inputs[0].shape, inputs[1].numbers), inputs[0].dtype)]


def _flatten(inputs: Sequence[Value], attributes: Attributes, outputs: int) -> list[Value]:
    shape, axis = inputs[0].shape, attributes.get("axis", 1)
    return [Value((prod(shape[:axis]), prod(shape[axis:])), inputs[0].dtype)]


def _unsqueeze(inputs: Sequence[Value], attributes: Attributes, outputs: int) -> list[Value]:
    axes = inputs[1].numbers
    rank = len(inputs[0].shape) + len(axes)
    new = {axis % rank for axis in axes}
    sizes = iter(inputs[0].shape)
    return [Value(tuple(1 if axis in new else next(sizes) for axis in range(rank)), inputs[0].dtype)]


def _squeeze(inputs: Sequence[Value], attributes: Attributes, outputs: int) -> list[Value]:
    shape = inputs[0].shape
    gone = {axis % len(shape) for axis in inputs[1].numbers} if len(inputs) > 1 else None
    left = (size for axis, size in enumerate(shape) if (size != 1 if gone is None else axis not in gone))
    return [Value(tuple(left), inputs[0].dtype)]


def _transpose(inputs: Sequence[Value], attributes: Attributes, outputs: int) -> list[Value]:
    shape = inputs[0].shape
    order = attributes.get("perm") or range(len(shape) - 1, -1, -1)
    return [Value(tuple(shape[axis] for axis in order), inputs[0].dtype)]


def _matmul(inputs: Sequence[Value], attributes: Attributes, outputs: int) -> list[Value]:
    (*lead, rows, _), (*other, _, columns) = inputs[0].shape, inputs[1].shape
    return [Value((*spread([tuple(lead), tuple(other)]), rows, columns), inputs[0].dtype)]


def _gemm(inputs: Sequence[Value], attributes: Attributes, outputs: int) -> list[Value]:
    rows = inputs[0].shape[attributes.get("transA", 0)]
    columns = inputs[1].shape[1 - attributes.get("transB", 0)]
    return [Value((rows, columns), inputs[0].dtype)]


def _concat(inputs: Sequence[Value], attributes: Attributes, outputs: int) -> list[Value]:
    axis = attributes["axis"]
    first = list(inputs[0].shape)
    first[axis] = sum(one.shape[axis] for one in inputs)
    return [Value(tuple(first), inputs[0].dtype)]


def _slice(inputs: Sequence[Value], attributes: Attributes, outputs: int) -> list[Value]:
    shape = list(inputs[0].shape)
    starts, ends = inputs[1].numbers, inputs[2].numbers
    axes = inputs[3].numbers if len(inputs) > 3 else range(len(starts))
    steps = inputs[4].numbers if len(inputs) > 4 else [1] * len(starts)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        shape[axis] = len(range(shape[axis])[slice(start, end if end >= -shape[axis] else None, step)])
    return [Value(tuple(shape), inputs[0].dtype)]


def _gather(inputs: Sequence[Value], attributes: Attributes, outputs: int) -> list[Value]:
    shape, axis = inputs[0].shape, attributes.get("axis", 0)
    axis %= len(shape)
    return [Value((*shape[:axis], *inputs[1].shape, *shape[axis + 1 :]), inputs[0].dtype)]


def _gather_elements(inputs: Sequence[Value], attributes: Attributes, outputs: int) -> list[Value]:
    return [Value(inputs[1].shape, inputs[0].dtype)]


def _gather_nd(inputs: Sequence[Value], attributes: Attributes, outputs: int) -> list[Value]:
    lead, (*own, depth) = attributes.get("batch_dims", 0), inputs[1].shape
    return [Value((*own, *inputs[0].shape[lead + depth :]), inputs[0].dtype)]


def _reduce(inputs: Sequence[Value], attributes: Attributes, outputs: int) -> list[Value]:
    shape = inputs[0].shape
    axes = inputs[1].numbers if len(inputs) > 1 else range(len(shape))
    return [Value(_without(shape, axes, attributes.get("keepdims", 1)), inputs[0].dtype)]


def _without(shape: Shape, axes: Sequence[int], keeps: int) -> Shape:
    gone = {axis % len(shape) for axis in axes}
    sizes = (1 if axis in gone else size for axis, size in enumerate(shape) if keeps or axis not in gone)
    return tuple(sizes)


def _argument(inputs: Sequence[Value], attributes: Attributes, outputs: int) -> list[Value]:
    axes = [attributes.get("axis", 0)]
    return [Value(_without(inputs[0].shape, axes, attributes.get("keepdims", 1)), WHOLE)]


def _top(inputs: Sequence[Value], attributes: Attributes, outputs: int) -> list[Value]:
    shape = list(inputs[0].shape)
    shape[attributes.get("axis", -1)] = inputs[1].numbers[0]
    return [Value(tuple(shape), inputs[0].dtype), Value(tuple(shape), WHOLE)][:outputs]


def _expand(inputs: Sequence[Value], attributes: Attributes, outputs: int) -> list[Value]:
    return [Value(spread([inputs[0].shape, tuple(inputs[1].numbers)]), inputs[0].dtype)]


def _tile(inputs: Sequence[Value], attributes: Attributes, outputs: int) -> list[Value]:
    return [Value(tuple(a * b for a, b in zip(inputs[0].shape, inputs[1].numbers, strict=True)), inputs[0].dtype)]


def _pad(inputs: Sequence[Value], attributes: Attributes, outputs: int) -> list[Value]:
    shape, pads = inputs[0].shape, inputs[1].numbers
    return [Value(tuple(n + pads[i] + pads[len(shape) + i] for i, n in enumerate(shape)), inputs[0].dtype)]


def _shape(inputs: Sequence[Value], attributes: Attributes, outputs: int) -> list[Value]:
    sizes = inputs[0].shape[attributes.get("start", 0) : attributes.get("end")]
    return [Value((len(sizes),), WHOLE, True, list(sizes))]


def _filled(inputs: Sequence[Value], attributes: Attributes, outputs: int) -> list[Value]:
    return [Value(tuple(inputs[0].numbers))]


def _range(inputs: Sequence[Value], attributes: Attributes, outputs: int) -> list[Value]:
    start, stop, step = (one.numbers for one in inputs)
    return [Value((len(range(start, stop, step)),), WHOLE)]


def _one_hot(inputs: Sequence[Value], attributes: Attributes, outputs: int) -> list[Value]:
    depth, axis = inputs[1].numbers, attributes.get("axis", -1)
    shape = inputs[0].shape
    at = axis % (len(shape) + 1)
    depth = depth[0] if isinstance(depth, list) else depth
    return [Value((*shape[:at], depth, *shape[at:]), inputs[2].dtype)]


def _einsum(inputs: Sequence[Value], attributes: Attributes, outputs: int) -> list[Value]:
    left, right = attributes["equation"].replace("...", ".").split("->")
    sizes: dict[str, int] = {}
    leads = []
    for term, one in zip(left.split(","), inputs, strict=True):
        names = term.replace(".", "")
        first = len(one.shape) - len(names)
        leads.append(one.shape[:first])
        sizes |= dict(zip(names, one.shape[first:], strict=True))
    return [Value((*spread(leads), *(sizes[name] for name in right.replace(".", ""))), inputs[0].dtype)]


def _quantized(inputs: Sequence[Value], attributes: Attributes, outputs: int) -> list[Value]:
    return [Value(inputs[0].shape, inputs[2].dtype)]


def _dequantized(inputs: Sequence[Value], attributes: Attributes, outputs: int) -> list[Value]:
    return [Value(inputs[0].shape)]


def _rules(rule: Rule, names: str) -> dict[str, Rule]:
    return dict.fromkeys(names.split(), rule)


RULES: dict[str, Rule] = {
    **_rules(
        _like,
        "Relu LeakyRelu Elu Selu Celu Sigmoid HardSigmoid HardSwish Tanh Softplus Softsign Clip Softmax LogSoftmax "
        "Gelu PRelu Shrink Exp Log Sqrt Sin Cos Reciprocal Floor Ceil Round Abs Neg Sign Erf Not Identity Dropout "
        "BatchNormalization InstanceNormalization LayerNormalization LRN Trilu CumSum ScatterElements ScatterND",
    ),
    **_rules(_pairwise, "Add Sub Mul Div Max Min Pow Mod Sum"),
    **_rules(_compared, "Greater Less Equal GreaterOrEqual LessOrEqual And Or Xor"),
    **_rules(_reduce, "ReduceMean ReduceSum ReduceMax ReduceMin ReduceProd ReduceL2"),
    **_rules(_argument, "ArgMax ArgMin"),
    **_rules(windows.pool, "MaxPool AveragePool"),
    **_rules(windows.global_pool, "GlobalAveragePool GlobalMaxPool"),
    **_rules(windows.recurrent, "LSTM GRU RNN"),
    "IsNaN": lambda inputs, attributes, outputs: [Value(inputs[0].shape, "bool")],
    "Where": _pairwise,
    "Conv": windows.conv,
    "Col2Im": windows.from_columns,
    "QuantizeLinear": _quantized,
    "DequantizeLinear": _dequantized,
    "Cast": _cast,
    "Reshape": _reshape,
    "Flatten": _flatten,
    "Unsqueeze": _unsqueeze,
    "Squeeze": _squeeze,
    "Transpose": _transpose,
    "MatMul": _matmul,
    "Gemm": _gemm,
    "ConvTranspose": windows.conv_transpose,
    "Concat": _concat,
    "Slice": _slice,
    "Gather": _gather,
    "GatherElements": _gather_elements,
    "GatherND": _gather_nd,
    "TopK": _top,
    "Expand": _expand,
    "Tile": _tile,
    "Pad": _pad,
    "Resize": windows.resize,
    "Shape": _shape,
    "ConstantOfShape": _filled,
    "Range": _range,
    "OneHot": _one_hot,
    "Einsum": _einsum,
    "GridSample": windows.grid_sample,
}
