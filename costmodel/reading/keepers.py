"""Which layer keeps which stored array, where several read one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any

from costmodel.graph import LayerGraph
from costmodel.reading.free import free
from costmodel.reading.network import Part
from costmodel.reading.value import Value
from costmodel.units import counted


class Keepers:
    """Which layer keeps which stored array: the first that has it."""

    def __init__(self, taken: Collection[str] = (), exported: bool = True) -> None:
        self.exported = exported
        """Whether an exporter wrote the arrays, which may have stored equal ones once."""
        self.kept: dict[Any, tuple[str, str]] = {}
        self.taken = taken
        self.copies: dict[str, int] = {}
        """The paths of what is to come, which no constant may have."""
        self.again: list[int] = []
        """The sizes of arrays of one axis that another layer keeps too, while the layer's other arrays are its own."""
        self.apart: list[int] = []
        """The sizes of such whose numbers are all one, as at the start of training: they are each layer's own."""

    def free(self, name: str, graph: LayerGraph) -> str:
        """Return a path for a constant that no layer has, or is to have."""
        return free(name, lambda path: not path or path in graph or path in self.taken, self.copies)

    def notes(self) -> Iterator[str]:
        """Yield what to say of arrays that may be shared, or may only have been equal when they were written."""
        if self.apart:
            yield (
                f"{counted(len(self.apart), 'array')} of one number throughout, stored once for several layers because "
                f"equal, and counted for each: {sum(self.apart):,} numbers more than are stored"
            )
        if self.again:
            yield (
                f"{counted(len(self.again), 'array')} of one axis shared by several layers, and counted once; if "
                f"merged only because they were equal when the file was written, params are {sum(self.again):,} more"
            )

    def beside(self, path: str, values: Iterable[Value]) -> int:
        """Return how many numbers are stored beside a layer's constants and no other layer keeps, such as scales."""
        arrays = dict.fromkeys(array for value in values for array in value.arrays[1:] if not array.trained)
        new = [array for array in arrays if self.kept.setdefault(array.name, (path, "beside")) == (path, "beside")]
        return sum(array.size for array in new)

    def of(self, part: Part, graph: LayerGraph) -> tuple[str | None, tuple[tuple[str, str], ...]]:
        """Return the layer whose arrays a part shares, if those are all it has, and which single ones it shares."""
        tied: dict[str, tuple[str, str]] = {}
        for name, value in part.arrays.items():
            keeper = self.kept.setdefault(key(value), (part.path, name))
            if keeper != (part.path, name):
                tied[name] = keeper
        if not tied:
            return None, ()
        if self.exported and all(_is_start(part.arrays[name]) for name in tied):
            self.apart += [part.arrays[name].size for name in tied]
            return None, ()
        own = part.op.weights(*[_shape(source, graph) for source in part.inputs])
        paths = {path for path, _ in tied.values()}
        if len(tied) == len(part.arrays) and len(paths) == 1 and part.path not in paths:
            (path,) = paths
            if path in graph and own == _weights(graph, path) and all(tied[name][1] == name for name in tied):
                if all(_is_row(value) for value in part.arrays.values()):
                    self._note(part, tied, own)
                return path, ()
        self._note(part, tied, own)
        return None, tuple((name, "/".join(keeper)) for name, keeper in tied.items())

    def _note(self, part: Part, tied: Iterable[str], own: Collection[str]) -> None:
        """Note the arrays of one axis, but for buffers, that a part shares."""
        self.again += [part.arrays[name].size for name in tied if name in own and _is_row(part.arrays[name])]


def _is_start(value: Value) -> bool:
    """Say whether an array of one axis holds one number throughout, as norms and biases do when training starts."""
    return _is_row(value) and value.size > 1 and value.scalar() is not None


def _is_row(value: Value) -> bool:
    """Say whether at most one axis of an array is of another size than 1."""
    return sum(size != 1 for size in value.shape) <= 1


def key(value: Value) -> Any:
    """Return what is the same for two constants that are the same numbers of a file."""
    return value.arrays[0].name if value.whole else id(value)


def _weights(graph: LayerGraph, path: str) -> dict[str, Any]:
    """Return the names and shapes of the weights of the layer at a path."""
    layer = graph.layer(path)
    return layer.op.weights(*layer.input_shapes)


def _shape(source: str | Value, graph: LayerGraph) -> tuple[Any, ...]:
    return source.shape if isinstance(source, Value) else graph.shape(source)
