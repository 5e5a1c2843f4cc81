"""Forms of nodes that ONNX's own tests do not have: those of older versions, and those whose form decides their cost.

Shapes are held against ONNX's own shape inference, costs against figures worked out by hand.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from costmodel.onnx import types  # noqa: F401 - fills the rules
from costmodel.onnx.messages import model_of
from costmodel.onnx.model import Info
from costmodel.onnx.read import graph_of
from costmodel.onnx.reader import Reader
from costmodel.pricing import price
from costmodel.reading.batch import samples
from costmodel.reading.value import Value

KINDS = {"float32": TensorProto.FLOAT, "int64": TensorProto.INT64, "bool": TensorProto.BOOL, "uint8": TensorProto.UINT8}
X = (2, 6, 4, 4)  # 192 elements
Input = Any
"""A shape of real numbers, a text with the dtype and sizes of others ("int64 2 3"), an array that the file stores, a
Constant node (a list with its numbers), or None for an input left out."""


def model(op_type: str, opset: int, inputs: list[Input], outputs: int = 1, **attributes: Any) -> onnx.ModelProto:
    """Return a model of one node."""
    names, infos, arrays, nodes = [], [], [], []
    for at, one in enumerate(inputs):
        name = f"x{at}"
        if one is None:
            names.append("")
            continue
        names.append(name)
        if isinstance(one, list):
            array = numpy_helper.from_array(np.asarray(one[0]), name)
            nodes.append(helper.make_node("Constant", [], [name], value=array))
        elif isinstance(one, np.ndarray):
            arrays.append(numpy_helper.from_array(one, name))
        else:
            kind, *sizes = one.split() if isinstance(one, str) else ("float32", *one)
            infos.append(helper.make_tensor_value_info(name, KINDS[kind], [int(size) for size in sizes]))
    given = [f"y{at}" for at in range(outputs)]
    nodes.append(helper.make_node(op_type, names, given, "n", **attributes))
    outs = [onnx.ValueInfoProto(name=name) for name in given]
    graph = helper.make_graph(nodes, "g", infos, outs, arrays)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])


def read(proto: onnx.ModelProto) -> tuple[Reader, list[Any]]:
    """Read a model, without what it says of shapes; return the walk and what it gives."""
    parsed = model_of(proto.SerializeToString(), "f")
    reader = Reader("f", proto.opset_import[0].version, {}, {})
    reader.store(parsed.graph.arrays.values())
    for info in parsed.graph.inputs:
        shape = tuple(size for size in info.shape or () if isinstance(size, int))
        reader.values[info.name] = reader.draft.input(info.name, shape, info.dtype or "float32")
    reader.over(parsed.graph.nodes)
    reader.require_read()
    return reader, [reader.values[one.name] for one in parsed.graph.outputs]


def inferred(proto: onnx.ModelProto) -> list[tuple[int, ...]]:
    """Return the shapes that ONNX says the outputs have."""
    said = onnx.shape_inference.infer_shapes(proto, strict_mode=True, data_prop=True).graph.output
    return [tuple(size.dim_value for size in one.type.tensor_type.shape.dim) for one in said]


def names(reader: Reader) -> list[str]:
    """Return the operators that a model became."""
    return [step.op.name for step in reader.draft.steps]


def whole(*numbers: int) -> np.ndarray[Any, Any]:
    return np.array(numbers, np.int64)


def real(*shape: int) -> np.ndarray[Any, Any]:
    """Return numbers that are not all the same, as trained ones are."""
    return np.arange(1, 1 + np.prod(shape, dtype=int), dtype=np.float32).reshape(shape)


OLDER: list[tuple[str, int, list[Input], dict[str, Any], int]] = [
    ("Cast", 6, [X], {"to": TensorProto.INT64}, 1),
    ("Clip", 6, [X], {"min": -1.0, "max": 1.0}, 1),
    ("Concat", 4, [X, X], {"axis": 1}, 1),
    ("Dropout", 7, [X], {"ratio": 0.5}, 1),
    ("Dropout", 10, [X], {"ratio": 0.5}, 2),
    ("Flatten", 9, [X], {"axis": 2}, 1),
    ("Gather", 1, [X, "int64 3"], {"axis": 1}, 1),
    ("Hardmax", 11, [X], {}, 1),
    ("LogSoftmax", 1, [X], {"axis": 2}, 1),
    ("OneHot", 9, ["int64 2 3", whole(5), real(2)], {"axis": 1}, 1),
    ("Pad", 2, [X], {"pads": [0, 0, 1, 2, 0, 0, 3, 0], "mode": "constant", "value": 1.0}, 1),
    ("ReduceSum", 1, [X], {"axes": [1, 2], "keepdims": 0}, 1),
    ("ReduceL2", 11, [X], {"axes": [-1]}, 1),
    ("ReduceMax", 12, [X], {}, 1),
    ("Reshape", 5, [X, whole(0, -1, 2)], {}, 1),
    ("Scatter", 9, [X, "int64 2 6 4 1", (2, 6, 4, 1)], {"axis": 3}, 1),
    ("Slice", 1, [X], {"starts": [1, 0], "ends": [5, -1], "axes": [1, 3]}, 1),
    ("Slice", 1, [X], {"starts": [1], "ends": [9223372036854775807]}, 1),
    ("Softmax", 11, [X], {}, 1),
    ("Split", 2, [X], {"axis": 1, "split": [1, 2, 3]}, 3),
    ("Split", 11, [X], {"axis": -1}, 2),
    ("Squeeze", 11, [(1, 3, 1)], {"axes": [-1]}, 1),
    ("Squeeze", 1, [(1, 3, 1)], {}, 1),
    ("TopK", 1, [X], {"k": 3, "axis": 1}, 2),
    ("Unsqueeze", 11, [(2, 3)], {"axes": [0, -1]}, 1),
    ("RandomNormalLike", 1, [X], {}, 1),
    ("RandomNormal", 22, [], {"shape": [2, 3]}, 1),
    ("RandomUniform", 1, [], {"shape": [2, 3]}, 1),
    ("Multinomial", 7, [(2, 10)], {"sample_size": 5}, 1),
    ("Tile", 13, [X, whole(1, 2, 3, 2)], {}, 1),
    ("Tile", 13, [X, whole(2, 2, 3, 2)], {}, 1),
    ("Expand", 13, [(3, 1), whole(2, 1, 6)], {}, 1),
    ("Slice", 13, [X, whole(0, 5, 0, 3), whole(1, 0, 3, -9), whole(0, 1, 2, 3), whole(1, -2, 2, -1)], {}, 1),
    ("Pad", 21, [X, whole(0, -1, 1, 1, 1, 0, 1, -2)], {"mode": "edge"}, 1),
    ("Pad", 21, [X, whole(5, 5), None, whole(3)], {"mode": "wrap"}, 1),
    ("GatherND", 13, [X, "int64 2 7 2"], {"batch_dims": 1}, 1),
    ("ArgMax", 13, [X], {"axis": -2, "keepdims": 0, "select_last_index": 1}, 1),
    ("TopK", 11, [X, whole(2)], {"largest": 0, "axis": 0}, 2),
]
"""Type, version, inputs, attributes and number of outputs."""


@pytest.mark.parametrize(("op_type", "opset", "inputs", "attributes", "outputs"), OLDER)
def test_forms_of_nodes_give_the_shapes_that_onnx_infers(
    op_type: str, opset: int, inputs: list[Input], attributes: dict[str, Any], outputs: int
) -> None:
    proto = model(op_type, opset, inputs, outputs, **attributes)
    reader, found = read(proto)
    assert [one.shape for one in found] == inferred(proto)
    assert not [step.partial for step in reader.draft.steps if step.partial]


BESIDE = [
    ("Add", (2, 6, 4, 4), (6,), 1, (2, 6, 4, 4)),
    ("Mul", (2, 6, 4, 4), (6, 4), 1, (2, 6, 4, 4)),
    ("Sub", (2, 6, 4, 4), (4, 4), None, (2, 6, 4, 4)),
]


@pytest.mark.parametrize(("op_type", "first", "second", "axis", "wanted"), BESIDE)
def test_before_opset_7_the_second_tensor_stands_beside_a_named_axis(
    op_type: str, first: tuple[int, ...], second: tuple[int, ...], axis: int | None, wanted: tuple[int, ...]
) -> None:
    more = {} if axis is None else {"axis": axis}
    _, found = read(model(op_type, 6, [first, second], broadcast=1, **more))
    assert found[0].shape == wanted


STEPS: list[tuple[str, int, list[Input], dict[str, Any], list[str], int]] = [
    # a known number is a field: one operation an element, as the node itself
    ("Add", 13, [X, [np.float32(3)]], {}, ["shift"], 192),
    ("Sub", 13, [X, [np.float32(3)]], {}, ["shift"], 192),
    ("Sub", 13, [[np.float32(3)], X], {}, ["subtract"], 192),
    ("Mul", 13, [[np.float32(3)], X], {}, ["scale"], 192),
    ("Div", 13, [X, [np.float32(3)]], {}, ["scale"], 192),
    ("Div", 13, [[np.float32(1)], X], {}, ["reciprocal"], 192),
    ("Div", 13, [[np.float32(2)], X], {}, ["divide"], 192),
    ("Pow", 13, [X, [np.float32(2)]], {}, ["power"], 192),
    ("Max", 13, [X, [np.float32(0)]], {}, ["relu"], 192),
    ("Min", 13, [X, [np.float32(2)]], {}, ["clamp"], 192),
    ("Max", 13, [X, X, X], {}, ["maximum", "maximum"], 384),
    ("Mean", 13, [X, X, X], {}, ["add", "scale"], 576),
    ("Sum", 13, [X, X, X], {}, ["add"], 384),
    # a number that widens what it is combined with is none
    ("Add", 13, ["int64 4", [np.full((3, 4), 2)]], {}, ["add"], 12),
    ("Add", 13, ["int64 4 1", [np.full((4, 3), 2)]], {}, ["add"], 12),
    ("Concat", 1, [X, (2, 1, 4, 4)], {}, ["concat"], 0),
    # what the file stores is a param
    ("Mul", 13, [X, real(1)], {}, ["layer_scale"], 192),
    ("Add", 13, [X, real(1)], {}, ["add"], 192),
    ("Clip", 13, [X, np.array(0, np.float32), np.array(6, np.float32)], {}, ["relu6"], 384),
    ("Clip", 6, [X], {"min": 0.0, "max": 3.4028235e38}, ["relu"], 192),
    ("Clip", 13, [X, [np.float32(-1)], [np.float32(1)]], {}, ["clamp"], 384),
    ("Clip", 13, [X, [np.float32(0)], [np.float32(3)]], {}, ["clamp"], 384),
    ("Clip", 13, [X, None, [np.float32(1)]], {}, ["clamp"], 192),
    ("Clip", 13, [X], {}, [], 0),
    ("Clip", 13, [X, (), ()], {}, ["maximum", "minimum"], 384),
    ("HardSigmoid", 6, [X], {}, ["scale", "shift", "clamp"], 768),
    ("HardSigmoid", 6, [X], {"alpha": 1 / 6}, ["hardsigmoid"], 768),
    ("Swish", 24, [X], {}, ["silu"], 768),
    ("Swish", 24, [X], {"alpha": 2.0}, ["scale", "sigmoid", "multiply"], 960),
    ("PRelu", 16, [X, real(6, 1, 1)], {}, ["prelu"], 384),
    ("PRelu", 16, [X, real(1)], {}, ["prelu"], 384),
    ("PRelu", 6, [X, real(6)], {}, ["prelu"], 384),
    ("PRelu", 16, [X, [np.full((1,), 0.25, np.float32)]], {}, ["leaky_relu"], 384),
    ("PRelu", 16, [X, real(6, 4, 4)], {}, ["opaque"], 384),
    ("PRelu", 16, [X, (6, 1, 1)], {}, ["opaque"], 384),
    ("Shrink", 9, [X], {"lambd": 1.5, "bias": 1.5}, ["softshrink"], 576),
    ("Shrink", 9, [X], {"lambd": 1.5}, ["hardshrink"], 384),
    ("Shrink", 9, [X], {"lambd": 1.5, "bias": 0.5}, ["opaque"], 576),
    ("Tan", 7, [X], {}, ["opaque"], 192),
    ("Xor", 7, ["bool 4 3", "bool 3"], {}, ["compare"], 12),
    ("Mod", 13, ["int64 4 3", "int64 3"], {}, ["mod"], 12),
    ("ReduceL1", 13, [X], {"axes": [1]}, ["abs", "sum"], 384),
    ("ReduceL2", 13, [X], {"axes": [1]}, ["square", "sum", "sqrt"], 384 + 32),
    ("ReduceLogSumExp", 13, [X], {"axes": [1]}, ["exp", "sum", "log"], 384 + 32),
    ("ReduceMean", 13, [X], {"axes": [2, 3]}, ["mean"], 192 + 12),
    ("ReduceSum", 13, [X, whole()], {"noop_with_empty_axes": 1}, [], 0),
    ("ReduceSumSquare", 18, [X, whole()], {"noop_with_empty_axes": 1}, ["square"], 192),
    ("Softmax", 11, [X], {}, ["rearrange", "softmax", "rearrange"], 960),
    ("Softmax", 11, [X], {"axis": 3}, ["softmax"], 960),
    ("Softmax", 11, [(2, 6, 1, 1)], {}, ["softmax"], 60),
    ("Softmax", 13, [X], {"axis": 1}, ["softmax"], 960),
    ("Hardmax", 13, [X], {}, ["opaque"], 192),
    ("CumSum", 14, [X, whole(1)], {}, ["cumsum"], 192),
    ("CumSum", 14, [X, whole(1)], {"reverse": 1}, ["opaque"], 192),
    ("Gather", 13, [real(50, 8), "int64 2 3"], {}, ["embedding"], 0),
    ("Gather", 13, [real(8, 50), "int64 2 3"], {"axis": 1}, ["gather"], 0),
    ("Gather", 13, [X, np.array(-1, np.int64)], {"axis": 2}, ["slice", "rearrange"], 0),
    ("Gather", 13, [X, whole(1, 2)], {"axis": 2}, ["slice"], 0),
    ("Gather", 13, [X, whole(-2, -1)], {"axis": 2}, ["slice"], 0),
    ("Gather", 13, [X, whole(2, 1)], {"axis": 2}, ["gather"], 0),
    ("Slice", 13, [X, whole(0), whole(99), whole(1)], {}, [], 0),
    ("Slice", 13, [X, whole(-1), whole(-99), whole(1), whole(-1)], {}, ["opaque"], 0),
    ("ScatterND", 18, [X, "int64 5 1", (5, 6, 4, 4)], {}, ["opaque"], 0),
    ("ScatterND", 18, [X, "int64 5 1", (5, 6, 4, 4)], {"reduction": "add"}, ["opaque"], 480),
    ("TopK", 11, [X, whole(2)], {}, ["top_k_indices", "top_k"], 192),
    ("NonZero", 13, [X], {}, ["opaque"], 192),
    ("Bernoulli", 15, [X], {}, ["opaque"], 384),
    # 3x3: below the first pivot 2 divisions, 4 products and subtractions, below the second 1 and 1; the diagonal's 2
    ("Det", 22, [(5, 3, 3)], {}, ["opaque"], 5 * (2 + 4 * 2 + 1 + 2 + 2)),
    # 5 n log2 n of complex numbers, half of it of real ones: n = 8
    ("DFT", 20, [(2, 8, 2), None, np.array(1)], {}, ["opaque"], 2 * 120),
    ("DFT", 20, [(2, 8, 1), None, np.array(1)], {"onesided": 1}, ["opaque"], 2 * 60),
    # frames of 8 each 4 of 24: 5, each 8 products and a transform of real numbers
    ("STFT", 17, [(1, 24, 1), np.array(4), real(8)], {}, ["opaque"], 5 * (8 + 60)),
    # two classes of four boxes, at most two kept each: areas, scores (and 2 comparisons to put each in order), overlaps
    ("NonMaxSuppression", 11, [(1, 4, 4), (1, 2, 4), whole(2)], {}, ["opaque"], 12 + 2 * (4 + 8 + 2 * 4 * 13)),
    ("SoftmaxCrossEntropyLoss", 13, [(2, 5), "int64 2"], {}, ["log_softmax", "opaque"], 50 + 2 + 2 + 1),
    ("RotaryEmbedding", 23, [(1, 2, 3, 8), (3, 4), (3, 4)], {}, ["opaque"], 144),
]
"""Type, version, inputs, attributes; the operators it becomes and the other operations that they take."""


@pytest.mark.parametrize(("op_type", "opset", "inputs", "attributes", "operators", "other_ops"), STEPS)
def test_nodes_become_operators_that_take_as_much(
    op_type: str, opset: int, inputs: list[Input], attributes: dict[str, Any], operators: list[str], other_ops: int
) -> None:
    reader, _ = read(
        model(
            op_type,
            opset,
            inputs,
            **attributes,
        )
    )
    assert names(reader) == operators
    costs = [step.op.cost(*[value.shape for value in step.inputs]) for step in reader.draft.steps]
    assert sum(cost.other_ops for cost in costs) == other_ops
    assert sum(cost.mult_adds for cost in costs) == 0
    assert not [step.partial for step in reader.draft.steps if step.partial]


def test_an_affine_grid_is_the_product_of_its_places_with_a_matrix() -> None:
    reader, (grid,) = read(model("AffineGrid", 20, [(2, 2, 3), whole(2, 7, 4, 5)]))
    (step,) = reader.draft.steps
    assert grid.shape == (2, 4, 5, 2)
    assert step.op.cost(*[value.shape for value in step.inputs]).mult_adds == 2 * 20 * 3 * 2


def test_numbers_of_constants_are_fields_and_so_known() -> None:
    reader, _ = read(model("Sub", 13, [X, [np.float32(0.1)]]))
    assert reader.draft.steps[0].op.amount == -0.1  # type: ignore[attr-defined]
    reader, _ = read(model("Div", 13, [X, [np.float32(8)]]))
    assert reader.draft.steps[0].op.factor == 0.125  # type: ignore[attr-defined]


def constant(array: np.ndarray[Any, Any]) -> Value:
    _, (value,) = read(model("Identity", 13, [[array]]))
    assert isinstance(value, Value)
    return value


def test_several_real_numbers_of_a_constant_node_are_params_where_the_file_has_no_arrays_besides() -> None:
    assert constant(real(3)).trained
    assert not constant(np.array(3, np.float32)).trained
    assert not constant(whole(1, 2, 3)).trained
    reader, _ = read(model("Sum", 13, [X, [real(4)], real(4)]))
    assert [value.trained for value in reader.draft.steps[0].inputs] == [False, False, True]


@pytest.mark.parametrize("number", [-np.inf, np.nan, np.finfo(np.float32).min])
def test_an_array_with_a_number_that_no_training_gives_is_a_mask(number: float) -> None:
    array = np.where(real(4, 4) > 8, real(4, 4), np.float32(number))
    with np.errstate(over="ignore"):
        narrow = array.astype(np.float16)
    for one in (array, narrow):
        reader, _ = read(model("Add", 13, [X, one]))
        assert [value.trained for value in reader.draft.steps[0].inputs] == [False, False]


@pytest.mark.parametrize(
    ("op_type", "inputs", "attributes"),
    [
        ("Transpose", [real(2, 3)], {"perm": [1, 0]}),
        ("Reshape", [real(2, 3), whole(3, 2)], {}),
        ("Unsqueeze", [real(2, 3), whole(0)], {}),
        ("Flatten", [real(2, 3)], {"axis": 0}),
        ("Cast", [real(2, 3)], {"to": TensorProto.FLOAT16}),
        ("Identity", [real(2, 3)], {}),
    ],
)
def test_an_array_that_is_only_moved_is_still_that_array(
    op_type: str, inputs: list[Input], attributes: dict[str, Any]
) -> None:
    reader, (value,) = read(model(op_type, 13, inputs, **attributes))
    assert value.whole
    assert value.arrays[0].name == "x0"
    assert not reader.draft.steps


def test_a_param_that_is_repeated_is_counted_as_it_is_stored() -> None:
    reader, (value,) = read(model("Expand", 13, [real(1, 1, 8), whole(4, 1, 8)]))
    assert names(reader) == ["parameter", "broadcast_to"]
    assert value.shape == (4, 1, 8)
    assert reader.draft.steps[0].op.weights() == {"weight": (1, 1, 8)}


def test_params_beside_one_another_are_repeated_as_one() -> None:
    nodes = [
        helper.make_node("Concat", ["a", "b"], ["table"], axis=0),
        helper.make_node("Tile", ["table", "times"], ["y"]),
    ]
    arrays = [
        numpy_helper.from_array(array, name)
        for name, array in (("a", real(2, 3)), ("b", real(1, 3)), ("times", whole(4, 1)))
    ]
    graph = helper.make_graph(nodes, "g", [], [onnx.ValueInfoProto(name="y")], arrays)
    reader, (value,) = read(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]))
    assert (names(reader), value.shape) == (["parameter", "tile"], (12, 3))


def test_sequences_are_taken_apart_and_put_together() -> None:
    nodes = [
        helper.make_node("SplitToSequence", ["x"], ["parts"], axis=1),
        helper.make_node("SequenceErase", ["parts", "at"], ["fewer"]),
        helper.make_node("SequenceLength", ["fewer"], ["number"]),
        helper.make_node("ConcatFromSequence", ["fewer"], ["beside"], axis=-1),
        helper.make_node("ConcatFromSequence", ["fewer"], ["stacked"], axis=0, new_axis=1),
    ]
    given = [onnx.ValueInfoProto(name=name) for name in ("number", "beside", "stacked")]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 4])],
        given,
        [numpy_helper.from_array(np.array(-1, np.int64), "at")],
    )
    _, (number, beside, stacked) = read(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]))
    assert (number.scalar(), beside.shape, stacked.shape) == (3, (2, 3), (3, 2, 1))


MIX = ["Flatten", "ReduceMax", "Slice", "Unsqueeze", "Tile", "Slice", "Pad", "Gather", "NonZero"]
"""Forms above that do something to the first axis, in their order."""


def test_all_forms_do_with_a_sample_what_they_do_with_a_batch_but_those_that_work_on_its_axis() -> None:
    mixing = []
    forms = [*OLDER, *((*row[:4], 1) for row in STEPS)]
    for op_type, opset, inputs, attributes, outputs in forms:
        reader, found = read(model(op_type, opset, inputs, outputs, **attributes))
        carrying = {name for name, value in reader.draft.inputs.items() if value.shape[:1] == (2,)}
        one = samples(reader.draft, 2, carrying) if carrying else {}
        if one is None:
            mixing.append(op_type)
        elif carrying:
            assert all(value.constant or one[value.source] == value.shape[1:] for value in found), op_type
    assert mixing == MIX


@pytest.mark.parametrize("asked", [0, 1])
def test_the_largest_cost_their_comparisons_whichever_output_is_read(asked: int) -> None:
    parsed = model_of(model("TopK", 11, [X, whole(2)], 2).SerializeToString(), "f")
    parsed.graph.outputs = [parsed.graph.outputs[asked]]
    assert price(graph_of(parsed, "f", "f")).totals.other_ops == 192


def test_what_is_not_understood_has_the_outputs_that_are_read() -> None:
    parsed = model_of(model("Unknown", 11, [X], 3).SerializeToString(), "f")
    parsed.graph.outputs = [Info("y1", "float32", (2, 7))]
    graph = graph_of(parsed, "f", "f")
    assert [layer.shape for layer in graph.layers] == [(7,)]
    assert list(graph.unpriced) == [graph.layers[0].path]
