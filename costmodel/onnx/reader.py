"""The walk through the nodes of an ONNX file: each becomes operators on tensors as they lie, by its type's rule."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from costmodel.errors import CostModelError, ShapeError, quote
from costmodel.onnx.attributes import Strange, strange
from costmodel.onnx.fold import folded
from costmodel.onnx.model import STANDARD, Graph, Info, Node
from costmodel.onnx.needed import needed
from costmodel.onnx.stored import Stored
from costmodel.reading.draft import Draft
from costmodel.reading.free import free
from costmodel.reading.held import FLOATS, Held
from costmodel.reading.partial import by_kind, lines
from costmodel.reading.value import FAULTS, REALS, Array, UnreadError, Value, known

if TYPE_CHECKING:
    from costmodel.ops.base import Operator

Given: TypeAlias = "Value | list[Value]"
"""What a value of a file is; a sequence of tensors is a list."""
Rule: TypeAlias = "Callable[[Reader, Node], Given | Sequence[Given]]"
Written = TypeVar("Written", bound=Rule)

NO_SHAPE = "and the file does not say what shapes come out; onnx.shape_inference.infer_shapes adds them"
BOUNDLESS = 1e30
"""No training gives a number as large; one that stands for infinity masks what is added to it."""
LARGEST = {"float16": 65504.0}
"""The largest number of a type, where that is less."""
FEW = 2**16
"""Numbers up to which a constant's values are looked at."""
MANY = 2**22
"""Numbers up to which those of a Constant node are, which may be a mask of 2,048 tokens."""
SAME = ("Reshape", "Squeeze", "Unsqueeze", "Flatten", "Identity")
"""What leaves numbers in their order, so that an array that is stored stays that array."""
UNFOLDED = ("QuantizeLinear", "DequantizeLinear")
"""What leaves stored numbers the same, so that it stays known how they are stored."""
RULES: dict[tuple[str, str], Rule] = {}
"""How each type of node is read, by its domain and name; the modules of `types` fill it."""


def rule(*op_types: str, domain: str = "") -> Callable[[Written], Written]:
    """Enter a function as the rule for nodes of these types.

    A rule returns what the node's outputs are: one value, or one for each in order. It raises an UnreadError where it
    does not understand the node, which then is a layer whose cost is not known.
    """

    def enter(function: Written) -> Written:
        for op_type in op_types:
            if (domain, op_type) in RULES:
                raise TypeError(f"two rules for {op_type}")
            RULES[domain, op_type] = function
        return function

    return enter


class Reader:
    """Reads nodes one after the other. `values` holds what each value of the file is, by its name."""

    def __init__(self, file: str, opset: int, infos: Mapping[str, Info], sizes: Mapping[str, int]) -> None:
        self.file, self.opset, self.infos, self.sizes = file, opset, infos, sizes
        self.draft = Draft()
        self.values: dict[str, Given] = {}
        self.keeps_arrays = False
        """The file has arrays of real numbers of its own, besides such as its nodes hold."""
        self.unread: list[tuple[Node, str]] = []
        """The nodes of whose outputs not even the shapes are known, each with the reason."""
        self.strange: dict[Strange, None] = {}
        """Attributes that a node's type does not have."""
        self.lost: set[str] = set()
        """The values that they give, and what is made of those."""
        self._taken: set[str] = set()
        self._names: dict[object, str] = {}
        self._given: dict[tuple[object, str], Value] = {}
        self._copies: dict[str, int] = {}

    def store(self, arrays: Iterable[Stored]) -> None:
        """Enter arrays of the file. They are trained if they hold real numbers, or stand for such (int8, int4).

        Raises:
            CostModelError: if one has a shape that no tensor has.
        """
        for array in arrays:
            try:
                self.values[array.name] = self.of(array, self.own_name(array.name, array))
            except UnreadError as error:
                raise CostModelError(f"{self.file}: its array {quote(array.name)}: {error.message}") from None
            self.keeps_arrays = self.keeps_arrays or (array.dtype in REALS and array.size > 1)

    def own_name(self, name: str, array: Stored) -> str:
        """Return what an array is called, with a number behind it where another graph within has one of that name. The
        same one, read again, is called the same, under whatever name a local function has it.
        """
        if array.same not in self._names:
            own = free(name, self._taken.__contains__, self._copies)
            self._taken.add(own)
            self._names[array.same] = own
        return self._names[array.same]

    def of(self, array: Stored, origin: str = "") -> Value:
        """Return an array of the file as a value, the same one if it is read again; `origin` names one that is kept as
        it is, as weights are.
        """
        same = array.same, origin
        if same not in self._given:
            held = array.held(FEW if origin else MANY)
            arrays = (Array(origin, array.shape, array.dtype, not _masks(held)),) if origin else ()
            self._given[same] = Value(array.shape, array.dtype, arrays=arrays, held=held, whole=bool(origin))
        return self._given[same]

    def over(self, nodes: Iterable[Node]) -> None:
        """Read nodes, in their order. What is made of values that are lost is lost.

        Raises:
            CostModelError: if one reads what nothing gives.
        """
        for node in nodes:
            if not self.lost.isdisjoint(node.inputs):
                self.lost.update(node.outputs)
                continue
            for name in node.inputs:
                if name and name not in self.values:
                    raise node.complaint(self.file, f"it reads {quote(name)}, which nothing above it gives")
            for name, value in zip(node.outputs, self._read(node), strict=False):
                if name:
                    self.values[name] = value

    def require_read(self) -> None:
        """Raise a CostModelError with every node of which not even the shapes are known, by kind, if there are any."""
        if not self.unread:
            return
        if len(self.unread) == 1:
            ((node, why),) = self.unread
            raise node.complaint(self.file, why, NO_SHAPE)
        kinds = by_kind(((node.kind, why), node) for node, why in self.unread)
        said = lines(kinds, lambda kind, who: f"{kind[0]}: {kind[1]} (node {who})", lambda node: quote(node.name))
        first = f"{self.file}: {len(self.unread):,} nodes cannot be read:"
        raise CostModelError("\n  ".join([first, *said, NO_SHAPE]))

    def _read(self, node: Node) -> Sequence[Given]:
        if node.attributes:
            self.strange |= dict.fromkeys(strange(node))
        try:
            results = self._understood(node)
        except (UnreadError, ShapeError) as error:
            return self._opaque(node, error.message)
        except FAULTS:
            return self._opaque(node, "its inputs or attributes do not fit its type")
        found = results if isinstance(results, tuple) else (results,)
        if any(name and at >= len(found) for at, name in enumerate(node.outputs)):
            return self._opaque(node, f"of its outputs only the first {len(found)} are known")
        return found

    def _understood(self, node: Node) -> Any:
        domain = node.domain
        given = [self.values[name] if name else None for name in node.inputs]
        known_before = given and node.op_type not in UNFOLDED and all(one is None or _is_held(one) for one in given)
        if domain in STANDARD and known_before and not (node.op_type in SAME and _is_stored(given[0])):
            made = folded(node, self.opset, [None if value is None else value.held for value in given])  # type: ignore[union-attr]
            if made is not None:
                return tuple(map(known, made))
        one = RULES.get((domain, node.op_type))
        if one is None:
            raise UnreadError("no operator stands for it")
        results = one(self, node)
        return tuple(results) if isinstance(results, Sequence) and len(node.outputs) > 1 else results

    def _opaque(self, node: Node, why: str) -> list[Given]:
        """Add a layer that is not understood, of the shapes that the file gives it; if it gives none, what it gives is
        lost.
        """
        said = [self.said(name) for name in node.outputs if name]
        shapes = [shape for shape in said if shape is not None]
        inputs = [value for name in node.inputs if name and isinstance(value := self.values[name], Value)]
        known_all = shapes and len(shapes) == len(said)
        try:
            found = iter(self.draft.opaque(node.path, node.kind, shapes, *inputs, why=why) if known_all else ())
        except UnreadError as error:  # the file says a shape that no tensor has, or there are too many layers already
            why, known_all = why if error.message in why else f"{why}; {error.message}", False
        if not known_all:
            self.unread.append((node, why))
            self.lost.update(node.outputs)
            return []
        return [next(found) if name else Value((), "float32") for name in node.outputs]

    def said(self, name: str) -> tuple[int, ...] | None:
        """Return the shape that the file says a value has, open sizes as they were given."""
        info = self.infos.get(name)
        if info is None or info.shape is None:
            return None
        sizes = [self.sizes.get(size, 0) if isinstance(size, str) else size or 0 for size in info.shape]
        return tuple(sizes) if all(size > 0 for size in sizes) else None

    def value(self, node: Node, position: int) -> Value:
        """Return an input of a node."""
        if not node.has(position):
            raise UnreadError(f"its input {position + 1} is missing")
        found = self.values[node.inputs[position]]
        if not isinstance(found, Value):
            raise UnreadError(f"its input {position + 1} is a sequence of tensors")
        return found

    def optional(self, node: Node, position: int) -> Value | None:
        """Return an input of a node if it is there."""
        return self.value(node, position) if node.has(position) else None

    def all(self, node: Node) -> list[Value]:
        """Return all inputs of a node that are there."""
        return [self.value(node, position) for position in range(len(node.inputs)) if node.has(position)]

    def integers(self, node: Node, name: str, position: int) -> list[int] | None:
        """Return whole numbers that older files give as an attribute, newer ones as an input; None where neither."""
        given = node.get(name, None)
        if given is not None:
            return [int(number) for number in given]
        value = self.optional(node, position)
        return None if value is None else value.integers()

    def number(self, node: Node, name: str, position: int) -> float | None:
        """Return a number that older files give as an attribute, newer ones as an input; None where neither.

        Raises:
            UnreadError: if it is an input that is not known.
        """
        given = node.get(name, None)
        if given is not None:
            return float(given)
        value = self.optional(node, position)
        if value is None:
            return None
        found = value.scalar()
        if found is None:
            raise UnreadError(f"its {name} is not known")
        return found

    def add(
        self,
        node: Node,
        op: Operator,
        *inputs: Value,
        arrays: Mapping[str, Value] | None = None,
        dtype: str = "",
        path: str = "",
    ) -> Value:
        """Add the operator that a node is, and return what it gives."""
        return self.draft.add(path or node.path, op, *inputs, arrays=arrays, dtype=dtype)

    def chain(self, node: Node, ops: Sequence[Operator], value: Value) -> Value:
        """Add operators of one input one after the other."""
        for op in ops:
            value = self.add(node, op, value)
        return value

    def inside(self, graph: Graph, *given: Given) -> list[Given]:
        """Read a graph within a node, which sees what is around it, and return its outputs.

        Raises:
            UnreadError: if not even the shapes of them are known.
        """
        around = self.values, self.infos, self.unread, self.lost
        self.values, self.unread, self.lost = dict(self.values), [], set(self.lost)
        self.infos = {**self.infos, **graph.infos, **{info.name: info for info in graph.outputs}}
        try:
            self.store(graph.arrays.values())
            self.values.update(zip((one.name for one in graph.inputs), given, strict=False))
            self.over(needed(graph))
            if not self.lost.isdisjoint(one.name for one in graph.outputs):
                node, why = self.unread[0]
                raise UnreadError(f"within it, {node.kind}: {why}")
            return [self.values[one.name] for one in graph.outputs]
        finally:
            self.values, self.infos, self.unread, self.lost = around


def _masks(held: Held | None) -> bool:
    """Say whether an array of real numbers holds such as no training gives."""
    return held is not None and held.dtype in FLOATS and not held.within(LARGEST.get(held.dtype, BOUNDLESS))


def _is_stored(value: Given | None) -> bool:
    """Say whether a value is a stored array of several numbers."""
    return isinstance(value, Value) and bool(value.arrays) and value.size > 1


def _is_held(value: Given) -> bool:
    """Say whether a value's numbers are known and are no weights, which stay as they are stored."""
    return (
        isinstance(value, Value)
        and value.held is not None
        and not (value.arrays and value.dtype in REALS and value.size > 1)
    )
