"""Read a network from an ONNX file: only shapes count, so its weights are not looked at."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from costmodel.documents.safe_text import one_line
from costmodel.errors import CostModelError, quote
from costmodel.graph import LayerGraph
from costmodel.numbers.arithmetic import show_shape
from costmodel.onnx import types  # noqa: F401 - fills the rules
from costmodel.onnx.attributes import said
from costmodel.onnx.inline import inlined
from costmodel.onnx.messages import read_model
from costmodel.onnx.model import STANDARD, Graph, Info, Model, Node
from costmodel.onnx.needed import needed, with_inner
from costmodel.onnx.reader import Reader
from costmodel.onnx.remarks import remarks
from costmodel.onnx.sizes import Chosen, Sizes, chosen, several
from costmodel.onnx.stored import UNKNOWN
from costmodel.onnx.tables import tables
from costmodel.onnx.types.classical import require_network
from costmodel.onnx.untrained import untrained
from costmodel.reading.batch import of_all, spread_over
from costmodel.reading.collecting import without_collecting
from costmodel.reading.constants import kind_of
from costmodel.reading.finish import finished
from costmodel.reading.network import Network, network_of
from costmodel.reading.recognise import recognised
from costmodel.reading.value import REALS, Value
from costmodel.tensor import BITS, Tensor

OTHER_SIZES = ((256, 512), (320, 1024), (640, 16_000), (64, 32))
"""Heights and widths, and lengths, that are tried where a network does not allow those that are assumed first."""


UNSEEN = "the file fixes a batch of 1: that others take so many times as much could not be seen, and is assumed"


def read_onnx(path: str | os.PathLike[str], sizes: Sizes | None = None) -> LayerGraph:
    """Return the network in an ONNX file, a layer for each node or group of nodes that is an operator.

    Layers are called as the file's nodes are. Sizes that the file leaves open are as `sizes` has them, else such as
    are said in the notes. What a file cannot say is gone: a spec's title and source, and which layers were a block.

    Raises:
        CostModelError: if the file is none, or the shape of something in it cannot be told, with the name of the node.
    """
    place = Path(path)
    with without_collecting():
        return at_best_sizes(read_model(place), str(path), place.stem, sizes or Sizes())


def at_best_sizes(model: Model, file: str, name: str, sizes: Sizes) -> LayerGraph:
    """Return the network in a model at sizes that it allows: where the first that are assumed leave something unread,
    others are tried.

    Raises:
        CostModelError: as `read_onnx`, of the first sizes.
    """
    given = chosen(inputs_of(model.graph), sizes, file)
    assumes = any(name != given.label for name in given.assumed)  # besides the batch
    others = [replace(sizes, assumed_space=space, assumed_length=length) for space, length in OTHER_SIZES]
    found: LayerGraph | None = None
    failed: list[CostModelError] = []
    for at in [sizes, *others] if assumes else [sizes]:
        try:
            graph = graph_of(model, file, name, at)
        except CostModelError as error:
            failed.append(error)
            continue
        if not graph.unpriced:
            return graph
        found = found or graph
    if found is not None:
        return found
    if len({str(error) for error in failed}) == 1:
        raise failed[0]
    # it fails otherwise at other sizes, so that those are at fault
    raise CostModelError("\n".join([str(failed[0]), *(f"  {note}" for note in given.notes(True))]))


def inputs_of(graph: Graph, nodes: list[Node] | None = None) -> list[Info]:
    """Return what a network reads: the inputs that are no arrays of the file and that one of its needed nodes reads."""
    read = {name for node in with_inner(needed(graph) if nodes is None else nodes) for name in node.inputs}
    return [one for one in graph.inputs if one.name not in graph.arrays and one.name in read]


def graph_of(model: Model, file: str, name: str, sizes: Sizes | None = None) -> LayerGraph:
    """Return the network in a model; `file` is what complaints call it, `name` what the network is called.

    Raises:
        CostModelError: as `read_onnx`.
    """
    model = inlined(model, file)
    nodes = needed(model.graph)
    if not nodes:
        raise CostModelError(f"{file}: its graph computes nothing")
    require_network(nodes, file)
    inputs = inputs_of(model.graph, nodes)
    if not inputs:
        raise CostModelError(f"{file}: its graph computes nothing from an input: none of its outputs depends on one")
    sizes = sizes or Sizes()
    given = chosen(inputs, sizes, file)

    def drafted(at: Chosen, carrying: Iterable[str]) -> Drafted:
        return _drafted(model, file, nodes, inputs, at, carrying)

    found = _verified(drafted, given, several(sizes, given), inputs, file)
    return _named(found or drafted(given, given.carrying), model, file, name, inputs, given)


@dataclass
class Drafted:
    """What was read at some sizes: the network, what it was read by, and the notes on its outputs."""

    network: Network
    reader: Reader
    notes: list[str]

    @property
    def counts(self) -> tuple[Any, ...]:
        """What is not known of a sample and what it costs, without what is one number of all samples together."""
        parts = [part for part in self.network.parts.values() if part.batched or not of_all(part.op)]
        costs = [part.op.cost(*map(self.network.shape, part.inputs)) for part in parts]
        unread = {part.path: part.partial for part in parts if part.partial}
        return unread, sum(cost.mult_adds for cost in costs), sum(cost.other_ops for cost in costs)


def _verified(
    drafted: Callable[[Chosen, Iterable[str]], Drafted],
    given: Chosen,
    more: Sizes | None,
    inputs: list[Info],
    file: str,
) -> Drafted | None:
    """Return the network of one sample as it is seen at several, or as it lies where it is none there; None where the
    batch is not open, or was asked for.

    At a batch of 1 another axis of size 1 cannot be told from it. Where something else has the size of the batch, is
    computed of all samples together or repeated for each, it is the network that is read at 1, if a sample of both
    costs the same.
    """
    if more is None:
        return None
    found = None
    try:
        at = chosen(inputs, more, file)
        found = drafted(at, at.carrying)
    except CostModelError:  # it may be at a batch of 1
        pass
    if found is None or found.network.batch is None:
        return drafted(given, ())
    parts = found.network.parts.values()
    fixed = all(
        at.shapes[name][name in at.carrying :] == shape[name in at.carrying :] for name, shape in given.shapes.items()
    )
    spread = any(spread_over(step, at.batch) for step in found.reader.draft.steps)
    if fixed and not spread and not any(part.partial or of_all(part.op) for part in parts):
        return found
    single = drafted(given, given.carrying)
    return single if single.network.batch is not None and single.counts == found.counts else drafted(given, ())


def _drafted(
    model: Model, file: str, nodes: list[Node], inputs: list[Info], given: Chosen, carrying: Iterable[str]
) -> Drafted:
    """Read a network at sizes, one sample of it where the first axis of `carrying` inputs is the batch throughout.

    Raises:
        CostModelError: as `read_onnx`.
    """
    opset = max([number for domain, number in model.opsets.items() if domain in STANDARD], default=0)
    infos = model.graph.infos | {info.name: info for info in model.graph.outputs}
    reader = Reader(file, opset, infos, given.names)
    reader.store(model.graph.arrays.values())
    for one in inputs:
        reader.values[one.name] = reader.draft.input(one_line(one.name), given.shapes[one.name], one.dtype or "float32")
    reader.over(nodes)
    reader.require_read()
    for info in model.graph.outputs:
        found = reader.values.get(info.name)
        reader.draft.outputs += [
            one for one in (found if isinstance(found, list) else [found]) if isinstance(one, Value)
        ]
    network = network_of(reader.draft, given.batch, {one_line(name) for name in carrying})
    as_said = all(_fits(one.shape, given.shapes[one.name]) for one in inputs)
    return Drafted(network, reader, list(_otherwise(model.graph.outputs, reader, network)) if as_said else [])


def _fits(said: tuple[int | str | None, ...] | None, shape: tuple[int, ...]) -> bool:
    """Say whether an input has the sizes that the file fixes: what it says of others follows from those."""
    return all(one == size for one, size in zip(said or (), shape, strict=False) if isinstance(one, int) and one > 0)


def _otherwise(outputs: Iterable[Info], reader: Reader, network: Network) -> Iterator[str]:
    """Say of which outputs the shape is not what the file says; the batch of a sample that was taken off is none."""
    for info in outputs:
        found, stated = reader.values.get(info.name), reader.said(info.name)
        if not isinstance(found, Value) or not stated or stated == found.shape:
            continue
        part = network.parts.get(found.source)
        if network.batch is not None and part is not None and part.batched and stated[1:] == found.shape[1:]:
            continue
        yield (
            f"its output {quote(info.name)} comes out as {show_shape(found.shape)}, where the file says "
            f"{show_shape(stated)}"
        )


def _named(drafted: Drafted, model: Model, file: str, name: str, inputs: list[Info], given: Chosen) -> LayerGraph:
    """Return what was read as layers that are named as people name them, and with what has to be said of it."""
    network, draft = drafted.network, drafted.reader.draft
    tables(network)
    said_of_arrays = untrained(network)
    recognised(network)
    writer = f", written by {one_line(model.producer)}" if model.producer else ""
    taken_off = network.batch is not None
    parameters = {name: size for name, size in given.parameters.items() if not (taken_off and name == given.label)}
    dtype = own_dtype(inputs, model.graph)
    graph = LayerGraph(
        name,
        {name: _typed(file, name, tensor, network.kinds[name], dtype) for name, tensor in network.inputs.items()},
        title=Path(file).name,
        source=f"an ONNX file of opset {drafted.reader.opset}{writer}",
        parameters=parameters,
        file=file,
        dtype=dtype,
        batch=given.batch if taken_off else 1,
        whole="" if taken_off else given.why_whole(),
        batch_size="" if taken_off else given.batch_size(),
    )
    graph.unseen = UNSEEN if taken_off and given.own and given.batch == 1 else ""
    graph.notes += [*given.notes(taken_off), *draft.notes, *said(drafted.reader.strange)]
    graph.notes += [*drafted.notes, *said_of_arrays, *remarks(network)]
    return finished(network, graph, draft.folded_mult_adds)


def _typed(file: str, name: str, tensor: Tensor, kind: str, own: str) -> Tensor:
    """Return an input with its dtype, if it is of real numbers of another than the network's own.

    Raises:
        CostModelError: if it holds no numbers.
    """
    if kind not in REALS and kind not in BITS:
        held = "of a type that ONNX does not have" if kind == UNKNOWN else f"of type {kind}, which holds no numbers"
        raise CostModelError(f"{file}: its input {quote(name)} is {held}")
    return replace(tensor, dtype=kind_of(kind, own)) if kind in REALS else tensor


def own_dtype(inputs: Iterable[Info], graph: Graph) -> str:
    """Return the dtype of the most of a file's stored real numbers, that of its inputs where it stores none."""
    kinds = [kind for kind in (one.dtype or "float32" for one in inputs) if kind in REALS]
    stored: dict[str, Any] = {}
    for array in graph.arrays.values():
        if array.dtype in REALS:
            stored[array.dtype] = stored.get(array.dtype, 0) + array.size
    most = max(stored, key=lambda kind: stored[kind], default=kinds[0] if kinds else "float32")
    return most if most in stored or not kinds else kinds[0]
