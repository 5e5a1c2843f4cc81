"""Read a network from a PyTorch module: one call of it is watched, on tensors that have shapes and no numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import nn

from costmodel.documents.safe_text import one_line
from costmodel.errors import CostModelError
from costmodel.graph import LayerGraph
from costmodel.modules import rules  # noqa: F401 - fills the rules
from costmodel.modules.inputs import Arguments, Given, arguments, real_dtype
from costmodel.modules.lines import line_of
from costmodel.modules.naming import named
from costmodel.modules.places import Places
from costmodel.modules.reader import Reader
from costmodel.modules.recorder import DependsOnNumbersError, Recorder, autocast_without_numbers
from costmodel.modules.shadows import Shadows
from costmodel.modules.tensors import dtype_name
from costmodel.modules.twins import Twins
from costmodel.modules.untouched import random_numbers, untouched
from costmodel.pricing.elements import packed
from costmodel.reading.draft import Draft, Step, multiplies
from costmodel.reading.finish import finished
from costmodel.reading.network import Network, network_of
from costmodel.reading.recognise import paths, recognised
from costmodel.reading.value import REALS, Array, UnreadError, Value, frozen
from costmodel.tensor import BITS
from costmodel.units import DTYPES

ASKED = ("tolist() shouldn't be called", "can't convert meta device type tensor to numpy")
"""What PyTorch says where numbers are asked for that are not there."""
TRIES = 8
"""Inputs that may turn out to hold indices, one at a time."""


def read_module(module: nn.Module, given: Given, name: str = "") -> LayerGraph:
    """Return the network that one call of a module runs, a layer for each operator, called as its submodules are.

    Nothing is computed, no weight is allocated, and the module is left as it was. It runs in the mode that it is in.

    Args:
        module: on any device.
        given: shapes with their batch, such as (1, 3, 224, 224), examples, a tuple of several, or a map from the names
            of its arguments to them. What else is in the map is handed on as it is.
        name: what the network is called.

    Raises:
        CostModelError: if the module raises, or what it runs depends on the numbers of its input.
    """
    title = name or type(module).__name__
    _require_built(module, title)
    whole: set[str] = set()
    for _ in range(TRIES):
        asked = arguments(module, given, whole, title)
        found = _Look(module, title, asked).graph()
        if isinstance(found, LayerGraph):
            return found
        whole |= found
    raise CostModelError(f"{title}: give examples of its inputs: which of them hold whole numbers could not be told")


def _require_built(module: nn.Module, title: str) -> None:
    for path, tensor in [*module.named_parameters(), *module.named_buffers()]:
        if isinstance(tensor, nn.parameter.UninitializedTensorMixin):
            raise CostModelError(
                f"{title}: {path} has no shape yet (a lazy module); call the module once, and then look at it"
            )


class _Look:
    """One look at a module."""

    def __init__(self, module: nn.Module, title: str, asked: Arguments) -> None:
        self.module, self.title, self.asked = module, title, asked
        shadows = Shadows()
        self.twins = Twins(module, shadows)
        self.places = Places(module)
        self.reader = Reader(self.twins, shadows, self.places)
        self.recorder = Recorder(self.reader, self.twins, shadows)
        for one, tensor in asked.tensors.items():
            value = self.reader.draft.input(one_line(one), tuple(tensor.shape), dtype_name(tensor))
            self.reader.storages.put(tensor, value)
            self.reader.rooms.belongs(tensor, value.source)
        for one, example in asked.examples.items():
            shadows.learn(asked.tensors[one], example)
        first = next(iter(asked.tensors.values()), None)
        self.reader.batch = int(first.shape[0]) if first is not None and first.dim() else 1

    def graph(self) -> LayerGraph | set[str]:
        """Return the network, or the inputs that turn out to hold indices."""
        try:
            with untouched(self.module), random_numbers(self.recorder.notes):
                result = self._called()
        except Exception as error:
            wrong = self._indices()
            if wrong:
                return wrong
            raise self._said(error) from None
        return self._finished(result)

    def _called(self) -> Any:
        with ExitStack() as stack:
            stack.enter_context(self.twins.unwritten())
            stack.enter_context(self.places.watched())
            stack.enter_context(autocast_without_numbers())
            stack.enter_context(torch.inference_mode())
            stack.enter_context(self.recorder)
            return self.module(*self.asked.args, **self.asked.kwargs)

    def _indices(self) -> set[str]:
        """Return inputs that were taken for real numbers and were to be looked up with, of those without a dtype."""
        return {name for name in self.reader.indices_of if name in self.asked.bare}

    def _said(self, error: Exception) -> CostModelError:
        """Return what a module complains of, with the row that was reached and the line of its own code."""
        if isinstance(error, (CostModelError, UnreadError)):
            return CostModelError(f"{self.title}: {error}")
        path = self.recorder.failed or self.places.failed
        at = f"{path}: " if path else ""
        if isinstance(error, DependsOnNumbersError):
            return CostModelError(f"{self.title}: {at}{error}")
        said = " ".join(str(error).split())
        hint = ""
        if any(words in said for words in ASKED):
            return CostModelError(
                f"{self.title}: {at}it asks for the numbers of a tensor that is computed (tolist() or numpy()), so "
                f"what runs cannot be told from shapes alone{line_of(error)}"
            )
        if "Expected more than 1 value per channel when training" in said:
            hint = (
                "\n  it is in training mode, where batch norm needs several values: use batch 2, or call .eval() first "
                "(--eval)"
            )
        if "does not require grad" in said:
            hint = "\n  it asks for gradients while it runs, and modules are run without any here"
        on = f"{self.recorder.failed_on}: " if self.recorder.failed_on else ""
        return CostModelError(f"{self.title}: {at}{on}{type(error).__name__}: {said}{line_of(error)}{hint}")

    def _finished(self, result: Any) -> LayerGraph:
        draft = self.reader.draft
        draft.outputs = [self.reader.value(self.recorder._twin(tensor, False)) for tensor in _tensors_of(result)]
        aside = [step.out for step in _aside(draft)]
        draft.outputs, draft.aside = [*draft.outputs, *aside], len(aside)
        if not draft.inputs:
            raise CostModelError(f"{self.title}: there is no tensor in what it is called with")
        if not draft.steps:
            raise CostModelError(f"{self.title}: it computes nothing of its inputs")
        if all(value.constant for value in draft.outputs):
            raise CostModelError(f"{self.title}: what it gives depends on none of its inputs")
        self.reader.rooms.tell(draft.steps)
        named(draft, self.reader.made, self.twins, self.places.called)
        batch = self.reader.batch
        carrying = {name for name, value in draft.inputs.items() if value.shape[:1] == (batch,)}
        network = network_of(draft, batch, carrying)
        recognised(network)
        about = self._about()
        graph = about.graph(network)
        graph.notes += _trained_in_part(network)
        graph.ran = cache(lambda: about.graph(_as_it_ran(network_of(draft, batch, carrying))))
        return graph

    def _about(self) -> _About:
        draft, own = self.reader.draft, dtype_name(real_dtype(self.module))
        dtype = _dtype(own, self.module, draft.inputs.values())
        left = self._unused()
        priced = [] if own in DTYPES else [f"its parameters are {own}, and are priced as {dtype}"]
        return _About(
            self.title,
            f"a PyTorch module{' in training mode' if self.module.training else ''}",
            dtype,
            self.reader.batch,
            (_bytes(one for one in left if one.trained), _bytes(one for one in left if not one.trained)),
            (*self.recorder.notes, *draft.notes, *priced),
            tuple(_not_used([one for one in left if one.trained])),
        )

    def _unused(self) -> list[Array]:
        """Return the arrays of the module that nothing reads here, but for counters of what is read beside them."""
        read = {
            array.name
            for step in self.reader.draft.steps
            for value in (*step.arrays.values(), *step.inputs)
            for array in value.arrays
        }
        beside = {name.rpartition(".")[0] for name in read}
        left = [array for array in self.twins.arrays() if array.name not in read]
        return [one for one in left if one.shape or one.trained or self.twins.owner(one) not in beside]


@dataclass(frozen=True)
class _About:
    """What is known of a module besides its network; it holds nothing of the module. `idle` as in a LayerGraph."""

    title: str
    source: str
    dtype: str
    batch: int
    idle: tuple[int, int]
    notes: tuple[str, ...]
    unused: tuple[str, ...]

    def graph(self, network: Network) -> LayerGraph:
        """Return the graph of a network of this module."""
        graph = LayerGraph(
            self.title,
            network.inputs,
            title=self.title,
            source=self.source,
            dtype=self.dtype,
            batch=self.batch if network.batch else 1,
            whole="" if network.batch else "the batch is not the first axis of all its tensors; load it at that batch",
        )
        graph.idle = self.idle
        graph.notes += self.notes
        finished(network, graph, exported=False)
        graph.notes += self.unused
        return graph


def _dtype(own: str, module: nn.Module, inputs: Iterable[Value]) -> str:
    """Return what a network is priced at: what most of its module's parameters are, else its inputs."""
    if not any(tensor.dtype.is_floating_point for tensor in module.parameters()):
        own = next((value.dtype for value in inputs if value.dtype in REALS), own)
    return own if own in DTYPES else "float32"


def _as_it_ran(network: Network) -> Network:
    """Return a network in which nothing is looked for, its parts named."""
    network.settle()
    paths.find(network)
    return network


def _bytes(arrays: Iterable[Array]) -> int:
    return sum(packed(array.size, BITS[array.dtype]) for array in arrays if array.dtype in BITS)


def _not_used(left: Sequence[Array]) -> Iterator[str]:
    """Say which params of a module nothing reads."""
    if left:
        more = f" and {len(left) - 1:,} more" if len(left) > 1 else ""
        total = sum(array.size for array in left)
        yield f"{total:,} params of the module are not used here: {left[0].name}{more}"


def _trained_in_part(network: Network) -> Iterator[str]:
    """Say which layers have arrays of which some are trained and others are not: a layer is trained or is not."""
    mixed = {
        part.path: [array.size for array in arrays if array.frozen is not frozen(part.arrays.values())]
        for part in network.parts.values()
        if (arrays := [array for value in part.arrays.values() for array in value.arrays if array.trained])
    }
    wrong = {path: sum(sizes) for path, sizes in mixed.items() if sizes}
    if wrong:
        more = f" and {len(wrong) - 1:,} more" if len(wrong) > 1 else ""
        yield (
            f"{sum(wrong.values()):,} params are of layers that are trained in part ({next(iter(wrong))}{more}), "
            "and are counted as the matrices of those are"
        )


def _tensors_of(result: Any, depth: int = 6) -> list[torch.Tensor]:
    """Return the tensors of what a module gives, whatever holds them."""
    if isinstance(result, torch.Tensor):
        return [result]
    if depth == 0 or result is None or isinstance(result, (str, bytes, int, float)):
        return []
    inner: Iterable[Any] = ()
    if isinstance(result, dict):
        inner = result.values()
    elif isinstance(result, (list, tuple, set)):
        inner = result
    elif hasattr(result, "__dict__"):
        inner = vars(result).values()
    return [tensor for one in inner for tensor in _tensors_of(one, depth - 1)]


def _aside(draft: Draft) -> list[Step]:
    """Return the last steps of what is computed and not returned, where mult-adds or stored arrays went into it."""
    makers = {step.path: step for step in draft.steps}
    returned: set[str] = set()
    todo = [value.source for value in draft.outputs]
    while todo:
        path = todo.pop()
        if path in makers and path not in returned:
            returned.add(path)
            todo += [value.source for value in makers[path].inputs]
    read = {value.source for step in draft.steps for value in step.inputs}
    heavy: set[str] = set()
    for step in draft.steps:
        if step.path in returned:
            continue
        if step.arrays or any(value.source in heavy for value in step.inputs) or multiplies(step):
            heavy.add(step.path)
    return [step for step in draft.steps if step.path in heavy and step.path not in read]
