"""From a `Spec` to a `LayerGraph`: bind every number, expand every block, infer every shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from costmodel.errors import ShapeError, known_or_suggest
from costmodel.formula import Number, Shape, holds, is_array, whole
from costmodel.graph import INPUT, LayerGraph
from costmodel.ops import OPERATORS, Operator
from costmodel.ops.fields import FIELD_TYPES, REQUIRED, FieldType, Unfit, declared
from costmodel.spec import arithmetic
from costmodel.spec.check import BLOCK_INPUTS
from costmodel.spec.document import LayerSpec, Spec
from costmodel.spec.faults import Fault, complain
from costmodel.spec.text import KeyPath

MAX_LAYERS = 100_000
MAX_SIZE = 2**31
MAX_NESTING = 40

_SIZE, _COUNT = FIELD_TYPES["Size"], FIELD_TYPES["Count"]


def expand(spec: Spec) -> LayerGraph:
    """Return the network of a spec, at its current parameters.

    Raises:
        SpecError: with every layer that cannot be built.
    """
    expanded = trace(spec)
    if expanded.faults:
        raise complain(spec.file, spec.text, expanded.faults)
    return expanded.graph


@dataclass(frozen=True, slots=True)
class Use:
    """One copy of a line of the file in the network: its path there, the keys of the line, and the operator or block it names."""

    path: str
    line: KeyPath
    op: str
    callers: tuple[KeyPath, ...]


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
    return Expanded(graph, tuple(builder.uses), tuple(builder.faults))


class _Stop(Exception):  # noqa: N818 - leaves the walk when going on is pointless
    """The network is too large to go on with."""


class _Bad(Exception):  # noqa: N818 - carries a fault up to the layer it belongs to
    def __init__(self, message: str, hint: str = "", offset: int | None = None, width: int = 1) -> None:
        super().__init__(message)
        self.message, self.hint, self.offset, self.width = message, hint, offset, width


class _Builder:
    """Walks a spec once, adding layers to the graph and faults to a list. A path of None is the output of a layer that failed."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.faults: list[Fault] = []
        self.uses: list[Use] = []
        self._operators: dict[Any, Operator] = {}

    def build(self) -> LayerGraph:
        sizes = []
        for index, written in enumerate(self.spec.input):
            try:
                sizes.append(_number(written, _SIZE, self.spec.parameters))
            except _Bad as bad:
                self._fault(("input", index), bad)
        self.graph = LayerGraph(
            self.spec.name,
            tuple(sizes),
            title=self.spec.title,
            source=self.spec.source,
            parameters=self.spec.parameters,
        )
        if not self.faults:
            env = {**self.spec.parameters, **_input_sizes(self.graph.input_shape)}
            try:
                self._scope(self.spec.layers, env, (INPUT,), "", ("layers",), ())
            except _Stop:
                pass
        return self.graph

    def _fault(self, path: KeyPath, bad: _Bad, callers: tuple[KeyPath, ...] = ()) -> None:
        self.faults.append(Fault(path, bad.message, bad.hint, offset=bad.offset, width=bad.width, callers=callers))

    def _scope(
        self,
        layers: Mapping[str, LayerSpec],
        env: Mapping[str, Any],
        sources: Sequence[str | None],
        prefix: str,
        base: KeyPath,
        callers: tuple[KeyPath, ...],
    ) -> str | None:
        """Build one map of layers and return the path of its output."""
        if len(callers) > MAX_NESTING:
            self.faults.append(Fault(callers[0], f"blocks nest more than {MAX_NESTING} deep", on_key=True))
            raise _Stop
        known = dict(zip(BLOCK_INPUTS, sources, strict=False))
        last = sources[0]
        for name, layer in layers.items():
            at = (*base, name)
            reads = layer.reads
            try:
                inputs = [last] if reads is None else [known[source] for source in reads]
            except KeyError as missing:
                self._fault((*at, "from"), _Bad(f"the block is given no input {missing.args[0]!r}"), callers)
                inputs = [None]
            last = known[name] = self._copies(name, layer, env, inputs, prefix + name, at, callers)
        return last

    def _copies(
        self,
        name: str,
        layer: LayerSpec,
        env: Mapping[str, Any],
        inputs: list[str | None],
        path: str,
        at: KeyPath,
        callers: tuple[KeyPath, ...],
    ) -> str | None:
        """Build a layer, or its `repeat` copies in a chain, and return the path of its output."""
        if layer.repeat is None:
            return self._layer(layer.op, layer.fields, env, inputs, path, at, callers, layer.output)
        try:
            copies = _repeats(layer.repeat, env)
        except _Bad as bad:
            self._fault((*at, "repeat"), bad, callers)
            raise _Stop from None
        for index in range(copies):
            op, fields = layer.op, layer.fields
            if index == 0 and layer.first:
                op = layer.first.get("op", op)
                fields = {**fields, **{key: value for key, value in layer.first.items() if key != "op"}}
            out = self._layer(op, fields, env, inputs, f"{path}.{index}", at, callers, layer.output)
            inputs = [out, *inputs[1:]]
            if out is None:
                return None
        return inputs[0]

    def _layer(
        self,
        op: str,
        fields: Mapping[str, Any],
        env: Mapping[str, Any],
        inputs: list[str | None],
        path: str,
        at: KeyPath,
        callers: tuple[KeyPath, ...],
        output: bool,
    ) -> str | None:
        """Build one operator or block and return the path of its output, or None where that failed."""
        if isinstance(env.get(op), str):
            op = env[op]
        self.uses.append(Use(path, at, op, callers))
        try:
            if op in self.spec.blocks:
                return self._block(op, fields, env, inputs, path, at, callers)
            if None in inputs:
                return None
            operator = self._operator(op, fields, env)
            self._check_room(at)
            self.graph.add(path, operator, tuple(source for source in inputs if source), output=output)
        except _BadField as bad:
            where = self._field_place(at, bad.field)
            self.faults.append(
                Fault(
                    where,
                    bad.message,
                    bad.hint,
                    offset=bad.offset,
                    width=bad.width,
                    callers=callers,
                    on_key=where == at,
                )
            )
            return None
        except ShapeError as error:
            where = self._field_place(at, error.field)
            self.faults.append(Fault(where, error.message, error.hint, callers=callers, on_key=where == at))
            return None
        return path

    def _field_place(self, at: KeyPath, name: str | None) -> KeyPath:
        """Return where a field of the layer at `at` is written: in `first`, in the layer, or the layer itself where it is a default."""
        layers: Any = self.spec.layers if at[0] == "layers" else self.spec.blocks[str(at[1])].layers
        layer: LayerSpec = layers[at[-1]]
        if name is not None and name in layer.first:
            return (*at, "first", name)
        return (*at, name) if name is not None and name in layer.fields else at

    def _check_room(self, at: KeyPath) -> None:
        if len(self.graph) >= MAX_LAYERS:
            self.faults.append(Fault(at, f"the network has more than {MAX_LAYERS:,} layers here", on_key=True))
            raise _Stop

    def _operator(self, name: str, fields: Mapping[str, Any], env: Mapping[str, Any]) -> Operator:
        """Return the operator with its fields bound; equal ones are one object."""
        kind = OPERATORS.get(name)
        if kind is None:
            raise _BadField(
                "op", _Bad(f"unknown operator {name!r}", known_or_suggest(name, [*OPERATORS, *self.spec.blocks]))
            )
        known = _declared(kind)
        values: dict[str, Any] = {}
        for key, written in fields.items():
            if key not in known:
                raise _BadField(key, _Bad(f"{name} has no field {key!r}", known_or_suggest(key, known)))
            values[key] = _field_value(key, written, known[key][0], env)
        missing = [key for key, (_, default) in known.items() if default is REQUIRED and key not in values]
        if missing:
            raise _BadField(None, _Bad(f"{name} needs {' and '.join(map(repr, missing))}"))
        try:
            key = (kind, *values.items())
            found = self._operators.get(key)
        except TypeError:  # arrays have no hash
            return kind(**values)
        if found is None:
            found = self._operators[key] = kind(**values)
        return found

    def _block(
        self,
        name: str,
        fields: Mapping[str, Any],
        env: Mapping[str, Any],
        inputs: list[str | None],
        path: str,
        at: KeyPath,
        callers: tuple[KeyPath, ...],
    ) -> str | None:
        """Build a block with its arguments bound."""
        block = self.spec.blocks[name]
        source = inputs[0]
        if source is None:
            return None
        if len(inputs) > len(BLOCK_INPUTS):
            raise _BadField("from", _Bad(f"a block reads at most {len(BLOCK_INPUTS)} inputs"))
        sizes = _input_sizes(self.graph.shape(source))
        inner: dict[str, Any] = dict(sizes)
        for key in fields:
            if key not in block.takes:
                raise _BadField(key, _Bad(f"{name} takes no {key!r}", known_or_suggest(key, block.takes)))
        for taken, default in block.takes.items():
            if taken in fields:
                inner[taken] = self._argument(taken, fields[taken], env)
            elif default == "required":
                raise _BadField(None, _Bad(f"{name} needs {taken!r}"))
            else:
                inner[taken] = self._argument(taken, default, inner)
        return self._scope(block.layers, inner, inputs, path + ".", ("blocks", name, "layers"), (at, *callers))

    def _argument(self, name: str, written: Any, env: Mapping[str, Any]) -> Any:
        """Return the value of a block's argument: a number, true or false, a pair, or a name."""
        try:
            if isinstance(written, list):
                return tuple(_evaluate(item, env) for item in written)
            if (
                isinstance(written, str)
                and written not in env
                and (written in OPERATORS or written in self.spec.blocks or written in ("same", "valid"))
            ):
                return written
            return _evaluate(written, env)
        except _Bad as bad:
            raise _BadField(name, bad) from None


class _BadField(_Bad):
    """A fault of one field of a layer (of the layer itself where `field` is None)."""

    def __init__(self, field: str | None, bad: _Bad) -> None:
        super().__init__(bad.message, bad.hint, bad.offset, bad.width)
        self.field = field


_known_fields: dict[type[Operator], dict[str, tuple[FieldType, Any]]] = {}


def _declared(kind: type[Operator]) -> dict[str, tuple[FieldType, Any]]:
    if kind not in _known_fields:
        _known_fields[kind] = declared(kind)
    return _known_fields[kind]


def _input_sizes(shape: Shape) -> dict[str, Number]:
    """Return the names under which the sizes of an input are known."""
    names = {3: ("in_channels", "in_height", "in_width"), 2: ("in_tokens", "in_features"), 1: ("in_features",)}[
        len(shape)
    ]
    return dict(zip(names, shape, strict=True))


def _evaluate(written: Any, env: Mapping[str, Any]) -> Any:
    """Return the value of a scalar: as written, or of the arithmetic it holds."""
    if not isinstance(written, str):
        return written
    if written in env:
        return env[written]
    try:
        return arithmetic.parse(written)(env)
    except arithmetic.BadArithmetic as error:
        raise _Bad(str(error), error.hint, error.offset, error.width) from None
    except KeyError as missing:
        raise _Bad(f"{missing.args[0]!r} has no value here", _missing_hint(str(missing.args[0]))) from None


def _missing_hint(name: str) -> str:
    return (
        "it is a size of feature maps, and the input is none"
        if name in ("in_channels", "in_height", "in_width")
        else ""
    )


def _field_value(name: str, written: Any, kind: FieldType, env: Mapping[str, Any]) -> Any:
    """Return the value of an operator's field."""
    value = env.get(written, written) if isinstance(written, str) and written not in kind.words else written
    if isinstance(value, tuple):
        value = list(value)
    try:
        return kind.read(value, lambda item, kind: _number(item, kind, env))
    except Unfit as unfit:
        raise _BadField(name, _Bad(f"{name} takes {unfit}")) from None
    except _Bad as bad:
        raise _BadField(name, bad) from None


def _number(written: Any, kind: FieldType, env: Mapping[str, Any]) -> Any:
    """Return a number of the field's type.

    Raises:
        _Bad: if it is not one.
    """
    value = _evaluate(written, env)
    if kind is FIELD_TYPES["bool"] or isinstance(value, bool):
        if kind is not FIELD_TYPES["bool"] or not isinstance(value, (bool, int)) or value not in (0, 1):
            raise _Bad(f"{_show(written, value)}; {kind.says} belongs here")
        return bool(value)
    if isinstance(value, (str, list, tuple, dict, type(None))):
        raise _Bad(f"{value!r} is no number; {kind.says} belongs here")
    if not kind.whole:
        return value
    size = whole(value)
    if size is None:
        raise _Bad(
            f"{_show(written, value)}, which is not whole{_where(written, env)}",
            f"say how to round: floor({written}), ceil({written}), round({written}) or divisible({written}, 8)",
        )
    if kind.least is not None and not holds(size >= kind.least):
        raise _Bad(f"{_show(written, size)}; {kind.says} belongs here{_where(written, env)}")
    if not holds(size <= MAX_SIZE):
        raise _Bad(f"{_show(written, size)}, more than the {MAX_SIZE:,} a size may be")
    return size


def _repeats(written: Any, env: Mapping[str, Any]) -> int:
    value = _number(written, _COUNT, env)
    if not isinstance(value, int):
        what = "an array" if is_array(value) else f"{value}"
        raise _Bad(f"repeat is {what}; it shapes the network, so it takes one number at a time", "vary it in a loop")
    if value > MAX_LAYERS:
        raise _Bad(f"{_show(written, value)}, more than the {MAX_LAYERS:,} layers a network may have")
    return value


def _show(written: Any, value: Any) -> str:
    """Say what was written and what it came to."""
    shown = (
        f"{value:,}"
        if isinstance(value, int) and not isinstance(value, bool)
        else str(value).lower()
        if isinstance(value, bool)
        else str(value)
    )
    return f"{written} is {shown}" if isinstance(written, str) else f"this is {shown}"


def _where(written: Any, env: Mapping[str, Any]) -> str:
    """Say with which values of the names it came to that."""
    if not isinstance(written, str):
        return ""
    names = [name for name, _ in arithmetic.parse(written).names]
    return f" (with {', '.join(f'{name} = {env[name]}' for name in names)})" if names and names != [written] else ""
