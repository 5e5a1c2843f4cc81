"""What was read, one sample of it where that could be told: what recognition looks at and changes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from costmodel.reading.batch import constant_sample, samples
from costmodel.reading.draft import Draft
from costmodel.reading.value import Value
from costmodel.tensor import Tensor

if TYPE_CHECKING:
    from costmodel.numbers.arithmetic import Shape
    from costmodel.ops.base import Operator


@dataclass(slots=True, eq=False)
class Part:
    """One operator at one place, which reads other parts and inputs by their paths, and constants as they are."""

    path: str
    op: Operator
    inputs: list[str | Value]
    shape: Shape
    dtype: str
    batched: bool
    arrays: dict[str, Value] = field(default_factory=dict)
    partial: str = ""


class Network:
    """Parts in the order in which they run, and who reads whom."""

    def __init__(self, inputs: dict[str, Tensor], kinds: dict[str, str], batch: int | None) -> None:
        self.inputs, self.batch = inputs, batch
        """`batch` is that of what was read, taken off all shapes; None where the shapes are as they lie."""
        self.kinds = kinds
        """The dtypes of the inputs as they were read."""
        self.parts: dict[str, Part] = {}
        self.outputs: list[str] = []
        self._readers: dict[str, list[Part]] = {name: [] for name in inputs}

    def add(self, part: Part) -> None:
        """Add a part at the end."""
        self.parts[part.path] = part
        self._readers.setdefault(part.path, [])
        for source in self.sources(part):
            self._readers[source].append(part)

    @staticmethod
    def sources(part: Part) -> Iterator[str]:
        """Yield what a part reads that is computed, each once."""
        yield from dict.fromkeys(source for source in part.inputs if isinstance(source, str))

    def readers(self, path: str) -> list[Part]:
        """Return the parts that read what is at a path."""
        return self._readers[path]

    def shape(self, source: str | Value) -> Shape:
        """Return the shape of what a part reads."""
        if isinstance(source, Value):
            return source.shape
        part = self.parts.get(source)
        return self.inputs[source].shape if part is None else part.shape

    def maker(self, source: str | Value) -> Part | None:
        """Return the part that gives what is read, None for inputs and constants."""
        return self.parts.get(source) if isinstance(source, str) else None

    def alone(self, path: str) -> bool:
        """Say whether exactly one part reads what is at a path, and nobody from outside does."""
        return len(self._readers[path]) == 1 and path not in self.outputs

    def become(self, last: Part, op: Operator, inputs: list[str | Value], *gone: Part, **changes: object) -> Part:
        """Make `last` another operator on other inputs, in the place of itself and the parts `gone` that only it needs.

        `changes` are other fields of the part. A part gone is taken out if nothing reads it any more.
        """
        for source in self.sources(last):
            self._readers[source].remove(last)
        last.op, last.inputs = op, inputs
        for name, value in changes.items():
            setattr(last, name, value)
        for source in self.sources(last):
            self._readers[source].append(last)
        for part in gone:
            self.drop(part)
        return last

    def drop(self, part: Part) -> None:
        """Take out a part that nothing reads, and what only it read of those before it."""
        if part.path not in self.parts or self._readers[part.path] or part.path in self.outputs:
            return
        del self.parts[part.path]
        for source in self.sources(part):
            self._readers[source].remove(part)

    def skip(self, part: Part) -> bool:
        """Take out a part that changes nothing: its readers read what it reads. Not where it is an output whose source
        is an input of the network.
        """
        (source,) = self.sources(part)
        if part.path in self.outputs:
            if source in self.inputs or source in self.outputs:
                return False
            self.outputs[self.outputs.index(part.path)] = source
        for reader in list(self._readers[part.path]):
            self.become(reader, reader.op, [source if one == part.path else one for one in reader.inputs])
        self.drop(part)
        return True

    def rename(self, part: Part, path: str) -> None:
        """Give a part another path, which is free."""
        if path == part.path or path in self.parts or path in self.inputs:
            return
        readers = self._readers.pop(part.path)
        self.parts = {(path if at == part.path else at): one for at, one in self.parts.items()}
        self._readers[path] = readers
        for reader in readers:
            reader.inputs = [path if one == part.path else one for one in reader.inputs]
        self.outputs = [path if one == part.path else one for one in self.outputs]
        part.path = path


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
    for step in draft.steps:
        computed = [value for value in step.inputs if not value.constant]
        batched = any(value.source in carried for value in computed)
        if batched:
            carried.add(step.path)
        rank = max((len(value.shape) for value in computed), default=0) if found and batched else 0
        reads = [
            value.as_shape(constant_sample(value, rank)) if value.constant else value.source for value in step.inputs
        ]
        network.add(
            Part(step.path, step.op, reads, shapes[step.path], step.out.dtype, batched, step.arrays, step.partial)
        )
    network.outputs = list(dict.fromkeys(value.source for value in draft.outputs if not value.constant))
    return network


def needed(draft: Draft) -> None:
    """Take out the steps that no output depends on."""
    wanted = {value.source for value in draft.outputs}
    kept = []
    for step in reversed(draft.steps):
        if step.path in wanted:
            kept.append(step)
            wanted.update(value.source for value in step.inputs)
    draft.steps = kept[::-1]
