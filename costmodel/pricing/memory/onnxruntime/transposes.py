"""Transposes moved towards others that they cancel or join: ONNX Runtime pushes one through a node if fewer axes are
turned then.

Source: onnx_transpose_optimization.cc of ONNX Runtime.
"""

from __future__ import annotations

from collections.abc import Sequence

from costmodel.pricing.memory.onnxruntime.nodes import Node, Nodes, Value
from costmodel.pricing.memory.onnxruntime.orders import Order, as_order, split_into, without

SINGLE = frozenset(
    (
        "Cast Exp Identity LeakyRelu Log Reciprocal Relu Sigmoid Sqrt Tanh Abs Not Ceil Floor Neg Erf HardSigmoid "
        "Round IsNaN Selu Shrink Sign Softplus Softsign ThresholdedRelu Celu HardSwish Sin Cos Clip"
    ).split()
)
"""Nodes that do the same to every element of their first input."""
SPREAD = frozenset(
    "Add Max Min Mul Sub Div And Or Xor Mod PRelu Equal Greater Less GreaterOrEqual LessOrEqual Sum Pow Where".split()
)
"""Nodes that do so to inputs which spread over one another."""
ALONG = frozenset(("Concat", "Split", "Softmax", "LogSoftmax"))
"""Nodes that work along the axis that an attribute names."""
LISTED = frozenset(
    ("Slice", "Pad", "Tile", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd", "ReduceSum", "ReduceL2")
)
"""Nodes that work along axes that a stored input names."""
MOVED = SINGLE | SPREAD | ALONG | LISTED
KNOWN = MOVED | {"Transpose", "Reshape", "Squeeze", "Unsqueeze", "Shape", "ArgMax", "ArgMin"}


def push(nodes: Nodes) -> None:
    """Move transposes until none moves any more."""
    while _Pushed(nodes).once():
        pass


class _Pushed:
    def __init__(self, nodes: Nodes) -> None:
        self.nodes = nodes
        self.order = nodes.ordered()
        self.leading: set[str] = set()  # values from which a transpose is reached through nodes that let one pass
        for node in reversed(self.order):
            if node.kind == "Transpose":
                self.leading.add(node.inputs[0])
            elif node.kind in MOVED and not self.leading.isdisjoint(node.outputs):
                self.leading.update(self._own(node))

    def once(self) -> bool:
        """Push what can be pushed, node by node; say whether anything was."""
        changed = False
        for node in self.order:
            if node.index not in self.nodes.by_index:
                continue
            for name in node.inputs:
                before = self.nodes.made_by.get(name)
                if before is not None and before.kind == "Transpose" and self._push(before, node):
                    changed = True
                    break
        return changed

    def _own(self, node: Node) -> list[str]:
        """Return the inputs that a transpose would go to."""
        if node.kind in SPREAD:
            return [name for name in node.inputs if self.nodes.values[name].shape]
        return list(node.inputs) if node.kind == "Concat" else node.inputs[:1]

    def _push(self, transpose: Node, node: Node) -> bool:
        order = _order(transpose)
        if node.kind == "Transpose":
            return self._merge(transpose, node, order, _order(node))
        if transpose.outputs[0] not in self._own(node) or self._cost(node, order) >= 0:
            return False
        if node.kind == "Reshape":
            return self._reshape(transpose, node, order)
        return node.kind in MOVED and self._through(node, order)

    def _cost(self, node: Node, order: Order) -> int:
        """Return how many more axes are turned if a transpose is pushed through a node."""
        cost = sum(self._cost_of(name, order) for name in self._own(node))
        if cost < 0 and node.kind in MOVED and self.leading.isdisjoint(node.outputs):
            cost += max(self._rank(name) for name in node.outputs)
        return cost

    def _cost_of(self, name: str, order: Order) -> int:
        if self.nodes.stored(name):
            return 0
        before = self.nodes.made_by.get(name)
        if before is None or before.kind != "Transpose":
            return self._rank(name)
        goes = name not in self.nodes.outputs and all(one.kind in KNOWN for one in self.nodes.readers[name])
        return -self._rank(name) if _order(before) == order and goes else 0

    def _rank(self, name: str) -> int:
        return sum(size != 1 for size in self.nodes.values[name].shape)

    def _merge(self, transpose: Node, node: Node, first: Order, second: Order) -> bool:
        """Make two transposes in a row one, or none."""
        joined = tuple(first[axis] for axis in second)
        source = transpose.inputs[0]
        if joined == tuple(range(len(joined))):
            self._cancel(node, source)
        else:
            self.nodes.rewire(node, [source])
            node.attributes = {"perm": list(joined)}
        self._swept(transpose)
        return True

    def _cancel(self, node: Node, source: str) -> None:
        """Take out a node whose result is `source`."""
        result = node.outputs[0]
        if result not in self.nodes.outputs:
            self.nodes.replace(result, source)
            self.nodes.remove(node)
            return
        maker = self.nodes.made_by.get(source)
        if maker is None or source in self.nodes.outputs:
            self.nodes.remove(node)
            self.nodes.add("Identity", [source], [result], node.path)
            return
        self.nodes.remove(node)
        self.nodes.replace(source, result)
        self.nodes.give(maker, [result if name == source else name for name in maker.outputs])

    def _swept(self, transpose: Node) -> None:
        """Take out a transpose that nobody reads any more."""
        (name,) = transpose.outputs
        if not self.nodes.readers.get(name) and name not in self.nodes.outputs:
            self.nodes.remove(transpose)

    def _reshape(self, transpose: Node, node: Node, order: Order) -> bool:
        """A reshape that moves axes of size 1 alone is a transpose; one that splits axes alone lets one pass."""
        before, after = (self.nodes.values[one.outputs[0]].shape for one in (transpose, node))
        equal = as_order(before, after)
        if equal is not None:
            source, given = transpose.inputs[0], node.outputs
            joined = [order[axis] for axis in equal]
            if joined == list(range(len(joined))):
                self._cancel(node, source)
            else:
                self.nodes.remove(node)
                self.nodes.add("Transpose", [source], given, node.path, perm=joined)
            self._swept(transpose)
            return True
        parts = split_into(before, after)
        if parts is None:
            return False
        # the axes in the order that they have before the transpose, each split as it is after it
        whole = [parts[order.index(axis)] for axis in range(len(order))]
        sizes = [after[place] for run in whole for place in run]
        places = [place for run in whole for place in run]
        self._split(transpose, node, sizes, tuple(places.index(place) for place in range(len(after))))
        return True

    def _split(self, transpose: Node, node: Node, sizes: list[int], order: Order) -> None:
        stored = self.nodes.known(node.path, sizes)
        result = node.outputs[0]
        inner = self.nodes.fresh(result, tuple(sizes), self.nodes.values[result].dtype)
        self.nodes.rewire(node, [transpose.inputs[0], stored])
        self.nodes.give(node, [inner])
        self.nodes.add("Transpose", [inner], [result], node.path, perm=list(order))
        self._swept(transpose)

    def _through(self, node: Node, order: Order) -> bool:
        """Let a node work on what was not transposed, and transpose its result."""
        back = tuple(order.index(axis) for axis in range(len(order)))
        own = self._own(node)
        if node.kind in LISTED or any(len(self.nodes.values[name].shape) > len(order) for name in own):
            return self._listed(node, order, back) if node.kind in LISTED else False
        self._turn_inputs(node, own, order, back)
        if node.kind in ALONG:
            node.attributes = node.attributes | {"axis": order[node.attributes["axis"]]}
        self._turn_outputs(node, order)
        return True

    def _listed(self, node: Node, order: Order, back: Order) -> bool:
        """The same for a node whose axes are stored."""
        place = {"Slice": 3}.get(node.kind, 1)
        numbers = list(self.nodes.values[node.inputs[place]].numbers)
        rank = len(order)
        if node.kind == "Pad":
            numbers = [numbers[half * rank + back[axis]] for half in (0, 1) for axis in range(rank)]
        elif node.kind == "Tile":
            numbers = [numbers[back[axis]] for axis in range(rank)]
        else:
            numbers = [order[axis] for axis in numbers]
        stored = self.nodes.known(node.path, numbers)
        gone = self.nodes.values[node.inputs[place]].numbers if not node.attributes.get("keepdims", 1) else []
        self._turn_inputs(node, node.inputs[:1], order, back)
        self.nodes.rewire(node, [stored if at == place else name for at, name in enumerate(node.inputs)])
        self._turn_outputs(node, without(order, gone))
        return True

    def _turn_inputs(self, node: Node, own: Sequence[str], order: Order, back: Order) -> None:
        for name in dict.fromkeys(own):
            turned = self._turned(node, name, order, back)
            self.nodes.rewire(node, [turned if one == name else one for one in node.inputs])
            before = self.nodes.made_by.get(name)
            if before is not None and before.kind == "Transpose":
                self._swept(before)

    def _turned(self, node: Node, name: str, order: Order, back: Order) -> str:
        """Return a value with its axes as they were before a transpose in `order`."""
        value, before = self.nodes.values[name], self.nodes.made_by.get(name)
        shape = (*[1] * (len(order) - len(value.shape)), *value.shape)
        shape = tuple(shape[axis] for axis in back)
        if before is not None and before.kind == "Transpose":
            if _order(before) == order:
                return before.inputs[0]
            source, way = before.inputs[0], tuple(_order(before)[axis] for axis in back)
        else:
            source, way = name, back
        if value.stored:
            stored = self.nodes.fresh(name, shape, value.dtype)
            self.nodes.values[stored] = Value(shape, value.dtype, True)
            return stored
        for other in self.nodes.readers.get(name, ()):
            if other.kind == "Transpose" and _order(other) == back:
                return other.outputs[0]
        turned = self.nodes.fresh(name, shape, value.dtype)
        self.nodes.add("Transpose", [source], [turned], node.path, perm=list(way))
        return turned

    def _turn_outputs(self, node: Node, order: Order) -> None:
        if order == tuple(range(len(order))):
            return
        given, inner = list(node.outputs), []
        for name in given:
            value = self.nodes.values[name]
            shape = tuple(value.shape[order.index(axis)] for axis in range(len(order)))
            inner.append(self.nodes.fresh(name, shape, value.dtype))
        self.nodes.give(node, inner)
        for one, name in zip(inner, given, strict=True):
            self.nodes.add("Transpose", [one], [name], node.path, perm=list(order))


def _order(node: Node) -> Order:
    return tuple(node.attributes["perm"])
