"""From what was read to a graph of layers: constants that are read become layers, shared arrays are told."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from costmodel.errors import CostModelError, ShapeError
from costmodel.graph import LayerGraph
from costmodel.ops import OPERATORS
from costmodel.ops.opaque import Opaque
from costmodel.reading.network import Network, Part
from costmodel.reading.value import REALS, Array, Value
from costmodel.tensor import BITS, Tensor
from costmodel.units import counted


def finished(network: Network, graph: LayerGraph, folded_mult_adds: int = 0, exported: bool = True) -> LayerGraph:
    """Add the parts of a network to a graph that has its inputs, and return it, with notes of what was folded.

    What is `exported` may have had arrays merged or folded by who wrote it; that too is noted.

    Raises:
        CostModelError: if its sizes are beyond what a layer may have.
    """
    graph.read = True
    if exported:
        graph.notes += _folded(network, folded_mult_adds)
    keepers = Keepers(network.parts, exported)
    sources: dict[Any, str] = {}
    for part in network.parts.values():
        reads = tuple(_read(source, part, graph, sources, keepers) for source in part.inputs)
        shares, tied = keepers.of(part, graph)
        gives = Tensor(part.shape, kind_of(part.dtype, graph.dtype), part.batched)
        try:
            graph.add(
                part.path,
                part.op,
                reads,
                shares=shares,
                tied=tied,
                gives=gives,
                stored=_stored(part.arrays, graph),
                beside=keepers.beside(part.path, part.arrays.values()),
            )
        except (ShapeError, ValueError) as error:
            raise CostModelError(f"{graph.file or graph.name}: layer {part.path}: {error}") from None
        if part.partial:
            graph.unpriced[part.path] = (getattr(part.op, "type", part.op.name), part.partial)
    if exported:
        graph.notes += keepers.notes()
    for path in network.outputs:
        if path in network.parts:
            graph.mark_output(path)
    return graph


def _folded(network: Network, mult_adds: int) -> Iterator[str]:
    """Yield what to say of what depends on no input, which is computed once and for all beforehand."""
    if mult_adds:
        yield f"{mult_adds:,} mult-adds depend on no input and are not counted: they are done once, beforehand"
    weights = [value for part in network.parts.values() for value in part.arrays.values() if value.real]
    inputs = [one for part in network.parts.values() for one in part.inputs if isinstance(one, Value)]
    read = [one for one in inputs if one.real and any(array.trained for array in one.arrays)]
    counted = {key(value): value.size for value in weights} | {key(one): one.size for one in read if one.trained}
    stored = {array.name: array.size for value in [*weights, *read] for array in _made_of(value)}
    if sum(counted.values()) != sum(stored.values()):
        yield (
            f"params are those of the arrays that are computed with, {sum(counted.values()):,} numbers in all; the "
            f"file stores {sum(stored.values()):,} for them, of which some are folded into others"
        )


def _made_of(value: Value) -> list[Array]:
    """Return the arrays whose numbers a constant is made of, without scales that only belong to them."""
    return [array for array in value.arrays if array.dtype in REALS] if not value.whole else [*value.arrays[:1]]


class Keepers:
    """Which layer keeps which stored array: the first that has it."""

    def __init__(self, taken: Collection[str] = (), exported: bool = True) -> None:
        self.exported = exported
        """Whether an exporter wrote the arrays, which may have stored equal ones once."""
        self.kept: dict[Any, tuple[str, str]] = {}
        self.taken = taken
        """The paths of what is to come, which no constant may have."""
        self.again: list[int] = []
        """The sizes of arrays of one axis that another layer keeps too, while the layer's other arrays are its own."""
        self.apart: list[int] = []
        """The sizes of such whose numbers are all one, as at the start of training: they are each layer's own."""

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
        if tied and self.exported and all(_is_start(part.arrays[name]) for name in tied):
            self.apart += [part.arrays[name].size for name in tied]
            return None, ()
        paths = {path for path, _ in tied.values()}
        if tied and len(tied) == len(part.arrays) and len(paths) == 1 and part.path not in paths:
            (path,) = paths
            if path in graph and _alike(part, graph, path) and all(tied[name][1] == name for name in tied):
                if all(_is_row(value) for value in part.arrays.values()):
                    self._note(part, tied, graph)
                return path, ()
        self._note(part, tied, graph)
        return None, tuple((name, "/".join(keeper)) for name, keeper in tied.items())

    def _note(self, part: Part, tied: Iterable[str], graph: LayerGraph) -> None:
        """Note the arrays of one axis, but for buffers, that a part shares."""
        own = part.op.weights(*[_shape(source, graph) for source in part.inputs])
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


def _alike(part: Part, graph: LayerGraph, path: str) -> bool:
    """Say whether a part has arrays of the same names and shapes as the layer at a path."""
    layer = graph.layer(path)
    own = part.op.weights(*[_shape(source, graph) for source in part.inputs])
    return own == layer.op.weights(*layer.input_shapes)


def _shape(source: str | Value, graph: LayerGraph) -> tuple[Any, ...]:
    return source.shape if isinstance(source, Value) else graph.shape(source)


def _read(source: str | Value, part: Part, graph: LayerGraph, sources: dict[Any, str], keepers: Keepers) -> str:
    """Return the path of what a part reads; a constant gets a layer of its own, once."""
    if isinstance(source, str):
        return source
    at = (key(source), source.shape)
    if at not in sources:
        sources[at] = _constant(source, part, graph, keepers)
    return sources[at]


def _constant(value: Value, part: Part, graph: LayerGraph, keepers: Keepers) -> str:
    trained = value.trained and not _is_scale(value, part, graph)
    number = None if value.arrays else value.scalar()
    fields: Mapping[str, Any] = {"size": value.shape}
    if not trained and number is not None:
        fields = {**fields, "value": number}
    op = OPERATORS["parameter" if trained else "constant"](**fields)
    name = value.arrays[0].name if value.whole else f"{part.path}.constant"
    path, more = name, 1
    while path in graph or path in keepers.taken or not path:
        more += 1
        path = f"{name}_{more}"
    tied: tuple[tuple[str, str], ...] = ()
    if trained or number is None:
        own = "weight" if trained else "value"
        keeper = keepers.kept.setdefault(key(value), (path, own))
        tied = ((own, "/".join(keeper)),) if keeper != (path, own) else ()
    gives = Tensor(value.shape, kind_of(value.dtype, graph.dtype), False)
    stored = _stored({"weight": value}, graph) if trained else ()
    graph.add(path, op, (), tied=tied, gives=gives, stored=stored, beside=keepers.beside(path, [value]))
    return path


def _is_scale(value: Value, part: Part, graph: LayerGraph) -> bool:
    """Say whether a stored number belongs to a scale that is found on the way, as weights' scales do."""
    paths = [source for source in part.inputs if isinstance(source, str) and source not in graph.inputs]
    others = [graph.layer(path).op for path in paths]
    return value.size == 1 and any(isinstance(op, Opaque) and not op.size for op in others)


def kind_of(dtype: str, own: str) -> str | None:
    """Return a tensor's dtype as layers have it: None where it follows the network's, or is none that is known."""
    return None if dtype == own or dtype not in BITS or (dtype in REALS and own not in REALS) else dtype


def _stored(arrays: Mapping[str, Value], graph: LayerGraph) -> tuple[tuple[str, str], ...]:
    """Return the arrays that are stored in another dtype than the network's, each with its own."""
    kinds = {name: value.arrays[0].dtype if value.arrays else value.dtype for name, value in arrays.items()}
    return tuple((name, kind) for name, kind in kinds.items() if kind != graph.dtype and kind in BITS)
