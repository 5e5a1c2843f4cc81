"""From a `Spec` to a `LayerGraph`: bind every number, expand every block, infer every shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple, NoReturn

from costmodel.documents.faults import Fault, complain
from costmodel.documents.text import KeyPath
from costmodel.errors import ShapeError, known_or_suggest, quote
from costmodel.graph import INPUT, LayerGraph
from costmodel.numbers.arithmetic import Number, Shape, guarded
from costmodel.ops import OPERATORS, Operator
from costmodel.ops.fields import REQUIRED, FieldType, declared
from costmodel.spec.bind import Bad, argument, field_value, input_size, input_sizes, repeats
from costmodel.spec.check import BLOCK_INPUTS
from costmodel.spec.count import excess
from costmodel.spec.document import BlockSpec, LayerSpec, Spec

MAX_LAYERS = 50_000
MAX_WORK = 1_000_000
"""Visits of layers, blocks, inputs and fields, and of what is computed for them."""
IDLE_WORK, LAYER_WORK = 100_000, 50
"""Of those, so many may come to nothing, and so many to each layer: what multiplies up without a layer ends early."""
TEXT_WORK = 8
"""Characters of arithmetic that cost as much as one visit."""
MAX_NESTING = 25


_SO_FAR = "this is as far as it was built"


def expand(spec: Spec) -> LayerGraph:
    """Return the network of a spec, at its current parameters.

    Raises:
        SpecError: with every layer that cannot be built.
    """
    expanded = trace(spec)
    if expanded.faults:
        raise complain(spec.file, spec.text, expanded.faults, _circumstances(spec))
    return expanded.graph


@dataclass(frozen=True, slots=True)
class Use:
    """One copy of a line in the network: its path there, the keys of the line, and the operator or block it names."""

    path: str
    line: KeyPath
    op: str


@dataclass(frozen=True)
class Expanded:
    """A network as far as it could be built, what every line of the file became in it, and what is wrong."""

    graph: LayerGraph
    uses: tuple[Use, ...]
    faults: tuple[Fault, ...]


def trace(spec: Spec) -> Expanded:
    """Return the network of a spec with the way from every layer back to its line, whether or not all of it fits."""
    builder = _Builder(spec)
    graph = builder.build()
    return Expanded(graph, tuple(builder.uses), tuple(builder.faults.values()))


def _circumstances(spec: Spec) -> str:
    """Say what differs from the file's own defaults, since a line may be wrong only then."""
    said = [f"in variant {spec.name!r}"] if spec.name in spec.variants else []
    if spec.changed:
        said.append("with " + ", ".join(f"{name} = {quote(value)}" for name, value in spec.changed.items()))
    return f"found {' '.join(said)}" if said else ""


class _Stop(Exception):  # noqa: N818 - leaves the walk when going on is pointless
    """The network is too large to go on with."""


@dataclass(frozen=True, slots=True)
class _Scope:
    """One map of layers being built: the values of names, the keys that lead to it, and the layers that led here."""

    env: Mapping[str, Any]
    prefix: str
    base: KeyPath
    callers: tuple[KeyPath, ...]


class _Line(NamedTuple):
    """One layer, or one of its copies, being built: what it is, its path in the graph, and its keys in the document."""

    op: str
    fields: Mapping[str, Any]
    path: str
    at: KeyPath
    scope: _Scope


class _Builder:
    """Walks a spec once, adding layers to the graph. A path of None is the output of a layer that failed."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.faults: dict[tuple[KeyPath, str], Fault] = {}
        self.uses: list[Use] = []
        self._operators: dict[Any, Operator] = {}
        self._parameters = {name: guarded(value) for name, value in spec.parameters.items()}
        self._wanted = {name: _wanted(block) for name, block in spec.blocks.items()}
        self._lengths: dict[int, int] = {}
        self._work = 0

    def build(self) -> LayerGraph:
        spec = self.spec
        self.graph = LayerGraph(
            spec.name,
            self._input(),
            title=spec.title,
            source=spec.source,
            parameters=spec.parameters,
            file=spec.file,
        )
        if not self.faults:
            env = {**self._parameters, **input_sizes(self.graph.input_shape)}
            with suppress(_Stop):
                if (found := excess(spec, MAX_LAYERS, MAX_NESTING)) is not None:
                    many = f"would have more than {MAX_LAYERS:,} layers, so none of it was built"
                    self._stop(many, found.line, found.callers)
                self._layers(spec.layers, _Scope(env, "", ("layers",), ()), (INPUT,))
        return self.graph

    def _input(self) -> Shape:
        sizes: list[Number] = []
        for index, written in enumerate(self.spec.input):
            try:
                sizes.append(input_size(written, self._parameters))
            except Bad as bad:
                self._fault(bad, ("input", index))
        return tuple(sizes)

    def _fault(self, bad: Bad, path: KeyPath, callers: tuple[KeyPath, ...] = (), on_key: bool = False) -> None:
        fault = Fault(path, bad.message, bad.hint, on_key, bad.offset, bad.width, callers)
        self.faults.setdefault((path, bad.message), fault)

    def _layers(self, layers: Mapping[str, LayerSpec], scope: _Scope, sources: Sequence[str | None]) -> str | None:
        """Build one map of layers and return the path of its output."""
        known = dict(zip(BLOCK_INPUTS, sources, strict=False))
        last = sources[0]
        for name, layer in layers.items():
            reads = layer.reads
            inputs = [last] if reads is None else [known[source] for source in reads]
            last = known[name] = self._copies(name, layer, scope, inputs)
        return last

    def _copies(self, name: str, layer: LayerSpec, scope: _Scope, inputs: list[str | None]) -> str | None:
        """Build a layer, or its `repeat` copies in a chain, and return the path of its output."""
        path, at = scope.prefix + name, (*scope.base, name)
        if layer.repeat is None:
            out = self._build(_Line(layer.op, layer.fields, path, at, scope), inputs)
        else:
            out = self._chain(layer, _Line(layer.op, layer.fields, path, at, scope), inputs)
        if layer.output and out is not None and out != inputs[0]:
            self.graph.mark_output(out)
        return out

    def _chain(self, layer: LayerSpec, line: _Line, inputs: list[str | None]) -> str | None:
        try:
            count = repeats(layer.repeat, line.scope.env, MAX_LAYERS)
        except Bad as bad:
            self._fault(bad, (*line.at, "repeat"), line.scope.callers)
            return None
        for index in range(count):
            copy = line._replace(path=f"{line.path}.{index}")
            if index == 0 and layer.first:
                fields = {**line.fields, **layer.first}
                copy = copy._replace(op=fields.pop("op", line.op), fields=fields)
            out = self._build(copy, inputs)
            if out is None:
                return None
            inputs = [out, *inputs[1:]]
        return inputs[0]

    def _build(self, line: _Line, inputs: list[str | None]) -> str | None:
        """Build one operator or block and return the path of its output, or None where that failed."""
        self._spend(5 + len(inputs) + len(line.fields) + self._length(line.fields), line)
        held = line.scope.env.get(line.op)
        name = held if isinstance(held, str) else line.op
        self.uses.append(Use(line.path, line.at, name))
        try:
            if name in self.spec.blocks:
                return self._block(name, line, inputs)
            operator = self._operator(name, line)
            if None in inputs:
                return None
            self.graph.add(line.path, operator, tuple(source for source in inputs if source is not None))
        except Bad as bad:
            self._blame(line, bad, bad.field)
            return None
        except ShapeError as error:
            self._blame(line, Bad(error.message, error.hint), error.field)
            return None
        return line.path

    def _blame(self, line: _Line, bad: Bad, field: str | None) -> None:
        """Note a fault where the field is written: in `first`, in the layer, or at the layer where it is a default."""
        layers: Any = self.spec.layers if line.at[0] == "layers" else self.spec.blocks[str(line.at[1])].layers
        layer: LayerSpec = layers[line.at[-1]]
        written = {*layer.fields, "op", *(["from"] if layer.from_ is not None else [])}
        path = line.at
        if field in layer.first and line.path.endswith(".0"):
            path = (*path, "first", field)
        elif field in written:
            path = (*path, field)
        self._fault(bad, path, line.scope.callers, on_key=path == line.at)

    def _length(self, written: Mapping[str, Any]) -> int:
        """Return the work of reading what is written in some places of the spec, looked at once."""
        known = self._lengths.get(id(written))
        if known is None:
            text = sum(len(text) for text in written.values() if isinstance(text, str))
            known = self._lengths[id(written)] = text // TEXT_WORK
        return known

    def _spend(self, work: int, line: _Line) -> None:
        """Stop where the network has become too large."""
        self._work += work
        if len(self.graph) >= MAX_LAYERS:
            self._stop(f"has more than {MAX_LAYERS:,} layers; {_SO_FAR}", line.at, line.scope.callers)
        if self._work > min(MAX_WORK, IDLE_WORK + LAYER_WORK * len(self.graph)):
            self._stop(f"has too many blocks to visit, or too much to compute; {_SO_FAR}", line.at, line.scope.callers)

    def _stop(self, many: str, line: KeyPath, callers: tuple[KeyPath, ...]) -> NoReturn:
        hint = "repeats, and blocks inside one another, multiply up"
        self._fault(Bad(f"the network {many}", hint), line, callers, True)
        raise _Stop

    def _operator(self, name: str, line: _Line) -> Operator:
        """Return the operator with its fields bound; equal ones are one object."""
        kind = OPERATORS.get(name)
        if kind is None:
            raise self._no_operator(name, line)
        known = _declared(name)
        values: dict[str, Any] = {}
        for key, written in line.fields.items():
            if key not in known:
                raise Bad(f"{name} takes no {quote(key)}", known_or_suggest(key, known), field=key)
            values[key] = field_value(key, written, known[key][0], line.scope.env)
        if len(values) < len(known):
            _require([key for key, (_, default) in known.items() if default is REQUIRED and key not in values], name)
        question = (kind, *values.items())
        try:
            found = self._operators.get(question)
        except TypeError:  # arrays have no hash
            return kind(**values)
        if found is None:
            found = self._operators[question] = kind(**values)
        return found

    def _no_operator(self, name: str, line: _Line) -> Bad:
        held = line.scope.env.get(line.op)
        if held is not None and not isinstance(held, str):
            return Bad(f"{line.op} is {quote(held)}, not the name of an operator or block", field="op")
        hint = known_or_suggest(name, [*OPERATORS, *self.spec.blocks])
        return Bad(f"unknown operator {quote(name)}", hint, field="op")

    def _block(self, name: str, line: _Line, inputs: list[str | None]) -> str | None:
        """Build a block with its arguments bound."""
        block = self.spec.blocks[name]
        wanted = self._wanted[name]
        if len(inputs) != wanted:
            needs = f"{name} reads {wanted} input{'s' * (wanted > 1)} ({', '.join(BLOCK_INPUTS[:wanted])})"
            raise Bad(f"{needs}, but is given {len(inputs)}", "name them with `from`", field="from")
        if inputs[0] is None:
            return None
        self._spend(len(block.takes) + len(block.layers) + self._length(block.takes), line)
        env = self._arguments(name, block, line, input_sizes(self.graph.shape(inputs[0])))
        callers = (line.at, *line.scope.callers)
        if len(callers) > MAX_NESTING:
            self._fault(Bad(f"blocks nest more than {MAX_NESTING} deep"), line.at, line.scope.callers, on_key=True)
            raise _Stop
        return self._layers(block.layers, _Scope(env, f"{line.path}.", ("blocks", name, "layers"), callers), inputs)

    def _arguments(self, name: str, block: BlockSpec, line: _Line, sizes: dict[str, Number]) -> dict[str, Any]:
        """Return the values of the names that a block sees."""
        takes, fields = block.takes, line.fields
        for key in fields:
            if key not in takes:
                raise Bad(f"{name} takes no {quote(key)}", known_or_suggest(key, takes), field=key)
        _require([key for key, default in takes.items() if default == "required" and key not in fields], name)
        env: dict[str, Any] = dict(sizes)
        for key, default in takes.items():
            if key in fields:
                env[key] = argument(key, fields[key], line.scope.env, self.spec)
            else:
                env[key] = argument(key, default, env, self.spec)
        return env


def _require(missing: list[str], name: str) -> None:
    if missing:
        raise Bad(f"{name} needs {' and '.join(map(repr, missing))}")


@cache
def _declared(operator: str) -> dict[str, tuple[FieldType, Any]]:
    return declared(OPERATORS[operator])


def _wanted(block: BlockSpec) -> int:
    """Return how many inputs a block reads."""
    read = {name for layer in block.layers.values() for name in layer.reads or ()}
    return max([1, *(index for index, name in enumerate(BLOCK_INPUTS, 1) if name in read)])
