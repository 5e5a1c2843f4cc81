"""The second count of ONNX files (`benchmarks/onnx_counter.py`), which the reader is held against: its branches."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import costmodel as cm

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "benchmarks"))

from onnx_counter import counted  # noqa: E402

CHEAP, DEAR = 24, 64
"""Mult-adds of the branches: 2x4 numbers by matrices of 4x3, and of 4x8."""


def info(name: str, *shape: int, kind: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


def array(name: str, value: Any) -> onnx.TensorProto:
    return numpy_helper.from_array(np.asarray(value), name)


def product(width: int, within: bool = False) -> onnx.GraphProto:
    """A branch that multiplies, and gives the first column; `within` another choice, which is always taken."""
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["all"], "product"),
        helper.make_node("Slice", ["all", "start", "end"], ["first"], "slice"),
    ]
    if within:
        inner = helper.make_graph(nodes, "inner", [], [onnx.ValueInfoProto(name="first")])
        other = helper.make_graph(
            [helper.make_node("Identity", ["x"], ["same"])], "other", [], [onnx.ValueInfoProto(name="same")]
        )
        nodes = [helper.make_node("If", ["yes"], ["inside"], "again", then_branch=inner, else_branch=other)]
    arrays = [array("w", np.ones((4, width), np.float32)), array("start", [0, 0]), array("end", [2, 1])]
    return helper.make_graph(
        nodes, f"by{width}", [], [onnx.ValueInfoProto(name="inside" if within else "first")], arrays
    )


CONDITIONS: dict[str, tuple[list[onnx.NodeProto], int]] = {
    "stored, true": ([helper.make_node("Identity", ["yes"], ["which"])], DEAR),
    "stored, false": ([helper.make_node("Not", ["yes"], ["which"])], CHEAP),
    "of sizes": (
        [helper.make_node("Size", ["x"], ["size"]), helper.make_node("Less", ["size", "seven"], ["which"])],
        CHEAP,
    ),
    "given": ([helper.make_node("Identity", ["asked"], ["which"])], DEAR),
}
"""What decides, and what the whole takes then."""


@pytest.mark.parametrize("within", [False, True])
@pytest.mark.parametrize("case", CONDITIONS)
def test_the_branch_that_is_taken_counts_or_the_dearer(case: str, within: bool, tmp_path: Path) -> None:
    """Both branches give names that the other gives too, and so does the second choice, which is like the first."""
    nodes, wanted = CONDITIONS[case]
    choices = [
        helper.make_node("If", ["which"], [name], name, then_branch=product(8, within), else_branch=product(3, within))
        for name in ("a", "b")
    ]
    graph = helper.make_graph(
        [*nodes, *choices, helper.make_node("Add", ["a", "b"], ["y"], "sum")],
        "choices",
        [info("x", 2, 4), info("asked", kind=TensorProto.BOOL)],
        [onnx.ValueInfoProto(name="y")],
        [array("yes", True), array("seven", 7)],
    )
    graph.output[0].CopyFrom(info("y", 2, 1))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, tmp_path / "choices.onnx")
    assert counted(model, {"x": (2, 4), "asked": ()})["mult_adds"] == 2 * wanted
    assert cm.price(cm.load(str(tmp_path / "choices.onnx"))).totals.mult_adds == 2 * wanted
