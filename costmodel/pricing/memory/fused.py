"""What is alive where kernels are fused and results overwrite what nothing else needs, in the order written: what a
runtime holds at least, unless it reorders layers or computes them in parts.

What lies between the layers of a kernel (`pricing/fusion.py`) never exists, and a kernel runs where its first layer
stands. An activation overwrites its input, a merge an input of its own shape, where nothing reads that later; the
network's own inputs stay. A kernel whose output a merge alone reads adds it to what the merge overwrites, if all that
the merge reads besides is there before the kernel runs and nothing reads what is overwritten from then on.
"""

from __future__ import annotations

from collections.abc import Sequence

from costmodel.graph import Layer, LayerGraph
from costmodel.numbers.arithmetic import same
from costmodel.pricing.memory.liveness import Lifetimes, reads


class Fused:
    """Where values lie and when they are there, given for each layer the path that heads its kernel, as
    `fusion.kernels` does.

    home: for each node the tensor that its values lie in, by the path of a node of that size. runs: for each layer the
    index at which it runs, which is that of its kernel's first.
    """

    def __init__(self, graph: LayerGraph, heads: Sequence[str | None]) -> None:
        self.graph = graph
        self.home = {name: name for name in graph.inputs}
        self.runs: list[int] = []
        self._made = dict.fromkeys(graph.inputs, -1)  # when each node's values are there
        self._allocated: dict[str, int] = {}  # when each tensor is
        self._last = dict.fromkeys(graph.inputs, 0)  # when it is last touched
        self._kernels: dict[str, int] = {}  # when each tensor that a convolution or product writes is written
        times = reads(graph)
        self._left = {name: times[name] for name in graph.inputs}  # reads to come of each tensor
        self._place(heads, times)

    def lifetimes(self) -> Lifetimes:
        """Return when each tensor is allocated and freed."""
        return Lifetimes.of(self.graph, self._allocated, self._last)

    def _place(self, heads: Sequence[str | None], times: dict[str, int]) -> None:
        home, made, left, last, runs = self.home, self._made, self._left, self._last, self.runs
        ends = dict(zip(heads, [layer.path for layer in self.graph.layers], strict=True))
        for index, (layer, head) in enumerate(zip(self.graph.layers, heads, strict=True)):
            path, inputs = layer.path, layer.inputs
            if head != path and inputs:  # a view, or what follows in a kernel
                tensor, at = home[inputs[0]], made[inputs[0]]
                left[tensor] += times[path] - 1
                runs.append(index if head is None else at)
            elif head is None:  # it lies among the weights
                tensor, at = path, -1
                left[tensor] = times[path]
                runs.append(index)
            else:
                sources = [home[name] for name in inputs]
                for source in sources:
                    left[source] -= 1
                tensor, at = self._overwritten(layer, sources, index) if layer.op.in_place else ("", index)
                if tensor:
                    left[tensor] += times[path]
                else:
                    tensor = ends[path]
                    left[tensor] = times[path]
                    self._allocated[tensor] = last[tensor] = at
                    if layer.op.fuses == "head":
                        self._kernels[tensor] = at
                for source in sources:
                    if last.get(source, at) < at:
                        last[source] = at
                runs.append(at)
            home[path], made[path] = tensor, at
        for path in self.graph.outputs:
            last[home[path]] = len(self.graph)

    def _overwritten(self, layer: Layer, sources: list[str], index: int) -> tuple[str, int]:
        """Return the tensor that a layer overwrites, "" if there is none, and when it runs."""
        read = list(zip(layer.inputs, sources, strict=True))
        free = [tensor for name, tensor in read if self._free(layer, name, tensor)]
        if len(read) > 1 and free:
            last, written = self._last, self._kernels
            joined = max(free, key=lambda tensor: written.get(tensor, -1))
            at = written.get(joined, -1)
            if last[joined] == at and all(self._made[name] < at for name, tensor in read if tensor != joined):
                for tensor in free:
                    if last[tensor] < at:
                        del self._allocated[joined], last[joined]
                        return tensor, at
        return (free[0] if free else ""), index

    def _free(self, layer: Layer, name: str, tensor: str) -> bool:
        """Say whether a layer may overwrite the tensor in which an input lies."""
        if self._left[tensor] or tensor not in self._allocated:
            return False
        if len(layer.inputs) == 1:
            return True
        given, out = self.graph.tensor(name), layer.tensor
        alike = (given.dtype, given.batched, len(given.shape)) == (out.dtype, out.batched, len(out.shape))
        return alike and all(map(same, given.shape, out.shape))
