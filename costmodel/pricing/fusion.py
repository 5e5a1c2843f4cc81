"""Which layers a runtime can run as one kernel: a convolution or linear layer with what follows it element by element.

An operator can follow in the same kernel if each element of its output needs one element of its one input, besides
constants: batch norm, activations, and scales. Layer norm, local response norm and softmax need their neighbours too,
and sums and products of several tensors a second input, so they are kernels of their own.
"""

from __future__ import annotations

from costmodel.graph import LayerGraph


def kernels(graph: LayerGraph) -> list[str | None]:
    """Return for each layer the path of the layer that heads its kernel; None for views, which need none.

    A layer joins the kernel of the one it reads, views between them left aside, if nothing else reads what is between.
    """
    head: dict[str, str | None] = {}
    outputs = set(graph.outputs)
    readers = graph.readers()
    kernel_of: dict[str, str] = {}  # what can still be joined by a reader, views among them
    for layer in graph.layers:
        op, path = layer.op, layer.path
        source = layer.inputs[0] if layer.inputs else ""
        alone = source in readers and len(readers[source]) == 1 and source not in outputs
        kernel = kernel_of.get(source) if alone and (op.view or op.fuses == "tail") else None
        head[path] = None if op.view else kernel or path
        if kernel or op.fuses == "head":
            kernel_of[path] = kernel or path
    return [head[layer.path] for layer in graph.layers]
