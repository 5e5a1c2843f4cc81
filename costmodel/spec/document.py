"""`Spec`: what a person wrote, parameters still symbolic. It knows no shapes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, is_dataclass, replace
from pathlib import PurePath
from typing import Any, NamedTuple

from costmodel.documents.expressions import bounded
from costmodel.documents.faults import Fault, complain
from costmodel.documents.grammar import BadArithmeticError
from costmodel.documents.text import KeyPath, parse
from costmodel.errors import CostModelError, known_or_suggest, quote
from costmodel.graph import INPUT, MAX_SIZE
from costmodel.numbers.arithmetic import is_array, is_symbol
from costmodel.ops import OPERATORS
from costmodel.ops.fields import FIELD_TYPES
from costmodel.spec import form
from costmodel.spec.parts import MAX_NAME, Document, Expect, InputSpec, built

WORDS = tuple(dict.fromkeys(word for kind in FIELD_TYPES.values() for word in kind.words))
"""Texts that a parameter or an argument may hold besides names of operators and blocks: those that fields take."""
DTYPES: dict[str | None, str | None] = {None: None, "index": "int64", "mask": "bool"}
"""What an input may hold instead of real numbers, and the dtype of its elements."""


class Input(NamedTuple):
    """An input of the network as written, with the way to its sizes in the document."""

    sizes: list[Any]
    dtype: str | None
    path: KeyPath


@dataclass(frozen=True, kw_only=True)
class Spec(Document):
    """An architecture family as its file says it, with one variant chosen and some parameters set."""

    file: str = ""
    """The file that it was read from, as the person named it."""
    text: str = field(default="", repr=False)
    """The text of the file."""
    changed: dict[str, Any] = field(default_factory=dict)
    """The parameters that were set away from the variant's own, with their values."""

    @classmethod
    def from_data(cls, data: dict[str, Any], file: str = "", text: str = "") -> Spec:
        """Return the spec that plain data is. Names and fields are not checked here: see `check`.

        Raises:
            SpecError: with everything that is wrong with the document's form.
        """
        valid, wrong = form.validated(data)
        if valid is None or wrong:
            raise complain(file, text, wrong)
        return cls(**vars(valid), file=file, text=text)

    @property
    def all_inputs(self) -> dict[str, Input]:
        """The inputs of the network by name; where there is only one image it is called ``input``."""
        if self.inputs is None:
            return {INPUT: Input(self.input or [], None, ("input",))}
        return {
            name: Input(given.shape, DTYPES[given.dtype], ("inputs", name, "shape"))
            if isinstance(given, InputSpec)
            else Input(given, None, ("inputs", name))
            for name, given in self.inputs.items()
        }

    def choose(self, variant: str) -> Spec:
        """Return the spec with the parameters, title, figures and reports of one of its variants.

        Raises:
            CostModelError: if there is no such variant.
        """
        if variant not in self.variants:
            hint = known_or_suggest(variant, self.variants) or "it has none"
            raise CostModelError(f"{self.name} has no variant {quote(variant)}; {hint}")
        chosen = self.variants[variant]
        return replace(
            self,
            name=variant,
            title=chosen.title or f"{self.title or self.name} ({variant})",
            source=chosen.source or self.source,
            year=chosen.year or self.year,
            parameters=self.parameters | chosen.parameters,
            expect=chosen.expect,
            reported=chosen.reported,
        )

    def set(self, **values: Any) -> Spec:
        """Return the spec with parameters set to numbers, names, NumPy arrays (many networks at once) or SymPy symbols.

        An input is set by its name to a list of its sizes: ``input=[3, 320, 640]``.
        What was expected or reported of the variant no longer holds then, and is dropped.

        Raises:
            CostModelError: if a parameter is unknown, or a value is not of its kind.
        """
        given = {name: self._accept(name, value) for name, value in values.items() if name not in self.all_inputs}
        sizes = {name: self._accept_sizes(name, value) for name, value in values.items() if name in self.all_inputs}
        changed = {name: value for name, value in given.items() if _differ(value, self.parameters[name])}
        resized = {
            name: value for name, value in sizes.items() if any(map(_differ, value, self.all_inputs[name].sizes))
        }
        if not changed and not resized:
            return self
        spec = replace(
            self,
            parameters=self.parameters | changed,
            expect=Expect(),
            reported={},
            changed=self.changed | changed | resized,
            **self._with_sizes(resized),
        )
        return spec._without_unread(changed, resized) if resized else spec

    def _without_unread(self, changed: dict[str, Any], resized: dict[str, Any]) -> Spec:
        """Return the spec without the parameters that nothing reads any more, since only an input read them."""
        rest = [self.input, self.inputs, self.blocks, self.layers]
        read = {word for text in _texts(rest) for word in _WORD.findall(text)}
        unread = self.parameters.keys() - read
        for name in changed:
            if name in unread:
                raise CostModelError(f"nothing reads {name} of {self.name} where {' and '.join(resized)} is set")
        return replace(self, parameters={name: value for name, value in self.parameters.items() if name not in unread})

    def _with_sizes(self, sizes: dict[str, list[Any]]) -> dict[str, Any]:
        """Return `input` or `inputs` with other sizes."""
        if not sizes or self.inputs is None:
            return {"input": sizes.get(INPUT, self.input)}
        given = dict(self.inputs)
        for name, value in sizes.items():
            now = given[name]
            given[name] = InputSpec(shape=value, dtype=now.dtype) if isinstance(now, InputSpec) else value
        return {"inputs": given}

    def _accept_sizes(self, name: str, value: Any) -> list[Any]:
        """Return `value` as the sizes of an input, refusing what cannot be."""
        if not isinstance(value, (list, tuple)) or len(value) != len(self.all_inputs[name].sizes):
            like = f"[{', '.join(map(str, self.all_inputs[name].sizes))}]"
            raise CostModelError(f"{name} of {self.name} takes a list of sizes, as {like}, not {quote(value)}")
        sizes = [size.item() if getattr(size, "shape", None) == () else size for size in value]
        for size in sizes:
            whole = isinstance(size, int) and not isinstance(size, bool) and 1 <= size <= MAX_SIZE
            if not (whole or is_symbol(size) or is_array(size)):
                raise CostModelError(f"a size of {name} is a whole number from 1 to {MAX_SIZE:,}, not {quote(size)}")
        return sizes

    def _accept(self, name: str, value: Any) -> Any:
        """Return `value` as a value of the parameter `name`, refusing what cannot be one."""
        if name not in self.parameters:
            hint = known_or_suggest(name, [*self.parameters, *self.all_inputs])
            if "." in name or "*" in name:
                hint = f"to edit a layer: costmodel whatif ARCH --set '{name}={value}'"
            raise CostModelError(f"{self.name} has no parameter {quote(name)}; {hint}")
        now = self.parameters[name]
        if isinstance(now, str):
            if not isinstance(value, str):
                wanted = f"the name of an operator or block, or a word, like {now!r}"
                raise CostModelError(f"{name} of {self.name} takes {wanted}, not {quote(value)}")
            if not self.holds_name(value):
                hint = known_or_suggest(value, [*OPERATORS, *self.blocks, *WORDS])
                raise CostModelError(f"{name} of {self.name}: no operator, block or word {quote(value)}; {hint}")
            return value
        number = value.item() if getattr(value, "shape", None) == () else value  # a NumPy scalar
        many = is_symbol(number) or (is_array(number) and number.dtype.kind in "iuf")
        if not (many or isinstance(number, (bool, int, float))):
            hint = "; for many values at once, a NumPy array" if isinstance(value, (list, tuple)) else ""
            raise CostModelError(f"{name} of {self.name} takes a number, like {now}, not {quote(value)}{hint}")
        try:
            return bounded(number, f"{name} of {self.name}")
        except BadArithmeticError as error:
            raise CostModelError(str(error)) from None

    def holds_name(self, text: str) -> bool:
        """Say whether a text names an operator or a block, or is one of the `WORDS`."""
        return text in OPERATORS or text in self.blocks or text in WORDS


_WORD = re.compile(r"[A-Za-z_]\w*")


def _texts(data: Any) -> Iterator[str]:
    """Yield every text among the values of a part of a spec."""
    if isinstance(data, str):
        yield data
    elif isinstance(data, (dict, list, tuple)):
        for item in data.values() if isinstance(data, dict) else data:
            yield from _texts(item)
    elif is_dataclass(data):
        yield from _texts(vars(data))


def _differ(value: Any, now: Any) -> bool:
    """Say whether a parameter's value is another one than now; an array or a symbol always is."""
    return not (isinstance(value, (bool, int, float, str)) and type(value) is type(now) and value == now)


def read_spec(text: str, file: str) -> Spec:
    """Return the spec that a YAML text holds. Names and fields are not checked here: see `check`.

    Raises:
        SpecError: with everything that is wrong with the document's form.
    """
    data = parse(text, file)
    if not isinstance(data, dict):
        message = f"a spec is a map with input and layers, but this file holds {form.shown(data)}"
        raise complain(file, text, [Fault((), message)])
    if form.of_ultralytics(data):
        raise complain(file, text, [Fault(("backbone",), *form.ULTRALYTICS, on_key=True)])
    return Spec.from_data({"name": _name_of(file)} | data, file, text)


def built_spec(text: str, file: str) -> Spec:
    """Return the spec that a YAML text holds whose form is known to be right: no validator is asked.

    Raises:
        Exception: of any kind, if it is not.
    """
    data = {"name": _name_of(file)} | parse(text, file)
    if form.inputs_faults(data):
        raise ValueError("one of input and inputs belongs here")
    return Spec(**vars(built(Document, data)), file=file, text=text)


def _name_of(file: str) -> str:
    """Return the name of a spec that does not say it: that of its file."""
    name = re.sub(r"\W", "_", PurePath(file).stem, flags=re.ASCII)[:MAX_NAME]
    return name if re.match(r"[A-Za-z_]", name) else f"_{name}"[:MAX_NAME]
