"""Run a network on NumPy arrays, and prove its cost table by what running it really takes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from costmodel.errors import CostModelError, known_or_suggest
from costmodel.graph import Layer, LayerGraph
from costmodel.numbers.arithmetic import Shape, is_plain, show_shape
from costmodel.pricing import price
from costmodel.tensor import WHOLE_BYTES, Tensor
from costmodel.weights import RandomWeights, WeightSource, require_room

if TYPE_CHECKING:
    import numpy as np

    Array: TypeAlias = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class Check:
    """What the cost table says of one layer, beside what running it showed. Shapes are of one image, counts of a batch.

    `performed` are the multiplications that its matrix products carried out; `params_read` and `buffers_read` are the
    sizes of the trained and the other arrays that it asked for.
    """

    path: str
    op: str
    inferred_shape: Shape
    executed_shape: Shape
    mult_adds: int
    performed: int
    params: int
    params_read: int
    buffers: int
    buffers_read: int

    @property
    def ok(self) -> bool:
        """Whether all of it agrees."""
        return not self.problems

    @property
    def problems(self) -> tuple[str, ...]:
        """What does not agree, in words."""
        inferred, executed = show_shape(self.inferred_shape), show_shape(self.executed_shape)
        pairs = (
            (inferred, executed, f"the output is {executed}, but {inferred} was inferred"),
            (self.mult_adds, self.performed, f"{self.performed:,} multiplications done, but {self.mult_adds:,} priced"),
            (self.params, self.params_read, f"{self.params_read:,} params read, but {self.params:,} priced"),
            (self.buffers, self.buffers_read, f"{self.buffers_read:,} buffers read, but {self.buffers:,} priced"),
        )
        return tuple(text for said, seen, text in pairs if said != seen)


def run(
    graph: LayerGraph,
    x: Array | Mapping[str, Array] | None = None,
    batch: int = 1,
    seed: int = 0,
    *,
    weights: WeightSource | None = None,
    keep: Collection[str] = (),
) -> dict[str, Array]:
    """Execute `graph` and return the arrays, shaped (batch, *shape), of its outputs and of the paths in `keep`.

    Args:
        graph: the network, all sizes plain integers.
        x: images, shaped (batch, *input_shape), or arrays by the names of several inputs; standard normal ones (and
            indices that fit) drawn from `seed` by default.
        batch: images at once where `x` is not given.
        seed: of the images and the weights.
        weights: where a layer's arrays come from; random ones of `seed` by default. They are dropped after the layer.
        keep: paths whose arrays are wanted besides, ``input`` among them. All others are freed once nothing reads them.

    What is computed from sources alone has a batch of 1.

    Raises:
        CostModelError: if a size is no plain integer, `x` does not fit the network, or `keep` names no layer.
    """
    given = random_inputs(graph, batch, seed) if x is None else x
    inputs = dict(given) if isinstance(given, Mapping) else {next(iter(graph.inputs)): given}
    _require_fit(graph, inputs, keep)
    source = weights or RandomWeights(seed)
    wanted = {*graph.outputs, *keep}
    walk = _walk(graph, inputs, lambda layer, *inputs: layer.op.run(source.of(layer), *inputs))
    return {path: value for path, value in walk if path in wanted}


def verify(
    graph: LayerGraph,
    batch: int = 1,
    seed: int = 0,
    progress: Callable[[Check], object] | None = None,
    *,
    weights: WeightSource | None = None,
) -> list[Check]:
    """Execute `graph` on random images and weights, and compare each layer with its row of the cost table.

    `progress` is called with each check as it is made; there are ``len(graph)`` of them. `weights` are as in `run`.

    Raises:
        CostModelError: if the batch cannot be, or a size is no plain integer.
    """
    rows = iter(price(graph, batch, "float32"))
    source = weights or RandomWeights(seed)
    checks: list[Check] = []

    def step(layer: Layer, *inputs: Array) -> Array:
        out, check = _check(layer, source.of(layer), inputs, next(rows))
        checks.append(check)
        if progress is not None:
            progress(check)
        return out

    for _ in _walk(graph, random_inputs(graph, batch, seed), step):
        pass
    return checks


def _check(
    layer: Layer, weights: Mapping[str, Array], inputs: tuple[Array, ...], row: Mapping[str, Any]
) -> tuple[Array, Check]:
    """Run one layer; return its output, and what was seen beside its row of the table."""
    from costmodel.ops import arrays

    recorder = Recorder(weights)
    with arrays.counting() as counter:
        out = layer.op.run(recorder, *inputs)
    return out, Check(
        path=layer.path,
        op=layer.op.name,
        inferred_shape=row["output_shape"],
        executed_shape=out.shape[1:],
        mult_adds=row["mult_adds"],
        performed=counter.multiplications,
        params=row["params"],
        params_read=0 if layer.shares else recorder.size_of(layer.op.weights(*layer.input_shapes)),
        buffers=row["buffers"],
        buffers_read=0 if layer.shares else recorder.size_of(layer.op.buffers(*layer.input_shapes)),
    )


def random_inputs(graph: LayerGraph, batch: int = 1, seed: int = 0) -> dict[str, Array]:
    """Return inputs that fit the network by their names, the same for the same seed: standard normal float32 numbers,
    and where it reads indices, such as it can look up.

    Raises:
        CostModelError: if a size is no plain integer.
    """
    import numpy as np

    _require_plain(graph)
    for name, tensor in [*graph.inputs.items(), *((layer.path, layer.tensor) for layer in graph.layers)]:
        require_room((batch, *tensor.shape), name)
    draw = np.random.default_rng(seed)
    limits = [layer.op.most_index(*layer.input_shapes) for layer in graph.layers]
    most = min((limit for limit in limits if limit is not None), default=2)

    def one(tensor: Tensor) -> Array:
        shape = (batch if tensor.batched else 1, *tensor.shape)
        if tensor.dtype in WHOLE_BYTES:
            return draw.integers(0, 2 if tensor.dtype == "bool" else most, shape).astype(tensor.dtype)
        return draw.standard_normal(shape, dtype=np.float32)

    return {name: one(tensor) for name, tensor in graph.inputs.items()}


def random_images(graph: LayerGraph, batch: int = 1, seed: int = 0) -> Array:
    """Return the first of `random_inputs`."""
    return next(iter(random_inputs(graph, batch, seed).values()))


class Recorder(Mapping[str, "Array"]):
    """A layer's arrays, which remembers those that were asked for."""

    def __init__(self, arrays: Mapping[str, Array]) -> None:
        self.arrays = arrays
        self.read: set[str] = set()

    def __getitem__(self, name: str) -> Array:
        self.read.add(name)
        return self.arrays[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.arrays)

    def __len__(self) -> int:
        return len(self.arrays)

    def size_of(self, names: Collection[str]) -> int:
        """Return how many numbers were read of the arrays in `names`."""
        return sum(self.arrays[name].size for name in self.read.intersection(names))


def _walk(graph: LayerGraph, inputs: Mapping[str, Array], step: Callable[..., Array]) -> Iterator[tuple[str, Array]]:
    """Yield the inputs, then each layer's path and output as `step` makes it.

    An array is held only while a layer is still to read it.
    """
    last_reader = {name: layer.path for layer in graph.layers for name in layer.inputs}
    alive = dict(inputs)
    yield from inputs.items()
    for layer in graph.layers:
        alive[layer.path] = step(layer, *(alive[name] for name in layer.inputs))
        yield layer.path, alive[layer.path]
        for name in {layer.path, *layer.inputs}:
            if last_reader.get(name, layer.path) == layer.path:
                del alive[name]


def _require_plain(graph: LayerGraph) -> None:
    """Raise a CostModelError unless every size is an ordinary whole number."""
    if not all(
        is_plain(size)
        for tensor in (*graph.inputs.values(), *(layer.tensor for layer in graph.layers))
        for size in tensor.shape
    ):
        raise CostModelError(
            f"{graph.name} has sizes that are arrays or symbols; only a network of plain numbers can be run"
        )


def _require_fit(graph: LayerGraph, inputs: Mapping[str, Array], keep: Collection[str]) -> None:
    """Raise a CostModelError unless `inputs` fit the network and every path of `keep` is in it."""
    _require_plain(graph)
    if inputs.keys() != graph.inputs.keys():
        raise CostModelError(f"{graph.name} reads {', '.join(graph.inputs)}, but is given {', '.join(inputs)}")
    for name, tensor in graph.inputs.items():
        if inputs[name].shape[1:] != tensor.shape:
            raise CostModelError(
                f"{graph.name} reads {name} of {show_shape(tensor.shape)}, "
                f"but is given {show_shape(inputs[name].shape[1:])} (after the batch)"
            )
    for path in keep:
        if path not in graph:
            raise CostModelError(f"there is no layer {path!r} to keep; {known_or_suggest(path, graph.digraph)}")
