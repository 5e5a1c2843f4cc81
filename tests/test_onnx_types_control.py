"""Branches, loops and scans: what is within is counted as often as it runs, and what is not sure is said."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import costmodel as cm
from costmodel.onnx import types  # noqa: F401 - fills the rules
from costmodel.onnx.messages import model_of
from costmodel.onnx.read import graph_of
from costmodel.onnx.reader import Reader

FLOAT = TensorProto.FLOAT


def info(name: str, *shape: int, kind: int = FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


def array(name: str, value: Any) -> onnx.TensorProto:
    return numpy_helper.from_array(np.asarray(value), name)


def weights(name: str, *shape: int) -> onnx.TensorProto:
    return array(name, np.arange(np.prod(shape), dtype=np.float32).reshape(shape))


def read(
    nodes: list[onnx.NodeProto],
    inputs: list[onnx.ValueInfoProto],
    outputs: list[str],
    arrays: list[onnx.TensorProto] | None = None,
    opset: int = 17,
) -> tuple[Reader, list[Any]]:
    """Read a network; return the walk and what it gives."""
    graph = helper.make_graph(nodes, "g", inputs, [onnx.ValueInfoProto(name=one) for one in outputs], arrays or [])
    parsed = model_of(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)]).SerializeToString(), "f")
    reader = Reader("f", opset, {}, {})
    reader.store(parsed.graph.arrays.values())
    for one in parsed.graph.inputs:
        shape = tuple(size for size in one.shape or () if isinstance(size, int))
        reader.values[one.name] = reader.draft.input(one.name, shape, one.dtype or "float32")
    reader.over(parsed.graph.nodes)
    reader.require_read()
    return reader, [reader.values[one.name] for one in parsed.graph.outputs]


def mult_adds(reader: Reader) -> int:
    costs = [step.op.cost(*[value.shape for value in step.inputs]) for step in reader.draft.steps]
    return sum(int(cost.mult_adds) for cost in costs)


def params(reader: Reader) -> int:
    """Return the sizes of the arrays that steps hold or read, each once."""
    held = [value for step in reader.draft.steps for value in [*step.arrays.values(), *step.inputs] if value.trained]
    return sum({value.arrays[0].name: value.size for value in held}.values())


def branch(name: str, *nodes: onnx.NodeProto, arrays: list[onnx.TensorProto] | None = None) -> onnx.GraphProto:
    return helper.make_graph(list(nodes), name, [], [onnx.ValueInfoProto(name=f"{name}_y")], arrays or [])


def matmul(given: str, weight: str, out: str) -> onnx.NodeProto:
    return helper.make_node("MatMul", [given, weight], [out], out)


def choice(condition: str) -> onnx.NodeProto:
    """Return a choice between a product with 8x8 and one with 8x4 that is widened again."""
    small = branch(
        "s", matmul("x", "s_w", "s_m"), matmul("s_m", "s_v", "s_y"), arrays=[weights("s_w", 8, 2), weights("s_v", 2, 8)]
    )
    large = branch("l", matmul("x", "l_w", "l_y"), arrays=[weights("l_w", 8, 8)])
    return helper.make_node("If", [condition], ["y"], "if", then_branch=small, else_branch=large)


@pytest.mark.parametrize(("holds", "wanted"), [(True, 3 * 32), (False, 3 * 64)])
def test_a_branch_that_the_file_decides_is_the_only_one(holds: bool, wanted: int) -> None:
    reader, (value,) = read([choice("c")], [info("x", 3, 8)], ["y"], [array("c", holds)])
    assert (mult_adds(reader), value.shape, reader.draft.notes) == (wanted, (3, 8), [])


def test_of_two_branches_that_the_input_decides_the_dearer_is_counted_and_that_is_said() -> None:
    reader, (value,) = read([choice("c")], [info("x", 3, 8), info("c", kind=TensorProto.BOOL)], ["y"])
    assert (mult_adds(reader), params(reader), value.shape) == (3 * 64, 64, (3, 8))
    (said,) = reader.draft.notes
    assert "counted is its else branch" in said


def test_a_constant_of_a_branch_that_may_not_be_taken_decides_no_shape() -> None:
    one = branch("a", helper.make_node("Constant", [], ["a_y"], value_ints=[2, 12]))
    other = branch("b", helper.make_node("Constant", [], ["b_y"], value_ints=[4, 6]))
    nodes = [
        helper.make_node("If", ["c"], ["shape"], then_branch=one, else_branch=other),
        helper.make_node("Reshape", ["x", "shape"], ["y"]),
    ]
    with pytest.raises(Exception, match="it depends on numbers that are not in the file"):
        read(nodes, [info("x", 3, 8), info("c", kind=TensorProto.BOOL)], ["y"])


def loop(trips: Any, goes_on: Any = True, stops: list[onnx.NodeProto] | None = None) -> tuple[Any, ...]:
    """Return a loop whose body is a product with the same 8x8 in each trip, and puts out what it gives."""
    body = helper.make_graph(
        [matmul("state", "w", "after"), helper.make_node("Identity", ["after"], ["out"])]
        + (stops or [helper.make_node("Identity", ["on"], ["still"])]),
        "body",
        [info("trip", kind=TensorProto.INT64), info("on", kind=TensorProto.BOOL), info("state", 3, 8)],
        [info("still", kind=TensorProto.BOOL), info("after", 3, 8), info("out", 3, 8)],
        [weights("w", 8, 8)],
    )
    arrays = [array("on0", goes_on)] + ([] if trips is None else [array("trips", np.int64(trips))])
    node = helper.make_node("Loop", ["" if trips is None else "trips", "on0", "x"], ["last", "all"], "loop", body=body)
    return node, arrays


EACH = 3 * 64


def test_a_loop_is_written_down_as_often_as_it_runs_and_its_arrays_are_one() -> None:
    node, arrays = loop(5)
    reader, (last, every) = read([node], [info("x", 3, 8)], ["last", "all"], arrays)
    assert (last.shape, every.shape) == ((3, 8), (5, 3, 8))
    assert (mult_adds(reader), params(reader), reader.draft.notes) == (5 * EACH, 64, [])


def test_a_long_loop_is_one_layer_that_takes_as_much_and_holds_the_arrays_of_its_body() -> None:
    node, arrays = loop(1000)
    reader, (last, every) = read([node], [info("x", 3, 8)], ["last", "all"], arrays)
    assert (last.shape, every.shape) == ((3, 8), (1000, 3, 8))
    assert (mult_adds(reader), params(reader)) == (1000 * EACH, 64)
    assert len(reader.draft.steps) == 2
    assert reader.draft.notes == [
        "loop (Loop) runs 1,000 times, and is one layer that takes so many times what it takes once"
    ]


def test_what_a_long_loop_takes_stays_where_only_what_it_put_out_is_read() -> None:
    from costmodel.reading.network import needed

    node, arrays = loop(1000)
    reader, (_, every) = read([node], [info("x", 3, 8)], ["last", "all"], arrays)
    reader.draft.outputs = [every]
    needed(reader.draft)
    assert mult_adds(reader) == 1000 * EACH


def until(number: int) -> list[onnx.NodeProto]:
    """Return nodes of a body that say that it goes on until so many trips were made."""
    return [
        helper.make_node("Constant", [], ["least"], value_int=number - 1),
        helper.make_node("Less", ["trip", "least"], ["still"]),
    ]


@pytest.mark.parametrize("trips", [None, 2**63 - 1, 50])
def test_a_loop_stops_when_its_condition_says_so(trips: int | None) -> None:
    node, arrays = loop(trips, stops=until(7))
    reader, (_, every) = read([node], [info("x", 3, 8)], ["last", "all"], arrays)
    assert (mult_adds(reader), every.shape, reader.draft.notes) == (7 * EACH, (7, 3, 8), [])


def computed() -> list[onnx.NodeProto]:
    """Return nodes of a body that let what was computed say whether it goes on."""
    return [
        helper.make_node("ReduceSum", ["after"], ["sum"], keepdims=0),
        helper.make_node("Cast", ["sum"], ["still"], to=TensorProto.BOOL),
    ]


def test_a_loop_whose_end_is_computed_is_counted_once_and_that_is_said() -> None:
    node, arrays = loop(None, stops=computed())
    reader, _ = read([node], [info("x", 3, 8)], ["last"], arrays)
    assert mult_adds(reader) == EACH
    assert reader.draft.notes == ["loop (Loop) runs until numbers computed from the input say so: it is counted 1 time"]


def test_a_loop_that_may_end_before_its_bound_is_counted_up_to_it() -> None:
    node, arrays = loop(5, stops=computed())
    reader, _ = read([node], [info("x", 3, 8)], ["last"], arrays)
    assert mult_adds(reader) == 5 * EACH
    assert reader.draft.notes == [
        "loop (Loop) runs until numbers computed from the input say so: it is counted 5 times"
    ]


@pytest.mark.parametrize("stops", [None, until(300)])
def test_a_loop_that_goes_on_for_longer_than_it_is_followed_is_of_unknown_cost(stops: Any) -> None:
    """Though its condition is known in each trip; it keeps the arrays of its body."""
    node, arrays = loop(None, stops=stops)
    node.output[1] = ""
    reader, (last,) = read([node], [info("x", 3, 8)], ["last"], arrays)
    said = "it runs more than 64 times, and how often is only known by running it"
    assert [step.partial for step in reader.draft.steps] == [said]
    assert (last.shape, mult_adds(reader), params(reader), reader.draft.notes) == ((3, 8), 0, 64, [])
    node.output[1] = "all"
    with pytest.raises(Exception, match=said):
        read([node], [info("x", 3, 8)], ["last", "all"], arrays)


@pytest.mark.parametrize("kept", [True, False])
def test_arrays_of_one_name_in_two_graphs_are_two(kept: bool) -> None:
    """As such of the file or of a node within; each is one in all of its trips."""
    nodes = []
    for at in ("first", "second"):
        node, arrays = loop(3)
        node.name, node.output[:] = at, [at, ""]
        node.input[2] = "x" if at == "first" else "first"
        if not kept:
            body = node.attribute[0].g
            body.node.insert(0, helper.make_node("Constant", [], ["w"], value=body.initializer.pop()))
        nodes.append(node)
    reader, _ = read(nodes, [info("x", 3, 8)], ["second"], arrays)
    assert (mult_adds(reader), params(reader)) == (6 * EACH, 128)


def test_a_loop_whose_trips_are_fed_is_counted_once_and_that_is_said() -> None:
    node, (goes_on,) = loop(None)
    node.input[0] = "trips"
    reader, _ = read([node], [info("x", 3, 8), info("trips", kind=TensorProto.INT64)], ["last"], [goes_on])
    assert mult_adds(reader) == EACH
    assert reader.draft.notes == [
        "loop (Loop) runs as often as numbers computed from the input say: it is counted 1 time"
    ]


def test_a_loop_that_never_runs_gives_what_it_was_given() -> None:
    node, arrays = loop(5, goes_on=False)
    reader, (last, every) = read([node], [info("x", 3, 8)], ["last", "all"], arrays)
    assert (mult_adds(reader), last.source, every.shape) == (0, "x", (0, 3, 8))


def test_a_long_loop_whose_state_grows_is_not_understood() -> None:
    body = helper.make_graph(
        [helper.make_node("Concat", ["state", "state"], ["after"], axis=0)],
        "body",
        [info("trip", kind=TensorProto.INT64), info("on", kind=TensorProto.BOOL), info("state")],
        [info("on", kind=TensorProto.BOOL), info("after")],
    )
    node = helper.make_node("Loop", ["trips", "", "x"], ["y"], "loop", body=body)
    with pytest.raises(Exception, match="its 100 trips change the shapes of its states"):
        read([node], [info("x", 3, 8)], ["y"], [array("trips", np.int64(100))])


def scan(length: int, **attributes: Any) -> tuple[onnx.NodeProto, onnx.ValueInfoProto]:
    """Return a scan that multiplies each element of (length, 8), or of what axes say, and sums them up."""
    body = helper.make_graph(
        [matmul("element", "w", "out"), helper.make_node("Add", ["sum", "out"], ["more"])],
        "body",
        [info("sum", 8), info("element", 8)],
        [info("more", 8), info("out", 8)],
        [weights("w", 8, 8)],
    )
    node = helper.make_node("Scan", ["start", "x"], ["sum", "all"], "scan", body=body, num_scan_inputs=1, **attributes)
    return node, info("x", *((8, length) if attributes else (length, 8)))


@pytest.mark.parametrize("length", [1, 5, 200])
def test_a_scan_runs_once_for_each_element(length: int) -> None:
    node, x = scan(length)
    reader, (total, every) = read([node], [info("start", 8), x], ["sum", "all"])
    assert (total.shape, every.shape) == ((8,), (length, 8))
    assert (mult_adds(reader), params(reader)) == (length * 64, 64)


@pytest.mark.parametrize("length", [5, 200])
def test_a_scan_takes_and_puts_together_along_the_axes_that_it_names(length: int) -> None:
    node, x = scan(length, scan_input_axes=[1], scan_output_axes=[-1], scan_input_directions=[1])
    reader, (_, every) = read([node], [info("start", 8), x], ["sum", "all"])
    assert every.shape == (8, length)
    first = reader.draft.steps[0].op
    assert length > 64 or first.start == length - 1  # type: ignore[attr-defined]
    assert mult_adds(reader) == length * 64


def priced(node: onnx.NodeProto, arrays: list[onnx.TensorProto]) -> tuple[int, int]:
    """Return the mult-adds and params of a network of one node that reads x (3, 8) and arrays, and gives y (3, 8)."""
    graph = helper.make_graph([node], "g", [info("x", 3, 8)], [info("y", 3, 8)], arrays)
    totals = cm.price(graph_of(model_of(helper.make_model(graph).SerializeToString(), "f"), "f", "net")).totals
    return totals.mult_adds, totals.params


STACKED = {
    "each of 5": (5, 5, "trip", 5 * 64),
    "each of 100": (100, 100, "trip", 100 * 64),
    "100 of 150": (100, 150, "trip", 100 * 64),
    "one of 5": (5, 5, "last", 64),
    "one of 100": (100, 100, "last", 64),
}


@pytest.mark.parametrize("case", STACKED)
def test_a_loop_over_weights_that_lie_stacked_has_all_that_its_trips_read(case: str) -> None:
    """8 x 8 numbers a trip, however many trips there are; the same ones again are no more."""
    trips, stacked, place, wanted = STACKED[case]
    body = helper.make_graph(
        [
            helper.make_node("Gather", ["all", place], ["one"], axis=0),
            matmul("state", "one", "after"),
            helper.make_node("Identity", ["on"], ["more"]),
        ],
        "body",
        [info("trip", kind=TensorProto.INT64), info("on", kind=TensorProto.BOOL), info("state", 3, 8)],
        [info("more", kind=TensorProto.BOOL), info("after", 3, 8)],
    )
    node = helper.make_node("Loop", ["trips", "", "x"], ["y"], "loop", body=body)
    arrays = [array("trips", np.int64(trips)), array("last", np.int64(stacked - 1)), weights("all", stacked, 8, 8)]
    assert priced(node, arrays) == (trips * 192, wanted)


@pytest.mark.parametrize("length", [5, 200])
def test_a_scan_over_weights_has_all_of_them(length: int) -> None:
    body = helper.make_graph(
        [matmul("state", "one", "after")], "body", [info("state", 3, 8), info("one", 8, 8)], [info("after", 3, 8)]
    )
    node = helper.make_node("Scan", ["x", "all"], ["y"], "scan", body=body, num_scan_inputs=1)
    assert priced(node, [weights("all", length, 8, 8)]) == (length * 192, length * 64)


def test_a_map_over_a_sequence_runs_once_for_each_tensor() -> None:
    body = helper.make_graph([matmul("element", "w", "out")], "body", [info("element", 2, 8)], [info("out", 2, 4)])
    nodes = [
        helper.make_node("SplitToSequence", ["x", "sizes"], ["parts"]),
        helper.make_node("SequenceMap", ["parts"], ["mapped"], "map", body=body),
        helper.make_node("ConcatFromSequence", ["mapped"], ["y"], axis=0),
    ]
    arrays = [array("sizes", np.array([1, 2], np.int64)), weights("w", 8, 4)]
    reader, (value,) = read(nodes, [info("x", 3, 8)], ["y"], arrays)
    assert (value.shape, mult_adds(reader), params(reader)) == ((3, 4), 3 * 32, 32)


def test_what_is_not_understood_within_a_branch_is_said_of_the_branch() -> None:
    odd = branch("o", helper.make_node("StringConcat", ["x", "x"], ["o_y"]))
    even = branch("e", matmul("x", "w", "e_y"), arrays=[weights("w", 8, 8)])
    node = helper.make_node("If", ["c"], ["y"], "if", then_branch=odd, else_branch=even)
    with pytest.raises(Exception, match=r"node 'if' \(If\): within it, StringConcat: it computes on text"):
        read([node], [info("x", 3, 8)], ["y"], [array("c", True)])


def unknown(*outputs: str) -> onnx.NodeProto:
    return helper.make_node("Puzzle", ["x"], [*outputs], "puzzle", domain="elsewhere")


def test_what_is_not_priced_is_said_though_only_the_shape_of_its_first_output_is_read() -> None:
    outputs = [info("first", 2, 3), info("second", 6)]
    nodes = [
        unknown("first", "second"),
        helper.make_node("Shape", ["first"], ["sizes"]),
        helper.make_node("Reshape", ["second", "sizes"], ["y"]),
    ]
    graph = helper.make_graph(nodes, "g", [info("x", 1, 4)], [onnx.ValueInfoProto(name="y")], value_info=outputs)
    made = model_of(helper.make_model(graph).SerializeToString(), "f")
    assert list(graph_of(made, "f", "net").unpriced.values()) == [("elsewhere.Puzzle", "no operator stands for it")]


def test_both_outputs_of_what_is_not_priced_are_one_thing() -> None:
    outputs = [info("first", 1, 5), info("second", 1, 5)]
    nodes = [unknown("first", "second"), helper.make_node("Add", ["first", "second"], ["y"])]
    graph = helper.make_graph(nodes, "g", [info("x", 1, 4)], [onnx.ValueInfoProto(name="y")], value_info=outputs)
    assert len(graph_of(model_of(helper.make_model(graph).SerializeToString(), "f"), "f", "net").unpriced) == 1


def test_within_a_loop_an_output_that_nobody_reads_needs_no_shape() -> None:
    relu = helper.make_node("Relu", ["state"], ["after"])
    puzzle = helper.make_node("Puzzle", ["state"], ["known", "unread"], "puzzle", domain="elsewhere")
    add = helper.make_node("Add", ["known", "after"], ["sum"])
    going = helper.make_node("Identity", ["go"], ["on"])
    body = helper.make_graph(
        [relu, puzzle, add, going],
        "body",
        [info("trip", kind=TensorProto.INT64), info("go", kind=TensorProto.BOOL), info("state", 1, 4)],
        [info("on", kind=TensorProto.BOOL), onnx.ValueInfoProto(name="sum")],
        value_info=[info("known", 1, 4)],
    )
    loop = helper.make_node("Loop", ["two", "", "x"], ["y"], "loop", body=body)
    reader, (given,) = read([loop], [info("x", 1, 4)], ["y"], [array("two", np.int64(2))])
    assert given.shape == (1, 4)
    assert [step.partial for step in reader.draft.steps if step.partial] == ["no operator stands for it"] * 2
