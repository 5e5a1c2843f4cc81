"""What each layer keeps for the backward pass, and what each gradient of a step needs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from costmodel.graph import Layer, LayerGraph
from costmodel.numbers.arithmetic import Number, is_plain, product
from costmodel.ops.saved import OUTPUT, Saved
from costmodel.pricing.memory.liveness import storages
from costmodel.tensor import REALS


@dataclass(frozen=True, slots=True)
class Kept:
    """What one layer takes part in of the backward pass.

    learns: whether its own weights get gradients. wanted: the places of those inputs that get some. tensors: the
    tensors that it keeps of those that are there anyway, by the path in whose memory they lie. own: those that it makes
    itself.
    """

    learns: bool
    wanted: tuple[int, ...]
    tensors: tuple[str, ...]
    own: tuple[Saved, ...]
    shares: Mapping[str, Number] = field(default_factory=dict)
    """Of arrays of networks, for those tensors that not all keep, 1 where one does and 0 elsewhere."""

    @property
    def active(self) -> bool:
        """Whether anything goes back through it."""
        return self.learns or bool(self.wanted)


def trainable(graph: LayerGraph, layer: Layer) -> bool:
    """Say whether the weights that a layer computes with are trained: those that it shares are where they are kept."""
    return layer.trainable and (layer.shares is None or graph.layer(layer.shares).trainable)


def kept(
    graph: LayerGraph,
    keeps: str = "pytorch",
    trains: Callable[[Layer], bool] | None = None,
    storage: dict[str, str] | None = None,
    inputs: Collection[str] = (),
) -> list[Kept]:
    """Return what each layer keeps, in order.

    Args:
        graph: the network.
        keeps: "pytorch" or "minimum", as in `Training`.
        trains: whether a layer's weights are trained; as the network says itself by default.
        storage: the path in whose memory each node lies; as in eager PyTorch by default.
        inputs: those of the network's inputs that get gradients too.
    """
    storage = storages(graph, training=True) if storage is None else storage
    sources = {layer.path for layer in graph.layers if not layer.inputs and layer.op.view}
    held = sources - graph.made  # they lie among the weights
    needs = {name: name in inputs for name in graph.inputs}
    given = _given(graph)
    result: list[Kept] = []
    choices: list[tuple[int, Saved]] = []
    taken: set[str] = set()
    for number, layer in enumerate(graph.layers):
        learns = bool(layer.op.weights(*layer.input_shapes)) and (trains(layer) if trains else trainable(graph, layer))
        wanted = tuple(place for place, name in enumerate(layer.inputs) if needs[name])
        real = layer.dtype is None or layer.dtype in REALS
        learns, wanted = (learns, wanted) if real else (False, ())
        needs[layer.path] = learns or bool(wanted)
        asked = _asked(layer, keeps, learns, wanted) if needs[layer.path] else []
        places = given.get((layer.op.beside, *_question(layer))) if layer.op.beside and given else None
        free = [saved for saved in asked if keeps == "minimum" and saved.instead is not None]
        tensors, own = _split(graph, layer, (saved for saved in asked if saved not in free), storage, held)
        if places is not None:
            own = tuple(saved for saved in own if saved.of != "places")
            tensors = (*tensors, places) if needs[layer.path] else ()
        taken.update(tensors)
        choices += ((number, saved) for saved in free)
        shares = {_root(layer, saved, storage): saved.share for saved in asked if not is_plain(saved.share)}
        result.append(Kept(learns, wanted, tensors, own, shares))
    for number, saved in choices:
        _choose(graph, graph.layers[number], result, number, saved, storage, held, taken)
    return result


def _is_copied(graph: LayerGraph, layer: Layer, place: int, storage: dict[str, str]) -> bool:
    """Say whether a layer was seen to read a copy of an input that it keeps: because rows did not lie together, or
    because it writes its output over that input.
    """
    seen = graph.lies.get(layer.path)
    if seen is None:
        return False
    overwritten = seen.within and storage[layer.inputs[place]] == storage[layer.path]
    renames = layer.op.told_by_result or layer.op.aliases(*layer.input_shapes)
    return place in seen.gathered or bool(overwritten and not renames)


def _question(layer: Layer) -> tuple[object, ...]:
    """Return what decides which places a layer finds: its input and its fields."""
    return layer.inputs, str(vars(layer.op))


def _given(graph: LayerGraph) -> dict[tuple[object, ...], str]:
    """Return the layers that give places which others keep, by what decides them."""
    names = {layer.op.beside for layer in graph.layers} - {""}
    return {(layer.op.name, *_question(layer)): layer.path for layer in graph.layers if layer.op.name in names}


def _asked(layer: Layer, keeps: str, learns: bool, wanted: tuple[int, ...]) -> list[Saved]:
    """Return what of the page's facts the gradients at hand need, and this keeper keeps."""
    needed: set[int | str] = {*wanted, *(["weights"] if learns else [])}
    return [
        saved
        for saved in layer.op.saved(*layer.input_shapes)
        if saved.keeper in ("", keeps)
        and all(not by or needed.intersection(by) for by in (saved.by, saved.also))
        and not needed.intersection(saved.without)
    ]


def _choose(
    graph: LayerGraph,
    layer: Layer,
    result: list[Kept],
    number: int,
    saved: Saved,
    storage: dict[str, str],
    held: set[str],
    taken: set[str],
) -> None:
    """Keep a tensor, unless the one that does as well is kept anyway."""
    known = result[number]
    other = _path(layer, saved.instead) if saved.instead is not None else None
    if other is not None and (storage[other] in taken or other in held):
        return
    tensors, own = _split(graph, layer, [saved], storage, held)
    taken.update(tensors)
    both = tuple(dict.fromkeys((*known.tensors, *tensors)))
    result[number] = replace(known, tensors=both, own=(*known.own, *own))


def _root(layer: Layer, saved: Saved, storage: dict[str, str]) -> str:
    """Return where the tensor that a fact names lies."""
    return storage[_path(layer, saved.of) or layer.path]


def _path(layer: Layer, which: int | str) -> str | None:
    """Return the path of the tensor that a fact names, None for one of the layer's own."""
    if which == OUTPUT:
        return layer.path
    return layer.inputs[which] if isinstance(which, int) else None


def _split(
    graph: LayerGraph, layer: Layer, asked: Iterable[Saved], storage: dict[str, str], held: set[str]
) -> tuple[tuple[str, ...], tuple[Saved, ...]]:
    """Return the tensors that are there anyway, and those of the layer's own."""
    tensors: dict[str, None] = {}
    own = []
    for saved in asked:
        path = _path(layer, saved.of)
        if isinstance(saved.of, int) and path is not None and _is_copied(graph, layer, saved.of, storage):
            own.append(Saved("copy", numbers=product(graph.shape(path)), once=not graph.tensor(path).batched))
            continue
        if path is not None and saved.numbers and graph.tensor(path).dtype == "bool":
            own.append(replace(saved, once=not graph.tensor(path).batched))
        elif path is None:
            own.append(saved)
        elif storage[path] not in held:
            tensors[storage[path]] = None
    return tuple(tensors), tuple(own)
