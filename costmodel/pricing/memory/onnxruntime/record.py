"""A network written down as the nodes of its ONNX file, without a file: what every operator's page says it is there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import chain
from typing import Any

from costmodel.graph import Layer, LayerGraph
from costmodel.numbers.arithmetic import Shape
from costmodel.ops.base import OfInputs
from costmodel.ops.opaque import Opaque
from costmodel.pricing.memory.onnxruntime import shapes
from costmodel.pricing.memory.onnxruntime.nodes import WHOLE, Nodes, Value
from costmodel.tensor import Tensor

LOOP = "Scan"
UNKNOWN = "Opaque"


def record(graph: LayerGraph, batch: int) -> Nodes:
    """Return the nodes that a network's ONNX file has, for so many images.

    What is computed from stored arrays alone is stored: ONNX Runtime computes it before the network runs.
    """
    inputs = {name: Value(with_batch(tensor, batch), tensor.dtype) for name, tensor in graph.inputs.items()}
    nodes = Nodes(tuple(inputs), dict(inputs), graph.outputs)
    tensors = dict(graph.inputs)
    for layer in graph.layers:
        _Recorder(nodes, layer, batch, tensors).record()
        tensors[layer.path] = layer.tensor
    return nodes


def with_batch(tensor: Tensor, batch: int) -> Shape:
    """Return the shape of a tensor with its batch, as files have it."""
    return (batch if tensor.batched else 1, *tensor.shape)


class _Recorder(OfInputs):
    """Collects the nodes of one layer; an `Emit`."""

    def __init__(self, nodes: Nodes, layer: Layer, batch: int, tensors: Mapping[str, Tensor]) -> None:
        self.nodes, self.layer, self.batch, self.tensors = nodes, layer, batch, tensors
        self.path = layer.path
        self.made = 0

    def record(self) -> None:
        """Write the layer; one that is not known is a node that gives what it is said to give."""
        layer = self.layer
        whole = Value(with_batch(layer.tensor, self.batch), layer.dtype)
        if isinstance(layer.op, Opaque):
            self.nodes.values[self.path] = whole
            self.nodes.add(UNKNOWN, list(layer.inputs), [self.path], self.path)
            return
        arrays = layer.op.weights(*layer.input_shapes) | layer.op.buffers(*layer.input_shapes)
        names = {name: f"{layer.shares or layer.path}/{name}" for name in arrays}
        for name, shape in arrays.items():
            self.nodes.values.setdefault(names[name], Value(tuple(shape), layer.op.stored()[0], stored=True))
        self._finish(layer.op.onnx(self, names, *layer.inputs), whole)

    def _finish(self, result: str, whole: Value) -> None:
        """Name the layer's result after the layer."""
        nodes = self.nodes
        maker = nodes.made_by.get(result)
        value = nodes.values.pop(result) if result not in self.tensors else whole
        if maker is None:
            nodes.values[self.path] = Value(whole.shape, whole.dtype, True, value.numbers)
            return
        nodes.values[self.path] = whole
        nodes.give(maker, [self.path if name == result else name for name in maker.outputs])

    def __call__(self, op_type: str, *inputs: str, output: int = 0, outputs: int = 1, **attributes: Any) -> str:
        """Add a node of at least `outputs` outputs that reads the values named `inputs`; return its `output`-th one."""
        number = max(outputs, output + 1)
        read = [self.nodes.values[name] if name else Value(()) for name in inputs]
        found = shapes.given(op_type, read, attributes, number)
        names = [self._name(position) for position in range(number)]
        known = all(one.stored for name, one in zip(inputs, read, strict=True) if name) or found[0].stored
        for name, value in zip(names, found, strict=False):
            numbers = _folded(op_type, read) if known and value.numbers is None else value.numbers
            self.nodes.values[name] = Value(value.shape, value.dtype, known, numbers)
        if not known:
            self.nodes.add(op_type, list(inputs), names, self.path, **attributes)
        self.made += 1
        return names[output]

    def _name(self, position: int) -> str:
        return f"{self.path}/{self.made}.{position}"

    def scan(self, step: Callable[..., tuple[str, ...]], states: tuple[str, ...], x: str, ways: int) -> list[str]:
        """Add a loop as one node: what is within it has memory of its own."""
        steps, images = self.nodes.values[x].shape[:2]
        shape = (steps, images, *self.nodes.values[states[0]].shape[1:])
        names = [self._name(way) for way in range(ways)]
        self.nodes.values |= dict.fromkeys(names, Value(shape))
        self.nodes.add(LOOP, [*states, x], names, self.path)
        self.made += 1
        return names

    def constant(self, values: Any) -> str:
        """Add a constant and return its name."""
        name = f"{self.path}/constant{self.made}"
        self.made += 1
        shape, first = _measured(values)
        numbers = values if shape == () else list(values) if len(shape) == 1 else None
        self.nodes.values[name] = Value(shape, _dtype(first), True, numbers)
        return name


def _measured(values: Any) -> tuple[Shape, Any]:
    """Return the shape of nested lists, or of an array, and one of its numbers, None where there is none."""
    shape: Shape = tuple(getattr(values, "shape", ()))
    if shape or hasattr(values, "item"):
        return shape, values.flat[0].item() if values.size else None
    while isinstance(values, (list, tuple)):
        real = (one for one in values if isinstance(one, float))  # one real number makes all real
        shape, values = (*shape, len(values)), next(real, values[0]) if values else None
    return shape, values


def _dtype(first: Any) -> str | None:
    """Return the dtype in which a constant is written."""
    return "bool" if isinstance(first, bool) else WHOLE if isinstance(first, int) else None


def _folded(kind: str, read: list[Value]) -> Any:
    """Return the numbers that follow from known ones: the sizes that files compute from shapes."""
    numbers = [one.numbers for one in read]
    if any(one is None for one in numbers):
        return None
    if kind == "Concat":
        return list(chain.from_iterable(numbers))
    if kind == "Squeeze" and isinstance(numbers[0], list) and len(numbers[0]) == 1:
        return numbers[0][0]
    return [numbers[0]] if kind == "Unsqueeze" and not isinstance(numbers[0], list) else None
