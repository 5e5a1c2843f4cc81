"""What is computed beforehand is what ONNX's own tests expect, and what its reference and ONNX Runtime give."""

from __future__ import annotations

import warnings

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from costmodel.onnx import fold
from costmodel.onnx.fold import foldable
from costmodel.onnx.messages import model_of
from costmodel.onnx.model import Node
from costmodel.onnx.stored import Stored
from costmodel.reading.held import LETTERS, Held, of_array

OPSET = 21
LATER = {"CumProd": 26, "RMSNormalization": 23, "Swish": 24}
"""Nodes that ONNX has only since a later version than `OPSET`."""
BEFORE = {"Scatter": 10}
"""Nodes that it has no longer."""


FOLDED = foldable()


def as_bytes(array):
    """Return an array's numbers as they lie in a file."""
    return Held(array.shape, array.dtype.name, array.tobytes()) if array.dtype.name in LETTERS else of_array(array)


def folded(node, opset, arrays):
    """Return what is made of arrays, which is the same whether their numbers come as bytes or as arrays."""
    results = [
        fold.folded(node, opset, [None if array is None else form(array) for array in arrays])
        for form in (as_bytes, of_array)
    ]
    one, other = ([held.array() for held in made or ()] for made in results)
    assert (results[0] is None) == (results[1] is None)
    for result, same in zip(one, other, strict=True):
        assert (result.dtype, result.shape, result.tobytes()) == (same.dtype, same.shape, same.tobytes())
    return None if results[0] is None else one


# -- ONNX's own tests


def plain(value):
    """Return what a test reads or expects as an array."""
    if isinstance(value, TensorProto):
        return numpy_helper.to_array(value)
    return np.asarray(value)


def test_onnx_own_tests_of_nodes():
    """Each of the nodes has some; none fails but where the numbers are no numbers of NumPy's, or not known."""
    from onnx.backend.test.case.node import collect_testcases

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cases = collect_testcases(None)
    seen, left_out = set(), set()
    for case in cases:
        if case.model is None or len(case.model.graph.node) != 1:
            continue
        (node,) = model_of(case.model.SerializeToString(), "net.onnx").graph.nodes
        if node.domain or node.op_type not in FOLDED:
            continue
        reads, wanted = case.data_sets[0]
        given_in_turn = iter(reads)
        arrays = [plain(next(given_in_turn)) if name else None for name in node.inputs]
        results = folded(node, node.opset, arrays)
        if results is None:
            left_out.add(case.name)
            continue
        seen.add(node.op_type)
        for result, expected in zip(results, wanted, strict=True):
            expected = plain(expected)
            assert (result.dtype, result.shape) == (expected.dtype, expected.shape), case.name
            near = {"rtol": 1e-3 if result.dtype == np.float16 else 1e-5, "atol": 1e-6}
            np.testing.assert_allclose(result, expected, err_msg=case.name, **near)
    assert seen == FOLDED
    words = ("FLOAT8", "INT4", "INT2", "FLOAT4", "FLOAT6", "BFLOAT16", "bfloat16", "string", "training", "empty_set")
    words += ("e4m3fn", "e5m2", "int4", "int2", "float4e2m1")
    assert not [name for name in left_out if not any(word in name for word in words)]


# -- drawn inputs


class Draw:
    """Draws arrays of few, small numbers."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def one(self, *choices):
        return choices[self.rng.integers(len(choices))]

    def shape(self, least=0, most=4):
        return tuple(int(size) for size in self.rng.integers(1, 5, self.rng.integers(least, most + 1)))

    def axis(self, rank):
        return int(self.rng.integers(-rank, rank))

    def floats(self, shape):
        return self.rng.uniform(-3, 3, shape).astype(np.float32)

    def ints(self, shape, low=-9, high=9):
        return self.rng.integers(low, high, shape, dtype=np.int64, endpoint=True)

    def numbers(self, shape):
        return self.one(self.floats, self.ints)(shape)

    def bools(self, shape):
        return self.rng.random(shape) < 0.5

    def beside(self, shape):
        """Return a shape that spreads to another."""
        cut = shape[self.rng.integers(len(shape) + 1) :]
        return tuple(int(self.one(1, size)) for size in cut)

    def axes(self, rank):
        some = self.rng.permutation(rank)[: self.rng.integers(0, rank + 1)]
        return np.array([int(axis) - rank * int(self.rng.integers(2)) for axis in some], np.int64)

    def parts(self, total):
        """Return whole numbers that add up to one."""
        cuts = np.sort(self.rng.integers(0, total + 1, self.rng.integers(0, 3)))
        return np.diff([0, *cuts, total])


def array(*numbers):
    return np.array(numbers, np.int64)


CASES = {}


def case(*names):
    def enter(make):
        CASES.update(dict.fromkeys(names, make))
        return make

    return enter


SINGLE = (
    "Abs Atan Asinh Ceil Cos Cosh Erf Exp Floor HardSwish Identity Mish Neg Reciprocal Relu Round Sigmoid Sign Sin "
    "Sinh Softplus Softsign Sqrt Tan Tanh Celu Elu HardSigmoid LeakyRelu Selu Shrink ThresholdedRelu Log"
).split()


@case(*SINGLE, "Swish", "Gelu", "IsNaN", "IsInf", "Dropout")
def single(draw, op):
    x = draw.floats(draw.shape())
    x = np.where(draw.rng.random(x.shape) < 0.1, np.float32(np.inf if op == "IsInf" else np.nan), x)
    told = {
        "Celu": ["alpha"],
        "Elu": ["alpha"],
        "HardSigmoid": ["alpha", "beta"],
        "LeakyRelu": ["alpha"],
        "Selu": ["alpha", "gamma"],
        "Shrink": ["lambd", "bias"],
        "ThresholdedRelu": ["alpha"],
        "Swish": ["alpha"],
    }
    attributes = {name: draw.one(0.5, 0.25, 2.0) for name in told.get(op, []) if draw.one(True, False)}
    if op == "IsInf":
        attributes = {"detect_negative": draw.one(0, 1), "detect_positive": draw.one(0, 1)}
    if op == "Gelu":
        attributes = {"approximate": draw.one("none", "tanh")}
    return attributes, [x]  # fmt: skip


@case("Acos", "Acosh", "Asin", "Atanh")
def within_one(draw, op):
    return {}, [draw.floats(draw.shape()) / 3 + 2 * (op == "Acosh")]


@case("Not")
def bools(draw, op):
    return {}, [draw.bools(draw.shape())]


@case("BitwiseNot")
def bits(draw, op):
    return {}, [draw.ints(draw.shape())]


@case("Add", "Sub", "Mul", "Div", "Pow", "Mod", "PRelu", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual")
def pair(draw, op):
    shape, kind = draw.shape(), draw.one(draw.floats, draw.ints)
    kind = draw.floats if op == "PRelu" else kind
    a, b = kind(shape), kind(draw.beside(shape))
    if draw.one(True, False) and op != "PRelu":
        a, b = b, a
    if op in ("Div", "Mod"):
        b = np.where(b == 0, b.dtype.type(7), b)
    if op == "Pow":
        b = np.abs(b)
    return {"fmod": 1} if op == "Mod" and a.dtype == np.float32 else {}, [a, b]


@case("And", "Or", "Xor")
def logic(draw, op):
    shape = draw.shape()
    return {}, [draw.bools(shape), draw.bools(draw.beside(shape))]


@case("BitwiseAnd", "BitwiseOr", "BitwiseXor")
def bit_pair(draw, op):
    shape = draw.shape()
    return {}, [draw.ints(shape), draw.ints(draw.beside(shape))]


@case("BitShift")
def shift(draw, op):
    shape = draw.shape()
    return {"direction": draw.one("LEFT", "RIGHT")}, [
        draw.ints(shape, 0).astype(np.uint32), draw.ints(shape, 0).astype(np.uint32)
    ]  # fmt: skip


@case("Max", "Min", "Sum", "Mean")
def several(draw, op):
    shape = draw.shape()
    return {}, [draw.floats(draw.beside(shape)) for _ in range(draw.one(0, 1, 2))] + [draw.floats(shape)]


@case("Where")
def where(draw, op):
    shape = draw.shape()
    return {}, [draw.bools(draw.beside(shape)), draw.ints(shape), draw.ints(draw.beside(shape))]


@case("Clip")
def clip(draw, op):
    x = draw.numbers(draw.shape())
    low, high = (np.array(number, x.dtype) for number in (-1, 2))
    return {}, [x, draw.one(low, None), draw.one(high, None)]


@case("Cast")
def cast(draw, op):
    kinds = [TensorProto.FLOAT, TensorProto.INT64, TensorProto.INT32, TensorProto.BOOL, TensorProto.DOUBLE]
    return {"to": draw.one(*kinds)}, [draw.numbers(draw.shape())]


@case("CastLike")
def cast_like(draw, op):
    return {}, [draw.numbers(draw.shape()), draw.numbers(draw.shape())]


REDUCED = "L1 L2 LogSum LogSumExp Max Mean Min Prod Sum SumSquare".split()


@case(*(f"Reduce{name}" for name in REDUCED))
def reduced(draw, op):
    shape = draw.shape()
    axes = draw.axes(len(shape))
    attributes = {"keepdims": draw.one(0, 1), "noop_with_empty_axes": draw.one(0, 1)}
    return attributes, [np.abs(draw.floats(shape)) + 0.5, axes] if len(axes) else [np.abs(draw.floats(shape)) + 0.5]


@case("ArgMax", "ArgMin")
def arg(draw, op):
    x = draw.ints(draw.shape(1)).astype(np.int32)
    return {"axis": draw.axis(x.ndim), "keepdims": draw.one(0, 1), "select_last_index": draw.one(0, 1)}, [x]


@case("CumSum", "CumProd")
def running(draw, op):
    x = draw.ints(draw.shape(1)).astype(np.float32)
    return {"exclusive": draw.one(0, 1), "reverse": draw.one(0, 1)}, [x, np.array(draw.axis(x.ndim))]


@case("Softmax", "LogSoftmax", "Hardmax")
def softmax(draw, op):
    x = draw.floats(draw.shape(1))
    return {"axis": draw.axis(x.ndim)}, [x]


@case("LayerNormalization", "RMSNormalization")
def layer_norm(draw, op):
    x = draw.floats(draw.shape(1))
    axis = draw.axis(x.ndim)
    shape = x.shape[axis:]
    return {"axis": axis, "epsilon": 0.01}, [x, draw.floats(shape)] + [draw.floats(shape)] * (op[0] == "L")


@case("MatMul")
def matmul(draw, op):
    around, (n, k, m) = draw.shape(0, 2), draw.rng.integers(1, 5, 3)
    return {}, [draw.floats((*draw.one((), around), n, k)), draw.floats((*draw.one((), around), k, m))]


@case("Gemm")
def gemm(draw, op):
    n, k, m = draw.rng.integers(1, 5, 3)
    attributes = {"transA": draw.one(0, 1), "transB": draw.one(0, 1), "alpha": draw.one(1.0, 0.5), "beta": 0.25}
    a, b = (
        draw.floats((k, n) if attributes["transA"] else (n, k)),
        draw.floats((m, k) if attributes["transB"] else (k, m)),
    )
    return attributes, [a, b, draw.one(None, draw.floats(draw.beside((n, m))))]


@case("Einsum")
def einsum(draw, op):
    i, j, k = (int(size) for size in draw.rng.integers(1, 5, 3))
    equation, shapes = draw.one(
        ("ij,jk->ik", [(i, j), (j, k)]), ("ii->i", [(i, i)]), ("...ij, ...jk -> ...ik", [(2, i, j), (2, j, k)]),
        ("ij->", [(i, j)]), ("bij,bj->bi", [(2, i, j), (2, j)]),
    )  # fmt: skip
    return {"equation": equation}, [draw.floats(shape) for shape in shapes]


@case("Concat")
def concat(draw, op):
    shape = draw.shape(1)
    axis = draw.axis(len(shape))
    arrays = []
    for size in draw.rng.integers(0, 4, 3):
        own = list(shape)
        own[axis] = int(size)
        arrays.append(draw.ints(own))
    return {"axis": axis}, arrays


@case("Reshape")
def reshape(draw, op):
    a, b, c = (int(size) for size in draw.rng.integers(1, 5, 3))
    return {}, [
        draw.ints((a, b, c)),
        draw.one(array(-1), array(0, -1), array(c, 1, b * a), array(0, 0, c), array(b, -1)),
    ]


@case("Flatten")
def flatten(draw, op):
    x = draw.floats(draw.shape(1))
    return {"axis": draw.axis(x.ndim)}, [x]


@case("Squeeze")
def squeeze(draw, op):
    return {}, [draw.ints((1, 3, 1, 2)), draw.one(array(0), array(-2), array(0, 2), None)]


@case("Unsqueeze")
def unsqueeze(draw, op):
    return {}, [draw.ints(draw.shape(0, 2)), draw.one(array(0), array(-1), array(0, 1), array(0, -1))]


@case("Transpose")
def transpose(draw, op):
    x = draw.ints(draw.shape(1))
    return draw.one({}, {"perm": [int(axis) for axis in draw.rng.permutation(x.ndim)]}), [x]


@case("Split")
def split(draw, op):
    x = draw.ints(draw.shape(1))
    axis = draw.axis(x.ndim)
    parts = draw.parts(x.shape[axis])
    if draw.one(True, False) or x.shape[axis] < 2:
        return {"axis": axis, "gives": len(parts)}, [x, array(*parts)]
    return {"axis": axis, "num_outputs": 2, "gives": 2}, [x]


@case("Slice")
def slice_(draw, op):
    x = draw.ints(draw.shape(1))
    axes = np.array(
        list({int(axis) % x.ndim: axis for axis in [draw.axis(x.ndim) for _ in range(2)]}.values()), np.int64
    )
    far = 2**62
    starts, ends = (array(*(draw.one(-far, -7, -2, -1, 0, 1, 2, 6, far) for _ in axes)) for _ in "se")
    steps = array(*(draw.one(-3, -2, -1, 1, 2, 3) for _ in axes))
    if draw.one(True, False):
        return {}, [x, starts, ends, axes, steps]
    return {}, [x, *(draw.ints(x.ndim, -6, 6) for _ in "se")]


@case("Expand")
def expand(draw, op):
    shape = draw.shape(1)
    return {}, [draw.ints(draw.beside(shape)), draw.one(array(*shape), array(*[1] * len(shape)))]


@case("Tile")
def tile(draw, op):
    x = draw.ints(draw.shape(1, 3))
    return {}, [x, draw.ints(x.ndim, 0, 3)]


@case("Pad")
def pad(draw, op):
    mode = draw.one("constant", "reflect", "edge", "wrap")
    x = draw.floats((3, 4, 3))
    low = -1 if mode == "constant" else 0
    axes = draw.one(None, array(0, -1), array(1))
    pads = draw.ints(2 * (3 if axes is None else len(axes)), low, 2)
    value = draw.one(None, np.float32(1.5)) if mode == "constant" else None
    return {"mode": mode}, [x, pads, value, axes]


@case("Trilu")
def trilu(draw, op):
    k = draw.one(None, np.array(int(draw.rng.integers(-4, 4))))
    return {"upper": draw.one(0, 1)}, [draw.ints(draw.shape(2)), k]


@case("DepthToSpace")
def depth_to_space(draw, op):
    return {"blocksize": 2, "mode": draw.one("DCR", "CRD")}, [draw.floats((1, 4 * draw.one(1, 2), 2, 3))]


@case("SpaceToDepth")
def space_to_depth(draw, op):
    return {"blocksize": 2}, [draw.floats((1, draw.one(1, 3), 2, 6))]


@case("ReverseSequence")
def reverse_sequence(draw, op):
    batch = draw.one(0, 1)
    return {"batch_axis": batch, "time_axis": 1 - batch}, [draw.floats((3, 3, 2)), draw.ints(3, 1, 3)]


@case("Gather")
def gather(draw, op):
    x = draw.ints(draw.shape(1))
    axis = draw.axis(x.ndim)
    return {"axis": axis}, [x, draw.ints(draw.shape(0, 2), -x.shape[axis], x.shape[axis] - 1)]


@case("GatherElements")
def gather_elements(draw, op):
    x = draw.ints(draw.shape(1))
    axis = draw.axis(x.ndim)
    return {"axis": axis}, [x, draw.ints(x.shape, -x.shape[axis], x.shape[axis] - 1)]


@case("GatherND")
def gather_nd(draw, op):
    x = draw.ints((2, 3, 2, 2))
    depth, batch = draw.one(1, 2), draw.one(0, 1)
    return {"batch_dims": batch}, [x, draw.ints((*((2,) if batch else ()), 3, depth), -2, 1)]


@case("ScatterElements", "Scatter")
def scatter_elements(draw, op):
    x = draw.ints((4, 3)).astype(np.float32)
    places = np.array([[0, 3, 1], [-1, 0, 2]]) if op != "Scatter" else np.array([[0, 3, 1], [1, 0, 2]])
    how = {} if op == "Scatter" else {"reduction": draw.one("none", "add", "mul", "max", "min")}
    return {"axis": 0, **how}, [x, places, draw.ints((2, 3)).astype(np.float32)]


@case("ScatterND")
def scatter_nd(draw, op):
    x = draw.ints((4, 3)).astype(np.float32)
    how = draw.one("none", "add", "mul", "max", "min")
    deep = draw.one(True, False)
    places = np.array([[0, 2], [3, 1], [-1, 0]]) if deep else np.array([[1], [3], [0]])
    return {"reduction": how}, [x, places, draw.ints((3,) if deep else (3, 3)).astype(np.float32)]


@case("Compress")
def compress(draw, op):
    x = draw.ints(draw.shape(1))
    if draw.one(True, False):
        return {}, [x, draw.bools(min(x.size, 3))]
    axis = draw.axis(x.ndim)
    return {"axis": axis}, [x, draw.bools(x.shape[axis])]


@case("NonZero")
def non_zero(draw, op):
    return {}, [draw.ints(draw.shape(1), 0, 1)]


@case("OneHot")
def one_hot(draw, op):
    x = draw.ints(draw.shape(1, 2), -4, 5)
    return {"axis": int(draw.rng.integers(-x.ndim - 1, x.ndim + 1))}, [x, np.array(4), draw.floats(2)]


@case("TopK")
def top_k(draw, op):
    x = draw.ints(draw.shape(1), -3, 3).astype(draw.one(np.float32, np.int64))
    axis = draw.axis(x.ndim)
    return {"axis": axis, "largest": draw.one(0, 1), "gives": 2}, [x, draw.ints(1, 1, x.shape[axis])]


@case("Unique")
def unique(draw, op):
    x = draw.ints(draw.shape(1, 2), -3, 3)
    attributes = draw.one({}, {"axis": draw.axis(x.ndim)})
    return {"sorted": 1 if attributes else draw.one(0, 1), "gives": 4, **attributes}, [x]


@case("Constant")
def constant(draw, op):
    whole = {"value_int": 7}, {"value_ints": [3, -4]}, {"value": numpy_helper.from_array(draw.numbers(draw.shape()))}
    return draw.one({"value_float": 0.5}, {"value_floats": [1.5, 2.0]}, *whole), []


@case("ConstantOfShape")
def constant_of_shape(draw, op):
    value = draw.one({}, {"value": numpy_helper.from_array(draw.ints(1))})
    return value, [array(*draw.shape(1))]


@case("EyeLike")
def eye_like(draw, op):
    return draw.one({}, {"dtype": TensorProto.INT64}) | {"k": draw.one(-1, 0, 2)}, [draw.floats(draw.shape(2, 2))]


@case("Range")
def range_(draw, op):
    start, limit, delta = draw.one((0, 7, 2), (5, -4, -2), (3, 3, 1), (1, 9, 3), (4, 0, 1))
    kind = draw.one(np.int64, np.int32, np.float32)
    return {}, [np.array(number * draw.one(1, 1), kind) for number in (start, limit, delta)]


@case("Shape")
def shape(draw, op):
    return draw.one({}, {"start": 1}, {"end": -1}, {"start": -2, "end": 3}), [draw.floats(draw.shape())]


@case("Size")
def size(draw, op):
    return {}, [draw.floats(draw.shape())]


@case("HannWindow", "HammingWindow", "BlackmanWindow")
def window(draw, op):
    return {"periodic": draw.one(0, 1)}, [np.array(draw.one(2, 5, 8), np.int64)]


@case("QuantizeLinear")
def quantize(draw, op):
    kind, axis = draw.one(np.int8, np.uint8, None), draw.one(0, 1)
    count = draw.one((), (3, 4)[axis])
    zero = None if kind is None else draw.ints(count, 0, 9).astype(kind)
    return {"axis": axis}, [draw.floats((3, 4)) * 99, np.abs(draw.floats(count)) + np.float32(0.1), zero]


@case("DequantizeLinear")
def dequantize(draw, op):
    kind, axis = draw.one(np.int8, np.uint8), draw.one(0, 1)
    count = draw.one((), (3, 4)[axis])
    zero = draw.one(None, draw.ints(count, 0, 9).astype(kind))
    return {"axis": axis}, [draw.ints((3, 4), 0, 99).astype(kind), np.abs(draw.floats(count)), zero]


def model_with(op, version, attributes, arrays, gives):
    names = [f"x{place}" if one is not None else "" for place, one in enumerate(arrays)]
    node = helper.make_node(op, names, [f"y{place}" for place in range(gives)], **attributes)
    infos = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(one.dtype), one.shape)
        for name, one in zip(names, arrays, strict=True)
        if name
    ]
    outputs = [onnx.ValueInfoProto(name=name) for name in node.output]
    graph = helper.make_graph([node], "net", infos, outputs)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", version)], ir_version=10)


def in_runtime(model, feeds):
    """Return what ONNX Runtime gives; None where it has no such node."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 4
    try:
        session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    except Exception as error:
        if any(words in str(error) for words in NOT_THERE):
            return None
        raise
    return session.run(None, feeds)


NO_REFERENCE = {
    "Mean": "writes into the first input, which may be smaller",
    "Pad": "cannot cut off",
    "ReduceLogSumExp": "cannot go over no axes",
    "Scatter": "has none",
    "Slice": "takes nothing where a slice backwards begins before the first; ONNX's text says the first",
    "Softsign": "cannot do a number without axes",
    "Unique": "looks along the wrong axis",
}
"""Nodes of which ONNX's reference fails, or gives what ONNX's text does not say; ONNX Runtime has them all."""
NOT_THERE = ("NOT_IMPLEMENTED", "is not a registered", "opset")
"""What ONNX Runtime says of a node that it does not have."""


@pytest.mark.parametrize("op", sorted(FOLDED))
def test_drawn_inputs_give_what_the_reference_and_onnx_runtime_give(op):
    @given(st.integers(0, 2**32))
    @settings(max_examples=10, deadline=None, database=None)
    def hold(seed):
        attributes, arrays = CASES[op](Draw(seed), op)
        attributes = dict(attributes)
        gives = attributes.pop("gives", 1)
        arrays = [None if one is None else np.asarray(one) for one in arrays]
        version = LATER.get(op) or BEFORE.get(op) or OPSET
        while arrays and arrays[-1] is None:
            arrays = arrays[:-1]
        model = model_with(op, version, attributes, arrays, gives)
        (node,) = model_of(model.SerializeToString(), "net.onnx").graph.nodes
        results = folded(node, version, arrays)
        assert results is not None
        feeds = {name: one for name, one in zip(node.inputs, arrays, strict=True) if name}
        answers = [in_runtime(model, feeds)]
        if op not in NO_REFERENCE:
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                answers.append(ReferenceEvaluator(model).run(None, feeds))
        assert any(answer is not None for answer in answers)
        for wanted in filter(None, answers):
            for result, expected in zip(results, wanted, strict=True):
                assert (result.dtype, result.shape) == (expected.dtype, np.shape(expected))
                np.testing.assert_allclose(result, expected, rtol=2e-5, atol=2e-6)

    hold()


# -- what is not computed


def made(op, *arrays, opset=OPSET, gives=1, **attributes):
    names = [f"x{place}" for place in range(len(arrays))]
    node = Node(op, "n", names, [f"y{place}" for place in range(gives)], attributes)
    return folded(node, opset, [None if one is None else np.asarray(one) for one in arrays])


FAR = 2**40
VAST = {
    "constant of a vast shape": ("ConstantOfShape", [array(1024, 1024, 1024)], {}),
    "constant of no shape": ("ConstantOfShape", [array(FAR, FAR, FAR, FAR)], {}),
    "expand": ("Expand", [array(1), array(1024, 1024, 1024)], {}),
    "tile": ("Tile", [array(1), array(FAR)], {}),
    "pad": ("Pad", [array(1), array(FAR, FAR)], {}),
    "range": ("Range", [0, FAR, 1], {}),
    "range of floats": ("Range", [0.0, np.inf, 1.0], {}),
    "one hot": ("OneHot", [array(1), FAR, array(0, 1)], {}),
    "outer product": ("MatMul", [np.ones((2**11, 1)), np.ones((1, 2**11))], {}),
    "product that takes long": ("MatMul", [np.ones((2**9, 2**11)), np.ones((2**11, 2**9))], {}),
    "gemm": ("Gemm", [np.ones((1, 2**11)), np.ones((2**11, 1))], {"transA": 1, "transB": 1}),
    "einsum": ("Einsum", [np.ones(2**11), np.ones(2**11)], {"equation": "i,j->ij"}),
    "einsum with dots": ("Einsum", [np.ones(2**11), np.ones((2**11, 1))], {"equation": "...,...->..."}),
    "spread": ("Add", [np.ones((2**11, 1)), np.ones((1, 2**11))], {}),
    "where": ("Where", [np.ones((2**11, 1), bool), np.ones((1, 2**11)), np.ones(1)], {}),
    "gather": ("Gather", [np.ones((1, 2**11)), np.zeros(2**11, np.int64)], {}),
    "gather elements of nothing": ("GatherND", [np.ones((1, 2**11)), np.zeros((2**11, 1), np.int64)], {}),
    "window": ("HannWindow", [FAR], {}),
    "sum over no places": ("ReduceSum", [np.ones((0, 2**21)), array(0)], {}),
    "einsum over no places": ("Einsum", [np.ones((2**12, 0)), np.ones((0, 2**12))], {"equation": "ij,jk->ik"}),
    "product over no places": ("MatMul", [np.ones((2**12, 0)), np.ones((0, 2**12))], {}),
    "scales that spread": ("QuantizeLinear", [np.ones((2**11, 1)), np.ones(2**11)], {"axis": 1}),
    "norms that spread": ("LayerNormalization", [np.ones((2**11, 1)), np.ones((1, 2**11))], {}),
    "limits that spread": ("Clip", [np.ones((2**11, 1)), np.ones((1, 2**11))], {}),
    "pieces without number": ("Split", [array(1)], {"num_outputs": FAR}),
}


@pytest.mark.parametrize("name", VAST)
def test_nothing_vast_is_made(name):
    """Twice as many numbers as are made beforehand, in inputs of a few thousand, or far more."""
    import tracemalloc

    op, arrays, attributes = VAST[name]
    node = Node(op, "n", [f"x{place}" for place in range(len(arrays))], ["y"], attributes)
    inputs = [as_bytes(np.asarray(one)) for one in arrays]
    tracemalloc.start()
    try:
        assert fold.folded(node, OPSET, inputs) is None
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("op", "arrays", "attributes"),
    [
        ("Add", [array(1), None], {}),  # not known
        ("Conv", [np.ones((1, 1, 3, 3)), np.ones((1, 1, 1, 1))], {}),  # not among them
        ("Add", [array(1, 2), array(1, 2, 3)], {}),
        ("Div", [array(1), array(0)], {}),
        ("Mod", [array(1), array(0)], {}),
        ("Gather", [array(1, 2), array(2)], {}),
        ("Reshape", [array(1, 2), array(3)], {}),
        ("Reshape", [array(1, 2), array(-1, -1)], {}),
        ("Cast", [np.float32(np.nan)], {"to": TensorProto.INT64}),
        ("Cast", [np.float32(1e30)], {"to": TensorProto.INT64}),
        ("Cast", [np.float32(1)], {"to": TensorProto.BFLOAT16}),
        ("Cast", [np.float32(1)], {"to": TensorProto.STRING}),
        ("Cast", [np.float32(1)], {"to": 0}),
        ("Cast", [np.float32(1)], {}),
        ("Cast", [np.array("text")], {"to": TensorProto.FLOAT}),
        ("Concat", [array(1)], {"axis": "text"}),
        ("Transpose", [array(1)], {"perm": 1}),
        ("Slice", [array(1, 2), array(0), array(2), array(0), array(0)], {}),
        ("Split", [array(1, 2, 3), array(1, 1)], {"gives": 2}),
        ("TopK", [array(1, 2), array(3)], {}),
        ("Unsqueeze", [array(1), array(*range(99))], {}),
        ("ReduceMax", [np.ones((0, 1)), array(0)], {}),
        ("Dropout", [np.ones(2), np.float32(0.5), np.array(True)], {}),
        ("Constant", [], {}),
        ("Constant", [], {"value_string": "text"}),
        ("Constant", [], {"value": Stored("", (2,), "float32", is_external=True)}),
    ],
)
def test_what_is_not_known_or_fails_has_no_values(op, arrays, attributes):
    attributes = dict(attributes)
    assert made(op, *arrays, gives=attributes.pop("gives", 1), **attributes) is None


def test_a_node_of_another_vocabulary_or_with_more_outputs_than_are_made_has_no_values():
    relu = Node("Relu", "n", ["x"], ["y"], domain="com.example")
    assert folded(relu, 1, [np.ones(2)]) is None
    assert made("Relu", np.ones(2), gives=2) is None


@pytest.mark.parametrize(
    ("op", "arrays", "attributes", "wanted"),
    [
        ("Add", [array(2**63 - 1), array(1)], {}, -(2**63)),
        ("Sub", [np.array([1], np.uint8), np.array([2], np.uint8)], {}, 255),
        ("Mul", [np.array([100, 1], np.int8), np.array(2, np.int8)], {}, [-56, 2]),
        ("Div", [array(-7, 7), array(2, -2)], {}, [-3, -3]),
        ("Cast", [array(2**32 + 5)], {"to": TensorProto.INT32}, 5),
        ("Cast", [array(-1)], {"to": TensorProto.UINT8}, 255),
        ("Cast", [array(-2, 0)], {"to": TensorProto.BOOL}, [True, False]),
        ("Cast", [np.array([True, False])], {"to": TensorProto.INT64}, [1, 0]),
    ],
)
def test_whole_numbers_begin_again_from_the_other_end_of_their_type(op, arrays, attributes, wanted):
    (result,) = made(op, *arrays, **attributes)
    assert np.array_equal(result, np.atleast_1d(wanted))


SIZES = array(1, 8, 6)
WORKED_OUT = {
    "Shape": ([SIZES], {}),
    "Gather": ([SIZES, array(1)], {}),
    "Concat": ([SIZES, array(-1)], {"axis": 0}),
    "Slice": ([SIZES, array(-1), array(-9), array(0), array(-1)], {}),
    "Unsqueeze": ([SIZES, array(0)], {}),
    "Transpose": ([SIZES.reshape(3, 1)], {}),
    "Reshape": ([SIZES, array(-1, 3)], {}),
    "ConstantOfShape": ([SIZES], {}),
    "Mul": ([SIZES, np.int64(2)], {}),
    "Div": ([SIZES, np.int64(2)], {}),
    "Cast": ([SIZES], {"to": TensorProto.INT32}),
}


@pytest.mark.parametrize("op", WORKED_OUT)
def test_a_few_sizes_are_worked_out_without_arrays(op, monkeypatch):
    """Loading NumPy takes as long as reading a network does."""
    arrays, attributes = WORKED_OUT[op]
    node = Node(op, "n", [f"x{place}" for place in range(len(arrays))], ["y"], attributes)
    inputs = [as_bytes(np.asarray(one)) for one in arrays]
    monkeypatch.setattr(Held, "array", None)
    (result,) = fold.folded(node, OPSET, inputs)
    assert result.raw is not None


# -- versions of the vocabulary


@pytest.mark.parametrize(
    ("op", "opset", "arrays", "attributes", "wanted"),
    [
        ("Add", 6, [np.zeros((2, 3)), np.array([1, 2])], {"broadcast": 1, "axis": 0}, [[1, 1, 1], [2, 2, 2]]),
        ("Clip", 6, [array(-5, 0, 5)], {"min": -1.0, "max": 2.0}, [-1, 0, 2]),
        ("Squeeze", 11, [np.ones((1, 2))], {"axes": [0]}, [1, 1]),
        ("Unsqueeze", 11, [array(1)], {"axes": [1]}, [[1]]),
        ("ReduceSum", 11, [np.ones((2, 3))], {"axes": [1], "keepdims": 0}, [3, 3]),
        ("Slice", 9, [array(1, 2, 3)], {"starts": [1], "ends": [9], "axes": [0]}, [2, 3]),
        ("Slice", 13, [array(1, 2), array(-FAR), array(-7), array(0), array(-2)], {}, [1]),  # as ONNX's text says
        ("Split", 11, [array(1, 2, 3)], {"split": [3]}, [1, 2, 3]),
        ("TopK", 9, [array(1, 3, 2)], {"k": 2, "axis": 0}, [3, 2]),
        ("Pad", 10, [array(1)], {"pads": [1, 0], "value": 7.0}, [7, 1]),
        ("Softmax", 12, [np.zeros((2, 2, 2))], {}, np.full((2, 2, 2), 0.25)),
        ("Softmax", 13, [np.zeros((2, 2, 2))], {}, np.full((2, 2, 2), 0.5)),
        ("Reshape", 4, [array(1, 2)], {"shape": [2, 1]}, [[1], [2]]),
    ],
)
def test_earlier_versions_say_by_attributes_what_later_ones_read(op, opset, arrays, attributes, wanted):
    (result,) = made(op, *arrays, opset=opset, **attributes)
    assert np.array_equal(result, wanted)


def test_constants_of_a_file_are_found():
    value = numpy_helper.from_array(np.arange(6, dtype=np.int64).reshape(2, 3))
    model = model_with("Constant", 13, {"value": value}, [], 1)
    (node,) = model_of(model.SerializeToString(), "net.onnx").graph.nodes
    (result,) = folded(node, 13, [])
    assert np.array_equal(result, [[0, 1, 2], [3, 4, 5]])
