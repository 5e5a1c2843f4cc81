"""ONNX's messages in the bytes of a file: read without ONNX's library, past the weights where they lie."""

from __future__ import annotations

from pathlib import Path
from struct import unpack_from
from typing import Any

from costmodel.documents.files import look_at
from costmodel.errors import CostModelError, quote
from costmodel.onnx.model import Function, Graph, Model, Node, Ref, short
from costmodel.onnx.parts import COPIED, DEEPEST, SHORT, Parts, TooLargeError, domain_of, only
from costmodel.onnx.stored import Stored
from costmodel.onnx.strangers import stranger
from costmodel.onnx.wire import BYTES, DamagedError, Data, Field, TooManyFieldsError, signed, text
from costmodel.reading.collecting import without_collecting

LARGEST_FILE = 2**31 - 1
"""Bytes that one ONNX file holds at most."""
LIMIT = "one ONNX file holds at most 2 GB"
MOST_NODES = 150_000
"""Nodes that are read of one file, those of its functions and of graphs within nodes among them."""
SHOWN = 2**14
"""Bytes at each end that show whether a file is something else."""
DAMAGED = "this is not an ONNX file, or not all of one"

FLOAT, INT, STRING, TENSOR, GRAPH, FLOATS, INTS, STRINGS, TENSORS, GRAPHS = range(1, 11)
SPARSE, SPARSES, TYPE, TYPES = range(11, 15)
"""The kinds of attributes."""
ABSENT: dict[int, Any] = {FLOAT: 0.0, INT: 0, STRING: ""}
"""What an attribute of a kind is where the file leaves out its value."""
PLAIN = (int, float, str)
LISTS = {FLOATS, INTS, STRINGS, TENSORS, GRAPHS, SPARSES, TYPES}


def read_model(path: Path) -> Model:
    """Return the model in a file. Weights are not read, nor files beside it that hold them, which need not be there.

    Raises:
        CostModelError: if the file is missing, unreadable or no ONNX file; what else it is, is said where it shows.
    """
    data = look_at(path, LARGEST_FILE, LIMIT)
    return model_of(data, str(path))


def model_of(data: Data, file: str) -> Model:
    """Return the model in the bytes of a file that is called `file`.

    Raises:
        CostModelError: if they are no ONNX file, or more than is read.
    """
    try:
        with without_collecting():
            model = _Reader().model(data)
    except DamagedError:
        fault = DAMAGED
    except TooManyFieldsError:
        fault = "its messages have more fields than are read of one file"
    except TooLargeError as error:
        fault = str(error)
    else:
        if model is not None and (model.graph.nodes or model.graph.inputs):
            return model
        fault = "this is not an ONNX file, or one without a graph"
    raise CostModelError(f"{file}: {stranger(file, bytes(data[:SHOWN]), bytes(data[-SHOWN:])) or fault}")


class _Reader(Parts):
    """Reads the messages of one file. A field that is written as another type than its own is unknown, and passed by.

    Each message is told by its fields' keys: number times 8, and 2 for bytes, 0 for a number.
    """

    def __init__(self) -> None:
        super().__init__()
        self.nodes = 0
        self.depth = 0
        self.attributes: dict[bytes, tuple[str, Any]] = {}

    def model(self, data: Data) -> Model | None:
        graphs: list[Graph] = []
        opsets: dict[str, int] = {}
        metadata: dict[str, str] = {}
        producer, version, ir_version = "", "", 0
        functions: list[Function] = []
        read: list[Node] = []
        for key, start, end in self.fields(data, 0, len(data)):
            if key == 7 << 3 | BYTES:
                graphs.append(self.graph(data, start, end, read))
            elif key == 8 << 3 | BYTES:
                opsets.update([self.opset(data, start, end)])
            elif key == 25 << 3 | BYTES:
                functions.append(self.function(data, start, end))
            elif key == 14 << 3 | BYTES:
                metadata.update([self.pair(data, start, end)])
            elif key == 2 << 3 | BYTES:
                producer = text(data, start, end)
            elif key == 3 << 3 | BYTES:
                version = text(data, start, end)
            elif key == 1 << 3:
                ir_version = signed(start)
        _give_versions(read, opsets)
        by_key = {function.key: function for function in functions}
        if len(by_key) < len(functions):
            raise TooLargeError("two of its local functions have one name")
        graph = only(graphs)
        return graph and Model(graph, opsets, by_key, f"{producer} {version}".strip(), ir_version, metadata)

    def graph(self, data: Data, at: int, end: int, read: list[Node]) -> Graph:
        """Return a graph; its nodes, and those of graphs in them, are added to `read`."""
        if self.depth >= DEEPEST:
            raise DamagedError
        self.depth += 1
        graph = Graph("", [], {}, [], [], {})
        stored: list[Stored] = []
        for key, start, stop in self.fields(data, at, end):
            if key == 1 << 3 | BYTES:
                graph.nodes.append(self.node(data, start, stop, read))
            elif key == 5 << 3 | BYTES:
                stored.append(self.tensor(data, start, stop))
            elif key == 13 << 3 | BYTES:
                info = self.info(data, start, stop)
                graph.infos[info.name] = info
            elif key == 11 << 3 | BYTES:
                graph.inputs.append(self.info(data, start, stop))
            elif key == 12 << 3 | BYTES:
                graph.outputs.append(self.info(data, start, stop))
            elif key == 15 << 3 | BYTES:
                stored.append(self.sparse(data, start, stop))
            elif key == 2 << 3 | BYTES:
                graph.name = text(data, start, stop)
        for array in stored:
            if array.name in graph.arrays:
                raise TooLargeError(f"two of its arrays are called {quote(array.name)}")
            graph.arrays[array.name] = array
        self.depth -= 1
        return graph

    def node(self, data: Data, at: int, end: int, read: list[Node]) -> Node:
        if end - at <= COPIED:
            data, at, end = bytes(data[at:end]), 0, end - at
        self.nodes += 1
        if self.nodes > MOST_NODES:
            raise TooLargeError(f"more than {MOST_NODES:,} nodes, its functions' among them")
        node = Node("", "", [], [])
        read.append(node)
        for key, start, stop in self.fields(data, at, end):
            if key == 1 << 3 | BYTES:
                node.inputs.append(text(data, start, stop))
            elif key == 2 << 3 | BYTES:
                node.outputs.append(text(data, start, stop))
            elif key == 5 << 3 | BYTES:
                name, value = self.attribute(data, start, stop, read)
                if value is not None:
                    node.attributes[name] = value
            elif key == 9 << 3 | BYTES:
                name, value = self.pair(data, start, stop)
                node.metadata[name] = value
            elif key == 3 << 3 | BYTES:
                node.name = text(data, start, stop)
            elif key == 4 << 3 | BYTES:
                node.op_type = text(data, start, stop)
            elif key == 7 << 3 | BYTES:
                node.domain = domain_of(text(data, start, stop))
            elif key == 8 << 3 | BYTES:
                node.overload = text(data, start, stop)
        node.name = node.name or next(filter(None, node.outputs), "")
        return node

    def attribute(self, data: Data, at: int, end: int, read: list[Node]) -> tuple[str, Any]:
        """Return an attribute's name and value; None for one that is not there. Most are written many times over."""
        if end - at > SHORT:
            return self.attribute_read(data, at, end, read)
        raw = bytes(data[at:end])
        if raw not in self.attributes:
            name, value = self.attribute_read(raw, 0, len(raw), read)
            if not (isinstance(value, PLAIN) or (isinstance(value, list) and all(isinstance(v, PLAIN) for v in value))):
                return name, value
            self.attributes[raw] = name, value
        name, value = self.attributes[raw]
        return name, list(value) if isinstance(value, list) else value

    def attribute_read(self, data: Data, at: int, end: int, read: list[Node]) -> tuple[str, Any]:
        name, kind, ref = "", 0, ""
        found: dict[int, Any] = {}
        for key, start, stop in self.fields(data, at, end):
            if key == 1 << 3 | BYTES:
                name = text(data, start, stop)
            elif key == 20 << 3:
                kind = start
            elif key == 3 << 3:
                found[INT] = signed(start)
            elif key == 8 << 3:
                found.setdefault(INTS, []).append(signed(start))
            elif key == 21 << 3 | BYTES:
                ref = text(data, start, stop)
            elif key in WRITTEN:
                self.value(data, (key, start, stop), found, read)
        if ref:
            return name, Ref(ref)
        kind = kind or next(iter(found), 0)
        if kind in (TENSOR, GRAPH, SPARSE, TYPE):
            return name, only(found.get(kind, []))
        return name, found.get(kind, [] if kind in LISTS else ABSENT.get(kind))

    def value(self, data: Data, field: Field, found: dict[int, Any], read: list[Node]) -> None:
        """Read one field that holds an attribute's value, or one of several, into `found`."""
        key, start, stop = field
        kind = WRITTEN[key]
        if kind == FLOAT:
            found[FLOAT] = short(unpack_from("<f", data, start)[0])
        elif kind == STRING:
            found[STRING] = text(data, start, stop)
        elif kind == FLOATS:
            found.setdefault(FLOATS, []).extend(map(short, self.floats(data, start, stop)))
        elif kind == INTS:
            found.setdefault(INTS, []).extend(self.numbers(data, start, stop))
        elif kind == STRINGS:
            found.setdefault(STRINGS, []).append(text(data, start, stop))
        elif kind in (TENSOR, TENSORS):
            found.setdefault(kind, []).append(self.tensor(data, start, stop))
        elif kind in (GRAPH, GRAPHS):
            found.setdefault(kind, []).append(self.graph(data, start, stop, read))
        elif kind in (SPARSE, SPARSES):
            found.setdefault(kind, []).append(self.sparse(data, start, stop))
        else:
            found.setdefault(kind, []).append(self.type(data, start, stop))

    def function(self, data: Data, at: int, end: int) -> Function:
        function = Function("", "", "", [], [], [], {}, [], {})
        read: list[Node] = []
        for key, start, stop in self.fields(data, at, end):
            if key == 7 << 3 | BYTES:
                function.nodes.append(self.node(data, start, stop, read))
            elif key == 4 << 3 | BYTES:
                function.inputs.append(text(data, start, stop))
            elif key == 5 << 3 | BYTES:
                function.outputs.append(text(data, start, stop))
            elif key == 6 << 3 | BYTES:
                function.attributes.append(text(data, start, stop))
            elif key == 11 << 3 | BYTES:
                function.defaults.update([self.attribute(data, start, stop, read)])
            elif key == 9 << 3 | BYTES:
                function.opsets.update([self.opset(data, start, stop)])
            elif key == 1 << 3 | BYTES:
                function.name = text(data, start, stop)
            elif key == 10 << 3 | BYTES:
                function.domain = domain_of(text(data, start, stop))
            elif key == 13 << 3 | BYTES:
                function.overload = text(data, start, stop)
        _give_versions(read, function.opsets)
        return function


WRITTEN = {
    2 << 3 | 5: FLOAT,
    4 << 3 | 2: STRING,
    5 << 3 | 2: TENSOR,
    6 << 3 | 2: GRAPH,
    7 << 3 | 2: FLOATS,
    7 << 3 | 5: FLOATS,
    8 << 3 | 2: INTS,
    9 << 3 | 2: STRINGS,
    10 << 3 | 2: TENSORS,
    11 << 3 | 2: GRAPHS,
    14 << 3 | 2: TYPE,
    15 << 3 | 2: TYPES,
    22 << 3 | 2: SPARSE,
    23 << 3 | 2: SPARSES,
}
"""The keys that attributes of each kind are written with, but for whole numbers."""


def _give_versions(nodes: list[Node], opsets: dict[str, int]) -> None:
    """Tell nodes the version of their domains."""
    for node in nodes:
        node.opset = opsets.get(node.domain, 0)
