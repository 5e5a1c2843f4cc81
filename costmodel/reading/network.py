"""What was read, one sample of it where that could be told: what recognition looks at and changes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from costmodel.errors import ShapeError
from costmodel.reading.batch import constant_sample, of_all, of_sample, samples, spread_over, unspread
from costmodel.reading.draft import Draft
from costmodel.reading.free import free
from costmodel.reading.seen import Seen
from costmodel.reading.value import Value
from costmodel.tensor import Tensor

if TYPE_CHECKING:
    from costmodel.numbers.arithmetic import Shape
    from costmodel.ops.base import Operator


@dataclass(slots=True, eq=False)
class Part:
    """One operator at one place, which reads other parts and inputs by their paths, and constants as they are.

    `name` is what it is to be called if nothing else is; `at` where it stands in what was read, `number` how many steps
    were made before it; `seen` is where its tensor lay, if it was seen to run.
    """

    path: str
    op: Operator
    inputs: list[str | Value]
    shape: Shape
    dtype: str
    batched: bool
    arrays: dict[str, Value] = field(default_factory=dict)
    partial: str = ""
    name: str = ""
    at: int = 0
    number: int = 0
    seen: Seen | None = None


class Network:
    """Parts, and who reads whom. While it changes they may stand in any order; `settle` puts them in one in which they
    run.
    """

    def __init__(self, inputs: dict[str, Tensor], kinds: dict[str, str], batch: int | None) -> None:
        self.inputs, self.batch = inputs, batch
        """`batch` is that of what was read, taken off all shapes; None where the shapes are as they lie."""
        self.kinds = kinds
        """The dtypes of the inputs as they were read."""
        self.parts: dict[str, Part] = {}
        self.outputs: dict[str, None] = {}
        self.aside: set[str] = set()
        """Outputs that are computed and not returned."""
        self.stored: list[Value] = []
        """Outputs that are constants."""
        self._readers: dict[str, dict[Part, None]] = {name: {} for name in inputs}
        self._copies: dict[str, int] = {}
        self._given: dict[Any, Shape | None] = {}

    def add(self, part: Part) -> Part:
        """Add a part."""
        self.parts[part.path] = part
        self._readers.setdefault(part.path, {})
        self._read(part)
        return part

    def left(self, backwards: bool = False) -> Iterator[Part]:
        """Yield the parts that are there now, one after the other, but for those that are gone by then."""
        for part in [*self.parts.values()][:: -1 if backwards else 1]:
            if self.parts.get(part.path) is part:
                yield part

    def insert(self, part: Part, before: Part) -> Part:
        """Add a part that stands before another; its path is changed where that is taken."""
        part.path, part.at, part.number = self.free(part.path), before.at, before.number
        return self.add(part)

    def free(self, path: str) -> str:
        """Return a path that nothing has."""
        return free(path, lambda one: one in self.parts or one in self.inputs, self._copies)

    @staticmethod
    def sources(part: Part) -> Iterator[str]:
        """Yield what a part reads that is computed, each once."""
        yield from dict.fromkeys(source for source in part.inputs if isinstance(source, str))

    def readers(self, path: str) -> list[Part]:
        """Return the parts that read what is at a path."""
        return list(self._readers[path])

    def shape(self, source: str | Value) -> Shape:
        """Return the shape of what a part reads."""
        if isinstance(source, Value):
            return source.shape
        part = self.parts.get(source)
        return self.inputs[source].shape if part is None else part.shape

    def batched(self, source: str | Value) -> bool:
        """Say whether what a part reads is there once for each sample."""
        if isinstance(source, Value):
            return False
        part = self.parts.get(source)
        return self.inputs[source].batched if part is None else part.batched

    def maker(self, source: str | Value) -> Part | None:
        """Return the part that gives what is read, None for inputs and constants."""
        return self.parts.get(source) if isinstance(source, str) else None

    def alone(self, path: str) -> bool:
        """Say whether exactly one part reads what is at a path, and nobody from outside does."""
        return len(self._readers[path]) == 1 and path not in self.outputs

    def fits(self, op: Operator, inputs: list[str | Value], shape: Shape) -> bool:
        """Say whether an operator gives that shape of those inputs; each distinct question is asked once."""
        question = op, *[self.shape(one) for one in inputs]
        if question not in self._given:
            try:
                self._given[question] = tuple(op.shape(*question[1:]))
            except ShapeError:
                self._given[question] = None
        return self._given[question] == shape

    def become(self, last: Part, op: Operator, inputs: list[str | Value], **changes: object) -> Part | None:
        """Make `last` another operator on other inputs, in the place of itself and of what only it needed.

        `changes` are other fields of the part. Nothing is done, and None returned, if the operator does not give the
        part's shape of those inputs.
        """
        if not self.fits(op, inputs, last.shape):
            return None
        self._forget(last)
        before = list(self.sources(last))
        last.op, last.inputs = op, inputs
        for name, value in changes.items():
            setattr(last, name, value)
        self._read(last)
        self._drop(before)
        return last

    def _drop(self, paths: list[str]) -> None:
        """Take out the parts at some paths that nothing reads any more, and what only they read."""
        while paths:
            path = paths.pop()
            part = self.parts.get(path)
            if part is not None and not self._readers[path] and path not in self.outputs:
                del self.parts[path], self._readers[path]
                self._forget(part)
                paths += self.sources(part)

    def skip(self, part: Part) -> bool:
        """Take out a part that changes nothing: its readers read what it reads. Not where it is an output whose source
        is an input of the network, a constant or an output itself.
        """
        (source,) = part.inputs
        if part.path in self.outputs:
            if isinstance(source, Value) or source in self.inputs or source in self.outputs:
                return False
            self.outputs = {source if one == part.path else one: None for one in self.outputs}
            self.aside = {source if one == part.path else one for one in self.aside}
        for reader in self.readers(part.path):
            self._forget(reader)
            reader.inputs = [source if one == part.path else one for one in reader.inputs]
            self._read(reader)
        self._drop([part.path])
        return True

    def rename(self, paths: dict[Part, str]) -> None:
        """Give parts other paths, all of which are different and free once they are given."""
        changed = {part.path: path for part, path in paths.items() if part.path != path}
        for part in self.parts.values():
            part.inputs = [changed.get(one, one) if isinstance(one, str) else one for one in part.inputs]
            part.path = changed.get(part.path, part.path)
        self.parts = {part.path: part for part in self.parts.values()}
        self._readers = {changed.get(path, path): readers for path, readers in self._readers.items()}
        self.outputs = {changed.get(path, path): None for path in self.outputs}
        self.aside = {changed.get(path, path) for path in self.aside}

    def settle(self) -> None:
        """Put the parts in an order in which they run, as near as can be to that in which they were read."""
        found: dict[str, Part] = {}
        for part in sorted(self.parts.values(), key=lambda one: one.at):
            waiting = [part] if part.path not in found else []
            while waiting:
                one = waiting[-1]
                missing = [made for path in self.sources(one) if path not in found and (made := self.parts.get(path))]
                if missing:
                    waiting += missing
                else:
                    found[waiting.pop().path] = one
        self.parts = found

    def _read(self, part: Part) -> None:
        for source in self.sources(part):
            self._readers[source][part] = None

    def _forget(self, part: Part) -> None:
        for source in self.sources(part):
            self._readers[source].pop(part, None)


def network_of(draft: Draft, batch: int, carrying: set[str]) -> Network:
    """Return what a draft holds and its outputs depend on, as one sample where its first axis is a `batch` throughout.

    `carrying` are the inputs that have the batch.
    """
    needed(draft)
    found = samples(draft, batch, carrying) if carrying else None
    shapes = found or {v.source: v.shape for v in [*draft.inputs.values(), *(step.out for step in draft.steps)]}
    carried = set(carrying) if found else set(draft.inputs)
    inputs = {
        name: Tensor(shapes[name], None if value.real else value.dtype, name in carried)
        for name, value in draft.inputs.items()
    }
    network = Network(inputs, {n: v.dtype for n, v in draft.inputs.items()}, batch if found else None)
    constants: dict[tuple[int, int], Value] = {}

    def constant(value: Value, rank: int) -> Value:
        """Return a constant of one image, the same one however often it is read."""
        return constants.setdefault((id(value), rank), _constant(value, rank, batch))

    for at, step in enumerate(draft.steps):
        computed = [value for value in step.inputs if not value.constant]
        batched = any(value.source in carried for value in computed) and not (found and of_all(step.op))
        spread = bool(found) and not batched and batch > 1 and spread_over(step, batch)
        if batched or spread:
            carried.add(step.path)
        rank = max((len(value.shape) for value in computed), default=0) if found and batched else 0
        reads = [constant(value, rank) if value.constant else value.source for value in step.inputs]
        shape, kind = shapes[step.path], step.out.dtype
        op = of_sample(step.op, batch) if found and batched else unspread(step) if spread else step.op
        network.add(
            Part(
                step.path,
                op,
                reads,
                shape,
                kind,
                batched,
                step.arrays,
                step.partial,
                step.name or step.path,
                at,
                step.number,
                step.seen,
            )
        )
    network.outputs = dict.fromkeys(value.source for value in draft.outputs if not value.constant)
    network.aside = {value.source for value in draft.outputs[len(draft.outputs) - draft.aside :]}
    stored = [value for value in draft.outputs if value.constant]
    network.stored = [constant(value, len(value.shape) if found else 0) for value in stored]
    return network


def _constant(value: Value, rank: int, batch: int) -> Value:
    """Return a constant beside tensors that had `rank` axes, or 0 if there is no batch, as it is for one image."""
    shape = constant_sample(value, rank, batch)
    if Value(shape, value.dtype).size == value.size:
        return value.as_shape(shape)
    return replace(value, shape=shape, held=None if value.held is None else value.held.first())


def needed(draft: Draft) -> None:
    """Take out the steps that no output depends on."""
    wanted = {value.source for value in draft.outputs}
    kept = []
    for step in reversed(draft.steps):
        if step.path in wanted:
            kept.append(step)
            wanted.update(value.source for value in step.inputs)
    draft.steps = kept[::-1]
