"""Mult-adds of an ONNX file counted a second way, for comparison: from the shapes that ONNX's own shape inference
gives, by node type, its branches written out (`onnx_branches.py`). It shares no code with the reader, and needs the
`onnx` package.

    python benchmarks/onnx_counter.py FILE.onnx [INPUT=1x3x224x224 ...]
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
from collections.abc import Mapping, Sequence
from math import prod

import onnx
from onnx import TensorProto, shape_inference
from onnx_branches import UnknownShapeError, count_of_taken, reads

REAL = {TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.DOUBLE}
Shape = tuple[int, ...]


def counted(model: onnx.ModelProto, inputs: Mapping[str, Sequence[int]]) -> dict[str, int]:
    """Return the mult-adds of what depends on the inputs, of what does not, and the real numbers that are stored."""
    return count_of_taken(_sized(model, inputs), inputs, lambda taken: _counted(taken, inputs))


def _counted(model: onnx.ModelProto, inputs: Mapping[str, Sequence[int]]) -> dict[str, int]:
    known = _inferred(model)
    shapes = _shapes(known.graph)
    if _unknown(known.graph):
        shapes |= _run(known, inputs)
    if any(name and name not in shapes for name in _asked(known.graph)):
        shapes |= _shapes((_symbolic(known) or known).graph)
    arrays = {array.name for array in known.graph.initializer}
    given = {value.name for value in known.graph.input} - arrays
    totals = {
        "mult_adds": 0,
        "folded": 0,
        "stored": sum(prod(a.dims) for a in known.graph.initializer if a.data_type in REAL),
    }
    wanted = _wanted(known.graph)
    live = set(given)
    for node in known.graph.node:
        if not wanted.intersection(node.output):
            continue
        depends = bool(live.intersection(reads(node)))
        if depends:
            live.update(node.output)
        totals["mult_adds" if depends else "folded"] += of_node(node, shapes, known)
    return totals


def _sized(model: onnx.ModelProto, inputs: Mapping[str, Sequence[int]]) -> onnx.ModelProto:
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    if copy.functions:
        from onnx.inliner import inline_local_functions

        copy = inline_local_functions(copy)
    for value in copy.graph.input:
        if value.name in inputs:
            dims = value.type.tensor_type.shape.dim
            del dims[:]
            for size in inputs[value.name]:
                dims.add().dim_value = size
    del copy.graph.value_info[:]
    for value in copy.graph.output:
        value.type.tensor_type.ClearField("shape")
    return copy


def _inferred(model: onnx.ModelProto) -> onnx.ModelProto:
    try:
        return shape_inference.infer_shapes(model, data_prop=True)
    except Exception:
        return model


def _symbolic(model: onnx.ModelProto) -> onnx.ModelProto | None:
    try:
        from onnxruntime.tools.symbolic_shape_infer import SymbolicShapeInference

        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):  # it leaves files where it stands
            return SymbolicShapeInference.infer_shapes(model, auto_merge=True, guess_output_rank=True)
    except Exception:
        return None


def _run(model: onnx.ModelProto, inputs: Mapping[str, Sequence[int]]) -> dict[str, Shape]:
    """Return the shapes that ONNX Runtime really gives for zeros; none where it cannot run the file."""
    import numpy as np
    import onnxruntime
    from onnx import helper

    known = _shapes(model.graph)
    wanted = {
        n
        for node in model.graph.node
        if node.op_type in RULES
        for n in (*node.input, *node.output)
        if n and n not in known
    }
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    copy.graph.output.extend(
        onnx.ValueInfoProto(name=name) for name in sorted(wanted - {o.name for o in model.graph.output})
    )
    kinds = {value.name: value.type.tensor_type.elem_type for value in model.graph.input}
    given = {name: np.zeros(shape, helper.tensor_dtype_to_np_dtype(kinds[name])) for name, shape in inputs.items()}
    try:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        session = onnxruntime.InferenceSession(copy.SerializeToString(), options, providers=["CPUExecutionProvider"])
        names = [value.name for value in session.get_outputs()]
        return {name: found.shape for name, found in zip(names, session.run(names, given), strict=True)}
    except Exception:
        return {}


def _unknown(graph: onnx.GraphProto) -> bool:
    shapes = _shapes(graph)
    return any(name not in shapes for name in _asked(graph))


def _asked(graph: onnx.GraphProto) -> list[str]:
    """Return the values whose shapes are needed."""
    return [name for node in graph.node if node.op_type in RULES for name in node.output[:1] if name]


def _shapes(graph: onnx.GraphProto) -> dict[str, Shape]:
    found: dict[str, Shape] = {array.name: tuple(array.dims) for array in graph.initializer}
    for value in (*graph.input, *graph.value_info, *graph.output):
        kind = value.type.tensor_type
        if kind.HasField("shape") and all(dim.HasField("dim_value") for dim in kind.shape.dim):
            found.setdefault(value.name, tuple(dim.dim_value for dim in kind.shape.dim))
    for node in graph.node:
        if node.op_type == "Constant":
            for attribute in node.attribute:
                if attribute.name == "value":
                    found[node.output[0]] = tuple(attribute.t.dims)
    return found


def _wanted(graph: onnx.GraphProto) -> set[str]:
    wanted = {value.name for value in graph.output}
    for node in reversed(graph.node):
        if wanted.intersection(node.output):
            wanted |= reads(node)
    return wanted


def of_node(node: onnx.NodeProto, shapes: dict[str, Shape], model: onnx.ModelProto) -> int:
    """Return the mult-adds of one node."""
    attributes = {one.name: onnx.helper.get_attribute_value(one) for one in node.attribute}
    graphs = [value for value in attributes.values() if isinstance(value, onnx.GraphProto)]
    if graphs:
        inner = [_inside(graph, shapes, model) for graph in graphs]
        return max(inner)
    rule = RULES.get(node.op_type)
    if rule is None:
        return 0

    def shape(name: str) -> Shape:
        if name not in shapes:
            raise UnknownShapeError(f"{node.op_type} {node.name}: the shape of {name!r} is not known")
        return shapes[name]

    return int(rule(node, shape, attributes))


def _inside(graph: onnx.GraphProto, around: dict[str, Shape], model: onnx.ModelProto) -> int:
    shapes = {**around, **_shapes(graph)}
    return sum(of_node(node, shapes, model) for node in graph.node)


def _conv(node, shape, attributes, weight=1):  # type: ignore[no-untyped-def]
    return prod(shape(node.output[0])) * prod(shape(node.input[weight])[1:])


def _qconv(node, shape, attributes):  # type: ignore[no-untyped-def]
    return _conv(node, shape, attributes, weight=3)


def _conv_transpose(node, shape, attributes):  # type: ignore[no-untyped-def]
    return prod(shape(node.input[0])) * prod(shape(node.input[1])[1:])


def _product(node, shape, attributes):  # type: ignore[no-untyped-def]
    return prod(shape(node.output[0])) * shape(node.input[0])[-1]


def _gemm(node, shape, attributes):  # type: ignore[no-untyped-def]
    inner = shape(node.input[0])[0 if attributes.get("transA", 0) else 1]
    return prod(shape(node.output[0])) * inner


def _einsum(node, shape, attributes):  # type: ignore[no-untyped-def]
    equation = attributes["equation"].decode().replace(" ", "")
    left, _, _ = equation.partition("->")
    terms = left.split(",")
    sizes: dict[str, int] = {}
    for term, name in zip(terms, node.input, strict=True):
        given = shape(name)
        names = list(term)
        if "..." in term:
            rest = len(given) - len(term) + 3
            at = term.index("...")
            names = [*term[:at], *(f"...{n}" for n in range(rest)), *term[at + 3 :]]
        for letter, size in zip(names, given, strict=True):
            sizes[letter] = max(sizes.get(letter, 1), size)
    if len(terms) == 1:
        return 0
    if len(terms) > 2:
        raise UnknownShapeError("an einsum of more than two")
    return prod(sizes.values())


def _recurrent(node, shape, attributes):  # type: ignore[no-untyped-def]
    steps, images = shape(node.input[0])[:2]
    return steps * images * (prod(shape(node.input[1])) + prod(shape(node.input[2])))


def _attention(node, shape, attributes):  # type: ignore[no-untyped-def]
    query, keys, values = (shape(name) for name in node.input[:3])
    if len(query) != 4:
        heads, kv_heads = attributes["q_num_heads"], attributes["kv_num_heads"]
        query = (query[0], heads, query[1], query[2] // heads)
        values = (values[0], kv_heads, values[1], values[2] // kv_heads)
        keys = (keys[0], kv_heads, keys[1], keys[2] // kv_heads)
    past = shape(node.input[4])[2] if len(node.input) > 4 and node.input[4] else 0
    return prod(query[:3]) * (keys[2] + past) * (query[3] + values[3])


RULES = {
    "Conv": _conv,
    "ConvInteger": _conv,
    "FusedConv": _conv,
    "QLinearConv": _qconv,
    "ConvTranspose": _conv_transpose,
    "MatMul": _product,
    "MatMulInteger": _product,
    "DynamicQuantizeMatMul": _product,
    "QLinearMatMul": _product,
    "FusedMatMul": _product,
    "MatMulIntegerToFloat": _product,
    "MatMulNBits": _product,
    "Gemm": _gemm,
    "QGemm": _gemm,
    "FusedGemm": _gemm,
    "Einsum": _einsum,
    "LSTM": _recurrent,
    "DynamicQuantizeLSTM": _recurrent,
    "GRU": _recurrent,
    "RNN": _recurrent,
    "Attention": _attention,
}


def main(words: Sequence[str]) -> None:
    """Print the count of a file."""
    file, *sizes = words
    inputs = {name: [int(size) for size in shape.split("x")] for name, shape in (word.split("=") for word in sizes)}
    for name, number in counted(onnx.load(file, load_external_data=False), inputs).items():
        print(f"{name} {number:,}")


if __name__ == "__main__":
    main(sys.argv[1:])
