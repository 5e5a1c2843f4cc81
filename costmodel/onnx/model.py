"""TEMPORARY stand-in, replaced by the wire scanner's module of the same name."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from costmodel.documents.safe_text import one_line
from costmodel.errors import CostModelError, quote

FAULTS = (
    LookupError,
    AttributeError,
    TypeError,
    ValueError,
    ArithmeticError,
    AssertionError,
    RuntimeError,
    MemoryError,
)


@dataclass
class Stored:
    name: str
    shape: tuple[int, ...]
    dtype: str
    proto: Any = None

    @property
    def size(self) -> int:
        from math import prod

        return prod(self.shape)

    def values(self, most: int = 1024) -> Any:
        from math import prod
        from onnx import external_data_helper, numpy_helper

        if prod(self.shape) > most or external_data_helper.uses_external_data(self.proto):
            return None
        try:
            a = numpy_helper.to_array(self.proto)
        except Exception:
            return None
        return a if a.size == prod(self.shape) and a.dtype.kind not in "OSUc" else None


@dataclass
class Info:
    name: str
    dtype: str | None
    shape: tuple[int | str | None, ...] | None
    kind: str = "tensor"


@dataclass
class Node:
    op_type: str
    domain: str
    name: str
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    overload: str = ""
    asked: set[str] = field(default_factory=set)

    def get(self, name: str, default: Any) -> Any:
        self.asked.add(name)
        return self.attributes.get(name, default)

    def has(self, position: int) -> bool:
        return position < len(self.inputs) and self.inputs[position] != ""

    def complaint(self, file: str, message: str, hint: str = "") -> CostModelError:
        kind = self.op_type if self.domain in ("", "ai.onnx") else f"{self.domain}.{self.op_type}"
        where = f"{file}: node {quote(self.name)} ({one_line(kind)})"
        message = message if len(message) <= 600 else f"{message[:600]}..."
        return CostModelError(f"{where}: {message}" + (f"\n  {hint}" if hint else ""))

    @property
    def path(self) -> str:
        path: list[str] = []
        for part in re.sub(r"/\d+$", "", self.name).strip("/").split("/"):
            outer = ".".join(path)
            path = [part] if outer and part.startswith(f"{outer}.") else [*path, part]
        return one_line(".".join(filter(None, path))) or self.op_type


@dataclass
class Graph:
    name: str
    nodes: list[Node]
    arrays: dict[str, Stored]
    inputs: list[Info]
    outputs: list[Info]
    infos: dict[str, Info]


@dataclass
class Model:
    graph: Graph
    opsets: dict[str, int]
    functions: dict[Any, Any]
    producer: str
    ir_version: int
    metadata: dict[str, str]


def dtype_name(kind: int) -> str:
    from onnx import TensorProto

    if kind not in TensorProto.DataType.values():
        return "?"
    name: str = TensorProto.DataType.Name(kind).lower()
    return {"float": "float32", "double": "float64"}.get(name, name)


def scanned(raw: Any) -> Model:
    import onnx
    from onnx.inliner import inline_local_functions

    model = onnx.ModelProto.FromString(raw if isinstance(raw, bytes) else open(raw, "rb").read())
    if model.functions:
        model = inline_local_functions(model)
    return Model(
        _graph(model.graph),
        {o.domain: o.version for o in model.opset_import},
        {},
        model.producer_name,
        model.ir_version,
        {},
    )


def _info(v: Any) -> Info:
    t = v.type.tensor_type
    if not v.type.HasField("tensor_type"):
        return Info(v.name, None, None, "sequence")
    shape = (
        tuple(d.dim_value if d.HasField("dim_value") else d.dim_param or None for d in t.shape.dim)
        if t.HasField("shape")
        else None
    )
    return Info(v.name, dtype_name(t.elem_type), shape)


def _graph(g: Any) -> Graph:
    return Graph(
        g.name,
        [_node(n) for n in g.node],
        {t.name: _stored(t) for t in g.initializer},
        [_info(v) for v in g.input],
        [_info(v) for v in g.output],
        {v.name: _info(v) for v in [*g.value_info, *g.output]},
    )


def _stored(t: Any) -> Stored:
    return Stored(t.name, tuple(t.dims), dtype_name(t.data_type), t)


def _node(n: Any) -> Node:
    import onnx

    attributes = {}
    for a in n.attribute:
        v = onnx.helper.get_attribute_value(a)
        if isinstance(v, float):
            v = float(f"{v:.7g}")
        if isinstance(v, bytes):
            v = v.decode("utf-8", "replace")
        if isinstance(v, onnx.TensorProto):
            v = _stored(v)
        if isinstance(v, onnx.GraphProto):
            v = _graph(v)
        if isinstance(v, (list, tuple)) and v and isinstance(v[0], bytes):
            v = [x.decode() for x in v]
        attributes[a.name] = v if not hasattr(v, "append") else list(v)
    outs = list(n.output)
    return Node(n.op_type, n.domain, n.name or next(filter(None, outs), ""), list(n.input), outs, attributes)
