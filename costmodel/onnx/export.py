"""Write a network as an ONNX model, in the vocabulary that every operator's page gives."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from costmodel.graph import Layer, LayerGraph
from costmodel.ops.base import OfInputs
from costmodel.tensor import Tensor
from costmodel.weights import RandomWeights, WeightSource

if TYPE_CHECKING:
    import onnx

OPSET = 22
"""The version of ONNX's vocabulary written here: the first whose shape inference rounds pools up as they run."""
IR_VERSION = 10


def to_onnx(graph: LayerGraph, batch: int | str = 1, weights: WeightSource | None = None) -> onnx.ModelProto:
    """Return `graph` as an ONNX model. The value that a layer computes has the layer's path as its name.

    Args:
        graph: the network, all sizes plain integers.
        batch: images at a time, or the name of a dimension that is left open.
        weights: where the arrays come from; random ones of seed 0 by default. They are stored in the model itself, so
        the model can only be written to one file up to 2 GB; beyond that save it with ``onnx.save(...,
        save_as_external_data=True)``.
    """
    return model(graph.name, graph.layers, graph.inputs, graph.outputs, batch, weights)


def model(
    name: str,
    layers: Iterable[Layer],
    inputs: Mapping[str, Tensor],
    outputs: Iterable[str],
    batch: int | str = 1,
    weights: WeightSource | None = None,
) -> onnx.ModelProto:
    """Return `layers` as an ONNX model from the values named `inputs` to those named `outputs`.

    The first axis is the batch; it is 1 where a value was computed from sources alone.
    """
    from onnx import helper

    source = weights or RandomWeights()
    tensors = dict(inputs)
    nodes: list[onnx.NodeProto] = []
    arrays: list[onnx.TensorProto] = []
    for layer in layers:
        written = write(layer, source, tensors)
        nodes += written.nodes
        arrays += written.arrays
        tensors[layer.path] = layer.tensor

    def typed(value: str) -> onnx.ValueInfoProto:
        tensor = tensors[value]
        return helper.make_tensor_value_info(
            value, _element_type(tensor.dtype), [batch if tensor.batched else 1, *tensor.shape]
        )

    graph = helper.make_graph(nodes, name, [typed(v) for v in inputs], [typed(v) for v in outputs], arrays)
    opsets = [helper.make_opsetid("", OPSET)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="costmodel")


def _element_type(dtype: str | None) -> int:
    """Return ONNX's number of a dtype; real numbers are written as float32."""
    from onnx import TensorProto

    kinds = {
        "int64": TensorProto.INT64,
        "int32": TensorProto.INT32,
        "int8": TensorProto.INT8,
        "bool": TensorProto.BOOL,
    }
    return kinds.get(dtype or "", TensorProto.FLOAT)


@dataclass
class Writer(OfInputs):
    """Collects the nodes and arrays of one layer; an `Emit`. Names within a layer are its path, a slash and a counter
    or array name.
    """

    path: str
    tensors: Mapping[str, Tensor]
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    arrays: list[onnx.TensorProto] = field(default_factory=list)

    def __call__(self, op_type: str, *inputs: str, output: int = 0, outputs: int = 1, **attributes: Any) -> str:
        """Add a node of at least `outputs` outputs that reads the values named `inputs`; return its `output`-th one."""
        from onnx import helper

        stem = f"{self.path}/{len(self.nodes)}"
        names = [f"{stem}.{position}" for position in range(max(outputs, output + 1))]
        self.nodes.append(helper.make_node(op_type, list(inputs), names, name=stem, **attributes))
        return names[output]

    def scan(self, step: Callable[..., tuple[str, ...]], states: tuple[str, ...], x: str, ways: int) -> list[str]:
        """Add a loop over the first axis of `x` in one way or both; return the results of each along that axis."""
        from onnx import TensorProto, helper

        body = Writer(f"{self.path}/{len(self.nodes)}", self.tensors)

        def typed(name: str) -> onnx.ValueInfoProto:
            return helper.make_tensor_value_info(name, TensorProto.FLOAT, None)

        own, total = len(states), len(states) * ways
        given = [f"{body.path}/given{n}" for n in range(total + ways)]
        after = [step(body, *given[way * own : way * own + own], given[total + way], way=way) for way in range(ways)]
        results = [name for one in after for name in one] + [body("Identity", one[0]) for one in after]
        graph = helper.make_graph(body.nodes, body.path, [*map(typed, given)], [*map(typed, results)])
        turned = [*range(ways)]
        how: dict[str, Any] = {
            "num_scan_inputs": ways,
            "scan_input_directions": turned,
            "scan_output_directions": turned,
        }
        first = self("Scan", *states * ways, *[x] * ways, outputs=len(results), body=graph, **how)
        return [f"{first.removesuffix('.0')}.{total + way}" for way in range(ways)]

    def constant(self, values: Any) -> str:
        """Add a constant (integers as int64, true and false as bool, other numbers as float32) and return its name.

        It is a node: what the model stores as its initialisers are weights and buffers alone.
        """
        import numpy as np
        from onnx import helper, numpy_helper

        array = np.asarray(values)
        if array.dtype.kind != "b":
            array = array.astype(np.int64 if array.dtype.kind in "iu" else np.float32)
        name = f"{self.path}/constant{len(self.nodes)}"
        self.nodes.append(helper.make_node("Constant", [], [name], name, value=numpy_helper.from_array(array)))
        return name

    def store(self, name: str, array: Any) -> str:
        """Add an array to the model's file and return its name."""
        from onnx import numpy_helper

        self.arrays.append(numpy_helper.from_array(array, f"{self.path}/{name}"))
        return self.arrays[-1].name

    def finish(self, result: str) -> None:
        """Name the layer's result after the layer."""
        last = self.nodes[-1]
        last.output[list(last.output).index(result)] = self.path
        last.name = self.path


def write(layer: Layer, source: WeightSource, tensors: Mapping[str, Tensor]) -> Writer:
    """Return the nodes and arrays of one layer that reads some of `tensors`. Shared arrays are read where they are."""
    writer = Writer(layer.path, tensors)
    arrays = source.of(layer)
    if layer.shares:
        names = {name: f"{layer.shares}/{name}" for name in arrays}
    else:
        names = {name: writer.store(name, array) for name, array in arrays.items()}
    writer.finish(layer.op.onnx(writer, names, *layer.inputs))
    return writer
