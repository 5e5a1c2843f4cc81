"""Read a network from an ONNX file: only shapes count, so its weights are not kept."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from costmodel.documents.safe_text import one_line
from costmodel.errors import CostModelError, quote
from costmodel.graph import INPUT, LayerGraph
from costmodel.numbers.arithmetic import Shape, show_shape
from costmodel.onnx import rules  # noqa: F401 - fills the rules
from costmodel.onnx.constants import Known, dtype_name, stored
from costmodel.onnx.file import read_model
from costmodel.onnx.functions import MOST_NODES, expanded
from costmodel.onnx.layout import View, in_order, output, plain_axes
from costmodel.onnx.node import STANDARD, Node, UnreadError, needed, nodes_of, readers
from costmodel.onnx.rewrite import rewritten
from costmodel.onnx.walk import Value, Walk

if TYPE_CHECKING:
    import onnx

CONTROL_FLOW = ("If", "Loop", "Scan", "SequenceMap")
MOST_EDGES = 5 * MOST_NODES
"""Inputs, outputs and numbers in attributes that the nodes of a graph may have in all."""
LONGEST_NAME = 500
"""Characters of a name."""
CHANNELS_LAST = [0, 3, 1, 2]
"""The order in which a Transpose takes (batch, height, width, channels) to make (batch, channels, height, width)."""


def read_onnx(path: str | os.PathLike[str]) -> LayerGraph:
    """Return the network in an ONNX file, a layer for each node or group of nodes that is an operator.

    Layers are called as the file's nodes are. A batch that is left open counts as one image. What a file cannot say is
    gone: the title and source of a spec, its parameters, and which layers were a block.

    Raises:
        CostModelError: if ONNX is not installed, the file is none, its sizes are open, it has several inputs, or a node
            has no operator, with the name of the node.
    """
    place = Path(path)
    return graph_of(read_model(place), str(path), place.stem)


def graph_of(model: onnx.ModelProto, file: str, name: str) -> LayerGraph:
    """Return the network in a model; `file` is what complaints call it, `name` what the network is called.

    Raises:
        CostModelError: as `read_onnx`.
    """
    for text in _texts(model):
        if not isinstance(text, str):
            raise CostModelError(f"{file}: a name in it is not UTF-8; the file is damaged")
        if len(text) > LONGEST_NAME:
            raise CostModelError(
                f"{file}: the name {quote(text)} has {len(text):,} characters, and at most {LONGEST_NAME:,} are read"
            )
    model = expanded(model, file)
    _require_bounded(model.graph, file)
    opset = _opset(model, file)
    arrays = {tensor.name: _stored(tensor, file) for tensor in model.graph.initializer}
    outputs = [value.name for value in model.graph.output]
    nodes = needed(nodes_of(model.graph), outputs)
    if not nodes:
        raise CostModelError(f"{file}: its graph computes nothing")
    for node in nodes:
        if node.op_type in CONTROL_FLOW:
            hint = "export the network without control flow"
            raise node.complaint(file, "which nodes run is only decided while it runs", hint)
    source = _input(model.graph, set(arrays), nodes, file)
    nodes = needed(rewritten(nodes, arrays, outputs), outputs)

    sizes = _sizes(source, file)
    image, batch = sizes[1:], sizes[0]
    is_last = len(image) == 3 and _read_channels_last(nodes, source.name)
    shape = (image[2], image[0], image[1]) if is_last else image
    writer = f", written by {model.producer_name}" if model.producer_name else ""
    own = dtype_name(source.type.tensor_type.elem_type)
    origin = f"an ONNX file of opset {opset}{writer}"
    graph = LayerGraph(name, shape, title=Path(file).name, source=origin, file=str(file), dtype=own)
    view = output(INPUT, shape, batch)
    values: dict[str, Value] = {**arrays, source.name: view.transposed([0, 2, 3, 1]) if is_last else view}
    walk = Walk(file, opset, graph, values, outputs, batch)
    walk.over(nodes)
    for value in model.graph.output:
        _mark(walk, value, file)
    graph.notes += [*_notes(source, own, walk.stored, batch), *walk.notes()]
    return graph


def _notes(source: onnx.ValueInfoProto, own: str, stored: Counter[str], batch: int) -> Iterator[str]:
    """Yield what a reader of the costs has to know of the file: its types, and a batch that it fixes."""
    others = {kind: number for kind, number in stored.items() if kind != own}
    if others:
        held = ", ".join(f"{number:,} of {kind}" for kind, number in stored.items())
        yield f"the input is {own}, but the weights are stored as {held}; all are priced at one dtype, {own} by default"
    elif own != "float32":
        yield f"its numbers are {own}, and are priced so unless another dtype is asked for"
    if batch > 1:
        sizes = "x".join(str(dim.dim_value) for dim in source.type.tensor_type.shape.dim)
        yield (
            f"the input of the file is {sizes}: its first axis is taken for a batch of {batch:,}, and costs are for "
            f"the batch asked for, 1 by default; --batch {batch} is the file as it stands"
        )


def _texts(model: onnx.ModelProto) -> Iterator[object]:
    """Yield every text of a model that the walk looks at; one that is not UTF-8 comes as bytes."""
    graph = model.graph
    yield model.producer_name
    yield from (text for function in model.functions for text in (function.domain, function.name, function.overload))
    yield from (entry.domain for entry in model.opset_import)
    yield from (one.name for one in (*graph.initializer, *graph.input, *graph.output))
    yield from (dim.dim_param for value in graph.input for dim in value.type.tensor_type.shape.dim)
    for node in chain(graph.node, *(function.node for function in model.functions)):
        yield from (node.op_type, node.name, node.domain, *node.input, *node.output)
        yield from (attribute.name for attribute in node.attribute)


def _require_bounded(graph: onnx.GraphProto, file: str) -> None:
    """Refuse a graph that would take too long, before anything is made of it."""
    numbers = sum(
        len(node.input) + len(node.output) + sum(len(one.ints) + len(one.floats) + 1 for one in node.attribute)
        for node in graph.node
    )
    if len(graph.node) > MOST_NODES or numbers > MOST_EDGES:
        raise CostModelError(
            f"{file}: {len(graph.node):,} nodes with {numbers:,} inputs, outputs and attributes; "
            f"at most {MOST_NODES:,} and {MOST_EDGES:,} are read"
        )


def _stored(tensor: onnx.TensorProto, file: str) -> Known:
    try:
        return stored(tensor)
    except UnreadError as error:
        raise CostModelError(f"{file}: its array {quote(tensor.name)}: {error.message}") from None


def _opset(model: onnx.ModelProto, file: str) -> int:
    """Return the version of ONNX's vocabulary that a model is written in."""
    versions = [int(entry.version) for entry in model.opset_import if entry.domain in STANDARD]
    if not versions:
        raise CostModelError(f"{file}: it names no version of ONNX's operators")
    return max(versions)


def _input(graph: onnx.GraphProto, arrays: set[str], nodes: list[Node], file: str) -> onnx.ValueInfoProto:
    """Return the one input that the network computes from."""
    read = readers(nodes)
    found: list[onnx.ValueInfoProto] = [
        value for value in graph.input if value.name not in arrays and value.name in read
    ]
    if len(found) != 1:
        names = ", ".join(repr(value.name) for value in found)
        raise CostModelError(
            f"{file}: it has {len(found)} inputs ({names}); networks here have one, an image"
            if found
            else f"{file}: nothing in it is computed from an input"
        )
    return found[0]


def _sizes(value: onnx.ValueInfoProto, file: str) -> Shape:
    """Return the shape of the input, batch first. An open batch is one image.

    Raises:
        CostModelError: if another size is open, or it is no image, vector or sequence of numbers.
    """
    from onnx import TensorProto

    tensor = value.type.tensor_type
    numbers = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.DOUBLE)
    if tensor.elem_type not in numbers:
        kind = TensorProto.DataType.Name(tensor.elem_type) if tensor.elem_type in TensorProto.DataType.values() else "?"
        raise CostModelError(f"{file}: its input {value.name!r} is of type {kind}; networks here read real numbers")
    sizes = [dim.dim_value if dim.HasField("dim_value") else one_line(dim.dim_param) or "?" for dim in tensor.shape.dim]
    shown = show_shape(tuple(sizes))
    if not 2 <= len(sizes) <= 4:
        raise CostModelError(
            f"{file}: its input {value.name!r} is {shown or 'without a shape'}; known are batch x channels x height x "
            "width, batch x tokens x features and batch x features"
        )
    for size in sizes[1:]:
        if isinstance(size, str) or size < 1:
            raise CostModelError(
                f"{file}: its input {value.name!r} is {shown}, and {size} is no size; export the network with a fixed "
                "height and width (only the batch may be open)"
            )
    batch = sizes[0] if isinstance(sizes[0], int) and sizes[0] > 0 else 1
    return (batch, *sizes[1:])


def _read_channels_last(nodes: list[Node], name: str) -> bool:
    """Say whether the input is an image with its channels last, as networks from TensorFlow read it."""
    reading = readers(nodes).get(name, [])
    return bool(reading) and all(
        node.op_type == "Transpose" and node.attributes.get("perm") == CHANNELS_LAST for node in reading
    )


def _mark(walk: Walk, value: onnx.ValueInfoProto, file: str) -> None:
    """Make the layer of an output one of the graph's.

    Raises:
        CostModelError: if it is no layer's, or of another shape than the file says.
    """
    found = walk.values.get(value.name)
    if not isinstance(found, View) or found.source == INPUT or found.border:
        raise CostModelError(f"{file}: its output {value.name!r} is not what a layer gives")
    if not (found.plain or _lies_in_order(found) or _lies_channels_last(found)):
        raise CostModelError(
            f"{file}: its output {value.name!r} is the {show_shape(found.of)} of {found.source!r} rearranged to "
            f"{show_shape(found.shape[1:])}, which no operator does"
        )
    dims = value.type.tensor_type.shape.dim
    said = [dim.dim_value if dim.HasField("dim_value") else None for dim in dims]
    fits = len(said) == len(found.shape) and all(a in (None, b) for a, b in zip(said[1:], found.shape[1:], strict=True))
    if dims and not fits:
        shown = show_shape(tuple("?" if size is None else size for size in said))
        raise CostModelError(
            f"{file}: its output {value.name!r} comes out as {show_shape(found.shape)}, but the file says {shown}"
        )
    walk.graph.mark_output(found.source)


def _lies_in_order(view: View) -> bool:
    """Say whether an output is only seen under another shape."""
    return not view.repeats and in_order(view.axes) == in_order(plain_axes(view.of, view.batch))


def _lies_channels_last(view: View) -> bool:
    """Say whether an output is a map with its channels last, as networks from TensorFlow give it."""
    plain = output(view.source, view.of, view.batch)
    return len(view.of) == 3 and view.axes == plain.transposed([0, 2, 3, 1]).axes
