"""Which layers a runtime can run as one kernel: a convolution or product with the norms and activations after it."""

from __future__ import annotations

from costmodel.graph import LayerGraph


def kernels(graph: LayerGraph) -> list[str | None]:
    """Return for each layer the path of the layer that heads its kernel; None for views, which need none.

    A norm or activation joins the kernel of the layer it reads if nothing else reads that layer.
    """
    head: dict[str, str | None] = {}
    outputs = set(graph.outputs)
    readers = graph.readers()
    open_kernels: set[str] = set()
    for layer in graph.layers:
        op, path = layer.op, layer.path
        source = layer.inputs[0]
        if op.view:
            head[path] = None
        elif (
            op.fuses == "tail"
            and source in open_kernels
            and len(readers[source]) == 1
            and source not in outputs
        ):
            head[path] = head[source]
            open_kernels.add(path)
        else:
            head[path] = path
            if op.fuses == "head":
                open_kernels.add(path)
    return [head[layer.path] for layer in graph.layers]
