"""ONNX's own test models of single nodes, and what the reader makes of them."""

from __future__ import annotations

import warnings
from collections.abc import Collection
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from costmodel.onnx import types  # noqa: F401 - fills the rules
from costmodel.onnx.messages import model_of
from costmodel.onnx.reader import Reader
from costmodel.reading.value import Value

CASES = "onnx.backend.test.case.node"


@dataclass
class Read:
    """What the reader made of a model: its outputs' shapes and dtypes, the walk, and why something is not priced."""

    shapes: list[tuple[int, ...]]
    dtypes: list[str]
    reader: Reader
    partial: list[str]

    @property
    def mult_adds(self) -> int:
        steps = self.reader.draft.steps
        return sum(int(step.op.cost(*[v.shape for v in step.inputs]).mult_adds) for step in steps)

    @property
    def params(self) -> int:
        """The numbers of all arrays that are weights of its layers, and of constants that count as trained."""
        steps = self.reader.draft.steps
        weights = [step.arrays[name] for step in steps for name in step.op.weights(*[v.shape for v in step.inputs])]
        read = [value for step in steps for value in step.inputs if value.constant and value.trained]
        return sum(value.size for value in [*weights, *read])


def cases(modules: Collection[str], op_types: Collection[str]) -> dict[str, Any]:
    """Return the models of one node of these types that modules of ONNX's tests make, by name, and the same written
    out in simpler nodes where ONNX defines the type so.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for module in modules:
            import_module(f"{CASES}.{module}")
    every = import_module(CASES)._NodeTestCases
    named = {case.name: case for case in every}
    own = {
        name
        for name, case in named.items()
        if len(case.model.graph.node) == 1 and case.model.graph.node[0].op_type in op_types
    }
    return {name: case for name, case in named.items() if name in own or name.partition("_expanded")[0] in own}


def stored(case: Any, computed: Collection[int] = (0,)) -> onnx.ModelProto:
    """Return a case's model with all inputs stored in it but those at some places."""
    model = onnx.ModelProto()
    model.CopyFrom(case.model)
    given = list(model.graph.input)
    for place, (info, value) in enumerate(zip(given, case.data_sets[0][0], strict=True)):
        if place not in computed and info.type.HasField("tensor_type"):
            array = value if isinstance(value, onnx.TensorProto) else numpy_helper.from_array(np.asarray(value))
            array.name = info.name
            model.graph.initializer.append(array)
            model.graph.input.remove(info)
    return model


def read(model: onnx.ModelProto) -> Read:
    """Read a model, without what it says of the shapes in it."""
    parsed = model_of(model.SerializeToString(), "model.onnx")
    reader = Reader("model.onnx", max(one.version for one in model.opset_import), {}, {})
    reader.store(parsed.graph.arrays.values())
    for info in parsed.graph.inputs:
        if info.name not in reader.values:
            assert info.shape is not None
            shape = tuple(size for size in info.shape if isinstance(size, int))
            reader.values[info.name] = reader.draft.input(info.name, shape, info.dtype or "float32")
    reader.over(parsed.graph.nodes)
    outputs = [reader.values[one.name] for one in parsed.graph.outputs]
    assert all(isinstance(one, Value) for one in outputs)
    return Read(
        [one.shape for one in outputs],
        [one.dtype for one in outputs],
        reader,
        [step.partial for step in reader.draft.steps if step.partial],
    )


def expected(case: Any) -> list[tuple[int, ...]]:
    """Return the shapes of a case's outputs."""
    outputs = case.data_sets[0][1]
    return [tuple(one.dims) if isinstance(one, onnx.TensorProto) else np.asarray(one).shape for one in outputs]


F, U8, I8, I32, I64 = np.float32, np.uint8, np.int8, np.int32, np.int64


@dataclass
class Case:
    """One node: shapes of what it reads, arrays that are stored, and what it takes."""

    op_type: str
    inputs: list[Any]
    """(shape, dtype) of what is computed, arrays that are stored, None for what is left out."""
    mult_adds: int = 0
    outputs: int = 1
    domain: str = ""
    opset: int = 21
    attributes: dict[str, Any] = field(default_factory=dict)
    params: int | None = None
    by_hand: list[tuple[int, ...]] | None = None
    """The shapes that its documentation gives, where its processor kernels do not have the form."""


def x(*shape: int, dtype: Any = F) -> tuple[tuple[int, ...], Any]:
    """Return an input that is computed."""
    return shape, dtype


def w(*shape: int, dtype: Any = F) -> np.ndarray:
    """Return an array that is stored."""
    if dtype == F:
        return np.random.default_rng(0).standard_normal(shape, np.float32)
    return np.ones(shape, dtype)


def s(number: float = 0.5, dtype: Any = F) -> np.ndarray:
    """Return a single stored number."""
    return np.array(number, dtype)


def model(case: Case) -> tuple[onnx.ModelProto, dict[str, np.ndarray]]:
    """Return a model of one node, and something that it can be run on."""
    names, inputs, arrays, given = [], [], [], {}
    for place, one in enumerate(case.inputs):
        name = f"in{place}" if one is not None else ""
        names.append(name)
        if isinstance(one, tuple):
            shape, dtype = one
            kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
            inputs.append(helper.make_tensor_value_info(name, kind, shape))
            given[name] = (
                np.ones(shape, dtype)
                if dtype != F
                else w(*shape) + (np.eye(shape[-1], dtype=F) * 9 if shape[-2:] == (4, 4) else 0)
            )
        elif one is not None:
            arrays.append(numpy_helper.from_array(one, name))
    outputs = [f"out{place}" for place in range(case.outputs)]
    node = helper.make_node(case.op_type, names, outputs, "it", domain=case.domain, **case.attributes)
    kinds = [helper.make_empty_tensor_value_info(name) for name in outputs]
    opsets = [helper.make_opsetid("", case.opset), helper.make_opsetid("com.microsoft", 1)]
    graph = helper.make_graph([node], "one", inputs, kinds, arrays)
    return helper.make_model(graph, opset_imports=opsets, ir_version=10), given
