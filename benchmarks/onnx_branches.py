"""Branches of ONNX files written out: the one that a condition takes where it depends on no number that is given, else
the one that costs more. Only ONNX's own library and ONNX Runtime are asked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import helper

SIZES = {"Shape", "Size"}
"""What gives the same whatever numbers it reads."""
Inputs = Mapping[str, Sequence[int]]
Count = Callable[[onnx.ModelProto], dict[str, int]]


class UnknownShapeError(Exception):
    """A shape that is needed is not known."""


def count_of_taken(model: onnx.ModelProto, inputs: Inputs, count: Count) -> dict[str, int]:
    """Return the count of a model whose branches are written out. Where a condition is open both are tried, and the
    dearer is taken; one that ONNX Runtime cannot run at these sizes cannot be taken at them.
    """
    place = next((at for at, node in enumerate(model.graph.node) if node.op_type == "If"), None)
    if place is None:
        return count(model)
    node = model.graph.node[place]
    if _depends(model.graph, node.input[0]):
        both = [_written_out(model, place, name) for name in ("then_branch", "else_branch")]
        tried = [one for one in both if _ran(one, node.output[0], inputs) is not None] or both
    else:
        taken = _ran(model, node.input[0], inputs)
        if taken is None:
            raise UnknownShapeError(f"what decides {node.name} does not run at these sizes")
        tried = [_written_out(model, place, "then_branch" if taken.all() else "else_branch")]
    found: list[dict[str, int]] = []
    failed: list[UnknownShapeError] = []
    for one in tried:
        try:
            found.append(count_of_taken(one, inputs, count))
        except UnknownShapeError as error:
            failed.append(error)
    if not found:
        raise failed[0]
    return max(found, key=lambda totals: totals["mult_adds"])


def _depends(graph: onnx.GraphProto, wanted: str) -> bool:
    """Say whether a value depends on the numbers of an input, not on its sizes alone."""
    makers = {name: node for node in graph.node for name in node.output}
    given = {value.name for value in graph.input} - {array.name for array in graph.initializer}
    todo, seen = [wanted], set()
    while todo:
        name = todo.pop()
        if name in given:
            return True
        if name in makers and name not in seen and makers[name].op_type not in SIZES:
            todo += reads(makers[name])
        seen.add(name)
    return False


def _ran(model: onnx.ModelProto, name: str, inputs: Inputs) -> Any:
    """Return what ONNX Runtime gives at a name for zeros; None where it cannot run what that comes of."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    del copy.graph.output[:]
    copy.graph.output.append(onnx.ValueInfoProto(name=name))
    kinds = {value.name: value.type.tensor_type.elem_type for value in model.graph.input}
    given = {name: np.zeros(size, helper.tensor_dtype_to_np_dtype(kinds[name])) for name, size in inputs.items()}
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(copy.SerializeToString(), options, providers=["CPUExecutionProvider"])
        (found,) = session.run(None, given)
    except Exception:
        return None
    return found


def _written_out(model: onnx.ModelProto, place: int, branch: str) -> onnx.ModelProto:
    """Return a model with the nodes of a branch in the place of its If, their names their own."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    node = copy.graph.node[place]
    (body,) = (one.g for one in node.attribute if one.name == branch)
    mark = f"{node.name or place}/{branch}"
    own = {name for inner in body.node for name in inner.output} | {array.name for array in body.initializer}
    names = {name: f"{mark}/{name}" for name in own if name}
    for inner in body.node:
        _rename(inner, names)
    for array in body.initializer:
        array.name = names[array.name]
    ends = [
        helper.make_node("Identity", [names.get(value.name, value.name)], [name], f"{mark}/{name}")
        for value, name in zip(body.output, node.output, strict=True)
        if name
    ]
    nodes = [*copy.graph.node[:place], *body.node, *ends, *copy.graph.node[place + 1 :]]
    copy.graph.initializer.extend(body.initializer)
    del copy.graph.node[:]
    copy.graph.node.extend(nodes)
    return copy


def _rename(node: onnx.NodeProto, names: Mapping[str, str]) -> None:
    """Rename what a node reads and gives, and what graphs within it read."""
    node.input[:] = [names.get(name, name) for name in node.input]
    node.output[:] = [names.get(name, name) for name in node.output]
    for graph in graphs(node):
        for inner in graph.node:
            _rename(inner, names)
        for value in graph.output:
            value.name = names.get(value.name, value.name)


def graphs(node: onnx.NodeProto) -> list[onnx.GraphProto]:
    """Return the graphs within a node."""
    return [graph for one in node.attribute for graph in ([one.g] if one.HasField("g") else [*one.graphs])]


def reads(node: onnx.NodeProto) -> set[str]:
    """Return what a node reads, the graphs within it too."""
    names = set(node.input)
    for graph in graphs(node):
        for inner in graph.node:
            names |= reads(inner)
        names |= {value.name for value in graph.output}
    return names
