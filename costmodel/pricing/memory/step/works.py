"""A network as what a training step does of it: for each layer what it reads, makes, keeps and hands back, in bytes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace

from costmodel.graph import NOTHING_SEEN, Layer, LayerGraph
from costmodel.numbers.arithmetic import product
from costmodel.ops.recurrent import Recurrent
from costmodel.pricing.memory.kept import Kept, kept
from costmodel.pricing.memory.liveness import storages
from costmodel.pricing.memory.step.recurrent import apart, is_moved, is_turned
from costmodel.pricing.memory.step.types import CONVERTED, WIDE, Types, low
from costmodel.pricing.memory.step.work import Work
from costmodel.units import DTYPES


def works(graph: LayerGraph, types: Types, amp: bool, keeps: str, trains: Callable[[Layer], bool]) -> list[Work]:
    """Return what a step does, in order; under autocast with a copy at bfloat16 of what products read at float32: for
    each call of a module that was read, else once however many read it, as packed projections have it.
    """
    storage = storages(graph, training=True)
    result: list[Work] = []
    copied: dict[str, str] = {}
    for number, (layer, its) in enumerate(zip(graph.layers, kept(graph, keeps, trains, storage), strict=True)):
        work = _work(graph, layer, number, its, storage, types)
        for name in dict.fromkeys(layer.inputs):
            dtype = None
            if amp and low(layer) and types.real[name] == WIDE and graph.tensor(name).dtype is None:
                dtype, copy = CONVERTED, f"{name} at {CONVERTED}"
            elif keeps == "pytorch" and _reads_turned(graph, layer, name, types):
                dtype, copy = types.real[name], f"{name}, rows together"
            if dtype is None:
                continue
            size = types.size(name, dtype)
            if name not in copied or graph.lies:
                copied[name] = f"{copy} for {layer.path}" if graph.lies else copy
                wanted = name in {layer.inputs[place] for place in its.wanted}
                result.append(_copy(layer, number, name, storage[name], wanted, types.size(name), copied[name], size))
            work = _reading(work, name, storage[name], copied[name], size)
        by_steps = layer.op.family == "recurrent" and keeps == "pytorch"
        result += apart(layer, work, types, is_moved(graph, layer, types)) if by_steps else [work]
    return result


def returned(todo: Sequence[Work], outputs: Iterable[str], again: Collection[int]) -> list[Work]:
    """Return the works of which those that lead to no output keep nothing and have no gradients: PyTorch drops what
    they would go back by when what they made goes. Those `again` would be computed again, and keep nothing anyway.
    """
    needed, ends = set(outputs), dict[str, int]()
    kept: dict[int, tuple[str, ...]] = {}
    own: dict[int, tuple[str, ...]] = {}
    for n, work in reversed(list(enumerate(todo))):
        if work.node in needed:
            needed.update(work.inputs)
            continue
        end = ends.get(work.node, n)
        kept.setdefault(end, ())
        own[end] = (*own.get(end, ()), work.node)
        if work.active:
            kept[end] += () if work.number in again else work.keeps
            ends |= {name: max(end, ends.get(name, 0)) for name in work.inputs}
    return [
        work
        if work.node in needed
        else replace(
            work,
            roots=(*work.roots, *kept.get(n, ())),  # the end of a branch: until then it might have been returned
            keeps=(),
            frees=own.get(n, ()),
            wanted=(),
            hands=(),
            arrays=(),
        )
        for n, work in enumerate(todo)
    ]


def held_as_seen(graph: LayerGraph, works: list[Work]) -> list[Work]:
    """Return works of which each also reads what was seen to be there until it had run: code has names for it."""
    until: dict[str, list[str]] = {}
    for path, seen in graph.lies.items():
        if seen.within is None and seen.until and seen.until != path:
            until.setdefault(seen.until, []).append(path)
    roots = {work.root for work in works}
    return [
        replace(work, roots=(*work.roots, *(root for root in until.get(work.node, ()) if root in roots)))
        for work in works
    ]


def _reads_turned(graph: LayerGraph, layer: Layer, name: str, types: Types) -> bool:
    """Say whether a layer reads the output of an LSTM's kernel, whose steps lie first, as a matrix of rows: it takes a
    copy of what that keeps as well.
    """
    if layer.op.name != "linear" or name in graph.inputs:
        return False
    op = graph.layer(name).op
    if not isinstance(op, Recurrent) or not op.by_kernel or op.bidirectional:
        return False
    return is_turned(graph.layer(name), types)


def _work(graph: LayerGraph, layer: Layer, number: int, its: Kept, storage: dict[str, str], types: Types) -> Work:
    arrays = _arrays(layer, types) if its.learns else ()
    hands = layer.op.hands_back(*layer.input_shapes)
    # The gradient of what is there once is a sum over the batch.
    same = tuple(n for n in hands if graph.tensor(layer.inputs[n]).batched == layer.batched)
    copies = types.real[layer.path] == CONVERTED and low(layer)
    trained = sum(product(shape) for shape in layer.op.weights(*layer.input_shapes).values() if len(shape) > 1)
    stored = layer.op.view and not layer.inputs and layer.path not in graph.made  # it lies among the weights
    return Work(
        path=layer.path,
        number=number,
        node=layer.path,
        root=storage[layer.path],
        size=0 if stored else types.size(layer.path),
        inputs=layer.inputs,
        roots=tuple(storage[name] for name in layer.inputs),
        sizes=tuple(types.size(name) for name in layer.inputs),
        keeps=its.tensors,
        own=sum(types.own(layer, saved) for saved in its.own),
        wanted=its.wanted,
        hands=same,
        scratch=types.scratch(layer, its.wanted) if its.active else 0,
        arrays=arrays,
        copies=DTYPES[CONVERTED] * int(trained) if copies else 0,
        call=graph.lies.get(layer.path, NOTHING_SEEN).call,
    )


def _arrays(layer: Layer, types: Types) -> tuple[tuple[str, int], ...]:
    """Return a layer's trained arrays, by where they are kept, each with its bytes."""
    elsewhere = dict(layer.tied)
    sizes = layer.op.weights(*layer.input_shapes).items()
    return tuple(
        (elsewhere.get(name, f"{layer.shares or layer.path}/{name}"), types.array(layer, name, product(shape)))
        for name, shape in sizes
    )


def _copy(layer: Layer, number: int, name: str, root: str, wanted: bool, given: int, node: str, size: int) -> Work:
    """Return the work of copying a tensor for a product."""
    places = (0,) if wanted else ()
    return Work(layer.path, number, node, node, size, (name,), (root,), (given,), (), 0, places, (), 0, (), 0)


def _reading(work: Work, name: str, root: str, copy: str, size: int) -> Work:
    """Return a work that reads a copy instead of a tensor."""
    at = [place for place, given in enumerate(work.inputs) if given == name]
    others = {given for place, given in enumerate(work.roots) if place not in at}
    keeps = tuple(copy if kept == root and root not in others else kept for kept in work.keeps)
    return replace(
        work,
        inputs=tuple(copy if place in at else given for place, given in enumerate(work.inputs)),
        roots=tuple(copy if place in at else given for place, given in enumerate(work.roots)),
        sizes=tuple(size if place in at else given for place, given in enumerate(work.sizes)),
        keeps=keeps,
    )
