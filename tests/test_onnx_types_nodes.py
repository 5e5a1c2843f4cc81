"""Every node that ONNX's own tests hold, read at the shapes that they say, against the outputs that they say.

Shapes of ONNX's tests are their authors' own, and so are the outputs: nothing of the reader is asked about itself.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from costmodel.onnx import types
from costmodel.onnx.inline import inlined
from costmodel.onnx.messages import model_of
from costmodel.onnx.reader import RULES, Given, Reader

OURS = (
    "arithmetic constants control elementwise indexing loops losses parts reductions sequences shapes signal text"
).split()
"""The modules of rules whose types are asked here; the others have tests of their own."""
DECIDES = {
    "AffineGrid": (1,),
    "CenterCropPad": (1,),
    "ConstantOfShape": (0,),
    "CumProd": (1,),
    "CumSum": (1,),
    "DFT": (1, 2),
    "Dropout": (1, 2),
    "Expand": (1,),
    "Loop": (0, 1),
    "MelWeightMatrix": (0, 1, 2, 3, 4),
    "NonMaxSuppression": (2,),
    "OneHot": (1,),
    "Pad": (1, 3),
    "Range": (0, 1, 2),
    "Reshape": (1,),
    "STFT": (1, 3),
    "SequenceAt": (1,),
    "SequenceErase": (1,),
    "SequenceInsert": (2,),
    "Slice": (1, 2, 3, 4),
    "Split": (1,),
    "SplitToSequence": (1,),
    "Squeeze": (1,),
    "Tile": (1, 2),
    "TopK": (1,),
    "Unsqueeze": (1,),
    "BlackmanWindow": (0,),
    "HammingWindow": (0,),
    "HannWindow": (0,),
}
"""Inputs that decide shapes, by their places: in a file they are constants, in ONNX's tests they are fed."""
AT_MOST = {"Compress", "NonMaxSuppression", "NonZero", "Unique"}
"""Types whose sizes depend on the numbers: what is read is at least as large as what comes out, and that is said."""
UNREAD = {
    "ImageDecoder": "it reads the bytes of a packed picture",
    "RegexFullMatch": "it computes on text",
    "StringConcat": "it computes on text",
    "StringNormalizer": "it computes on text",
    "StringSplit": "it computes on text",
    "TfIdfVectorizer": "it looks runs of words up in a list",
    "test_scan_sum": "a Scan of opset 8 is over a batch of sequences",
}
"""Types and tests that are not understood, and the beginning of what is said of them."""
EITHER = {
    "test_if_opt": "which branch runs is fed, and the other gives no tensor at all",
    "test_loop16_seq_none": "how often it runs decides how long its sequence is, from one that may be missing",
}
"""Tests whose output's form depends on numbers that are fed, with the reason."""

ELSEWHERE = {"ConcatFromSequence", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "SequenceErase"}
"""Types that no test of ONNX's has; they are in `test_onnx_types_forms.py`."""


def ours(kind: tuple[str, str]) -> bool:
    """Say whether nodes of a type are asked here."""
    return kind in RULES and kind[0] == "" and RULES[kind].__module__.split(".")[-1] in OURS


def rewritten(case: Any, decides: set[str]) -> onnx.ModelProto:
    """Return a test's model in which the inputs of those names are constants."""
    model = onnx.ModelProto()
    model.CopyFrom(case.model)
    for info, value in zip(case.model.graph.input, case.data_sets[0][0], strict=True):
        if info.name in decides:
            array = numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else np.asarray(value)
            model.graph.initializer.append(numpy_helper.from_array(array, info.name))
    return model


def kinds(graph: onnx.GraphProto) -> Iterator[tuple[str, str]]:
    """Yield the types of all nodes of a graph, those within nodes too."""
    for node in graph.node:
        yield node.domain, node.op_type
        for attribute in node.attribute:
            yield from kinds(attribute.g)


def shape_of(value: Any) -> Any:
    """Return the shape of what a test holds, a list of them for a sequence, None for what is missing."""
    if isinstance(value, list):
        return [shape_of(one) for one in value]
    if value is None:
        return None
    return tuple(value.dims) if isinstance(value, onnx.TensorProto) else np.asarray(value).shape


def enter(reader: Reader, name: str, shape: Any, dtype: str) -> Given:
    """Return an input of that shape, or a sequence of such."""
    if isinstance(shape, list):
        return [reader.draft.input(f"{name}.{at}", one, dtype) for at, one in enumerate(shape)]
    return reader.draft.input(name, shape, dtype)


def read(case: Any, model: onnx.ModelProto) -> Reader:
    """Read a model at the shapes of a test, without what it says of the shapes in it."""
    parsed = inlined(model_of(model.SerializeToString(), "f"), "f")
    reader = Reader("f", parsed.opsets.get("", 0), {}, {})
    reader.store(parsed.graph.arrays.values())
    fed = {info.name: value for info, value in zip(case.model.graph.input, case.data_sets[0][0], strict=True)}
    for info in parsed.graph.inputs:
        if info.name not in reader.values:
            shape = shape_of(fed[info.name])
            missing = shape is None
            reader.values[info.name] = (
                types.sequences.Missing() if missing else enter(reader, info.name, shape, info.dtype or "float32")
            )
    reader.over(parsed.graph.nodes)
    return reader


def given(value: Given | None) -> Any:
    """Return the shape of what was read, as `shape_of` has it."""
    if isinstance(value, types.sequences.Missing):
        return None
    return [one.shape for one in value] if isinstance(value, list) else value and value.shape


def holds(found: Any, wanted: Any) -> bool:
    """Say whether a shape is at least as large as another."""
    return len(found) == len(wanted) and all(a >= b for a, b in zip(found, wanted, strict=True))


@pytest.fixture(scope="module")
def cases() -> list[Any]:
    """All of ONNX's tests of nodes; making them computes all their outputs."""
    from onnx.backend.test.case.node import collect_testcases

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return list(collect_testcases(None))


def test_every_node_of_onnx_s_own_tests_is_read_whole_and_gives_what_they_say(cases: list[Any]) -> None:
    decides: dict[str, set[str]] = {}
    wrong: dict[str, str] = {}
    seen: set[str] = set()
    for case in cases:
        model = case.model
        used = {*kinds(model.graph), *((n.domain, n.op_type) for f in model.functions for n in f.node)}
        if not all(map(ours, used)):
            continue
        node = model.graph.node[0]
        base = case.name.split("_expanded")[0]
        if case.name == base:
            places = DECIDES.get(node.op_type, (1,) if node.op_type.startswith("Reduce") else ())
            decides[base] = {node.input[at] for at in places if at < len(node.input)} - {""}
        wanted = [shape_of(value) for value in case.data_sets[0][1]]
        reader = read(case, rewritten(case, decides.get(base, set())))
        why = [step.partial for step in reader.draft.steps if step.partial] + [why for _, why in reader.unread]
        seen |= {op_type for _, op_type in used}
        if case.name in EITHER:
            continue
        unread = UNREAD.get(case.name) or UNREAD.get(node.op_type)
        if unread is not None:
            if not why or not all(one.startswith(unread) for one in why):
                wrong[case.name] = f"is not said to be unread: {why}"
            continue
        found = [given(reader.values.get(info.name)) for info in model.graph.output]
        if why:
            wrong[case.name] = why[0]
        elif found != wanted:
            largest = node.op_type in AT_MOST and any("the most" in one for one in reader.draft.notes)
            if not (largest and all(map(holds, found, wanted))):
                wrong[case.name] = f"{found}, not {wanted}"
    assert wrong == {}
    rules = {
        op_type for (domain, op_type), one in RULES.items() if one.__module__.split(".")[-1] in OURS and not domain
    }
    assert rules - seen == ELSEWHERE
