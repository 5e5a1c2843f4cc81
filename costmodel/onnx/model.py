"""An ONNX model as plain values: what a file says, without ONNX's own library."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from struct import pack, unpack
from typing import Any, TypeAlias

from costmodel.documents.safe_text import one_line
from costmodel.errors import CostModelError, quote
from costmodel.onnx.stored import Stored

STANDARD = ("", "ai.onnx")
"""The names of ONNX's own vocabulary; what is read here has the first of them."""
LARGEST_FLOAT = 3.4028234e38
"""The largest number of 32 bits, to eight digits."""
LONGEST_MESSAGE = 600
"""Characters that a complaint shows of what a file holds."""
LONGEST_PATH = 2_000
"""Characters of a name that a layer is called after."""
SCOPES = "pkg.torch.onnx.name_scopes"
"""Where PyTorch says which modules a node stands in, from the outermost to the node itself."""

Key: TypeAlias = tuple[str, str, str]
"""A function's domain, name and overload."""
Size: TypeAlias = int | str | None
"""One size of a shape: a number, the name of one that is open, or None for one that has no name."""


@dataclass(frozen=True, slots=True)
class Ref:
    """An attribute within a function that takes the value of the function's own attribute `name`."""

    name: str


@dataclass(slots=True)
class Info:
    """What a file says of a value: its type and shape, None where it does not say.

    `kind` is ``tensor``, ``sequence``, ``optional``, ``map``, ``sparse_tensor`` or ``opaque``, or empty where no type
    is given; type and shape of a sequence and of an optional are those of what is in it.
    """

    name: str
    dtype: str | None = None
    shape: tuple[Size, ...] | None = None
    kind: str = ""


@dataclass(slots=True)
class Node:
    """One node: what it is called, reads and gives.

    Attributes are whole numbers, floats, texts, lists of these, `Stored`, `Graph`, `Info` (a type), lists of these, and
    `Ref` within a function. `opset` is the version of the node's own domain; 0 where the file gives none.
    """

    op_type: str
    name: str
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, Any] = field(default_factory=dict)
    domain: str = ""
    overload: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    opset: int = 0

    def get(self, name: str, default: Any) -> Any:
        """Return an attribute, or its default."""
        return self.attributes.get(name, default)

    def has(self, position: int) -> bool:
        """Say whether there is an input at a position: optional ones may be left out or empty."""
        return position < len(self.inputs) and self.inputs[position] != ""

    @property
    def kind(self) -> str:
        """What it does, as messages say it: ``Conv``, ``com.microsoft.FusedConv``."""
        return one_line(f"{self.domain}.{self.op_type}" if self.domain else self.op_type)

    @property
    def key(self) -> Key:
        """The function that it calls, if there is one of that name."""
        return self.domain, self.op_type, self.overload

    def complaint(self, file: str, message: str, hint: str = "") -> CostModelError:
        """Return what is wrong with the node, and where it is."""
        message = message if len(message) <= LONGEST_MESSAGE else f"{message[:LONGEST_MESSAGE]}..."
        where = f"{file}: node {quote(self.name)} ({self.kind})"
        return CostModelError(f"{where}: {message}" + (f"\n  {hint}" if hint else ""))

    @property
    def path(self) -> str:
        """The name of the layer that the node becomes.

        PyTorch says in the metadata which modules a node stands in; the layer is called after the innermost and what
        the node does. Else the name says it, in which exporters write each module with the names of those around it:
        ``/layer1/layer1.0/conv1/Conv`` is ``layer1.0.conv1.Conv``. The nodes of one layer that were written here have
        a slash and a number behind the layer's path.
        """
        scopes = re.findall(r"'([^'\\]*)'", self.metadata.get(SCOPES, "")[:LONGEST_PATH])
        parts = [*scopes[:-1], self.op_type] if scopes else re.sub(r"/\d+$", "", self.name).strip("/").split("/")
        if len(self.name) > LONGEST_PATH:
            parts = [self.name[:LONGEST_PATH]]
        outer = ""
        for part in filter(None, parts):
            outer = part if not outer or part.startswith(f"{outer}.") else f"{outer}.{part}"
        return one_line(outer or self.op_type)


@dataclass(slots=True)
class Graph:
    """Nodes in the order of the file, the arrays that it holds, and what it says of its values."""

    name: str
    nodes: list[Node]
    arrays: dict[str, Stored]
    inputs: list[Info]
    outputs: list[Info]
    infos: dict[str, Info]


@dataclass(slots=True)
class Function:
    """A function that a file defines for itself. `attributes` have no default, `defaults` have one."""

    domain: str
    name: str
    overload: str
    inputs: list[str]
    outputs: list[str]
    attributes: list[str]
    defaults: dict[str, Any]
    nodes: list[Node]
    opsets: dict[str, int]

    @property
    def key(self) -> Key:
        """What calls of it are known by."""
        return self.domain, self.name, self.overload


@dataclass(slots=True)
class Model:
    """A whole file. `producer` is the program that wrote it and its version, `metadata` what else it tells."""

    graph: Graph
    opsets: dict[str, int]
    functions: dict[Key, Function]
    producer: str
    ir_version: int
    metadata: dict[str, str]


def short(number: float) -> float:
    """Return a number of 32 bits as it was written: 1e-5, not 9.999999747378752e-06; with more digits where it has."""
    for digits in (7, 8):
        written = float(f"{number:.{digits}g}")
        if abs(written) > LARGEST_FLOAT or unpack("<f", pack("<f", written))[0] == number:
            return written
    return number if number != number else float(f"{number:.9g}")
