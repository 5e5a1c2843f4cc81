"""The walk through the nodes of an ONNX file that builds the graph of layers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import TypeAlias

from costmodel.errors import ShapeError, quote
from costmodel.graph import INPUT, LayerGraph
from costmodel.numbers.arithmetic import Shape, product, show_shape
from costmodel.onnx.constants import EVALUATED, FEW, Known, UnknownValueError, evaluated, require_sizes
from costmodel.onnx.functions import MOST_NODES
from costmodel.onnx.layout import LayoutError, Scores, View, output
from costmodel.onnx.node import FAULTS, STANDARD, Node, UnreadError
from costmodel.onnx.rewrite import Nodes
from costmodel.ops.base import Operator
from costmodel.units import counted

Value: TypeAlias = "Known | View | Scores"
Rule: TypeAlias = "Callable[[Walk, Node], Value | Sequence[Value]]"

RULES: dict[str, Rule] = {}
"""How each type of node is read; the modules of `rules` fill it."""
REARRANGING = ("Flatten", "Reshape", "Squeeze", "Transpose", "Unsqueeze")
MOST_NAMED = 4
MOST_STEPS = 500_000
"""Nodes looked at, in one file, to see what becomes of a value further down."""
PER_FEATURE = (
    "Add Clip Dropout Gemm HardSigmoid HardSwish Identity LeakyRelu MatMul PRelu Relu Sigmoid Swish Tanh".split()
)
"""What stands between squeezing a map to a vector and spreading the vector over the map again."""


def rule(*op_types: str) -> Callable[[Rule], Rule]:
    """Enter a function as the rule for nodes of these types."""

    def enter(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(op_types, function))
        return function

    return enter


class Walk:
    """Reads nodes one after the other. `values` holds what each value of the file is, by its name."""

    def __init__(
        self, file: str, opset: int, graph: LayerGraph, values: dict[str, Value], outputs: Collection[str], batch: int
    ) -> None:
        self.file, self.opset, self.graph, self.batch = file, opset, graph, batch
        self.values, self.outputs = values, set(outputs)
        self.index = Nodes([], {}, ())
        self._makers: dict[str, Node] = {}
        self._users: dict[str, str] = {}
        self._copies: dict[str, int] = {}
        self._steps = 0
        self._numbers: dict[bool, dict[str, None]] = {True: {}, False: {}}
        self.stored: Counter[str] = Counter()
        """How many numbers of each dtype the arrays of the layers are stored in."""

    def over(self, nodes: list[Node]) -> None:
        """Read all nodes.

        Raises:
            CostModelError: at the first that no operator stands for, with the file and the node.
        """
        stored = {name: value for name, value in self.values.items() if isinstance(value, Known)}
        self.index = Nodes(nodes, stored, self.outputs)
        for node in nodes:
            try:
                self._read(node)
            except UnreadError as error:
                raise node.complaint(self.file, error.message, error.hint) from None
            except ShapeError as error:
                raise node.complaint(self.file, error.message) from None
            except UnknownValueError:
                raise node.complaint(
                    self.file, "it depends on numbers that are not in the file, or on too many"
                ) from None
            except FAULTS:
                raise node.complaint(self.file, "its inputs or attributes do not fit its type") from None

    def _read(self, node: Node) -> None:
        for name in filter(None, node.inputs):
            if name not in self.values:
                raise UnreadError(f"it reads {name!r}, which nothing above it gives")
        found = self._understood(node)
        results = [found] if isinstance(found, (Known, View, Scores)) else list(found)
        for value in results:
            if isinstance(value, View):
                require_sizes(value.shape)
        if node.unasked():
            raise UnreadError(f"its attribute {node.unasked()[0]!r} is not known")
        for position, name in enumerate(node.outputs):
            if name in self.values:
                raise UnreadError(f"its output {name!r} is there already")
            if not name:
                continue
            if position < len(results):
                self.values[name] = results[position]
                self._makers[name] = node
            elif self.is_read(name):
                raise UnreadError(f"its output {name!r} is read, and only its first is known")

    def _understood(self, node: Node) -> Value | Sequence[Value]:
        """Return what the node's outputs are."""
        given = {name: self.values[name] for name in node.inputs if name}
        constants = {name: value for name, value in given.items() if isinstance(value, Known)}
        if node.domain in STANDARD and node.op_type in EVALUATED and len(constants) == len(given):
            return evaluated(node, self.opset, constants)
        if node.domain not in STANDARD or node.op_type not in RULES:
            raise UnreadError("no operator stands for it", f"known are {', '.join(sorted(RULES))}")
        return RULES[node.op_type](self, node)

    @property
    def readers(self) -> dict[str, list[Node]]:
        """For each value the nodes that read it."""
        return self.index.readers

    def is_read(self, name: str) -> bool:
        """Say whether a node, or who runs the network, reads a value."""
        return name in self.outputs or name in self.readers

    def value(self, node: Node, position: int) -> Value:
        """Return an input of a node."""
        if not node.has(position):
            raise UnreadError(f"its input {position + 1} is missing")
        return self.values[node.inputs[position]]

    def view(self, node: Node, position: int = 0, *, border: bool = False) -> View:
        """Return an input that holds values of the image; with a border of zeros only where the rule can take one."""
        value = self.value(node, position)
        if isinstance(value, Known):
            raise UnreadError(f"its input {position + 1} is a constant, where values computed from the image are known")
        if isinstance(value, Scores):
            raise UnreadError("products of two computed values are known within attention only")
        if value.border and not border:
            raise UnreadError("padding of height and width is known before convolutions and pools only")
        return value

    def plain(self, node: Node, position: int = 0, *, border: bool = False) -> View:
        """Return an input as `view` does, that holds a layer's output as it is."""
        view = self.view(node, position, border=border)
        if not view.plain:
            raise UnreadError(
                f"it reads the {show_shape(view.of)} of {view.source!r} rearranged to {show_shape(view.shape[1:])}, "
                "which no operator does"
            )
        return view

    def known(self, node: Node, position: int) -> Known:
        """Return an input that is a constant."""
        value = self.value(node, position)
        if not isinstance(value, Known):
            raise UnreadError(f"its input {position + 1} is computed from the image, where only constants are known")
        return value

    def optional(self, node: Node, position: int) -> Known | None:
        """Return an input that is a constant, if there is one at the position."""
        return self.known(node, position) if node.has(position) else None

    def integers(self, node: Node, name: str, position: int) -> list[int] | None:
        """Return whole numbers that older files give as an attribute, newer ones as an input; None where neither."""
        given = node.get(name, None)
        if given is not None:
            if len(given) > FEW:
                raise UnknownValueError
            return [int(number) for number in given]
        known = self.optional(node, position)
        return known.integers() if known is not None else None

    def add(self, node: Node, op: Operator, *reads: View, arrays: Sequence[Known] = (), path: str = "") -> str:
        """Add a layer to the graph and return its path. `arrays` are the weights and buffers that the file has for it.

        Raises:
            UnreadError: if they are not those that the operator has, or another layer's.
        """
        if len(self.graph) >= MOST_NODES:
            raise UnreadError(f"with it the network has more than {MOST_NODES:,} layers")
        path = self._free(path or node.path)
        layer = self.graph.add(path, op, tuple(view.source for view in reads))
        wanted = (op.weights(*layer.input_shapes) | op.buffers(*layer.input_shapes)).values()
        if sorted(map(product, wanted)) != sorted(known.size // known.copies for known in arrays):
            ours, theirs = (", ".join(map(show_shape, shapes)) for shapes in (wanted, [a.shape for a in arrays]))
            raise UnreadError(
                f"as {op.name} it would have arrays of {ours or 'none'}, but the file has {theirs or 'none'}"
            )
        self._own(path, [known for known in arrays if known.origin])
        return path

    def _own(self, path: str, arrays: Sequence[Known]) -> None:
        """Note whose arrays they are. Exporters store equal biases once, so one alone may be another layer's too."""
        for known in arrays:
            if known.origin not in self._users:
                self.stored[known.dtype] += known.size // known.copies
        users = [self._users.setdefault(known.origin, path) for known in arrays]
        everything = bool(users) and path not in users
        for known, user in zip(arrays, users, strict=True):
            if user != path and (everything or len(known.shape) > 1):
                raise UnreadError(
                    f"it shares the weights {known.origin!r} with {user!r}",
                    "layers here have weights of their own, and they would be counted twice",
                )

    def is_taken(self, known: Known) -> bool:
        """Say whether an array of the file is a layer's already."""
        return known.origin in self._users

    def note_number(self, known: Known, *, counted: bool) -> None:
        """Remember a single number among the weights, whether it counts as a param or is the scale of an attention."""
        if known.origin:
            self._numbers[counted][known.origin] = None

    def notes(self) -> list[str]:
        """Return what to say of the numbers that a file does not tell of whether they were trained."""
        ends = {True: "counted as params, as if trained", False: "taken for scales of attention and no params"}
        return [
            f"{counted(len(names), 'factor')} stored among the weights "
            f"({', '.join(map(quote, islice(names, MOST_NAMED)))}{', ...' if len(names) > MOST_NAMED else ''}): "
            f"{ends[kept]}; the file does not say which"
            for kept, names in self._numbers.items()
            if names
        ]

    def _free(self, path: str) -> str:
        """Return a path that no layer has yet."""
        found = path
        while found in self.graph or found == INPUT:
            self._copies[path] = self._copies.get(path, 1) + 1
            found = f"{path}_{self._copies[path]}"
        return found

    def output(self, path: str) -> View:
        """Return the output of a layer as it is."""
        return output(path, self.graph.shape(path), self.batch)

    def alike(self, view: View, node: Node, op: Operator, *more: View, arrays: Sequence[Known] = ()) -> View:
        """Add a layer that works on every element or pixel by itself; its output lies as `view` does."""
        return replace(view, source=self.add(node, op, view, *more, arrays=arrays))

    def settled(self, node: Node, view: View) -> View:
        """Return a rearranged output: as that of a layer, where something but a further rearrangement reads it."""
        if self._goes_on(node):
            return view
        ends = self.outputs.intersection(node.outputs)
        if view.of[1:] == (1, 1) and not ends and self.becomes_map(node.outputs[0]):
            return view
        return self.made(node, view) or view

    def _goes_on(self, node: Node) -> bool:
        """Say whether nothing but further rearrangements reads a node's output."""
        reading = [other for name in node.outputs for other in self.readers.get(name, [])]
        return not self.outputs.intersection(node.outputs) and all(other.op_type in REARRANGING for other in reading)

    def becomes_map(self, name: str) -> bool:
        """Say whether a vector is made (channels, 1, 1) again further down: it never was another shape in that case."""
        return any(
            node.op_type == "Unsqueeze"
            or (node.op_type == "Reshape" and node.has(1) and self.index.length(node.inputs[1]) == 4)
            for node in self.after(name, PER_FEATURE)
        )

    def after(self, name: str, through: Collection[str]) -> Iterator[Node]:
        """Yield the nodes that read a value, and those that read what nodes of the types `through` make of it."""
        names, seen = [name], {name}
        for value in names:
            for node in self.readers.get(value, []):
                self._steps += 1
                if self._steps > MOST_STEPS:
                    raise UnreadError("what reads it, and what reads that, is too much to follow")
                yield node
                if node.op_type in through and node.outputs[0] not in seen:
                    seen.add(node.outputs[0])
                    names.append(node.outputs[0])

    def made(self, node: Node, view: View) -> View | None:
        """Add the operator that rearranges so, if there is one; None if not, or if nothing is rearranged."""
        op = view.made_by()
        return self.output(self.add(node, op, view)) if isinstance(op, Operator) else None

    def rearranged(self, node: Node, change: Callable[[View], View]) -> View:
        """Return the node's first input rearranged; what came before it is a layer if the two together are none."""
        view = self.view(node)
        try:
            after = change(view)
        except LayoutError:
            after = None
        goes_on = view.of[1:] == (1, 1) and self._goes_on(node)  # a vector that becomes a map of one pixel again
        if after is None or (isinstance(after.made_by(), LayoutError) and not goes_on):
            before = self.made(self._makers.get(node.inputs[0], node), view)
            if before is not None:
                view = before
                self.values[node.inputs[0]] = before
                try:
                    after = change(before)
                except LayoutError:
                    after = None
        if after is None:
            raise UnreadError(
                f"it rearranges the {show_shape(view.of)} of {view.source!r} in a way that is not followed"
            )
        return self.settled(node, after)


def along_channels(view: View, default: int) -> dict[str, int]:
    """Return the field that makes an operator work along the channels of a value, unless its default does."""
    first, last = view.channel == 0, view.channel == len(view.of) - 1
    return {} if (first if default == 0 else last) else {"axis": view.channel}


def axis_in(axis: int, shape: Sequence[int] | Shape) -> int:
    """Return an axis, counted from the front.

    Raises:
        UnreadError: if there is none.
    """
    if not -len(shape) <= axis < len(shape):
        raise UnreadError(f"there is no axis {axis} in {show_shape(tuple(shape))}")
    return axis % len(shape)
