"""From a `Spec` to a `LayerGraph`: bind every number, expand every block, infer every shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple, NoReturn

from costmodel.documents.faults import Fault, complain
from costmodel.documents.text import KeyPath
from costmodel.errors import ShapeError, known_or_suggest, quote, suggest
from costmodel.graph import LayerGraph
from costmodel.numbers.arithmetic import Number, guarded
from costmodel.ops import OPERATORS, Operator
from costmodel.ops.fields import REQUIRED, declared
from costmodel.spec.bind import BadValueError, argument, field_value, input_size, input_sizes, repeats
from costmodel.spec.check import BLOCK_INPUTS, COPIES, COPY, reads_nothing
from costmodel.spec.count import excess
from costmodel.spec.document import Spec
from costmodel.spec.parts import BlockSpec, LayerSpec
from costmodel.tensor import Tensor

MAX_LAYERS = 50_000
MAX_WORK = 1_000_000
"""Visits of layers, blocks, inputs and fields, and of what is computed for them."""
IDLE_WORK, LAYER_WORK = 100_000, 50
"""Of those, so many may come to nothing, and so many to each layer: what multiplies up without a layer ends early."""
TEXT_WORK = 8
"""Characters of arithmetic that cost as much as one visit."""
MAX_NESTING = 25
MOST_SAID = 3
"""Paths that one remark names."""


_SO_FAR = "this is as far as it was built"


def expand(spec: Spec) -> LayerGraph:
    """Return the network of a spec, at its current parameters.

    Raises:
        SpecError: with every layer that cannot be built.
    """
    expanded = trace(spec)
    if expanded.faults:
        raise complain(spec.file, spec.text, expanded.faults, _circumstances(spec))
    expanded.graph.notes += _unread(expanded.graph)
    return expanded.graph


def _unread(graph: LayerGraph) -> list[str]:
    """Say which layers are counted though none is left that reads them."""
    read = {*graph.outputs, *(path for layer in graph.layers for path in layer.inputs)}
    unread = [layer.path for layer in graph.layers if layer.path not in read]
    if not unread:
        return []
    more = f" and {len(unread) - MOST_SAID} more" if len(unread) > MOST_SAID else ""
    return [f"{', '.join(unread[:MOST_SAID])}{more}: counted, though what reads it is left out by `repeat: 0`"]


class Use(NamedTuple):
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


class _StopError(Exception):
    """The network is too large to go on with."""


class _Scope(NamedTuple):
    """One map of layers being built: the values of names, the keys that lead to it, and the layers that led here."""

    env: Mapping[str, Any]
    prefix: str
    base: KeyPath
    callers: tuple[KeyPath, ...]
    trainable: bool = True
    shares: tuple[str, str] | None = None
    """What its own paths begin with, and those of the block whose weights it uses."""


class _Line(NamedTuple):
    """One layer, or one of its copies, being built: what it is, its path in the graph, and its keys in the document."""

    op: str
    fields: Mapping[str, Any]
    path: str
    at: KeyPath
    scope: _Scope
    layer: LayerSpec


class _Builder:
    """Walks a spec once, adding layers to the graph. A path of None is the output of a layer that failed."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.faults: dict[tuple[KeyPath, str], Fault] = {}
        self.uses: list[Use] = []
        self._operators: dict[Any, Operator] = {}
        self._parameters = {name: guarded(value) for name, value in spec.parameters.items()}
        self._wanted = {name: _wanted(block) for name, block in spec.blocks.items()}
        self._lengths: dict[int, tuple[int, Mapping[str, Any]]] = {}
        self._work = 0

    def build(self) -> LayerGraph:
        spec = self.spec
        self.graph = LayerGraph(
            spec.name,
            self._inputs(),
            title=spec.title,
            source=spec.source,
            parameters=spec.parameters,
            file=spec.file,
        )
        if not self.faults:
            env = {**self._parameters, **input_sizes(self.graph.input_shape)}
            with suppress(_StopError):
                if (found := excess(spec, MAX_LAYERS, MAX_NESTING)) is not None:
                    many = f"would have more than {MAX_LAYERS:,} layers, so none of it was built"
                    self._stop(many, found.line, found.callers)
                self._layers(spec.layers, _Scope(env, "", ("layers",), ()), tuple(self.graph.inputs))
        return self.graph

    def _inputs(self) -> dict[str, Tensor]:
        found: dict[str, Tensor] = {}
        for name, given in self.spec.all_inputs.items():
            sizes: list[Number] = []
            for index, written in enumerate(given.sizes):
                try:
                    sizes.append(input_size(written, self._parameters))
                except BadValueError as bad:
                    self._fault(bad, (*given.path, index))
            found[name] = Tensor(tuple(sizes), given.dtype)
        return found

    def _fault(
        self, bad: BadValueError, path: KeyPath, callers: tuple[KeyPath, ...] = (), on_key: bool = False
    ) -> None:
        fault = Fault(path, bad.message, bad.hint, on_key, bad.offset, bad.width, callers)
        self.faults.setdefault((path, bad.message), fault)

    def _layers(self, layers: Mapping[str, LayerSpec], scope: _Scope, sources: Sequence[str | None]) -> str | None:
        """Build one map of layers and return the path of its output."""
        known = dict(zip(BLOCK_INPUTS, sources, strict=False))
        if not scope.prefix:
            known = {BLOCK_INPUTS[0]: sources[0], **{str(name): name for name in sources}}
        last = sources[0]
        copies: dict[str, list[str | None]] = {}
        for name, layer in layers.items():
            inputs: list[str | None] = [last]
            if layer.reads is not None:
                inputs = [path for source in layer.reads for path in _paths(source, known, copies)]
            line = _Line(layer.op, layer.fields, scope.prefix + name, (*scope.base, name), scope, layer)
            if not inputs:
                self._fault(BadValueError("there are no copies to read"), (*line.at, "from"), scope.callers)
                last = None
            elif layer.repeat is None:
                last = self._build(line, inputs)
            else:
                copies[name] = self._chain(line, inputs)
                last = copies[name][-1] if copies[name] else inputs[0]
            known[name] = last
            if layer.output and last is not None and last != inputs[0]:
                self.graph.mark_output(last)
        return last

    def _chain(self, line: _Line, inputs: list[str | None]) -> list[str | None]:
        """Build the copies of a layer in a chain and return the paths of their outputs, None at one that fails."""
        layer, scope = line.layer, line.scope
        try:
            count = repeats(layer.repeat, scope.env, MAX_LAYERS)
            if count == 0 and layer.reads is None and reads_nothing(line.op):
                hint = "leave out the layer that reads it instead"
                raise BadValueError(
                    f"{line.op} reads nothing, so nothing can stand in its place where it is left out", hint
                )
        except BadValueError as bad:
            self._fault(bad, (*line.at, "repeat"), scope.callers)
            return [None]
        outs: list[str | None] = []
        for index in range(count):
            env = {**scope.env, COPY: index}
            copy = line._replace(path=f"{line.path}.{index}", scope=scope._replace(env=env))
            if index == 0 and layer.first:
                fields = {**line.fields, **layer.first}
                copy = copy._replace(op=fields.pop("op", line.op), fields=fields)
            outs.append(self._build(copy, inputs))
            if outs[-1] is None:
                break
            inputs = [outs[-1], *inputs[1:]]
        return outs

    def _build(self, line: _Line, inputs: list[str | None]) -> str | None:
        """Build one operator or block and return the path of its output, or None where that failed."""
        self._spend(5 + len(inputs) + self._length(line.fields), line)
        held = line.scope.env.get(line.op)
        name = held if isinstance(held, str) else line.op
        self.uses.append(Use(line.path, line.at, name))
        try:
            if name in self.spec.blocks:
                return self._block(name, line, inputs)
            operator = self._operator(name, line)
            if operator.inputs == 0 and line.layer.reads is None:
                inputs = []
            sources = tuple(filter(None, inputs))
            if len(sources) < len(inputs):
                return None
            trainable = line.scope.trainable and line.layer.trainable
            self.graph.add(line.path, operator, sources, shares=self._shares(line), trainable=trainable)
        except BadValueError as bad:
            self._blame(line, bad, bad.field)
            return None
        except ShapeError as error:
            self._blame(line, BadValueError(error.message, error.hint), error.field)
            return None
        return line.path

    def _blame(self, line: _Line, bad: BadValueError, field: str | None) -> None:
        """Note a fault where the field is written: in `first`, in the layer, or at the layer where it is a default."""
        path = line.at
        if field in line.layer.first and line.path.endswith(".0"):
            path = (*path, "first", field)
        elif field is not None and line.layer.says(field):
            path = (*path, field)
        self._fault(bad, path, line.scope.callers, on_key=path == line.at)

    def _length(self, written: Mapping[str, Any]) -> int:
        """Return the work of reading what is written in some places of the spec, looked at once."""
        known = self._lengths.get(id(written))
        if known is None:
            work = len(written) + sum(len(text) for text in written.values() if isinstance(text, str)) // TEXT_WORK
            known = self._lengths[id(written)] = (work, written)  # held, so that its id stays its own
        return known[0]

    def _shares(self, line: _Line) -> str | None:
        """Return the path of the layer whose weights a layer uses, if it does not have its own."""
        if line.layer.shares is not None:
            found = self._shared(line, line.layer.shares)
            return found if found is None or found in self.graph else self._no_weights(line, found)
        if line.scope.shares is None:
            return None
        own, other = line.scope.shares
        found = other + line.path.removeprefix(own)
        return found if found in self.graph else self._no_weights(line, found)

    def _shared(self, line: _Line, written: str) -> str | None:
        """Return the path that `shares` names, from this map of layers or the top; None if it is the line's own."""
        at = line.at
        layers = self.spec.layers if at[0] == "layers" else self.spec.blocks[str(at[1])].layers
        found = (line.scope.prefix if written.partition(".")[0] in layers else "") + written
        return None if found == line.path else found

    def _no_weights(self, line: _Line, path: str) -> str | None:
        """Complain that there is no layer whose weights could be used, unless it is one that failed itself."""
        if self.faults and any(use.path == path and use.op in OPERATORS for use in self.uses):
            return None
        inner = [layer.path for layer in self.graph.layers if layer.path.startswith(f"{path}.")]
        hint = f"name a layer in it, as {inner[0]}" if inner else ""
        hint = hint or suggest(path, [layer.path for layer in self.graph.layers])
        raise BadValueError(
            f"there is no layer {quote(path)} above {line.path!r} whose weights it could use", hint, field="shares"
        )

    def _spend(self, work: int, line: _Line) -> None:
        """Stop where the network has become too large."""
        self._work += work
        layers = len(self.graph.layers)
        if layers >= MAX_LAYERS:
            self._stop(f"has more than {MAX_LAYERS:,} layers; {_SO_FAR}", line.at, line.scope.callers)
        if self._work > MAX_WORK or self._work > IDLE_WORK + LAYER_WORK * layers:
            self._stop(f"has too many blocks to visit, or too much to compute; {_SO_FAR}", line.at, line.scope.callers)

    def _stop(self, many: str, line: KeyPath, callers: tuple[KeyPath, ...]) -> NoReturn:
        hint = "repeats, and blocks inside one another, multiply up"
        self._fault(BadValueError(f"the network {many}", hint), line, callers, True)
        raise _StopError

    def _operator(self, name: str, line: _Line) -> Operator:
        """Return the operator with its fields bound; equal ones are one object."""
        kind = OPERATORS.get(name)
        if kind is None:
            raise self._no_operator(name, line)
        known = declared(kind)
        values: dict[str, Any] = {}
        for key, written in line.fields.items():
            if key not in known:
                raise BadValueError(f"{name} takes no {quote(key)}", known_or_suggest(key, known), field=key)
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

    def _no_operator(self, name: str, line: _Line) -> BadValueError:
        held = line.scope.env.get(line.op)
        if held is not None and not isinstance(held, str):
            return BadValueError(f"{line.op} is {quote(held)}, not the name of an operator or block", field="op")
        hint = known_or_suggest(name, [*OPERATORS, *self.spec.blocks])
        return BadValueError(f"unknown operator {quote(name)}", hint, field="op")

    def _block(self, name: str, line: _Line, inputs: list[str | None]) -> str | None:
        """Build a block with its arguments bound."""
        block = self.spec.blocks[name]
        wanted = self._wanted[name]
        if len(inputs) != wanted:
            needs = f"{name} reads {wanted} input{'s' * (wanted > 1)} ({', '.join(BLOCK_INPUTS[:wanted])})"
            raise BadValueError(f"{needs}, but is given {len(inputs)}", "name them with `from`", field="from")
        if inputs[0] is None:
            return None
        self._spend(len(block.layers) + self._length(block.takes), line)
        env = self._arguments(name, block, line, input_sizes(self.graph.shape(inputs[0])))
        callers = (line.at, *line.scope.callers)
        if len(callers) > MAX_NESTING:
            self._fault(
                BadValueError(f"blocks nest more than {MAX_NESTING} deep"), line.at, line.scope.callers, on_key=True
            )
            raise _StopError
        scope = _Scope(
            env,
            f"{line.path}.",
            ("blocks", name, "layers"),
            callers,
            line.scope.trainable and line.layer.trainable,
            self._shares_block(line),
        )
        return self._layers(block.layers, scope, inputs)

    def _shares_block(self, line: _Line) -> tuple[str, str] | None:
        """Return the beginnings of the paths in a block and in the one whose weights it uses, if it uses another's."""
        if line.layer.shares is None:
            return line.scope.shares
        found = self._shared(line, line.layer.shares)
        return None if found is None else (f"{line.path}.", f"{found}.")

    def _arguments(self, name: str, block: BlockSpec, line: _Line, sizes: dict[str, Number]) -> dict[str, Any]:
        """Return the values of the names that a block sees."""
        takes, fields = block.takes, line.fields
        for key in fields:
            if key not in takes:
                raise BadValueError(f"{name} takes no {quote(key)}", known_or_suggest(key, takes), field=key)
        _require([key for key, default in takes.items() if default == "required" and key not in fields], name)
        env: dict[str, Any] = dict(sizes)
        for key, default in takes.items():
            if key in fields:
                env[key] = argument(key, fields[key], line.scope.env, self.spec)
            else:
                env[key] = argument(key, default, env, self.spec)
        return env


def _paths(
    source: str, known: Mapping[str, str | None], copies: Mapping[str, list[str | None]]
) -> Sequence[str | None]:
    """Return the paths that one name after `from` means: of a layer, or of all copies of a `repeat`; none of a layer
    that an edit took away, which is complained of where the whole is checked.
    """
    return [known[source]] if source in known else copies.get(source.removesuffix(COPIES), ())


def _require(missing: list[str], name: str) -> None:
    if missing:
        raise BadValueError(f"{name} needs {' and '.join(map(repr, missing))}")


def _wanted(block: BlockSpec) -> int:
    """Return how many inputs a block reads."""
    read = {name for layer in block.layers.values() for name in layer.reads or ()}
    return max([1, *(index for index, name in enumerate(BLOCK_INPUTS, 1) if name in read)])
