"""The laws that every operator obeys, tried on every operator of the registry."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import sympy
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from ops.numbers import (
    Counted,
    Recording,
    counted,
    is_picture,
    layer_of,
    repeated,
    turned,
    turned_shape,
    weights_of,
)
from ops.strategies import CASES, Case

from costmodel.errors import ShapeError
from costmodel.numbers.arithmetic import Shape
from costmodel.ops import OPERATORS, Cost
from costmodel.ops.arithmetic import NODES, Compare
from costmodel.ops.arrays import counting
from costmodel.ops.base import Operator
from costmodel.ops.pool import MaxPool
from costmodel.tensor import Tensor

UNTRIED = {"opaque": "it stands for an operation of which only the output's shape and perhaps the cost are known"}
"""Operators that cannot be run, so that no law can be tried on them, each with the reason."""
EVERY_OPERATOR = pytest.mark.parametrize("name", sorted(CASES))
few = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
fewer = settings(few, max_examples=12)


def test_every_operator_is_tried() -> None:
    assert CASES.keys() | UNTRIED.keys() == OPERATORS.keys()
    assert not CASES.keys() & UNTRIED.keys()


@EVERY_OPERATOR
@few
@given(data=st.data())
def test_run_gives_the_shape_and_reads_the_arrays_that_are_declared(name: str, data: st.DataObject) -> None:
    case = data.draw(CASES[name])
    weights = Recording(weights_of(case))
    out = case.op.run(weights, *case.arrays(batch=2))
    assert out.shape == (case.batch(2), *case.op.shape(*case.shapes))
    assert out.dtype == (case.op.dtype(*case.dtypes) or "float32")
    declared = case.op.weights(*case.shapes) | case.op.buffers(*case.shapes)
    assert weights.read == declared
    cost = case.op.price(*case.shapes)
    assert cost.params + cost.buffers == sum(array.size for array in weights.arrays.values())


WITH_MULT_ADDS = ["attention", "conv", "conv_transpose", "einsum", "gru", "linear", "lstm", "matmul", "rnn"]
"""Operators that have mult-adds. Each is tried with numbers that count themselves, too."""


@EVERY_OPERATOR
@few
@given(data=st.data())
def test_multiplications_performed_are_the_mult_adds_of_every_image(name: str, data: st.DataObject) -> None:
    case = data.draw(CASES[name])
    assert (case.op.cost(*case.shapes).mult_adds > 0) == (name in WITH_MULT_ADDS)
    weights = weights_of(case)
    for batch in (1, 3):
        with counting() as counter:
            case.op.run(weights, *case.arrays(batch))
        assert counter.multiplications == batch * case.op.cost(*case.shapes).mult_adds


def elements_moved(case: Case, place: int) -> np.ndarray[Any, Any]:
    """Change one element of the input; return the places of the output's elements that change with it."""
    (images,) = case.arrays(batch=1)
    changed = images.copy()
    changed.flat[place] += 50  # far enough to pass whatever a rectifier cuts off
    now, then = (case.op.run(weights_of(case), x) for x in (images, changed))
    return np.flatnonzero(now != then)


@pytest.mark.parametrize("name", sorted(name for name, op in OPERATORS.items() if op.fuses == "tail"))
@few
@given(data=st.data())
def test_what_joins_a_kernel_needs_one_element_for_each_of_its_own(name: str, data: st.DataObject) -> None:
    case = data.draw(CASES[name])
    assert case.op.shape(*case.shapes) == case.shapes[0]
    place = data.draw(st.integers(0, case.arrays(batch=1)[0].size - 1))
    assert set(elements_moved(case, place)) <= {place}


@pytest.mark.parametrize(
    "name", ["cumsum", "grn", "group_norm", "instance_norm", "l2_norm", "layer_norm", "lrn", "rms_norm", "softmax"]
)
def test_a_norm_over_neighbours_joins_no_kernel(name: str) -> None:
    fields = {} if name == "lrn" else {"axis": 0, "groups": 2} if name == "group_norm" else {"axis": 0}
    case = Case(OPERATORS[name](**fields), ((6, 4, 3),))
    assert len(elements_moved(case, place=0)) > 1
    assert not case.op.fuses


GATED = {"gru", "lstm"}
"""Whose other operations multiply too, so that their multiplications are more than the mult-adds."""


@pytest.mark.parametrize("name", [name for name in WITH_MULT_ADDS if name not in GATED])
@fewer
@given(data=st.data())
def test_numbers_that_count_themselves_agree(name: str, data: st.DataObject) -> None:
    case = data.draw(CASES[name])
    weights = {key: counted(array) for key, array in weights_of(case).items()}
    inputs = [counted(array) for array in case.arrays(batch=1)]
    Counted.multiplications = 0
    case.op.run(weights, *inputs)
    assert Counted.multiplications == case.op.cost(*case.shapes).mult_adds


@pytest.mark.parametrize(
    "name", ["add", "divide", "layer_scale", "leaky_relu", "multiply", "position_embedding", "relu", "scale", "shift"]
)
@fewer
@given(data=st.data())
def test_other_ops_are_the_operations_performed_where_nothing_is_left_to_convention(
    name: str, data: st.DataObject
) -> None:
    case = data.draw(CASES[name])
    weights = {key: counted(array) for key, array in weights_of(case).items()}
    inputs = [counted(array) for array in case.arrays(batch=1)]
    Counted.operations = 0
    case.op.run(weights, *inputs)
    assert Counted.operations == case.op.cost(*case.shapes).other_ops


@EVERY_OPERATOR
@few
@given(data=st.data())
def test_turning_the_picture_costs_the_same(name: str, data: st.DataObject) -> None:
    case = data.draw(CASES[name])
    if case.op.window(*case.shapes) is None or not is_picture(case):
        return  # no picture
    other = turned(case)
    assert other.op.price(*other.shapes) == case.op.price(*case.shapes)
    assert other.op.shape(*other.shapes) == turned_shape(case.op.shape(*case.shapes))
    window = case.op.window(*case.shapes)
    assert other.op.window(*other.shapes) == (window and window[::-1])


WHOLE = {
    "arange",
    "channel_shuffle",
    "constant",
    "gather",
    "gather_nd",
    "global_avg_pool",
    "global_max_pool",
    "grn",
    "lrn",
    "pad_channels",
    "parameter",
    "scatter_nd",
    "tokens",
    "upsample",
}
"""Operators that take every axis of one image, so that nothing but the batch can stand before them; and those whose
indices are of any shape.
"""


@pytest.mark.parametrize("name", sorted(CASES.keys() - WHOLE))
@few
@given(data=st.data())
def test_whatever_stands_before_its_axes_repeats(name: str, data: st.DataObject) -> None:
    case, times = data.draw(CASES[name]), data.draw(st.integers(1, 3))
    assume(len({len(shape) for shape in case.shapes}) == 1)
    other = repeated(case, times)
    assert other.op.shape(*other.shapes) == (times, *case.op.shape(*case.shapes))
    assert other.op.weights(*other.shapes) == case.op.weights(*case.shapes)
    assert other.op.buffers(*other.shapes) == case.op.buffers(*case.shapes)
    once, all_of_it = case.op.price(*case.shapes), other.op.price(*other.shapes)
    assert (all_of_it.params, all_of_it.buffers) == (once.params, once.buffers)
    assert (all_of_it.mult_adds, all_of_it.other_ops) == (times * once.mult_adds, times * once.other_ops)
    assert (all_of_it.bias_ops, all_of_it.matrix_params) == (times * once.bias_ops, once.matrix_params)
    inputs, weights = case.arrays(batch=2 * times), weights_of(case)
    apart = [x.reshape(2, times, *x.shape[1:]) for x in inputs]
    out = case.op.run(weights, *inputs)
    assert_close(other.op.run(weights, *apart), out.reshape(2, times, *out.shape[1:]))


# How a case grows: channels and features by factors, so that groups still divide them; heights, widths and tokens by
# steps. What is 1 stays 1, because a merge spreads it.
FACTORS, STEPS = (1, 2, 5, 2), (0, 1, 7, 0)


def named(case: Case) -> list[list[str]]:
    """The names of the axes of each input: equal ones grow alike, and equal sizes of them are one symbol."""
    wide = [0 if len(shape) == 3 else len(shape) - 1 for shape in case.shapes]
    own = [[f"{'S' if axis == wide[n] else 's'}{axis}" for axis, _ in enumerate(x)] for n, x in enumerate(case.shapes)]
    return [axes.split() for axes in case.axes] or own


def grown(case: Case) -> list[tuple[Shape, ...]]:
    """Four versions of a case's shapes, the first of them its own, the last twice as large all over."""

    def one(size: int, axis: str, factor: int, step: int) -> int:
        if size == 1 or axis.startswith("@"):
            return size
        return size * factor if axis.isupper() or not step else size + step

    return [
        tuple(
            tuple(one(size, axis, factor, step) for size, axis in zip(shape, axes, strict=True))
            for shape, axes in zip(case.shapes, named(case), strict=True)
        )
        for factor, step in zip(FACTORS, STEPS, strict=True)
    ]


def takes(op: Operator, shapes: tuple[Shape, ...]) -> bool:
    """Say whether an operator takes such inputs; some ask for a size that is a multiple, or the one they name."""
    try:
        return all(size >= 1 for size in op.shape(*shapes))
    except ShapeError:
        return False


def as_array(value: Any, number: int) -> Any:
    """The number, or the numbers of a pair, as an array of so many of it."""
    if isinstance(value, tuple):
        return tuple(as_array(one, number) for one in value)
    return value if isinstance(value, (str, bool)) or value is None else np.full(number, value, dtype=np.int64)


def with_array_fields(case: Case, number: int) -> Any:
    whole = {
        field.name: as_array(getattr(case.op, field.name), number)
        for field in dataclasses.fields(case.op)
        if str(field.type).removesuffix(" | None") in ("Size", "Sizes", "Count", "Window", "CountWindow", "Padding")
    }
    return dataclasses.replace(case.op, **whole)


def picked(value: Any, place: int) -> int:
    return int(value[place]) if isinstance(value, np.ndarray) else int(value)


def numbers(cost: Cost) -> tuple[Any, ...]:
    return (cost.params, cost.buffers, cost.mult_adds, cost.other_ops)


@EVERY_OPERATOR
@few
@given(data=st.data())
def test_arrays_give_what_numbers_give(name: str, data: st.DataObject) -> None:
    case = data.draw(CASES[name])
    versions = [shapes for shapes in grown(case) if takes(case.op, shapes)]
    stacked = tuple(
        tuple(np.array(sizes, dtype=np.int64) for sizes in zip(*shapes, strict=True))
        for shapes in zip(*versions, strict=True)
    )
    op = with_array_fields(case, len(versions))
    shape, cost = op.shape(*stacked), op.price(*stacked)
    for place, shapes in enumerate(versions):
        assert tuple(picked(size, place) for size in shape) == case.op.shape(*shapes)
        assert tuple(picked(n, place) for n in numbers(cost)) == numbers(case.op.price(*shapes))
    kinds = {case.op.kind(*shapes) for shapes in versions}
    assert len(kinds) > 1 or op.kind(*stacked) in kinds


@EVERY_OPERATOR
@fewer
@given(data=st.data())
def test_symbols_give_what_numbers_give(name: str, data: st.DataObject) -> None:
    case = data.draw(CASES[name])
    values: dict[sympy.Symbol, int] = {}

    def symbol(key: str, value: int) -> sympy.Symbol:
        values[sympy.Symbol(key, positive=True, integer=True)] = value
        return sympy.Symbol(key, positive=True, integer=True)

    def number(formula: Any) -> int:
        return int(sympy.sympify(formula).subs(values))

    # Equal sizes on axes of one name are one symbol, as in a network; what is 1 stays 1.
    shapes = tuple(
        tuple(
            size if size == 1 else symbol(axis[1:] if axis.startswith("@") else f"{axis}_{size}", size)
            for size, axis in zip(shape, axes, strict=True)
        )
        for shape, axes in zip(case.shapes, named(case), strict=True)
    )
    sized = {
        field.name: symbol(field.name, getattr(case.op, field.name))
        for field in dataclasses.fields(case.op)
        if field.type == "Size"
    }
    op = dataclasses.replace(case.op, **sized)
    assert tuple(map(number, op.shape(*shapes))) == case.op.shape(*case.shapes)
    assert tuple(map(number, numbers(op.price(*shapes)))) == numbers(case.op.price(*case.shapes))


@EVERY_OPERATOR
@few
@given(data=st.data())
def test_onnx_agrees(name: str, data: st.DataObject) -> None:
    assert_onnx_agrees(data.draw(CASES[name]), data.draw(st.integers(1, 3)))


@pytest.mark.parametrize("how", sorted(NODES))
def test_onnx_compares_alike(how: str) -> None:
    """Whole numbers from -3 to 3, among which equal, lesser and greater ones meet."""
    assert_onnx_agrees(Case(Compare(how=how), ((8, 9), (8, 9)), ("int64", "int64")), batch=1)


def assert_onnx_agrees(case: Case, batch: int) -> None:
    import onnx
    import onnxruntime
    from onnx.shape_inference import infer_shapes

    from costmodel.onnx.export import model

    layer = layer_of(case)
    source = {name: Tensor(*known) for name, *known in zip(layer.inputs, case.shapes, case.dtypes, strict=True)}
    exported = model("law", [layer], source, [layer.path], batch, Fixed(case))
    onnx.checker.check_model(exported, full_check=True)

    output = exported.graph.output[0]
    output.type.tensor_type.ClearField("shape")  # so that ONNX has to find it
    inferred = infer_shapes(exported, strict_mode=True, data_prop=True).graph.output[0].type.tensor_type.shape
    assert tuple(dim.dim_value for dim in inferred.dim) == (case.batch(batch), *layer.shape)

    inputs = case.arrays(batch)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # starting and stopping more would take longer than the layer
    session = onnxruntime.InferenceSession(exported.SerializeToString(), options, providers=["CPUExecutionProvider"])
    (theirs,) = session.run(None, dict(zip(layer.inputs, inputs, strict=True)))
    ours = case.op.run(weights_of(case), *inputs)
    if not empty_windows(case, inputs):  # whose maximum and place nobody defines
        assert_close(ours, theirs)


def empty_windows(case: Case, inputs: list[Any]) -> bool:
    """Say whether a dilated max_pool has a window whose every tap falls on padding."""
    return isinstance(case.op, MaxPool) and bool(np.isneginf(MaxPool.run(case.op, {}, *inputs)).any())


class Fixed:
    """The weights that the other laws run a case with."""

    def __init__(self, case: Case) -> None:
        self.case = case

    def of(self, layer: Any) -> dict[str, Any]:
        return weights_of(self.case)


def assert_close(ours: Any, theirs: Any) -> None:
    """Float32 results of a few hundred terms agree to 1e-5 of the largest; integers and truth values agree exactly."""
    assert ours.dtype == theirs.dtype
    assert ours.shape == theirs.shape
    if ours.dtype.kind in "ib":
        np.testing.assert_array_equal(ours, theirs)
    else:
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5 * max(1.0, float(np.abs(ours).max())))
